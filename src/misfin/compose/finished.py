"""A whole message that another program wrote: who it names, and what it still lacks. Pure.

``git send-email``, mutt and cron hand over a message as it is to be sent. Its bytes are kept; only what
cannot leave like that is changed: a Bcc field goes, names of local users become addresses, and a missing
From, Date or Message-ID is added. See docs/command-line.md §5.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from misfin.errors import InputError
from misfin.store.message.fields import MAX_PEOPLE, Person, people, text
from misfin.store.message.headers import address_field, format_date

MAX_HEADER = 256 * 1024
"""Bytes of a header that is sent; mail servers refuse far shorter ones."""

_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:.*(?:\n|\Z)(?:[ \t].*(?:\n|\Z))*")
_BLANK = re.compile(rb"\r?\n")
_UNSENDABLE = re.compile(rb"\r(?!\n)|\0")  # a bare CR would become a line end, and begin another field
_HIDDEN = frozenset({"bcc", "resent-bcc"})
_PEOPLE = ("from", "to", "cc", "reply-to", "sender")


@dataclass(frozen=True, slots=True)
class Field:
    """One header field: its name in lower case, and its bytes with all line ends."""

    name: str
    raw: bytes

    @property
    def value(self) -> bytes:
        """What follows the colon."""
        return self.raw.partition(b":")[2]


@dataclass(frozen=True, slots=True)
class Head:
    """The header of a message as it came. ``length`` is where its body begins."""

    fields: tuple[Field, ...]
    length: int

    def people(self, *names: str) -> tuple[Person, ...]:
        """Everybody in the fields of these names."""
        return people([field.value for field in self.fields if field.name in names])

    def has(self, name: str) -> bool:
        """Whether there is a field of this name."""
        return any(field.name == name for field in self.fields)

    @property
    def recipients(self) -> tuple[str, ...]:
        """Who it says it is for, Bcc included; of a message that was passed on, who it was passed on to."""
        resent = self.people("resent-to", "resent-cc", "resent-bcc")
        return tuple(person.address for person in resent or self.people("to", "cc", "bcc"))

    @property
    def author(self) -> str:
        """The address it says it is from, or who passed it on; empty without one."""
        found = self.people("resent-from") or self.people("from")
        return found[0].address if found else ""

    @property
    def subject(self) -> str:
        """Its subject as text."""
        return next((text(field.value) for field in self.fields if field.name == "subject"), "")


def read_head(data: bytes) -> Head:
    """The header at the beginning of ``data``: a whole message, or more of it than ``MAX_HEADER`` bytes.

    A line ``From …`` that an mbox left on top is dropped. A message that begins with anything but a field
    has no header, and all of it is body. Raises :class:`~misfin.errors.InputError` for a header that is too
    long.
    """
    start = data.find(b"\n") + 1 if data.startswith(b"From ") else 0
    position, found = start, []
    while match := _FIELD.match(data, position):
        raw = _UNSENDABLE.sub(b" ", match[0])
        found.append(Field(match[1].decode("ascii").lower(), raw if raw.endswith(b"\n") else raw + b"\n"))
        position = match.end()
    if position > MAX_HEADER:
        raise InputError(f"The header of the message is over {MAX_HEADER:,} bytes long.")
    blank = _BLANK.match(data, position)
    return Head(tuple(found), blank.end() if blank and (found or not start) else position)


def completed(
    head: Head,
    *,
    address: str,
    name: str,
    now: datetime,
    message_id: str,
    local: Callable[[str], str],
) -> bytes:
    """The header as it is sent, with the empty line that ends it.

    ``address`` and ``name`` are for From where it is missing, ``message_id`` (with brackets) and ``now``
    (aware, UTC) likewise. ``local`` gives the address of a name without a host, such as ``root``.
    """
    crlf = bool(head.fields) and head.fields[0].raw.endswith(b"\r\n")
    kept = [_addressed(field, local).raw for field in head.fields if field.name not in _HIDDEN]
    if not head.has("from"):
        kept.append(_ended(address_field("From", [(name, address)]), crlf=crlf))
    if not head.has("date"):
        kept.append(_ended(b"Date: %s\n" % format_date(now).encode(), crlf=crlf))
    if not head.has("message-id"):
        kept.append(_ended(b"Message-ID: %s\n" % message_id.encode(), crlf=crlf))
    return b"".join([*kept, _ended(b"\n", crlf=crlf)])


def _addressed(field: Field, local: Callable[[str], str]) -> Field:
    """The field with a host for each of its addresses; the same bytes where all have one."""
    if field.name not in _PEOPLE:
        return field
    found = people([field.value])
    if all("@" in person.address for person in found) or len(found) >= MAX_PEOPLE:
        return field
    pairs = [
        (person.name, person.address if "@" in person.address else local(person.address)) for person in found
    ]
    written = field.raw.partition(b":")[0].decode("ascii").strip()
    return replace(field, raw=_ended(address_field(written, pairs), crlf=field.raw.endswith(b"\r\n")))


def _ended(line: bytes, *, crlf: bool) -> bytes:
    return line.replace(b"\n", b"\r\n") if crlf else line
