"""What strangers write becomes visible and inert."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from misfin.model.safetext import MAX_MARKS, NEWLINE, plain

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
ZERO_WIDTH = "\u00ad\u034f\u115f\u1160\u180e\u200b\u200c\u200d\u2060\u2061\u2064\u206a\u3164\ufeff\uffa0"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words", "plain words"),
        ("Ünïcödé 漢字 привет", "Ünïcödé 漢字 привет"),
        ("\x1b]52;c;aGk=\x07", "␛]52;c;aGk=␇"),
        ("\x1b[2J", "␛[2J"),
        ("a\x00b", "a␀b"),
        ("a\x7fb", "a␡b"),
        ("a\x9b31mb", "a�31mb"),
        ("evil\u202egpj.exe", "evil⇄gpj.exe"),
        ("pay\u200b\u200b\u200bpal", "pay·pal"),
        ("half \ud800 pair", "half � pair"),
        ("tag\U000e0041\U000e0042\U000e0043s", "tag�s"),
        ("heart\u2764\ufe0f", "heart\u2764"),
        ("[bold]markup[/bold] stays text", "[bold]markup[/bold] stays text"),
    ],
)
def test_what_could_act_becomes_visible(text, shown):
    assert plain(text, one_line=True) == shown
    assert plain(text, one_line=False) == shown


def test_lines_and_tabs_stay_in_a_body_and_become_marks_in_a_line():
    assert plain("one\r\ntwo\tthree\u2028four", one_line=False) == "one\ntwo\tthree\nfour"
    assert plain("one\r\ntwo\tthree\u2028four", one_line=True) == f"one{NEWLINE}two three{NEWLINE}four"
    assert plain("over\rwritten", one_line=True) == "over␍written"


def test_a_flood_of_combining_marks_is_cut_short():
    flood = "a" + "\u0301" * 500 + "b"
    shown = plain(flood, one_line=True)
    assert len(shown) < 10
    assert shown.endswith("b")
    assert plain("ệ" + "\u0323\u0302", one_line=True) == "ệ\u0323\u0302"
    assert sum(unicodedata.category(each) == "Mn" for each in shown) <= MAX_MARKS


def test_a_flood_of_hidden_characters_takes_one_cell():
    assert plain("a" + "\u200b" * 16_000 + "b", one_line=True) == "a·b"
    assert plain("a" + "\U000e0041" * 16_000 + "b", one_line=True) == "a�b"


@pytest.mark.parametrize("character", [*BIDI, *ZERO_WIDTH])
def test_no_invisible_character_comes_through(character):
    assert character not in plain(f"a{character}b", one_line=True)


@given(st.text(st.characters(), max_size=200))
@example("\x00\x1b\x9b\u202e\ud800\U000e0001\u0300\u0300\u0300\u0300\u0300")
def test_nothing_a_terminal_obeys_survives(text):
    for one_line in (True, False):
        shown = plain(text, one_line=one_line)
        for character in shown:
            kept = character in "\n\t" and not one_line
            assert kept or unicodedata.category(character) not in ("Cc", "Cs"), hex(ord(character))
            assert character not in BIDI
        shown.encode()  # no lone surrogate
        assert plain(shown, one_line=one_line) == shown
        if one_line:
            assert "\n" not in shown
            assert cell_len(shown) <= 2 * len(text)
