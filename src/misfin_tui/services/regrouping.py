"""Splitting and joining conversations; what was decided is kept in the profile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from misfin.errors import InputError
from misfin.store.filing_changes import RegroupAction, Undo
from misfin.store.index.regrouping import GroupingDecision, Regrouping, RegroupingFile
from misfin_tui.messages import MailChanged

if TYPE_CHECKING:
    import sqlite3

    from misfin.store.rows import MessageRow
    from misfin_tui.services import Services


class Regrouper:
    """Conversations as a person wants them. Work is done in threads; undo takes each decision back."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def split(self, row: MessageRow) -> None:
        """A message and what answers it become a conversation of their own.

        Raises :class:`InputError` for the first message of one, and :class:`StoreError`.
        """
        await asyncio.to_thread(self._split, row)
        self._services.post(MailChanged())

    async def join(self, threads: Sequence[int]) -> None:
        """These conversations become one. Raises :class:`InputError` for fewer than two."""
        await asyncio.to_thread(self._join, threads)
        self._services.post(MailChanged())

    # ---- in a thread

    def _split(self, row: MessageRow) -> None:
        messages = self._services.index.thread(row.thread)
        if not messages or messages[0].row == row.row:
            raise InputError("This is the first message of its conversation.")
        file = RegroupingFile(self._services.profile.conversations)
        decided, token = file.read(), self._token(row.row)
        self._note(RegroupAction.SPLIT, [decided.about(token)])
        self._decide(file, decided.with_split(token), [row.thread])

    def _join(self, threads: Sequence[int]) -> None:
        firsts = [self._services.index.thread(thread)[:1] for thread in threads]
        roots = sorted((row for found in firsts for row in found), key=lambda row: row.date)
        if len(roots) < 2:
            raise InputError("Joining takes at least two conversations.", remedy="Select them first.")
        file = RegroupingFile(self._services.profile.conversations)
        decided, to = file.read(), self._token(roots[0].row)
        others = [self._token(root.row) for root in roots[1:]]
        self._note(RegroupAction.JOIN, [decided.about(token) for token in others])
        for token in others:
            decided = decided.with_joined(token, to)
        self._decide(file, decided, threads)

    def _decide(self, file: RegroupingFile, decided: Regrouping, threads: Collection[int]) -> None:
        from misfin.store.index.deciding_groups import decide  # late: it brings the parsers of mail along

        decide(self._services.index, file, decided, threads)

    def take_back(self, undo: Undo) -> None:
        """Undo a decision. Raises :class:`StoreError`."""
        from misfin.store.index.deciding_groups import take_back  # late, as above

        earlier = [
            GroupingDecision(message, split, tuple(to)) for message, split, to in json.loads(undo.argument)
        ]
        take_back(self._services.index, RegroupingFile(self._services.profile.conversations), earlier)

    def _note(self, action: RegroupAction, earlier: Collection[GroupingDecision]) -> None:
        self._services.filer.noted(Undo(action, json.dumps(list(earlier)), ()))

    def _token(self, row: int) -> int:
        """The token of a message's own Message-ID. Raises :class:`InputError` where it has none."""

        def act(db: sqlite3.Connection) -> int | None:
            asked = (
                "SELECT l.own_token FROM messages l JOIN tokens t ON t.token = l.own_token WHERE l.row = ?"
            )
            found = db.execute(asked, (row,)).fetchone()
            return found[0] if found else None

        token = self._services.index.ask(act)
        if token is None:
            raise InputError("This message has no Message-ID, so it could not be recognized later.")
        return token


def regrouper_of(services: Services) -> Regrouper:
    """The one of these services."""
    return services.once("regrouper", lambda: Regrouper(services))
