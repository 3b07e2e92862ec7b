"""The engine against a real Dovecot, driven by the example of the guide."""

import asyncio
import imaplib
import runpy
import socket
import ssl
from dataclasses import replace
from pathlib import Path

import pytest
from dovecot import PASSWORD, USER, running
from transcripts import events_of

from misfin.email.imap import (
    AppendUid,
    CopyUid,
    Exists,
    Expunged,
    Fetch,
    FetchPiece,
    IMAPClientProtocol,
    ImapState,
    ListEntry,
    MailboxStatus,
    Namespaces,
    SearchResult,
    ServerId,
    SkippedLine,
    StatusNotice,
    UidSet,
    Vanished,
    commands,
    searching,
)
from misfin.email.sasl import LoginAuthenticator, PlainAuthenticator

EXAMPLE = runpy.run_path(str(Path(__file__).parents[4] / "docs/examples/imap_blocking.py"))
Mailbox, open_mailbox, newest, RefusedError = (
    EXAMPLE[name] for name in ("Mailbox", "open_mailbox", "newest", "RefusedError")
)
ODD = [
    b"Subject: one\r\n\r\nplain\r\n",
    b"Subject: two\r\n\r\n" + b"x" * 70_000 + b"\r\n",
    b"Subject: =?utf-8?q?K=C3=A4se?=\r\n\r\ncaf\xe9 \xff .\r\n..\r\n",
]


@pytest.fixture(scope="module")
def server():
    with running() as dovecot:
        dovecot.put(*ODD)
        yield dovecot


def trusted(server):
    return ssl.create_default_context(cafile=server.cert)


@pytest.fixture
def mailbox(server):
    mailbox = open_mailbox("localhost", server.imaps, context=trusted(server))
    mailbox.login(USER, PASSWORD)
    yield mailbox
    mailbox.sock.close()


def of(kind, events):
    return [event for event in events if isinstance(event, kind)]


def test_all_that_is_to_know_about_the_server(mailbox):
    (namespaces,) = of(Namespaces, mailbox.run(commands.namespace()))
    assert namespaces.personal[0].separator == "/"
    (about,) = of(ServerId, mailbox.run(commands.identify({"name": "misfin"})))
    assert about.fields["name"] == "Dovecot"
    events = mailbox.run(commands.list_mailboxes(special_use=True, status=["MESSAGES", "UIDNEXT"]))
    entries = {entry.name: entry for entry in of(ListEntry, events)}
    assert "\\sent" in entries["Sent"].attributes
    assert {status.name for status in of(MailboxStatus, events)} >= {"INBOX", "Sent", "Trash"}
    assert mailbox.engine.offers("QRESYNC")
    mailbox.run(commands.logout())
    assert mailbox.receive() == []
    assert mailbox.engine.state is ImapState.CLOSED


def test_login_over_starttls_and_by_sasl(server):
    for authenticator in (PlainAuthenticator(USER, PASSWORD), LoginAuthenticator(USER, PASSWORD)):
        mailbox = Mailbox(socket.create_connection(("localhost", server.imap)))
        mailbox.starttls(trusted(server), "localhost")
        mailbox.run(commands.capability())
        asyncio.run(mailbox.authenticate(authenticator))
        assert mailbox.engine.state is ImapState.AUTHENTICATED
        assert mailbox.engine.offers("MOVE")
        mailbox.sock.close()


def test_a_wrong_password_is_refused(server):
    mailbox = open_mailbox("localhost", server.imaps, context=trusted(server))
    with pytest.raises(RefusedError):
        mailbox.login(USER, "wrong")
    mailbox.sock.close()


def test_every_byte_of_a_message_comes_joined_in_pieces_and_in_parts(mailbox):
    mailbox.run(commands.select("INBOX", read_only=True))
    assert [subject for _, subject in newest(mailbox)] == ["Käse", "two", "one"]
    fetched = of(
        Fetch, mailbox.run(commands.fetch(UidSet.since(1), ["FLAGS", "RFC822.SIZE", commands.body()]))
    )
    assert [fetch.part().data for fetch in fetched] == ODD
    assert [fetch.size for fetch in fetched] == [len(message) for message in ODD]
    pieces = of(
        FetchPiece, mailbox.run(commands.fetch(UidSet.since(1), ["UID", commands.body()], stream=True))
    )
    for number, message in enumerate(ODD, 1):
        assert b"".join(piece.data for piece in pieces if piece.number == number) == message
    got, start = b"", 0
    while True:
        partial = commands.fetch(UidSet([2]), [commands.body(start=start, count=20_000)])
        (fetch,) = of(Fetch, mailbox.run(partial))
        part = fetch.part()
        assert part.origin == start
        got, start = got + part.data, start + part.size
        if part.size < 20_000:
            break
    assert got == ODD[1]


