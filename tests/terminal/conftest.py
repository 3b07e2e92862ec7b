"""Programs on terminals: one that many tests share, and new ones that are gone after their test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from desk import ALICE, make_profile
from mailboxes import Mailbox, mail

from misfin.store.drafts import Draft, DraftBox
from misfin.store.maildir import MailStore
from misfin_tui.paths import Profile
from terminal import Terminal, program

SETTINGS = """
[receive]
enabled = false
[send]
undo_send_seconds = 3600
[ui]
first_screen = false
"""
LETTERS = 6


def furnish(root: Path, settings: str = SETTINGS) -> Profile:
    """A profile with some mail."""
    profile = make_profile(root, settings=settings)
    box = Mailbox(profile.mail, ALICE)
    for number in range(LETTERS):
        box.put(mail(f"letter {number}"))
    return profile


@dataclass
class Desk:
    """The program, and what it keeps on disk."""

    profile: Profile
    terminal: Terminal

    def mail(self) -> list[str]:
        """Every message with its folder and flags."""
        root = self.profile.mail
        return sorted(
            str(path.relative_to(root))
            for path in root.rglob("*")
            if path.is_file() and path.parent.name in ("cur", "new") and "Drafts" not in str(path)
        )

    def drafts(self) -> list[Draft]:
        """The drafts as they lie on disk."""
        return list(DraftBox(MailStore(self.profile.mail)).all())

    def write(self, to: str = "zoe@hive.test", subject: str = "Words") -> None:
        """Open the composer, with the cursor in the text."""
        terminal = self.terminal
        terminal.press("c")
        terminal.until("Subject")
        terminal.settle()
        terminal.press(f"{to}\r")
        terminal.press(f"{subject}\r")


Opener = Callable[..., Desk]
Command = Callable[[str], tuple[str, ...]]


def usual(root: str) -> tuple[str, ...]:
    """The command that opens the program on a profile."""
    return program("--profile", root)


@pytest.fixture
def opened(profile_root: Path) -> Iterator[Opener]:
    """Open programs on a profile with mail."""
    desks: list[Desk] = []

    def start(settings: str = SETTINGS, command: Command | None = None, **options: object) -> Desk:
        profile = furnish(profile_root, settings) if not profile_root.exists() else desks[0].profile
        terminal = Terminal(*(command or usual)(str(profile.root)), **options)
        desks.append(Desk(profile, terminal))
        if command in (None, usual):
            terminal.until(f"{LETTERS} conversations")
            terminal.settle()
        return desks[-1]

    yield start
    for desk in desks:
        desk.terminal.end()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One program for the tests of a module: each leaves it in the inbox."""
    home = tmp_path_factory.mktemp("shared")
    profile = furnish(home / "profile")
    environ = {"HOME": str(home), "TEXTUAL_ANIMATIONS": "none", "TZ": "UTC", "NO_COLOR": None}
    terminal = Terminal(*program("--profile", str(profile.root)), environ={**os.environ, **environ})
    terminal.until(f"{LETTERS} conversations")
    terminal.settle()
    yield Desk(profile, terminal)
    terminal.end()
