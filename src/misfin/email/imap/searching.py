"""What can be searched for; a text from a stranger cannot become anything but a text."""

from __future__ import annotations

from datetime import date
from typing import Final, Literal

from misfin.email.imap.uids import UidSet
from misfin.email.imap.writer import CommandPart, StringPart, atom, counted, day, header_name, text
from misfin.errors import CommandError
from misfin.valueclass import dataclass

_MARKS: Final = frozenset({
    "ALL", "ANSWERED", "DELETED", "DRAFT", "FLAGGED", "SEEN",
    "UNANSWERED", "UNDELETED", "UNDRAFT", "UNFLAGGED", "UNSEEN",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Criterion:
    """Something a message can meet."""

    parts: tuple[CommandPart, ...]

    @property
    def unicode(self) -> bool:
        """Whether its texts are not ASCII, so that the command has to name their charset."""
        return any(isinstance(part, StringPart) and not part.data.isascii() for part in self.parts)


def marked(mark: str) -> Criterion:
    """``"UNSEEN"``, ``"FLAGGED"`` and the others of RFC 3501 §6.4.4 that need no argument."""
    if mark.upper() not in _MARKS:
        raise CommandError(f"{mark!r} cannot be searched for.")
    return Criterion((mark.upper().encode("ascii"),))


def keyword(name: str) -> Criterion:
    """Messages with this keyword."""
    return Criterion((b"KEYWORD " + atom(name),))


def within(uids: UidSet) -> Criterion:
    """Messages with these UIDs."""
    if not uids:
        raise CommandError("There are no messages to search.")
    return Criterion((b"UID " + bytes(uids),))


def contains(where: Literal["BCC", "BODY", "CC", "FROM", "SUBJECT", "TEXT", "TO"], what: str) -> Criterion:
    """Messages with a text in this place, as the server understands it."""
    return Criterion((atom(where) + b" ", text(what)))


def header(name: str, value: str) -> Criterion:
    """Messages with a field of this name whose value contains ``value``."""
    return Criterion((b"HEADER ", text(header_name(name)), b" ", text(value)))


def received(when: Literal["BEFORE", "ON", "SINCE"], at: date) -> Criterion:
    """Messages that came to the server then."""
    return Criterion((atom(when) + b" " + day(at),))


def sent(when: Literal["BEFORE", "ON", "SINCE"], at: date) -> Criterion:
    """Messages whose Date field says so."""
    return Criterion((b"SENT" + atom(when) + b" " + day(at),))


def larger(size: int) -> Criterion:
    """Messages of more than this many bytes."""
    return Criterion((b"LARGER " + counted(size, "a size", bits=32),))


def smaller(size: int) -> Criterion:
    """Messages of fewer bytes."""
    return Criterion((b"SMALLER " + counted(size, "a size", bits=32),))


def changed_since(modseq: int) -> Criterion:
    """Messages changed at or after this modification sequence (RFC 7162 §3.1.5)."""
    return Criterion((b"MODSEQ " + counted(modseq, "a modification sequence"),))


def gmail(query: str) -> Criterion:
    """What Gmail's own search finds (capability X-GM-EXT-1)."""
    return Criterion((b"X-GM-RAW ", text(query)))


def neither(criterion: Criterion) -> Criterion:
    """Messages that do not meet it."""
    return Criterion((b"NOT ", *criterion.parts))


def together(*criteria: Criterion) -> Criterion:
    """Messages that meet all of these, as one criterion."""
    if not criteria:
        raise CommandError("There is nothing to search for.")
    parts: list[CommandPart] = []
    for number, criterion in enumerate(criteria):
        parts += [b" " if number else b"(", *criterion.parts]
    return Criterion((*parts, b")"))


def either(one: Criterion, other: Criterion) -> Criterion:
    """Messages that meet at least one of two."""
    return Criterion((b"OR ", *one.parts, b" ", *other.parts))
