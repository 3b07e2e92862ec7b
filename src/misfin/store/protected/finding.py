"""Finds what is signed or encrypted in a mail, and the bytes of it that another program needs. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from misfin.store.message import protection
from misfin.store.message.protection import MailProtection
from misfin.store.message.structure import MESSAGES, PartInfo, parts_of

MAX_FOUND = 8
"""Parts of one mail that are checked; each costs a process or two."""


@dataclass(frozen=True, slots=True)
class ProtectedPart:
    """One part. ``content`` is what was signed, or what is encrypted, or a signature that contains its text.

    ``whole``: the mail is nothing but this part. ``inline``: it is a block between the lines of a text, whose
    character set is ``charset``.
    """

    protection: MailProtection
    content: bytes = field(repr=False)
    signature: bytes = field(default=b"", repr=False)
    whole: bool = False
    inline: bool = False
    charset: str = ""


def find_protected(data: bytes) -> list[ProtectedPart]:
    """At most :data:`MAX_FOUND` protected parts of a mail, in its order; not those of attached messages."""
    parts = parts_of(data)
    found: list[ProtectedPart] = []
    skip_below: int | None = None
    for number, part in enumerate(parts):
        if skip_below is not None and part.depth > skip_below:
            continue
        skip_below = part.depth if part.type in MESSAGES else None
        if (each := _protected(data, parts, number)) is not None:
            found.append(each)
            if len(found) >= MAX_FOUND:
                break
    return found


def _protected(data: bytes, parts: Sequence[PartInfo], number: int) -> ProtectedPart | None:
    part = parts[number]
    whole = part.depth == 0
    if part.holds_parts:
        inside = _inside(parts, number)
        kind = protection.of_multipart(part.type, [each.type for each in inside])
        if kind is None:
            return None
        second = inside[1].content(data)
        if kind.encrypts:
            return ProtectedPart(kind, second, whole=whole)
        return ProtectedPart(kind, canonical(data[inside[0].first : inside[0].end]), second, whole)
    if part.type in protection.PKCS7:
        content = part.content(data)
        return ProtectedPart(protection.of_pkcs7(content), content, whole=whole)
    if part.type == "text/plain" and part.disposition != "attachment":
        content = part.content(data)
        if (block := protection.in_text(content)) is not None:
            kind, start, end = block
            return ProtectedPart(kind, content[start:end], inline=True, charset=part.charset)
    return None


def _inside(parts: Sequence[PartInfo], number: int) -> list[PartInfo]:
    """The parts directly inside one."""
    depth = parts[number].depth
    found = []
    for part in parts[number + 1 :]:
        if part.depth <= depth:
            break
        if part.depth == depth + 1:
            found.append(part)
    return found


def canonical(entity: bytes) -> bytes:
    """A part as it was signed: with CRLF at the end of its lines (RFC 1847 §2.1)."""
    return re.sub(rb"\r?\n", b"\r\n", entity)
