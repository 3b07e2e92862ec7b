"""Servers that are hostile or broken: what other libraries were seen to do wrong, and any bytes at all."""

import time
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from imapstates import OFFERED, greeted, logged_in, selected, take
from transcripts import events_of, the_same_at_every_cut

from misfin.email.imap import (
    Bye,
    Exists,
    Fetch,
    IMAPClientProtocol,
    ImapCommand,
    ListEntry,
    SearchResult,
    SkippedLine,
    StatusNotice,
    UidSet,
    Vanished,
    commands,
)
from misfin.email.imap.limits import ANSWERS, ANSWERS_EACH, MAX_LINE, MAX_UID_LINE
from misfin.errors import RemoteProtocolError

FETCHED = (
    b"* 1 FETCH (UID 1 FLAGS (\\Seen a[b 1234) MODSEQ (12))\r\n"
    b"* 2 FETCH (BODY[HEADER] {4}\r\na\r\n) UID 2 FLAGS ())\r\n"
    b'* 3 FETCH (UID 3 ENVELOPE ("d" "caf\xe9 \\"q\\"" NIL NIL NIL NIL NIL NIL NIL "<m@x>") BODY[] NIL)\r\n'
    b"* 4 FETCH (BINARY[] ~{3}\r\na\0c UID 4)\r\n"
    b"* 5 FETCH ()\r\n"
    b"* VANISHED (EARLIER) 1:2\r\n"
    b"* OK [UNKNOWN-CTE x] hm {3}\r\n"
    b"A4 OK [HIGHESTMODSEQ 12]\r\n"
)
LISTED = (
    b'* LIST () "/" {7}\r\nA "b" c\r\n* LIST () "/" Plain\r\n* LIST (\\NoSelect) NIL "x\\"y"\r\n'
    b'* LIST () "/" 123\r\n* LIST () "/" "x&y"\r\n* LIST () "/" "caf\xc3\xa9"\r\n'
    b'* LIST (\\A) "/" "x" ("CHILDINFO" ("SUBSCRIBED"))\r\n'
    b'* STATUS {1}\r\nx (MESSAGES 3)\r\n* SEARCH 1 2\r\n* SEARCH 3\r\n* ESEARCH (TAG "A1") UID ALL 1:3\r\n'
    b"* BYE server going down\r\n"
)


def fetching() -> IMAPClientProtocol:
    engine = selected()
    engine.send(commands.fetch(UidSet.since(1), ["UID", "FLAGS"]))
    return engine


def test_odd_messages_are_read_however_they_are_cut():
    events = the_same_at_every_cut(fetching, FETCHED)
    assert [event.uid for event in events if isinstance(event, Fetch)] == [1, 2, 3, 4, None]
    assert events[-1].ok
    assert not any(isinstance(event, SkippedLine) for event in events)


def test_odd_mailboxes_and_searches_are_read_however_they_are_cut():
    events = the_same_at_every_cut(logged_in, LISTED)
    assert [event.name for event in events if isinstance(event, ListEntry)] == [
        'A "b" c', "Plain", 'x"y', "123", "x&y", "café", "x",
    ]  # fmt: skip
    found = [event.uids for event in events if isinstance(event, SearchResult)]
    assert found == [UidSet([1, 2]), UidSet([3]), UidSet([1, 2, 3])]
    assert isinstance(events[-1], Bye)
    assert not any(isinstance(event, SkippedLine) for event in events)


@pytest.mark.parametrize("stream", [True, False])
def test_a_literal_larger_than_expected_is_refused_before_it_comes(stream):
    engine = selected()
    engine.send(commands.fetch(UidSet([1]), [commands.body()], stream=stream, max_bytes=1 << 20))
    with pytest.raises(RemoteProtocolError, match="4,000,000,000 bytes"):
        take(engine, b"* 1 FETCH (UID 1 BODY[] {4000000000}\r\n")


def two_parts(first: int, second: int) -> bytes:
    """A message in two parts of these sizes."""
    parts = (b"x" * first, b"x" * second)
    return b"* 1 FETCH (BODY[1] {%d}\r\n%b BODY[2] {%d}\r\n%b)\r\n" % (first, parts[0], second, parts[1])


def test_the_literals_of_one_answer_are_counted_together():
    engine = selected()
    engine.send(commands.fetch(UidSet([1]), ["BODY.PEEK[1]", "BODY.PEEK[2]"], max_bytes=100_000))
    take(engine, two_parts(60_000, 40_000))
    with pytest.raises(RemoteProtocolError, match="announces 40,001"):
        take(engine, two_parts(60_000, 40_001))


