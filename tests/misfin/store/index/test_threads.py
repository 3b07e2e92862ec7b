"""The rules of conversations, one by one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.store.index.threads import (
    MAX_TOKENS,
    Candidate,
    Groups,
    choose_parent,
    message_tokens,
    pack,
    people_tokens,
    split_subject,
    token,
    unpack,
)


@pytest.mark.parametrize(
    ("subject", "key", "reply"),
    [
        ("Meeting notes", "meeting notes", False),
        ("Re: Meeting  Notes", "meeting notes", True),
        ("RE: re: Meeting notes", "meeting notes", True),
        ("Re[2]: Meeting notes", "meeting notes", True),
        ("Re^3: Meeting notes", "meeting notes", True),
        ("AW: Meeting notes", "meeting notes", True),
        ("Antw: SV: Meeting notes", "meeting notes", True),
        ("Fwd: Meeting notes", "meeting notes", False),
        ("Fw: Re: Meeting notes", "meeting notes", False),
        ("Re: Fwd: Meeting notes", "meeting notes", True),
        ("回复：会议", "会议", True),
        ("Reply needed: soon", "reply needed: soon", False),
        ("Research: results", "research: results", False),
        ("Re:", "", True),
        ("", "", False),
    ],
)
def test_a_subject_is_compared_without_its_prefixes(subject, key, reply):
    assert split_subject(subject) == (key, reply)


def test_many_prefixes_take_linear_time():
    assert split_subject("Re: " * 20_000 + "x") == ("x", True)


def test_a_messages_own_token_comes_first_and_each_comes_once():
    tokens = message_tokens("<a@x>", ["<b@x>", "<a@x>", "<b@x>", "<c@x>"])
    assert tokens == (token("<a@x>"), token("<b@x>"), token("<c@x>"))
    assert message_tokens("", []) == ()


def test_of_too_many_references_the_root_and_the_nearest_are_kept():
    names = [f"<{number}@x>" for number in range(1000)]
    tokens = message_tokens("<own@x>", names)
    assert len(tokens) <= MAX_TOKENS
    assert {token("<own@x>"), token(names[0]), token(names[-1])} <= set(tokens)


@given(st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_packed_tokens_come_back(tokens):
    assert unpack(pack(tokens)) == tuple(tokens)


def test_people_are_compared_without_case():
    assert people_tokens(["Bob@Remote.Host", "bob@remote.host", ""]) == people_tokens(["bob@remote.host"])


def people(*names: str) -> frozenset[int]:
    return people_tokens(f"{name}@x.example" for name in names)


@pytest.mark.parametrize(
    ("reply", "earlier", "expected"),
    [
        (people("me", "bob"), [people("me", "bob")], 0),
        (people("me", "bob"), [people("me", "carol"), people("me", "bob")], 1),
        (people("me", "bob"), [people("me", "bob", "carol")], 0),  # to one out of a circle
        (people("me", "bob", "carol"), [people("me", "bob")], 0),
        (people("me", "bob"), [people("me", "dave")], None),  # only I am in both
        (people("me"), [people("me", "bob"), people("me")], 1),  # a note to oneself
        (people(), [people()], None),
        (people("me", "bob"), [], None),
    ],
)
def test_a_loose_reply_belongs_to_the_newest_earlier_message_of_the_same_people(reply, earlier, expected):
    assert choose_parent(reply, [Candidate(row, who) for row, who in enumerate(earlier)]) == expected


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=30), st.randoms())
def test_groups_are_the_same_in_any_order_of_joining(pairs, random):
    def partition(pairs):
        groups = Groups()
        for one, other in pairs:
            groups.join(one, other)
        found = {}
        for item in range(13):
            found.setdefault(groups.find(item), set()).add(item)
        return {frozenset(group) for group in found.values()}

    shuffled = [pair if random.random() < 0.5 else pair[::-1] for pair in random.sample(pairs, len(pairs))]
    assert partition(pairs) == partition(shuffled)
