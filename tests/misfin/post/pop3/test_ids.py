"""Messages of a drop are known again, whatever ids the server gives them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from misfin.post.pop3.ids import digest_ids, good_ids


def test_usual_ids_are_used_as_they_are():
    assert good_ids({1: b"a-17", 2: b"a-18"}) == {1: "a-17", 2: "a-18"}


def test_empty_repeated_and_long_ids_name_nothing():
    found = good_ids(
        {1: b"", 2: b"x", 3: b"x", 4: b"y" * 71, 5: b"\xe9", 6: b"a", 7: b"b", 8: b"c", 9: b"d", 10: b"e"}
    )
    assert set(found) == {6, 7, 8, 9, 10}


def test_ids_of_which_most_are_bad_are_not_believed_at_all():
    assert good_ids({1: b"0", 2: b"0", 3: b"0", 4: b"other"}) == {}


@given(st.dictionaries(st.integers(1, 50), st.tuples(st.binary(max_size=20), st.integers(0, 5)), max_size=20))
def test_a_digest_names_one_message_and_stays_when_later_ones_come(heads):
    ids = digest_ids(heads)
    assert len(set(ids.values())) == len(heads)
    more = digest_ids({**heads, 99: (b"new", 7)})
    assert {number: more[number] for number in ids} == ids
    assert not any(each in good_ids({1: each.encode()}).values() for each in ids.values())
