"""Divides a line of recipients into its entries, as RFC 5322 §3.4 writes lists. Pure.

Commas, semicolons and line ends separate entries, except within a quoted name, ``<…>`` or a comment. A group
(``Team: ada@a.example, bob@b.example;``) is its members. What is opened and never closed is ordinary text, so
one stray quotation mark does not make a single entry of a long pasted list.
"""

from __future__ import annotations

import re

from misfin.valueclass import dataclass

_QUOTED = r'"(?:[^"\\\n]|\\.)*+"'
_COMMENT = r"\((?:[^()\\\n]|\\.|\([^()\n]*+\))*+\)"
_PIECE = re.compile(rf"(?<![^\s,;:(<]){_QUOTED}|<[^<>\n]*+>|{_COMMENT}|(?P<separator>[,;\n])")
# A label is a phrase and a colon; `misfin:` and `mailto:` give the kind of an address, a number is a port.
_LABEL = re.compile(
    rf'\s*+(?!(?:misfin|mailto):)(?:{_QUOTED}|[^\s"@<>()\[\],;:\\]++|\s++)++:(?!//|\d)\s*', re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class ListedEntry:
    """One entry of a list, and where it is: ``text[start:end]``, spaces around it included."""

    text: str
    start: int
    end: int


def entries(text: str) -> list[ListedEntry]:
    """Every entry that is not empty, in their order."""
    return [each for each in _all(text) if each.text]


def entry_at(text: str, position: int) -> ListedEntry:
    """The entry around a place in the text, perhaps an empty one: what a person there is typing."""
    return next(each for each in _all(text) if position <= each.end)


def entries_of(text: str) -> list[str]:
    """The text of every entry."""
    return [each.text for each in entries(text)]


def _all(text: str) -> list[ListedEntry]:
    found, start = [], 0
    for piece in _PIECE.finditer(text):
        if piece["separator"]:
            found.append(_entry(text, start, piece.start(), closed=piece["separator"] == ";"))
            start = piece.end()
    found.append(_entry(text, start, len(text), closed=False))
    return found


def _entry(text: str, start: int, end: int, *, closed: bool) -> ListedEntry:
    label = _LABEL.match(text, start, end) if text.find(":", start, end) >= 0 else None
    # The label of a group without a member stays while it may still get one.
    if label and (closed or text[label.end() : end].strip()):
        start = label.end()
    return ListedEntry(text[start:end].strip(), start, end)
