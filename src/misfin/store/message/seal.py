"""Seals a stored Misfin message, so that its fields are known from what others write (docs/trust.md §8).

The seal is a field, ``Misfin-Seal: v=1; a=hmac-sha256; b=DIGEST``, made with a key that only this profile
has. It covers every other ``Misfin-*`` field, the fields that say from and to which people, when and about
what, and the body. Line ends, folds, the encoding of the body and fields that programs add do not matter.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable
from typing import Final

from misfin.store.message.envelope import halves
from misfin.store.message.headers import verbatim_field
from misfin.store.sha256 import hmac_sha256, sha256

NAME: Final = "Misfin-Seal"
_FIELDS: Final = re.compile(
    rb"^(misfin-[!-9;-~]*|from|to|cc|date|subject|message-id|delivered-to|content-transfer-encoding)"
    rb":(.*(?:\n[ \t].*)*)",
    re.MULTILINE | re.IGNORECASE,
)
"""What is covered, and what says how the body is encoded; fields end as in envelope.py."""
_BEGINNING: Final = b"misfin-seal 1 "
"""Version and algorithm are covered too, so a seal can never pass for one of another kind."""
_HMAC: Final = b"hmac-sha256"
_VALUE: Final = b"v=1; a=hmac-sha256; b=%s"
_SEALED: Final = re.compile(rb"^Misfin-Seal:.*\n(?:[ \t].*\n)*", re.MULTILINE | re.IGNORECASE)
MOST_SEALS: Final = 8
"""Seals of a message that are looked at."""
_LONGEST_SEAL: Final = 1024


def seal(data: bytes, key: bytes) -> bytes:
    """The same stored Misfin message (``Misfin-Version:`` first) under this key's seal and no other.

    Its header then ends its lines in LF. Sealing twice changes nothing.
    """

    canonical, _ = covered(data, _HMAC)
    return with_seals(data, [_VALUE % hmac_sha256(key, canonical).hex().encode()])


def with_seals(data: bytes, values: Iterable[bytes]) -> bytes:
    """The same message with these seals and no others; its header then ends its lines in LF."""
    head, body = halves(data)
    first, newline, rest = _SEALED.sub(b"", head + b"\n").partition(b"\n")
    fields = [verbatim_field(NAME, value) for value in values]
    return b"".join([first, newline, *fields, rest, b"\n", body])


def is_sealed(data: bytes, key: bytes) -> bool:
    """Whether a stored message has a seal of this key, and nothing under it was changed. Never raises.

    Of several seals one has to hold: each covers everything but the seals. Those with a version or an
    algorithm that is not known here count nothing.
    """
    if NAME.encode() not in data:
        return False

    canonical, seals = covered(data, _HMAC)
    digest = hmac_sha256(key, canonical).hex().encode()
    wanted = b"".join((_VALUE % digest).split())
    values = (b"".join(each.split()) for each in seals[:MOST_SEALS] if len(each) <= _LONGEST_SEAL)
    return wanted in values  # nobody outside can measure how long that takes


def covered(data: bytes, algorithm: bytes) -> tuple[bytes, list[bytes]]:
    """What a seal covers, as bytes that are the same for every way to store the message; and its seals."""
    head, body = halves(data)
    parts, seals, encoding = [_BEGINNING + algorithm], [], None
    for name, value in _FIELDS.findall(head):
        name = name.lower()
        if name == b"misfin-seal":
            seals.append(value)
        elif name != b"content-transfer-encoding":
            parts.append(name + b":" + value.replace(b"\n", b""))
        elif encoding is None:
            encoding = value.lower()
    if b"\r" in body:
        body = body.replace(b"\r\n", b"\n")
    if encoding is not None and b"quoted-printable" in encoding:
        body = binascii.a2b_qp(body)
    parts += b"", sha256(body).digest()
    return b"\n".join(parts), seals
