"""From follows the recipients of a new message, until a person has chosen it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from misfin.compose.addresslist import entries_of
from misfin.errors import MisfinError
from misfin.store.outgoing.drafts import Draft, Purpose
from misfin_tui.screens.base import AppScreen, ScreenController
from misfin_tui.widgets.controller import worker
from misfin_tui.wording.sending import from_follows

if TYPE_CHECKING:
    from misfin_tui.screens.compose_fields import RecipientFields
    from misfin_tui.screens.compose_from import FromAccount

LONG = 10
"""Seconds for which it is said: From is at the other end of the window from where somebody writes."""


class FromFollows(ScreenController):
    """Changes From where only an account of another kind reaches the recipients, and says so.

    Only in a message that was begun without recipients: whoever began it with some has decided about From,
    and so has who saved a draft.
    """

    def __init__(
        self, screen: AppScreen, draft: Draft, account: FromAccount, fields: RecipientFields
    ) -> None:
        super().__init__(screen)
        self._account = account
        self._fields = fields
        people = (*draft.to, *draft.cc, *draft.bcc)
        self._may = draft.purpose is Purpose.NEW and not (draft.id or people)
        self._seen: list[str] = []

    @property
    def _entries(self) -> list[str]:
        return [entry for field in self._fields.every if field.shown for entry in entries_of(field.value)]

    @property
    def _left(self) -> bool:
        """Whether the person is done with them: a line is not rewritten, nor From changed, while in use."""
        focused = self.screen.focused  # None while another window has the keys
        in_use = self._account.chooser.expanded or focused in self._fields.every
        return self.screen.is_current and focused is not None and not in_use

    def look(self) -> None:
        """The recipients may be complete."""
        known = self._may and self._account.sender is not None
        if known and self._left and (entries := self._entries) != self._seen:
            self._seen = entries
            self._follow(entries)

    @worker(group="from", exclusive=True, description="see which account reaches the recipients")
    async def _follow(self, entries: Sequence[str]) -> None:
        await self._change_from(entries)

    async def changed_before_sending(self) -> bool:
        """Whether From is another account now: the person is to see that before the message is sent."""
        return await self._change_from(self._entries, " Send it again if that is right.", sending=True)

    async def _change_from(self, entries: Sequence[str], more: str = "", *, sending: bool = False) -> bool:
        account = self._account
        sender = account.sender
        if not self._may or account.chosen or sender is None:
            return False
        try:
            found = await self.services.accounts.reaching(entries, sender.kind)
        except MisfinError:
            return False  # a broken address book is reported where it is opened
        if account.sender is not sender:
            return True
        if not self.screen.standing or account.chosen:
            return False
        if not (sending or self._left):
            self._seen = []  # looked at again when they are complete
            return False
        if found is None or not account.give(found.account.directory):
            return False
        words = from_follows(found.address, found.kind, found.account)
        self.misfin.say(f"{words}{more}", timeout=LONG)
        return True
