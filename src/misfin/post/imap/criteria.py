"""Our search language as a server understands it (RFC 3501 §6.4.4, and X-GM-RAW at Gmail). Pure.

Servers search differently than the index here: for parts of words, by days of their own time zone, and not
for everything. What a server cannot search for is refused, so that nothing is shown that was not asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, Literal

from misfin.email.imap import searching
from misfin.email.imap.searching import Criterion
from misfin.errors import CommandError, QueryError
from misfin.store.search.query import All, Any, Dated, In, Node, Not, SearchedState, Tag, Text

_MARKS: Final = {"unread": "UNSEEN", "read": "SEEN", "starred": "FLAGGED"}
_GMAIL_STATES: Final = {
    "unread": "is:unread",
    "read": "is:read",
    "starred": "is:starred",
    "attachment": "has:attachment",
}
_FIELDS: Final[dict[str, tuple[Literal["BODY", "CC", "FROM", "SUBJECT", "TEXT", "TO"], ...]]] = {
    "": ("TEXT",),
    "sender": ("FROM",),
    "recipients": ("TO", "CC"),
    "subject": ("SUBJECT",),
    "body": ("BODY",),
}
_GMAIL_FIELDS: Final = {"": "", "sender": "from:", "recipients": "to:", "subject": "subject:", "body": ""}


def criteria_of(node: Node | None, *, gmail: bool = False) -> list[Criterion]:
    """What to ask for, but for folders (:func:`places_of`); nothing for every message.

    Raises :class:`~misfin.errors.QueryError` for what a server cannot search for.
    """
    if node is None:
        return []
    try:
        if gmail:
            words = _words(node)
            return [searching.gmail(words)] if words else []
        found = _criterion(node)
    except CommandError as error:
        raise QueryError(str(error), column=0) from error
    return [] if found is None else [found]


def places_of(node: Node | None) -> list[str]:
    """The folders that the search is restricted to, as they were written; none for all of them."""
    match node:
        case In(place):
            return [place]
        case All(terms):
            return [place for term in terms for place in places_of(term)]
    return []


def _cannot(name: str) -> QueryError:
    return QueryError(
        f"The server cannot search for {name}.", column=0, remedy="Leave it out to search the server."
    )


def _criterion(node: Node) -> Criterion | None:
    """None for a folder, which is where it is asked and not what."""
    match node:
        case Text(words, column):
            return _any(searching.contains(field, words) for field in _FIELDS[column])
        case SearchedState(name) if name in _MARKS:
            return searching.marked(_MARKS[name])
        case Tag(name):
            return searching.keyword(name)
        case Dated(at, earlier):
            day = datetime.fromtimestamp(at, UTC).date()
            return searching.received("BEFORE" if earlier else "SINCE", day)
        case Not(term) if (inner := _criterion(term)) is not None:
            return searching.neither(inner)
        case All(terms):
            found = [each for each in map(_criterion, terms) if each is not None]
            return searching.together(*found) if found else None
        case Any(terms):
            return _any(_whole(term) for term in terms)
        case In():
            return None
        case SearchedState(name):
            raise _cannot(f"is:{name}" if name != "attachment" else "has:attachment")
    raise _cannot("that")


def _whole(node: Node) -> Criterion:
    found = _criterion(node)
    if found is None:
        raise _cannot("one of several folders")
    return found


def _any(criteria: Iterator[Criterion]) -> Criterion:
    found, *others = criteria
    for other in others:
        found = searching.either(found, other)
    return found


def _words(node: Node) -> str:
    """As one would type it at Gmail. No word of a person can become anything but a word."""
    match node:
        case Text(words, column):
            plain = words.replace('"', " ").replace("\\", " ").strip()
            return f'{_GMAIL_FIELDS[column]}"{plain}"' if plain else ""
        case SearchedState(name) if name in _GMAIL_STATES:
            return _GMAIL_STATES[name]
        case Dated(at, earlier):
            return f"{'before' if earlier else 'after'}:{max(0, int(at))}"
        case Not(term):
            inner = _words(term)
            return f"-({inner})" if inner else ""
        case All(terms):
            return " ".join(filter(None, map(_words, terms)))
        case Any(terms):
            return "{" + " ".join(f"({each})" for each in filter(None, map(_words, terms))) + "}"
        case In():
            return ""
        case SearchedState(name):
            raise _cannot(f"is:{name}")
    raise _cannot("tags")
