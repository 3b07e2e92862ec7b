"""Gemtext: the kinds of line, and the subject, preview and composition built on them."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from misfin.valueclass import dataclass


class LineKind(StrEnum):
    """What a line of gemtext is (docs/protocol.md §9.3)."""

    TEXT = "text"
    LINK = "link"
    HEADING1 = "heading1"
    HEADING2 = "heading2"
    HEADING3 = "heading3"
    LIST = "list"
    QUOTE = "quote"
    PRE_OPEN = "pre-open"
    """The fence that opens a preformatted block; ``text`` is its alt text."""
    PRE = "pre"
    PRE_CLOSE = "pre-close"


_HEADINGS = {1: LineKind.HEADING1, 2: LineKind.HEADING2, 3: LineKind.HEADING3}
_FENCE = "```"

PREVIEW_LENGTH = 200
"""Characters of a preview: more than the widest list row shows."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: ``text`` is what a reader sees, ``raw`` the line as written, without its line end.

    A link without a label has its URL as text.
    """

    kind: LineKind
    text: str
    url: str = ""
    raw: str = ""


def parse(text: str) -> list[Line]:
    """Every line of a gemtext, blank ones too. Linear; accepts any text.

    Lines end with LF or CRLF only: Unicode's other line separators are ordinary text here.
    """
    return list(_lines(text))


def subject_of(body: str) -> str | None:
    """The first non-blank heading of any level outside preformatted blocks (docs/protocol.md §3.5)."""
    if "#" not in body:
        return None
    preformatted = False
    for line in body.split("\n"):
        if line.startswith(_FENCE):
            preformatted = not preformatted
        elif not preformatted and line.startswith("#") and (subject := line.lstrip("#").strip()):
            return subject
    return None


def preview_of(body: str) -> str:
    """The first words of a body on one line, for a list row.

    Headings and quoted lines are left out unless there is nothing else.
    """
    kinds_by_choice: tuple[set[LineKind], ...] = (
        {LineKind.TEXT, LineKind.LINK, LineKind.LIST, LineKind.PRE},
        {LineKind.QUOTE},
        {LineKind.HEADING1, LineKind.HEADING2, LineKind.HEADING3},
    )
    for kinds in kinds_by_choice:
        words: list[str] = []
        length = 0
        for line in _lines(body):
            if line.kind in kinds and (text := " ".join(line.text.split())):
                words.append(text)
                length += len(text) + 1
                if length > PREVIEW_LENGTH:
                    break
        if words:
            return " ".join(words)[:PREVIEW_LENGTH].rstrip()
    return ""


def compose(subject: str, body: str) -> str:
    """``# subject``, a blank line and the body, with LF line ends and one at the end (docs/protocol.md §3.5).

    Without a subject there is no heading and nothing is added: the text is sent as written. Line ends in the
    subject become spaces.
    """
    heading = " ".join(subject.replace("\r", "\n").split("\n")).strip()
    text = body.replace("\r\n", "\n").replace("\r", "\n")
    if not heading:
        return text
    if text and not text.endswith("\n"):
        text += "\n"
    return f"# {heading}\n\n{text}" if text else f"# {heading}\n"


def _lines(text: str) -> Iterator[Line]:
    if not text:
        return
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()  # the last LF ends a line and starts none
    preformatted = False
    for line in lines:
        raw = line[:-1] if line.endswith("\r") else line
        if raw.startswith(_FENCE):
            preformatted = not preformatted
            if preformatted:
                yield Line(LineKind.PRE_OPEN, raw[3:].strip(), raw=raw)
            else:
                yield Line(LineKind.PRE_CLOSE, "", raw=raw)
        elif preformatted:
            yield Line(LineKind.PRE, raw, raw=raw)
        else:
            yield _line(raw)


def _line(raw: str) -> Line:
    first = raw[:1]
    if first == "=" and raw.startswith("=>"):
        url, *label = raw[2:].split(None, 1) or [""]
        if url:
            return Line(LineKind.LINK, label[0].rstrip() if label else url, url, raw)
    elif first == "#":
        level = 3 if raw.startswith("###") else 2 if raw.startswith("##") else 1
        return Line(_HEADINGS[level], raw[level:].strip(), raw=raw)
    elif first == "*" and raw.startswith("* "):
        return Line(LineKind.LIST, raw[2:].strip(), raw=raw)
    elif first == ">":
        return Line(LineKind.QUOTE, raw[1:].strip(), raw=raw)
    return Line(LineKind.TEXT, raw, raw=raw)
