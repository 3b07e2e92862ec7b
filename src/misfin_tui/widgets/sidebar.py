"""The sidebar: accounts with their folders, the outbox, and saved searches; one line each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from misfin.model.folders import ATTIC, COUNTED, INBOX, OUTBOX, SHOWN, Counted
from misfin.store.rows import FolderRow, View
from misfin_tui.screentext import plain
from misfin_tui.widgets.cells import fit

if TYPE_CHECKING:
    from textual import events
FOLDER_ACTIONS = frozenset(
    {"open_conversation", "new_folder", "rename_folder", "remove_folder", "empty_folder", "read_all"}
)
"""The actions for a line of the sidebar."""


class SidebarKind(StrEnum):
    """What a line of the sidebar is."""

    HEADING = "heading"
    FOLDER = "folder"
    OUTBOX = "outbox"
    ATTIC = "attic"
    SEARCH = "search"


@dataclass(frozen=True, slots=True)
class SidebarEntry:
    """One line. ``view`` is what choosing it shows, None for what is not a list of conversations."""

    kind: SidebarKind
    label: str
    view: View | None = None
    count: int = 0
    group: str = ""
    """The heading it folds under; a heading's own name."""
    remark: str = ""


REMOVED = "removed"
"""What is said beside the name of an account that was removed."""


def entries(
    folders: Iterable[FolderRow],
    outbox: Mapping[str, int],
    searches: Sequence[tuple[str, str]],
    accounts: Sequence[str] = (),
    away: Collection[str] = (),
    attics: Collection[str] = (),
    removed: Collection[str] = (),
) -> list[SidebarEntry]:
    """The lines of the sidebar: each account with its folders, then the saved searches.

    ``accounts`` are the user's, with or without mail; those ``away``, whose mail is missing, say so. Those in
    ``attics`` have one. Of accounts that were ``removed`` there are those folders that hold mail.
    """
    by_account: dict[str, dict[str, FolderRow]] = {account: {} for account in accounts}
    for row in folders:
        by_account.setdefault(row.account, {})[row.folder] = row
    lines: list[SidebarEntry] = []
    if len(by_account) > 1:
        unread = sum(rows[INBOX].unread for rows in by_account.values() if INBOX in rows)
        lines.append(SidebarEntry(SidebarKind.FOLDER, "All inboxes", View(None, INBOX), unread))
    for account, rows in sorted(by_account.items(), key=lambda each: each[0] in removed):
        gone = account in removed
        remark = REMOVED if gone else ""
        lines.append(SidebarEntry(SidebarKind.HEADING, account, group=account, remark=remark))
        for name in (*SHOWN, *sorted(rows.keys() - set(SHOWN))):
            if gone and not (name in rows and rows[name].total):
                continue
            if name == OUTBOX:
                lines.append(SidebarEntry(SidebarKind.OUTBOX, OUTBOX, None, outbox.get(account, 0), account))
            else:
                remark = "away" if name == INBOX and account in away else ""
                count = _count(name, rows.get(name))
                lines.append(
                    SidebarEntry(SidebarKind.FOLDER, name, View(account, name), count, account, remark)
                )
        if account in attics:
            lines.append(SidebarEntry(SidebarKind.ATTIC, ATTIC, None, 0, account))
    if searches:
        lines.append(SidebarEntry(SidebarKind.HEADING, "Saved searches", group="searches"))
        lines += [
            SidebarEntry(SidebarKind.SEARCH, name, View(query=query), group="searches")
            for name, query in searches
        ]
    return lines


def _count(name: str, row: FolderRow | None) -> int:
    counted = COUNTED.get(name, Counted.UNREAD)
    if row is None or counted is Counted.NONE:
        return 0
    return row.total if counted is Counted.ALL else row.unread


