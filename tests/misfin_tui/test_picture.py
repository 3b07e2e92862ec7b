"""The picture of the first screen: true or not shown, the same as what is drawn next, gone if that fails."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time

import pytest
from desk import ALICE, at_desk, make_profile, until
from mailboxes import Mailbox, mail

from misfin.store.index import MailIndex
from misfin_tui import picture as picture_module
from misfin_tui.app import pictures
from misfin_tui.app.still import draw
from misfin_tui.picture import ENTER, Picture

SIZE = (100, 30)
PATIENCE = 60.0
HOME = b"\x1b[1;1H"


@pytest.fixture
def profile(profile_root):
    made = make_profile(profile_root, settings="[receive]\nenabled = false\n")
    box = Mailbox(made.mail, ALICE)
    for number in range(60):
        box.put(mail(f"message {number}"))
    with MailIndex(made.index_db, made.mail) as index:
        index.scan()
    return made


class Terminal:
    """The program, or some Python, on a terminal; ``said`` is what was written to it."""

    def __init__(self, profile, *python: str) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", SIZE[1], SIZE[0], 0, 0))
            command = python or ("-m", "misfin_tui", "--profile", str(profile.root))
            os.execve(sys.executable, [sys.executable, *command], dict(os.environ))
        self.said = b""

    def until(self, holds) -> bytes:
        """Read until it was drawn, with line ends as the program wrote them."""
        end = time.monotonic() + PATIENCE
        while not holds(self.said):
            assert time.monotonic() < end, self.said[-2000:]
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    self.said += os.read(self.fd, 65536).replace(b"\r\n", b"\n")
                except OSError:
                    assert holds(self.said), self.said[-2000:]
        return self.said

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def draw_as_the_app_does(profile) -> None:
    places = (profile.root, profile.cache, profile.runtime, *SIZE)
    subprocess.run([sys.executable, "-m", "misfin_tui.app.still", *map(str, places)], check=True, timeout=60)


@pytest.fixture
def terminal(profile, monkeypatch):
    """Open programs that are gone after the test, on terminals like this one."""
    opened = []
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    for name in ("COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)

    def start(*python: str) -> Terminal:
        opened.append(Terminal(profile, *python))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


def test_the_program_draws_what_the_picture_showed(profile, terminal):
    draw_as_the_app_does(profile)
    frame = Picture(profile).frame(SIZE)
    said = terminal().until(lambda said: said.count(HOME) > 2)
    assert said.startswith(ENTER)
    shown = said.index(frame)
    drawn = said.index(HOME, shown + len(frame))
    assert said[drawn : drawn + len(frame)] == frame
    assert ENTER not in said[len(ENTER) :]
    assert b"\x1b[2J" not in said
    assert b"60 conversations" in frame


def test_without_a_picture_it_enters_the_screen_itself(profile, terminal):
    said = terminal().until(lambda said: b"60 conversations" in said)
    assert said.count(ENTER) == 1


def test_a_key_typed_while_the_picture_stands_is_not_lost(profile, terminal):
    draw_as_the_app_does(profile)
    frame = Picture(profile).frame(SIZE)
    started = terminal()
    started.until(lambda said: frame in said)
    os.write(started.fd, b"?")
    started.until(lambda said: b"/ Search  q Close" in said)
    _, _, after = started.said.partition(frame)
    assert after.startswith(b"\x1b")  # nothing was echoed between the picture and what the program draws


FAILS = """
import sys, termios
from pathlib import Path
from misfin_tui.paths import profile_at
from misfin_tui.picture import Picture
before = termios.tcgetattr(0)
try:
    with Picture(profile_at(Path(sys.argv[1]))).painted():
        print("quiet" if termios.tcgetattr(0) != before else "as before")
        raise ValueError
except ValueError:
    print("same" if termios.tcgetattr(0) == before else "other", "END")
