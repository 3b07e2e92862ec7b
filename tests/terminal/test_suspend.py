"""ctrl+z from a real shell: the job stops, the terminal is the shell's, and fg brings everything back."""

from __future__ import annotations

import os
import shlex
import signal
import time

import pytest

from terminal import QUIET, program

CTRL_Z, ENTER = b"\x1a", b"\r"


def in_shell(root: str) -> tuple[str, ...]:
    """A shell with job control that has a short prompt."""
    return (
        "env",
        f"RUN={shlex.join(program('--profile', root))}",
        "PS1=shell> ",
        "bash",
        "--norc",
        "--noediting",
        "--noprofile",
    )


@pytest.fixture
def desk(opened):
    """A shell in which the program was started."""
    desk = opened()
    desk.terminal.until("shell>")
    desk.terminal.send("$RUN\r")
    desk.terminal.until("6 conversations")
    desk.terminal.settle(3 * QUIET)
    return desk


def suspended(terminal) -> None:
    written = len(terminal.written)
    terminal.until(
        lambda: b"Stopped" in terminal.written[written:] or b"shell> " in terminal.written[written:]
    )
    terminal.settle(2 * QUIET)
    assert terminal.left_on == []
    assert terminal.cooked


def job_of(terminal) -> int:
    """The process the shell started."""
    with open(f"/proc/{terminal.pid}/task/{terminal.pid}/children") as file:
        return int(file.read().split()[0])


@pytest.mark.opens(command=in_shell)
def test_ctrl_z_suspends_and_fg_draws_everything_in_the_size_there_is_then(desk):
    terminal = desk.terminal
    before = desk.mail()
    terminal.send(CTRL_Z)
    suspended(terminal)
    assert "nothing is sent until you resume it" in terminal.said
    terminal.send("echo dd qq\r")
    terminal.settle()
    assert desk.mail() == before
    terminal.resize(80, 20)
    terminal.send("fg\r")
    terminal.until(lambda: terminal.modes.get(1049))
    terminal.screen.reset()
    terminal.until(
        lambda: len(terminal.shown.splitlines()[0]) <= 80 and "c Compose" in terminal.shown.splitlines()[-1]
    )
    terminal.settle(2 * QUIET)
    first, *_, last = terminal.shown.splitlines()
    assert "alice@mail.example" in first
    assert terminal.shown.count("message 5") >= 1
    assert len(last) <= 80
    terminal.press("?")
    terminal.until("q Close")


@pytest.mark.opens(command=in_shell)
def test_ctrl_z_in_a_dialog_suspends_and_in_a_text_undoes(desk):
    terminal = desk.terminal
    terminal.press("t")
    terminal.until("esc Close")
    terminal.send(CTRL_Z)
    suspended(terminal)
    terminal.send("fg\r")
    terminal.until(lambda: terminal.modes.get(1049))
    terminal.settle(2 * QUIET)
    terminal.send(b"\x1b")
    terminal.settle(3 * QUIET)
    desk.write()
    terminal.press("a word")
    terminal.until("a word")
    terminal.press(CTRL_Z)
    assert terminal.modes[1049]
    terminal.until(lambda: "a word" not in terminal.shown.splitlines()[5])
    terminal.press("another")
    terminal.until("another")
    os.kill(job_of(terminal), signal.SIGTSTP)
    suspended(terminal)
    assert [draft.body for draft in desk.drafts()][-1].endswith("another")
    terminal.send("bg\r")
    terminal.settle(4 * QUIET)
    terminal.send("fg\r")
    terminal.until(lambda: terminal.modes.get(1049))
    terminal.settle(2 * QUIET)
    terminal.press(" word")
    terminal.until("another word")


@pytest.mark.opens(command=in_shell)
def test_after_sigstop_the_program_sets_the_terminal_up_again(desk):
    terminal = desk.terminal
    os.kill(job_of(terminal), signal.SIGSTOP)
    terminal.until(lambda: terminal.written.endswith(b"shell> "))
    terminal.send("stty sane; printf '\\033[?1049l\\033[?2004l'; fg\r")
    terminal.until(lambda: b"\x1b[?1049l" in terminal.written)
    terminal.until(lambda: terminal.modes.get(1049) and terminal.modes.get(2004))
    terminal.settle(3 * QUIET)
    assert not terminal.cooked
    terminal.press("?")
    terminal.until("q Close")


def test_a_program_without_a_shell_says_so_and_goes_on(opened):
    desk = opened()
    desk.terminal.press(CTRL_Z)
    desk.terminal.until("no shell to go back to")
    desk.terminal.press("?")
    desk.terminal.until("q Close")


@pytest.mark.opens(command=in_shell)
def test_a_signal_ends_a_suspended_program(desk):
    terminal = desk.terminal
    job = job_of(terminal)
    terminal.send(CTRL_Z)
    suspended(terminal)
    os.kill(job, signal.SIGTERM)
    os.kill(job, signal.SIGCONT)
    time.sleep(0.5)
    before = len(terminal.written)
    terminal.send("fg\r")
    terminal.until(lambda: b"shell> " in terminal.written[before:])
    terminal.settle(2 * QUIET)
    terminal.send("echo status $?\r")
    terminal.until(lambda: "status 143" in terminal.said)


EDITOR = """
import os, signal, sys
from pathlib import Path
for number in (signal.SIGINT, signal.SIGQUIT):
    signal.signal(number, lambda *_: None)
    os.killpg(0, number)  # as ctrl+c and ctrl+backslash in an editor that leaves them to the terminal
os.killpg(0, signal.SIGTSTP)  # as ctrl+z there
Path(sys.argv[-1]).write_text("from the editor\\n")
"""


@pytest.mark.opens(command=in_shell)
def test_ctrl_c_and_ctrl_z_in_an_editor_are_for_the_editor(desk):
    desk.editor(EDITOR)
    desk.write()
    desk.terminal.send(b"\x05")
    suspended(desk.terminal)
    desk.terminal.send("fg\r")
    desk.terminal.until("from the editor")
    desk.terminal.settle()
    desk.terminal.send(b"\x11")
    desk.terminal.until(lambda: desk.terminal.written.endswith(b"shell> "))
    assert [draft.body.strip() for draft in desk.drafts()] == ["from the editor"]
