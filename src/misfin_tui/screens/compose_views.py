"""What follows the fields of the composer: facts about the recipients, and the preview of the text."""

from __future__ import annotations

from typing import Any

from textual.widgets import Static

from misfin.compose.recipients import TypedRecipient, completed_entry
from misfin.errors import MisfinError
from misfin_tui.screens.base import ScreenController
from misfin_tui.screens.compose_draft import DraftScreen
from misfin_tui.screens.sending import known_among, people_line
from misfin_tui.widgets.address_input import AddressInput, AddressOffers, Offer
from misfin_tui.widgets.controller import worker
from misfin_tui.widgets.gemtext_view import GemtextView
from misfin_tui.wording.sending import standing_words

WIDE = 100
"""Cells from which the preview is shown beside the text by default."""


class RecipientHelp(ScreenController):
    """Completes addresses, and says below To: how each recipient is known."""

    def __init__(self, screen: DraftScreen) -> None:
        super().__init__(screen)
        self._draft = screen
        self.offers = AddressOffers(id="offers")
        self.people = Static(id="people", markup=False)
        self._looked_up: list[TypedRecipient] = []

    @worker(group="offer", exclusive=True, description="complete an address")
    async def offer(self, field: AddressInput, prefix: str) -> None:
        """Offer people of From's kind whose name or address begins with this."""
        try:
            sender = self._draft.from_account.sender
            known = await self.services.contacts.complete(prefix, kind=sender.kind if sender else None)
        except MisfinError:
            return  # completion is a convenience: a broken address book is reported where it is opened
        there = {entry.address for entry in self._draft.recipients}
        offers = [
            Offer(
                each.contact.address,
                each.contact.name,
                completed_entry(each.contact.address, each.contact.name, each.contact.kind),
                each.standing.evidence,
                standing_words(each.standing, each.contact.kind),
            )
            for each in known
            if each.contact.address not in there
        ]
        if self.screen.standing and field.has_focus and field.prefix == prefix:
            self.offers.field = field
            self.offers.styles.offset = (field.region.x, field.region.y + 1)
            self.offers.styles.width = field.region.width  # else the end of a line below could be seen beside
            self.offers.show(offers, prefix)

    def look_up(self) -> None:
        """The recipients may have changed."""
        now = self._draft.recipients
        if now != self._looked_up:
            self._looked_up = now
            self._show_people()

    @worker(group="people", exclusive=True, description="look up recipients")
    async def _show_people(self) -> None:
        """One line below To: for each recipient whether it is known, and what is odd."""
        entries = self._draft.recipients
        known = await known_among(self.screen, entries)
        if known is None or not self.screen.standing:
            return
        line = people_line(entries, known)
        self.people.update(line)
        self.people.set_class(bool(line.plain), "-some")


class ComposePreview(ScreenController):
    """The message as its recipients will see it, beside the text or instead of it."""

    def __init__(self, screen: DraftScreen) -> None:
        super().__init__(screen)
        self._draft = screen
        self.view = GemtextView(id="preview")
        self._wanted: bool | None = None  # None: as the width decides

    def action_toggle_preview(self) -> None:
        """Show or hide the preview."""
        self._wanted = not self.screen.has_class("-previewing")
        self.arrange()

    def arrange(self) -> None:
        """Show or hide it as was asked for, or as the width decides."""
        wanted = self._wanted if self._wanted is not None else self.screen.size.width >= WIDE
        if wanted != self.screen.has_class("-previewing"):
            self.screen.set_class(wanted, "-previewing")
            if wanted:
                self.view.show_layout(self._layout())

    def draw(self) -> None:
        """The text may have changed."""
        if self.screen.has_class("-previewing"):
            self.view.show_layout(self._layout(), keep=True)

    def _layout(self) -> Any:
        from misfin_tui.widgets.gemtext_rows import lay_out

        # A forwarded message already has its subject as the first heading of its text.
        draft, text = self._draft, self._draft.body.text
        subject = draft.subject.value.strip() if draft.draft.forwards is None else ""
        shown = f"# {subject}\n\n{text}" if subject else text
        return lambda width: lay_out(shown, width)
