"""The initial text of a message, a quotation and a signature; and the subject and body of a text. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from misfin.model.gemtext import subject_of
from misfin.model.replies import quote
from misfin.model.safetext import plain

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def attributed(author: str, text: str, at: datetime | None = None) -> str:
    """``text`` quoted below a line that says who wrote it, and when; empty when there is nothing to quote.

    ``author`` comes from a stranger and is made safe for a terminal. ``at`` is an aware date.
    """
    if not text.strip():
        return ""
    when = ""
    if at is not None:
        at = at.astimezone(UTC)
        when = f"On {at.day} {_MONTHS[at.month - 1]} {at.year} at {at:%H:%M} UTC, "
    return f"{when}{plain(author, one_line=True)} wrote:\n{quote(text)}"


def signed(body: str, signature: str) -> str:
    """The text with the signature below it and room to write in between."""
    signature = signature.strip("\n")
    return f"{body}\n\n{signature}\n" if signature else body


def sign_off(signature: str) -> str:
    """A signature of ordinary mail, below the line ``-- `` by which mail programs know it (RFC 3676 §4.3)."""
    text = signature.strip("\n")
    return text if not text or text.split("\n")[0].rstrip() == "--" else f"-- \n{text}"


def signed_again(body: str, old: str, new: str) -> str | None:
    """The text with another signature, if the old one is still in it as it was put there; else None.

    It is below the text, or above a message that is forwarded. Where there was none, the new one goes below.
    """
    old, new, text = old.strip("\n"), new.strip("\n"), body.rstrip("\n")
    if old == new:
        return None
    if not old:
        return signed(text, new)
    if f"\n{text}".endswith(f"\n{old}"):
        before = text.removesuffix(old)
        return f"{before}{new}\n" if new else f"{before.rstrip()}\n"
    above, found, below = body.partition(f"\n{old}\n\n")
    return f"{above}\n{new}\n\n{below}" if found and new else None


def split_subject(text: str) -> tuple[str, str]:
    """Subject and body of a complete text: a heading on its first line is the subject."""
    first, _, rest = text.partition("\n")
    subject = subject_of(first) if first.startswith("#") else None
    return (subject, rest.lstrip("\n")) if subject else ("", text)
