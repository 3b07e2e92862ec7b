"""Gemtext as HTML for mail programs that show nothing else well: elements without any style. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from itertools import groupby

from misfin.model.gemtext import Line, LineKind, parse

_HEADINGS = {LineKind.HEADING1: "h1", LineKind.HEADING2: "h2", LineKind.HEADING3: "h3"}
_PREFORMATTED = (LineKind.PRE_OPEN, LineKind.PRE, LineKind.PRE_CLOSE)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_ACTIVE = frozenset({"javascript", "vbscript", "data", "file", "blob"})
"""Schemes that run something or read the reader's disk; such a link is written as text."""
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def gemtext_to_html(text: str) -> str:
    """A whole document; everything in the text is escaped."""
    body = "".join(_blocks(parse(text)))
    return f'<!DOCTYPE html>\n<html><head><meta charset="utf-8"></head><body>\n{body}</body></html>\n'


def _blocks(lines: list[Line]) -> Iterator[str]:
    for kind, group in groupby(lines, key=_block_of):
        found = list(group)
        match kind:
            case LineKind.PRE:
                yield from _preformatted(found)
            case LineKind.LIST:
                items = "".join(f"<li>{_safe(line.text)}</li>\n" for line in found)
                yield f"<ul>\n{items}</ul>\n"
            case LineKind.QUOTE:
                yield f"<blockquote>\n{_paragraphs(found)}</blockquote>\n"
            case LineKind.TEXT:
                yield _paragraphs(found)
            case LineKind.LINK:
                yield f"<p>{'<br>'.join(map(_link, found))}</p>\n"
            case _:
                element = _HEADINGS[kind]
                yield from (f"<{element}>{_safe(line.text)}</{element}>\n" for line in found)


def _block_of(line: Line) -> LineKind:
    return LineKind.PRE if line.kind in _PREFORMATTED else line.kind


def _preformatted(lines: list[Line]) -> Iterator[str]:
    held: list[str] = []
    for line in lines:
        if line.kind is LineKind.PRE:
            held.append(_safe(line.text))
        elif line.kind is LineKind.PRE_CLOSE:
            yield _pre(held)
            held = []
    if held:  # never closed
        yield _pre(held)


def _pre(lines: list[str]) -> str:
    # A line break right after the tag is not part of the text.
    return "<pre>\n" + "\n".join(lines) + "</pre>\n"


def _paragraphs(lines: list[Line]) -> str:
    """Lines as they were typed, a paragraph wherever a blank line is."""
    found = []
    for blank, group in groupby(lines, key=lambda line: not line.text.strip()):
        if not blank:
            found.append("<p>" + "<br>\n".join(_safe(line.text) for line in group) + "</p>\n")
    return "".join(found)


def _link(line: Line) -> str:
    scheme = _SCHEME.match(line.url)
    if scheme is None or scheme[1].lower() in _ACTIVE:
        return _safe(line.text if line.text == line.url else f"{line.text} ({line.url})")
    return f'<a href="{_safe(line.url)}">{_safe(line.text)}</a>'


def _safe(text: str) -> str:
    return escape(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", text))
