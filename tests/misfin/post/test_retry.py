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
    Delivered,
    Fail,
    Fault,
    Hold,
    Reason,
    Retry,
    UnknownOutcome,
    next_try,
)
from misfin.store.outgoing.deliveries import History, Question

NOW = 1_800_000_000.0
NEW = History()


def after(result, words="", history=NEW, now=NOW, rand=0.0):
    return next_try(history, result, words, now=now, rand=rand)


@pytest.mark.parametrize("status", [20, 21, 29])
def test_two_x_is_delivered_whatever_the_server_says_with_it(status):
    assert after(status, "Confirmation sent") == Delivered()


@pytest.mark.parametrize("status", [40, 41, 42, 43, 46, 49])
def test_a_temporary_failure_waits_five_minutes_at_least_and_says_so(status):
    verdict = after(status, "later please")
    assert isinstance(verdict, Retry)
    assert verdict.at == NOW + 5 * MINUTE
    assert verdict.reason is Reason.MESSAGE
    assert "later please" in verdict.why


def test_pauses_double_and_are_capped_and_jittered():
    waits = [after(40, history=History(failures=n)).at - NOW for n in range(9)]
    assert waits[:4] == [300, 600, 1200, 2400]
    assert waits[-1] == 6 * HOUR
    assert after(40, rand=1.0).at - NOW == 375


@pytest.mark.parametrize(
    ("meta", "seconds"),
    [("Slow Down. Retry after 30s", 30), ("120", 120), ("later", 60), ("2 min", 120), ("99999", 3600)],
)
def test_44_waits_as_long_as_the_server_says_and_is_no_failure(meta, seconds):
    verdict = after(44, meta)
    assert isinstance(verdict, Retry)
    assert verdict.at == NOW + seconds
    assert verdict.reason is Reason.SLOW_DOWN


def test_44_doubles_on_each_repeat_up_to_an_hour_with_a_tenth_of_jitter():
    waits = [after(44, "30", History(slowdowns=n)).at - NOW for n in range(10)]
    assert waits[:4] == [30, 60, 120, 240]
    assert waits[-1] == HOUR
    assert after(44, "100", rand=1.0).at - NOW == pytest.approx(110)


def test_other_failures_do_not_lengthen_what_a_44_asks():
    assert after(44, "30", History(failures=9)).at == NOW + 30


def test_a_full_mailbox_is_tried_after_hours_a_few_times_in_three_days():
    now, history, tries = NOW, History(since=NOW), 0
    while isinstance(verdict := after(45, history=history, now=now), Retry):
        assert verdict.at - now >= 2 * HOUR
        now, tries = verdict.at, tries + 1
        history = History(failures=tries, since=NOW)
    assert isinstance(verdict, Fail)
    assert 3 <= tries <= 8


@pytest.mark.parametrize("status", [50, 51, 52, 53, 55, 59, 61, 62, 63, 64, 69, 10, 47 + 30, 99])
def test_final_statuses_fail_at_once_and_keep_the_servers_words(status):
    verdict = after(status, "no \x1b[2Jthanks")
    assert isinstance(verdict, Fail)
    assert "thanks" in verdict.why
    assert "\x1b" not in verdict.why


@pytest.mark.parametrize(
    ("result", "question"),
    [
        (30, Question.REDIRECT_ONCE),
        (31, Question.REDIRECT_ALWAYS),
        (60, Question.NEEDS_IDENTITY),
        (Fault.CERTIFICATE_CHANGED, Question.CHANGED_CERTIFICATE),
        (Fault.FIRST_USE, Question.FIRST_USE),
        (Fault.TOO_LARGE, Question.TOO_LARGE),
        (Fault.NO_IDENTITY, Question.NEEDS_IDENTITY),
    ],
)
def test_what_a_person_has_to_decide_is_held(result, question):
    verdict = after(result, "bob@new.example")
    assert isinstance(verdict, Hold)
    assert verdict.question is question
    assert verdict.why


def test_an_unknown_outcome_is_never_a_retry_however_late():
    for since in (0.0, NOW - 10 * DAY):
        assert isinstance(
            after(Fault.OUTCOME_UNKNOWN, "It may have arrived.", History(since=since)), UnknownOutcome
        )


def test_a_host_that_is_away_makes_all_its_messages_wait():
    verdict = after(Fault.UNREACHABLE, "No answer.")
    assert isinstance(verdict, Retry)
    assert verdict.reason is Reason.HOST_AWAY
    assert verdict.at == NOW + MINUTE


def test_a_computer_that_slept_for_a_week_has_not_tried_for_three_days():
    asleep = [History(failures=n, since=NOW - 7 * DAY) for n in range(ENOUGH_TRIES)]
    verdicts = [after(Fault.UNREACHABLE, "Offline.", history) for history in asleep]
    assert [verdict.at - NOW for verdict in verdicts[:-1]] == [60, 120, 240, 480]
    assert verdicts[-1] == Fail("Offline. It was tried for three days.")


def test_a_message_no_route_can_take_fails():
    assert after(Fault.UNWRITABLE, "Half a character.") == Fail("Half a character.")


@given(
    result=st.one_of(st.integers(0, 99), st.sampled_from(Fault)),
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
        if verdict.reason is Reason.MESSAGE:
            assert verdict.at >= NOW + 5 * MINUTE
