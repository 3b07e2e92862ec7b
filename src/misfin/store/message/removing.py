"""A mail without one of its attachments: a note of what was there takes its place. Pure."""

from __future__ import annotations

from datetime import datetime

from misfin.errors import InputError
from misfin.store.message.headers import quoted_printable
from misfin.store.message.structure import PartInfo


def can_remove(part: PartInfo) -> bool:
    """Whether a part may be removed: one of several, and not a container of others."""
    return part.depth > 0 and not part.holds_parts


def without_part(data: bytes, part: PartInfo, now: datetime) -> bytes:
    """The mail with a short text in place of a part; every other byte stays.

    Raises :class:`InputError` for a part that cannot be removed (:func:`can_remove`).
    """
    if not can_remove(part):
        raise InputError("This part cannot be removed: it is the whole message, or contains other parts.")
    what = f"{part.type}, {part.size:,} bytes"
    what = f"“{part.name}” ({what})" if part.name else f"({what})"
    note = f"The attachment {what} was deleted from this message on {now.day} {now:%B %Y}.\n"
    lines = (
        b"Content-Type: text/plain; charset=utf-8\nContent-Disposition: inline\n"
        b"Content-Transfer-Encoding: quoted-printable\n\n" + quoted_printable(_plain(note).encode())
    )
    if b"\r\n" in data[max(part.first - 200, 0) : part.start + 2]:
        lines = lines.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return data[: part.first] + lines.rstrip(b"\r\n") + data[part.end :]


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() or char == "\n" else "�" for char in text)
