"""The retry table: what each ending of an attempt leads to, and how the pauses grow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.post.retry import (
    DAY,
    ENOUGH_TRIES,
    HOUR,
    KEEP_TRYING,
    MINUTE,
    Fail,
    Hold,
    Reason,
    Retry,
    Taken,
    UnknownOutcome,
    next_try,
)
from misfin.post.transport import Accepted, Ask, Pace, Permanent, Temporary, Unknown, Wait
from misfin.store.outgoing.deliveries import History, Question

NOW = 1_800_000_000.0
NEW = History()
MINUTES, HOURS = Temporary(Pace.MINUTES), Temporary(Pace.HOURS)
AWAY = Temporary(Pace.SOON, whole_route=True)


def after(result, words="", history=NEW, now=NOW, rand=0.0):
    return next_try(history, result, words, now=now, rand=rand)


@pytest.mark.parametrize("delivered", [True, False])
def test_what_the_other_side_has_is_taken_and_only_delivered_where_it_says_so(delivered):
    assert after(Accepted(delivered=delivered)) == Taken(delivered)


def test_a_temporary_failure_waits_five_minutes_at_least_and_says_why():
    assert after(MINUTES, "Later.") == Retry(NOW + 5 * MINUTE, "Later.", Reason.DELIVERY)


def test_pauses_double_and_are_capped_and_jittered():
    waits = [after(MINUTES, history=History(failures=n)).at - NOW for n in range(9)]
    assert waits[:4] == [300, 600, 1200, 2400]
    assert waits[-1] == 6 * HOUR
    assert after(MINUTES, rand=1.0).at - NOW == 375


@pytest.mark.parametrize(("asked", "seconds"), [(30, 30), (0, 1), (10**9, HOUR)])
def test_a_server_that_asks_for_time_gets_it_within_an_hour_and_that_is_no_failure(asked, seconds):
    verdict = after(Wait(asked), "Slow down.")
    assert verdict == Retry(NOW + seconds, "Slow down.", Reason.SLOW_DOWN)


def test_waiting_doubles_on_each_repeat_up_to_an_hour_with_a_tenth_of_jitter():
    waits = [after(Wait(30), "", History(slowdowns=n)).at - NOW for n in range(10)]
    assert waits[:4] == [30, 60, 120, 240]
    assert waits[-1] == HOUR
    assert after(Wait(100), rand=1.0).at - NOW == pytest.approx(110)


def test_other_failures_do_not_lengthen_what_a_server_asks_for():
    assert after(Wait(30), "", History(failures=9)).at == NOW + 30


def test_a_full_mailbox_is_tried_after_hours_a_few_times_in_three_days():
    now, history, tries = NOW, History(since=NOW), 0
    while isinstance(verdict := after(HOURS, history=history, now=now), Retry):
        assert verdict.at - now >= 2 * HOUR
        now, tries = verdict.at, tries + 1
        history = History(failures=tries, since=NOW)
    assert isinstance(verdict, Fail)
    assert 3 <= tries <= 8


def test_what_is_final_fails_at_once_with_its_words():
    assert after(Permanent(), "No.") == Fail("No.")


@pytest.mark.parametrize("question", Question)
def test_what_a_person_has_to_decide_is_held(question):
    assert after(Ask(question), "Decide.") == Hold(question, "Decide.")


def test_an_unknown_outcome_is_never_a_retry_however_late():
    for since in (0.0, NOW - 10 * DAY):
        assert isinstance(after(Unknown(), "It may have arrived.", History(since=since)), UnknownOutcome)


def test_a_route_that_is_away_makes_all_that_is_due_on_it_wait():
    assert after(AWAY, "No answer.") == Retry(NOW + MINUTE, "No answer.", Reason.ROUTE_AWAY)


def test_a_computer_that_slept_for_a_week_has_not_tried_for_three_days():
    asleep = [History(failures=n, since=NOW - 7 * DAY) for n in range(ENOUGH_TRIES)]
    verdicts = [after(AWAY, "Offline.", history) for history in asleep]
    assert [verdict.at - NOW for verdict in verdicts[:-1]] == [60, 120, 240, 480]
    assert verdicts[-1] == Fail("Offline. Given up after three days.")


@given(
    result=st.one_of(
        st.builds(Temporary, st.sampled_from(Pace), st.booleans()),
        st.builds(Wait, st.floats(0, 10**6)),
        st.sampled_from([Accepted(), Permanent(), Unknown(), Ask(Question.PERSON)]),
    ),
    failures=st.integers(0, 10**6),
    slowdowns=st.integers(0, 10**6),
    age=st.floats(0, 10 * DAY),
    rand=st.floats(0, 1),
    words=st.text(max_size=30),
)
def test_no_retry_comes_early_or_much_after_three_days(result, failures, slowdowns, age, rand, words):
    history = History(failures, slowdowns, NOW - age)
    verdict = next_try(history, result, words, now=NOW, rand=rand)
    if isinstance(verdict, Retry):
        tries = slowdowns if verdict.reason is Reason.SLOW_DOWN else failures
        assert age < KEEP_TRYING or tries + 1 < ENOUGH_TRIES
        assert verdict.at > NOW
        assert verdict.at <= NOW + 30 * HOUR
        if age < KEEP_TRYING:
            assert verdict.at <= NOW - age + KEEP_TRYING + 2 * HOUR
        if verdict.reason is Reason.DELIVERY:
            assert verdict.at >= NOW + MINUTE
