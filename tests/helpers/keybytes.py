"""How many bytes the program sends to the terminal for a key: what a slow line has to carry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from desk import ALICE, make_profile
from mailboxes import NOW, Mailbox, mail

from misfin_tui.paths import Profile
from terminal import QUIET, Terminal, program

SIZE = (80, 24)
MESSAGES = 60
SETTINGS = """
[receive]
enabled = false
[ui]
first_screen = false
mouse = false
"""
TEXT = "\n\n".join(
    f"Paragraph {number}. " + "Words and more words, to be read at leisure. " * 4 for number in range(20)
)


@dataclass(frozen=True, slots=True)
class KeyBytes:
    """``most`` is that of the key press that sent most, ``mean`` that of all of them."""

    what: str
    mean: float
    most: int


def furnish(root: Path) -> Profile:
    """A profile with a list longer than the window, and messages longer than that too."""
    profile = make_profile(root, settings=SETTINGS)
    box = Mailbox(profile.mail, ALICE)
    for number in range(MESSAGES):
        box.put(
            mail(
                f"message {number}", TEXT, sender=f"Bob {number} <bob{number}@remote.host>", date=NOW + number
            )
        )
    return profile


def measured(root: Path, **environ: str) -> Iterator[KeyBytes]:
    """The program on a profile in ``root``, key by key; it is ended afterwards."""
    profile = furnish(root / "profile")
    own = {"HOME": str(root), "TERM": "vt220", "COLORTERM": None, **environ}
    terminal = Terminal(*program("--profile", str(profile.root)), size=SIZE, environ=own)
    try:
        terminal.until("message 59")
        terminal.settle(1.0)  # what starts in the background is there
        yield KeyBytes("the first screen", len(terminal.written), len(terminal.written))
        yield _pressed(terminal, "down one row", "j", 8)
        yield _pressed(terminal, "up one row", "k", 6)
        yield _pressed(terminal, "down a page", "\x1b[6~", 2)
        yield _pressed(terminal, "up a page", "\x1b[5~", 2)
        yield _pressed(terminal, "open a message", "\r", 1)
        yield _pressed(terminal, "a line down in it", "j", 6)
        yield _pressed(terminal, "a page down in it", " ", 2)
        yield _pressed(terminal, "close it", "q", 1)
        yield _pressed(terminal, "open the composer", "c", 1)
        terminal.until("Subject")
        for field in ("bob@remote.host", "Words"):
            terminal.send(f"{field}\r")
        terminal.until("draft saved")
        terminal.settle(2 * QUIET)
        yield _pressed(terminal, "type a character", "x", 12)
        yield _pressed(terminal, "take one back", "\x7f", 6)
        yield _pressed(terminal, "a new line", "\r", 3)
    finally:
        terminal.end()


def _pressed(terminal: Terminal, what: str, key: str, times: int) -> KeyBytes:
    found = []
    for _ in range(times):
        before = len(terminal.written)
        terminal.send(key)
        terminal.soon(lambda: len(terminal.written) > before, 3.0)  # noqa: B023 - asked at once
        terminal.settle(2 * QUIET)
        found.append(len(terminal.written) - before)
    return KeyBytes(what, sum(found) / len(found), max(found))
