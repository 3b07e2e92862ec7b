"""What a source and its loop need of a connection to the server of an account, of whatever kind."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from misfin.post.sync.remote import Remote


class SyncConnection(Protocol):
    """A connection and the mailbox behind it."""

    @property
    def remote(self) -> Remote:
        """The mailbox."""

    @property
    def notices(self) -> list[str]:
        """Sentences for the person that came up while connecting."""

    @property
    def usable(self) -> bool:
        """Whether the connection still stands."""

    async def close(self) -> None:
        """End it; never raises."""


@runtime_checkable
class Pollable(Protocol):
    """A mailbox that can be asked cheaply whether it has changed, and reports nothing by itself."""

    async def changed(self) -> bool:
        """Whether it may have changed since it was last looked at; raises RemoteError."""
