"""What Textual does by itself, for which ours stands. Where one of these passes, ours can go.

Each is expected to fail; a strict one that passes is reported as a failure of the suite.
"""

from __future__ import annotations

import inspect

import pytest
from textual import events
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

upstream = pytest.mark.xfail(strict=True, reason="Textual does it wrong; misfin_tui.app.terminal does not")


def told(data: str) -> list[object]:
    parser = XTermParser()
    found = list(parser.feed(data))
    parser._timeout_time = 0.0 if parser._timeout_time is not None else None
    return [*found, *parser.tick()]


@upstream
def test_textual_takes_a_paste_with_an_escape_for_one_text():
    (paste,) = told("\x1b[200~hello \x1b ;ddd\x1b[201~")
    assert isinstance(paste, events.Paste)


@upstream
@pytest.mark.parametrize(
    "reply",
    ["\x1b[?62;c", "\x1b]11;rgb:00/00/00\x07", "\x1b[100~", "\x1b[1;", "\x1b[99999999999u"],
)
def test_textual_takes_no_answer_of_a_terminal_for_keys(reply):
    assert not [event for event in told(reply) if isinstance(event, events.Key)]


@upstream
def test_textual_reads_bytes_that_are_not_utf8():
    assert 'getincrementaldecoder("utf-8")()' not in inspect.getsource(LinuxDriver.run_input_thread)


@upstream
def test_textual_ends_when_its_terminal_is_gone():
    source = inspect.getsource(LinuxDriver.run_input_thread)
    assert "OSError" in source


@upstream
def test_textual_stops_the_whole_job():
    assert "SIGSTOP" not in inspect.getsource(LinuxDriver._sigtstp_application)


@upstream
def test_textual_switches_reports_in_pixels_off():
    assert "1016l" in inspect.getsource(LinuxDriver)
