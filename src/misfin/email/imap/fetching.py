"""The items of a FETCH answer, by name."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Final

from misfin.email.imap.reader import BODY_NAME, Answer, Streamed
from misfin.email.imap.tokens import MalformedError, number, tokens
from misfin.email.imap.uids import parse_number
from misfin.email.imap.values import Fetch, Part, Token

_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DATE: Final = re.compile(
    rb" *(\d{1,2})-([A-Za-z]{3})-(\d{4}) +(\d\d):(\d\d):(\d\d)(?: +([+-])(\d\d)(\d\d))? *\Z"
)
_BODY: Final = re.compile(rb"(" + BODY_NAME + rb")(?:<(\d{1,18})>)?\Z", re.IGNORECASE)


def parse_fetch(place: int, parts: Answer) -> Fetch:
    """The answer about the message at this place; raises ValueError."""
    values = tokens(parts)
    if len(values) != 1 or not isinstance(pairs := values[0], list):
        raise MalformedError("not one list in FETCH")
    if len(pairs) % 2:
        raise MalformedError("an item without a value in FETCH")
    items: dict[str, object] = {}
    for at in range(0, len(pairs), 2):
        key, value = pairs[at], pairs[at + 1]
        if not isinstance(key, bytes):
            raise MalformedError("no name of an item in FETCH")
        name, read = _item(key)
        items[name] = read(value)
    return Fetch(place, items)


@lru_cache(maxsize=256)
def _item(key: bytes) -> tuple[str, Callable[[Token], object]]:
    """The name of an item as we call it, and what reads its value. A server uses few, again and again."""
    if (body := _BODY.match(key)) is not None:
        origin = int(body[2]) if body[2] else None
        return body[1].decode("ascii", "replace").upper(), lambda value: _part(value, origin)
    name = key.decode("ascii", "replace").upper()
    return name, _READ.get(name, _as_it_is)


def _as_it_is(value: Token) -> object:
    return value


def _part(value: Token, origin: int | None) -> Part:
    match value:
        case bytes():
            return Part(value, origin, len(value))
        case Streamed(size):
            return Part(None, origin, size, streamed=True)
        case None:
            return Part(None, origin, 0)
    raise MalformedError("a list instead of a body")


def _uid(value: Token) -> int:
    if not isinstance(value, bytes):
        raise MalformedError("not a UID")
    return parse_number(value)


def _size(value: Token) -> int:
    if not isinstance(value, bytes):
        raise MalformedError("not a number")
    return number(value)


def _modseq(value: Token) -> int:
    return _size(value[0] if isinstance(value, list) and len(value) == 1 else value)


def _flags(value: Token) -> frozenset[str]:
    if not isinstance(value, list):
        raise MalformedError("no list of flags")
    return _flag_set(tuple(flag for flag in value if isinstance(flag, bytes)))


@lru_cache(maxsize=1024)
def _flag_set(flags: tuple[bytes, ...]) -> frozenset[str]:
    return frozenset(flag.decode("utf-8", "replace") for flag in flags)


def _date(value: Token) -> datetime | None:
    """None for an invalid date: it is not worth losing the rest for."""
    if not isinstance(value, bytes) or (found := _DATE.match(value)) is None:
        return None
    day, month, year, hour, minute, second, sign, hours, minutes = found.groups()
    name = month.decode("ascii").upper()
    if name not in _MONTHS:
        return None
    zone = UTC
    try:
        if sign is not None:
            offset = timedelta(hours=int(hours), minutes=int(minutes))
            zone = timezone(-offset if sign == b"-" else offset)
        return datetime(
            int(year), _MONTHS.index(name) + 1, int(day), int(hour), int(minute), int(second), tzinfo=zone
        )
    except ValueError:
        return None


_READ: Final[dict[str, Callable[[Token], object]]] = {
    "FLAGS": _flags,
    "INTERNALDATE": _date,
    "MODSEQ": _modseq,
    "RFC822.SIZE": _size,
    "UID": _uid,
}