"""


def test_a_start_that_fails_leaves_the_terminal_as_it_was(profile, terminal):
    draw_as_the_app_does(profile)
    said = terminal("-c", FAILS, str(profile.root)).until(lambda said: b"END" in said)
    assert b"quiet" in said
    assert b"\x1b[?25h\x1b[?1049l" in said
    assert b"same END" in said


def changes(profile):
    """What makes a picture untrue: a name and how it happens."""

    def later(path):
        return lambda _patch: os.utime(path, (1, 1))

    account = profile.mail / ALICE
    yield "the settings", lambda _patch: profile.config.write_text("[ui]\n")
    yield "mail came", lambda _patch: (account / "new" / "1.x").write_text("Subject: new\n\n")
    yield "a flag was set", later(account / "cur")
    yield "the index", later(profile.index_db)
    yield (
        "changes of the index",
        lambda _patch: profile.index_db.with_name(f"{profile.index_db.name}-wal").write_text("x"),
    )
    yield "another account", lambda _patch: (profile.mail / "bob@hive.test" / "new").mkdir(parents=True)
    yield "another colour depth", lambda patch: patch.setenv("COLORTERM", "")
    yield "no colours", lambda patch: patch.setenv("NO_COLOR", "1")
    yield "Textual is told something", lambda patch: patch.setenv("TEXTUAL_COLOR_SYSTEM", "256")
    yield "another version", lambda patch: patch.setattr(picture_module, "__version__", "9")
    yield "another day", lambda patch: patch.setattr(picture_module.time, "strftime", lambda _form: "later")


@pytest.mark.parametrize("number", range(11))
def test_an_untrue_picture_is_not_shown(profile, monkeypatch, number):
    draw(profile, SIZE)
    picture = Picture(profile)
    assert picture.frame(SIZE)
    table = list(changes(profile))
    assert len(table) == 11
    what, happens = table[number]
    happens(monkeypatch)
    assert picture.frame(SIZE) is None, what


def test_a_picture_is_for_one_size(profile):
    draw(profile, SIZE)
    assert Picture(profile).frame((80, 24)) is None


def test_nobody_else_can_read_it_or_have_written_it(profile):
    draw(profile, SIZE)
    picture = Picture(profile)
    assert picture.path.stat().st_mode & 0o777 == 0o600
    picture.path.chmod(0o622)
    assert picture.frame(SIZE) is None
    picture.path.chmod(0o600)
    moved = picture.path.rename(picture.path.with_name("other"))
    picture.path.symlink_to(moved)
    assert picture.frame(SIZE) is None


def test_closing_the_index_leaves_it_true(profile):
    index = MailIndex(profile.index_db, profile.mail)
    index.open()
    Mailbox(profile.mail, ALICE).put(mail("one more"))
    index.scan()
    draw(profile, SIZE)
    picture = Picture(profile)
    assert picture.frame(SIZE)
    picture.carry_over(SIZE, index.close)
    assert picture.frame(SIZE)


def test_mail_that_comes_while_the_index_is_closed_makes_it_untrue(profile):
    draw(profile, SIZE)
    picture = Picture(profile)
    picture.carry_over(SIZE, lambda: Mailbox(profile.mail, ALICE).put(mail("one more")))
    assert picture.frame(SIZE) is None


async def test_the_app_has_one_drawn_once_nothing_changes_and_again_after_a_change(profile, monkeypatch):
    monkeypatch.setattr(pictures, "UNCHANGED", 0.05)
    picture = Picture(profile)

    def shown(words: bytes) -> bool:
        return words in (picture.frame(SIZE) or b"")

    async with at_desk(profile, SIZE, picture=picture) as (_app, pilot):
        await until(pilot, lambda: shown(b"60 conversations"))
        for count in (61, 62):
            Mailbox(profile.mail, ALICE).put(mail(f"one more, now {count}"))
            await until(pilot, lambda count=count: shown(b"%d conversations" % count))


async def test_whoever_wants_none_has_none(profile):
    draw_as_the_app_does(profile)
    profile.config.write_text("[receive]\nenabled = false\n[ui]\nfirst_screen = false\n")
    picture = Picture(profile)
    async with at_desk(profile, SIZE, picture=picture) as (_app, pilot):
        await until(pilot, lambda: not picture.path.exists())
