"""The attics for the screens: what was deleted on servers, to read and to restore (docs/sync.md §6)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from misfin.errors import MessageGoneError, StoreError
from misfin.model.folders import INBOX
from misfin.store.evidence import Evidence
from misfin.store.rows import MessageRow
from misfin_tui.config.accounts import mail_directory

if TYPE_CHECKING:
    from misfin.post.sync.attic import AtticMessage
    from misfin.store.message.mime import ParsedMessage
    from misfin_tui.services import Services

_HEAD = 64 * 1024
"""Bytes read of each message for the list."""


@dataclass(frozen=True, slots=True)
class AtticRow:
    """A message in the attic: when it was deleted elsewhere, and until when it is kept (both Unix seconds).

    ``message`` is for reading only: the index does not know it. Its folder is the one where it was.
    """

    message: MessageRow
    deleted: float
    until: float

    @property
    def key(self) -> str:
        """Its name in the attic."""
        return self.message.id


class Attics:
    """Work is done in threads; any method may raise :class:`~misfin.errors.StoreError`."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._rows: dict[str, dict[str, AtticRow]] = {}
        """What was read of each message, by account and key: its file does not change."""

    async def accounts(self) -> list[str]:
        """The accounts that have an attic, by their directories: those that were ever fetched."""
        return await asyncio.to_thread(self._accounts)

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

    def _accounts(self) -> list[str]:
        syncing = self._services.syncing
        accounts = self._services.config.accounts
        return [
            mail_directory(name, accounts[name]) for name in syncing.names() if syncing.path(name).exists()
        ]

    def _messages(self, account: str) -> list[AtticRow]:
        from misfin.post.sync.attic import messages

        with self._services.syncing.reading(self._services.account_book.name_at(account)) as state:
            found = messages(state, self._services.syncing.inbox(), account) if state else []
        known = self._rows.get(account, {})
        rows = {each.key: known.get(each.key) or _row(account, each) for each in found}
        self._rows[account] = {key: row for key, row in rows.items() if row is not None}
        return list(self._rows[account].values())

    def _read(self, row: AtticRow) -> ParsedMessage:
        from misfin.store.message.mime import read_file

        for entry in self._services.syncing.inbox().attic(row.message.account):
            if entry.key == row.key:
                return read_file(entry.path)
        raise MessageGoneError("This message is no longer in the attic.")

    def _restore(self, row: AtticRow) -> str:
        from misfin.post.sync.attic import restore

        name = self._services.account_book.name_at(row.message.account)
        with self._services.syncing.writing(name) as state:
            return restore(state, self._services.syncing.inbox(), row.message.account, row.key)


def _row(account: str, message: AtticMessage) -> AtticRow | None:
    """The line of a message; None if it went meanwhile."""
    from misfin.post.sync.attic import KEPT
    from misfin.store.message.mime import read_file

    try:
        parsed = read_file(message.entry.path, limit=_HEAD)
    except StoreError:
        return None
    row = MessageRow(
        row=0,
        id=message.key,
        account=account,
        folder=message.folder or INBOX,
        sender=parsed.sender.name,
        sender_address=parsed.sender.address,
        to=tuple(map(str, parsed.to)),
        subject=parsed.subject,
        date=parsed.date.timestamp() if parsed.date else 0.0,
        unread="S" not in message.entry.flags,
        starred="F" in message.entry.flags,
        tags=(),
        evidence=Evidence.UNPROVEN,  # nothing in a stranger's message proves anything by itself
        thread=0,
        size=parsed.size,
        path=message.entry.path,
    )
    return AtticRow(row, message.at, message.at + KEPT)
