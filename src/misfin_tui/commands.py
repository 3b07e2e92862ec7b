"""What the command palette finds: actions of the key table that work here, folders, people to write to.

Hits are ``Content`` made from cleaned text, never markup. A command is found by the beginnings of its
words, not by letters scattered over a sentence. What matches is marked. Keys have their own column, which
is empty for what has none, and what goes on in a second row stays in its column.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.style import Style

from misfin.errors import MisfinError
from misfin.model.recipient import on_to_line
from misfin_tui.host import AccountAction, host_of
from misfin_tui.keymap import KeyAction, Shown, readable
from misfin_tui.screens.inbox import InboxScreen
from misfin_tui.screentext import plain
from misfin_tui.widgets.actions import actions_of, runner
from misfin_tui.widgets.cells import fit
from misfin_tui.widgets.sidebar import SidebarKind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from textual.types import IgnoreReturnCallbackType

    from misfin.model.account import AddressKind
    from misfin_tui.widgets.sidebar import SidebarEntry

MAX_PEOPLE = 6
_LEAST = 2  # letters typed before the address book is asked

_INSIDE: Final = 3
"""Letters from which on they may also be found inside a word, as in *subscribe* for *Unsubscribe*."""

_KEYS: Final = 11  # cells of the column of keys
_LABEL: Final = 22  # cells of the column of names
_AROUND: Final = 6  # cells of a row that the palette's padding and its scrollbar take
_LEAST_WIDE: Final = 20  # cells from which on sentences are a column
_NO_KEYS: Final = " " * _KEYS
_ASIDE: Final = Style(bold=False, dim=True)  # Textual draws every row in bold

_NOT_OURS: Final = frozenset({"Quit", "Keys"})
"""Textual's commands that the program has of its own."""

Spans = list[tuple[int, int]]
"""Where a text matches, from and to."""


def found_in(query: str, text: str) -> tuple[float, Spans]:
    """How well what was typed fits a text, 0 to 1, and where: each word typed must begin a word of the text.

    A word of three letters or more may also stand inside one, which counts for less.
    """
    spans: Spans = []
    score = 1.0
    for word in re.findall(r"\w+", query):
        match = re.search(rf"(?<!\w){re.escape(word)}", text, re.IGNORECASE)
        if match is None and len(word) >= _INSIDE:
            match, score = re.search(re.escape(word), text, re.IGNORECASE), 0.5
        if match is None:
            return 0.0, []
        spans.append(match.span())
    return (score, spans) if spans else (0.0, [])


def _in_its_column(row: Content, begins: int, room: int) -> Content:
    """The row with its last column, which begins behind so many letters, broken where the room ends."""
    first, last = row.divide([begins])
    before = cell_len(first.plain)
    if room - before < _LEAST_WIDE or cell_len(row.plain) <= room:
        return row
    return Content.assemble(first, Content("\n" + " " * before).join(last.wrap(room - before)))


class _Entries(Provider):
    """Commands with keys, a name and a sentence."""

    def hit(
        self, query: str, label: str, sentence: str, keys: str, command: IgnoreReturnCallbackType
    ) -> Hit | None:
        """One of them, if it fits; a hit in the name is worth more than one in the sentence."""
        in_label, spans = found_in(query, label)
        name = fit(label, _LABEL)
        if in_label:
            score = 0.9 * in_label + (0.1 if label.casefold().startswith(query.casefold()) else 0)
        else:
            in_both, spans = found_in(query, f"{name}{sentence}")
            score = 0.6 * in_both
        if not score:
            return None
        return Hit(score, self.line(label, sentence, keys, spans), command, text=sentence)

    def line(self, label: str, sentence: str, keys: str, spans: Sequence[tuple[int, int]] = ()) -> Content:
        """Keys, name and sentence in columns, what matches marked."""
        lead = fit(keys, _KEYS) if cell_len(keys) < _KEYS else f"{keys} "
        name = fit(label, _LABEL)
        shown = Content.assemble(
            (lead, Style(bold=True, dim=True)),
            (name, Style(bold=True)),
            (sentence.rstrip("."), Style(bold=False)),
        )
        for start, end in spans:
            shown = shown.stylize(
                self.match_style or Style(underline=True), len(lead) + start, len(lead) + end
            )
        return _in_its_column(shown, len(lead) + len(name), self.app.size.width - _AROUND)


class ActionProvider(_Entries):
    """Every action that works on this screen, with its key."""

    async def discover(self) -> Hits:
        """All of them, the screen's own first."""
        for action in actions_of(self.screen):
            shown = self.line(action.label, action.help, self._keys(action))
            yield DiscoveryHit(shown, runner(self.screen, action), text=action.help, help=None)

    async def search(self, query: str) -> Hits:
        """Those whose name or sentence fits."""
        for action in actions_of(self.screen, moving=True):
            command = runner(self.screen, action)
            if hit := self.hit(query, action.label, action.help, self._keys(action), command):
                yield replace(hit, score=hit.score * (0.5 if action.shown is Shown.HELP else 1))

    def _keys(self, action: KeyAction) -> str:
        """Those that fit into their column, the first one in any case."""
        shown = ""
        for key in host_of(self.screen).keys.of(action.id):
            more = f"{shown} {readable(key)}".strip()
            if shown and cell_len(more) >= _KEYS:
                break
            shown = more
        return shown


class ProgramProvider(_Entries):
    """What Textual offers in every program, such as choosing a theme."""

    async def search(self, query: str) -> Hits:
        """Those whose name or sentence fits."""
        for title, sentence, command, _discover in self.app.get_system_commands(self.screen):
            if title not in _NOT_OURS and (hit := self.hit(query, title, sentence, "", command)):
                yield hit


class AccountProvider(_Entries):
    """Edit, test or remove an e-mail account, or change its password."""

    async def search(self, query: str) -> Hits:
        """What fits, for each account."""
        for name, account in host_of(self.screen).config.accounts.items():
            for action in AccountAction if account.logs_in else ():
                words = f"{action.value} the account {name}"
                score, spans = found_in(query, words)
                if score:
                    shown = Content.assemble(
                        f"{action.value} the account ",
                        (name, Style(bold=True)),
                        (f"  {plain(account.address, one_line=True)}", _ASIDE),
                    )
                    for start, end in spans:
                        shown = shown.stylize(self.match_style or Style(underline=True), start, end)
                    shown = Content.assemble(_NO_KEYS, shown)
                    yield Hit(0.8 * score, shown, self._doing(action, name), text=words)

    def _doing(self, action: AccountAction, name: str) -> Callable[[], None]:
        host = host_of(self.screen)

        def begin() -> None:
            host.with_account(action, name)

        return begin


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
                    "Show ", (name, Style(bold=True)), (plain(account, one_line=True), _ASIDE)
                )
                row = Content.assemble(_NO_KEYS, shown)
                yield Hit(0.9, row, self._opener(inbox, entry), text=shown.plain)

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
                (f"  {plain(contact.address, one_line=True)}" if contact.name else "", _ASIDE),
            )
            row = Content.assemble(_NO_KEYS, shown)
            yield Hit(0.5 - place / 100, row, self._writer(entry, contact.kind), text=shown.plain)

    def _writer(self, entry: str, kind: AddressKind) -> Callable[[], Awaitable[object]]:
        app = host_of(self.screen)

        async def write() -> None:
            try:
                app.open_composer(await host_of(self.screen).services.sending.new([entry], kind=kind))
            except MisfinError as error:
                app.report(error)

        return write
