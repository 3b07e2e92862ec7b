"""The text of a message: which transfer encoding it needs, and whether it gets an HTML alternative. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from typing import NamedTuple

from misfin.email.account import SendHTML
from misfin.errors import LocalError
from misfin.model.gemtext import LineKind, parse

MAX_LINE = 998
"""Bytes of a line of a message, its line end not counted (RFC 5322 §2.1.1)."""
_NOT_7BIT = re.compile(rb"[^\t\n\x20-\x7e]")
_MAYBE_MARKED = re.compile(r"^(?:#|=>|\* )", re.MULTILINE)
_WORTH_HTML = frozenset(
    {LineKind.LINK, LineKind.LIST, LineKind.HEADING1, LineKind.HEADING2, LineKind.HEADING3}
)


class EncodedText(NamedTuple):
    """A text as it is sent, with CRLF line ends, and the name of its transfer encoding."""

    encoding: str
    data: bytes


def encode_text(text: str) -> EncodedText:
    """The text in the plainest encoding that carries it: 7bit, quoted-printable, or base64.

    Line ends of any kind become line ends, and there is one after the last line. Raises
    :class:`~misfin.errors.LocalError` for half a character, which no encoding carries.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    if lines and not lines.endswith("\n"):
        lines += "\n"
    try:
        data = lines.encode()
    except UnicodeEncodeError:
        raise LocalError(
            "The text contains half a character, which cannot be sent.",
            remedy="Remove the character that is shown as a box or a question mark.",
        ) from None
    if not _NOT_7BIT.search(data) and max(map(len, data.split(b"\n"))) <= MAX_LINE:
        return EncodedText("7bit", data.replace(b"\n", b"\r\n"))
    printable = binascii.b2a_qp(data).replace(b"\n", b"\r\n")
    coded = base64.encodebytes(data.replace(b"\n", b"\r\n")).replace(b"\n", b"\r\n")
    # Quoted-printable can be read as it stands, but where little of the text is ASCII it is neither that nor
    # small.
    if len(printable) <= len(coded):
        return EncodedText("quoted-printable", printable)
    return EncodedText("base64", coded)


def wants_html(text: str, policy: SendHTML) -> bool:
    """Whether the text gets an HTML alternative."""
    if policy is not SendHTML.AUTO:
        return policy is SendHTML.ALWAYS
    if not _MAYBE_MARKED.search(text):  # many messages have no such line, and need not be taken apart
        return False
    return any(line.kind in _WORTH_HTML for line in parse(text))
