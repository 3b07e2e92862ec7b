"""What the program writes as plain lines in a real terminal, and typing into it."""

from __future__ import annotations

from terminal import Terminal


def text_of(terminal: Terminal) -> str:
    """Everything it wrote, with every line end as a space."""
    return " ".join(terminal.written.decode("utf-8", "replace").split()) + " "


def said(terminal: Terminal, wanted: str) -> None:
    """Wait until it has written these words."""
    terminal.until(lambda: wanted in text_of(terminal))


def do(terminal: Terminal, keys: str, wanted: str) -> None:
    """Type, and wait until it writes these words once more."""
    before = text_of(terminal).count(wanted)
    terminal.send(keys)
    terminal.until(lambda: text_of(terminal).count(wanted) > before)