def test_n_to_the_end_always_has_the_last(mailbox):
    mailbox.run(commands.select("INBOX", read_only=True))
    (fetch,) = of(Fetch, mailbox.run(commands.fetch(UidSet.since(99_999), ["UID"])))
    assert fetch.uid == 3


def test_search_in_both_forms(mailbox):
    mailbox.run(commands.select("INBOX", read_only=True))
    hostile = searching.header("Subject", '") (x\\')
    assert of(SearchResult, mailbox.run(commands.search(hostile)))[0].uids == UidSet()
    for returning in (None, ["ALL", "COUNT"]):
        events = mailbox.run(commands.search(searching.contains("SUBJECT", "käse"), returning=returning))
        (found,) = of(SearchResult, events)
        assert found.uids == UidSet([3])
    assert found.count == 1


def test_a_message_is_uploaded_flagged_copied_moved_and_deleted(mailbox):
    """All the numbers a server gives are the ones that hold afterwards."""
    engine = mailbox.engine
    mailbox.run(commands.enable("QRESYNC"))
    mailbox.run(commands.create("Entwürfe & mehr"))
    mailbox.run(commands.subscribe("Entwürfe & mehr"))
    names = of(ListEntry, mailbox.run(commands.list_mailboxes(subscribed=True)))
    (drafts,) = [entry for entry in names if entry.name == "Entwürfe & mehr"]
    assert drafts.raw == b"Entw&APw-rfe &- mehr"
    message = b"Subject: new\r\n\r\n" + b"bare\rcr, \xff, no final line end" * 50_000
    done = mailbox.run(commands.append(drafts.raw, len(message), marked=["\\Seen", "$Work"]), message)[-1]
    assert isinstance(done.code.value, AppendUid)
    (uid,) = done.code.value.uids
    events = mailbox.run(commands.select(drafts.raw))
    codes = {event.code.name: event.code.value for event in of(StatusNotice, events) if event.code}
    assert codes["UIDVALIDITY"] == done.code.value.validity
    assert of(Exists, events) == [Exists(1)]
    (fetch,) = of(Fetch, mailbox.run(commands.fetch(UidSet([uid]), ["FLAGS", "MODSEQ", commands.body()])))
    assert fetch.part().data == message
    assert fetch.flags >= {"\\Seen", "$Work"}

    modseq = fetch.modseq
    (changed,) = of(
        Fetch, mailbox.run(commands.store(UidSet([uid]), "+", ["\\Flagged"], unchanged_since=modseq))
    )
    assert changed.modseq > modseq
    lost = mailbox.run(commands.store(UidSet([uid]), "-", ["\\Flagged"], unchanged_since=modseq))[-1]
    assert lost.ok
    assert lost.code.value == UidSet([uid])

    copied = mailbox.run(commands.copy(UidSet([uid]), "Sent"))[-1]
    assert isinstance(copied.code.value, CopyUid)
    with pytest.raises(RefusedError):
        mailbox.run(commands.move(UidSet([uid]), "nowhere"))
    events = mailbox.run(commands.move(UidSet([uid]), "Trash"))
    moved = [event.code.value for event in of(StatusNotice, events) if event.code]
    assert [old for old, _ in moved[0].pairs()] == [uid]
    assert of(Vanished, events) == [Vanished(UidSet([uid]), False)]
    assert mailbox.run(commands.move(UidSet([uid]), "Trash"))[-1].ok  # it is gone, and the answer still is OK

    mailbox.run(commands.unselect())
    state = of(
        MailboxStatus, mailbox.run(commands.status("Trash", ["MESSAGES", "UIDVALIDITY", "HIGHESTMODSEQ"]))
    )
    before = state[0].items
    mailbox.run(commands.select("Trash"))
    mailbox.run(commands.store(UidSet.since(1), "+", ["\\Deleted"]))
    mailbox.run(commands.expunge(UidSet.since(1)))
    mailbox.run(commands.unselect())
    known = (before["UIDVALIDITY"], before["HIGHESTMODSEQ"])
    events = mailbox.run(commands.select("Trash", qresync=known))
    assert [event.earlier for event in of(Vanished, events)] == [True]
    events = mailbox.run(commands.fetch(UidSet.since(1), ["FLAGS"], changed_since=known[1], vanished=True))
    assert [event.earlier for event in of(Vanished, events)] == [True]
    mailbox.run(commands.close())
    mailbox.run(commands.rename(drafts.raw, "Alt"))
    mailbox.run(commands.delete("Alt"))
    assert engine.pending == ()


