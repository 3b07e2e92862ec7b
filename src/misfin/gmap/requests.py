"""The requests of GMAP as paths, and its lists of ids (docs/gmap.md §2). No I/O.

Servers decode no percent-encoding here, so only names that need none are ever sent: a tag or an id with other
characters is refused before it becomes part of a path.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from misfin.errors import LocalProtocolError, RemoteProtocolError

MAX_LIST: Final = 1024 * 1024
"""Bytes of a list of ids."""
MAX_MESSAGE: Final = 64 * 1024
"""Bytes of a message with all its metadata."""

UNREAD: Final = "Unread"
"""The tag of what nobody has read. Folders are tags too, with the names of ours (model/folders.py)."""

_TAG: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")
# What a URL may hold there, without what separates ids, parts of a path and a query, and without escapes.
_ID: Final = re.compile(r"[A-Za-z0-9._~:@!$&'()*;=-]{1,200}")
_SEPARATORS: Final = re.compile(r"[,\s]+")


def is_id(text: str) -> bool:
    """Whether this can be an id: any other could lead a request elsewhere."""
    return _ID.fullmatch(text) is not None and set(text) != {"."}


def is_tag(text: str) -> bool:
    """Whether this can be the name of a tag."""
    return _TAG.fullmatch(text) is not None


def read_ids(data: bytes) -> list[str]:
    """The ids of a list, in its order and each once; separated by commas, white space or both.

    Raises :class:`~misfin.errors.RemoteProtocolError` if any is none that could be asked for: the answer is
    then something else than a list.
    """
    words = [word for word in _SEPARATORS.split(data.decode("utf-8", "replace")) if word]
    if any(not is_id(word) for word in words):
        raise RemoteProtocolError("The server's answer is not a list of message ids.")
    return list(dict.fromkeys(words))


def message_path(message: str) -> str:
    """Where a message is."""
    return f"/msgid/{_id(message)}"


def list_path(tag: str = "", since: datetime | None = None) -> str:
    """Where the ids with a tag are listed: of all messages without one; those received at or after ``since``.

    ``since`` says nothing of tags that were changed later.
    """
    if not tag:
        return "/tag/"
    path = f"/tag/{_tag(tag)}"
    return path if since is None else f"{path}/{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def tag_path(tag: str) -> str:
    """What adds a tag to the message in the query."""
    return f"/tag/{_tag(tag)}"


def untag_path(tag: str) -> str:
    """What removes a tag from the message in the query."""
    return f"/untag/{_tag(tag)}"


DELETE: Final = "/delete"
"""What deletes the message in the query for good, if it is tagged Trash."""


def query_of(message: str) -> str:
    """The id of a message as a query."""
    return _id(message)


def _tag(tag: str) -> str:
    if not is_tag(tag):
        raise LocalProtocolError("A tag is made of A-Z, a-z, 0-9, _ and -.")
    return tag


def _id(message: str) -> str:
    if not is_id(message):
        raise LocalProtocolError("This cannot be the id of a message.")
    return message
