"""What a request for a mailbox asks for, and the answers to it (docs/gmap.md §4). No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Final

from misfin.gmap.gemini import GeminiRequest
from misfin.gmap.requests import is_id, is_tag

_SINCE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


class GmapAct(Enum):
    """What is to be done; the value is how the audit log says it."""

    READ = "read"
    LIST = "list"
    TAG = "tag"
    UNTAG = "untag"
    DELETE = "delete"

    @property
    def changes(self) -> bool:
        """Whether it changes the mailbox."""
        return self in (GmapAct.TAG, GmapAct.UNTAG, GmapAct.DELETE)


@dataclass(frozen=True, slots=True)
class GmapAsked:
    """One thing asked of a mailbox: an empty ``tag`` lists all but the trash."""

    act: GmapAct
    message: str = ""
    tag: str = ""
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class GmapAnswer:
    """A status, what goes with it, and for a success the body."""

    status: int
    meta: str
    body: bytes = b""


def success(body: bytes, kind: str = "text/plain; charset=utf-8") -> GmapAnswer:
    """The answer to what was done."""
    return GmapAnswer(20, kind, body)


NO_SUCH_PAGE: Final = GmapAnswer(51, "There is no such page")
NO_SUCH_MESSAGE: Final = GmapAnswer(51, "There is no such message")
NOT_IN_TRASH: Final = GmapAnswer(51, "Message not in Trash")
UNREADABLE: Final = GmapAnswer(40, "The message cannot be read here")
NO_CERTIFICATE: Final = GmapAnswer(60, "The certificate of the mailbox is required")
NOT_REGISTERED: Final = GmapAnswer(61, "No mailbox here has the key of this certificate")
NOT_VALID: Final = GmapAnswer(62, "The certificate is not valid today")
UNAVAILABLE: Final = GmapAnswer(41, "The mailbox cannot be opened; try again later")
_NO_ID: Final = GmapAnswer(59, "The id of a message is required")
_NO_QUERY: Final = GmapAnswer(59, "No query is expected here")
_NO_TAG: Final = GmapAnswer(59, "A tag is made of letters, digits, _ and -")


def read_asked(request: GeminiRequest) -> GmapAsked | GmapAnswer:
    """What a request asks for, or the answer to one that cannot be meant."""
    query = request.query
    match request.path.split("/")[1:]:
        case ["msgid", message]:
            return GmapAsked(GmapAct.READ, message) if is_id(message) else NO_SUCH_MESSAGE
        case ["tag", ""]:
            return GmapAsked(GmapAct.LIST) if query is None else _NO_QUERY
        case ["tag", tag] if query is None:
            return GmapAsked(GmapAct.LIST, tag=tag) if is_tag(tag) else _NO_TAG
        case ["tag", tag, time]:
            return _since(tag, time, query)
        case ["tag" | "untag" as act, tag]:
            return _with_id(GmapAct(act), query, tag)
        case ["delete"]:
            return _with_id(GmapAct.DELETE, query)
    return NO_SUCH_PAGE


def _with_id(act: GmapAct, query: str | None, tag: str = "") -> GmapAsked | GmapAnswer:
    if act is not GmapAct.DELETE and not is_tag(tag):
        return _NO_TAG
    if not query:
        return _NO_ID
    return GmapAsked(act, query, tag) if is_id(query) else NO_SUCH_MESSAGE


def _since(tag: str, time: str, query: str | None) -> GmapAsked | GmapAnswer:
    if query is not None:
        return _NO_QUERY
    try:
        since = datetime.strptime(time, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return NO_SUCH_PAGE
    if not _SINCE.fullmatch(time) or not is_tag(tag):
        return NO_SUCH_PAGE
    return GmapAsked(GmapAct.LIST, tag=tag, since=since)
