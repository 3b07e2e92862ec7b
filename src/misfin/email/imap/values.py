"""What a server says, as values; nothing in them is checked beyond its form.

Text is decoded with replacement characters and may hold control characters: it is a stranger's. What an
answer leaves out is None or empty, and no answer may be relied on to hold any item.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import datetime
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple, TypeAlias, TypeVar

from misfin.email.imap.reader import Streamed
from misfin.email.imap.uids import Ranges, UidSet
from misfin.model.distinct import distinct
from misfin.valueclass import dataclass

Token: TypeAlias = "bytes | Streamed | list[Token] | None"  # noqa: S105 - a token of a grammar
"""A value as the server wrote it: a string or atom, a list, or None for NIL."""


_T = TypeVar("_T")


class Status(Enum):
    """How a command ended, or what kind of notice this is."""

    OK = "OK"
    NO = "NO"
    BAD = "BAD"
    PREAUTH = "PREAUTH"


# ---- response codes -------------------------------------------------------------------------------


@distinct
class AppendUid(NamedTuple):
    """``APPENDUID``: which UIDs appended messages got (RFC 4315 §3).

    Some servers send nonsense: compare ``validity`` with the mailbox's UIDVALIDITY.
    """

    validity: int
    uids: UidSet


@distinct
class CopyUid(NamedTuple):
    """``COPYUID``: which UIDs copied or moved messages had, and what they have become (RFC 4315 §3)."""

    validity: int
    source: Ranges
    target: Ranges

    def pairs(self) -> Iterator[tuple[int, int]]:
        """(old, new) for each message, as many on both sides."""
        return zip(_spelled_out(self.source), _spelled_out(self.target), strict=True)


CodeValue: TypeAlias = int | UidSet | AppendUid | CopyUid | frozenset[str] | str | None


@distinct
class Code(NamedTuple):
    """A response code: what stands in brackets. ``text`` are its arguments as they came, ``value`` what they
    mean.

    ``UIDVALIDITY``, ``UIDNEXT``, ``HIGHESTMODSEQ``, ``UNSEEN``: a number. ``CAPABILITY``, ``PERMANENTFLAGS``,
    ``BADCHARSET``: a set of words. ``MODIFIED``: a :class:`UidSet`. ``MAILBOXID``: a string. ``APPENDUID``
    and ``COPYUID``: their classes. For all other codes, and where the arguments make no sense, None.
    """

    name: str
    text: str = ""
    value: CodeValue = None


# ---- answers to nothing in particular -------------------------------------------------------------


@distinct
class Greeting(NamedTuple):
    """The first line. PREAUTH: we are logged in, without TLS if there is none yet."""

    status: Status
    code: Code | None
    text: str


@distinct
class StatusNotice(NamedTuple):
    """An untagged OK, NO or BAD; many facts come as its code.

    The text of an ``ALERT`` has to be shown to a person (RFC 3501 §7.1).
    """

    status: Status
    code: Code | None
    text: str


@distinct
class Bye(NamedTuple):
    """The server is about to close the connection, asked for or not."""

    code: Code | None
    text: str


@distinct
class SkippedLine(NamedTuple):
    """A line that could not be understood and was passed over: something for a log."""

    line: bytes
    reason: str


@distinct
class OfferedCapabilities(NamedTuple):
    """What the server offers, in capitals. The engine remembers it."""

    names: frozenset[str]


@distinct
class Enabled(NamedTuple):
    """Extensions that ENABLE turned on, in capitals."""

    names: frozenset[str]


@distinct
class ServerId(NamedTuple):
    """The answer to ID: whatever the server says about itself, the names in small letters."""

    fields: Mapping[str, str]


@distinct
class Namespace(NamedTuple):
    """Where mailboxes of some owner begin."""

    prefix: str
    separator: str


@distinct
class Namespaces(NamedTuple):
    """The answer to NAMESPACE (RFC 2342)."""

    personal: tuple[Namespace, ...]
    others: tuple[Namespace, ...]
    shared: tuple[Namespace, ...]


# ---- mailboxes ------------------------------------------------------------------------------------


@distinct
class ListEntry(NamedTuple):
    """A mailbox. ``raw`` is its name as the server spells it: the only safe way to name it again.

    ``name`` is for people; ``attributes`` are in small letters with their backslash (``\\\\noselect``,
    ``\\\\sent``).
    """

    name: str
    raw: bytes
    separator: str
    attributes: frozenset[str]
    extended: Mapping[str, Token] = MappingProxyType({})


@distinct
class MailboxStatus(NamedTuple):
    """The answer to STATUS, by item (``"MESSAGES"``, ``"UIDNEXT"``, ...); ``MAILBOXID`` is text, all others
    numbers."""

    name: str
    raw: bytes
    items: Mapping[str, int | str]


@distinct
class MailboxFlags(NamedTuple):
    """The flags of the selected mailbox; those that can be kept come as the code PERMANENTFLAGS."""

    flags: frozenset[str]


@dataclass(frozen=True, slots=True)
class Exists:
    """How many messages the selected mailbox has, as far as the server says."""

    count: int


@dataclass(frozen=True, slots=True)
class Recent:
    """How many of them are ``\\\\Recent``: of no use, but servers say it."""

    count: int


@distinct
class Expunged(NamedTuple):
    """The message at this place is gone, and all behind it move up. Not sent once QRESYNC is enabled."""

    number: int


@distinct
class Vanished(NamedTuple):
    """These UIDs are gone (RFC 7162 §3.2.10); ``earlier``: since the time we asked about, else just now."""

    uids: UidSet
    earlier: bool


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The answer to SEARCH, in either form; there may be several for one command, to be united.

    ``tag`` is the command it answers, None in the old form. In that form ``uids`` is all there is.
    """

    tag: str | None = None
    uids: UidSet = field(default_factory=UidSet)
    smallest: int | None = None
    largest: int | None = None
    count: int | None = None
    modseq: int | None = None


