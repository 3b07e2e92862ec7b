"""A gemmail: senders, recipients, times and a gemtext body; every written form read, the plain ones written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from misfin.errors import AddressError, GemmailError
from misfin.model.address import MisfinAddress, parse_token
from misfin.model.gemtext import subject_of

MAX_MESSAGE = 16384
"""Bytes of a Misfin(C) message, its three metadata lines included (protocol.md §1.3)."""
MAX_B_REQUEST = 2048
"""Bytes of a whole Misfin(B) request, from ``misfin://`` to the last CRLF (protocol.md §1.2)."""
MAX_METADATA_LINE = 1024
"""Bytes of one metadata line with its line end; Titlani refuses longer ones (protocol.md §3.2)."""

_LONGEST_TIME = 40  # "2024-05-01T10:00:00.123456789+00:00" and some air
_SHORTEST_TIME = 13  # "2024-05-01T10": a bare date is no time of receipt
_MARKERS = ("<", ":", "@")


class Version(StrEnum):
    """The two living versions of Misfin (protocol.md §0)."""

    B = "B"
    C = "C"


class Form(StrEnum):
    """How a message was written (protocol.md §3.4)."""

    C = "c"
    """Three metadata lines, then the body."""
    MARKERS = "markers"
    """``<`` ``:`` ``@`` lines at the top: Misfin(B), or Misfin(C) as drfin writes it."""
    RAW = "raw"
    """No metadata at all."""


class Flag(StrEnum):
    """What was wrong with the bytes of a message; it was read all the same."""

    NOT_UTF8 = "not-utf8"
    """Undecodable bytes were replaced by U+FFFD."""
    LONE_CR = "lone-cr"
    """A CR without LF was replaced by a space."""
    BAD_TIMES = "bad-times"
    """The line of times could not be read to its end; ``raw_timestamps`` has it."""


class Hop(NamedTuple):
    """One station of a message: who passed it on, and when the next server received it, if known."""

    sender: MisfinAddress
    received: datetime | None


@dataclass(frozen=True, slots=True)
class GemmailMessage:
    """A message as people see it. Any iterables are taken and kept as tuples; times become aware UTC.

    ``senders`` and ``timestamps`` are newest first. Only the first sender was vouched for, by the reader's own
    server; all others are claims of the hop before (protocol.md §3.4). ``form`` and ``flags`` say how the
    message was written and do not count in comparisons. ``raw_timestamps`` is a line of times that could not be
    read to its end, kept whole; it is then written again in place of ``timestamps``.
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
        put(self, "timestamps", tuple(map(_utc, timestamps)))
        put(self, "body", body)
        put(self, "form", form)
        put(self, "flags", frozenset(flags))
        put(self, "raw_timestamps", raw_timestamps)

    @classmethod
    def from_bytes(cls, data: bytes) -> GemmailMessage:
        """Read a message in whatever form it is (protocol.md §3.4). Never raises; linear in time.

        Adjacent equal senders, which servers leave behind that prepend one already there, become one.
        """
        text, flags = _decoded(data)
        if text.startswith(_MARKERS):
            message = _read_marked_c(text, flags) or _read_markers(text, flags)
            if message:
                return message
        return _read_c(text, flags) or cls(body=text, form=Form.RAW, flags=flags)

    @classmethod
    def from_bytes_b(cls, data: bytes) -> GemmailMessage:
        """Read the MESSAGE of a Misfin(B) request, whose only metadata are marker lines at the top.

        Never raises; linear in time.
        """
        text, flags = _decoded(data)
        return _read_markers(text, flags) or cls(body=text, form=Form.RAW, flags=flags)

    def to_bytes(self, version: Version = Version.C) -> bytes:
        """Write the message strictly: LF line ends, no ports, UTC times in whole seconds (protocol.md §3.1, §3.2).

        As Misfin(B) a single recipient and the last LF of the body are left out, and a body that could be taken
        for metadata starts with a blank line. Raises :class:`~misfin.errors.GemmailError` for what has no UTF-8 form or for a
        metadata line over :data:`MAX_METADATA_LINE`. The size of the whole is the request's business.
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
                    remedy="Send to fewer people at once.",
                )
        if version is Version.B:
            body = body.removesuffix(b"\n")
            if body.startswith((b"<", b":", b"@")):
                body = b"\n" + body
        return b"".join([*(line + b"\n" for line in encoded), body])

    @property
    def subject(self) -> str | None:
        """The first heading of the body (protocol.md §3.5)."""
        return subject_of(self.body)

    @property
    def hops(self) -> tuple[Hop, ...]:
        """Every sender with the time of receipt that belongs to it, newest first (protocol.md §3.4, step 6)."""
        missing = (None,) * max(0, len(self.senders) - len(self.timestamps))
        return tuple(map(Hop, self.senders, (*self.timestamps, *missing)))

    @property
    def written(self) -> datetime | None:
        """The author's own clock: the one time more than there are senders. For display, never for sorting."""
        return self.timestamps[-1] if len(self.timestamps) > max(1, len(self.senders)) else None

    @property
    def newest(self) -> datetime | None:
        """When our own server received the message; what mail is sorted by."""
        return self.timestamps[0] if self.timestamps else None

    def _lines_c(self) -> list[str]:
        # A line of times nobody could read stays as it came, but only where a reader knows it for one.
        raw = " ".join(self.raw_timestamps.split()) if self.senders or self.recipients else ""
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
    """What a receiving server stores: ``message`` with the sender and the time of receipt in front (protocol.md §3.2).

    ``sender`` is the one the client certificate names; None for anonymous mail, whose first sender is then a bare claim.
    All text below the metadata stays as it is, byte for byte. A Misfin(C) message without metadata gets its
    three lines, and markers on them are taken off: nothing could be prepended to them.
    """
    time = format_time(_utc(now))
    if version is Version.B:
        who = f"< {sender}\n" if sender else ""
        return f"{who}@ {time}\n".encode() + message
    senders, recipients, times, below = _metadata_c(message)
    first = str(sender).encode() if sender else b""
    return b"\n".join(
        (
            b", ".join(filter(None, (first, senders))),
            recipients,
            b", ".join(filter(None, (time.encode(), times))),
            below,
        )
    )


