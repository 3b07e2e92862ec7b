"""An external editor: a private file, whatever it does; in a real terminal the program lives on beside it."""

from __future__ import annotations

import os
import pty
import select
import signal
import stat
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from textual.app import App

from misfin_tui import editor
from misfin_tui.editor import Edited, command_for, edit, forget, leftovers
from misfin_tui.widgets.handing_over import in_terminal_of


class Suspendable(App[None]):
    """An app whose terminal can be given away without one; what a real one does is tested below."""

    suspended = 0

    def suspend(self):
        from contextlib import contextmanager

        @contextmanager
        def give_away():
            self.suspended += 1
            yield

        return give_away()


def script(tmp_path: Path, body: str) -> list[str]:
    path = tmp_path / "editor.py"
    path.write_text(f"import sys, os, signal, pathlib\nfile = pathlib.Path(sys.argv[-1])\n{body}\n")
    return [sys.executable, str(path)]


async def run(tmp_path, body: str, text: str = "before", **options: Any) -> Edited:
    app = Suspendable()
    async with app.run_test():
        command = script(tmp_path, body)
        result = await edit(
            in_terminal_of(app), text, command=command, folder=tmp_path / "run", name="abc", **options
        )
        assert app.suspended == 1
        return result


async def test_what_the_editor_saves_comes_back(tmp_path):
    assert await run(tmp_path, "file.write_text(file.read_text().strip() + ' after ä')") == Edited(
        "before after ä"
    )
    assert list((tmp_path / "run").iterdir()) == []


async def test_a_file_that_is_to_stay_stays_until_it_is_forgotten(tmp_path):
    result = await run(tmp_path, "file.write_text('edited')", keep=True)
    assert result.text == "edited"
    assert [left.text for left in leftovers(tmp_path / "run", "abc")] == ["edited"]
    forget(result.left)
    assert list((tmp_path / "run").iterdir()) == []


async def test_the_file_is_private(tmp_path):
    result = await run(tmp_path, "file.write_text(oct(file.stat().st_mode & 0o777))")
    assert result.text == oct(0o600)
    assert stat.S_IMODE((tmp_path / "run").stat().st_mode) == 0o700


async def test_an_editor_that_fails_changes_nothing(tmp_path):
    result = await run(tmp_path, "sys.exit(3)")
    assert result.text is None
    assert "(3)" in result.problem


async def test_what_a_failing_editor_wrote_is_kept_aside(tmp_path):
    result = await run(tmp_path, "file.write_text('half'); sys.exit(1)")
    assert result.text is None
    kept = list((tmp_path / "run").glob("*.kept.gmi"))
    assert [path.read_text() for path in kept] == ["half"]
    assert str(kept[0]) in result.problem


async def test_each_text_that_was_kept_aside_stays(tmp_path):
    for word in ("one", "two"):
        await run(tmp_path, f"file.write_text('{word}'); sys.exit(1)")
    assert sorted(path.read_text() for path in (tmp_path / "run").glob("*.kept.gmi")) == ["one", "two"]


async def test_a_text_that_is_not_utf8_comes_back_and_its_file_is_kept_as_it_is(tmp_path):
    result = await run(tmp_path, "file.write_bytes(b'caf\\xe9')")
    assert result.text == "caf�"
    (kept,) = (tmp_path / "run").glob("*.kept.gmi")
    assert kept.read_bytes() == b"caf\xe9"
    assert str(kept) in result.problem


async def test_what_a_killed_editor_had_saved_is_taken(tmp_path):
    result = await run(tmp_path, "file.write_text('saved'); os.kill(os.getpid(), signal.SIGKILL)")
    assert result.text == "saved"
    assert "killed" in result.problem


async def test_an_editor_that_removes_its_file_changes_nothing(tmp_path):
    result = await run(tmp_path, "file.unlink()")
    assert result.text is None
    assert "removed" in result.problem


async def test_a_huge_file_is_not_read_but_kept(tmp_path):
    result = await run(tmp_path, f"file.write_text('x' * {editor.MAX_FILE + 1})", keep=True)
    assert result.text is None
    assert result.left is None
    (kept,) = (tmp_path / "run").glob("*.kept.gmi")
    assert kept.stat().st_size == editor.MAX_FILE + 1
    assert str(kept) in result.problem


async def test_a_missing_editor_is_named(tmp_path):
    app = Suspendable()
    async with app.run_test():
        result = await edit(
            in_terminal_of(app), "x", command=["/no/such/editor"], folder=tmp_path, name="abc"
        )
        assert "/no/such/editor cannot be started" in result.problem
        assert (
            "No editor was found"
            in (await edit(in_terminal_of(app), "x", command=[], folder=tmp_path, name="abc")).problem
        )


async def test_where_the_terminal_cannot_be_given_away_it_says_so(tmp_path):
    app: App[None] = App()
    async with app.run_test():
        result = await edit(in_terminal_of(app), "x", command=["true"], folder=tmp_path, name="abc")
        assert "cannot be opened" in result.problem


async def test_an_added_line_is_a_line_of_its_own(tmp_path):
    result = await run(tmp_path, "file.open('a').write('added\\n')", text="one line")
    assert result == Edited("one line\nadded")


