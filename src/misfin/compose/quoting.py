"""The text a message begins with: a quotation, a signature; and a finished text taken apart. Pure."""

from __future__ import annotations

from misfin.model.gemtext import subject_of
from misfin.model.replies import quote
from misfin.model.safetext import plain


def attributed(author: str, text: str) -> str:
    """``text`` quoted below a line that says who wrote it; empty when there is nothing to quote.

    ``author`` comes from a stranger: nothing in it acts on a terminal afterwards.
    """
    return f"{plain(author, one_line=True)} wrote:\n{quote(text)}" if text.strip() else ""


def signed(body: str, signature: str) -> str:
    """A text with the signature below, and room to write above it."""
    signature = signature.strip("\n")
    return f"{body}\n\n{signature}\n" if signature else body


def taken_apart(text: str) -> tuple[str, str]:
    """Subject and body of a finished text: a heading on its first line is the subject."""
    first, _, rest = text.partition("\n")
    subject = subject_of(first) if first.startswith("#") else None
    return (subject, rest.lstrip("\n")) if subject else ("", text)
