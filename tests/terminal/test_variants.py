"""Terminals and locales as people have them, windows of any size, and sizes that change all the time."""

from __future__ import annotations

import pytest

from terminal import program

VARIANTS = {
    "linux, a locale that is not there": {
        "TERM": "linux",
        "LANG": "xx_YY.ISO-8859-1",
        "LC_ALL": "xx_YY.ISO-8859-1",
    },
    "xterm, no locale": {"TERM": "xterm", "COLORTERM": None, "LANG": None, "LC_ALL": None, "LC_CTYPE": None},
    "screen, C": {"TERM": "screen", "LANG": "C", "LC_ALL": "C"},
    "vt100 without colours": {"TERM": "vt100", "COLORTERM": None, "NO_COLOR": "1"},
    "no TERM": {"TERM": None},
}


@pytest.mark.parametrize(
    "variant",
    [pytest.param(name, marks=pytest.mark.opens(environ=environ)) for name, environ in VARIANTS.items()],
)
def test_the_program_works_in_every_terminal_and_locale(opened, variant):
    desk = opened()
    assert "╭─ Inbox" in desk.terminal.shown
    desk.terminal.press("?")
    desk.terminal.until("q Close")
    if "NO_COLOR" in VARIANTS[variant]:
        assert b"[38;" not in desk.terminal.written
    desk.terminal.send(b"\x11")
    assert desk.terminal.wait() == 0
    assert desk.terminal.left_on == []


@pytest.mark.opens(command=lambda root: program("--profile", root), environ={"TERM": "dumb"})
def test_a_dumb_terminal_is_refused_in_one_line(opened):
    desk = opened()
    assert desk.terminal.wait() == 2
    assert "TERM is `dumb`" in desk.terminal.said
    assert b"\x1b" not in desk.terminal.written


def test_a_storm_of_sizes_ends_in_the_last_one(opened):
    desk = opened()
    terminal = desk.terminal
    for step in range(300):
        terminal.resize(20 + step % 120, 5 + step % 40)
        if not step % 10:
            terminal.read(0.005)
    terminal.settle()
    terminal.resize(90, 25)
    terminal.settle(0.5)
    terminal.screen.reset()
    terminal.press(b"\x0c")
    terminal.until(lambda: "^p Commands" in terminal.shown.splitlines()[-1])
    assert "6 conversations" in terminal.shown
    terminal.press("?")
    terminal.until("q Close")


def test_tiny_windows_harm_nothing(opened):
    desk = opened()
    terminal = desk.terminal
    for size in ((1, 1), (2, 2), (200, 1), (3, 40)):
        terminal.resize(*size)
        terminal.settle()
        terminal.press("\r")
        terminal.press("M")
    terminal.resize(1, 1)
    for keys in ("\r", "i", "M", "c", "zoe@hive.test\r", "Words\r", "text", "\x1b[19~", "\x1b"):
        terminal.press(keys)
        assert terminal.alive
    terminal.resize(100, 30)
    terminal.settle(0.3)
    terminal.send(b"\x11")
    assert terminal.wait() == 0
    assert [draft.subject for draft in desk.drafts()] == ["Words"]


def test_a_terminal_that_reports_its_size_in_band_is_followed_and_left_clean(opened):
    terminal = opened().terminal
    terminal.send(b"\x1b[?2048;2$y\x1b[?2026;2$y")
    terminal.until(lambda: terminal.modes.get(2048) and terminal.modes.get(1016))
    terminal.screen.resize(20, 80)
    terminal.screen.reset()
    terminal.send(b"\x1b[48;20;80;400;800t")
    terminal.until(lambda: "^p Commands" in terminal.shown.splitlines()[-1])
    assert "≡ alice@mail.example" in terminal.shown
    terminal.send(b"\x11")
    assert terminal.wait() == 0
    assert terminal.left_on == []
