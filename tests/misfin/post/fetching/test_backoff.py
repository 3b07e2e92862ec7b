"""Waits grow, differ and have an end; sleep is noticed; progress is said in words."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.post.fetching.backoff import CROWDED, FIRST, LONGEST, Backoff, SleepDetector
from misfin.post.fetching.lock import AlreadyFetchingError, Fetcher, FetchLock, fetcher, look_now
from misfin.post.fetching.progress import Progress, sentence
from misfin.post.source import SourceState, SourceStatus


@given(st.integers(0, 2**32), st.integers(1, 60))
def test_each_wait_is_within_bounds_and_the_first_is_short(seed, count):
    backoff = Backoff(random.Random(seed).uniform)
    waits = [backoff.next() for _ in range(count)]
    assert FIRST <= waits[0] <= 3 * FIRST
    assert all(FIRST <= wait <= LONGEST for wait in waits)
    assert all(later <= 3 * before for before, later in itertools.pairwise(waits))
    backoff.reset()
    assert backoff.next() <= 3 * FIRST


def test_too_many_connections_mean_minutes():
    assert Backoff(random.Random(1).uniform).next(crowded=True) >= CROWDED


def test_a_clock_that_runs_away_from_the_other_means_sleep():
    wall, monotonic = [1000.0], [5.0]
    detector = SleepDetector(lambda: wall[0], lambda: monotonic[0])
    wall[0] += 15
    monotonic[0] += 15
    assert not detector.jumped()
    wall[0] += 3600
    monotonic[0] += 1
    assert detector.jumped()
    assert not detector.jumped()


@pytest.mark.parametrize(
    ("done", "total", "seconds", "said"),
    [
        (0, 100, 1.0, "fetching 0 of 100"),
        (100, 100, 1.0, "fetching 100 of 100"),
        (1200, 5400, 3.0, "fetching 1,200 of 5,400, 400 a second, 10 s left"),
        (100, 100_000, 1.0, "fetching 100 of 100,000, 100 a second, 17 min left"),
    ],
)
def test_progress_says_how_fast_and_how_long(done, total, seconds, said):
    assert sentence(done, total, seconds) == said


def test_few_messages_are_not_worth_a_word():
    said: list[SourceStatus] = []
    progress = Progress("work", said.append, clock=lambda: 0.0)
    progress.begin(3)
    progress.arrived(3)
    assert not said
    clock = iter(range(100))
    progress = Progress("work", said.append, clock=lambda: float(next(clock)))
    progress.begin(500)
    progress.arrived(50)
    assert said[0].state is SourceState.RUNNING


def test_one_process_fetches_and_notes_what_it_does(tmp_path):
    assert fetcher(tmp_path) is None
    lock = FetchLock(tmp_path)
    with pytest.raises(AlreadyFetchingError):
        FetchLock(tmp_path)
    long = SourceStatus("work", SourceState.WAITING, "x" * 300)
    lock.note([long, SourceStatus("home", SourceState.RUNNING, "in sync")])
    found = fetcher(tmp_path)
    assert found is not None
    assert found.statuses[0] == long
    lock.note([SourceStatus("home", SourceState.RUNNING, "in sync")])
    assert fetcher(tmp_path) == Fetcher(found.pid, (SourceStatus("home", SourceState.RUNNING, "in sync"),))
    lock.release()
    assert fetcher(tmp_path) is None
    assert not look_now(Fetcher(0))
