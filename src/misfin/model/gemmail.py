"""Gemmail: senders, recipients, times and a gemtext body. Reads every form, writes the plain ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from misfin.errors import GemmailError
from misfin.model.address import MisfinAddress
from misfin.model.gemtext import subject_of
from misfin.model.metadata import (
    Form,
    Metadata,
    format_time,
    read_markers,
    read_three,
    utc,
    without_markers,
)
from misfin.valueclass import dataclass

__all__ = [
    "MAX_B_REQUEST",
    "MAX_MESSAGE",
    "MAX_METADATA_LINE",
    "Flag",
    "Form",
    "GemmailMessage",
    "Hop",
    "Version",
    "stamp",
]

MAX_MESSAGE = 16384
"""Bytes of a Misfin(C) message, its three metadata lines included (docs/protocol.md §1.3)."""
MAX_B_REQUEST = 2048
"""Bytes of a whole Misfin(B) request, from ``misfin://`` to the last CRLF (docs/protocol.md §1.2)."""
MAX_METADATA_LINE = 1024
"""Bytes of one metadata line with its line end; Titlani refuses longer ones (docs/protocol.md §3.2)."""

_BOM = b"\xef\xbb\xbf"


class Version(StrEnum):
    """The two versions of Misfin in use: B allows 2048 bytes per request, C 16384 per message.

    See docs/protocol.md §0.
    """

    B = "B"
    C = "C"


class Flag(StrEnum):
    """What was wrong with the bytes of a message that could still be read."""

    NOT_UTF8 = "not-utf8"
    """Undecodable bytes were replaced by U+FFFD."""
    LONE_CR = "lone-cr"
    """A CR without LF was replaced by a space."""
    BAD_TIMES = "bad-times"
    """The line of times could not be read to its end; ``raw_timestamps`` has it."""


class Hop(NamedTuple):
    """One hop of a message: who passed it on, and when the next server received it, if known."""

    sender: MisfinAddress
    received: datetime | None


@dataclass(frozen=True, slots=True, init=False)
class GemmailMessage:
    """A message as people see it. Accepts any iterables and keeps tuples; times become aware UTC.

    ``senders`` and ``timestamps`` are newest first. Only the first sender was verified, by the reader's own
    server; all others are claims of the previous hop (docs/protocol.md §3.4). ``form`` and ``flags`` say
    how the message was written and are ignored in comparisons. ``raw_timestamps`` is a line of times that
    could not be read to its end, kept whole; it is written back in place of ``timestamps``.
    """

    senders: tuple[MisfinAddress, ...] = ()
    recipients: tuple[MisfinAddress, ...] = ()
    timestamps: tuple[datetime, ...] = ()
    body: str = ""
    form: Form = field(default=Form.C, compare=False)
    flags: frozenset[Flag] = field(default=frozenset(), compare=False)
    raw_timestamps: str = ""

    def __init__(
        self,
        senders: Iterable[MisfinAddress] = (),
        recipients: Iterable[MisfinAddress] = (),
        timestamps: Iterable[datetime] = (),
        body: str = "",
        form: Form = Form.C,
        flags: Iterable[Flag] = (),
        raw_timestamps: str = "",
    ) -> None:
        put = object.__setattr__
        put(self, "senders", tuple(senders))
        put(self, "recipients", tuple(recipients))
        put(self, "timestamps", tuple(map(utc, timestamps)))
        put(self, "body", body)
        put(self, "form", form)
        put(self, "flags", frozenset(flags))
        put(self, "raw_timestamps", raw_timestamps)

    @classmethod
    def from_bytes(cls, data: bytes) -> GemmailMessage:
        """Read a message in any form (docs/protocol.md §3.4). Never raises; linear in time.

        Adjacent equal senders become one: some servers prepend a sender that is already there.
        """
        text, flags = _decoded(data)
        lines = text.split("\n", 3)
        if len(lines) == 4 and (metadata := read_three(*lines[:3])):
            return _message(metadata, lines[3], flags)
        return cls._from_markers(text, flags)

    @classmethod
    def from_bytes_b(cls, data: bytes) -> GemmailMessage:
        """Read the MESSAGE of a Misfin(B) request, which has no metadata but marker lines at the top.

        Never raises; linear in time.
        """
        return cls._from_markers(*_decoded(data))

    def to_bytes(self, version: Version = Version.C) -> bytes:
        """Write the message strictly: LF line ends, no ports, times to the second.

        See docs/protocol.md §3.1, §3.2.

        As Misfin(B) a single recipient and the last LF of the body are left out, and a body that could be
        taken for metadata starts with a blank line. Raises :class:`~misfin.errors.GemmailError` for text
        without a UTF-8 form or a metadata line over :data:`MAX_METADATA_LINE`. The request limits the size.
        """
        lines = self._lines_b() if version is Version.B else self._lines_c()
        try:
            encoded = [line.encode() for line in lines]
            body = _lf(self.body).encode()
        except UnicodeEncodeError as e:
            raise GemmailError("The message contains half a character (a lone surrogate).") from e
        for line in encoded:
            if len(line) >= MAX_METADATA_LINE:
                raise GemmailError(
                    f"A metadata line of {len(line) + 1:,} bytes is over the limit of {MAX_METADATA_LINE:,}.",
                    remedy="Send to fewer people at once; quote a message that was forwarded this often.",
                )
        if version is Version.B:
            body = body.removesuffix(b"\n")
            if body.startswith((b"<", b":", b"@")):
                body = b"\n" + body
        return b"".join([*(line + b"\n" for line in encoded), body])

    @property
    def subject(self) -> str | None:
        """The first heading of the body (docs/protocol.md §3.5)."""
        return subject_of(self.body)

    @property
    def hops(self) -> tuple[Hop, ...]:
        """Every sender with the time it was received from, newest first (docs/protocol.md §3.4, step 6)."""
        missing = (None,) * max(0, len(self.senders) - len(self.timestamps))
        return tuple(map(Hop, self.senders, (*self.timestamps, *missing)))

    @property
    def written(self) -> datetime | None:
        """The time by the author's own clock, if there is one time more than senders; never for sorting."""
        return self.timestamps[-1] if len(self.timestamps) > max(1, len(self.senders)) else None

    @property
    def newest(self) -> datetime | None:
        """When our own server received the message; mail is sorted by this."""
        return self.timestamps[0] if self.timestamps else None

    @classmethod
    def _from_markers(cls, text: str, flags: set[Flag]) -> GemmailMessage:
        if read := read_markers(text):
            metadata, start = read
            return _message(metadata, text[start:], flags)
        return cls(body=text, form=Form.RAW, flags=flags)

    def _lines_c(self) -> list[str]:
        # An unreadable line of times is kept as it is, but only where a reader recognizes it as such.
        raw = _lf(self.raw_timestamps).replace("\n", " ") if self.senders or self.recipients else ""
        return [
            ", ".join(map(str, self.senders)),
            ", ".join([recipient.address for recipient in self.recipients]),
            raw or ", ".join(map(format_time, self.timestamps)),
        ]

    def _lines_b(self) -> list[str]:
        lines = [f"< {sender}" for sender in self.senders]
        if len(self.recipients) > 1:
            lines.append(": " + " ".join([recipient.address for recipient in self.recipients]))
        lines += [f"@ {format_time(time)}" for time in self.timestamps]
        return lines


