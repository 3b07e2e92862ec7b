"""What the search box offers while a search is typed: field names, then the values of a field."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from misfin.store.query import CONTENTS, DAYS, FIELDS, STATES
from misfin.store.rows import Completion


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What the index can offer: ``people`` finds (address, name) by the beginning of either."""

    people: Callable[[str], Iterable[tuple[str, str]]]
    tags: Sequence[str] = ()
    folders: Sequence[str] = ()


NOTHING = Vocabulary(lambda _: ())
"""Enough to offer the names of fields."""


def complete(text: str, cursor: int, known: Vocabulary, limit: int = 8) -> list[Completion]:
    """What the word at ``cursor`` could become: field names first, then the values of a field."""
    start = max(text.rfind(" ", 0, cursor), text.rfind("(", 0, cursor)) + 1
    if text[start : start + 1] == "-":
        start += 1
    if text.count('"', 0, start) % 2:
        return []
    word = text[start:cursor]
    name, colon, value = word.partition(":")
    if not colon:
        offers = ((f"{field}:", hint) for field, hint in FIELDS.items())
        return _offers(offers, word, start, cursor, limit)
    value = value.lstrip('"')
    start += len(name) + 1
    match name.lower():
        case "from" | "to":
            found = known.people(value)
            return [Completion(address, start, cursor, who) for address, who in found][:limit]
        case "tag":
            return _offers(((tag, "") for tag in known.tags), value, start, cursor, limit)
        case "in":
            named = ((f'"{folder}"' if " " in folder else folder, "") for folder in known.folders)
            return _offers(named, value, start, cursor, limit)
        case "is":
            return _offers(STATES.items(), value, start, cursor, limit)
        case "has":
            return _offers(CONTENTS.items(), value, start, cursor, limit)
        case "before" | "after":
            spans = (
                *((day, "") for day in DAYS),
                ("1w", "a week ago"),
                ("1m", "a month ago"),
                ("1y", "a year ago"),
            )
            return _offers(spans, value, start, cursor, limit)
        case _:
            return []


def _offers(
    offers: Iterable[tuple[str, str]], begun: str, start: int, end: int, limit: int
) -> list[Completion]:
    begun = begun.casefold()
    fitting = [
        Completion(text, start, end, hint)
        for text, hint in offers
        if text.lstrip('"').casefold().startswith(begun) and text.casefold() != begun
    ]
    return fitting[:limit]
