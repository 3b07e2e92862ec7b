"""The attics for the screens: what was deleted elsewhere, to read and to restore (docs/sync.md §6)."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from misfin.errors import MessageGoneError, StoreError
from misfin.model.folders import INBOX

if TYPE_CHECKING:
    from misfin.post.sync.attic import AtticMessage
    from misfin.store.message.mime import ParsedMessage
    from misfin_tui.services import Services

_HEAD = 64 * 1024
"""Bytes read of each message for the list."""


@dataclass(frozen=True, slots=True)
class AtticRow:
    """A message in the attic of an account: where it was, when it was deleted, until when it is kept.

    Both times are Unix seconds. What a stranger wrote is as it was written.
    """

    account: str
    key: str
    folder: str
    deleted: float
    until: float
    sender: str
    subject: str
    date: float


class Attics:
    """Work is done in threads; any method may raise :class:`~misfin.errors.StoreError`."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def counts(self) -> dict[str, int]:
        """How many messages there are in each account's attic; nothing where one was never fetched."""
        return await asyncio.to_thread(self._counts)

    async def messages(self, account: str) -> list[AtticRow]:
        """What is in the attic of an account, the latest first."""
        return await asyncio.to_thread(self._messages, account)

    async def read(self, row: AtticRow) -> ParsedMessage:
        """A message, parsed. Raises :class:`~misfin.errors.MessageGoneError`, too."""
        return await asyncio.to_thread(self._read, row)

    async def restore(self, row: AtticRow) -> str:
        """Bring a message back; the server gets it with the next pass. Returns its folder."""
        folder = await asyncio.to_thread(self._restore, row)
        self._services.mail.rescan()
        return folder

    # ---- in a thread

    def _counts(self) -> dict[str, int]:
        syncing = self._services.syncing
        found = {}
        for name in syncing.names():
            if syncing.path(name).exists():
                found[name] = len(syncing.inbox().attic(name))
        return found

    def _messages(self, account: str) -> list[AtticRow]:
        from misfin.post.sync.attic import messages

        with self._services.syncing.reading(account) as state:
            found = messages(state, self._services.syncing.inbox(), account) if state else []
        return [row for each in found if (row := _row(account, each)) is not None]

    def _read(self, row: AtticRow) -> ParsedMessage:
        from misfin.store.message.mime import MAX_READ, read_message

        for entry in self._services.syncing.inbox().attic(row.account):
            if entry.key == row.key:
                with suppress(OSError), entry.path.open("rb") as file:
                    data = file.read(MAX_READ)
                    return read_message(data, size=entry.path.stat().st_size)
        raise MessageGoneError("This message is not in the attic any more.")

    def _restore(self, row: AtticRow) -> str:
        from misfin.post.sync.attic import restore

        with self._services.syncing.writing(row.account) as state:
            return restore(state, self._services.syncing.inbox(), row.account, row.key)


def _row(account: str, message: AtticMessage) -> AtticRow | None:
    """The line of a message; None if it went meanwhile."""
    from misfin.post.sync.attic import KEPT
    from misfin.store.message.mime import read_message

    try:
        with message.entry.path.open("rb") as file:
            parsed = read_message(file.read(_HEAD))
    except (OSError, StoreError):
        return None
    sender = parsed.sender.name or parsed.sender.address
    date = parsed.date.timestamp() if parsed.date else 0.0
    until = message.at + KEPT
    folder = message.folder or INBOX
    return AtticRow(account, message.key, folder, message.at, until, sender, parsed.subject, date)
