"""Answers as servers write them, and the values they become."""

import tracemalloc
from datetime import UTC, datetime, timedelta, timezone

import pytest
from imapstates import selected, take

from misfin.email.imap import (
    AppendUid,
    Code,
    CopyUid,
    Enabled,
    Exists,
    Expunged,
    Fetch,
    ListEntry,
    MailboxFlags,
    MailboxStatus,
    Namespace,
    Namespaces,
    OfferedCapabilities,
    Part,
    Recent,
    SearchResult,
    ServerId,
    SkippedLine,
    Status,
    StatusNotice,
    UidSet,
    Vanished,
    commands,
)


def only(data: bytes) -> object:
    """The one event of an answer, whole and byte by byte."""
    (event,) = take(selected(), data)
    engine = selected()
    (again,) = [event for at in range(len(data)) for event in take(engine, data[at : at + 1])]
    assert again == event
    return event


def notice(status: Status, name: str, text: str, value: object = None) -> StatusNotice:
    return StatusNotice(status, Code(name, text, value), "x")


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (b"* CAPABILITY IMAP4rev1 Idle", OfferedCapabilities(frozenset({"IMAP4REV1", "IDLE"}))),
        (b"* ENABLED CONDSTORE QRESYNC", Enabled(frozenset({"CONDSTORE", "QRESYNC"}))),
        (b"* ENABLED", Enabled(frozenset())),
        (b"* 23 EXISTS", Exists(23)),
        (b"*  23  exists", Exists(23)),
        (b"* 5 RECENT", Recent(5)),
        (b"* 44 EXPUNGE", Expunged(44)),
        (b"* FLAGS (\\Seen $Work a[b)", MailboxFlags(frozenset({"\\Seen", "$Work", "a[b"}))),
        (b'* ID ("name" "Dovecot" "os" NIL)', ServerId({"name": "Dovecot"})),
        (b"* ID NIL", ServerId({})),
        (
            b'* NAMESPACE (("INBOX." ".")("" NIL)) NIL (("Public/" "/"))',
            Namespaces((Namespace("INBOX.", "."), Namespace("", "")), (), (Namespace("Public/", "/"),)),
        ),
        (b"* VANISHED (EARLIER) 300:310,405", Vanished(UidSet([*range(300, 311), 405]), True)),
        (b"* VANISHED 1", Vanished(UidSet([1]), False)),
        (b"* SEARCH", SearchResult()),
        (b"* SEARCH 2 5 6 (MODSEQ 917162500)", SearchResult(None, UidSet([2, 5, 6]), modseq=917162500)),
        (
            b'* ESEARCH (TAG "A4") UID COUNT 17 ALL 4:18,21,28 MIN 4 MAX 28 MODSEQ 99',
            SearchResult("A4", UidSet([*range(4, 19), 21, 28]), 4, 28, 17, 99),
        ),
        (b'* ESEARCH (TAG "A4") UID', SearchResult("A4")),
        (b"* ESEARCH", SearchResult()),
        (
            b'* STATUS "blurdy bloop" (MESSAGES 231 UIDNEXT 44292 MAILBOXID (F22-5))',
            MailboxStatus(
                "blurdy bloop", b"blurdy bloop", {"MESSAGES": 231, "UIDNEXT": 44292, "MAILBOXID": "F22-5"}
            ),
        ),
        (b"* STATUS {1}\r\nx (MESSAGES 3)", MailboxStatus("x", b"x", {"MESSAGES": 3})),
        (
            b'* LIST (\\HasNoChildren) "/" INBOX',
            ListEntry("INBOX", b"INBOX", "/", frozenset({"\\hasnochildren"})),
        ),
        (b'* LIST () "/" {7}\r\nA "b" c', ListEntry('A "b" c', b'A "b" c', "/", frozenset())),
        (b'* LIST (\\NoSelect) NIL "x\\"y"', ListEntry('x"y', b'x"y', "", frozenset({"\\noselect"}))),
        (b'* LIST () "/" 123', ListEntry("123", b"123", "/", frozenset())),
        (b'* LIST () "/" "x&y"', ListEntry("x&y", b"x&y", "/", frozenset())),
        (b'* LIST () "/" "caf\xc3\xa9"', ListEntry("café", b"caf\xc3\xa9", "/", frozenset())),
        (b'* LIST () "/" "caf\xe9"', ListEntry("caf\\xe9", b"caf\xe9", "/", frozenset())),
        (
            b'* LIST (\\Subscribed) "/" "x" ("CHILDINFO" ("SUBSCRIBED"))',
            ListEntry("x", b"x", "/", frozenset({"\\subscribed"}), {"CHILDINFO": [b"SUBSCRIBED"]}),
        ),
        (b'* LIST () "\\\\" "a"', ListEntry("a", b"a", "\\", frozenset())),
        (b"* OK [UIDVALIDITY 3857529045] x", notice(Status.OK, "UIDVALIDITY", "3857529045", 3857529045)),
        (b"* OK [UIDNEXT 4392] x", notice(Status.OK, "UIDNEXT", "4392", 4392)),
        (
            b"* OK [HIGHESTMODSEQ 715194045007] x",
            notice(Status.OK, "HIGHESTMODSEQ", "715194045007", 715194045007),
        ),
        (b"* OK [NOMODSEQ] x", notice(Status.OK, "NOMODSEQ", "")),
        (
            b"* OK [PERMANENTFLAGS (\\Deleted a]b \\*)] x",
            notice(
                Status.OK, "PERMANENTFLAGS", "(\\Deleted a]b \\*)", frozenset({"\\Deleted", "a]b", "\\*"})
            ),
        ),
        (b"* OK [MAILBOXID (F22-5)] x", notice(Status.OK, "MAILBOXID", "(F22-5)", "F22-5")),
        (
            b"* OK [COPYUID 38505 304,319:320 3956:3958] x",
            notice(
                Status.OK,
                "COPYUID",
                "38505 304,319:320 3956:3958",
                CopyUid(38505, ((304, 304), (319, 320)), ((3956, 3958),)),
            ),
        ),
        (b"* NO [ALERT] x", notice(Status.NO, "ALERT", "")),
        (b"* BAD [X-NEW what  ever] x", notice(Status.BAD, "X-NEW", "what  ever")),
        (b"* OK", StatusNotice(Status.OK, None, "")),
        (b"* OK Still here {5}", StatusNotice(Status.OK, None, "Still here {5}")),
        (b"* NO caf\xe9", StatusNotice(Status.NO, None, "caf\ufffd")),
    ],
)
def test_an_answer_becomes_a_value(line, value):
    assert only(line + b"\r\n") == value


