"""What several processes share: figures and limits are of all, also of one that has ended."""

from __future__ import annotations

import os

from misfin.net.limits import Admission, Limits, LimitSettings, ProbeBudget
from misfin.post.process_share import ProcessShare, ReceiverMemory


def several(count: int = 3) -> tuple[ReceiverMemory, list[ProcessShare]]:
    memory = ReceiverMemory(count, started=1.5)
    return memory, [ProcessShare(memory, number) for number in range(count)]


def test_one_is_the_first():
    assert [each.first for each in several()[1]] == [True, False, False]


def test_figures_are_added_up_and_stay_when_a_process_ends():
    memory, shares = several()
    for number, each in enumerate(shares):
        each.figures.answered(20)
        each.figures.admitted(Admission.SERVE)
        each.figures.took(0.02)
        each.figures.open_now = number
    found = shares[0].all_figures()
    assert found.answers == {20: 3}
    assert found.connections == {"serve": 3}
    assert (sum(found.kept), round(found.waited, 2), found.open_now) == (3, 0.06, 3)
    assert shares[0].pids() == [os.getpid()] * 3
    memory.note_end(2, 4.5, again=True)
    found = shares[1].all_figures()
    assert (found.answers, found.open_now) == ({20: 3}, 1)
    assert len(shares[1].pids()) == 2
    assert (shares[1].started, shares[1].started_again, shares[1].ended_cpu) == (1.5, 1, 4.5)


def test_each_limit_is_one_for_all():
    _, shares = several(2)
    settings = LimitSettings(capacity=3, refill_rate=0.001)
    one, other = (Limits[object](settings, make=each.make_buckets) for each in shares)
    assert [each.sender_wait("key", 10.0) > 0.0 for each in (one, other, one, other)] == [False] * 3 + [True]
    admitted = [each.admit(object(), "192.0.2.1", 10.0)[0] for each in (one, other, one, other)]
    assert admitted == [Admission.SERVE] * 3 + [Admission.SLOW_DOWN]


def test_hosts_are_asked_so_many_times_by_all_and_one_that_is_killed_asks_nobody():
    memory, shares = several(2)
    one, other = (ProbeBudget(make=each.make_buckets, running=each) for each in shares)
    waits = [(one, other)[number % 2].start(f"{number}.test", 1.8e9) for number in range(9)]
    assert waits == [0.0] * 8 + [1.0]
    one.end()
    assert other.start("more.test", 1.8e9) == 0.0
    memory.note_end(0, 0.0, again=True)
    assert shares[1].total() == 5
    other.end()
    assert [other.start("same.test", 1.8e9 + 60) for _ in range(3)] == [0.0] * 3
    assert sum(one.start("same.test", 1.8e9 + 60) == 0.0 for _ in range(9)) == 1