def format_time(time: datetime) -> str:
    """``YYYY-MM-DDTHH:MM:SSZ``, what every server reads (protocol.md §3.2); ``time`` must be UTC."""
    return time.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def parse_time(text: str) -> datetime | None:
    """An ISO 8601 time as aware UTC, a naive one taken for UTC; None for anything else (protocol.md §3.2)."""
    if not _SHORTEST_TIME <= len(text) <= _LONGEST_TIME:
        return None
    try:
        return _utc(datetime.fromisoformat(text.upper()))
    except (ValueError, OverflowError):  # the second: an offset that leads out of the years 1 to 9999
        return None


# ---- reading --------------------------------------------------------------------------------------


def _decoded(data: bytes) -> tuple[str, frozenset[Flag]]:
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
    return text, frozenset(flags)


def _read_c(text: str, flags: frozenset[Flag]) -> GemmailMessage | None:
    parts = text.split("\n", 3)
    if len(parts) < 4:
        return None
    return _read_three(parts[0].strip(), parts[1].strip(), parts[2].strip(), parts[3], Form.C, flags)


def _read_marked_c(text: str, flags: frozenset[Flag]) -> GemmailMessage | None:
    """Misfin(C) with markers on its three lines, as drfin writes it (protocol.md §3.4, step 2a)."""
    parts = text.split("\n", 3)
    if len(parts) < 4:
        return None
    lines = _without_markers(parts[0].strip(), parts[1].strip(), parts[2].strip())
    if not lines:
        return None
    message = _read_three(*lines, parts[3], Form.MARKERS, flags)
    return message if message and message.senders and not message.raw_timestamps else None


def _without_markers(first: str, second: str, third: str) -> tuple[str, str, str] | None:
    marked = (
        first.startswith("<")
        and (not second or second.startswith(":"))
        and (not third or third.startswith("@"))
        and (second or third)
    )
    return (first[1:].strip(), second[1:].strip(), third[1:].strip()) if marked else None


def _read_three(
    first: str, second: str, third: str, body: str, form: Form, flags: frozenset[Flag]
) -> GemmailMessage | None:
    senders = _senders(first)
    if senders is None:
        return None
    recipients = _recipients(second)
    if recipients is None:
        return None
    times, unread = _times(third)
    raw = ""
    if unread:
        if not senders and not recipients:
            return None  # nothing speaks for these lines being metadata
        raw, flags = third, flags | {Flag.BAD_TIMES}
    return GemmailMessage(_collapsed(senders), recipients, times, body, form, flags, raw)


