"""What is said before a link is opened: what is odd about it, and what opening it does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

from misfin_tui.screentext import plain, shown_host, suspicious

_CODE = frozenset({"javascript", "vbscript", "data", "blob", "about"})


LINK = re.compile(
    r"\b(?:(?:https?|gemini|gopher|spartan|finger|ftps?)://[^\s<>\"`|\\^]+|(?:misfin|mailto|mid|cid):[^\s<>\"`|\\^]*@[^\s<>\"`|\\^]+)",
    re.IGNORECASE,
)
_AFTER = ".,;:!?'*_"  # what ends a sentence, not an address


def links_in(line: str) -> Iterator[tuple[int, str]]:
    """Where each link in a line of ordinary text begins, and its target."""
    if ":" not in line:
        return
    for found in LINK.finditer(line):
        target = found.group().rstrip(_AFTER)
        if target.endswith(")") and target.count("(") < target.count(")"):
            target = target[:-1].rstrip(_AFTER)
        yield found.start(), target


def remarks(target: str) -> list[str]:
    """What to know before opening a link, one sentence each."""
    try:
        parts = urlsplit(target)
        host = parts.hostname or ""
    except ValueError:
        return ["It is not a well-formed address."]
    found = []
    reason = suspicious(f"x@{host}") if host else ""
    if reason:
        found.append(f"Look closely: {reason}.")
    if host and shown_host(host) != host:
        found.append(f"The host is {shown_host(host)} in its own messages.")
    if parts.username is not None or parts.password is not None:
        found.append(f"The part before the @ is a name, not the host; the host is {host}.")
    if plain(target, one_line=True) != target:
        found.append("It contains invisible characters.")
    if not parts.scheme:
        found.append("It has no protocol; a program may take it for a file on this machine.")
    elif parts.scheme == "file":
        found.append("It points to a file on this machine. No honest message knows what is here.")
    elif parts.scheme in _CODE:
        found.append("It contains something to run or to show, not an address to open.")
    return found


def consequence(target: str, opener: str) -> str:
    """What opening it does and reveals."""
    with suppress(ValueError):
        if urlsplit(target).netloc and not target.lower().startswith("file:"):
            return (
                f"It will be opened with {opener}. Whoever runs that server then learns your network"
                " address, and that you have read the message."
            )
    return f"It will be given to {opener}, which decides what to do with it."
