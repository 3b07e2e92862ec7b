"""Reads the metadata lines above a gemmail body, in the forms servers write (docs/protocol.md §3.4)."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from misfin.errors import AddressError
from misfin.model.address import MisfinAddress, parse_token

MARKERS = ("<", ":", "@")
"""What begins a line of senders, recipients or times in Misfin(B) (docs/protocol.md §3.1)."""

_LONGEST_TIME = 40  # "2024-05-01T10:00:00.123456789+00:00" with a little to spare
_SHORTEST_TIME = 13  # "2024-05-01T10": a bare date is not a time of receipt


class Form(StrEnum):
    """How a message was written (docs/protocol.md §3.4)."""

    C = "c"
    """Three metadata lines, then the body."""
    MARKERS = "markers"
    """``<`` ``:`` ``@`` lines at the top: Misfin(B), or Misfin(C) as drfin writes it."""
    RAW = "raw"
    """No metadata at all."""


class Metadata(NamedTuple):
    """What the metadata lines of a message say.

    ``unread_times`` is a line of times that could not be read to its end; ``times`` has those that could.
    """

    form: Form
    senders: list[MisfinAddress]
    recipients: list[MisfinAddress]
    times: list[datetime]
    unread_times: str = ""


def read_three(first: str, second: str, third: str) -> Metadata | None:
    """Read the first three lines as Misfin(C) metadata, with or without markers; None if they are not.

    Steps 2a and 3 of docs/protocol.md §3.4.
    """
    marked = first.startswith("<")
    lines = without_markers(first, second, third)
    if lines is None:
        return None
    senders = _senders(lines[0])
    recipients = None if senders is None else _recipients(lines[1])
    if senders is None or recipients is None:
        return None
    times, whole = _times(lines[2])
    if whole:
        return Metadata(Form.MARKERS if marked else Form.C, senders, recipients, times)
    # A third line that is not a time counts as metadata only if one of the first two is metadata.
    if marked or not (senders or recipients):
        return None
    return Metadata(Form.C, senders, recipients, times, unread_times=lines[2])


def without_markers(first: str, second: str, third: str) -> tuple[str, str, str] | None:
    """Three metadata lines, trimmed and without drfin's markers; None if only some have markers."""
    a, b, c = first.strip(), second.strip(), third.strip()
    if not first.startswith("<"):
        return a, b, c
    if (b or c) and (not b or b.startswith(":")) and (not c or c.startswith("@")):
        return a[1:].strip(), b[1:].strip(), c[1:].strip()
    return None


def read_markers(text: str) -> tuple[Metadata, int] | None:
    """Read the longest run of valid ``<`` ``:`` ``@`` lines at the very top, and say where the body begins.

    Step 2b of docs/protocol.md §3.4; None when there is no such line.
    """
    senders: list[MisfinAddress] = []
    recipients: list[MisfinAddress] = []
    times: list[datetime] = []
    start = 0
    while text.startswith(MARKERS, start):
        end = text.find("\n", start)
        if end < 0:
            end = len(text)
        marker, rest = text[start], text[start + 1 : end].strip()
        if marker == "<":
            if not (sender := _sender(rest)):
                break
            senders.append(sender)
        elif marker == ":":
            if recipients or not (found := _bare_addresses(rest)):
                break
            recipients = found
        else:
            found_times, whole = _times(rest)
            if not (whole and found_times):
                break
            times += found_times
        start = end + 1
    return (Metadata(Form.MARKERS, senders, recipients, times), start) if start else None


def format_time(time: datetime) -> str:
    """``YYYY-MM-DDTHH:MM:SSZ``, which every server reads (docs/protocol.md §3.2); ``time`` must be UTC."""
    return time.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def parse_time(text: str) -> datetime | None:
    """An ISO 8601 time as aware UTC, None for anything else; a naive one is UTC too.

    See docs/protocol.md §3.2.
    """
    if not _SHORTEST_TIME <= len(text) <= _LONGEST_TIME:
        return None
    try:
        return utc(datetime.fromisoformat(text.upper()))
    except (ValueError, OverflowError):  # OverflowError: an offset that leads out of the years 1 to 9999
        return None


def utc(time: datetime) -> datetime:
    """The same instant as aware UTC; a naive time is taken for UTC."""
    if time.tzinfo is UTC:
        return time
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _senders(line: str) -> list[MisfinAddress] | None:
    """The senders of a line, or None when it is not a line of senders.

    An item that is not an address belongs to the blurb before it, which had a comma in it.
    """
    senders: list[MisfinAddress] = []
    pieces: list[str] = []
    items = _items(line)
    if line and not items:
        return None  # nothing but commas
    for item in items:
        if sender := _sender(item):
            if pieces:
                senders[-1] = _with_more_blurb(senders[-1], pieces)
                pieces = []
            senders.append(sender)
        elif senders:
            pieces.append(item)
        else:
            return None
    if pieces:
        senders[-1] = _with_more_blurb(senders[-1], pieces)
    return senders


def _sender(item: str) -> MisfinAddress | None:
    parts = item.split(None, 1)
    return _address(*parts) if parts else None


def _with_more_blurb(sender: MisfinAddress, pieces: list[str]) -> MisfinAddress:
    blurb = ", ".join([sender.blurb, *pieces] if sender.blurb else pieces)
    return MisfinAddress(sender.mailbox, sender.hostname, blurb, sender.port)


def _recipients(line: str) -> list[MisfinAddress] | None:
    """The recipients of a line, without blurbs, or None when it is not a line of recipients."""
    recipients: list[MisfinAddress] = []
    in_blurb = False
    items = _items(line)
    if line and not items:
        return None
    for item in items:
        tokens = item.split()
        if first := _address(tokens[0]):
            others = [_address(token) for token in tokens[1:]]
            in_blurb = not all(others)  # "ada@mail.example Ada", not "ada@mail.example bea@hive.example"
            recipients.append(first)
            if not in_blurb:
                recipients += filter(None, others)
        elif not in_blurb:
            return None
    return recipients


def _bare_addresses(text: str) -> list[MisfinAddress]:
    """Addresses separated by white space or commas; none if any of them is invalid."""
    found = list(map(_address, text.replace(",", " ").split()))
    return list(filter(None, found)) if all(found) else []


def _times(line: str) -> tuple[list[datetime], bool]:
    """The times of a line up to the first unreadable one, and whether all could be read.

    Nothing after an unreadable time is used: a time belongs to a sender by its position.
    """
    times: list[datetime] = []
    items = _items(line)
    if line and not items:
        return times, False
    for item in items:
        time = parse_time(item)
        if time is None:
            return times, False
        times.append(time)
    return times, True


def _items(line: str) -> list[str]:
    return [item for piece in line.split(",") if (item := piece.strip())]


def _address(token: str, blurb: str = "") -> MisfinAddress | None:
    if "@" not in token:  # most words of text that is not metadata
        return None
    return (_known if len(token) + len(blurb) <= _KEPT_LENGTH else _read)(token, blurb)


def _read(token: str, blurb: str) -> MisfinAddress | None:
    try:
        return parse_token(token, blurb)
    except AddressError:
        return None


# A few people write most of a mailbox: indexing it reads their addresses thousands of times.
_known = lru_cache(maxsize=512)(_read)
_KEPT_LENGTH = 200  # characters; a stranger must not fill the cache with endless ones
