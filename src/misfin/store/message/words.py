"""Decodes encoded words (RFC 2047) and bytes above 127 in header fields."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator

from misfin.store.message.charsets import decoded, encoded
from misfin.store.message.transfer import from_base64

# An unencoded "?" inside a Q word is read as it is meant: one before "=" would end the word.
_WORD = re.compile(
    r"=\?([^?\s]{0,60})\?(?:([bB])\?([^?\n]*)|([qQ])\?([^?\n]*(?:(?<!=)\?(?!=)[^?\n]*){0,20}))\?="
)


def unfolded(raw: bytes) -> str:
    """A value as one line of text; bytes above 127 are UTF-8 or Windows-1252."""
    if b"\n" in raw:
        raw = raw.replace(b"\r\n", b"\n").replace(b"\n", b"")
    if raw.isascii() and b"\x1b" not in raw:
        return raw.decode("ascii")
    return decoded(raw, "")[0]


def words(value: str) -> str:
    """The text with its encoded words decoded."""
    if "=?" not in value:
        return value
    out: list[str] = []
    position = 0
    for text, start, end in runs(value):
        out += (value[position:start], text)
        position = end
    out.append(value[position:])
    return "".join(out)


def runs(value: str) -> Iterator[tuple[str, int, int]]:
    """Adjacent encoded words of one character set, joined and decoded, and where they stand."""
    pending: list[bytes] = []
    charset = ""
    start = end = 0
    for word in _WORD.finditer(value):
        label = word[1].partition("*")[0].lower()  # RFC 2231 §5: a language may follow
        between = value[end : word.start()]
        if pending and (between.strip() or label != charset):
            # Blanks between two words are no part of the text, so they belong to the first.
            yield decoded(b"".join(pending), charset)[0], start, end if between.strip() else word.start()
            pending.clear()
        if not pending:
            start = word.start()
        charset = label
        pending.append(from_base64(_bytes(word[3], "")) if word[2] else _from_q(_bytes(word[5], charset)))
        end = word.end()
    if pending:
        yield decoded(b"".join(pending), charset)[0], start, end


def _bytes(payload: str, charset: str) -> bytes:
    """The bytes inside an encoded word; a character beyond ASCII, against the rules, stays as it was read."""
    return payload.encode("ascii") if payload.isascii() else encoded(payload, charset)


def _from_q(payload: bytes) -> bytes:
    return binascii.a2b_qp(payload, header=True)
