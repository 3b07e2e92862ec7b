"""What follows the fields of the composer: facts about the recipients, and the preview of the text."""

from __future__ import annotations

import asyncio
from typing import Any

from textual.widgets import Static

from misfin.errors import MisfinError
from misfin_tui.screens.base import ScreenController
from misfin_tui.screens.compose_draft import DraftScreen
from misfin_tui.screens.sending import people_line, standing_words
from misfin_tui.widgets.address_input import AddressOffers, Offer
from misfin_tui.widgets.controller import worker
from misfin_tui.widgets.gemtext_view import GemtextView

WIDE = 100
"""Cells from which the preview is shown beside the text by default."""


class RecipientHelp(ScreenController):
    """Completes addresses, and says below To: how each recipient is known."""

    def __init__(self, screen: DraftScreen) -> None:
        super().__init__(screen)
        self._draft = screen
        self.offers = AddressOffers(id="offers")
        self.people = Static(id="people", markup=False)
        self._looked_up = ""

    @worker(group="offer", exclusive=True, description="complete an address")
    async def offer(self, prefix: str) -> None:
        """Offer people whose name or address begins with this."""
        try:
            known = await self.services.contacts.complete(prefix)
        except MisfinError:
            return  # completion is a convenience: a broken address book is reported where it is opened
        to = self._draft.to
        there = {entry.address.address for entry in to.recipients if entry.address}
        offers = [
            Offer(
                each.contact.address,
                each.contact.name,
                each.standing.evidence,
                standing_words(each.standing),
            )
            for each in known
            if each.contact.address not in there
        ]
        if self.screen.standing and to.has_focus:
            self.offers.styles.offset = (to.region.x, to.region.y + 1)
            self.offers.show(offers)

    def look_up(self) -> None:
        """The recipients may have changed."""
        if self._draft.to.value != self._looked_up:
            self._looked_up = self._draft.to.value
            self._show_people()

    @worker(group="people", exclusive=True, description="look up recipients")
    async def _show_people(self) -> None:
        """One line below To: for each recipient whether it is known, and what is odd."""
        entries = self._draft.to.recipients
        addresses = [entry.address for entry in entries if entry.address]
        states = await self.screen.attempt(self.services.contacts.standings(addresses))
        mine = await asyncio.to_thread(self.services.identities.addresses)
        if states is None or not self.screen.standing:
            return
        self.people.update(people_line(entries, states, mine))
        self.people.set_class(bool(entries), "-some")


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
