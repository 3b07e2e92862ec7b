"""Before a link is opened: where it really leads."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from enum import StrEnum
from urllib.parse import urlsplit

from textual.app import ComposeResult

from misfin_tui.dialogs.base import Choice, Dialog
from misfin_tui.screentext import plain, shown_host, suspicious
from misfin_tui.widgets.facts import text

MAX_SHOWN = 2000  # characters of a target; the rest of a longer one could hide nothing that matters
_CODE = frozenset({"javascript", "vbscript", "data", "blob", "about"})


class Opening(StrEnum):
    """What to do with a link."""

    OPEN = "open"
    COPY = "copy"


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


class LinkDialog(Dialog[Opening]):
    """The true target of a link, and whether to open it with another program."""

    def __init__(self, target: str, opener: str) -> None:
        super().__init__("Open this link?")
        self._target = target
        self._opener = opener

    def compose_body(self) -> ComposeResult:
        """The whole target, and anything odd about it."""
        yield text(self._target[:MAX_SHOWN], classes="strong")
        for remark in remarks(self._target):
            yield text(f"⚠ {remark}", classes="warn gap")
        yield text(consequence(self._target, self._opener), classes="muted gap")

    def choices(self) -> Sequence[Choice]:
        """Staying is safe."""
        return Choice("stay", "Cancel  esc"), Choice("copy", "Copy"), Choice("open", "Open")

    def choose(self, choice: str) -> None:
        """Open, copy, or None."""
        self.dismiss(None if choice == "stay" else Opening(choice))
