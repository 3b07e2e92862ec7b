"""Limits are pure: every one is driven by the numbers the test gives as time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.net.limits import (
    Admission,
    Limits,
    LimitSettings,
    ProbeBudget,
    TokenBuckets,
    address_key,
)
from misfin.net.shares import Stage


def test_a_bucket_gives_a_burst_then_one_token_per_interval():
    buckets = TokenBuckets(3, 0.5)
    assert [buckets.take("a", 100.0) for _ in range(4)] == [0.0, 0.0, 0.0, 2.0]
    assert buckets.take("a", 101.0) == pytest.approx(1.0)
    assert buckets.take("a", 102.0) == 0.0
    assert buckets.take("b", 102.0) == 0.0


def test_a_clock_set_back_neither_fills_a_bucket_nor_locks_it():
    buckets = TokenBuckets(1, 1.0)
    assert buckets.take("a", 100.0) == 0.0
    assert buckets.take("a", 0.0) == 1.0
    assert buckets.take("a", 1.0) == 0.0


def test_ever_new_keys_do_not_fill_the_memory():
    buckets = TokenBuckets(1, 0.001, keys=100)
    for number in range(1000):
        buckets.take(str(number), 0.0)
    assert len(buckets) == 100
    assert buckets.take("999", 0.0) > 0.0


@given(
    st.floats(1, 50),
    st.floats(0.01, 20),
    st.lists(st.floats(0, 5), min_size=1, max_size=60),
)
def test_no_more_is_ever_granted_than_burst_plus_refill(capacity, rate, pauses):
    buckets = TokenBuckets(capacity, rate)
    now, granted = 0.0, 0
    for pause in pauses:
        now += pause
        wait = buckets.take("a", now)
        granted += wait == 0.0
        assert 0.0 <= wait <= 1.0 / rate + 1e-9
    assert granted <= capacity + now * rate + 1e-6


def admitted(limits: Limits[object], address: str, times: int, now: float = 0.0) -> list[Admission]:
    return [limits.admit(object(), address, now)[0] for _ in range(times)]


def test_who_is_over_the_limit_is_told_for_a_while_and_then_ignored():
    limits = Limits(LimitSettings(capacity=2, refill_rate=1.0))
    got = admitted(limits, "192.0.2.1", 14)
    assert got == [Admission.SERVE] * 2 + [Admission.SLOW_DOWN] * 10 + [Admission.REFUSE] * 2
    assert admitted(limits, "192.0.2.2", 1) == [Admission.SERVE]
    assert admitted(limits, "192.0.2.1", 1, now=1.0) == [Admission.SERVE]


def test_connections_are_counted_until_they_leave():
    limits = Limits(LimitSettings(enable=False, max_connections=2, max_per_network=2))
    for connection in "abcd":
        admission, _ = limits.admit(connection, "192.0.2.1", 0.0)
        limits.moved(connection, Stage.COMPLETE)
        assert admission is {"c": Admission.SLOW_DOWN, "d": Admission.REFUSE}.get(connection, Admission.SERVE)
    for connection in "abc":
        limits.left(connection)
    assert limits.admit("e", "192.0.2.1", 0.0) == (Admission.SERVE, None)


def test_when_all_is_full_the_largest_network_makes_room_for_a_newcomer():
    limits = Limits(LimitSettings(enable=False, max_connections=5, max_per_network=4))
    limits.admit("waits", "192.0.2.1", 0.0)
    limits.moved("waits", Stage.REQUEST)
    for number in range(4):
        limits.admit(number, f"198.51.100.{number}", 0.0)
    limits.moved(0, Stage.COMPLETE)
    limits.moved(1, Stage.REQUEST)
    assert [limits.admit(f"new {n}", f"203.0.{n}.1", 0.0)[1] for n in range(2)] == [2, 3]


def test_a_network_that_has_its_share_makes_room_only_among_its_own():
    limits = Limits(LimitSettings(enable=False, max_connections=50, max_per_network=2))
    for number in range(3):
        limits.admit(f"other {number}", f"203.0.{number}.1", 0.0)
    limits.admit("a", "192.0.2.1", 0.0)
    limits.admit("b", "192.0.2.77", 0.0)
    assert limits.admit("c", "192.0.2.200", 0.0) == (Admission.SERVE, "a")
    limits.moved("b", Stage.COMPLETE)
    limits.moved("c", Stage.COMPLETE)
    assert limits.admit("d", "192.0.2.3", 0.0) == (Admission.SLOW_DOWN, None)
    limits.moved("d", Stage.COMPLETE)
    assert limits.admit("e", "192.0.2.4", 0.0) == (Admission.REFUSE, None)


@pytest.mark.parametrize("allowed", [32, 128, 896, 8064])
def test_the_derived_caps_stay_within_what_the_machine_allows(allowed):
    for wanted in (None, 1_000_000):
        limits = Limits(LimitSettings(enable=False, max_connections=wanted), allowed=allowed)
        assert allowed * 0.9 < limits.most_connections <= allowed
        for number in range(2 * allowed):
            address = f"10.{number >> 8}.{number & 255}.1"
            connection = (number,)
            limits.admit(connection, address, 0.0)
            limits.moved(connection, Stage.COMPLETE)
        assert len(limits._open) == limits.most_connections


def test_switched_off_only_the_caps_remain():
    limits = Limits(LimitSettings(enable=False, capacity=1, refill_rate=0.001))
    assert {limits.sender_wait("f", 0.0) for _ in range(50)} == {0.0}


def test_a_44_names_at_least_the_configured_seconds():
    limits = Limits(LimitSettings(retry_after=30))
    assert limits.retry_after() == 30
    assert limits.retry_after(29.5) == 30
    assert limits.retry_after(30.2) == 31


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
        ("x:y", "x:y"),
    ],
)
def test_an_ipv6_network_counts_as_one_peer(address, key):
    assert address_key(address) == key


def test_probes_are_limited_per_host_in_all_and_at_once():
    budget = ProbeBudget(per_host=2, per_host_rate=0.1, total=4, total_rate=0.1, concurrent=2)
    assert budget.start("a", 0.0) == 0.0
    assert budget.start("b", 0.0) == 0.0
    assert budget.start("c", 0.0) == 1.0  # two are running
    budget.end()
    budget.end()
    assert budget.start("a", 0.0) == 0.0
    budget.end()
    assert budget.start("a", 0.0) == pytest.approx(10.0)
    assert budget.start("c", 0.0) == 0.0
    budget.end()
    assert budget.start("d", 0.0) == pytest.approx(10.0)
    assert budget.start("a", 10.0) == 0.0
