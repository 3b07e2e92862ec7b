"""Arguments of commands as bytes no argument can break out of.

A command is a sequence of parts: bytes that this package has written or checked, and values whose spelling
depends on what the server offers when they leave. Nothing else reaches the wire.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import field
from datetime import date, datetime
from enum import Enum
from typing import Final, TypeAlias

from misfin.email.imap.limits import LITERAL_MINUS, MAX_COMMAND, MAX_QUOTED, NON_SYNCHRONIZING_BODY
from misfin.email.imap.names import MailboxName, encode_name
from misfin.errors import CommandError
from misfin.valueclass import dataclass


@dataclass(frozen=True, slots=True)
class StringPart:
    """A string, quoted or as a literal. It is not shown: it may be a password."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Mailbox:
    """The name of a mailbox."""

    name: MailboxName


@dataclass(frozen=True, slots=True)
class Upload:
    """A literal of ``size`` bytes which the caller gives; ``binary``: with NUL in it (RFC 3516 §4.4)."""

    size: int
    binary: bool = False


CommandPart: TypeAlias = bytes | StringPart | Mailbox | Upload


class Pause(Enum):
    """Between what can be written and what can not yet."""

    CONTINUATION = "wait for the server's +"


WriteStep: TypeAlias = bytes | Pause | Upload


@dataclass(frozen=True, slots=True)
class Spelling:
    """What a server offers that decides how a command is written."""

    literal_plus: bool = False
    literal_minus: bool = False
    utf8: bool = False

    def non_synchronizing(self, size: int, most: int = NON_SYNCHRONIZING_BODY) -> bool:
        """Whether a literal of this size may be sent without waiting for the server (RFC 7888)."""
        return size <= most if self.literal_plus else self.literal_minus and size <= LITERAL_MINUS


_QUOTABLE: Final = re.compile(rb"[\x20-\x7e]*\Z")
_QUOTE: Final = re.compile(rb"([\\\"])")
_ATOM: Final = re.compile(r"[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]+\Z")
_FLAG: Final = re.compile(r"\\?[!#$&'+,\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]+\Z")
_NAME: Final = r"[!#$&'+\-.0-9A-Z^_`a-z|~]+"  # of a header field, where it may stand without quotes
_ITEM: Final = re.compile(
    rf"[A-Za-z0-9.\-]+(?:\[[A-Za-z0-9.\-]*(?: \({_NAME}(?: {_NAME})*\))?\](?:<\d{{1,10}}\.\d{{1,10}}>)?)?\Z"
)
_HEADER_NAME: Final = re.compile(_NAME + r"\Z")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def text(value: str | bytes) -> StringPart:
    """A string argument; raises :class:`CommandError` when it holds NUL, CR or LF."""
    try:
        data = value.encode("utf-8") if isinstance(value, str) else value
    except UnicodeEncodeError:
        raise CommandError("The text holds characters that cannot be encoded.") from None
    if {0, 10, 13} & set(data):
        raise CommandError("The text holds line breaks or NUL.")
    return StringPart(data)


def atom(value: str) -> bytes:
    """A word; raises :class:`CommandError` when it is anything else."""
    if not _ATOM.match(value):
        raise CommandError(f"{value!r} is not a word of IMAP.")
    return value.encode("ascii")


def items(values: Iterable[str]) -> bytes:
    """Items of FETCH, STATUS and the like in parentheses; raises :class:`CommandError`."""
    written = list(values)
    for value in written:
        if not _ITEM.match(value):
            raise CommandError(f"{value!r} cannot be asked for.")
    if not written:
        raise CommandError("Nothing is asked for.")
    return b"(" + " ".join(written).encode("ascii") + b")"


def flags(values: Iterable[str]) -> bytes:
    """Flags and keywords in parentheses; raises :class:`CommandError`."""
    written = sorted(values)
    for value in written:
        if not _FLAG.match(value):
            raise CommandError(f"{value!r} cannot be a flag.")
    return b"(" + " ".join(written).encode("ascii") + b")"


def header_name(value: str) -> str:
    """The name of a header field; raises :class:`CommandError`."""
    if not _HEADER_NAME.match(value):
        raise CommandError(f"{value!r} cannot be the name of a header field.")
    return value


def day(value: date) -> bytes:
    """A date as SEARCH takes it, in English on every system."""
    return f"{value.day}-{_MONTHS[value.month - 1]}-{value.year:04}".encode("ascii")


def moment(value: datetime) -> bytes:
    """A date and time as APPEND takes it, quoted; a time without a zone raises :class:`CommandError`."""
    offset = value.utcoffset()
    if offset is None:
        raise CommandError("The date has no time zone.")
    minutes = round(offset.total_seconds() / 60)
    zone = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}{abs(minutes) % 60:02}"
    date_ = f"{value.day:02}-{_MONTHS[value.month - 1]}-{value.year:04}"
    return f'"{date_} {value:%H:%M:%S} {zone}"'.encode("ascii")


def counted(value: int, what: str, *, bits: int = 63) -> bytes:
    """A number; raises :class:`CommandError` when it is negative or too large."""
    if not 0 <= value < 1 << bits:
        raise CommandError(f"{value} cannot be {what}.")
    return b"%d" % value


def write(tag: str, parts: Sequence[CommandPart], spelling: Spelling) -> list[WriteStep]:
    """The command, with pauses where the server has to agree first; raises :class:`CommandError`.

    The limit of a line counts everything but what is in literals.
    """
    steps: list[WriteStep] = []
    line = bytearray(tag.encode("ascii") + b" ")
    length = len(line)

    def literal(
        size: int, content: WriteStep, *, mark: bytes = b"", most: int = NON_SYNCHRONIZING_BODY
    ) -> None:
        at_once = spelling.non_synchronizing(size, most)
        line.extend(mark + b"{%d%s}\r\n" % (size, b"+" if at_once else b""))
        steps.append(bytes(line))
        if not at_once:
            steps.append(Pause.CONTINUATION)
        steps.append(content)
        line.clear()

    for part in parts:
        before = len(line)
        match part:
            case bytes():
                line += part
            case Upload(size, binary):
                literal(size, part, mark=b"~" if binary else b"")
                before = 0
            case _:
                data = (
                    part.data if isinstance(part, StringPart) else encode_name(part.name, utf8=spelling.utf8)
                )
                if _quotable(data, utf8=spelling.utf8 and isinstance(part, Mailbox)):
                    line += b'"' + _QUOTE.sub(rb"\\\1", data) + b'"'
                else:
                    literal(len(data), data)
                    before = 0
        length += max(0, len(line) - before)
    if length > MAX_COMMAND:
        raise CommandError(
            f"The command would be {length:,} bytes long; servers take at most {MAX_COMMAND:,}."
        )
    steps.append(bytes(line) + b"\r\n")
    return steps


def _quotable(data: bytes, *, utf8: bool) -> bool:
    if len(data) > MAX_QUOTED:
        return False
    if _QUOTABLE.match(data):
        return True
    try:
        return utf8 and data.decode("utf-8").isprintable()
    except UnicodeDecodeError:
        return False
