"""Sets of UIDs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.email.imap import UidSet
from misfin.errors import CommandError

UIDS = st.sets(st.integers(1, 2**32 - 1) | st.integers(1, 50), max_size=60)


def test_ranges_are_written_not_numbers():
    assert str(UidSet([5, 1, 2, 3, 9])) == "1:3,5,9"
    assert str(UidSet.since(7)) == "7:*"
    assert str(UidSet()) == ""


@given(UIDS)
def test_what_is_written_is_read_back(uids):
    made = UidSet(uids)
    assert set(made) == uids
    assert len(made) == len(uids)
    if uids and max(uids) < 2**32 - 1:
        assert UidSet.parse(bytes(made)) == made


@given(UIDS, UIDS)
def test_it_is_a_set(one, other):
    united = UidSet(one) | UidSet(other)
    assert set(united) == one | other
    assert all((uid in united) == (uid in one | other) for uid in one | other | {1, 2, 3, 40, 2**32 - 1})


@given(UIDS, st.integers(10, 60))
def test_parts_are_as_short_as_asked_and_lose_nothing(uids, longest):
    parts = list(UidSet(uids).split(longest))
    assert set().union(*parts) == uids
    assert all(len(bytes(part)) <= longest or len(part.ranges) == 1 for part in parts)


def test_a_hundred_thousand_odd_numbers_never_make_a_long_line():
    parts = list(UidSet(range(1, 200_000, 2)).split())
    assert sum(map(len, parts)) == 100_000
    assert max(len(bytes(part)) for part in parts) <= 7_000


def test_billions_cost_nothing():
    everything = UidSet.parse(b"1:4294967295")
    assert len(everything) == 2**32 - 1
    assert 4_000_000_000 in everything
    assert everything.open_ended


def test_a_range_written_backwards_is_the_same():
    assert UidSet.parse(b"9:7,8:12") == UidSet(range(7, 13))


@pytest.mark.parametrize(
    "text", [b"", b"0", b"1,", b"a", b"1:", b":1", b"4294967296", b"1_0", b" 1", b"-1", b"*"]
)
def test_what_is_no_set_is_a_value_error(text):
    with pytest.raises(ValueError):
        UidSet.parse(text)


@pytest.mark.parametrize("uid", [0, -1, 2**32])
def test_what_is_no_uid_cannot_be_asked_for(uid):
    with pytest.raises(CommandError, match="cannot be the UID"):
        UidSet([uid])