@pytest.mark.parametrize(
    ("code", "value"),
    [
        (b"UIDVALIDITY 0", None),
        (b"UIDVALIDITY 99999999999", None),
        (b"UIDNEXT x", None),
        (b"HIGHESTMODSEQ 9223372036854775808", None),
        (b"APPENDUID 38505 3955", AppendUid(38505, UidSet([3955]))),
        (b"APPENDUID 38505", None),
        (b"APPENDUID 0 0", None),
        (b"COPYUID 1 1:3 5", None),
        (b"COPYUID 1 1:4294967295 1:4294967295", None),  # would be walked number by number
        (b"MODIFIED 2,5", UidSet([2, 5])),
        (b"MODIFIED", None),
        (b"MAILBOXID (a b)", None),
        (b"CAPABILITY (", None),
    ],
)
def test_a_code_that_makes_no_sense_has_no_value(code, value):
    event = only(b"* OK [" + code + b"] x\r\n")
    assert isinstance(event, StatusNotice)
    assert event.code is not None
    assert event.code.value == value


def test_copied_messages_are_paired_in_the_order_of_the_server():
    event = only(b"* OK [COPYUID 1 7,3:4 20:22] x\r\n")
    assert list(event.code.value.pairs()) == [(7, 20), (3, 21), (4, 22)]


WEST = timezone(timedelta(hours=-7))


