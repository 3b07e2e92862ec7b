"""Letters wait to be read newest first, and none is lost or read twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from misfin.store.index.compare import pack_fresh
from misfin.store.index.place import Place
from misfin.store.index.waiting import Waiting

names = st.binary(min_size=1, max_size=12).filter(lambda name: b"\0" not in name and b"/" not in name)
places = st.builds(Place, st.integers(1, 2**31), names.map(lambda name: b"cur/" + name))


@given(st.lists(st.tuples(st.integers(0, 2**33), places), max_size=40), st.integers(1, 9), st.integers(0, 3))
def test_all_come_once_the_newest_first(letters, size, too_many):
    fresh = [pack_fresh(*letter) for letter in letters]
    order = [place for _, place in sorted(letters, key=lambda letter: pack_fresh(*letter), reverse=True)]
    waiting = Waiting(fresh)
    assert fresh == []
    seen = []
    while taken := waiting.take(size):
        read = max(1, len(taken) - too_many)
        waiting.back(taken[read:])
        seen += taken[:read]
        assert waiting.total - waiting.left == len(seen)
    assert seen == order


def test_more_than_are_kept_together():
    letters = [(number, Place(1, b"new/%d\n" % number)) for number in range(2001)]
    waiting = Waiting([pack_fresh(*letter) for letter in letters])
    assert waiting.take(3000) == [place for _, place in reversed(letters)]
    assert waiting.take(1) == []
