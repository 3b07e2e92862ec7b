"""Ordinary text laid out for a width: lines wrapped, quotes known, links numbered."""

from __future__ import annotations

from misfin_tui.screentext import plain
from misfin_tui.widgets.cells import wrap
from misfin_tui.widgets.gemtext_rows import TAB, Layout, Piece, Row
from misfin_tui.wording.links import links_in

_TOGETHER = "\N{NO-BREAK SPACE}"  # a number is on the line its link begins on
_Span = tuple[int, int, int]  # from, to, number


def lay_out_plain(text: str, width: int, *, first_link: int = 1) -> Layout:
    """Lay ordinary text out; it is made harmless here. The number of a link comes before it."""
    layout = Layout()
    for source, line in enumerate(plain(text, one_line=False).expandtabs(TAB).split("\n")):
        role = "quote" if line.startswith(">") else "text"
        if not any(links_in(line)):
            layout.rows += [Row(((part, role),), source=source) for part in wrap(line, width)]
            continue
        marked, spans = _numbered(line, layout.links, first_link)
        at = 0
        for part in wrap(marked, width):
            at = marked.index(part, at)  # only spaces were left out
            here = [span for span in spans if span[0] < at + len(part) and span[1] > at]
            pieces = _pieces(marked, at, at + len(part), here, role)
            number = here[0][2] if here else 0
            layout.rows.append(Row(pieces, link=number, source=source))
            at += len(part)
    return layout


def _numbered(line: str, links: list[str], first_link: int) -> tuple[str, list[_Span]]:
    """The line with ``[n]`` before each link, and where the links then are."""
    marked, spans, last = "", [], 0
    for start, target in links_in(line):
        links.append(target)
        number = first_link + len(links) - 1
        marked += line[last:start]
        spans.append((len(marked), len(marked) + len(f"[{number}] ") + len(target), number))
        marked += f"[{number}]{_TOGETHER}{target}"
        last = start + len(target)
    return marked + line[last:], spans


def _pieces(text: str, start: int, end: int, spans: list[_Span], role: str) -> tuple[Piece, ...]:
    """The text from ``start`` to ``end``, cut where links begin and end."""
    pieces: list[Piece] = []
    at = start
    for first, last, number in spans:
        if first > at:
            pieces.append((text[at:first], role))
        lead = first + len(f"[{number}] ")
        if first >= start:
            pieces.append((text[first : min(lead, end)].replace(_TOGETHER, " "), "link-number"))
        if min(last, end) > max(lead, start):
            pieces.append((text[max(lead, start) : min(last, end)], "link"))
        at = min(last, end)
    if at < end:
        pieces.append((text[at:end], role))
    return tuple(pieces)
