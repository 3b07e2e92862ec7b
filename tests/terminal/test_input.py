"""What becomes of bytes from a terminal: keys, the mouse, pasted text, or nothing; never an exception."""

from __future__ import annotations

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events

from misfin_tui.app import terminal_input
from misfin_tui.app.terminal_input import MAX_PASTE, PasteRefused, TerminalInput

START, END = b"\x1b[200~", b"\x1b[201~"
SILENCES = 60
"""More than anything waits for."""


def told(*reads: bytes | None, quiet: bool = True) -> list[object]:
    """Every event of these reads, None being a silence, and of a long silence after them."""
    terminal = TerminalInput()
    found: list[object] = []
    for read in reads:
        found += terminal.idle() if read is None else terminal.feed(read)
    for _ in range(SILENCES if quiet else 0):
        found += terminal.idle()
    return found


def keys(*reads: bytes | None) -> list[str]:
    return [event.key for event in told(*reads) if isinstance(event, events.Key)]


def pasted(*reads: bytes | None) -> str:
    found = told(*reads)
    assert all(isinstance(event, events.Paste) for event in found), found
    return "".join(event.text for event in found)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


CUTS = st.lists(st.integers(0, 1 << 20), max_size=6)


# ---- pastes


@pytest.mark.parametrize("byte", range(256))
def test_a_paste_with_any_byte_is_one_text_and_no_key(byte):
    text = pasted(START + b"a" + bytes([byte]) + b"d" + END)
    kept = bytes([byte]).decode("utf-8", "replace")
    assert text == ("a" + (kept if kept in "\t\n\r" or kept.isprintable() or kept == "�" else "") + "d")


@pytest.mark.parametrize(
    "inside",
    [
        b"hello \x1b ;ddd",
        b"\x1b[31mred\x1b[0m",
        b"\x1b[A\x1bOP\x1b[1;5C",
        b"\x1b[<0;10;10M",
        b"\x1b[M !!",
        b"\x1b]0;title\x07ddd",
        b"\x1b[200~ddd",
        b"\x1b[I\x1b[O",
        b"\x1b",
        b"\x1b[",
        b"\x1b[20",
    ],
)
def test_a_sequence_inside_a_paste_is_text(inside):
    text = pasted(START + inside + b"q" + END)
    assert (
        text == inside.replace(START, b"").decode().translate({0x1B: None, 7: None}) + "q" or START in inside
    )
    assert text.endswith("q")


@given(st.binary(max_size=60).filter(lambda data: END not in data + END[:-1]), CUTS)
def test_a_paste_is_the_same_however_its_reads_are_divided(inside, cuts):
    whole = START + inside + END
    assert pasted(*pieces(whole, cuts)) == pasted(whole)


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_what_follows_an_end_mark_without_a_pause_is_never_a_key(inside, after):
    found = told(START + inside + END + after, b"ddd;\x13", b"q")
    assert not [event for event in found if isinstance(event, events.InputEvent)]


def test_after_a_pause_keys_count_again():
    found = told(START + b"text" + END, None, b"dd")
    assert isinstance(found[0], events.Paste)
    assert [event.key for event in found[1:]] == ["d", "d"]


def test_the_mouse_moving_right_after_a_paste_neither_adds_to_it_nor_holds_it_back():
    found = told(START + b"text" + END, b"\x1b[<35;3;4M", quiet=False)
    assert [event.text for event in found] == ["text"]


def test_a_sequence_that_began_in_a_paste_is_no_key_when_it_ends_later():
    assert told(START + b"text" + END + b"\x1b", None, None)[1:] == []
    found = told(START + b"text" + END + b"\x1b[1;", None, b"5A")
    assert [type(event) for event in found] == [events.Paste]
    assert keys(START + b"t" + END + b"\x1b[1;", None, b"5A", b"j") == ["j"]


def test_a_start_mark_cut_in_two_by_a_pause_still_begins_a_paste():
    found = told(b"\x1b", None, b"[200~ddd;" + END)
    assert [getattr(event, "text", "") or event.key for event in found] == ["escape", "ddd;"]


def test_a_paste_without_an_end_is_handed_over_and_a_single_key_ends_it():
    terminal = TerminalInput()
    terminal.feed(START + b"half of it")
    found = [event for _ in range(terminal_input.STALLED_AFTER) for event in terminal.idle()]
    assert [event.text for event in found] == ["half of it"]
    assert terminal.feed(b"and the rest") == []  # it was only slow
    found = [event for _ in range(terminal_input.STALLED_AFTER) for event in terminal.idle()]
    assert [event.text for event in found] == ["and the rest"]
    assert [event.key for event in terminal.feed(b"\x1b[A") + terminal.feed(b"j")] == ["up", "j"]


def test_of_a_paste_of_10_mb_nothing_is_kept_and_its_size_is_reported():
    terminal = TerminalInput()
    before = time.process_time()  # however busy the machine is
    terminal.feed(START)
    for _ in range(2560):
        terminal.feed(b"d;q\x1b\n" * 819)
        assert len(terminal._text) <= MAX_PASTE
    terminal.feed(END)
    (found,) = terminal.idle()
    assert time.process_time() - before < 5
    assert isinstance(found, PasteRefused)
    assert found.size == 2560 * 819 * 5
    assert [event.text for event in terminal.feed(START + b"next" + END) + terminal.idle()] == ["next"]


# ---- what is not a key

