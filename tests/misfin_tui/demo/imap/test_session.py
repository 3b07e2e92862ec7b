"""The server's half of IMAP, by hand and byte for byte: order, limits, and what nobody should send."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.email.imap import IMAPClientProtocol, commands, searching
from misfin.errors import RemoteProtocolError
from misfin_tui.demo.imap.mailboxes import INBOX, Mailboxes, NewHosted
from misfin_tui.demo.imap.reading import MAX_LINE
from misfin_tui.demo.imap.session import ImapSession

FIRST = b"Subject: The boat\r\nFrom: =?utf-8?q?Ren=C3=A9?= <r@x.test>\r\n\r\nWe leave at nine.\r\n"
SECOND = b"Subject: Lamp oil\r\nMessage-ID: <2@x.test>\r\n\r\nZwei Liter \xc3\x96l.\r\n"
DAY = 86_400.0


def new_session(*flags: str) -> ImapSession:
    mailboxes = Mailboxes(None)
    mailboxes.add([NewHosted(INBOX, FIRST, flags, 1000 * DAY), NewHosted(INBOX, SECOND, (), 1001 * DAY)])
    return ImapSession(mailboxes, lambda user, password: (user, password) == ("ada", "secret"))


def say(session: ImapSession, *lines: bytes) -> bytes:
    """What is answered to some lines."""
    said = b""
    for line in lines:
        session.feed(line + b"\r\n")
        while (command := session.take()) is not None:
            said += b"".join(session.answer(command))
        said += session.consents()
    return said


def opened(*flags: str) -> ImapSession:
    session = new_session(*flags)
    say(session, b"a LOGIN ada secret", b"b SELECT INBOX")
    return session


def test_nothing_is_shown_before_a_log_in():
    session = new_session()
    for line in (b'a LIST "" *', b"b SELECT INBOX", b"c UID FETCH 1 FLAGS", b"d IDLE", b"e NONSENSE", b"f"):
        assert b" BAD " in say(session, line)
    assert say(session, b"g LOGIN ada wrong").startswith(b"g NO [AUTHENTICATIONFAILED]")
    assert say(session, b"h LOGIN ada {6}", b"secret").endswith(b"welcome\r\n")
    assert b"UID FETCH" not in say(session, b"i UID FETCH 1 FLAGS")


def test_whoever_guesses_passwords_is_sent_away():
    session = new_session()
    say(session, *[b"a LOGIN ada %d" % number for number in range(3)])
    assert session.over


@pytest.mark.parametrize("at_once", [True, False])
def test_log_in_by_sasl(at_once: bool):
    session, word = new_session(), b64encode(b"\0ada\0secret")
    if at_once:
        said = say(session, b"a AUTHENTICATE PLAIN " + word)
    else:
        assert say(session, b"a AUTHENTICATE PLAIN") == b"+ \r\n"
        said = say(session, word)
    assert said.startswith(b"a OK ")
    assert b" NO " in say(new_session(), b"a AUTHENTICATE PLAIN " + b64encode(b"nonsense"))


def test_folders_are_listed_with_what_they_are_for():
    said = say(
        opened(), b'a LIST "" "*" RETURN (SPECIAL-USE STATUS (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ))'
    )
    assert (
        b'* LIST () "/" "INBOX"\r\n* STATUS "INBOX" (MESSAGES 2 UIDNEXT 3 UIDVALIDITY 1 HIGHESTMODSEQ 3)'
        in said
    )
    assert b'* LIST (\\Sent) "/" "Sent"\r\n' in said
    session = opened()
    assert say(session, b"a CREATE Werft", b"b CREATE Werft").count(b" NO ") == 1
    assert b" OK " in say(session, b"c RENAME Werft Hafen")
    assert b'"Hafen"' in say(session, b'd LIST "" *')
    assert b" NO [NONEXISTENT]" in say(session, b"e SELECT Werft")


def test_messages_are_fetched_by_uid_and_as_they_are():
    session = opened("\\Seen")
    said = say(session, b"a UID FETCH 1:* (RFC822.SIZE FLAGS INTERNALDATE BODY.PEEK[HEADER]<0.8>)")
    assert b"* 1 FETCH (UID 1 RFC822.SIZE %d FLAGS (\\Seen)" % len(FIRST) in said
    assert b"BODY[HEADER]<0> {8}\r\nSubject:)" in said
    assert b"BODY[] {%d}\r\n%b)" % (len(SECOND), SECOND) in say(session, b"b UID FETCH 99:* BODY[]")
    assert b"\\Seen" in say(session, b"c UID FETCH 2 FLAGS"), "BODY without PEEK is reading"
    assert b" BAD " in say(session, b"d UID FETCH 1 SECRETS")


def test_flags_are_stored_and_not_over_a_newer_change():
    session = opened()
    assert b"FLAGS (\\Flagged) MODSEQ (4)" in say(session, b"a UID STORE 1 +FLAGS (\\flagged)")
    assert b"OK [MODIFIED 1]" in say(session, b"b UID STORE 1 (UNCHANGEDSINCE 2) -FLAGS.SILENT (\\Flagged)")
    assert b"\\Flagged" in say(session, b"c UID FETCH 1 FLAGS")
    said = say(session, b"d UID FETCH 1:* (FLAGS) (CHANGEDSINCE 3)")
    assert said.count(b"FETCH (") == 1


def test_moves_say_what_became_of_each_and_deleting_spares_the_others():
    session = opened()
    assert b"[COPYUID 1 1 1]" in say(session, b"a UID MOVE 1,7 Archive")
    assert say(session, b"b UID MOVE 1 Archive") == b"b OK No messages found\r\n"
    assert b"[TRYCREATE]" in say(session, b"c UID COPY 2 Nowhere")
    say(session, b"d UID STORE 2 +FLAGS.SILENT (\\Deleted)")
    assert b"EXPUNGE" not in say(session, b"e UID EXPUNGE 7")
    assert say(session, b"f UID EXPUNGE 2") == b"* 1 EXPUNGE\r\nf OK done\r\n"


def test_uploads_say_their_uid():
    session = opened()
    said = say(session, b'a APPEND Sent (\\Seen) "01-Jan-2020 10:00:00 +0100" {%d}' % len(FIRST))
    assert said == b"+ go on\r\n"
    assert b"[APPENDUID 1 1]" in say(session, FIRST)
    say(session, b"b SELECT Sent")
    assert b'INTERNALDATE "01-Jan-2020 09:00:00 +0000"' in say(session, b"c UID FETCH 1 INTERNALDATE")


@pytest.mark.parametrize(
    ("criteria", "found"),
    [
        ("SUBJECT boat", "1"), ("FROM ren\xe9", "1"), ("NOT SUBJECT boat", "2"),
        ("OR SUBJECT boat SUBJECT oil", "1:2"),
        ("TEXT \xf6l", "2"), ("BODY boat", ""), ("HEADER Message-ID <2@x.test>", "2"),
        ("SINCE 28-Sep-1972", "2"),
        ("BEFORE 28-Sep-1972", "1"), ("UID 2:*", "2"), ("SEEN", "1"), ("UNSEEN", "2"), ("LARGER 5", "1:2"),
        ("(SUBJECT boat SEEN)", "1"), ("KEYWORD x", ""), ("CHARSET UTF-8 ALL", "1:2"),
    ],
)  # fmt: skip
def test_searching(criteria: str, found: str):
    said = say(opened("\\Seen"), b"a UID SEARCH RETURN (ALL) " + criteria.encode())
    assert said.split(b"\r\n")[0] == b'* ESEARCH (TAG "a") UID' + (
        b" ALL " + found.encode() if found else b""
    )


def test_who_waits_is_told():
    session = opened()
    assert say(session, b"a IDLE") == b"+ idling\r\n"
    assert session.idling
    session.mailboxes.add([NewHosted(INBOX, FIRST)])
    session.mailboxes.set_flags(INBOX, 2, ["\\Seen"])
    session.mailboxes.remove(INBOX, [1])
    assert session.news() == (b"* 1 EXPUNGE\r\n* 2 EXISTS\r\n* 1 FETCH (UID 2 FLAGS (\\Seen) MODSEQ (5))\r\n")
    assert session.news() == b""
    assert say(session, b"DONE") == b"a OK done\r\n"
    assert not session.idling


def test_endless_commands_and_literals_are_refused():
    for data in (
        b"x" * (MAX_LINE + 1),
        b"a LOGIN {4000000000}\r\n",
        b"a X {10}\r\n" * 1 + b"y" * (MAX_LINE + 20),
    ):
        session = new_session()
        session.feed(data)
        with pytest.raises(RemoteProtocolError):
            list(iter(session.take, None))


@given(st.lists(st.binary(max_size=60), max_size=8), st.booleans())
def test_anything_is_answered_with_the_tag_or_ends_the_session(lines: list[bytes], inside: bool):
    session = opened() if inside else new_session()
    try:
        say(session, *lines)
        said = say(session, b"zz NOOP", b"zz NOOP", b"zz NOOP")
    except RemoteProtocolError:
        return
    assert b"zz OK done\r\n" in said or session.over or b"{" in b"".join(lines)


@given(st.data())
def test_our_own_client_understands_it_wherever_the_bytes_are_cut(data: st.DataObject):
    session, client = new_session("\\Seen"), IMAPClientProtocol()
    events = []

    def exchange(said: bytes) -> None:
        while said or (said := client.get_outgoing_data()):
            cut = data.draw(st.integers(0, len(said)))
            for piece in (said[:cut], said[cut:]):
                client.feed_bytes(piece)
                events.extend(client.events())
            said = b""
            session.feed(client.get_outgoing_data())
            while (command := session.take()) is not None:
                said += b"".join(session.answer(command))
            said += session.consents()

    exchange(session.greeting())
    for command in (
        commands.login("ada", "secret"),
        commands.select(INBOX, condstore=True),
        commands.search(searching.contains("TEXT", "\xd6l"), returning=["ALL"]),
        commands.logout(),
    ):
        client.send(command)
        said = b""
        session.feed(client.get_outgoing_data())
        while (parts := session.take()) is not None:
            said += b"".join(session.answer(parts))
        exchange(said + session.consents())
    assert [str(event.uids) for event in events if hasattr(event, "uids")] == ["2"]
