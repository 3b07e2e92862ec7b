"""What a message says of the mailing list it came from: its name, and how to leave it. Pure.

RFC 2919 (List-Id), RFC 2369 §3.2 (List-Unsubscribe), RFC 8058 §3 (one click by POST).
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from misfin.store.message import fields
from misfin.store.message.fields import Headers
from misfin.valueclass import dataclass

MAX_URIS: Final = 20
MAX_URI: Final = 4000
MAX_LIST_ID: Final = 500
_BRACKETED: Final = re.compile(r"<([^<>]*)>")
_ONE_CLICK: Final = "list-unsubscribe=one-click"


@dataclass(frozen=True, slots=True)
class Unsubscribing:
    """The ways to leave a list, in the sender's order; every URI is the sender's word, and none is checked.

    ``one_click`` is an ``https`` address to which one POST is all it takes, empty where there is none.
    """

    one_click: str = ""
    mailto: str = ""
    page: str = ""
    """An ``https`` address for a browser."""

    def __bool__(self) -> bool:
        return bool(self.one_click or self.mailto or self.page)


def list_id(headers: Headers) -> str:
    """The name and identifier of the list, as one line: ``Crew talk <crew.lists.example>``, or empty."""
    return fields.text(fields.one(headers, "list-id"))[:MAX_LIST_ID]


def unsubscribing(head: bytes) -> Unsubscribing:
    """How to leave the list that a message with this header came from."""
    headers, _ = fields.split(head, 0)
    text = "".join(b" ".join(headers.get("list-unsubscribe", [])).decode("ascii", "replace").split())
    uris = [uri for uri in _BRACKETED.findall(text)[:MAX_URIS] if 0 < len(uri) <= MAX_URI]
    pages = [uri for uri in uris if _is_https(uri)]
    mails = [uri for uri in uris if uri.lower().startswith("mailto:")]
    posts = fields.text(fields.one(headers, "list-unsubscribe-post")).lower().replace(" ", "")
    page = pages[0] if pages else ""
    return Unsubscribing(page if posts == _ONE_CLICK else "", mails[0] if mails else "", page)


def _is_https(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
        return parts.scheme == "https" and bool(parts.hostname) and parts.username is None
    except ValueError:
        return False
