"""An editor with a window of its own that does not wait: a hint, and what it saves later is offered."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from terminal import QUIET

GUI = f"""#!{sys.executable}
import os, sys
from pathlib import Path
with open(os.environ["NOTE"], "w") as note:
    note.write(sys.argv[-1])
"""


@pytest.fixture
def gui(tmp_path, monkeypatch) -> Path:
    """An editor that only notes which file it was to open, as one does that hands it to a window."""
    script, note = tmp_path / "gui", tmp_path / "note"
    script.write_text(GUI)
    script.chmod(0o755)
    monkeypatch.setenv("VISUAL", str(script))
    monkeypatch.setenv("NOTE", str(note))
    return note


def written_in(desk, note: Path) -> Path:
    """Write a message, open the editor and return the file it was given."""
    desk.write()
    desk.terminal.press("begun here")
    desk.terminal.until("begun here")
    desk.terminal.send(b"\x05")
    desk.terminal.until("option to wait")
    desk.terminal.settle(2 * QUIET)
    return Path(note.read_text())


def until(holds) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_what_the_window_saves_comes_into_the_open_message(opened, gui):
    desk = opened()
    file = written_in(desk, gui)
    assert file.read_text() == "begun here\n"
    file.write_text("begun here, written on there\n")
    desk.terminal.until("written on there")
    until(lambda: desk.drafts()[0].body == "begun here, written on there")
    file.write_text("and saved again\n")
    desk.terminal.until("and saved again")


def test_once_written_in_both_what_the_window_saves_is_a_draft_of_its_own(opened, gui):
    desk = opened()
    file = written_in(desk, gui)
    desk.terminal.press(" and here")
    desk.terminal.until("here and here")
    file.write_text("there\n")
    desk.terminal.until("a separate draft")
    until(lambda: sorted(draft.body for draft in desk.drafts()) == ["begun here and here", "there\n"])


def test_what_the_window_saves_after_the_message_was_sent_becomes_a_draft(opened, gui):
    desk = opened()
    file = written_in(desk, gui)
    desk.terminal.send(b"\x13")
    desk.terminal.until("6 conversations")
    until(lambda: not desk.drafts())
    until(lambda: not file.exists())  # as it was given out: nobody misses it
    file.write_text("too late\n")
    desk.terminal.until("after its message was gone")
    until(lambda: [draft.body for draft in desk.drafts()] == ["too late\n"])
    assert not file.exists()


def test_what_the_window_saved_after_the_program_had_ended_is_a_draft_at_the_next_start(opened, gui):
    desk = opened()
    file = written_in(desk, gui)
    desk.terminal.send(b"\x13")
    desk.terminal.until("6 conversations")
    desk.terminal.settle(2 * QUIET)
    desk.terminal.send(b"\x11")
    assert desk.terminal.wait() == 0
    file.write_text("much too late\n")
    desk = opened()
    until(lambda: [draft.body for draft in desk.drafts()] == ["much too late\n"])
