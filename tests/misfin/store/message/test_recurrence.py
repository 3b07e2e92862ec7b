"""Rules of recurring events: in words, and their next dates compared with python-dateutil's."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from itertools import islice

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given
from hypothesis import strategies as st

from misfin.store.message.recurrence import in_words, next_dates

FIRST = datetime(2026, 3, 10, 9, 30)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("FREQ=DAILY", "every day"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR;COUNT=10", "every 2 weeks on Monday and Friday, 10 times"),
        ("FREQ=MONTHLY;BYDAY=-1SU", "every month on the last Sunday"),
        ("FREQ=MONTHLY;BYDAY=TU;BYSETPOS=2", "every month on the second Tuesday"),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "every month on the last weekday"),
        ("FREQ=MONTHLY;BYMONTHDAY=15,-1", "every month on day 15 and the last day"),
        ("FREQ=YEARLY;BYMONTH=3;UNTIL=20300101T000000Z", "every year in March, until 1 January 2030"),
        ("FREQ=YEARLY;BYWEEKNO=20", "every year by further rules"),
        ("FREQ=MINUTELY;INTERVAL=5", "every 5 minutes"),
        ("FREQ=NEVER", "by a rule that cannot be read"),
        ("\x1b[31m", "by a rule that cannot be read"),
    ],
)
def test_a_rule_in_words(rule: str, words: str) -> None:
    assert in_words(rule) == words


DAYS = st.sampled_from(["MO", "TU", "WE", "TH", "FR", "SA", "SU"])
NUMBERED = st.builds(lambda number, day: f"{number}{day}", st.sampled_from([1, 2, 4, 5, -1, -2]), DAYS)


def listed(strategy: st.SearchStrategy[object]) -> st.SearchStrategy[str]:
    return st.lists(strategy, min_size=1, max_size=4, unique=True).map(lambda each: ",".join(map(str, each)))


@st.composite
def rules(draw: st.DrawFn) -> str:
    unit = draw(st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]))
    parts = {"FREQ": unit, "INTERVAL": str(draw(st.integers(1, 4)))}
    if draw(st.booleans()):
        parts["BYDAY"] = draw(
            listed(NUMBERED if unit in ("MONTHLY", "YEARLY") and draw(st.booleans()) else DAYS)
        )
    if draw(st.booleans()):
        parts["BYMONTH"] = draw(listed(st.integers(1, 12)))
    if unit != "WEEKLY" and draw(st.booleans()):
        parts["BYMONTHDAY"] = draw(listed(st.sampled_from([1, 10, 15, 28, 30, 31, -1, -3])))
    if unit in ("MONTHLY", "YEARLY") and ("BYDAY" in parts or "BYMONTHDAY" in parts) and draw(st.booleans()):
        parts["BYSETPOS"] = draw(listed(st.sampled_from([1, 2, 3, -1, -2])))
    if draw(st.booleans()):
        parts["COUNT"] = str(draw(st.integers(1, 30)))
    if draw(st.booleans()):
        parts["WKST"] = draw(DAYS)
    return ";".join(f"{name}={value}" for name, value in parts.items())


@given(rules(), st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)), st.integers(0, 900))
def test_the_next_dates_are_those_of_python_dateutil(rule: str, first: datetime, days: int) -> None:
    first = first.replace(microsecond=0)
    after, end = first + timedelta(days=days), first + timedelta(days=4000)
    # Its own end is looked at only when a date fits, so that of the search is given as a rule cannot be.
    theirs = (
        [
            each
            for each in islice(
                rrulestr(f"{rule};INTERVAL=1" if "INTERVAL" not in rule else rule, dtstart=first), 400
            )
            if after <= each <= end
        ]
        if _ever_fits(rule, first)
        else []
    )
    assert next_dates(rule, first, after, until=end) == theirs[:3]


def _ever_fits(rule: str, first: datetime) -> bool:
    """Whether a rule has a date at all: dateutil would look for one until the year 9999."""
    return bool(next_dates(rule, first, first, most=1))


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=SECONDLY",
        "FREQ=DAILY;BYSECOND=1,2,3",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;BYMONTH=2,",
        "FREQ=YEARLY;BYDAY=" + ",".join(["1MO"] * 200),
        "FREQ=WEEKLY;BYDAY=1MO",
        "",
        "FREQ=DAILY;FREQ=" * 100,
    ],
)
def test_what_is_not_worked_out_says_so(rule: str) -> None:
    assert next_dates(rule, FIRST, FIRST) is None


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYSETPOS=366;BYMONTH=1",
        "FREQ=DAILY;INTERVAL=9999;BYMONTHDAY=31;BYMONTH=2",
    ],
)
def test_a_rule_that_no_date_fits_ends_soon(rule: str) -> None:
    start = time.process_time()
    assert next_dates(rule, datetime(1950, 1, 1), datetime(2026, 1, 1)) == []
    assert time.process_time() - start < 5  # it takes 0.1 s; without bounds it would take minutes


@given(st.text(max_size=300), st.datetimes(), st.datetimes())
def test_no_text_is_too_strange(rule: str, first: datetime, after: datetime) -> None:
    assert in_words(rule)
    next_dates(rule, first, after)
