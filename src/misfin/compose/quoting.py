"""The initial text of a message, a quotation and a signature; and the subject and body of a text. Pure."""

from __future__ import annotations

from misfin.model.gemtext import subject_of
from misfin.model.replies import quote
from misfin.model.safetext import plain


def attributed(author: str, text: str) -> str:
    """``text`` quoted below a line that says who wrote it; empty when there is nothing to quote.

    ``author`` comes from a stranger and is made safe for a terminal.
    """
    return f"{plain(author, one_line=True)} wrote:\n{quote(text)}" if text.strip() else ""


def signed(body: str, signature: str) -> str:
    """The text with the signature below it and room to write in between."""
    signature = signature.strip("\n")
    return f"{body}\n\n{signature}\n" if signature else body


def split_subject(text: str) -> tuple[str, str]:
    """Subject and body of a complete text: a heading on its first line is the subject."""
    first, _, rest = text.partition("\n")
    subject = subject_of(first) if first.startswith("#") else None
    return (subject, rest.lstrip("\n")) if subject else ("", text)
