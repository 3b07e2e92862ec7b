"""Whether SMTP can carry a body as it is, and its quoted-printable form where it cannot. Pure."""

from __future__ import annotations

from codecs import getincrementaldecoder
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from misfin.compose.finished import Field, Head
from misfin.errors import InputError
from misfin.store.message import fields
from misfin.store.message.headers import quoted_printable

MAX_LINE = 998
"""Bytes in a line that SMTP carries, without its end (RFC 5321 §4.5.3.1.6)."""
_HELD = 64 * 1024
UNENCODED = frozenset({b"7bit", b"8bit", b"binary"})
"""Values of Content-Transfer-Encoding that leave the lines as they are (RFC 2045 §6.2)."""


@dataclass(frozen=True, slots=True)
class BodyFacts:
    """What decides whether a body can be sent as it is; ``longest`` is bytes of its longest line."""

    longest: int = 0
    nul: bool = False
    eight_bit: bool = False
    utf8: bool = True

    @property
    def fits(self) -> bool:
        """Whether SMTP can carry it."""
        return self.longest <= MAX_LINE and not self.nul


def survey(pieces: Iterable[bytes]) -> BodyFacts:
    """Look through a body."""
    decoder = getincrementaldecoder("utf-8")()
    column = longest = 0
    eight_bit = nul = False
    utf8 = True
    for piece in pieces:
        first, *more = piece.replace(b"\r", b"\n").split(b"\n")
        longest = max(longest, column + len(first), *map(len, more))
        column = len(more[-1]) if more else column + len(first)
        nul = nul or b"\0" in piece
        if utf8 and (eight_bit or not piece.isascii()):
            eight_bit = True
            try:
                decoder.decode(piece)
            except UnicodeDecodeError:
                utf8 = False
    return BodyFacts(longest, nul, eight_bit, utf8)


def re_encoded(head: Head, facts: BodyFacts) -> Head:
    """The header of a text whose body goes as :func:`as_quoted_printable`.

    Raises :class:`~misfin.errors.InputError` for a message with parts (see carrying_parts.py), for one that
    is encoded already, whose lines cannot be broken without knowing what they mean, and for one that is
    signed.
    """
    values = {field.name: field.value for field in head.fields}
    kind, _ = fields.content(values.get("content-type", b"text/plain"))
    encoding = values.get("content-transfer-encoding", b"8bit").strip().lower()
    signed = "dkim-signature" in values
    if not kind.startswith("text/") or encoding not in UNENCODED or signed:
        raise unsendable(facts.longest, nul=facts.nul, signed=signed)
    added = [b"Content-Transfer-Encoding: quoted-printable"]
    if "mime-version" not in values:
        added.append(b"MIME-Version: 1.0")
    if "content-type" not in values:
        charset = b"utf-8" if facts.utf8 else b"unknown-8bit"  # RFC 1428
        added.append(b"Content-Type: text/plain; charset=" + charset)
    kept = [field for field in head.fields if field.name != "content-transfer-encoding"]
    end = b"\r\n" if kept and kept[0].raw.endswith(b"\r\n") else b"\n"
    new = [Field(line.partition(b":")[0].decode().lower(), line + end) for line in added]
    return Head((*kept, *new), head.length)


def unsendable(longest: int, *, nul: bool, signed: bool) -> InputError:
    """What to say about a message that cannot be carried, nor encoded here."""
    what = "a NUL byte" if nul else f"a line of {longest:,} bytes"
    where = " in a part that is signed, which is never changed" if signed else ""
    return InputError(
        f"The message has {what}{where}, which e-mail cannot carry.",
        remedy=f"Encode it so that no line has more than {MAX_LINE} bytes, for example as base64.",
    )


def as_quoted_printable(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """A body in the encoding whose lines are never long; line ends are LF."""
    held = b""
    for piece in pieces:
        *lines, held = (held + piece).replace(b"\r\n", b"\n").split(b"\n")
        for line in lines:
            yield quoted_printable(line) + b"\n"
        while len(held) > _HELD:  # no line end in sight; a CR at its end may still belong to one
            yield quoted_printable(held[:_HELD]) + b"=\n"
            held = held[_HELD:]
    if held:
        yield quoted_printable(held) + b"\n"


def undotted(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Lines, or pieces of them, up to a line that is only a dot, which ends the input of a mail program."""
    begins = True
    for line in lines:
        if begins and line.rstrip(b"\r\n") == b".":
            return
        begins = line.endswith(b"\n")
        yield line
