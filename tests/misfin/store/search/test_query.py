"""The search language: what it understands, and where it points when it does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.errors import QueryError
from misfin.store.search.query import (
    MAX_LENGTH,
    MAX_TERMS,
    All,
    Any,
    Dated,
    In,
    Not,
    SearchedState,
    Tag,
    Text,
    as_typed,
    parse,
    so_far,
)

NOW = datetime(2026, 11, 20, 15, 30, tzinfo=UTC).timestamp()


def root(text, zone=UTC):
    return parse(text, now=NOW, zone=zone).root


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", All(())),
        ("   ", All(())),
        ("bob", Text("bob")),
        ("bob carol", All((Text("bob"), Text("carol")))),
        ('"green flowers"', Text("green flowers")),
        ("meet*", Text("meet", prefix=True)),
        ('"meet*"', Text("meet*")),
        ("from:bob", Text("bob", "sender")),
        ("FROM:bob", Text("bob", "sender")),
        ("from:bob@remote.host", Text("bob@remote.host", "sender")),
        ('to:"Carol Smith"', Text("Carol Smith", "recipients")),
        ("subject:notes*", Text("notes", "subject", prefix=True)),
        ("body:x", Text("x", "body")),
        ("tag:work", Tag("work")),
        ("in:Archive", In("Archive")),
        ("in:me@mail.example/Sent", In("me@mail.example/Sent")),
        ("tag:BÜRO", Tag("büro")),
        ("tag:bu\u0308ro", Tag("büro")),
        ("is:unread", SearchedState("unread")),
        ("is:Starred", SearchedState("starred")),
        ("is:held", SearchedState("held")),
        ("is:unverified", SearchedState("unverified")),
        ("has:link", SearchedState("link")),
        ("has:attachment", SearchedState("attachment")),
        ("-bob", Not(Text("bob"))),
        ("--bob", Not(Not(Text("bob")))),
        ("-from:bob", Not(Text("bob", "sender"))),
        ("bob OR carol", Any((Text("bob"), Text("carol")))),
        ("a b OR c", Any((All((Text("a"), Text("b"))), Text("c")))),
        ("a (b OR c)", All((Text("a"), Any((Text("b"), Text("c")))))),
        ("-(a b)", Not(All((Text("a"), Text("b"))))),
        ("ORchid or", All((Text("ORchid"), Text("or")))),
        ("a & b", All((Text("a"), Text("b")))),  # signs alone say nothing
        ("()a", Text("a")),
        ("from:(bob)", Text("bob", "sender")),
        ("from:(bob OR carol)", Any((Text("bob", "sender"), Text("carol", "sender")))),
        ('-subject:("a b" -c)', Not(All((Text("a b", "subject"), Not(Text("c", "subject")))))),
        ("in:(Sent OR Archive) a", All((Any((In("Sent"), In("Archive"))), Text("a")))),
        (
            "from:((a OR b) body:c d)",
            All(
                (
                    Any((Text("a", "sender"), Text("b", "sender"))),
                    Text("c", "body"),
                    Text("d", "sender"),
                )
            ),
        ),
        ("subject:(a) b", All((Text("a", "subject"), Text("b")))),
        ("f(x)", Text("f(x)")),
        ("12:30", Text("12:30")),
        ("https://capsule.example/x", Text("https://capsule.example/x")),
        ("misfin:bob@remote.host", Text("misfin:bob@remote.host")),
        ("漢字", Text("漢字")),
    ],
)
def test_what_a_search_means(text, expected):
    assert root(text) == expected


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("form:bob", 0, "Did you mean from"),
        ("x  zebra:bob", 3, "Fields are"),
        ("from:", 5, "needs a value"),
        ("from: bob", 5, "needs a value"),
        ('say "bob', 4, "is not closed"),
        ('from:"bob', 5, "is not closed"),
        ("is:unred", 3, "is:unread"),
        ("has:wings", 4, "link, attachment"),
        ("before:soon", 7, "not a date"),
        ("after:2026-13-01", 6, "not a date"),
        ("after:2026-02-30", 6, "not a date"),
        ("after:0000", 6, "not a date"),
        ("after:999999y", 6, "not a date"),
        ("OR bob", 0, "both sides"),
        ("bob OR", 4, "both sides"),
        ("a OR OR b", 2, "both sides"),
        ("a (b", 2, "is not closed"),
        ("subject:(a", 8, "is not closed"),
        ("is:(unread OR purple)", 14, "not known"),
        ("from:()", 5, "needs a value"),
        ("&", 0, "nothing to search"),
        ("a subject:--", 10, "nothing to search"),
        ("(" * 30 + "a" + ")" * 30, 20, "nested too deeply"),
        ("a " * (MAX_TERMS + 1), 2 * MAX_TERMS, "at most"),
        ("a" * (MAX_LENGTH + 1), MAX_LENGTH, "at most"),
    ],
)
def test_an_error_points_at_its_column(text, column, words):
    with pytest.raises(QueryError) as caught:
        root(text)
    assert caught.value.column == column
    assert words in f"{caught.value} {caught.value.remedy}"


def utc(*date):
    return datetime(*date, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("after:2026-11-20", utc(2026, 11, 20)),
        ("after:2026-1-2", utc(2026, 1, 2)),
        ("after:2026-11", utc(2026, 11, 1)),
        ("after:2026", utc(2026, 1, 1)),
        ("after:today", utc(2026, 11, 20)),
        ("after:Yesterday", utc(2026, 11, 19)),
        ("after:2w", NOW - 14 * 86400),
        ("after:36h", NOW - 36 * 3600),
        ("after:1d", NOW - 86400),
        ("after:9m", utc(2026, 2, 20, 15, 30)),
        ("after:1y", utc(2025, 11, 20, 15, 30)),
        ("after:1970-01-01", 0.0),
        ("after:2100-01-01", utc(2100, 1, 1)),
    ],
)
def test_dates_and_spans(text, at):
    assert root(text) == Dated(at, earlier=False)
    assert root(text.replace("after", "before")) == Dated(at, earlier=True)


def test_a_day_begins_at_midnight_of_the_zone():
    zone = timezone(timedelta(hours=-5))
    assert root("after:2026-11-20", zone) == Dated(utc(2026, 11, 20, 5), earlier=False)
    # At half past three UTC it is still the day before over there.
    early = parse("after:today", now=utc(2026, 11, 20, 3, 30), zone=zone).root
    assert early == Dated(utc(2026, 11, 19, 5), earlier=False)


def test_a_month_back_from_its_last_day_is_the_last_day_of_the_other():
    query = parse("after:1m", now=utc(2026, 3, 31, 12), zone=UTC)
    assert query.root == Dated(utc(2026, 2, 28, 12), earlier=False)


@given(st.text(max_size=60) | st.text(alphabet='ab"()-:* ORfromisunread', max_size=60))
def test_any_text_is_understood_or_points_at_a_column_inside_it(text):
    try:
        query = parse(text, now=NOW, zone=UTC)
    except QueryError as error:
        assert 0 <= error.column <= len(text)
    else:
        assert query.text == text


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("", ""),
        ("me", "me"),
        ("mee", "mee*"),
        ("meeting", "meeting*"),
        ("meeting ", "meeting "),
        ("from:bob", "from:bob*"),
        ("from:be", "from:be*"),
        ("To:b", "To:b*"),
        ("(-subject:b", "(-subject:b*"),
        ("from:-", "from:-"),
        ("this AND", "this AND"),
        ("-from:bob", "-from:bob*"),
        ("(bob OR car", "(bob OR car*"),
        ("meet*", "meet*"),
        ('say "green fl', 'say "green fl"'),
        ('"done"', '"done"'),
        ("tag:wor", "tag:wor"),
        ("is:unread", "is:unread"),
        ("x OR", "x OR"),
    ],
)
def test_the_last_word_stays_open_while_it_is_typed(typed, meant):
    assert as_typed(typed) == meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("", ""),
        ("meet", "meet*"),
        ("subject:", ""),
        ("bob subject:", "bob "),
        ("bob -body: ", "bob "),
        ("bob Subject:", "bob "),
        ("from:bob subject:moss", "from:bob subject:moss*"),
        ("subject: moss", "subject: moss*"),  # a word follows: that is wrong, and is said
        ("bob OR", "bob "),
        ("bob OR from:", "bob "),
        ("bob or", "bob or"),
        ("(bob OR car", "(bob OR car*)"),
        ("(bob OR (car", "(bob OR (car*))"),
        ("(bob OR (", "(bob )"),
        ("(bob OR car)", "(bob OR car)"),
        ("bob(car", "bob(car*"),
        ("from:(bob OR car", "from:(bob OR car*)"),
        ("a from:(", "a "),
        ("from:(bob OR", "from:(bob )"),
        ("after:20", ""),
        ("after:2026", "after:2026"),
        ("after:2026-", ""),
        ("after:2026-11-", ""),
        ("after:x", "after:x"),
        ("after:2w", "after:2w"),
        ("bob -", "bob "),
        ('say "green fl', 'say "green fl"'),
        ('(say "green (fl', '(say "green (fl")'),
        ('subject:"', ""),
        ('bob "', "bob "),
        ('"a subject:', '"a subject:"'),
        ("subjct:", "subjct:"),
        ("is:purple", "is:purple"),
    ],
)
def test_an_end_that_means_nothing_yet_is_waited_for(written, meant):
    assert so_far(written) == meant


@pytest.mark.parametrize(
    "text",
    [
        "moss (from:bob OR subject:kelp) -body:lamp before:2026-11-20",
        '(("green flowers" OR is:unread) tag:x)',
        "moss -subject:(kelp OR (lamp sea)) to:(bob)",
    ],
)
def test_a_search_that_will_make_sense_is_never_wrong_while_it_is_written(text):
    for end in range(len(text) + 1):
        if not text[:end].endswith(("is:u", "is:un", "is:unr", "is:unre", "is:unrea")):  # offered instead
            parse(so_far(text[:end]), now=NOW, zone=UTC)


@given(st.text(max_size=60) | st.text(alphabet='ab"()-:* ORfromisunread', max_size=60))
def test_a_search_being_written_can_be_any_text(text):
    assert len(so_far(text)) <= len(text) * 2 + 2
