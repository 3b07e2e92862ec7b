"""The linear mode on a real terminal: no escape sequence at any width, keys, signals, the end."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from desk import ALICE, make_profile
from lineterminal import do, said, text_of
from mailboxes import Mailbox, mail
from plainlines import acting

from misfin.store.mail.maildir import MailStore
from misfin.store.outgoing.drafts import Draft, DraftBox
from misfin_tui.paths import Profile
from terminal import Terminal, program

SETTINGS = "[receive]\nenabled = false\n[send]\nundo_send_seconds = 3600\n"
EVIL = "\x1b[2J\x1b]0;x\x07 \x9b31m \u202e tail"


@pytest.fixture
def furnished(tmp_path: Path) -> tuple[Profile, Mailbox]:
    profile = make_profile(tmp_path / "profile", settings=SETTINGS)
    box = Mailbox(profile.mail, ALICE)
    for number in range(3):
        box.put(mail(f"message {number}", f"{EVIL}\n" + "words and more words " * 30))
    return profile, box


Opener = Callable[..., Terminal]


@pytest.fixture
def opened(furnished: tuple[Profile, Mailbox], tmp_path: Path) -> Iterator[Opener]:
    """Opens the linear mode on a terminal of some size."""
    terminals: list[Terminal] = []

    def open_it(columns: int = 80, rows: int = 24, **environ: str) -> Terminal:
        own = {"HOME": str(tmp_path), "TERM": "dumb", **environ}
        command = program("--profile", str(furnished[0].root), "--linear")
        terminals.append(Terminal(*command, size=(columns, rows), environ=own))
        said(terminals[-1], "Inbox> ")
        return terminals[-1]

    yield open_it
    for terminal in terminals:
        terminal.end()


def drafts(profile: Profile) -> list[Draft]:
    return list(DraftBox(MailStore(profile.mail)).all())


@pytest.mark.parametrize("columns", [20, 40, 80])
def test_the_terminal_gets_lines_that_fit_and_no_escape_sequence(opened, columns):
    terminal = opened(columns)
    do(terminal, "pages off\r", "Nothing waits.")
    do(terminal, "1\r", "End of message.")
    do(terminal, "next\r", "End of message.")
    do(terminal, "details\r", "Id: ")
    do(terminal, "outbox\r", "Nothing is waiting to be sent.")
    terminal.send("quit\r")
    assert terminal.wait() == 0
    assert b"\x1b" not in terminal.written
    assert acting(terminal.written, "\r\n\b") == []
    lines = terminal.written.decode().replace("\r", "").split("\n")
    assert max(len(line) for line in lines if "> " not in line) < columns  # but for what was typed
    assert terminal.cooked


def test_long_output_waits_after_each_screenful_until_that_is_turned_off(opened):
    terminal = opened(40, 10)
    do(terminal, "help\r", "More, or q: ")
    do(terminal, "\r", "More, or q: ")
    do(terminal, "q\r", "> ")
    do(terminal, "pages off\r", "Nothing waits.")
    do(terminal, "help\r", "quit (q): leave")


def test_ctrl_c_drops_a_line_and_a_question_and_nothing_else(opened):
    terminal = opened()
    do(terminal, "serach wor\x03", "> ")
    do(terminal, "compose bob@hive.test\r", "Subject: ")
    do(terminal, "Words\r", "A line with only a dot ends it.")
    terminal.send("kept\r")
    do(terminal, "not kept\x03", "This line was dropped.")
    do(terminal, ".\r", "Writing> ")
    do(terminal, "discard\r", "Your choice: ")
    do(terminal, "\x03", "Writing> ")
    do(terminal, "print\r", "Subject: Words kept End of message.")
    do(terminal, "keep\r", "Kept as a draft.")


def test_ctrl_d_leaves_and_keeps_the_draft(opened, furnished):
    terminal = opened()
    do(terminal, "compose bob@hive.test\r", "Subject: ")
    do(terminal, "Words\r", "A line with only a dot ends it.")
    terminal.send("kept\r\x04")
    assert terminal.wait() == 0
    assert [draft.body for draft in drafts(furnished[0])] == ["kept"]
    assert terminal.cooked


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["term", "hup"])
def test_a_signal_keeps_even_the_line_that_is_being_typed(opened, furnished, number):
    terminal = opened()
    do(terminal, "compose bob@hive.test\r", "Subject: ")
    do(terminal, "Words\r", "A line with only a dot ends it.")
    do(terminal, "first\rsecond, half", "second, half")
    terminal.kill(number)
    assert terminal.wait() == 128 + number
    assert [draft.body for draft in drafts(furnished[0])] == ["first\nsecond, half"]
    assert terminal.cooked


def test_a_lost_terminal_keeps_the_draft(opened, furnished):
    terminal = opened()
    do(terminal, "compose bob@hive.test\r", "Subject: ")
    do(terminal, "Words\r", "A line with only a dot ends it.")
    do(terminal, "first\r", "first")
    terminal.hang_up()
    assert terminal.wait() == 128 + signal.SIGHUP
    assert [draft.body for draft in drafts(furnished[0])] == ["first"]


def test_news_comes_at_once_when_nobody_types_and_never_within_a_line(opened, furnished):
    terminal = opened()
    do(terminal, "sear", "sear")
    furnished[1].put(mail("Fresh", date=time.time()))
    assert not terminal.soon(lambda: "New mail" in text_of(terminal), 4.0)
    do(terminal, "ch words\r", "New mail from Bob: Fresh")
    assert "> search words" in text_of(terminal)
    furnished[1].put(mail("Fresher", date=time.time()))
    said(terminal, "New mail from Bob: Fresher")
    terminal.until(lambda: text_of(terminal).endswith("New mail from Bob: Fresher Search> "))


def test_the_text_is_written_in_an_editor(opened, tmp_path):
    script = tmp_path / "editor"
    script.write_text(f"#!{sys.executable}\nimport sys\nopen(sys.argv[1], 'a').write('from the editor')\n")
    script.chmod(0o755)
    terminal = opened(VISUAL=str(script))
    do(terminal, "compose bob@hive.test\r", "Subject: ")
    do(terminal, "Words\r", "A line with only a dot ends it.")
    terminal.send("typed\r")
    do(terminal, ".\r", "Writing> ")
    do(terminal, "edit\r", "The text has 2 lines.")
    do(terminal, "print\r", "typed from the editor End of message.")
