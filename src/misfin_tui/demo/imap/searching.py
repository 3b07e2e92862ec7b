"""What SEARCH finds (RFC 3501 §6.4.4): criteria as a function of one message."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Final

from misfin.email.imap import Token
from misfin.email.imap.tokens import MalformedError
from misfin_tui.demo.imap.mailboxes import HostedMessage

_FLAGS: Final = ("ANSWERED", "DELETED", "DRAFT", "FLAGGED", "SEEN")
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A message that may be found; ``data`` reads it."""

    message: HostedMessage
    data: Callable[[], bytes]

    @property
    def day(self) -> date:
        """When it was received."""
        return datetime.fromtimestamp(self.message.received, UTC).date()

    def parsed(self) -> EmailMessage:
        """Its content."""
        return message_from_bytes(self.data(), _class=EmailMessage, policy=default)


Test = Callable[[Candidate], bool]
Maker = Callable[[Iterator[Token]], Test]


def read_criteria(
    values: Collection[Token], uids: Collection[int], more: Mapping[str, Maker] | None = None
) -> Test:
    """A test for all of the criteria; ``uids`` are those of the folder, ``more`` further keys by their names.

    Raises :class:`~misfin.email.imap.tokens.MalformedError`.
    """
    keys = {**_KEYS, "UID": lambda rest: _within(word(rest), uids), **(more or {})}
    rest = iter(values)
    tests = []
    for value in rest:
        if value == b"CHARSET":
            word(rest)
        else:
            tests.append(_test(value, rest, keys, uids))
    return lambda candidate: all(test(candidate) for test in tests)


def word(rest: Iterator[Token]) -> bytes:
    """The next argument. Raises MalformedError."""
    value = next(rest, None)
    if not isinstance(value, bytes):
        raise MalformedError("an argument is missing")
    return value


def uid_set(text: bytes, uids: Collection[int]) -> set[int]:
    """Those of the UIDs that a set names; ``*`` is the last. Raises MalformedError."""
    last = max(uids, default=0)
    found: set[int] = set()
    for part in text.split(b","):
        first, _, end = part.partition(b":")
        numbers = [
            last if each == b"*" else int(each) if each.isdigit() else -1 for each in (first, end or first)
        ]
        if min(numbers) < 0:
            raise MalformedError("not a set of UIDs")
        found |= {uid for uid in uids if min(numbers) <= uid <= max(numbers)}
    return found


def _test(value: Token, rest: Iterator[Token], keys: Mapping[str, Maker], uids: Collection[int]) -> Test:
    if isinstance(value, list):
        inner = iter(value)
        tests = [_test(each, inner, keys, uids) for each in inner]
        return lambda candidate: all(test(candidate) for test in tests)
    name = value.decode("ascii", "replace").upper() if isinstance(value, bytes) else ""
    if name == "NOT":
        negated = _test(next(rest, None), rest, keys, uids)
        return lambda candidate: not negated(candidate)
    if name == "OR":
        one, other = (_test(next(rest, None), rest, keys, uids) for _ in range(2))
        return lambda candidate: one(candidate) or other(candidate)
    if name not in keys:
        raise MalformedError(f"{name} cannot be searched for")
    return keys[name](rest)


def _within(text: bytes, uids: Collection[int]) -> Test:
    wanted = uid_set(text, uids)
    return lambda candidate: candidate.message.uid in wanted


def _flag(name: str, *, has: bool) -> Maker:
    flag = f"\\{name.capitalize()}"
    return lambda _: lambda candidate: (flag in candidate.message.flags) is has


def _keyword(rest: Iterator[Token]) -> Test:
    name = word(rest).decode("utf-8", "replace")
    return lambda candidate: name in candidate.message.flags


def _field(name: str) -> Maker:
    return lambda rest: _in_field(name, word(rest))


def _header(rest: Iterator[Token]) -> Test:
    return _in_field(word(rest).decode("ascii", "replace"), word(rest))


def _in_field(name: str, value: bytes) -> Test:
    wanted = value.decode("utf-8", "replace").casefold()
    return lambda candidate: any(
        wanted in str(each).casefold() for each in candidate.parsed().get_all(name, [])
    )


def _text(*, body: bool) -> Maker:
    def make(rest: Iterator[Token]) -> Test:
        wanted = word(rest).decode("utf-8", "replace").casefold()
        return lambda candidate: wanted in contents(candidate, body=body).casefold()

    return make


def contents(candidate: Candidate, *, body: bool = False) -> str:
    """The texts of a message, with its header fields unless only the ``body`` is wanted."""
    message = candidate.parsed()
    parts = [part for part in message.walk() if part.get_content_maintype() == "text"]
    texts = [bytes(part.get_payload(decode=True) or b"").decode("utf-8", "replace") for part in parts]
    return "\n".join([*([] if body else map(str, message.values())), *texts])


def _size(*, larger: bool) -> Maker:
    def make(rest: Iterator[Token]) -> Test:
        size = word(rest)
        if not size.isdigit():
            raise MalformedError("not a size")
        return lambda candidate: (
            candidate.message.size > int(size) if larger else candidate.message.size < int(size)
        )

    return make


def _day(compare: Callable[[date, date], bool]) -> Maker:
    def make(rest: Iterator[Token]) -> Test:
        try:
            day, month, year = word(rest).decode("ascii", "replace").split("-")
            at = date(int(year), 1 + _MONTHS.index(month.lower()), int(day))
        except ValueError:
            raise MalformedError("not a date") from None
        return lambda candidate: compare(candidate.day, at)

    return make


_KEYS: Final[dict[str, Maker]] = {
    "ALL": lambda _: lambda _candidate: True,
    **{name: _flag(name, has=True) for name in _FLAGS},
    **{f"UN{name}": _flag(name, has=False) for name in _FLAGS},
    **{name: _field(name) for name in ("BCC", "CC", "FROM", "SUBJECT", "TO")},
    "HEADER": _header,
    "KEYWORD": _keyword,
    "TEXT": _text(body=False),
    "BODY": _text(body=True),
    "LARGER": _size(larger=True),
    "SMALLER": _size(larger=False),
    "BEFORE": _day(lambda received, at: received < at),
    "ON": _day(lambda received, at: received == at),
    "SINCE": _day(lambda received, at: received >= at),
}
