"""How one conversation becomes one line: which columns a width has room for, and what they show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from rich.cells import cell_len

from misfin_tui.screentext import plain
from misfin_tui.widgets.cells import cut, fit
from misfin_tui.wording.facts import MONTHS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.style import Style

    from misfin.store.evidence import Evidence
    from misfin.store.rows import ConversationRow

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
SIGNS = 8  # cursor, mark, unread, star, evidence and the gaps between them
DATE = 6  # "12 Nov"
MAX_TAGS = 3


@dataclass(frozen=True, slots=True)
class Columns:
    """Widths in cells; 0 leaves a column out."""

    people: int
    text: int
    count: int
    snippet: bool


def columns(width: int) -> Columns:
    """The columns that fit: the narrower the window, the less is said about each conversation."""
    count = 5 if width >= 50 else 0
    people = max(8, min(30, width * 24 // 100))
    text = width - SIGNS - people - 2 - count - 2 - DATE - 1
    return Columns(people=people, text=max(text, 4), count=count, snippet=width >= 64)


def when(date: float, now: float) -> str:
    """A date as a list shows it: time today, weekday this week, day and month this year, else the year."""
    if not date:
        return ""
    try:
        then = datetime.fromtimestamp(date)
        today = datetime.fromtimestamp(now)
    except (OverflowError, OSError, ValueError):
        return ""
    days = (today.date() - then.date()).days
    if days == 0:
        return f"{then.hour:02}:{then.minute:02}"
    if 0 < days < 7:
        return WEEKDAYS[then.weekday()]
    if then.year == today.year:
        return f"{then.day} {MONTHS[then.month - 1]}"
    return str(then.year)


@dataclass(frozen=True, slots=True)
class Palette:
    """The styles of a row's parts; each holds only what differs from the row's own style."""

    unread: Style
    people: Style
    people_unread: Style
    star: Style
    mark: Style
    evidence: Mapping[Evidence, Style]
    subject: Style
    subject_unread: Style
    snippet: Style
    tag: Style
    count: Style
    date: Style
    cursor: Style


def parts(
    row: ConversationRow,
    shape: Columns,
    palette: Palette,
    *,
    cursor: bool,
    marked: bool,
    now: float,
    folders: bool = False,
) -> list[tuple[str, Style]]:
    """The pieces of a line from left to right, each with its own style. States show without colour too.

    ``folders`` says that the list shows more than one folder, so each line names its own.
    """
    unread = row.unread > 0
    subject = plain(row.subject, one_line=True) or "(no subject)"
    if row.held:
        subject = f"(held) {subject}"
    pieces = [
        ("▌" if cursor else " ", palette.cursor),
        ("■ " if marked else "  ", palette.mark),
        ("●" if unread else " ", palette.unread),
        ("★" if row.starred else " ", palette.star),
        (f" {row.evidence.sign} ", palette.evidence[row.evidence]),
        (
            fit(plain(row.participants, one_line=True) or "(unknown)", shape.people),
            palette.people_unread if unread else palette.people,
        ),
        ("  ", palette.people),
    ]
    pieces += _text(row, subject, shape, palette, unread=unread, folders=folders)
    if shape.count:
        sign = "+" if row.attachment else " "
        count = f"{row.count:>3}" if row.count > 1 else "   "  # a single message is the usual case
        pieces.append((fit(f"{sign}{count}", shape.count, right=True), palette.count))
    pieces.append((fit(when(row.date, now), DATE + 2, right=True) + " ", palette.date))
    return pieces


def _text(
    row: ConversationRow, subject: str, shape: Columns, palette: Palette, *, unread: bool, folders: bool
) -> list[tuple[str, Style]]:
    """Folder, tags, subject and snippet in exactly the cells the text column has."""
    pieces: list[tuple[str, Style]] = []
    room = shape.text
    folder = f"{cut(plain(row.folder, one_line=True), 12)} · "
    if folders and row.folder and room - cell_len(folder) >= 12:
        pieces.append((folder, palette.snippet))
        room -= cell_len(folder)
    for tag in row.tags[:MAX_TAGS]:
        label = "#" + cut(plain(tag, one_line=True), 12) + " "
        if room - cell_len(label) < 12:
            break
        pieces.append((label, palette.tag))
        room -= cell_len(label)
    subject = cut(subject, room)
    pieces.append((subject, palette.subject_unread if unread else palette.subject))
    room -= cell_len(subject)
    snippet = f"  {plain(row.snippet, one_line=True)}" if shape.snippet and row.snippet and room > 8 else ""
    pieces.append((fit(snippet, room), palette.snippet))
    return pieces
