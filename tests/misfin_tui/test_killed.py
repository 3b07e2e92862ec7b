"""The whole program in a real terminal, killed while somebody writes: the draft is there."""

from __future__ import annotations

import os
import pty
import select
import signal
import sys
import time

import pytest
from desk import make_profile
from processes import ends, forked

from misfin.store.mail.maildir import MailStore
from misfin.store.outgoing.drafts import DraftBox

PROMISE = 2.0  # seconds after the last key within which a draft is on disk
PATIENCE = 30.0


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, *command: str) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ |= {
                "TERM": "xterm-256color",
                "TEXTUAL_ANIMATIONS": "none",
                "COLUMNS": "100",
                "LINES": "30",
            }
            os.execv(command[0], list(command))
        self.said = ""

    def read(self, seconds: float) -> None:
        """Take what it draws for a while."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self.fd], [], [], left)[0]:
                self.said += os.read(self.fd, 65536).decode("utf-8", "replace")

    def until(self, words: str) -> None:
        """Wait until it has drawn these."""
        end = time.monotonic() + PATIENCE
        while words not in self.said:
            assert time.monotonic() < end, self.said[-2000:]
            self.read(0.05)

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self.fd, text.encode())

    def kill(self) -> None:
        """The hard way."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def test_a_draft_survives_kill_9(profile_root):
    profile = make_profile(profile_root)
    terminal = Terminal(sys.executable, "-m", "misfin_tui", "--profile", str(profile.root))
    try:
        terminal.until("Compose")
        terminal.read(0.5)
        terminal.type("c")
        terminal.until("Subject")
        terminal.read(0.5)
        terminal.type("bob@hive.test\r")
        terminal.read(0.3)
        terminal.type("Last words\r")
        terminal.read(0.3)
        terminal.type("not lost")
        terminal.read(PROMISE)
    finally:
        terminal.kill()
    (draft,) = DraftBox(MailStore(profile.mail)).all()
    assert (draft.to, draft.subject, draft.body) == (("bob@hive.test",), "Last words", "not lost")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the receiver is started as any program is")
def test_the_program_receives_in_the_process_it_forked_which_ends_with_it(profile_root):
    profile = make_profile(profile_root, settings='[receive]\nlisten = ["127.0.0.1:0"]\n')
    app = Terminal(sys.executable, "-m", "misfin_tui", "--profile", str(profile.root))
    try:
        app.until("receiving on")
        (receiver,) = forked(app.pid)
        assert os.getsid(receiver) == receiver
    finally:
        app.kill()
    assert ends(receiver)
