"""The whole program in a real terminal, killed while somebody writes: the draft is there."""

from __future__ import annotations

import os
import sys
import time

import pytest
from desk import make_profile
from processes import busy, ends, forked

from misfin.store.mail.maildir import MailStore
from misfin.store.outgoing.drafts import DraftBox
from terminal import PATIENCE, Terminal, program

PROMISE = 2.0  # seconds after the last key within which a draft is on disk, if a processor is free


def rest(terminal: Terminal, seconds: float) -> None:
    """Wait until it has been idle for so many seconds in all."""
    end = time.monotonic() + PATIENCE
    while seconds > 0 and time.monotonic() < end:
        began = time.monotonic()
        terminal.read(0.05)
        if not busy(terminal.pid):
            seconds -= time.monotonic() - began


def test_a_draft_survives_kill_9(profile_root):
    profile = make_profile(profile_root)
    terminal = Terminal(*program("--profile", str(profile.root)))
    try:
        terminal.until("Compose")
        terminal.settle()
        terminal.press("c")
        terminal.until("Subject")
        terminal.settle()
        terminal.press("bob@hive.test\r")
        terminal.press("Last words\r")
        terminal.send("not lost")
        terminal.until("not lost")
        rest(terminal, PROMISE)
    finally:
        terminal.end()
    (draft,) = DraftBox(MailStore(profile.mail)).all()
    assert (draft.to, draft.subject, draft.body) == (("bob@hive.test",), "Last words", "not lost")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the receiver is started as any program is")
def test_the_program_receives_in_the_process_it_forked_which_ends_with_it(profile_root):
    profile = make_profile(profile_root, settings='[receive]\nlisten = ["127.0.0.1:0"]\n')
    app = Terminal(*program("--profile", str(profile.root)))
    try:
        app.until("receiving on")
        app.until(lambda: len(forked(app.pid)) == 1)
        (receiver,) = forked(app.pid)
        assert os.getsid(receiver) == receiver
    finally:
        app.end()
    assert ends(receiver)
