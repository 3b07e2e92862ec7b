"""A line being typed: what is echoed and taken back, and that nothing typed ever acts on the terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin_tui.linear.typing_line import LineEnd, TypedLine, cells
from misfin_tui.linear.wrapping import wrapped


class Typist:
    """A line, and what was echoed of it."""

    def __init__(self, room: int = 60) -> None:
        self.echoed = ""
        self.shown_again = 0
        self.line = TypedLine(self._echo, self._again, lambda: room)
        self.line.begin()

    def _echo(self, text: str) -> None:
        self.echoed += text

    def _again(self) -> None:
        self.shown_again += 1

    def type(self, data: bytes) -> LineEnd | None:
        self.line.feed(data)
        return self.line.take()


def test_a_line_is_echoed_and_ends_with_enter():
    typist = Typist()
    assert typist.type("über 見".encode()) is None
    assert typist.type(b"\r") is LineEnd.ENTER
    assert typist.line.text == typist.echoed == "über 見"


@pytest.mark.parametrize(
    ("keys", "left"),
    [
        (b"ab\x7f", "a"),
        (b"ab\x08\x08\x08", ""),
        (b"one two  \x17", "one"),
        (b"one two\x15x", "x"),
        ("a見\x7f".encode(), "a"),
        (b"a\x1b[Cb\x1b[1;5Dc\x1bOPd", "abcd"),
        (b"a\tb", "a    b"),
        (b"a\x00\x01\x1a\x9fb", "a\ufffdb"),
    ],
    ids=["backspace", "more than there is", "word", "line", "wide", "other keys", "tab", "controls"],
)
def test_keys_that_change_the_line(keys, left):
    typist = Typist()
    typist.type(keys)
    assert typist.line.text == left


def test_a_long_text_that_is_pasted_is_taken_at_once():
    shown: list[str] = []
    line = TypedLine(shown.append, lambda: None, lambda: 60)
    line.begin()
    line.feed("é".encode() * 200_000 + b"\r")
    assert line.take() is LineEnd.ENTER
    assert line.text == "é" * 200_000
    assert len(shown) == 1


def test_a_character_is_taken_back_with_backspaces_alone():
    typist = Typist()
    typist.type("見\x7f".encode())
    assert typist.echoed == "見\b\b  \b\b"


def test_a_line_that_went_over_the_edge_is_shown_again():
    typist = Typist(room=5)
    typist.type(b"abcdefgh\x7f")
    assert typist.shown_again == 1
    assert "\b" not in typist.echoed


def test_ctrl_d_ends_an_empty_line_only():
    typist = Typist()
    assert typist.type(b"a\x04") is None
    assert typist.type(b"\x7f\x04") is LineEnd.NO_MORE


def test_earlier_lines_come_back():
    typist = Typist()
    for text in ("first", "second"):
        typist.line.remember(text)
    typist.line.begin()
    typist.type(b"\x1b[A\x1b[A")
    assert typist.line.text == "first"
    typist.type(b"\x1b[B")
    assert typist.line.text == "second"
    typist.type(b"\x1b[B")
    assert typist.line.text == ""


def test_what_was_typed_ahead_waits_for_the_next_line():
    typist = Typist()
    assert typist.type(b"one\rtwo") is LineEnd.ENTER
    assert typist.line.waits
    typist.line.begin()
    assert typist.line.take() is None
    assert typist.line.text == "two"


@given(st.binary(max_size=200))
def test_no_byte_from_the_keyboard_is_echoed_as_a_control_character(data):
    typist = Typist()
    typist.line.remember("earlier")
    while typist.type(data) is not None:
        data = b""
        typist.line.begin()
    assert all(char.isprintable() or char == "\b" for char in typist.echoed)


@given(st.text(max_size=300), st.integers(2, 90))
def test_no_part_of_a_wrapped_line_is_too_wide_and_no_word_is_lost(text, width):
    line = "".join(char for char in text if char.isprintable())
    parts = list(wrapped(line, width))
    assert all(cells(part) <= width for part in parts)
    assert "".join("".join(parts).split()) == "".join(line.split())
