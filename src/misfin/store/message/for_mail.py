"""A stored Misfin message as mail servers carry it: CRLF line ends, no long lines, nothing that they change.

What they would change is encoded as quoted-printable (RFC 2045 §6.7), so that the message stays the same to
the byte; its seal does not depend on the encoding.
"""

from __future__ import annotations

import re
from typing import Final

from misfin.store.message.envelope import halves
from misfin.store.message.headers import quoted_printable

_LONGEST: Final = 998
"""Bytes of a line without its line end (RFC 5322 §2.1.1)."""
_PLAIN: Final = re.compile(rb"^Content-Transfer-Encoding: 8bit$", re.MULTILINE)
_ENCODED: Final = b"Content-Transfer-Encoding: quoted-printable"
_LONG: Final = re.compile(rb"[^\n]{%d}" % (_LONGEST + 1))
_FROM: Final = re.compile(rb"^From ", re.MULTILINE)


def for_mail(data: bytes, *, seven_bit: bool = False) -> bytes:
    """The message, which is one of envelope.py's; with ``seven_bit`` its body has no bytes over 127."""
    head, body = halves(data)
    plain = _PLAIN.search(head) is not None
    if plain and (_changes(body) or (seven_bit and not body.isascii())):
        head, body = _PLAIN.sub(_ENCODED, head, count=1), _encoded(body)
    elif not plain and not body.endswith(b"\n"):
        body += b"=\n"
    return (head + b"\n\n" + body).replace(b"\n", b"\r\n")


def _changes(body: bytes) -> bool:
    """Whether something on the way may change this body as it is."""
    return not body.endswith(b"\n") or _LONG.search(body) is not None or _FROM.search(body) is not None


def _encoded(body: bytes) -> bytes:
    coded = _FROM.sub(b"=46rom ", quoted_printable(body))
    return coded if coded.endswith(b"\n") else coded + b"=\n"
