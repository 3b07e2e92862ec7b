"""What a server's list of capabilities amounts to: some of them include others."""

from __future__ import annotations

from collections.abc import Set
from typing import Final

_REV2: Final = frozenset({
    "ENABLE", "ESEARCH", "IDLE", "LIST-EXTENDED", "LIST-STATUS", "LITERAL-", "MOVE", "NAMESPACE", "SASL-IR",
    "SEARCHRES", "SPECIAL-USE", "STATUS=SIZE", "UIDPLUS", "UNSELECT",
})  # fmt: skip
INCLUDED: Final = {
    "IMAP4REV2": _REV2,  # RFC 9051, Appendix E
    "QRESYNC": frozenset({"CONDSTORE", "ENABLE"}),  # RFC 7162 §3.2
    "LITERAL+": frozenset({"LITERAL-"}),  # RFC 7888 §4
    "UTF8=ONLY": frozenset({"UTF8=ACCEPT"}),  # RFC 6855 §6
}


def offers(capabilities: Set[str], name: str) -> bool:
    """Whether a server with these capabilities understands ``name``."""
    return name in capabilities or any(name in INCLUDED.get(capability, ()) for capability in capabilities)


def append_limit(capabilities: Set[str]) -> int | None:
    """The size of the largest message the server takes, where it says one for all mailboxes (RFC 7889)."""
    for name in capabilities:
        word, _, size = name.partition("=")
        if word == "APPENDLIMIT" and size.isascii() and size.isdigit() and len(size) < 20:
            return int(size)
    return None