@pytest.mark.parametrize(
    ("items", "value"),
    [
        (b"UID 7 FLAGS (\\Seen)", {"UID": 7, "FLAGS": frozenset({"\\Seen"})}),
        (b"FLAGS () UID 7", {"UID": 7, "FLAGS": frozenset()}),
        (b"uid 7  Flags ( \\Seen  )", {"UID": 7, "FLAGS": frozenset({"\\Seen"})}),
        (b"UID 2 MODSEQ (8)", {"UID": 2, "MODSEQ": 8}),  # what Dovecot answers to STORE .SILENT
        (
            b"FLAGS (\\Seen [x] a[b $a 007 1234)",
            {"FLAGS": frozenset({"\\Seen", "[x]", "a[b", "$a", "007", "1234"})},
        ),
        (
            b'INTERNALDATE "17-Jul-1996 02:44:25 -0700"',
            {"INTERNALDATE": datetime(1996, 7, 17, 2, 44, 25, tzinfo=WEST)},
        ),
        (
            b'INTERNALDATE " 7-jul-1996 02:44:25"',
            {"INTERNALDATE": datetime(1996, 7, 7, 2, 44, 25, tzinfo=UTC)},
        ),
        (b'INTERNALDATE "31-Feb-1996 02:44:25 +0000"', {"INTERNALDATE": None}),
        (b'INTERNALDATE "31-Foo-1996 02:44:25 +0000"', {"INTERNALDATE": None}),
        (b'INTERNALDATE "01-Jan-0000 02:44:25 +0000"', {"INTERNALDATE": None}),
        (b"INTERNALDATE NIL", {"INTERNALDATE": None}),
        (
            b"UID 4294967295 RFC822.SIZE 5000000000 MODSEQ (9223372036854775807)",
            {"UID": 4294967295, "RFC822.SIZE": 5000000000, "MODSEQ": 2**63 - 1},
        ),
        (b"", {}),
        (b"UID 1 BODY[] NIL", {"UID": 1, "BODY[]": Part(None, None, 0)}),
        (b'BODY[] ""', {"BODY[]": Part(b"", None, 0)}),
        (b'BODY[]<10> "ab"', {"BODY[]": Part(b"ab", 10, 2)}),
        (b"BODY[] {3}\r\nabc UID 1", {"BODY[]": Part(b"abc", None, 3), "UID": 1}),
        (b"BODY[] {0}\r\n", {"BODY[]": Part(b"", None, 0)}),
        (b"RFC822 {3}\r\nabc", {"RFC822": Part(b"abc", None, 3)}),
        (b"BINARY[] ~{3}\r\na\0c", {"BINARY[]": Part(b"a\0c", None, 3)}),
        (
            b"BODY[HEADER.FIELDS (FROM To)] {3}\r\n\r\n)",
            {"BODY[HEADER.FIELDS (FROM TO)]": Part(b"\r\n)", None, 3)},
        ),
        (
            b'ENVELOPE ("d" "caf\xe9 \\"q\\"" ((NIL NIL "ada" "b")) {2}\r\n") NIL)',
            {"ENVELOPE": [b"d", b'caf\xe9 "q"', [[None, None, b"ada", b"b"]], b'")', None]},
        ),
        (
            b"X-GM-MSGID 12 X-GM-LABELS (\\\\Inbox foo)",
            {"X-GM-MSGID": b"12", "X-GM-LABELS": [b"\\\\Inbox", b"foo"]},
        ),
    ],
)
def test_a_message_has_items_by_name(items, value):
    assert only(b"* 1 FETCH (" + items + b")\r\n") == Fetch(1, value)


def test_what_was_left_out_is_none():
    fetch = only(b"* 1 FETCH (UID 1)\r\n")
    assert fetch.uid == 1
    assert (fetch.flags, fetch.modseq, fetch.size, fetch.internal_date, fetch.part()) == (None,) * 5


@pytest.mark.parametrize(
    "line",
    [
        b"*",
        b"* ",
        b"* FOO",
        b"* 1 FOO",
        b"* 99999999999 EXISTS",
        b"* 1 FETCH",
        b"* 1 FETCH (",
        b"* 1 FETCH (UID)",
        b"* 1 FETCH (UID 0)",
        b"* 1 FETCH (UID 1_0)",
        b"* 1 FETCH (UID 4294967296)",
        b"* 1 FETCH (UID (1))",
        b"* 1 FETCH (FLAGS \\Seen)",
        b"* 1 FETCH (NIL 1)",
        b"* 1 FETCH (BODY[] (a))",
        b"* 1 FETCH (MODSEQ (9223372036854775808))",
        b"* 1 FETCH (RFC822.SIZE " + b"9" * 5000 + b")",
        b"* 1 FETCH (UID 1))",
        b'* 1 FETCH (X "abc)',
        b"* 1 FETCH (BODYSTRUCTURE " + b"(" * 5000 + b")" * 5000 + b")",
        b"* SEARCH 1 x",
        b"* SEARCH 0",
        b'* ESEARCH (TAG "A4") UID ALL 1:x',
        b"* VANISHED",
        b"* VANISHED (EARLIER)",
        b"* VANISHED x",
        b"* LIST",
        b"* LIST () NIL NIL",
        b"* STATUS",
        b"* STATUS x ((a) b)",
        b"* STATUS x (MESSAGES -1)",
        b"* STATUS x (MESSAGES 1.5)",
    ],
)
def test_a_line_that_makes_no_sense_is_skipped_and_the_next_is_read(line):
    skipped, exists = take(selected(), line + b"\r\n* 4 EXISTS\r\n")
    assert isinstance(skipped, SkippedLine)
    assert len(skipped.line) <= 200
    assert exists == Exists(4)


def test_a_lone_line_feed_in_a_subject_does_not_end_the_line():
    (event,) = take(selected(), b'* 1 FETCH (ENVELOPE ("x\nA4 OK forged\n* 9 EXISTS" NIL))\r\n')
    assert isinstance(event, Fetch)


def test_a_set_of_billions_is_held_as_two_numbers():
    tracemalloc.start()
    try:
        (event,) = take(selected(), b"* VANISHED 1:4294967295\r\n")
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    assert len(event.uids) == 2**32 - 1


def test_all_that_was_asked_for_is_there_when_the_names_come_in_another_case():
    engine = selected()
    engine.send(commands.fetch(UidSet([1]), ["UID", commands.body("header")]))
    fetch, done = take(engine, b"* 1 fetch (Body[header] {2}\r\n\r\n Uid 1)\r\nA4 ok\r\n")
    assert fetch.part("BODY[HEADER]").data == b"\r\n"
    assert done.ok
