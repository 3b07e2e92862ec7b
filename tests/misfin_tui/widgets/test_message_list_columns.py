"""One conversation, one line: exact widths, dates by age, states without colour."""

from __future__ import annotations

import time
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style

from misfin.store.evidence import Evidence
from misfin.store.rows import ConversationRow
from misfin_tui.widgets.message_list_columns import Palette, columns, parts, when

NONE = Style()
PALETTE = Palette(**dict.fromkeys(Palette.__slots__, NONE) | {"evidence": dict.fromkeys(Evidence, NONE)})
NOW = datetime(2026, 11, 20, 15, 0).timestamp()


def row(**changes) -> ConversationRow:
    values = {
        "thread": 1,
        "message": 1,
        "id": "1.M1P1.x",
        "participants": "Bob Jones",
        "subject": "Meeting notes",
        "snippet": "Here are the notes",
        "count": 4,
        "unread": 0,
        "starred": False,
        "date": NOW,
        "evidence": Evidence.VERIFIED,
        "tags": (),
        "attachment": False,
        "held": False,
    }
    return ConversationRow(**values | changes)


def drawn(item: ConversationRow, width: int = 100, *, cursor: bool = False, marked: bool = False) -> str:
    pieces = parts(item, columns(width), PALETTE, cursor=cursor, marked=marked, now=NOW)
    return "".join(text for text, _style in pieces)


@pytest.mark.parametrize(
    ("then", "shown"),
    [
        (datetime(2026, 11, 20, 9, 5), "09:05"),
        (datetime(2026, 11, 19, 23, 59), "Thu"),
        (datetime(2026, 11, 14, 0, 1), "Sat"),
        (datetime(2026, 11, 13, 12, 0), "13 Nov"),
        (datetime(2026, 1, 1, 12, 0), "1 Jan"),
        (datetime(2025, 12, 31, 12, 0), "2025"),
        (datetime(2026, 11, 21, 12, 0), "21 Nov"),  # a sender's clock runs ahead
    ],
)
def test_dates_say_as_much_as_their_age_needs(then, shown):
    assert when(then.timestamp(), NOW) == shown


@pytest.mark.parametrize("date", [0.0, 1e30, -1e30, float("nan")])
def test_a_date_that_is_none_is_empty(date):
    assert when(date, time.time()) == ""


@given(
    st.integers(20, 300),
    st.text(max_size=60),
    st.text(max_size=60),
    st.text(max_size=60),
    st.lists(st.text(max_size=20), max_size=5).map(tuple),
    st.booleans(),
)
def test_a_line_fills_its_width_exactly(width, who, subject, snippet, tags, flag):
    item = row(
        participants=who, subject=subject, snippet=snippet, tags=tags, unread=flag, held=flag, attachment=flag
    )
    if columns(width).text > 4:
        assert cell_len(drawn(item, width, cursor=flag, marked=not flag)) == width


def test_every_state_shows_without_colour():
    plain_line = drawn(row())
    assert "●" in drawn(row(unread=2))
    assert "★" in drawn(row(starred=True))
    assert "■" in drawn(row(), marked=True)
    assert drawn(row(), cursor=True).startswith("▌")
    assert "(held)" in drawn(row(held=True))
    assert "+" in drawn(row(attachment=True))
    assert "#work" in drawn(row(tags=("work",)))
    assert "(no subject)" in drawn(row(subject=""))
    assert "(unknown)" in drawn(row(participants=""))
    for evidence in Evidence:
        assert f" {evidence.sign} " in drawn(row(evidence=evidence))
    assert not any(sign in plain_line for sign in "●★■▌+#")


def test_a_narrow_line_keeps_who_what_and_when():
    line = drawn(row(), 50)
    assert "Bob Jones" in line
    assert "Meeting" in line
    assert "15:00" in line
    assert "notes from" not in line
