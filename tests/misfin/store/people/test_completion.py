"""What the search box offers."""

from __future__ import annotations

import pytest

from misfin.store.people.completion import Vocabulary, complete
from misfin.store.rows import Completion

PEOPLE = [("bob@remote.host", "Bob Jones"), ("bella@hive.test", "Bella")]
WRITTEN_TO = [("bea@hive.test", "Bea"), ("bob@remote.host", "Bob Jones")]


def among(people):
    return lambda begun: [each for each in people if begun in (each[0][: len(begun)], each[1][: len(begun)])]


KNOWN = Vocabulary(
    writers=among(PEOPLE),
    addressees=among(WRITTEN_TO),
    tags=["travel", "work"],
    places=["Archive", "Inbox", "Old things", "me@mail.example", "me@mail.example/Old things"],
)


def offered(text, cursor=None):
    return [each.text for each in complete(text, len(text) if cursor is None else cursor, KNOWN)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fr", ["from:"]),
        ("-fr", ["from:"]),
        ("x (su", ["subject:"]),
        ("b", ["body:", "before:"]),
        ("from:bo", ["bob@remote.host"]),
        ("to:b", ["bea@hive.test", "bob@remote.host", "bella@hive.test"]),
        ('from:"Bob J', ["bob@remote.host"]),
        ('x -from:"Bob J', ["bob@remote.host"]),
        ('"a phrase" from:"Bob J', ["bob@remote.host"]),
        ('"Bob J', []),
        ('from:"Bob Jones" t', ["to:", "tag:"]),
        ("from:(bo", ["bob@remote.host"]),
        ("from:(x OR bo", ["bob@remote.host"]),
        ('from:(x OR "Bob J', ["bob@remote.host"]),
        ("from:(x) bo", ["body:"]),
        ("-(from:bo", ["bob@remote.host"]),
        (")) bo", ["body:"]),
        ("in:me@", ["me@mail.example", '"me@mail.example/Old things"']),
        ("from:", ["bob@remote.host", "bella@hive.test"]),
        ("tag:", ["travel", "work"]),
        ("tag:w", ["work"]),
        ("in:o", ['"Old things"']),
        ('in:"Old', ['"Old things"']),
        ("is:un", ["unread", "unverified"]),
        ("is:unread", []),
        ("has:", ["link", "attachment"]),
        ("after:y", ["yesterday"]),
        ("zebra:x", []),
        ('"is:', []),
    ],
)
def test_offers(text, expected):
    assert offered(text) == expected


def test_an_offer_replaces_the_word_at_the_cursor():
    text = "x from:bo y"
    assert complete(text, 9, KNOWN) == [Completion("bob@remote.host", 7, 9, "Bob Jones")]
    assert complete('from:"Bob J', 11, KNOWN) == [Completion("bob@remote.host", 5, 11, "Bob Jones")]
    assert complete("from:(x OR bo", 13, KNOWN) == [Completion("bob@remote.host", 11, 13, "Bob Jones")]
    assert complete("-ta", 3, KNOWN) == [Completion("tag:", 1, 3, "messages with a tag")]


def test_all_fields_are_offered_for_an_empty_word():
    assert offered("")[:3] == ["from:", "to:", "subject:"]
