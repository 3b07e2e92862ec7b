"""Limits that processes share: as good as those of one process, whoever counts, and however one ends."""

from __future__ import annotations

import mmap
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.net.limits import TokenBuckets
from misfin.net.shared_table import SharedBuckets, SharedTable, SharedTotals


def table(sets: int = 4, width: int = 0) -> SharedTable:
    return SharedTable(memoryview(mmap.mmap(-1, SharedTable.size(sets, width))), sets, width)


def test_a_bucket_gives_a_burst_then_one_token_per_interval():
    buckets = SharedBuckets(table(), 3, 0.5)
    assert [buckets.take("a", 100.0) for _ in range(4)] == [0.0, 0.0, 0.0, 2.0]
    assert buckets.take("a", 101.0) == pytest.approx(1.0)
    assert buckets.take("a", 102.0) == 0.0
    assert buckets.take("b", 102.0) == 0.0


def test_a_clock_set_back_neither_fills_a_bucket_nor_locks_it():
    buckets = SharedBuckets(table(), 1, 1.0)
    assert buckets.take("a", 100.0) == 0.0
    assert buckets.take("a", 1.0) == 1.0
    assert buckets.take("a", 2.0) == 0.0


@given(
    st.floats(1, 50),
    st.floats(0.01, 20),
    st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 5)), min_size=1, max_size=60),
    st.sampled_from([1e3, 1.8e9]),
)
def test_it_grants_what_the_buckets_of_one_process_do(capacity, rate, steps, start):
    shared, own = SharedBuckets(table(), capacity, rate), TokenBuckets(capacity, rate)
    now = start
    for key, pause in steps:
        now += pause
        waits = shared.take(key, now), own.take(key, now)
        assert waits[0] == pytest.approx(waits[1], abs=0.01 + 0.01 / rate)
        if (waits[0] == 0.0) != (waits[1] == 0.0):
            return  # a rounding decided, and from here on they differ by a token


@given(st.floats(1, 50), st.floats(0.01, 20), st.lists(st.floats(0, 5), min_size=1, max_size=60))
def test_no_more_is_ever_granted_than_burst_plus_refill(capacity, rate, pauses):
    buckets, now, granted = SharedBuckets(table(), capacity, rate), 1e6, 0
    for pause in pauses:
        now += pause
        granted += buckets.take("a", now) == 0.0
    assert granted <= capacity + (now - 1e6) * rate + 0.01


def test_ever_new_keys_push_out_full_buckets_first():
    buckets = SharedBuckets(table(), 100, 0.001)
    while buckets.take("busy", 1.0) == 0.0:
        pass
    for number in range(5000):
        buckets.take(str(number), 2.0)
    assert buckets.take("busy", 3.0) > 0.0


def in_a_fork(work) -> None:
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_what_one_process_takes_is_gone_for_the_others():
    shared = table()
    buckets = SharedBuckets(shared, 10, 0.001)
    assert [buckets.take("a", 1.0) for _ in range(4)] == [0.0] * 4
    in_a_fork(lambda: [SharedBuckets(shared, 10, 0.001).take("a", 1.0) for _ in range(5)])
    assert buckets.take("a", 1.0) == 0.0
    assert buckets.take("a", 1.0) > 0.0


def test_sums_are_of_all_processes_and_each_adds_to_its_own():
    shared = table(width=3)
    sums = [SharedTotals(shared, process, 3) for process in range(3)]
    for number, each in enumerate(sums):
        each.add("ada", 10.0**number, 1.0)
    sums[1].add("bea", 5.0, 1.0)
    sums[2].add("ada", -100.0, 2.0)
    assert [each.total("ada") for each in sums] == [11.0] * 3
    assert sums[0].total("bea") == 5.0
    assert sums[0].total("eve") == 0.0


def test_a_sum_that_gives_way_begins_at_zero_again():
    sums = SharedTotals(table(1, 1), 0, 1)
    sums.add("ada", 7.0, 1.0)
    for number in range(8):
        sums.add(f"{number}", 1.0, 2.0)
    assert sums.total("ada") == 0.0
