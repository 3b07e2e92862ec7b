"""What the search box offers while a search is typed: field names, then the values of a field."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from misfin.store.rows import Completion
from misfin.store.search.query import CONTENTS, DAYS, FIELDS, STATES

People = Callable[[str], Iterable[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What can be offered: ``writers`` and ``addressees`` find (address, name) by the beginning of either,
    ``places`` are what ``in:`` takes: folders, accounts, folders of accounts."""

    writers: People
    addressees: People
    tags: Sequence[str] = ()
    places: Sequence[str] = ()


def no_people(_: str) -> tuple[()]:
    """People, where none are known."""
    return ()


NOTHING = Vocabulary(no_people, no_people)
"""Enough to offer the names of fields."""


def complete(text: str, cursor: int, known: Vocabulary, limit: int = 8) -> list[Completion]:
    """What the word at ``cursor`` could become: field names first, then the values of a field."""
    start, name = _begun(text[:cursor])
    if text[start : start + 1] == "-":
        start += 1
    word = text[start:cursor]
    field, colon, value = word.partition(":")
    if word.startswith('"'):
        value = word
    elif colon:
        name, start = field.lower(), start + len(field) + 1
    elif name:
        value = word
    else:
        offers = ((f"{each}:", hint) for each, hint in FIELDS.items())
        return _offers(offers, word, start, cursor, limit)
    value = value.lstrip('"')
    match name:
        case "from":
            return _people(known.writers(value), start, cursor, limit)
        case "to":
            found = (*known.addressees(value), *known.writers(value))
            return _people(found, start, cursor, limit)
        case "tag":
            return _offers(((tag, "") for tag in known.tags), value, start, cursor, limit)
        case "in":
            named = ((f'"{place}"' if set(place) & set(" ()") else place, "") for place in known.places)
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


def _begun(text: str) -> tuple[int, str]:
    """Where the word at the end of a text begins, and the field whose brackets it is in."""
    start, quoted, around = 0, False, [""]
    for at, sign in enumerate(text):
        if sign == '"':
            quoted = not quoted
            if not quoted:
                start = at + 1
            elif not text[start:at].endswith(":"):
                start = at
        elif quoted:
            continue
        elif sign.isspace():
            start = at + 1
        elif sign == "(":
            field, colon, _ = text[start:at].lstrip("-").partition(":")
            around.append(field.lower() if colon else around[-1])
            start = at + 1
        elif sign == ")":
            around = around[:-1] or [""]
            start = at + 1
    return start, around[-1]


def _people(found: Iterable[tuple[str, str]], start: int, end: int, limit: int) -> list[Completion]:
    once: dict[str, str] = {}
    for address, name in found:
        once.setdefault(address, name)
    return [Completion(address, start, end, name) for address, name in once.items()][:limit]


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
