"""A time to send at is read as people write it, in any time zone, and never one that has passed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.compose.sendtime import (
    EXAMPLES,
    LONGEST,
    SendTimeError,
    format_send_time,
    parse_send_time,
)

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 29, 17, 5, tzinfo=BERLIN)  # a Sunday
ZONES = st.sampled_from([UTC, BERLIN, ZoneInfo("America/New_York"), ZoneInfo("Asia/Kathmandu")])


def read(text: str, now: datetime = NOW) -> str:
    return f"{datetime.fromtimestamp(parse_send_time(text, now.timestamp(), BERLIN), BERLIN):%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("tomorrow 8:00", "2026-11-30 08:00"),
        ("Tomorrow", "2026-11-30 08:00"),
        ("tomorrow at 9pm", "2026-11-30 21:00"),
        ("18:30", "2026-11-29 18:30"),
        ("17.05", "2026-11-30 17:05"),
        ("8 am", "2026-11-30 08:00"),
        ("12 am", "2026-11-30 00:00"),
        ("12:30 PM", "2026-11-30 12:30"),
        ("noon", "2026-11-30 12:00"),
        ("today 23:59", "2026-11-29 23:59"),
        ("mon 9:00", "2026-11-30 09:00"),
        ("monday", "2026-11-30 08:00"),
        ("sunday 18:00", "2026-11-29 18:00"),
        ("sunday 9:00", "2026-12-06 09:00"),
        ("2026-12-01 09:00", "2026-12-01 09:00"),
        ("2026-12-01T09:00", "2026-12-01 09:00"),
        ("2026-12-1, 9:00", "2026-12-01 09:00"),
        ("2026-12-01", "2026-12-01 08:00"),
        ("in 2 h", "2026-11-29 19:05"),
        ("2h", "2026-11-29 19:05"),
        ("in 1h30m", "2026-11-29 18:35"),
        ("in 1.5 hours", "2026-11-29 18:35"),
        ("in 45 minutes", "2026-11-29 17:50"),
        ("in 1 week 2 days", "2026-12-08 17:05"),
    ],
)
def test_times_are_read_as_people_write_them(text, found):
    assert read(text) == found


@pytest.mark.parametrize(
    "text",
    [
        *("", "   ", "soon", "25:00", "8:60", "13 pm", "0 am", "2026-13-01", "2026-02-30 9:00", "0001-01-01"),
        *("in", "in 2", "in 2 moons", "0 h", "8", "tomorrow 8", "tomorrow 99:00", "yesterday 8:00"),
        *("\x1b[31m18:30", "9" * 500),
    ],
)
def test_what_is_not_a_time_is_refused_in_words(text):
    with pytest.raises(SendTimeError, match="is not a time") as caught:
        read(text)
    assert str(caught.value).isprintable()
    assert EXAMPLES in caught.value.remedy


@pytest.mark.parametrize(("text", "why"), [("today 8:00", "has passed"), ("2026-11-29 17:05", "has passed")])
def test_a_time_that_has_passed_is_refused(text, why):
    with pytest.raises(SendTimeError, match=why):
        read(text)


@pytest.mark.parametrize("text", ["2062-12-01 09:00", "in 9999 weeks"])
def test_a_year_mistyped_does_not_keep_a_message_for_ever(text):
    with pytest.raises(SendTimeError, match="two years"):
        read(text)


def test_a_day_is_a_day_of_the_calendar_when_clocks_change():
    spring = datetime(2027, 3, 27, 12, 0, tzinfo=BERLIN)
    assert read("tomorrow 8:00", spring) == "2027-03-28 08:00"
    assert read("in 24 h", spring) == "2027-03-28 13:00"


def test_every_example_is_read():
    for text in EXAMPLES.split(", "):
        assert parse_send_time(text, NOW.timestamp(), BERLIN) > NOW.timestamp()


@given(st.integers(0, 2**31), st.integers(1, 700 * 24 * 60), ZONES)
def test_a_time_as_it_is_shown_is_read_as_the_same_time(now, minutes, zone):
    at = datetime.fromtimestamp(now, zone).replace(second=0, microsecond=0) + timedelta(minutes=minutes)
    again = datetime.fromtimestamp(at.timestamp(), zone)
    if again.replace(fold=0).timestamp() != at.timestamp() or at.timestamp() <= now:
        return  # the second of two hours with one name
    assert parse_send_time(format_send_time(at.timestamp(), zone), now, zone) == at.timestamp()


@given(st.text(max_size=30), st.integers(0, 2**31), ZONES)
def test_any_text_is_a_time_ahead_or_refused(text, now, zone):
    try:
        at = parse_send_time(text, now, zone)
    except SendTimeError as error:
        assert str(error).isprintable()
    else:
        assert now < at <= now + LONGEST


@given(st.integers(0, 23), st.integers(0, 59), st.integers(0, 2**31), ZONES)
def test_a_time_without_a_day_is_the_next_one(hour, minute, now, zone):
    at = parse_send_time(f"{hour}:{minute:02}", now, zone)
    assert 0 < at - now <= 25 * 3600
