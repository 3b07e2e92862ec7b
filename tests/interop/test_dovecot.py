"""Dovecot serves the Maildir by IMAP while this program has it open: each sees what the other does.

Its ``imap`` process is driven over its standard input by the standard library's ``imaplib``: real IMAP on the
real format, and no server to configure. It refuses to serve root, who therefore is somebody else in a user
namespace.
"""

import imaplib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import mailprograms
import pytest

from misfin.model.address import MisfinAddress
from misfin.model.gemmail import Version
from misfin.store.filing import Action, Filing
from misfin.store.index import MailIndex
from misfin.store.mail.maildir import MailStore
from misfin.store.message.envelope import to_gemmail, wrap
from misfin.store.rows import MessageRow, View

ADA = MisfinAddress("ada", "mail.example", "Ada Example")
NOW = datetime(2026, 11, 19, 14, 2, tzinfo=UTC)
BODY = "# Grüße 台北\n\nHonig für alle.\nbare\rreturn\n"
GEMMAIL = f"bea@hive.test Bea Wörker\n\n2026-11-19T13:00:00Z\n{BODY}".encode()


pytestmark = mailprograms.needs_dovecot


@pytest.fixture
def store(tmp_path) -> MailStore:
    store = MailStore(tmp_path / "mail")
    store.create(ADA.address)
    return store


@pytest.fixture
def index(store, tmp_path) -> Iterator[MailIndex]:
    with MailIndex(tmp_path / "cache" / "index.db", store.root) as index:
        yield index


def dovecot(store: MailStore) -> AbstractContextManager[imaplib.IMAP4_stream]:
    return mailprograms.dovecot(store.root.parent, store.folder(ADA.address).path)


def deliver(store: MailStore, gemmail: bytes = GEMMAIL) -> str:
    data = wrap(gemmail, version=Version.C, account=ADA, now=NOW, verification={"pin": "match"})
    return store.folder(ADA.address).deliver(data).key


def flags(client: imaplib.IMAP4_stream) -> set[str]:
    client.noop()
    client.untagged_responses.clear()  # the news the server told of by itself
    _, lines = client.fetch("1", "(FLAGS)")
    return {flag.decode() for flag in imaplib.ParseFlags(lines[-1])} - {"\\Recent"}


def rows(index: MailIndex, folder: str = "Inbox") -> list[MessageRow]:
    index.scan()
    return index.messages(View(ADA.address, folder), 10)


def test_imap_shows_our_message_with_every_byte(store):
    deliver(store)
    with dovecot(store) as client:
        _, [(_, raw), _] = client.fetch("1", "(RFC822)")
        assert to_gemmail(raw) == GEMMAIL
        _, [(structure)] = client.fetch("1", "(BODYSTRUCTURE)")
        assert b'"text" "gemini"' in structure.lower()
        assert client.search(None, "FROM", "bea@hive.test") == ("OK", [b"1"])
        assert client.search("UTF-8", "SUBJECT", '"Grüße"'.encode()) == ("OK", [b"1"])
        assert client.search("UTF-8", "BODY", '"für alle"'.encode()) == ("OK", [b"1"])


def test_flags_and_keywords_set_by_imap_are_seen_here(store, index):
    deliver(store)
    assert [(row.unread, row.starred) for row in rows(index)] == [(True, False)]
    with dovecot(store) as client:
        client.store("1", "+FLAGS", r"(\Seen \Flagged honey)")
        assert [(row.unread, row.starred, row.tags) for row in rows(index)] == [(False, True, ("honey",))]
        client.store("1", "-FLAGS", r"(\Seen)")
        assert [(row.unread, row.starred, row.tags) for row in rows(index)] == [(True, True, ("honey",))]


def test_flags_and_tags_set_here_are_seen_by_imap(store, index):
    deliver(store)
    filing = Filing(index, store)
    [row] = rows(index)
    with dovecot(store) as client:
        assert flags(client) == set()
        filing.apply(Action.STAR, [row.id])
        filing.apply(Action.TAG, [row.id], "bees")
        assert flags(client) == {"\\Flagged", "bees"}
        filing.apply(Action.READ, [row.id])
        filing.apply(Action.UNTAG, [row.id], "bees")
        assert flags(client) == {"\\Flagged", "\\Seen"}


def test_a_move_by_imap_is_seen_here_with_its_tags(store, index):
    key = deliver(store)
    with dovecot(store) as client:
        client.store("1", "+FLAGS", r"(\Seen honey)")
        rows(index)
        client._simple_command("MOVE", "1", "Archive")
        assert rows(index) == []
        [row] = rows(index, "Archive")
    assert (row.unread, row.tags, row.subject) == (False, ("honey",), "Grüße 台北")
    moved = store.folder(ADA.address, "Archive").find(row.id)
    assert moved is not None
    assert to_gemmail(moved.path.read_bytes()) == GEMMAIL
    assert store.folder(ADA.address).find(key) is None


def test_a_move_here_is_seen_by_imap(store, index):
    deliver(store)
    [row] = rows(index)
    with dovecot(store) as client:
        Filing(index, store).apply(Action.ARCHIVE, [row.id])
        client.noop()
        assert client.search(None, "ALL") == ("OK", [b""])
        assert client.select("Archive") == ("OK", [b"1"])


def test_folders_made_on_either_side_have_the_same_name_on_both(store):
    with dovecot(store) as client:
        client.create("Lists/B&APw-ro")
        store.create(ADA.address, ["台北/Ada & Bea"])
        assert {"Lists/Büro", "台北/Ada & Bea"} <= set(store.folders(ADA.address))
        _, listed = client.list()
        assert b'"/" Lists/B&APw-ro' in b" ".join(filter(None, listed))
        assert client.select('"&U,BTFw-/Ada &- Bea"')[0] == "OK"


def test_a_message_appended_by_imap_is_an_ordinary_mail_here(store, index):
    with dovecot(store) as client:
        message = b"From: zoe@x.test\r\nSubject: appended\r\n\r\nHello\r\n"
        client.append("INBOX", r"(\Seen)", imaplib.Time2Internaldate(NOW.timestamp()), message)
        [row] = rows(index)
    assert (row.subject, row.unread) == ("appended", False)
    assert index.read(row).text == "Hello\n"


def test_an_expunge_by_imap_is_seen_here(store, index):
    deliver(store)
    with dovecot(store) as client:
        assert len(rows(index)) == 1
        client.store("1", "+FLAGS", r"(\Deleted)")
        client.expunge()
        assert rows(index) == []
    assert list(Path(store.folder(ADA.address).path).glob("[cn]*/*")) == []
