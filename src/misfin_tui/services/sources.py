"""The state of each source of mail, for the status line; the worst one is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from misfin.post.source import SourceState, SourceStatus, worst
from misfin_tui.messages import SourceChanged

if TYPE_CHECKING:
    from misfin_tui.services import Services


class Sources:
    """What each source last said. Use it on the app's loop."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._known: dict[str, SourceStatus] = {}

    def report(self, status: SourceStatus) -> None:
        """A source reports its state; the screens are notified when it changed."""
        if self._known.get(status.account) != status:
            self._known[status.account] = status
            self._services.post(SourceChanged(status.account, status.state, status.sentence))

    def of(self, account: str) -> SourceStatus | None:
        """What the source of an account last said."""
        return self._known.get(account)

    def names(self) -> list[str]:
        """The accounts whose sources have said something; empty for the receiver."""
        return list(self._known)

    def forget(self, account: str) -> None:
        """This account has no source any more."""
        if self._known.pop(account, None) is not None:
            self._services.post(SourceChanged(account, SourceState.STOPPED, ""))

    def worst(self) -> SourceStatus | None:
        """The state that matters most to the user; None before any source has said anything."""
        return worst(self._known.values())