def stamp(message: bytes, version: Version, sender: MisfinAddress | None, now: datetime) -> bytes:
    """``message`` as a receiving server stores it: sender and time of receipt added (docs/protocol.md §3.2).

    ``sender`` is the one the client certificate names; None for anonymous mail, whose first sender is then
    an unproved claim. The text below the metadata is kept byte for byte. A Misfin(C) message without metadata
    gets three lines; markers on such lines are removed, because nothing could be prepended to them.
    """
    time = format_time(utc(now)).encode()
    who = str(sender).encode() if sender else b""
    message = message.removeprefix(_BOM)
    lines = None if version is Version.B else _three_lines(message)
    if lines:
        senders, recipients, times, below = lines
    elif version is Version.B or read_markers(message.decode("utf-8", "replace")):
        return (b"< %b\n" % who if who else b"") + b"@ %b\n" % time + message
    else:
        senders, recipients, times, below = b"", b"", b"", message
    first = b", ".join(filter(None, (who, senders)))
    third = b", ".join(filter(None, (time, times)))
    return b"\n".join((first, recipients, third, below))


def _decoded(data: bytes) -> tuple[str, set[Flag]]:
    flags = set()
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("utf-8", "replace")
        flags.add(Flag.NOT_UTF8)
    text = text.removeprefix("\ufeff")
    if "\r" in text:
        text = text.replace("\r\n", "\n")
        if "\r" in text:
            text = text.replace("\r", " ")
            flags.add(Flag.LONE_CR)
    return text, flags


def _message(metadata: Metadata, body: str, flags: set[Flag]) -> GemmailMessage:
    if metadata.unread_times:
        flags.add(Flag.BAD_TIMES)
    return GemmailMessage(
        _collapsed(metadata.senders),
        metadata.recipients,
        metadata.times,
        body,
        metadata.form,
        flags,
        metadata.unread_times,
    )


def _collapsed(senders: list[MisfinAddress]) -> list[MisfinAddress]:
    """Drop adjacent repeats of an address; the newer one stays, because its blurb was verified."""
    return [s for i, s in enumerate(senders) if i == 0 or s.key != senders[i - 1].key]


def _three_lines(message: bytes) -> tuple[bytes, bytes, bytes, bytes] | None:
    """The metadata lines of a Misfin(C) message, trimmed and without markers, and the rest; None if none."""
    parts = message.split(b"\n", 3)
    if len(parts) < 4:
        return None
    first, second, third = (line.decode("utf-8", "replace") for line in parts[:3])
    lines = without_markers(first, second, third)
    if not lines or not read_three(first, second, third):
        return None
    return lines[0].encode(), lines[1].encode(), lines[2].encode(), parts[3]


def _lf(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
