"""An editor with a window of its own that does not wait: a hint, and what it saves later is offered."""

from __future__ import annotations

import time
from pathlib import Path

from terminal import PATIENCE, QUIET

GUI = """
import sys
from pathlib import Path
Path({note!r}).write_text(sys.argv[-1])
"""
"""An editor that only notes which file it was to open, as one does that hands it to a window."""


def written_in(desk) -> Path:
    """Write a message, open the editor and return the file it was given."""
    note = desk.profile.root.parent / "note"
    desk.editor(GUI.format(note=str(note)))
    desk.write()
    desk.terminal.press("begun here")
    desk.terminal.until("begun here")
    desk.terminal.send(b"\x05")
    desk.terminal.until("option to wait")
    desk.terminal.settle(2 * QUIET)
    return Path(note.read_text())


def save(file: Path, text: str) -> None:
    """Replace the file in one step, as most editors do: nobody ever sees half a text."""
    new = file.with_name("new text")
    new.write_text(text)
    new.replace(file)


def until(holds) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_what_the_window_saves_comes_into_the_open_message(opened):
    desk = opened()
    file = written_in(desk)
    assert file.read_text() == "begun here\n"
    save(file, "begun here, written on there\n")
    desk.terminal.until("written on there")
    until(lambda: [draft.body for draft in desk.drafts()] == ["begun here, written on there"])
    save(file, "and saved again\n")
    desk.terminal.until("and saved again")


def test_once_written_in_both_what_the_window_saves_is_a_draft_of_its_own(opened):
    desk = opened()
    file = written_in(desk)
    desk.terminal.press(" and here")
    desk.terminal.until("here and here")
    save(file, "there\n")
    desk.terminal.until("a separate draft")
    until(lambda: sorted(draft.body for draft in desk.drafts()) == ["begun here and here", "there\n"])


def test_what_the_window_saves_after_the_message_was_sent_becomes_a_draft(opened):
    desk = opened()
    file = written_in(desk)
    desk.terminal.send(b"\x13")
    desk.terminal.until("6 conversations")
    until(lambda: not desk.drafts())
    until(lambda: not file.exists())  # as it was given out: nobody misses it
    save(file, "too late\n")
    desk.terminal.until("after its message was gone")
    until(lambda: [draft.body for draft in desk.drafts()] == ["too late\n"])
    assert not file.exists()


def test_what_the_window_saved_after_the_program_had_ended_is_a_draft_at_the_next_start(opened):
    desk = opened()
    file = written_in(desk)
    desk.terminal.send(b"\x13")
    desk.terminal.until("6 conversations")
    desk.terminal.settle(2 * QUIET)
    desk.terminal.send(b"\x11")
    assert desk.terminal.wait() == 0
    file.write_text("much too late\n")
    desk = opened()
    until(lambda: [draft.body for draft in desk.drafts()] == ["much too late\n"])
