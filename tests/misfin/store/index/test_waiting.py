"""Messages wait to be read newest first, and none is lost or read twice."""

from __future__ import annotations

import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from misfin.store.index import waiting as waits
from misfin.store.index.file_place import FilePlace
from misfin.store.index.waiting import Waiting

names = st.binary(min_size=1, max_size=12).filter(lambda name: b"\0" not in name and b"/" not in name)
places = st.builds(FilePlace, st.integers(1, 9), names.map(lambda name: b"cur/" + name))


def of(messages):
    waiting = Waiting()
    for message in messages:
        waiting.add(*message)
    return waiting


@pytest.fixture
def short_runs(monkeypatch):
    monkeypatch.setattr(waits, "_RUN", 7)
    monkeypatch.setattr(waits, "_CHUNK", 3)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 2**33), places), max_size=40), st.integers(1, 9), st.integers(0, 3))
def test_all_come_once_the_newest_first(short_runs, messages, size, too_many):
    waiting = of(messages)
    seen = []
    while taken := waiting.take(size):
        read = max(1, len(taken) - too_many)
        waiting.back(taken[read:])
        seen += taken[:read]
        assert waiting.total - waiting.left == len(seen)
    assert seen == [place for _, place in sorted(messages, reverse=True)]


def test_more_than_are_kept_together():
    messages = [(number, FilePlace(1, b"new/%d\n" % number)) for number in range(20_001)]
    waiting = of(messages)
    assert waiting.take(30_000) == [place for _, place in reversed(messages)]
    assert waiting.take(1) == []


def test_names_take_less_memory_than_they_are_long():
    messages = [
        (10**9 + number, FilePlace(1, b"cur/%d.M%dP1.host:2,S" % (10**9 + number, number * 7919 % 10**6)))
        for number in range(2 * waits._RUN)
    ]
    waiting = of(messages)
    kept = sum(sys.getsizeof(chunk) for run in waiting._runs for chunk in run)
    assert kept < sum(len(place.file) for _, place in messages) / 2
