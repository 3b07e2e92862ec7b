"""Writes header fields of stored messages so that no byte from outside can end a line or start a field.

Two kinds: *text* for people (``From``, ``Subject``), cleaned and displayed the same by every mail program,
and *verbatim* values (``Misfin-*``) that can be read back byte for byte. Both use RFC 2047 encoded words for
anything but plain ASCII, and fold long values only where unfolding restores them. The ``email`` package does
the first at fifty times the cost and the second not at all. fields.py reads headers from other programs.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache

_LINE = 76
"""Where lines are folded; RFC 5322 §2.1.1 asks for 78 and forbids 998."""
_LONGEST_WORD = 900
_WORD_BYTES = 30
"""Bytes in one encoded word: 40 characters of base64 and the frame, so that it fits after any field name."""

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# Everything that some program treats as a line end or a terminal as a command, and surrogates.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_DOT_ATOM = re.compile(r"[^\s\x00-\x20()<>\[\]:;@\\,.\"]+(?:\.[^\s\x00-\x20()<>\[\]:;@\\,.\"]+)*")
_PLAIN_PHRASE = re.compile(r"[A-Za-z0-9 !#$%&'*+/=?^_`{|}~-]*")
_ENCODED = re.compile(rb"=\?[A-Za-z0-9-]+\?[bB]\?([A-Za-z0-9+/]*={0,2})\?=")
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,900}>")


def one_line(text: str, longest: int = 256) -> str:
    """Text from outside as one line without control characters, cut to ``longest`` characters."""
    text = _CONTROLS.sub(" ", text[: 2 * longest]).strip()
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def text_field(name: str, value: str) -> bytes:
    """A field for people to read (``Subject``); empty for an empty value."""
    value = one_line(value)
    return b"%s: %s\n" % (name.encode(), _folded(name, _encoded(value.encode()))) if value else b""


def verbatim_field(name: str, value: bytes) -> bytes:
    """A field whose value :func:`verbatim_value` restores exactly; any bytes but a line feed."""
    coded = _encoded(value)
    return b"%s: %s\n" % (name.encode(), _folded(name, coded)) if coded else b"%s:\n" % name.encode()


def verbatim_value(raw: bytes) -> bytes:
    """The value given to :func:`verbatim_field`, from everything after the colon, folded or not."""
    value = raw.replace(b"\r", b"").replace(b"\n", b"").removeprefix(b" ")
    if not value.startswith(b"=?"):
        return value
    return b"".join(_from_base64(word) for word in _ENCODED.findall(value))


def address_field(name: str, people: Iterable[tuple[str, str]]) -> bytes:
    """``To`` and similar fields: pairs of display name and address."""
    coded = b", ".join(_mailbox(who, address) for who, address in people)
    return b"%s: %s\n" % (name.encode(), _folded(name, coded)) if coded else b""


def id_field(name: str, ids: Iterable[str]) -> bytes:
    """``Message-ID``, ``In-Reply-To``, ``References``; anything that is not an ``<id>`` is left out."""
    coded = " ".join([one for one in ids if _MESSAGE_ID.fullmatch(one)]).encode()
    return b"%s: %s\n" % (name.encode(), _folded(name, coded)) if coded else b""


def format_date(time: datetime) -> str:
    """An aware UTC time as RFC 5322 requires it, in English regardless of the locale."""
    day = f"{_DAYS[time.weekday()]}, {time.day:02d} {MONTHS[time.month - 1]} {time.year:04d}"
    return f"{day} {time.hour:02d}:{time.minute:02d}:{time.second:02d} +0000"


def quoted_printable(body: bytes) -> bytes:
    """Encode a body with carriage returns or NULs, which other programs might change (RFC 2045 §6.7)."""
    lines = []
    for line in body.split(b"\n"):
        coded = re.sub(rb"[^\t -<>-~]|[\t ]$", lambda found: b"=%02X" % found[0][0], line)
        while len(coded) > _LINE:
            cut = _LINE - 1
            while b"=" in coded[cut - 2 : cut]:  # never inside =XX
                cut -= 1
            lines.append(coded[:cut] + b"=")
            coded = coded[cut:]
        lines.append(coded)
    return b"\n".join(lines)


@lru_cache(maxsize=128)  # the same few people in message after message
def _mailbox(name: str, address: str) -> bytes:
    local, at, host = one_line(address, _LONGEST_WORD).rpartition("@")
    if at and not _DOT_ATOM.fullmatch(local):
        local = '"' + local.replace("\\", "\\\\").replace('"', '\\"') + '"'
    where = f"{local}{at}{host}".encode()
    name = " ".join(one_line(name).split())
    if not name:
        return where
    if not name.isascii() or "=?" in name:
        return b"%s <%s>" % (_encoded(name.encode()), where)
    if not _PLAIN_PHRASE.fullmatch(name):
        name = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return b"%s <%s>" % (name.encode(), where)


def _encoded(value: bytes) -> bytes:
    """The value itself if unfolding cannot change it, else as encoded words."""
    if (
        value.isascii()
        and (text := value.decode("ascii")).isprintable()
        and "=?" not in text
        and "  " not in text
        and text == text.strip()
        and (len(text) < _LONGEST_WORD or max(map(len, text.split())) < _LONGEST_WORD)
    ):
        return value
    try:
        value.decode()
        charset = b"utf-8"
    except UnicodeDecodeError:
        charset = b"unknown-8bit"  # RFC 1428
    words = []
    start = 0
    while start < len(value):
        end = start + _WORD_BYTES
        while (
            charset == b"utf-8" and end < len(value) and value[end] & 0xC0 == 0x80
        ):  # not inside a character
            end -= 1
        coded = binascii.b2a_base64(value[start:end], newline=False)
        words.append(b"=?%s?b?%s?=" % (charset, coded))
        start = end
    return b" ".join(words)


def _folded(name: str, value: bytes) -> bytes:
    """Break a long value before some of its single spaces; removing the line ends restores it."""
    if len(name) + 2 + len(value) <= _LINE:
        return value
    lines: list[bytes] = []
    line = b" " * (len(name) + 1)  # only its length counts
    for word in value.split(b" "):
        if len(line) + 1 + len(word) > _LINE and line.strip():
            lines.append(line)
            line = b" " + word
        else:
            line += b" " + word
    lines.append(line)
    return b"\n".join(lines)[len(name) + 2 :]


def _from_base64(word: bytes) -> bytes:
    try:
        return binascii.a2b_base64(word)
    except binascii.Error:
        return b""