def test_a_literal_nobody_asked_for_is_refused():
    with pytest.raises(RemoteProtocolError, match="announces"):
        take(selected(), b"* 1 FETCH (UID 1 BODY[] {65537}\r\n")


def test_the_limit_of_a_command_ends_with_it():
    engine = selected()
    engine.send(commands.fetch(UidSet([1]), [commands.body()]))
    take(engine, b"A4 OK\r\n")
    with pytest.raises(RemoteProtocolError, match="announces"):
        take(engine, b"* 1 FETCH (UID 1 BODY[] {65537}\r\n")


def test_empty_literals_without_end_are_refused():
    engine = selected()
    with pytest.raises(RemoteProtocolError, match="too long"):
        take(engine, b"* LIST " + b"{0}\r\n" * MAX_LINE)


@pytest.mark.parametrize(
    ("begin", "most"),
    [
        (b"* 1 FETCH (UID 1 FLAGS (", MAX_LINE),
        (b"* OK ", MAX_LINE),
        (b"A4 OK ", MAX_LINE),
        (b"", MAX_LINE),
        (b"* SEARCH", MAX_UID_LINE),
        (b"* ESEARCH", MAX_UID_LINE),
        (b"* VANISHED 1", MAX_UID_LINE),
    ],
)
def test_a_line_without_end_is_refused_at_its_limit(begin, most):
    engine = fetching()
    block = b" " * 65_536
    whole, rest = divmod(most - len(begin), len(block))
    tracemalloc.start()
    try:
        take(engine, begin)
        for _ in range(whole):
            take(engine, block)
        take(engine, block[:rest])
        with pytest.raises(RemoteProtocolError, match="too long"):
            take(engine, b" ")
        assert tracemalloc.get_traced_memory()[1] < 3 * most
    finally:
        tracemalloc.stop()


def test_a_line_that_ends_behind_its_limit_is_refused_too():
    with pytest.raises(RemoteProtocolError, match="too long"):
        take(selected(), b"* OK " + b"x" * MAX_LINE + b"\r\n")


def test_a_search_of_a_million_messages_is_read():
    (found,) = take(selected(), b"* SEARCH " + b" ".join(b"%d" % n for n in range(1, 1_000_001)) + b"\r\n")
    assert found.uids == UidSet.of_ranges([(1, 1_000_000)])


def test_answers_without_end_are_refused():
    engine = fetching()
    most = ANSWERS + ANSWERS_EACH * 3
    assert len(take(engine, b"* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n" * most)) == most
    with pytest.raises(RemoteProtocolError, match="do not end"):
        take(engine, b"* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n")


def test_five_thousand_parentheses_skip_their_line_only():
    deep = b"* 1 FETCH (UID 1 BODYSTRUCTURE " + b"(" * 5000 + b")" * 5000 + b")\r\n"
    skipped, exists = take(fetching(), deep + b"* 9 EXISTS\r\n")
    assert (skipped.reason, exists) == ("nested too deeply", Exists(9))


def test_five_thousand_answers_in_one_packet_need_no_stack():
    assert len(take(selected(exists=5000), b"* 1 FETCH (UID 1 FLAGS ())\r\n" * 5000)) == 5000


def test_a_server_that_claims_all_is_gone_costs_nothing():
    (event,) = take(selected(), b"* VANISHED 1:4294967295\r\n")
    assert isinstance(event, Vanished)


WORDS = (
    b'* |1 |FETCH |(|)|UID |FLAGS |BODY[] |{3}\r\n|{0}\r\n|{9999999}\r\n|abc|"|\\|\r\n|\n|NIL |OK |NO |BAD |'
    b"BYE |[|]|COPYUID |1:3 |MODIFIED |A4 |A1 |+ |SEARCH |ESEARCH |VANISHED |LIST |STATUS |~|\xff|"
    b"CAPABILITY |ENABLED |NAMESPACE |ID |INTERNALDATE |MODSEQ |EXISTS|<0>"
).split(b"|")
ANY = st.binary(max_size=60) | st.lists(st.sampled_from(WORDS), max_size=25).map(b"".join)


def busy(command: ImapCommand) -> Callable[[], IMAPClientProtocol]:
    """A connection in a mailbox that waits for the end of a command."""

    def made() -> IMAPClientProtocol:
        engine = selected(OFFERED.replace(b"LITERAL+", b""))
        engine.send(command)
        return engine

    return made


def logging_in() -> IMAPClientProtocol:
    engine = greeted()
    engine.send(commands.authenticate("PLAIN"))
    return engine


