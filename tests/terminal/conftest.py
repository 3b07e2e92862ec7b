"""Programs on terminals: one that many tests share, and new ones that are gone after their test."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from desk import ALICE, identity, make_profile
from mailboxes import Mailbox, mail

from misfin.store.mail.maildir import MailStore
from misfin.store.outgoing.drafts import Draft, DraftBox
from misfin.trust.pins import PinBook
from misfin.trust.tofu import PinKind
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
MESSAGES = 6


def furnish(root: Path, settings: str = SETTINGS) -> Profile:
    """A profile with some mail, and a certificate to decide about."""
    profile = make_profile(root, settings=settings)
    box = Mailbox(profile.mail, ALICE)
    for number in range(MESSAGES):
        box.put(mail(f"message {number}"))
    known, other = identity("erin@shell.test"), identity("erin@shell.test")
    with PinBook(profile.trust_db) as pins:
        pins.record(PinKind.SENDER, "erin@shell.test", known.info, how="first use", now=time.time())
        pins.offer(PinKind.SENDER, "erin@shell.test", other.info, now=time.time())
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


class Spare:
    """A program that starts while the test before it runs: most of a test's time is its program's start."""

    def __init__(self, folders: pytest.TempPathFactory) -> None:
        self._folders = folders
        self._desk: Desk | None = None

    def take(self) -> Desk:
        """The one that is ready; the next one starts."""
        desk, self._desk = self._desk or self._start(), None
        self._desk = self._start()
        return desk

    def _start(self) -> Desk:
        home = self._folders.mktemp("spare")
        profile = furnish(home / "profile")
        return Desk(profile, Terminal(*usual(str(profile.root)), environ={"HOME": str(home)}))

    def end(self) -> None:
        """Nobody needs it any more."""
        if self._desk is not None:
            self._desk.terminal.end()


@pytest.fixture(scope="session")
def spare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spare]:
    """One program that is ready."""
    made = Spare(tmp_path_factory)
    yield made
    made.end()


@pytest.fixture
def opened(profile_root: Path, spare: Spare) -> Iterator[Opener]:
    """Open programs on a profile with mail; the plain one is ready most of the time."""
    desks: list[Desk] = []

    def start(command: Command | None = None, **options: Any) -> Desk:
        if command is None and not options and not desks and "VISUAL" not in os.environ:
            desks.append(spare.take())
        else:
            profile = desks[0].profile if desks else furnish(profile_root)
            desks.append(Desk(profile, Terminal(*(command or usual)(str(profile.root)), **options)))
        if command is None:
            desks[-1].terminal.until(f"{MESSAGES} conversations")
            desks[-1].terminal.settle()
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
    terminal.until(f"{MESSAGES} conversations")
    terminal.settle()
    yield Desk(profile, terminal)
    terminal.end()