async def test_looking_only_changes_nothing(tmp_path):
    assert (await run(tmp_path, "pass", text="one line")).text == "one line"


def left_behind(folder: Path, name: str, text: str) -> Path:
    """A file as a program that died leaves it."""
    path, lock = editor._write(folder, name, text)
    os.close(lock)
    return path


def test_files_left_by_dead_programs_are_found(tmp_path):
    first = left_behind(tmp_path, "abc", "one\n")
    second = left_behind(tmp_path, "abc", "two\n")
    left_behind(tmp_path, "abcd", "of another draft\n")
    os.utime(first, (2, 2))
    os.utime(second, (1, 1))
    assert [(left.text, left.saved) for left in leftovers(tmp_path, "abc")] == [("two\n", 1), ("one\n", 2)]
    forget(first)
    assert [left.path for left in leftovers(tmp_path, "abc")] == [second]


def test_a_file_another_window_is_writing_is_not_left_over(tmp_path):
    path, lock = editor._write(tmp_path, "abc", "being written")
    path.unlink()
    path.write_text("an editor puts a new file in its place")
    assert leftovers(tmp_path, "abc") == []
    other, second = editor._write(tmp_path, "abc", "of this window")
    assert other != path
    os.close(second)
    os.close(lock)
    assert {left.path for left in leftovers(tmp_path, "abc")} == {path, other}


def test_a_left_over_file_that_cannot_be_read_is_kept(tmp_path):
    path = left_behind(tmp_path, "abc", "")
    path.write_bytes(b"x" * (editor.MAX_FILE + 1))
    (left,) = leftovers(tmp_path, "abc")
    assert left.text is None
    assert "kept in" in left.problem
    assert leftovers(tmp_path, "abc") == []
    assert [kept.stat().st_size for kept in tmp_path.glob("*.kept.gmi")] == [editor.MAX_FILE + 1]


def test_a_name_cannot_leave_the_folder(tmp_path):
    assert left_behind(tmp_path, "../../etc/x", "").parent == tmp_path


@pytest.mark.parametrize(
    ("configured", "environ", "command"),
    [
        ("ed -x 'a b'", {"VISUAL": "v"}, ["ed", "-x", "a b"]),
        ("", {"VISUAL": "v -n", "EDITOR": "e"}, ["v", "-n"]),
        (" ", {"EDITOR": "e"}, ["e"]),
    ],
)
def test_the_editor_is_chosen_in_order(configured, environ, command):
    assert command_for(configured, environ) == command


def test_unbalanced_quotes_are_an_error():
    with pytest.raises(ValueError, match="quot"):
        command_for("vi 'x", {})


PROGRAM = """
import asyncio, sys, pathlib
from textual.app import App
from textual.widgets import Static
from misfin_tui.editor import edit
from misfin_tui.widgets.handing_over import in_terminal_of

class Program(App):
    ticks = 0
    def compose(self):
        yield Static("hello", id="text")
    def on_mount(self):
        self.set_interval(0.02, self.tick)
        self.run_worker(self.go())
    before = None
    def tick(self):
        self.ticks += 1
        if self.before is not None and self.ticks == self.before + 100:
            pathlib.Path(sys.argv[-1]).touch()
        self.query_one("#text", Static).update(str(self.ticks))
    async def go(self):
        await asyncio.sleep(0.1)
        before = self.before = self.ticks
        folder = pathlib.Path(sys.argv[-1]).parent
        result = await edit(in_terminal_of(self), "text", command=sys.argv[1:-1], folder=folder, name="x")
        served = self.ticks - before
        for _ in range(1000):
            if self.ticks > before + served:
                break
            await asyncio.sleep(0.02)
        self.exit(f"{result.text!r} {served} {self.ticks > before + served}")

print(Program().run())
"""


def test_in_a_real_terminal_the_loop_lives_on_and_the_screen_comes_back(tmp_path):
    """Repaints during a long edit once filled a queue and stopped the program for good.

    See docs/decisions.md §9.
    """
    (tmp_path / "program.py").write_text(PROGRAM)
    enough = tmp_path / "enough"  # the editor stays until the loop has turned a hundred times beside it
    wait = f"import time\nwhile not os.path.exists({str(enough)!r}): time.sleep(0.01)\n"
    command = script(tmp_path, wait + "file.write_text('edited')")
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", TEXTUAL_ANIMATIONS="none", COLUMNS="80", LINES="24")
        os.execv(sys.executable, [sys.executable, str(tmp_path / "program.py"), *command, str(enough)])
    said = b""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        ready, _, _ = select.select([terminal], [], [], 0.2)
        if ready:
            try:
                chunk = os.read(terminal, 65536)
            except OSError:
                break
            if not chunk:
                break
            said += chunk
    else:
        enough.touch()  # nobody is left behind
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    last = said.decode("utf-8", "replace").strip().splitlines()[-1]
    text, served, painted = last.rsplit(" ", 2)
    assert text.endswith("'edited'")
    assert int(served) >= 100
    assert painted == "True"