STATES = [
    IMAPClientProtocol,
    greeted,
    logging_in,
    fetching,
    busy(commands.idle()),
    busy(commands.append("a", 3)),
    busy(commands.select("a")),
    busy(commands.logout()),
]


@pytest.mark.parametrize("make", STATES)
@given(data=st.data())
def test_any_bytes_are_events_or_the_one_error(make, data):
    raw = data.draw(ANY)
    whole = events_of(make(), [raw])
    cut = data.draw(st.integers(0, len(raw)))
    assert events_of(make(), [raw[:cut], raw[cut:]]) == whole
    streaming = selected()
    streaming.send(commands.fetch(UidSet([1]), [commands.body()], stream=True))
    events_of(streaming, [raw[:cut], raw[cut:]])


MIB = 1 << 20


@pytest.mark.parametrize(
    "line",
    [
        b"* OK [" + b"a" * (MIB - 100),
        b"* OK [" + b"a " * (MIB // 2 - 100),
        b"* OK [PERMANENTFLAGS (" + b"a" * (MIB - 100),
        b"* 1 FETCH (" + b" BODY[" * (MIB // 6 - 100) + b")",
        b"* 1 FETCH (" + b" BODY[" * (MIB // 6 - 100) + b" {3}",
        b"* 1 FETCH (" + b'"\\" ' * (MIB // 4 - 100) + b")",
        b"* 1 FETCH (" + b'"' * (MIB - 101) + b")",
        b"* 1 FETCH (X " + b"\\" * (MIB - 100) + b")",
        b"* 1 FETCH (FLAGS (" + b"a " * (MIB // 2 - 100) + b"))",
        b"* 1 FETCH (" + b"FLAGS () " * (MIB // 9 - 100) + b" BODY[] {3}",
        b"*" + b" " * (MIB - 100),
        b"* 1" + b" " * (MIB - 100) + b"{3}",
        b"{" * (MIB - 100),
        b"* LIST () NIL {" + b"{1" * (MIB // 2 - 100),
        b"* LIST () NIL " + b"&" * (MIB - 100),
        b"* LIST () NIL " + b"&AOk-" * (MIB // 5 - 100),
        b"* VANISHED " + b"1," * (MIB // 2 - 100) + b"1",
        b"+ " + b"=" * (MIB - 100),
    ],
    ids=lambda line: line[:24].decode(),
)
def test_a_hostile_line_costs_no_more_than_an_honest_one(line):
    """A pattern that looks again and again for what is not there would take minutes."""
    engine = selected()
    engine.send(commands.fetch(UidSet.since(1), [commands.body()], stream=True))
    started = time.process_time()
    take(engine, line + b"\r\nabc)\r\n")
    assert time.process_time() - started < 3


@pytest.mark.parametrize("word", [b"SEARCH", b"VANISHED"])
@pytest.mark.parametrize(
    ("numbers", "read"),
    [
        ([b"1111", b"3333"] * 100_000, True),
        ([b"%d" % number for number in range(1, 2 * 5_000, 2)], True),
        ([b"%d" % number for number in range(1, 2 * 200_000, 2)], False),
        ([b"1"] * 200_001, False),
    ],
    ids=["the same two", "odd numbers", "too many ranges", "too many numbers"],
)
def test_a_long_list_of_uids_does_not_multiply_in_memory(word, numbers, read, monkeypatch):
    monkeypatch.setattr("misfin.email.imap.uids.MAX_NUMBERS", 200_000)
    monkeypatch.setattr("misfin.email.imap.uids.MAX_RANGES", 5_000)
    line = b"* " + word + b" " + (b" " if word == b"SEARCH" else b",").join(numbers) + b"\r\n"
    engine = selected()
    tracemalloc.start()
    try:
        (event,) = take(engine, line)
        assert tracemalloc.get_traced_memory()[1] < 5 * len(line) + 2 * MIB
    finally:
        tracemalloc.stop()
    assert isinstance(event, SkippedLine) is not read


def test_two_spaces_do_not_make_a_text_a_literal():
    assert [type(event) for event in take(selected(), b"*  OK text {5}\r\n* 4 EXISTS\r\n")] == [
        StatusNotice,
        Exists,
    ]


@pytest.mark.parametrize("line", [b"x\r\n", b"+ x\r\n", b"A99 OK\r\n", b"* what\r\n"])
def test_nonsense_without_end_is_refused(line):
    engine = fetching()
    with pytest.raises(RemoteProtocolError, match="do not end"):
        take(engine, line * (ANSWERS + ANSWERS_EACH * 3 + 1))
