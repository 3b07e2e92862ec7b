"""Conversations in the index: the same whatever order messages come and go in."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mailboxes import miscounted

from misfin.store.index import schema, write
from misfin.store.index.digest import Owner, digest_message
from misfin.store.index.file_place import FilePlace
from misfin.store.index.links import Unsettled, settle
from misfin.store.index.listing import Meaning
from misfin.store.index.threads import LOOK_BACK, REACH
from misfin.store.message.fields import Person
from misfin.store.message.mime import ParsedMessage

DAY = 86400.0


@dataclass(frozen=True)
class Sketch:
    """As much of a message as conversations depend on."""

    name: str = ""
    answers: tuple[str, ...] = ()
    subject: str = ""
    sender: str = "bob@x"
    to: tuple[str, ...] = ("me@x",)
    date: float = 0.0


class Threads:
    """An index in memory that messages are put into and taken out of directly."""

    def __init__(self) -> None:
        self.db = sqlite3.connect(":memory:", isolation_level=None)
        schema.create(self.db)
        self.db.execute(
            "INSERT INTO folders (folder, account, name, path, bin, held) VALUES (1,'me@x','Inbox','',0,0)"
        )
        self.db.execute("INSERT INTO boxes VALUES (1, 1)")
        self.rows: dict[int, list[int]] = {}

    def __del__(self) -> None:
        """With the last reference: Hypothesis makes one for each example."""
        self.db.close()

    def add(self, *numbered: tuple[int, Sketch]) -> None:
        left = Unsettled()
        digests = []
        for number, sketch in numbered:
            message = ParsedMessage(
                Person("", sketch.sender),
                to=tuple(Person("", who) for who in sketch.to),
                subject=sketch.subject,
                date=datetime.fromtimestamp(1e9 + sketch.date, UTC),
                message_id=sketch.name,
                references=sketch.answers,
                text=f"message {number}",
            )
            place = FilePlace(1, b"new/%d" % number)
            digests.append(
                digest_message(message, place, Owner("me@x", "me@x"), Meaning(True, False, ""), 0.0, 0, 0)
            )
        write.add(self.db, digests, left)
        settle(self.db, left)

    def remove(self, *numbers: int) -> None:
        left = Unsettled()
        files = [b"new/%d" % number for number in numbers]
        rows = [
            self.db.execute("SELECT row FROM messages WHERE file = ?", (file,)).fetchone()[0]
            for file in files
        ]
        write.remove(self.db, rows, left)
        settle(self.db, left)

    def partition(self) -> set[frozenset[int]]:
        found: dict[int, set[int]] = {}
        for thread, file in self.db.execute("SELECT thread, file FROM messages"):
            found.setdefault(thread, set()).add(int(file[4:]))
        return {frozenset(group) for group in found.values()}

    def checked(self) -> set[frozenset[int]]:
        assert miscounted(self.db) == []
        stray = self.db.execute(
            "SELECT count(*) FROM tokens WHERE thread NOT IN (SELECT thread FROM threads)"
        )
        assert stray.fetchone()[0] == 0
        return self.partition()


def conversations(*sketches: Sketch) -> set[frozenset[int]]:
    threads = Threads()
    threads.add(*enumerate(sketches))
    return threads.checked()


def together(*groups: tuple[int, ...]) -> set[frozenset[int]]:
    return {frozenset(group) for group in groups}


def test_a_reference_joins():
    assert conversations(Sketch("<a>"), Sketch("<b>", ("<a>",)), Sketch("<c>")) == together((0, 1), (2,))


def test_two_replies_to_a_message_that_never_came_stand_together():
    assert conversations(Sketch("<b>", ("<a>",)), Sketch("<c>", ("<a>",))) == together((0, 1))


def test_a_message_that_answers_two_conversations_makes_one_of_them():
    assert conversations(
        Sketch("<a>"),
        Sketch("<b>"),
        Sketch("<c>", ("<a>",)),
        Sketch("<d>", ("<b>",)),
        Sketch("<e>", ("<c>", "<d>")),
    ) == together((0, 1, 2, 3, 4))


def test_a_message_id_that_repeats_links_and_drops_nothing():
    assert conversations(Sketch("<a>"), Sketch("<a>", date=DAY)) == together((0, 1))


def test_messages_without_any_id_stand_alone():
    assert conversations(Sketch(), Sketch()) == together((0,), (1,))


def test_a_reply_without_references_goes_to_the_message_of_its_subject():
    assert conversations(
        Sketch("<a>", subject="Flowers", sender="me@x", to=("bob@x",)),
        Sketch("<b>", subject="Re: flowers", sender="bob@x", to=("me@x",), date=DAY),
    ) == together((0, 1))


def test_messages_of_one_subject_that_are_no_replies_stay_apart():
    assert conversations(
        Sketch("<a>", subject="Weekly report"), Sketch("<b>", subject="Weekly report", date=7 * DAY)
    ) == together((0,), (1,))


def test_a_reply_goes_to_the_newest_earlier_message_of_its_subject():
    assert conversations(
        Sketch("<a>", subject="Weekly report"),
        Sketch("<b>", subject="Weekly report", date=7 * DAY),
        Sketch("<c>", subject="Re: Weekly report", date=8 * DAY),
        Sketch("<d>", subject="Weekly report", date=14 * DAY),
    ) == together((0,), (1, 2), (3,))


def test_a_reply_does_not_go_back_for_ever():
    assert conversations(
        Sketch("<a>", subject="Hello"), Sketch("<b>", subject="Re: Hello", date=REACH + 1)
    ) == together((0,), (1,))


def test_other_people_with_the_same_subject_are_another_conversation():
    assert conversations(
        Sketch("<a>", subject="Hello", sender="bob@x"),
        Sketch("<b>", subject="Re: Hello", sender="carol@x", date=DAY),
    ) == together((0,), (1,))


def test_a_reply_that_names_its_parent_does_not_follow_its_subject():
    assert conversations(
        Sketch("<a>", subject="Hello"), Sketch("<b>", ("<z>",), subject="Re: Hello", date=DAY)
    ) == together((0,), (1,))


def test_a_late_message_takes_the_replies_that_are_its_own():
    threads = Threads()
    threads.add((0, Sketch("<a>", subject="Report")))
    threads.add((2, Sketch("<c>", subject="Re: Report", date=3 * DAY)))
    assert threads.checked() == together((0, 2))
    threads.add((1, Sketch("<b>", subject="Report", date=2 * DAY)))
    assert threads.checked() == together((0,), (1, 2))


def test_a_conversation_falls_apart_when_what_held_it_together_goes():
    threads = Threads()
    sketches = [Sketch("<a>"), Sketch("<b>"), Sketch("<c>", ("<a>", "<b>"))]
    threads.add(*enumerate(sketches))
    assert threads.checked() == together((0, 1, 2))
    threads.remove(2)
    assert threads.checked() == together((0,), (1,))


def test_everything_called_hello_takes_bounded_work():
    threads = Threads()
    for start in range(0, 600, 100):
        threads.add(
            *(
                (number, Sketch("", subject="Re: hello", sender=f"a{number % 97}@x", date=float(number)))
                for number in range(start, start + 100)
            )
        )
    # Further back than LOOK_BACK messages nobody looks, so the nearest of the same people is out of reach.
    assert len(threads.checked()) == 600
    assert LOOK_BACK < 97


names = st.sampled_from(["", "<a>", "<b>", "<c>", "<d>", "<e>"])
by_reference = st.builds(
    Sketch,
    name=names,
    answers=st.lists(names.filter(bool), max_size=2).map(tuple),
    subject=st.sampled_from(["", "Hello", "Re: Hello"]),
    date=st.sampled_from([0.0, 1.0, DAY]),
)
by_subject = st.builds(
    Sketch,
    subject=st.sampled_from(["Hello", "Re: Hello"]),
    sender=st.sampled_from(["bob@x", "me@x"]),
    to=st.sampled_from([("me@x",), ("bob@x",), ("me@x", "bob@x")]),
    date=st.sampled_from([0.0, 1.0, 2.0, DAY, 40 * DAY, 80 * DAY]),
)
messages = st.lists(by_reference, min_size=1, max_size=9) | st.lists(by_subject, min_size=1, max_size=9)
passing_messages = st.lists(by_reference | by_subject, max_size=3)


@settings(max_examples=250)
@given(messages, st.data())
@example([Sketch("<a>", subject="Re: Hello"), Sketch("", subject="Hello")], None)
def test_any_order_of_coming_and_going_gives_the_same_conversations(sketches, data):
    expected = conversations(*sketches)
    if data is None:
        order, extra, at_once = [1, 0], [], 1
    else:
        order = data.draw(st.permutations(range(len(sketches))))
        extra = data.draw(passing_messages)
        at_once = data.draw(st.sampled_from([1, 1, 2, 20]))
    threads = Threads()
    arrivals = [(number, sketches[number]) for number in order]
    passing = [(100 + number, one) for number, one in enumerate(extra)]
    everything = passing[:1] + arrivals[: len(arrivals) // 2] + passing[1:] + arrivals[len(arrivals) // 2 :]
    for start in range(0, len(everything), at_once):
        threads.add(*everything[start : start + at_once])
    for number, _ in passing:
        threads.remove(number)
    assert threads.checked() == expected


@pytest.mark.parametrize("seconds", [-1e9, 0.0, 4.2e9])
def test_messages_of_one_second_get_rows_one_after_the_other(seconds):
    threads = Threads()
    threads.add(*((number, Sketch(date=seconds)) for number in range(700)))
    threads.add(*((number, Sketch(date=seconds)) for number in range(700, 705)))
    rows = [row for (row,) in threads.db.execute("SELECT row FROM messages ORDER BY row")]
    assert rows == list(range(int(1e9 + seconds), int(1e9 + seconds) + 705))
    assert threads.db.execute("SELECT value FROM facts WHERE name = 'displaced'").fetchone()[0] == 704