# ---- messages -------------------------------------------------------------------------------------


@distinct
class Part(NamedTuple):
    """A body or a part of one. ``data`` is None where it was streamed (``size`` bytes) or where there is
    none.

    ``origin`` is where a partial fetch began; it may be shorter than what was asked for, which means: the
    end.
    """

    data: bytes | None
    origin: int | None
    size: int
    streamed: bool = False


@distinct
class Fetch(NamedTuple):
    """What a server says about one message, asked for or not: any items, by name in capitals."""

    number: int
    items: Mapping[str, object]

    @property
    def uid(self) -> int | None:
        """Its UID."""
        return self._typed("UID", int)

    @property
    def flags(self) -> frozenset[str] | None:
        """Its flags and keywords as the server spells them; None: nothing was said about them."""
        return self._typed("FLAGS", frozenset)

    @property
    def modseq(self) -> int | None:
        """When it was changed last, on the mailbox's own clock (RFC 7162)."""
        return self._typed("MODSEQ", int)

    @property
    def size(self) -> int | None:
        """Its size as the server counts it: a guess with some servers."""
        return self._typed("RFC822.SIZE", int)

    @property
    def internal_date(self) -> datetime | None:
        """When the server received it."""
        return self._typed("INTERNALDATE", datetime)

    def part(self, name: str = "BODY[]") -> Part | None:
        """The body or part that came under this name: in capitals, and without ``<origin>``."""
        return self._typed(name, Part)

    def _typed(self, name: str, kind: type[_T]) -> _T | None:
        value = self.items.get(name)
        return value if isinstance(value, kind) else None


# ---- the course of a command ----------------------------------------------------------------------


@distinct
class Idling(NamedTuple):
    """IDLE has begun: changes come by themselves until ``done``."""

    tag: str


@distinct
class Completed(NamedTuple):
    """A command has ended. OK does not mean that all of it was done: look at the code."""

    tag: str
    command: str
    status: Status
    code: Code | None
    text: str

    @property
    def ok(self) -> bool:
        """True when the server said OK."""
        return self.status is Status.OK


Untagged: TypeAlias = (
    StatusNotice
    | Bye
    | SkippedLine
    | OfferedCapabilities
    | Enabled
    | ServerId
    | Namespaces
    | ListEntry
    | MailboxStatus
    | MailboxFlags
    | Exists
    | Recent
    | Expunged
    | Vanished
    | SearchResult
    | Fetch
)


def _spelled_out(ranges: Ranges) -> Iterator[int]:
    for first, last in ranges:
        yield from range(first, last + 1)
