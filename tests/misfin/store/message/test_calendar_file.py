"""Calendar files divided within bounds, whatever is in them."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st
from invitations import calendar

from misfin.store.message.calendar_file import MAX_EVENTS, MAX_FILE, divide, searchable


def test_lines_are_unfolded_and_texts_unescaped() -> None:
    file = divide(calendar('SUMMARY;X="a;b:c":Bud\n get\\, and\\nmore\nLOCATION:\x1b[1mhere\n'))
    assert file.method == "REQUEST"
    assert file.events[0].text("SUMMARY") == "Budget, and\nmore"
    assert file.events[0].first("SUMMARY").parameters == {"X": "a;b:c"}
    assert file.events[0].text("LOCATION") == "[1mhere"


def test_alarms_and_zones_do_not_mix_with_the_event() -> None:
    alarm = "BEGIN:VALARM\nSUMMARY:alarm\nEND:VALARM\nSUMMARY:event\n"
    file = divide(calendar(alarm, before="BEGIN:VTODO\nSUMMARY:todo\nEND:VTODO\n"))
    assert [each.text("SUMMARY") for each in file.events] == ["event"]
    assert file.others


def test_a_file_that_is_cut_off_keeps_what_is_there() -> None:
    assert divide(calendar("SUMMARY:half\n").partition(b"END:VEVENT")[0]).events[0].text("SUMMARY") == "half"


def test_there_are_bounds() -> None:
    many = calendar("SUMMARY:x\n" + "END:VEVENT\nBEGIN:VEVENT\nSUMMARY:y\n" * (MAX_EVENTS + 10))
    assert len(divide(many).events) == MAX_EVENTS
    assert divide(many).more
    large = calendar("SUMMARY:x\nDESCRIPTION:" + "y" * MAX_FILE + "\n")
    assert divide(large).more


def test_searching_sees_title_place_people_and_id() -> None:
    words = searchable((calendar(), calendar()))
    for word in ("Budget round", "Room 7", "ida@sender.example", "Bea, Mayor", "ev1@cal.example"):
        assert words.count(word) == 1


LINES = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "BEGIN:VCALENDAR",
                "BEGIN:VEVENT",
                "END:VEVENT",
                "BEGIN:VTIMEZONE",
                "BEGIN:STANDARD",
                "END:STANDARD",
                "END:VTIMEZONE",
                "METHOD:REQUEST",
                "TZID:X",
                'ATTENDEE;CN="',
                " folded",
            ]
        ),
        st.text(max_size=60),
    ),
    max_size=40,
).map(lambda lines: "\r\n".join(lines).encode("utf-8", "surrogatepass"))


@given(st.one_of(LINES, st.binary(max_size=500)))
def test_anything_can_be_divided(raw: bytes) -> None:
    divide(raw)
    searchable((raw,))


def test_a_hostile_file_takes_a_moment() -> None:
    for piece in (b'A;B="', b"A;B=C", b"\r\n ", b"BEGIN:VEVENT\n", b"BEGIN:X\n", b"A:\n", b'";', b"\\"):
        raw = b"BEGIN:VCALENDAR\nBEGIN:VEVENT\n" + piece * (MAX_FILE // 4 // len(piece))
        start = time.process_time()
        divide(raw)
        assert time.process_time() - start < 5, piece  # some 0.1 s; by quadratic time it would be minutes
