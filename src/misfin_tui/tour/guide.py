"""Leads through the tour: looks at what its user has really done, and goes on when a step is."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from textual.command import CommandPalette

from misfin.errors import StoreError
from misfin_tui.app.controller import AppController
from misfin_tui.app.switcher import SCREENS
from misfin_tui.dialogs.menu import MenuDialog
from misfin_tui.keymap import BY_ID
from misfin_tui.screens.help import HelpScreen
from misfin_tui.screens.inbox import InboxScreen
from misfin_tui.tour.panel import TourPanel
from misfin_tui.tour.steps import LAST, OFFER, OFFER_IN_HELP, STEPS, Sight
from misfin_tui.widgets.controller import worker

if TYPE_CHECKING:
    from textual.app import App
    from textual.screen import Screen

    from misfin.store.filing import Action
    from misfin.store.filing_changes import RegroupAction

_NAMES = {path.rpartition(":")[2]: name for name, path in SCREENS.items()}
_PREFIX = "Re: "
NARROW = 60
"""Cells under which the panel says less: two lines of it must do."""


class Tour(AppController):
    """Where in the tour its user is. It reads, and changes nothing but its own panel."""

    def __init__(self, app: App[int]) -> None:
        super().__init__(app)
        self.at = 0
        """The step to do; the number of steps when all are done."""
        self.running = False
        self._offering = True
        self._before: Sight | None = None
        """What was seen when the step began; None until it was looked at."""
        self._last: Sight | None = None
        self._look_again = False
        self._looking = False

    # ---- what its user asks for

    def action_tour(self) -> None:
        """In the help: begin, go on where it was left, or leave."""
        if isinstance(self.app.screen, HelpScreen):
            self.app.screen.dismiss()
        if self.running:
            self.action_tour_leave()
            return
        self.running, self._offering = True, False
        self._go_to(0 if self.at == len(STEPS) else self.at)

    def action_tour_back(self) -> None:
        """One step back."""
        self._go_to(max(self.at - 1, 0))

    def action_tour_skip(self) -> None:
        """Go on without doing this one."""
        self._go_to(min(self.at + 1, len(STEPS)))

    def action_tour_leave(self) -> None:
        """Leave the tour, or put away its offer."""
        self.running = self._offering = False
        self.show()

    def allows(self, action: str) -> bool:
        """Whether one of these actions makes sense now."""
        if action == "tour_leave":
            return self.running or self._offering
        if action == "tour_skip":
            return self.running and self.at < len(STEPS)
        return self.running and self.at > 0

    def _go_to(self, at: int) -> None:
        self.at, self._before = at, None
        self.show()
        self.look()

    # ---- what has been done

    def look(self) -> None:
        """Something happened: look whether the step is done. Cheap to call often."""
        if not self.running or self.at == len(STEPS):
            return
        self._look_again = True
        if not self._looking:
            self._looking = True
            self._look()

    @worker(group="tour", description="look how far the tour has come")
    async def _look(self) -> None:
        try:
            while self._look_again and self.running:
                self._look_again = False
                try:
                    self._seen(await self._sight())
                except StoreError:
                    return  # whoever does something with that file reports it
        finally:
            self._looking = False

    def _seen(self, now: Sight) -> None:
        if self._before is None:  # begun by a key of the tour: only what comes now counts
            self._before = self._last = now
            return
        if now == self._last:
            return
        self._last, came = now, self.at
        while self.at < len(STEPS) and STEPS[self.at].done(self._before, now):
            self.at, self._before = self.at + 1, now
        if self.at != came:
            self.show()

    async def _sight(self) -> Sight:
        inbox, top = self.app.screen_stack[0], self.app.screen
        assert isinstance(inbox, InboxScreen)  # MisfinApp.get_default_screen
        row = inbox.messages.current
        name = "commands" if isinstance(top, CommandPalette) else _NAMES.get(type(top).__name__, "")
        stored = await asyncio.to_thread(self._stored)
        return Sight(
            "inbox" if top is inbox else name,
            row.subject.removeprefix(_PREFIX) if row is not None else "",
            inbox.messages.view.query,
            *stored,
        )

    def _stored(self) -> tuple[int, int, Action | RegroupAction | None, frozenset[str], frozenset[str]]:
        services = self.host.services
        sent = max((row.id for row in services.outbox_queue.rows()), default=0)
        number, undo = services.undo_log.last() or (0, None)
        waiting = frozenset(f"{offer.kind} {offer.name}" for offer in services.pin_book.offers())
        known = services.contact_book.all(now=time.time())
        people = frozenset(
            each.address for each in known if each.own_name or not (each.sent or each.received)
        )
        return sent, number, undo.action if undo else None, waiting, people

    # ---- the panel

    def show(self, screen: Screen[object] | None = None) -> None:
        """Say the step on a screen, or on all of them; one that has no panel yet gets it."""
        for each in [screen] if screen is not None else self.app.screen_stack:
            if isinstance(each, MenuDialog) or not each.is_attached:
                continue  # a menu opens at the pointer
            panel = next(iter(each.query(TourPanel)), None)
            title, sentence = self._words(each)
            if panel is None:
                if not sentence:
                    continue
                panel = TourPanel()
                each.mount(panel)
            panel.say(title, self._with_keys(sentence), self._keys())
        self.app.screen.refresh_bindings()

    def _words(self, screen: Screen[object]) -> tuple[str, str]:
        if self.running:
            if self.at == len(STEPS):
                return "Tour", LAST
            word = "" if self._narrow else "Tour "
            return f"{word}{self.at + 1}/{len(STEPS)}", STEPS[self.at].text
        if isinstance(screen, HelpScreen):
            return "", OFFER_IN_HELP
        return "", OFFER if self._offering and isinstance(screen, InboxScreen) else ""

    def _with_keys(self, sentence: str) -> str:
        return sentence.format_map({name: self.host.keys.shown(name) for name in BY_ID})

    @property
    def _narrow(self) -> bool:
        return self.app.size.width < NARROW

    def _keys(self) -> list[tuple[str, str, str]]:
        """The keys of the tour that make sense now; in a narrow window only the one that leaves it."""
        leaving = "Leave" if self.running and self.at < len(STEPS) else "Close"
        labels = {"tour-back": "Back", "tour-skip": "Skip", "tour-leave": leaving}
        return [
            (self.host.keys.shown(name), label, f"app.{BY_ID[name].method}")
            for name, label in labels.items()
            if self.allows(BY_ID[name].method)
            and self.host.keys.of(name)
            and (name == "tour-leave" or not self._narrow)
        ]
