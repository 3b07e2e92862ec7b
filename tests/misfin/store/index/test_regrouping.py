"""Conversations split and joined by a person: at once, after a rebuild, and for what arrives later."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mailboxes import NOW, Mailbox, mail

from misfin.store.index import MailIndex, deciding_groups
from misfin.store.index.deciding_groups import take_back
from misfin.store.index.regrouping import NONE, Regrouping, RegroupingFile
from misfin.store.index.threads import token
from misfin.store.rows import View


def message(name: str, *references: str, at: int = 0, subject: str = "") -> bytes:
    above = [f"<{each}@x>" for each in references]
    return mail(subject or name, message_id=f"<{name}@x>", references=above, date=NOW + at)


def of(name: str) -> int:
    return token(f"<{name}@x>")


@pytest.fixture
def box(tmp_path):
    return Mailbox(tmp_path / "mail")


@pytest.fixture
def file(tmp_path):
    return RegroupingFile(tmp_path / "conversations.json")


@pytest.fixture
def index(tmp_path, box, file):
    with MailIndex(tmp_path / "index.db", box.root) as opened:
        opened.regrouping = file.read
        yield opened


def conversations(index) -> set[frozenset[str]]:
    threads = {row.thread for row in index.messages(View(), 999)}
    return {frozenset(row.subject for row in index.thread(thread)) for thread in threads}


def sets(*words: str) -> set[frozenset[str]]:
    return {frozenset(word) for word in words}


def decide(index, file, decided: Regrouping) -> None:
    threads = {row.thread for row in index.messages(View(), 999)}
    deciding_groups.decide(index, file, decided, threads)


def test_a_split_takes_the_replies_along_and_lasts(index, box, file):
    for at, (name, above) in enumerate((("a", ""), ("b", "a"), ("c", "ab"), ("d", "a"))):
        box.put(message(name, *above, at=at))
    index.scan()
    assert conversations(index) == sets("abcd")
    decide(index, file, NONE.with_split(of("b")))
    assert conversations(index) == sets("ad", "bc")
    box.put(message("e", "a", "b", "c", at=9))
    box.put(message("f", "a", "d", at=9))
    index.scan()
    assert conversations(index) == sets("adf", "bce")
    index.build()
    assert conversations(index) == sets("adf", "bce")


def test_a_join_lasts_and_a_split_takes_it_back(index, box, file):
    for name in "abc":
        box.put(message(name))
    index.scan()
    decided = NONE.with_joined(of("b"), of("a")).with_joined(of("c"), of("a"))
    decide(index, file, decided)
    assert conversations(index) == sets("abc")
    box.put(message("d", "b", at=9))
    index.scan()
    assert conversations(index) == sets("abcd")
    index.build()
    assert conversations(index) == sets("abcd")
    decide(index, file, decided.with_split(of("b")))
    assert conversations(index) == sets("ac", "bd")
    index.build()
    assert conversations(index) == sets("ac", "bd")


def test_a_split_reply_is_not_joined_again_by_its_subject(index, box, file):
    box.put(message("a", subject="Plans", at=0))
    box.put(message("b", subject="Re: Plans", at=5))
    index.scan()
    assert conversations(index) == {frozenset({"Plans", "Re: Plans"})}
    decide(index, file, NONE.with_split(of("b")))
    assert len(conversations(index)) == 2
    index.build()
    assert len(conversations(index)) == 2


def test_what_a_message_was_joined_with_may_be_split_off_elsewhere(index, box, file):
    for at, (name, above) in enumerate((("a", ""), ("b", ""), ("e", "b"))):
        box.put(message(name, *above, at=at))
    index.scan()
    decided = NONE.with_joined(of("e"), of("a"))
    decide(index, file, decided)
    decide(index, file, decided.with_split(of("a")))
    assert conversations(index) == sets("abe")
    index.build()
    assert conversations(index) == sets("abe")


@pytest.mark.parametrize("split_first", [True, False])
def test_what_was_said_before_a_split_message_stays_cut_off_from_who_is_joined_with_it(
    index, box, file, split_first
):
    for at, (name, above) in enumerate((("a", ""), ("b", ""), ("c", ""), ("f", "ac"))):
        box.put(message(name, *above, at=at))
    index.scan()
    steps = [
        lambda decided: decided.with_split(of("c")),
        lambda decided: decided.with_joined(of("f"), of("c")),
    ]
    decided = NONE
    for step in steps if split_first else reversed(steps):
        decided = step(decided)
        decide(index, file, decided)
    assert conversations(index) == sets("a", "b", "cf")
    decide(index, file, decided.with_joined(of("a"), of("b")))
    take_back(index, file, [decided.about(of("a"))])
    assert conversations(index) == sets("a", "b", "cf")
    index.build()
    assert conversations(index) == sets("a", "b", "cf")


def test_a_message_can_be_joined_with_several(index, box, file):
    for name in "abc":
        box.put(message(name))
    index.scan()
    decided = NONE.with_joined(of("a"), of("b"))
    decide(index, file, decided)
    decide(index, file, decided.with_joined(of("a"), of("c")))
    assert conversations(index) == sets("abc")
    index.build()
    assert conversations(index) == sets("abc")


def test_a_damaged_or_missing_file_decides_nothing(file, tmp_path):
    assert file.read() == NONE
    for text in ("", "{", "[]", '{"split": ["x"], "joined": []}', '{"split": [], "joined": [1]}'):
        (tmp_path / "conversations.json").write_text(text)
        assert file.read() == NONE
    file.write(NONE.with_split(1).with_joined(2, 3))
    assert RegroupingFile(tmp_path / "conversations.json").read() == Regrouping(frozenset({1}), ((2, 3),))
    assert (tmp_path / "conversations.json").stat().st_mode & 0o777 == 0o600


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_at_once_is_the_same_as_after_a_rebuild(tmp_path_factory, data):
    root = tmp_path_factory.mktemp("regroup")
    box, file = Mailbox(root / "mail"), RegroupingFile(root / "conversations.json")
    names = "abcdef"
    for at, name in enumerate(names):
        above = data.draw(st.lists(st.sampled_from(names[:at]), max_size=3, unique=True)) if at else []
        box.put(message(name, *sorted(above), at=at))
    with MailIndex(root / "index.db", box.root) as index:
        index.regrouping = file.read
        index.scan()
        decided = NONE
        for _ in range(data.draw(st.integers(1, 4))):
            one, other = data.draw(st.lists(st.sampled_from(names), min_size=2, max_size=2, unique=True))
            split = data.draw(st.booleans())
            decided = decided.with_split(of(one)) if split else decided.with_joined(of(one), of(other))
            decide(index, file, decided)
        found = conversations(index)
        index.build()
        assert conversations(index) == found


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_what_is_taken_back_leaves_everything_as_it_was(tmp_path_factory, data):
    root = tmp_path_factory.mktemp("regroup")
    box, file = Mailbox(root / "mail"), RegroupingFile(root / "conversations.json")
    names = "abcdef"
    for at, name in enumerate(names):
        above = data.draw(st.lists(st.sampled_from(names[:at]), max_size=3, unique=True)) if at else []
        subject = data.draw(st.sampled_from(["", "Plans", "Re: Plans"]))
        box.put(message(name, *sorted(above), at=at, subject=f"{subject} " if subject else ""))
    with MailIndex(root / "index.db", box.root) as index:
        index.regrouping = file.read

        def rows() -> set[frozenset[str]]:
            threads = {row.thread for row in index.messages(View(), 999)}
            return {frozenset(row.id for row in index.thread(thread)) for thread in threads}

        index.scan()
        steps = []
        for _ in range(data.draw(st.integers(1, 4))):
            one, other = data.draw(st.lists(st.sampled_from(names), min_size=2, max_size=2, unique=True))
            before, at_first = file.read(), rows()
            decided = before.with_split(of(one))
            if not data.draw(st.booleans()):
                decided = before.with_joined(of(one), of(other))
            decide(index, file, decided)
            steps.append((before.about(of(one)), before, at_first))
        for decision, before, at_first in reversed(steps):
            take_back(index, file, [decision])
            assert file.read().split == before.split
            assert set(file.read().joined) == set(before.joined)
            assert rows() == at_first
        index.build()
        assert rows() == steps[0][2]


def test_taking_back_a_split_counts_what_came_meanwhile(index, box, file):
    for at, (name, above) in enumerate((("a", ""), ("b", "a"), ("c", "ab"))):
        box.put(message(name, *above, at=at))
    index.scan()
    decide(index, file, NONE.with_split(of("b")))
    box.put(message("e", "x", "b", at=9))
    box.put(message("x", at=8))
    index.scan()
    assert conversations(index) == sets("a", "bce", "x")
    take_back(index, file, [NONE.about(of("b"))])
    assert conversations(index) == sets("abcex")
