"""Programs on terminals: one that many tests share, and new ones that are gone after their test."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
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
EDITOR = "editor"
"""The file in its home that a program opens as the person's editor; a test that needs one writes it."""


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

    def editor(self, script: str) -> None:
        """Have an editor: a Python program, given the file as its argument."""
        file = self.profile.root.parent / EDITOR
        file.write_text(f"#!{sys.executable}\n{script}")
        file.chmod(0o755)

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


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "opens(command=usual, environ={}): how the program of a test is started"
    )


def opens(item: pytest.Item) -> Mapping[str, Any]:
    """What the mark of a test says about its program."""
    mark = item.get_closest_marker("opens")
    return {} if mark is None else mark.kwargs


class Ahead:
    """Starts programs while earlier tests run: most of a test's time is its program's start."""

    STARTED = 2
    """Programs that are ready or starting: with the one under test, enough to keep two processors busy."""

    def __init__(self, folders: pytest.TempPathFactory, items: Sequence[pytest.Item]) -> None:
        self._folders = folders
        self._coming = [item for item in items if "opened" in getattr(item, "fixturenames", ())]
        self._started: dict[str, Desk] = {}

    def take(self, item: pytest.Item) -> Desk:
        """The program of this test; those of the next tests start."""
        at = self._coming.index(item)
        for each in self._coming[at : at + 1 + self.STARTED]:
            if each.nodeid not in self._started:
                self._started[each.nodeid] = self._start(**opens(each))
        return self._started.pop(item.nodeid)

    def _start(self, command: Command = usual, environ: Mapping[str, str | None] | None = None) -> Desk:
        home = self._folders.mktemp("opened")
        profile = furnish(home / "profile")
        own = {"HOME": str(home), "VISUAL": str(home / EDITOR), **(environ or {})}
        return Desk(profile, Terminal(*command(str(profile.root)), environ=own))

    def end(self) -> None:
        """Nobody needs them any more."""
        for desk in self._started.values():
            desk.terminal.end()


@pytest.fixture(scope="session")
def ahead(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ahead]:
    """The programs of the next tests."""
    made = Ahead(tmp_path_factory, request.session.items)
    yield made
    made.end()


@pytest.fixture
def opened(request: pytest.FixtureRequest, ahead: Ahead) -> Iterator[Opener]:
    """Open the program that the test's mark ``opens`` describes; called again, a plain one on its profile."""
    desks: list[Desk] = []

    def start() -> Desk:
        plain = True
        if desks:
            profile = desks[0].profile
            desks.append(Desk(profile, Terminal(*usual(str(profile.root)))))
        else:
            plain = "command" not in opens(request.node)
            desks.append(ahead.take(request.node))
        if plain:
            desks[-1].terminal.until(f"{MESSAGES} conversations")
            desks[-1].terminal.settle()
        return desks[-1]

    yield start
    for desk in desks:
        desk.terminal.end()


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Desk]]:
    """Programs for the tests of a module: each leaves its own in the inbox."""
    desks = []
    for _ in range(3):
        home = tmp_path_factory.mktemp("shared")
        profile = furnish(home / "profile")
        environ = {"HOME": str(home), "TEXTUAL_ANIMATIONS": "none", "TZ": "UTC", "NO_COLOR": None}
        desks.append(Desk(profile, Terminal(*usual(str(profile.root)), environ=environ)))
    for desk in desks:
        desk.terminal.until(f"{MESSAGES} conversations")
        desk.terminal.settle()
    yield desks
    for desk in desks:
        desk.terminal.end()
