"""What the command palette finds: actions of the key table that work here, folders, people to write to.

Hits are ``Content`` made from cleaned text, never markup; the fuzzy matcher sees our own words only, because
its time explodes on texts a stranger may choose.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.style import Style

from misfin.errors import MisfinError
from misfin.model.recipient import on_to_line
from misfin_tui.host import host_of
from misfin_tui.keymap import KeyAction, Shown, readable
from misfin_tui.screens.inbox import InboxScreen
from misfin_tui.screentext import plain
from misfin_tui.widgets.actions import actions_of, runner
from misfin_tui.widgets.sidebar import SidebarKind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from misfin.model.account import AddressKind
    from misfin_tui.widgets.sidebar import SidebarEntry

MAX_PEOPLE = 6
_LEAST = 2  # letters typed before the address book is asked


class ActionProvider(Provider):
    """Every action that works on this screen, with its key."""

    async def discover(self) -> Hits:
        """All of them, the screen's own first."""
        for action in actions_of(self.screen):
            yield DiscoveryHit(self._shown(action), runner(self.screen, action), text=action.help, help=None)

    async def search(self, query: str) -> Hits:
        """Those whose name or sentence fits."""
        matcher = self.matcher(query)
        for action in actions_of(self.screen, moving=True):
            # A hit in the name is worth more than one in the sentence.
            score = max(matcher.match(action.label), 0.8 * matcher.match(action.help))
            if score > 0:
                score *= 0.5 if action.shown is Shown.HELP else 1
                yield Hit(score, self._shown(action), runner(self.screen, action), text=action.help)

    def _shown(self, action: KeyAction) -> Content:
        keys = " ".join(readable(key) for key in host_of(self.screen).keys.of(action.id))
        return Content.assemble(
            action.help.rstrip("."), ("  " + keys if keys else "", Style(bold=True, dim=True))
        )


class FolderProvider(Provider):
    """Go to a folder or a saved search by its name."""

    async def search(self, query: str) -> Hits:
        """Those with a word in their name that begins with what was typed."""
        typed = query.casefold().removeprefix("show ").strip()
        inbox = self.screen.app.screen_stack[0]
        if not typed or not isinstance(inbox, InboxScreen):
            return
        for entry in inbox.sidebar.places():
            account = (
                f"  {entry.group}" if entry.kind is not SidebarKind.SEARCH and inbox.news.several else ""
            )
            name = plain(entry.label, one_line=True)
            if any(word.startswith(typed) for word in (name.casefold(), *name.casefold().split())):
                shown = Content.assemble(
                    "Show ", (name, Style(bold=True)), (plain(account, one_line=True), Style(dim=True))
                )
                yield Hit(0.9, shown, self._opener(inbox, entry), text=shown.plain)

    def _opener(self, inbox: InboxScreen, entry: SidebarEntry) -> Callable[[], None]:
        def show() -> None:
            host_of(inbox).show_inbox()
            inbox.choose(entry)

        return show


class PeopleProvider(Provider):
    """Write to somebody from the address book."""

    async def search(self, query: str) -> Hits:
        """People whose name or address begins with what was typed."""
        if len(query.strip()) < _LEAST:
            return
        try:
            people = await host_of(self.screen).services.contacts.complete(
                query.removeprefix("write to "), MAX_PEOPLE
            )
        except MisfinError:
            return  # the palette works without people; the address book says what is wrong with it
        for place, known in enumerate(people):
            contact = known.contact
            entry = on_to_line(contact.address, contact.name, contact.kind)
            shown = Content.assemble(
                "Write to ",
                (plain(contact.name or contact.address, one_line=True), Style(bold=True)),
                (f"  {plain(contact.address, one_line=True)}" if contact.name else "", Style(dim=True)),
            )
            yield Hit(0.5 - place / 100, shown, self._writer(entry, contact.kind), text=shown.plain)

    def _writer(self, entry: str, kind: AddressKind) -> Callable[[], Awaitable[object]]:
        app = host_of(self.screen)

        async def write() -> None:
            try:
                app.open_composer(await host_of(self.screen).services.sending.new([entry], kind=kind))
            except MisfinError as error:
                app.report(error)

        return write
