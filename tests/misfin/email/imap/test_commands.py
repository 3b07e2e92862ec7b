"""Every command as it leaves, and that no argument breaks out of its place."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from imapstates import OFFERED, logged_in, selected, take

from misfin.email.imap import ImapCommand, UidSet, commands, searching
from misfin.email.imap.writer import Pause, Spelling, Upload, write
from misfin.errors import CommandError, LocalProtocolError

UIDS = UidSet([1, 2, 3, 7])
NOON = datetime(2026, 11, 9, 12, 0, 5, tzinfo=timezone(timedelta(hours=-3, minutes=-30)))


def line(command: ImapCommand, **offered: bool) -> bytes:
    """The command as it is written, data included; ⏸ where the server has to agree."""
    steps = write("A1", command.parts, Spelling(**offered))
    marks = {Pause.CONTINUATION: "⏸".encode()}
    return b"".join(
        step if isinstance(step, bytes) else b"<DATA>" if isinstance(step, Upload) else marks[step]
        for step in steps
    )


@pytest.mark.parametrize(
    ("command", "written"),
    [
        (commands.capability(), "CAPABILITY"),
        (commands.noop(), "NOOP"),
        (commands.logout(), "LOGOUT"),
        (commands.identify(), "ID NIL"),
        (commands.identify({"name": "misfin", "version": "1"}), 'ID ("name" "misfin" "version" "1")'),
        (commands.starttls(), "STARTTLS"),
        (commands.login("ada", 'a"b\\c'), 'LOGIN "ada" "a\\"b\\\\c"'),
        (commands.authenticate("PLAIN", "AGE="), "AUTHENTICATE PLAIN"),
        (commands.enable("QRESYNC", "UTF8=ACCEPT"), "ENABLE QRESYNC UTF8=ACCEPT"),
        (commands.namespace(), "NAMESPACE"),
        (commands.list_mailboxes(), 'LIST "" "*"'),
        (commands.list_mailboxes("%", reference="a/"), 'LIST "a/" "%"'),
        (
            commands.list_mailboxes(subscribed=True, special_use=True, status=["MESSAGES", "UIDNEXT"]),
            'LIST (SUBSCRIBED) "" "*" RETURN (SPECIAL-USE STATUS (MESSAGES UIDNEXT))',
        ),
        (commands.status("a b", ["HIGHESTMODSEQ"]), 'STATUS "a b" (HIGHESTMODSEQ)'),
        (commands.create("Sent", special_use="\\Sent"), 'CREATE "Sent" (USE (\\Sent))'),
        (commands.create(b"x&y"), 'CREATE "x&y"'),
        (commands.rename("a", "b"), 'RENAME "a" "b"'),
        (commands.delete("a"), 'DELETE "a"'),
        (commands.subscribe("a"), 'SUBSCRIBE "a"'),
        (commands.subscribe("a", subscribed=False), 'UNSUBSCRIBE "a"'),
        (commands.select("INBOX"), 'SELECT "INBOX"'),
        (commands.select("a", read_only=True, condstore=True), 'EXAMINE "a" (CONDSTORE)'),
        (commands.select("a", qresync=(7, 99)), 'SELECT "a" (QRESYNC (7 99))'),
        (commands.select("a", qresync=(7, 99, UIDS)), 'SELECT "a" (QRESYNC (7 99 1:3,7))'),
        (commands.close(), "CLOSE"),
        (commands.unselect(), "UNSELECT"),
        (commands.fetch(UIDS, ["UID", "FLAGS"]), "UID FETCH 1:3,7 (UID FLAGS)"),
        (commands.fetch(UIDS, [commands.body()]), "UID FETCH 1:3,7 (BODY.PEEK[])"),
        (
            commands.fetch(UIDS, [commands.body("HEADER.FIELDS (Message-ID X_y)", start=0, count=10)]),
            "UID FETCH 1:3,7 (BODY.PEEK[HEADER.FIELDS (Message-ID X_y)]<0.10>)",
        ),
        (
            commands.fetch(UidSet.since(1), ["FLAGS"], changed_since=5, vanished=True),
            "UID FETCH 1:* (FLAGS) (CHANGEDSINCE 5 VANISHED)",
        ),
        (commands.store(UIDS, "+", ["\\Seen", "$Work"]), "UID STORE 1:3,7 +FLAGS.SILENT ($Work \\Seen)"),
        (
            commands.store(UIDS, "=", [], silent=False, unchanged_since=9),
            "UID STORE 1:3,7 (UNCHANGEDSINCE 9) FLAGS ()",
        ),
        (commands.search(), "UID SEARCH ALL"),
        (
            commands.search(
                searching.marked("unseen"),
                searching.neither(searching.within(UIDS)),
                returning=["ALL", "COUNT"],
            ),
            "UID SEARCH RETURN (ALL COUNT) UNSEEN NOT UID 1:3,7",
        ),
        (
            commands.search(searching.header("Message-ID", '<a"b@c>'), searching.larger(5)),
            'UID SEARCH HEADER "Message-ID" "<a\\"b@c>" LARGER 5',
        ),
        (
            commands.search(
                searching.either(searching.contains("FROM", "bo"), searching.sent("SINCE", date(2026, 1, 2))),
                searching.received("BEFORE", date(2026, 12, 31)),
                searching.changed_since(4),
                searching.smaller(8),
                searching.keyword("$Work"),
                searching.gmail("in:all"),
            ),
            'UID SEARCH OR FROM "bo" SENTSINCE 2-Jan-2026 BEFORE 31-Dec-2026 MODSEQ 4 SMALLER 8 '
            'KEYWORD $Work X-GM-RAW "in:all"',
        ),
        (commands.copy(UIDS, "a"), 'UID COPY 1:3,7 "a"'),
        (commands.move(UIDS, "a"), 'UID MOVE 1:3,7 "a"'),
        (commands.expunge(UIDS), "UID EXPUNGE 1:3,7"),
        (commands.idle(), "IDLE"),
        (
            commands.notify(),
            "NOTIFY SET (SELECTED (MessageNew (UID FLAGS) MessageExpunge FlagChange)) "
            "(PERSONAL (MessageNew MessageExpunge FlagChange MailboxName))",
        ),
        (
            commands.notify(selected=["UID"], others=None, first_status=True),
            "NOTIFY SET STATUS (SELECTED (MessageNew (UID) MessageExpunge FlagChange))",
        ),
        (commands.notify_none(), "NOTIFY NONE"),
    ],
)
def test_a_command_is_written(command, written):
    assert line(command) == f"A1 {written}\r\n".encode()


def test_a_search_for_other_than_ascii_says_its_charset():
    found = line(commands.search(searching.contains("SUBJECT", "käse")), literal_plus=True)
    assert found == "A1 UID SEARCH CHARSET UTF-8 SUBJECT {5+}\r\nkäse\r\n".encode()


def test_a_message_is_announced_with_its_flags_and_date():
    command = commands.append("Sent", 5, marked=["\\Seen"], date=NOON)
    assert (
        line(command) == 'A1 APPEND "Sent" (\\Seen) "09-Nov-2026 12:00:05 -0330" {5}\r\n⏸<DATA>\r\n'.encode()
    )
    binary = commands.append("Sent", 5, date=NOON.astimezone(UTC), binary=True)
    assert line(binary, literal_plus=True) == (
        b'A1 APPEND "Sent" () "09-Nov-2026 15:30:05 +0000" ~{5+}\r\n<DATA>\r\n'
    )


@pytest.mark.parametrize(
    ("offered", "size", "unasked"),
    [
        ({}, 5, False),
        ({"literal_minus": True}, 4096, True),
        ({"literal_minus": True}, 4097, False),
        ({"literal_plus": True}, 1 << 20, True),
        ({"literal_plus": True}, (1 << 20) + 1, False),
    ],
)
def test_a_literal_waits_unless_the_server_says_otherwise(offered, size, unasked):
    written = line(commands.append("a", size), **offered)
    assert ("⏸".encode() not in written) is unasked
    assert (b"+}" in written) is unasked


def test_a_long_password_is_a_literal():
    assert (
        line(commands.login("a", "x" * 1025))
        == b'A1 LOGIN "a" {1025}\r\n\xe2\x8f\xb8' + b"x" * 1025 + b"\r\n"
    )


def test_utf8_names_once_enabled():
    assert line(commands.create("Entwürfe"), utf8=True) == 'A1 CREATE "Entwürfe"\r\n'.encode()
    assert line(commands.create(b"caf\xe9"), utf8=True) == b"A1 CREATE {4}\r\n\xe2\x8f\xb8caf\xe9\r\n"


INJECTION = "x\r\nZ1 DELETE INBOX"


@pytest.mark.parametrize(
    "make",
    [
        lambda: commands.login(INJECTION, "a"),
        lambda: commands.login("a", INJECTION),
        lambda: commands.identify({"name": INJECTION}),
        lambda: commands.identify({INJECTION: "a"}),
        lambda: commands.authenticate(INJECTION),
        lambda: commands.authenticate("PLAIN", INJECTION),
        lambda: commands.enable(INJECTION),
        lambda: commands.list_mailboxes(INJECTION),
        lambda: commands.list_mailboxes(reference=INJECTION),
        lambda: commands.list_mailboxes(status=[INJECTION]),
        lambda: commands.status("a", [INJECTION]),
        lambda: commands.status("a", ["MESSAGES) x"]),
        lambda: commands.create("a", special_use=INJECTION),
        lambda: commands.fetch(UIDS, [INJECTION]),
        lambda: commands.fetch(UIDS, [commands.body(INJECTION)]),
        lambda: commands.fetch(UIDS, ["BODY[HEADER.FIELDS (A)] X"]),
        lambda: commands.fetch(UIDS, ["BODY[HEADER.FIELDS ({5})]"]),
        lambda: commands.fetch(UIDS, []),
        lambda: commands.fetch(UIDS, ["FLAGS"], changed_since=-1),
        lambda: commands.fetch(UIDS, ["FLAGS"], vanished=True),
        lambda: commands.store(UIDS, "+", [INJECTION]),
        lambda: commands.store(UIDS, "+", ["a)b"]),
        lambda: commands.store(UIDS, "+", ["a b"]),
        lambda: commands.store(UIDS, "+", [""]),
        lambda: commands.store(UidSet(), "+", ["a"]),
        lambda: commands.search(searching.contains("SUBJECT", INJECTION)),
        lambda: commands.search(searching.contains(INJECTION, "a")),
        lambda: commands.search(searching.header(INJECTION, "a")),
        lambda: commands.search(searching.header("A:B", "a")),
        lambda: commands.search(searching.keyword(INJECTION)),
        lambda: commands.search(searching.marked("ALL) x")),
        lambda: commands.search(searching.gmail(INJECTION)),
        lambda: commands.search(searching.within(UidSet())),
        lambda: commands.search(searching.larger(1 << 32)),
        lambda: commands.search(returning=[INJECTION]),
        lambda: commands.append("a", -1),
        lambda: commands.append("a", 1, marked=[INJECTION]),
        lambda: commands.append("a", 1, date=datetime(2026, 1, 1)),
        lambda: commands.notify(selected=[INJECTION]),
        lambda: commands.notify(others=INJECTION),
        lambda: commands.select("a", qresync=(-1, 1)),
        lambda: commands.select("a", qresync=(1, 1 << 63)),
        lambda: commands.enable(),
        lambda: commands.search(searching.contains("TEXT", "\ud800")),
    ],
)
def test_an_argument_that_does_not_fit_is_refused(make):
    with pytest.raises(CommandError):
        make()


@pytest.mark.parametrize("name", [INJECTION, b"x\r\nZ1 DELETE INBOX", "a\nb", b"a\0b"])
def test_a_name_never_brings_a_second_command(name):
    try:
        written = line(commands.create(name))
    except CommandError:
        return
    assert written.count(b"\r\n") == 1  # modified UTF-7 has a spelling for control characters
    assert b"\n" not in written[:-2]


@given(st.text(), st.text())
def test_a_text_stays_in_its_place(user, password):
    """What stands between the quotes, or the literal, is the text and nothing else."""
    try:
        written = line(commands.login(user, password), literal_plus=True)
    except CommandError:
        assert any(c in "\r\n\0" or "\ud800" <= c <= "\udfff" for c in user + password)
        return
    assert written == b"A1 LOGIN " + spelled(user.encode()) + b" " + spelled(password.encode()) + b"\r\n"


def spelled(data: bytes) -> bytes:
    """By the rules of RFC 3501 §4.3, written down once more."""
    if all(32 <= byte < 127 for byte in data) and len(data) <= 1024:
        return b'"' + data.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    return b"{%d+}\r\n" % len(data) + data


def test_a_password_is_not_shown():
    assert "secret" not in repr(commands.login("ada", "secret"))
    assert "c2VjcmV0" not in repr(commands.authenticate("PLAIN", "c2VjcmV0"))


def test_a_line_longer_than_servers_take_is_refused_before_anything_happens():
    engine = selected()
    before = engine.pending
    with pytest.raises(CommandError, match="at most 8,000"):
        engine.send(commands.copy(UidSet(range(1, 10_000, 2)), "a"))
    assert (engine.pending, engine.get_outgoing_data()) == (before, b"")


@pytest.mark.parametrize(
    ("command", "missing"),
    [
        (commands.idle(), b"IDLE"),
        (commands.namespace(), b"NAMESPACE"),
        (commands.identify(), b"ID"),
        (commands.enable("X"), b"ENABLE QRESYNC"),
        (commands.notify(), b"NOTIFY"),
        (commands.list_mailboxes(status=["MESSAGES"]), b"LIST-STATUS"),
        (commands.list_mailboxes(special_use=True), b"SPECIAL-USE"),
        (commands.list_mailboxes(subscribed=True), b"LIST-EXTENDED"),
        (commands.select("a", condstore=True), b"CONDSTORE QRESYNC"),
        (commands.create("a", special_use="\\Sent"), b"CREATE-SPECIAL-USE"),
        (commands.append("a", 1, binary=True), b"BINARY"),
    ],
)
def test_what_the_server_does_not_offer_is_not_sent(command, missing):
    offered = b" ".join(word for word in OFFERED.split() if word not in missing.split())
    engine = logged_in(offered)
    with pytest.raises(LocalProtocolError, match="does not offer"):
        engine.send(command)
    assert engine.get_outgoing_data() == b""


def test_what_one_capability_includes_is_offered():
    engine = logged_in(b"IMAP4rev2 AUTH=PLAIN")
    assert all(engine.offers(name) for name in ("IDLE", "MOVE", "LITERAL-", "ESEARCH", "UIDPLUS"))
    assert not engine.offers("QRESYNC")


def test_what_has_to_be_enabled_is_not_sent_before():
    engine = logged_in()
    with pytest.raises(LocalProtocolError, match="not enabled"):
        engine.send(commands.select("INBOX", qresync=(1, 2)))
    engine.send(commands.enable("QRESYNC"))
    take(engine, b"* ENABLED CONDSTORE QRESYNC\r\nA2 OK\r\n")
    engine.send(commands.select("INBOX", qresync=(1, 2)))
