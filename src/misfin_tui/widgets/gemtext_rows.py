"""Gemtext laid out for a width: source lines become rows of styled pieces, links get numbers and show their
targets. Pure: no widget, no colour; a piece names its role and the view gives the role its style.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from rich.cells import cell_len

from misfin.model.gemtext import Line, LineKind, parse
from misfin_tui.screentext import plain
from misfin_tui.widgets.cells import wrap

Piece = tuple[str, str]
"""Text and its role, one of :data:`ROLES`."""

ROLES = (
    "text",
    "heading1",
    "heading2",
    "heading3",
    "bullet",
    "list",
    "quote-bar",
    "quote",
    "pre",
    "alt",
    "link-number",
    "link",
    "target",
)
"""What a piece of gemtext can be."""

TAB = 8


class Row(NamedTuple):
    """One line of the screen."""

    pieces: tuple[Piece, ...]
    fill: str = "text"
    """Role of the rest of the line."""
    link: int = 0
    """Number of the link the row belongs to, 0 for none."""
    source: int = -1
    """Index of the gemtext line it was made from, -1 for none."""
    attachment: int = 0
    """Number of the attachment the row names, 0 for none."""

    @property
    def text(self) -> str:
        """The text of the row."""
        return "".join(text for text, _role in self.pieces)


@dataclass
class Layout:
    """Rows for one width. ``links`` are targets as written in the text; link N is ``links[N - 1]``."""

    rows: list[Row] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    measured: int = -1
    """Cells of the widest row, negative when not measured yet."""

    @property
    def width(self) -> int:
        """Cells of the widest row: more than the width asked for only where text must stay unbroken."""
        if self.measured < 0:
            self.measured = max((cell_len(row.text) for row in self.rows), default=0)
        return self.measured


_HEADINGS = {LineKind.HEADING1: "heading1", LineKind.HEADING2: "heading2", LineKind.HEADING3: "heading3"}
_EMPTY = Row(())


def lay_out(text: str, width: int, *, first_link: int = 1) -> Layout:
    """Lay a gemtext out; its text is made harmless here. Links are numbered from ``first_link``."""
    layout = Layout()
    rows = layout.rows
    for source, line in enumerate(parse(text)):
        kind = line.kind
        if kind is LineKind.TEXT:
            if not line.text:
                rows.append(_EMPTY)
                continue
            shown = plain(line.text.expandtabs(TAB), one_line=True)
            if len(shown) <= width and shown.isascii():  # most lines of most messages
                rows.append(Row(((shown, "text"),), source=source))
            else:
                rows += [Row(((part, "text"),), source=source) for part in wrap(shown, width)]
        elif kind is LineKind.LINK:
            layout.links.append(line.url)
            rows += _link(line, width, first_link + len(layout.links) - 1, source)
        elif kind in _HEADINGS:
            role = _HEADINGS[kind]
            rows += [Row(((part, role),), source=source) for part in wrap(_shown(line), width)]
        elif kind is LineKind.LIST:
            rows += _hanging(_shown(line), width, ("• ", "bullet"), ("  ", "bullet"), "list", source)
        elif kind is LineKind.QUOTE:
            rows += _hanging(_shown(line), width, ("▎ ", "quote-bar"), ("▎ ", "quote-bar"), "quote", source)
        elif kind is LineKind.PRE:
            rows.append(Row(((_shown(line), "pre"),), "pre", source=source))
        elif kind is LineKind.PRE_OPEN:
            label = f"┄ {_shown(line)} " if line.text else "┄"
            rows.append(Row(((label, "alt"),), "pre", source=source))
        else:
            rows.append(Row((("┄", "alt"),), "pre", source=source))
    return layout


def _shown(line: Line) -> str:
    return plain(line.text.expandtabs(TAB), one_line=True)


def _hanging(text: str, width: int, first: Piece, rest: Piece, role: str, source: int) -> list[Row]:
    return [
        Row((first if number == 0 else rest, (part, role)), source=source)
        for number, part in enumerate(wrap(text, width - 2))
    ]


def _link(line: Line, width: int, number: int, source: int) -> list[Row]:
    """``[3] label  target``; the target goes below where it does not fit, and is never shortened."""
    lead = f"[{number}] "
    label, target = _shown(line), plain(line.url, one_line=True)
    indent = " " * len(lead)
    parts = wrap(label, width - len(lead))
    rows = [
        Row(((lead if index == 0 else indent, "link-number"), (part, "link")), link=number, source=source)
        for index, part in enumerate(parts)
    ]
    if label == target:
        return rows
    if cell_len(parts[-1]) + 2 + cell_len(target) <= width - len(lead):
        rows[-1] = Row((*rows[-1].pieces, ("  " + target, "target")), link=number, source=source)
        return rows
    return rows + [
        Row(((indent, "link-number"), (part, "target")), link=number, source=source)
        for part in wrap(target, width - len(lead))
    ]