def test_news_come_while_idle_and_by_notify(server, mailbox):
    other = open_mailbox("localhost", server.imaps, context=trusted(server))
    other.login(USER, PASSWORD)
    mailbox.run(commands.select("Sent"))
    before = of(Exists, mailbox.run(commands.noop()))
    assert before == []
    mailbox.engine.send(commands.idle())
    while mailbox.engine.state is not ImapState.IDLE_SELECTED:
        mailbox.receive()
    other.run(commands.append("Sent", 5), b"hello")
    came = []
    while not of(Exists, came):
        came += mailbox.receive(timeout=60)
    mailbox.engine.done()
    while mailbox.engine.pending:
        came += mailbox.receive()
    assert mailbox.idle(0.1) == []

    mailbox.run(commands.notify())
    other.run(commands.append("INBOX", 5), b"hello")
    came = []
    while not of(MailboxStatus, came):
        came += mailbox.receive(timeout=60)
    other.run(commands.create("Neu"))
    while not of(ListEntry, came):
        came += mailbox.receive(timeout=60)
    assert of(ListEntry, came)[0].name == "Neu"
    mailbox.run(commands.notify_none())
    other.sock.close()


def test_without_qresync_expunged_messages_are_named_by_place(mailbox):
    mailbox.run(commands.append("Trash", 5), b"hello")
    mailbox.run(commands.select("Trash"))
    mailbox.run(commands.store(UidSet.since(1), "+", ["\\Deleted"]))
    assert of(Expunged, mailbox.run(commands.expunge(UidSet.since(1)))) == [Expunged(1)]


def test_many_commands_are_answered_each(mailbox):
    mailbox.run(commands.select("INBOX"))
    tags = [mailbox.engine.send(commands.fetch(UidSet([1 + n % 3]), ["UID", "FLAGS"])) for n in range(50)]
    came = []
    while mailbox.engine.pending:
        came += mailbox.receive()
    assert [event.tag for event in came if hasattr(event, "ok")] == tags


class Recorder:
    """A socket that remembers what was read, between the commands that were sent."""

    def __init__(self, sock) -> None:
        self.sock, self.read = sock, []

    def __getattr__(self, name) -> object:
        return getattr(self.sock, name)

    def recv(self, count):
        self.read.append(self.sock.recv(count))
        return self.read[-1]


@pytest.mark.parametrize("size", [1, 7])
def test_a_real_conversation_means_the_same_however_it_is_cut(mailbox, size):
    recorder = mailbox.sock = Recorder(mailbox.sock)
    sent = [
        commands.enable("QRESYNC"),
        commands.list_mailboxes(special_use=True, status=["MESSAGES"]),
        commands.select("INBOX"),
        commands.fetch(
            UidSet([1, 3]), ["FLAGS", "INTERNALDATE", "ENVELOPE", "BODYSTRUCTURE", commands.body()]
        ),
        commands.store(UidSet([1]), "+", ["\\Answered"]),
        commands.search(returning=["ALL", "MIN"]),
        commands.copy(UidSet([1]), "Sent"),
        commands.select("Sent"),
        commands.move(UidSet.since(1), "Trash"),
        commands.unselect(),
        commands.logout(),
    ]
    played, heard = [], []
    for command in sent:
        recorder.read.clear()
        heard.append(mailbox.run(command))
        played.append(b"".join(recorder.read))
    assert not any(isinstance(event, SkippedLine) for events in heard for event in events)

    again = IMAPClientProtocol()
    offered = " ".join(mailbox.engine.capabilities).encode()
    again.feed_bytes(b"* OK hi\r\n")
    list(again.events())
    again.send(commands.login("ada", "x"))
    again.feed_bytes(b"A1 OK [CAPABILITY %b] in\r\n" % offered)
    list(again.events())
    for command, data, events in zip(sent, played, heard, strict=True):
        tag = again.send(command)
        theirs = events[-1].tag
        data = data.replace(theirs.encode(), tag.encode())
        got = events_of(again, [data[at : at + size] for at in range(0, len(data), size)])
        assert [strip(event) for event in got] == [strip(event) for event in events]


def strip(event):
    """An event without the tag of its command, which is another one in another connection."""
    if not hasattr(event, "tag"):
        return event
    return event._replace(tag=None) if isinstance(event, tuple) else replace(event, tag=None)


def test_imaplib_hears_the_same(server, mailbox):
    peer = imaplib.IMAP4_SSL("localhost", server.imaps, ssl_context=trusted(server))
    peer.login(USER, PASSWORD)
    peer.select("INBOX", readonly=True)
    theirs = {
        int(answer[0].split()[2]): answer[1]
        for answer in peer.uid("FETCH", "1:*", "(BODY.PEEK[])")[1]
        if isinstance(answer, tuple)
    }
    sizes = [int(line.split()[4].rstrip(b")")) for line in peer.uid("FETCH", "1:*", "(RFC822.SIZE)")[1]]
    peer.logout()
    mailbox.run(commands.select("INBOX", read_only=True))
    fetched = of(Fetch, mailbox.run(commands.fetch(UidSet.since(1), ["RFC822.SIZE", commands.body()])))
    assert {fetch.uid: fetch.part().data for fetch in fetched} == theirs
    assert [fetch.size for fetch in fetched] == sizes