def _read_markers(text: str, flags: frozenset[Flag]) -> GemmailMessage | None:
    """The longest run of valid ``<`` ``:`` ``@`` lines at the very top (protocol.md §3.4, step 2b)."""
    senders: list[MisfinAddress] = []
    recipients: list[MisfinAddress] | None = None
    times: list[datetime] = []
    start = 0
    while text.startswith(_MARKERS, start):
        end = text.find("\n", start)
        if end < 0:
            end = len(text)
        marker, rest = text[start], text[start + 1 : end].strip()
        if marker == "<":
            sender = _sender(rest)
            if not sender:
                break
            senders.append(sender)
        elif marker == ":":
            found = _bare_addresses(rest)
            if recipients is not None or not found:
                break
            recipients = found
        else:
            found_times, unread = _times(rest)
            if unread or not found_times:
                break
            times += found_times
        start = end + 1
    if start == 0:
        return None
    return GemmailMessage(_collapsed(senders), recipients or (), times, text[start:], Form.MARKERS, flags)


def _senders(line: str) -> list[MisfinAddress] | None:
    """The senders of a metadata line, or None when it is none.

    An item that is no address is a piece of the blurb before it, which had a comma.
    """
    found: list[tuple[MisfinAddress, list[str]]] = []
    for item in _items(line):
        sender = _sender(item)
        if sender:
            found.append((sender, [sender.blurb] if sender.blurb else []))
        elif found:
            found[-1][1].append(item)
        else:
            return None
    return [
        address if len(blurb) < 2 and address.blurb else _with_blurb(address, blurb)
        for address, blurb in found
    ]


def _with_blurb(address: MisfinAddress, pieces: list[str]) -> MisfinAddress:
    return (
        MisfinAddress(address.mailbox, address.hostname, ", ".join(pieces), address.port)
        if pieces
        else address
    )


def _sender(item: str) -> MisfinAddress | None:
    token, *blurb = item.split(None, 1)
    return _address(token, *blurb)


def _recipients(line: str) -> list[MisfinAddress] | None:
    """The recipients of a metadata line without their blurbs, or None when it is no such line."""
    found: list[MisfinAddress] = []
    in_blurb = False
    for item in _items(line):
        tokens = item.split()
        addresses = [address for token in tokens if (address := _address(token))]
        if len(addresses) == len(tokens):
            found += addresses
            in_blurb = False
        elif addresses and (first := _address(tokens[0])):
            found.append(first)
            in_blurb = True
        elif not in_blurb:
            return None
    return found


def _bare_addresses(text: str) -> list[MisfinAddress]:
    """Addresses apart by white space or commas; none when one of them is not valid."""
    found = [_address(token) for token in text.replace(",", " ").split()]
    return [address for address in found if address] if all(found) else []


def _times(line: str) -> tuple[list[datetime], bool]:
    """The times of a line up to the first that is none, and whether there was one.

    What follows an unreadable time is not taken: times belong to senders by their place.
    """
    found: list[datetime] = []
    for item in _items(line):
        time = parse_time(item)
        if time is None:
            return found, True
        found.append(time)
    return found, False


def _items(line: str) -> Iterator[str]:
    return filter(None, map(str.strip, line.split(",")))


def _address(token: str, blurb: str = "") -> MisfinAddress | None:
    if "@" not in token:  # the common case in a text that is no metadata, without the cost of an exception
        return None
    try:
        return parse_token(token, blurb)
    except AddressError:
        return None


def _collapsed(senders: list[MisfinAddress]) -> list[MisfinAddress]:
    """Without neighbours of the same address; the newer one stays, its blurb is the vouched one."""
    return [s for i, s in enumerate(senders) if i == 0 or s.key != senders[i - 1].key]


# ---- bytes of a received message ------------------------------------------------------------------


def _metadata_c(message: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """The three metadata lines of a Misfin(C) message, trimmed and without markers, and all below them.

    A message without metadata has three blank ones.
    """
    parts = message.removeprefix(b"\xef\xbb\xbf").split(b"\n", 3)
    if len(parts) == 4:
        first, second, third = (line.decode("utf-8", "replace").strip() for line in parts[:3])
        lines: tuple[str, str, str] | None = (first, second, third)
        if first.startswith("<"):
            lines = _without_markers(first, second, third)
        if lines and _read_three(*lines, "", Form.C, frozenset()):
            return lines[0].encode(), lines[1].encode(), lines[2].encode(), parts[3]
    return b"", b"", b"", message


def _lf(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _utc(time: datetime) -> datetime:
    if time.tzinfo is UTC:
        return time
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
