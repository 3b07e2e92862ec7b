"""However the program ends: the draft is on disk, the terminal as it was, the exit status true."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import time
from pathlib import Path

import pytest
from processes import ends, forked, pending

from terminal import program

ENDS = [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)]


def check(desk, words: str) -> None:
    terminal = desk.terminal
    assert terminal.left_on == []
    assert terminal.cooked
    (draft,) = desk.drafts()
    assert (draft.to, draft.subject, draft.body) == (("zoe@hive.test",), "Words", words)


@pytest.mark.parametrize(("number", "status"), ENDS, ids=lambda each: str(each))
def test_a_signal_ends_as_quit_does_with_what_was_just_typed(opened, number, status):
    desk = opened()
    desk.write()
    desk.terminal.send("typed just before the end")
    desk.terminal.until("typed just before the end")
    desk.terminal.kill(number)
    assert desk.terminal.wait() == status
    check(desk, "typed just before the end")


def test_quit_ends_with_0_and_the_terminal_as_it_was(opened):
    desk = opened()
    desk.write()
    desk.terminal.send(b"last words\x11")
    assert desk.terminal.wait() == 0
    check(desk, "last words")


def test_a_signal_with_a_question_open_saves_the_draft_below_it(opened):
    desk = opened()
    desk.write()
    desk.terminal.press("below a question")
    desk.terminal.press(b"\x1b[19~")  # f8
    desk.terminal.until("Keep")
    desk.terminal.kill(signal.SIGTERM)
    assert desk.terminal.wait() == 143
    check(desk, "below a question")


def test_further_signals_change_nothing_until_the_program_is_gone(opened):
    desk = opened()
    desk.write()
    desk.terminal.send("twice")
    desk.terminal.until("twice")
    desk.terminal.kill(signal.SIGQUIT)
    # Two signals at one moment reach a process in any order.
    desk.terminal.until(lambda: not pending(desk.terminal.pid, signal.SIGQUIT))
    end = time.monotonic() + 10
    while desk.terminal.alive and time.monotonic() < end:
        desk.terminal.kill(signal.SIGTERM)
        desk.terminal.read(0.001)
    assert desk.terminal.wait() == 131
    check(desk, "twice")


def test_a_closed_terminal_ends_the_program_and_keeps_the_draft(opened):
    desk = opened()
    desk.write()
    desk.terminal.send("the window was closed")
    desk.terminal.until("the window was closed")
    desk.terminal.hang_up()
    assert desk.terminal.wait() == 129
    assert [draft.body for draft in desk.drafts()] == ["the window was closed"]


@pytest.mark.opens(
    command=lambda root: ("sh", "-c", f"trap '' HUP; exec {shlex.join(program('--profile', root))}")
)
def test_a_closed_terminal_ends_a_program_that_ignores_hang_ups(opened):
    desk = opened()
    desk.terminal.until("6 conversations")
    desk.terminal.settle()
    desk.write()
    desk.terminal.send("nohup")
    desk.terminal.until("nohup")
    desk.terminal.kill(signal.SIGHUP)
    desk.terminal.press(" goes on")
    desk.terminal.hang_up()
    assert desk.terminal.wait() == 129
    assert [draft.body for draft in desk.drafts()] == ["nohup goes on"]


def test_a_terminal_that_takes_nothing_does_not_keep_the_program_from_ending(opened):
    desk = opened()
    desk.write()
    desk.terminal.press("stuck")
    end = time.monotonic() + 1.5
    while time.monotonic() < end:  # type on and never read what it draws
        try:
            os.set_blocking(desk.terminal.fd, False)
            os.write(desk.terminal.fd, b"word ")
        except BlockingIOError:
            break
        time.sleep(0.003)
    os.set_blocking(desk.terminal.fd, True)
    desk.terminal.kill(signal.SIGTERM)
    end = time.monotonic() + 30
    while desk.terminal.alive:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert desk.terminal.status == 143
    (draft,) = desk.drafts()
    assert draft.body.startswith("stuck")


EARLY = """
import os, signal, sys
from misfin_tui.picture import Picture
painted = Picture._paint
def paint(self):
    painted(self)
    os.kill(os.getpid(), signal.SIGTERM)
Picture._paint = paint
from misfin_tui.cli import main
sys.exit(main(["--profile", sys.argv[1]]))
"""


@pytest.mark.opens(command=lambda root: (sys.executable, "-c", EARLY, root))
def test_a_signal_before_the_program_has_begun_leaves_the_terminal_as_it_was(opened):
    terminal = opened().terminal
    assert terminal.wait() == 143
    assert terminal.left_on == []
    assert terminal.cooked


CRASH = """
import sys
from misfin_tui.app import MisfinApp, terminal, terminal_input
from misfin_tui.screens.compose import ComposeScreen
from misfin_tui.widgets.gemtext_area import GemtextArea

