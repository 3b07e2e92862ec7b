"""What strangers write reaches the screen visible and inert."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from misfin_tui.screentext import MAX_MARKS, NEWLINE, plain, shown_host, suspicious

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


# ---- addresses that pose as others


@pytest.mark.parametrize(
    "address",
    [
        "bob@mail.example",
        "bob.o-neill+tag@mail.example",
        "björn@mail.example",
        "иван@пример.рф",
        "bob@xn--e1afmkfd.xn--p1ai",
        "bob@日本語カナ.example",
        "bob@한국.example",
        "",
        "no-at-sign",
    ],
)
def test_honest_addresses_are_not_suspected(address):
    assert suspicious(address) == ""


@pytest.mark.parametrize(
    ("address", "word"),
    [
        ("аlice@mail.example", "Cyrillic and Latin"),
        ("bob@раураl.example", "Cyrillic and Latin"),
        ("bob@раура.example", "look like Latin"),
        ("bob@xn--80ak6aa92e.com", "look like Latin"),
        ("bob@ραϕ.example", ""),
        ("bob@xn--a-ecp.ru", ""),
        ("bob@xn--" + "9" * 60 + ".example", "international"),
        ("bo\u200bb@mail.example", "cannot be seen"),
        ("bob\x1b@mail.example", "control"),
    ],
)
def test_names_that_pose_as_others_are_told(address, word):
    if word:
        assert word in suspicious(address)
    assert "\x1b" not in suspicious(address)


def test_a_host_is_shown_in_its_letters_only_when_it_is_honest():
    assert shown_host("xn--e1afmkfd.xn--p1ai") == "пример.рф"
    assert shown_host("xn--80ak6aa92e.com") == "xn--80ak6aa92e.com"
    assert shown_host("mail.example") == "mail.example"


@given(st.text(max_size=60))
def test_any_text_can_be_asked_about(text):
    assert isinstance(suspicious(text), str)
    assert isinstance(shown_host(text), str)
    assert shown_host(text) == plain(shown_host(text), one_line=True)