REPLIES = [
    b"\x1b[?62;c",
    b"\x1b[>0;276;0c",
    b"\x1b[=1;2c",
    b"\x1b[12;40R",
    b"\x1b[1;2R",
    b"\x1b[?2026;0$y",
    b"\x1b[?1004;2$y",
    b"\x1b[4;1$y",
    b"\x1b[?1u",
    b"\x1b[?31u",
    b"\x1b]10;rgb:ffff/ffff/ffff\x1b\\",
    b"\x1b]11;rgb:0000/0000/0000\x07",
    b"\x1bP>|xterm(370)\x1b\\",
    b"\x1bP1$r0m\x1b\\",
    b"\x1b_Gi=31;OK\x1b\\",
    b"\x1b[8;24;80t",
    b"\x1b[?997;1n",
    b"\x1b[0n",
    b"\x1b[99~",
    b"\x1b[100~",
    b"\x1b[9;9X",
    b"\x1b[32;10;10M",
    b"\x1b[M \xff\xfe",
    b"\x1b[Mddd",
    b"\x1b[<0;99999999;1M",
    b"\x1b[48;0;0;0;0t",
    b"\x1b[48;99999;99999;1;1t",
    b"\x1b[99999999999u",
    b"\x1b[55296u",
    b"\x1b[97:65;1u",
    b"\x1b[201~",
    b"\x1b[" + b"1;" * 5000 + b"d",
    b"\x1b[12\xe9d",
    b"\x1b[12\x18",
    b"\x1b]52;c;" + b"ZGRk" * 5000 + b"\x07",
]


@pytest.mark.parametrize("reply", REPLIES, ids=lambda reply: repr(reply[:24]))
def test_answers_of_terminals_and_unknown_sequences_are_no_keys(reply):
    assert told(reply) == []
    assert keys(reply + b"j") == ["j"]
    assert keys(reply, None, b"j") == ["j"]


@pytest.mark.parametrize("reply", REPLIES, ids=lambda reply: repr(reply[:24]))
def test_an_answer_divided_anywhere_but_after_its_escape_is_no_key(reply):
    for cut in range(2, min(len(reply), 40)):
        assert told(reply[:cut], None, reply[cut:]) == [], cut


@given(st.lists(st.sampled_from(REPLIES[:31]), max_size=4), CUTS)
def test_answers_one_after_the_other_are_no_keys(replies, cuts):
    assert told(*pieces(b"".join(replies), cuts)) == []


@pytest.mark.parametrize(
    "broken", [b"\x1b[", b"\x1b[1;", b"\x1b[<0;1", b"\x1bO", b"\x1b]11;rgb", b"\x1b[M", b"\x1bP>"]
)
def test_a_sequence_cut_off_is_no_key_and_the_next_key_counts(broken):
    assert keys(broken, *[None] * 8, b"j") == ["j"]
    assert keys(broken + b"\x1b[A") == ["up"]


def test_bytes_that_are_not_utf8_are_no_keys():
    assert keys(b"caf\xe9") == ["c", "a", "f"]
    assert keys(b"\xe9", b"d") == ["d"]
    assert keys(b"\xff\xfe\x80\xc0\xafj") == ["j"]
    assert keys(b"\xc2\x9b") == []


@given(st.lists(st.none() | st.binary(max_size=80), max_size=8))
def test_no_bytes_raise(reads):
    told(*reads)


@given(
    st.lists(
        st.none() | st.lists(st.sampled_from([START, END, *REPLIES, b"d", b"\x1b", b"\xe9"])).map(b"".join),
        max_size=6,
    )
)
def test_no_mixture_raises(reads):
    told(*reads)


# ---- what is a key


@pytest.mark.parametrize(
    ("data", "pressed"),
    [
        (b"d;G?", ["d", "semicolon", "G", "question_mark"]),
        (b"\x13\x1a\r\t\x7f", ["ctrl+s", "ctrl+z", "enter", "tab", "backspace"]),
        ("äß€😀".encode(), ["ä", "ß", "euro_sign", "grinning_face"]),
        (b"\x1b[A\x1bOB\x1b[1;5C\x1b[3~\x1b[Z", ["up", "down", "ctrl+right", "delete", "shift+tab"]),
        (b"\x1bOP\x1b[15~\x1b[[A\x1b[23$", ["f1", "f5", "f1", "f23"]),
        (b"\x1b[97;5u\x1b[27u\x1b[13u\x1b[57399u", ["ctrl+a", "escape", "enter", "0"]),
        (b"\x1b[97;;228u", ["ä"]),
        (b"\x1b[27;5;100~", ["ctrl+d"]),
        (b"\x1bx\x1bf", ["alt+x", "ctrl+right"]),
        (b"\x1b\x1b[A", ["escape", "up"]),
    ],
)
def test_keys_are_keys_however_their_reads_are_divided(data, pressed):
    assert keys(data) == pressed
    assert keys(*(bytes([byte]) for byte in data)) == pressed


def test_escape_alone_is_a_key_after_a_moment():
    assert told(b"\x1b", quiet=False) == []
    assert keys(b"\x1b", None) == ["escape"]
    assert keys(b"\x1b", None, b"q") == ["escape", "q"]


def test_the_mouse_is_the_mouse():
    (down, up, scroll) = told(b"\x1b[<0;3;4M\x1b[<0;3;4m\x1b[<65;120;4M")
    assert isinstance(down, events.MouseDown)
    assert (down.x, down.y) == (2, 3)
    assert isinstance(up, events.MouseUp)
    assert isinstance(scroll, events.MouseScrollDown)
    assert scroll.x == 119


def test_a_window_of_no_pixels_does_not_break_the_mouse():
    terminal = TerminalInput()
    (size,) = terminal.feed(b"\x1b[48;24;80;0;0t")
    assert size.size == (80, 24)
    assert terminal.feed(b"\x1b[<0;3;4M") == []
    assert [event.key for event in terminal.feed(b"j")] == ["j"]