def fail(*_arguments, **_options):
    raise RuntimeError("a bug")

def at_percent(act):
    async def on_key(self, event):
        if event.character == "%":
            act(self)
    GemtextArea.on_key = on_key

def handler():
    at_percent(fail)

def thread():
    at_percent(lambda self: self.screen.run_worker(fail, thread=True))

def reading():
    read = terminal_input.TerminalInput.feed
    terminal_input.TerminalInput.feed = lambda self, data: fail() if data == b"%" else read(self, data)

def drawing():
    at_percent(lambda self: setattr(GemtextArea, "render_line", fail) or self.refresh())

globals()[sys.argv[2]]()
from misfin_tui.cli import main
sys.exit(main(["--profile", sys.argv[1]]))
"""


def crashing(where: str):
    return pytest.mark.opens(command=lambda root: (sys.executable, "-c", CRASH, root, where))


@pytest.mark.parametrize(
    "where",
    [pytest.param(where, marks=crashing(where)) for where in ("handler", "thread", "reading", "drawing")],
)
def test_a_bug_never_ends_with_0_and_keeps_draft_and_terminal(opened, where):
    desk = opened()
    desk.terminal.until("6 conversations")
    desk.terminal.settle()
    desk.write()
    desk.terminal.send("before the bug")
    desk.terminal.until("before the bug")
    desk.terminal.send("%")
    assert desk.terminal.wait() == 1
    assert "a bug" in desk.terminal.said
    assert desk.terminal.left_on == []
    assert desk.terminal.cooked
    (draft,) = desk.drafts()
    assert draft.body.removesuffix("%") == "before the bug"


def test_a_byte_that_is_not_utf8_ends_nothing(opened):
    desk = opened()
    for data in (b"\xe9", b"\x1b[M \xff\xff", b"\xff\xfe", b"\x1b[<0;999999999;1M"):
        desk.terminal.press(data)
    assert desk.terminal.alive
    desk.terminal.press("?")
    desk.terminal.until("q Close")


def test_a_signal_while_an_editor_is_open_ends_with_the_draft_on_disk(opened):
    desk = opened()
    desk.editor("import time\ntime.sleep(60)\n")
    desk.write()
    desk.terminal.send("given to the editor")
    desk.terminal.until("given to the editor")
    desk.terminal.send(b"\x05")
    desk.terminal.until(lambda: not desk.terminal.modes[1049])
    desk.terminal.settle()
    desk.terminal.kill(signal.SIGTERM)
    assert desk.terminal.wait() == 143
    check(desk, "given to the editor")


def receiving(root: str) -> tuple[str, ...]:
    """Open the program on a profile that receives mail."""
    (Path(root) / "config.toml").write_text('[receive]\nlisten = ["127.0.0.1:0"]\n')
    return program("--profile", root)


def new(root: str) -> tuple[str, ...]:
    """Open the program on a profile that has nothing to receive for yet."""
    return program("--profile", f"{root}-new")


def press_quit(terminal):
    terminal.send(b"\x11")


def hang_up(terminal):
    terminal.hang_up()


def stop_and_kill(terminal):
    terminal.kill(signal.SIGSTOP)
    terminal.kill(signal.SIGKILL)


def sent(number: int):
    return lambda terminal: terminal.kill(number)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the receiver is not forked")
@pytest.mark.parametrize(
    "shown",
    [
        pytest.param("receiving on", marks=pytest.mark.opens(command=receiving), id="taken"),
        pytest.param("Misfin, e-mail, or both?", marks=pytest.mark.opens(command=new), id="waiting"),
    ],
)
@pytest.mark.parametrize(
    ("how", "status"),
    [
        (press_quit, 0),
        (sent(signal.SIGTERM), 143),
        (sent(signal.SIGHUP), 129),
        (hang_up, 129),
        (sent(signal.SIGKILL), -9),
        (stop_and_kill, -9),
    ],
    ids=["quit", "SIGTERM", "SIGHUP", "hang-up", "SIGKILL", "stopped"],
)
def test_a_receiver_that_was_forked_ends_with_the_program(opened, shown, how, status):
    terminal = opened().terminal
    terminal.until(shown)
    terminal.settle()
    terminal.until(lambda: len(forked(terminal.pid)) == 1)
    (receiver,) = forked(terminal.pid)
    how(terminal)
    assert terminal.wait() == status
    assert ends(receiver)