class Sidebar(ScrollView, can_focus=True, inherit_bindings=False):
    """Folders and searches to choose from."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "sidebar--line",
        "sidebar--heading",
        "sidebar--cursor",
        "sidebar--shown",
        "sidebar--count",
    }
    DEFAULT_CSS = """
    Sidebar {
        overflow-x: hidden; scrollbar-size-vertical: 1;
        .sidebar--heading { text-style: bold; color: $mail-muted; }
        .sidebar--shown { text-style: bold; color: $primary; }
        .sidebar--count { text-style: bold; color: $mail-unread; }
        .sidebar--cursor {
            background: $block-cursor-blurred-background;
            text-style: $block-cursor-blurred-text-style;
        }
        &:focus .sidebar--cursor {
            background: $block-cursor-background; color: $block-cursor-foreground;
            text-style: $block-cursor-text-style;
        }
    }
    """

    @dataclass
    class SidebarChosen(Message):
        """A folder, the outbox or a search was chosen."""

        sidebar: Sidebar
        entry: SidebarEntry

        @property
        def control(self) -> Sidebar:
            """The sidebar."""
            return self.sidebar

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.cursor = 0
        self.shown: View | None = None
        """The view the list shows now."""
        self._all: list[SidebarEntry] = []
        self._lines: list[SidebarEntry] = []
        self._folded: set[str] = set()

    def show(self, lines: Sequence[SidebarEntry]) -> None:
        """Show these lines; the cursor stays on what it was on."""
        under = self.current
        self._all = list(lines)
        self._fold(under)

    def _fold(self, under: SidebarEntry | None) -> None:
        self._lines = [
            entry
            for entry in self._all
            if entry.kind is SidebarKind.HEADING or entry.group not in self._folded or not entry.group
        ]
        places = [(entry.kind, entry.label, entry.group) for entry in self._lines]
        if under is not None and (under.kind, under.label, under.group) in places:
            self.cursor = places.index((under.kind, under.label, under.group))
        self.cursor = max(0, min(self.cursor, len(self._lines) - 1))
        self.virtual_size = Size(1, len(self._lines))
        self.refresh()

    @property
    def current(self) -> SidebarEntry | None:
        """The line under the cursor."""
        return self._lines[self.cursor] if self.cursor < len(self._lines) else None

    def mark_shown(self, view: View | None) -> None:
        """Say which view the list shows; the cursor follows, unless it is being moved."""
        before, self.shown = self.shown, view
        places = [index for index, entry in enumerate(self._lines) if entry.view and entry.view == view]
        if before != view:
            for index, entry in enumerate(self._lines):
                if entry.view is not None and entry.view in (before, view):
                    self._refresh_line(index)
        if places and not self.has_focus:
            self.move_to(places[0])

    def searches(self) -> list[SidebarEntry]:
        """The saved searches, in the order of their number keys."""
        return [entry for entry in self._all if entry.kind is SidebarKind.SEARCH]

    def places(self) -> list[SidebarEntry]:
        """Every line that can be chosen, folded away or not."""
        return [entry for entry in self._all if entry.kind is not SidebarKind.HEADING]

    # ---- moving and choosing

    def move(self, lines: int) -> None:
        """Move the cursor by lines."""
        self.move_to(self.cursor + lines)

    def move_page(self, pages: int) -> None:
        """Move by screens."""
        self.move(pages * max(self.size.height - 1, 1))

    def move_to(self, index: int) -> None:
        """Put the cursor on a line and bring it into sight."""
        before, self.cursor = self.cursor, max(0, min(index, len(self._lines) - 1))
        if before != self.cursor:
            self._refresh_line(before)
            self._refresh_line(self.cursor)
        top, height = self.scroll_offset.y, max(self.size.height, 1)
        if not top <= self.cursor < top + height:
            y = self.cursor if self.cursor < top else self.cursor - height + 1
            self.scroll_to(y=y, animate=False, immediate=True)

    def _refresh_line(self, index: int) -> None:
        """Draw one line again if it is in sight: all of them cost a search while typing more than it does."""
        line = index - self.scroll_offset.y
        if 0 <= line < self.size.height:
            self.refresh(Region(0, line, self.size.width, 1))

    def choose(self) -> None:
        """Choose the line under the cursor; a heading folds or unfolds."""
        entry = self.current
        if entry is None:
            return
        if entry.kind is SidebarKind.HEADING:
            self._folded ^= {entry.group}
            self._fold(entry)
        else:
            self.post_message(self.SidebarChosen(self, entry))

    def on_click(self, event: events.Click) -> None:
        """A click chooses; one with the right button goes to the line that the menu is then about."""
        place = event.get_content_offset(self)
        if place is None or (index := self.scroll_offset.y + place.y) >= len(self._lines):
            return
        self.move_to(index)
        if event.button == 1:
            self.choose()
        else:
            self.focus()

    # ---- drawing

    def render_line(self, y: int) -> Strip:
        """One line of the widget."""
        width = self.scrollable_content_region.width
        index = self.scroll_offset.y + y
        line = self.get_component_rich_style("sidebar--line")
        if index >= len(self._lines):
            return Strip.blank(width, line)
        entry = self._lines[index]
        style, count_style = line, line + self.get_component_rich_style("sidebar--count", partial=True)
        if entry.kind is SidebarKind.HEADING:
            style = line + self.get_component_rich_style("sidebar--heading", partial=True)
        elif entry.view is not None and entry.view == self.shown:
            style = line + self.get_component_rich_style("sidebar--shown", partial=True)
        at_cursor = index == self.cursor
        if at_cursor:
            cursor = self.get_component_rich_style("sidebar--cursor", partial=True)
            style, count_style = style + cursor, count_style + cursor
        lead = "▌" if at_cursor and self.has_focus else " "
        if entry.kind is SidebarKind.HEADING:
            lead = "▸ " if entry.group in self._folded else "▾ "
        elif entry.group:
            lead += " "
        remark = f"{entry.count:,}" if entry.count else entry.remark
        count = f" {remark} " if remark else " "
        label = fit(lead + plain(entry.label, one_line=True), max(width - len(count), 0))
        return Strip([Segment(label, style), Segment(count, count_style)]).adjust_cell_length(width, style)
