"""A message as one text with its header above it, for an editor, and what comes back from there. Pure.

Nothing that somebody wrote is lost: a line of the header that cannot be read comes back above the text, and a
field whose line is gone stays as it was.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

_LINE = re.compile(r"([!-9;-~]+)[ \t]*:(.*)")


class HeaderField(StrEnum):
    """The fields that can be edited; the value is the name of the field."""

    FROM = "From"
    TO = "To"
    CC = "Cc"
    BCC = "Bcc"
    SUBJECT = "Subject"


WITH_HEADER = "header"
"""A note beside a file that an editor has: there is a header above the text."""
_BY_NAME = {field.lower(): field for field in HeaderField}
_LISTS = (HeaderField.TO, HeaderField.CC, HeaderField.BCC)


@dataclass(frozen=True, slots=True)
class EditedMessage:
    """What came back. ``fields`` has those that have a line, ``unread`` the lines that are not a known field.

    ``body`` begins with the unread lines, if there are any.
    """

    fields: Mapping[HeaderField, str]
    body: str
    unread: tuple[str, ...] = ()


def with_header(fields: Mapping[HeaderField, str], body: str) -> str:
    """The text to edit; every field is one line, also an empty one."""
    lines = [f"{field}: {' '.join(value.split())}".rstrip() for field, value in fields.items()]
    return "\n".join([*lines, "", body])


def read_header(text: str) -> EditedMessage:
    """Read it back. The header ends at the first empty line.

    A line that begins with a space continues the one above. Of a field with several lines, recipients are
    joined; of the others the last counts.
    """
    text = text.replace("\r\n", "\n").removeprefix("\ufeff")
    head, gap, body = text.partition("\n\n")
    if text.startswith("\n"):
        head, gap, body = "", "\n", text[1:]
    elif not gap:
        head, body = text.removesuffix("\n"), ""
    found: dict[HeaderField, str] = {}
    unread: list[str] = []
    last: HeaderField | None = None
    for line in head.split("\n") if head else ():
        if line[:1] in (" ", "\t") and last is not None:
            found[last] = f"{found[last]} {line.strip()}"
            continue
        match = _LINE.fullmatch(line)
        last = _BY_NAME.get(match[1].lower()) if match else None
        if match is None or last is None:
            unread.append(line)
        elif last in found and last in _LISTS:
            found[last] = ", ".join(filter(None, (found[last], match[2].strip())))
        else:
            found[last] = match[2].strip()
    if not found:  # no header at all: it was removed, or the file is another text
        return EditedMessage({}, text)
    above = "".join(f"{line}\n" for line in unread)
    return EditedMessage(found, f"{above}\n{body}" if above and body else above or body, tuple(unread))
