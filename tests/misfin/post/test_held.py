"""Held messages: released as approved or as they are, or refused; never lost on the way."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from misfin.errors import MessageGoneError
from misfin.model.address import MisfinAddress
from misfin.model.gemmail import Version
from misfin.post.held import refuse, release
from misfin.store.mail.maildir import MailStore
from misfin.store.message import envelope
from misfin.store.seals import Seals

ADA = "ada@mail.example"
GEMMAIL = b"bea@hive.test Bea\n\n2027-01-15T08:00:00Z\n# Hi\n\nMisfin-Verification: pin=match\n"
WORDS = {"sender": "changed", "certificate": "fail", "certificate-reason": "other; key=1", "pin": "changed"}


@pytest.fixture
def store(tmp_path):
    store = MailStore(tmp_path / "mail")
    store.create(ADA)
    return store


@pytest.fixture
def key(store):
    data = envelope.wrap(
        GEMMAIL,
        version=Version.C,
        account=MisfinAddress.parse(ADA),
        now=datetime.now(UTC),
        verification={**WORDS, "held": "shows another key " * 8},
        received_from="192.0.2.7",
        received_by="mail.example",
    )
    return store.folder(ADA, "Held").deliver(data).key


def only(store, folder):
    (entry,) = store.folder(ADA, folder).list()
    return entry


def test_an_approved_message_is_new_mail_that_is_no_longer_doubted(store, key):
    before = store.folder(ADA, "Held").read(key)
    entry = release(store, ADA, key, approved=True)
    assert store.folder(ADA, "Held").list() == []
    assert only(store, "Inbox") == entry
    assert (entry.key, entry.subdir) == (key, "new")
    after = entry.path.read_bytes()
    assert envelope.read(after).verification == {**WORDS, "sender": "verified", "confirmed": "person"}
    assert envelope.to_gemmail(after) == envelope.to_gemmail(before) == GEMMAIL
    changed = ("misfin-verification", "misfin-seal")
    untouched = {k: v for k, v in envelope.read(before).fields.items() if k not in changed}
    assert {k: v for k, v in envelope.read(after).fields.items() if k not in changed} == untouched
    assert Seals(store.root).is_sealed(after)


def test_a_message_that_only_claims_to_be_held_is_released_as_it_is(store):
    seals = Seals(store.root)
    seals.open()
    forged = envelope.wrap(
        GEMMAIL,
        version=Version.C,
        account=MisfinAddress.parse(ADA),
        now=datetime.now(UTC),
        verification={**WORDS, "held": "x"},
    )
    key = store.folder(ADA, "Held").deliver(forged).key  # another program does
    release(store, ADA, key, approved=True)
    assert only(store, "Inbox").path.read_bytes() == forged
    assert not seals.counts(key.encode(), forged)


def test_a_message_released_without_approval_keeps_its_doubts(store, key):
    before = store.folder(ADA, "Held").read(key)
    release(store, ADA, key, approved=False)
    assert only(store, "Inbox").path.read_bytes() == before


def test_a_refused_message_is_in_the_trash_as_it_came(store, key):
    before = store.folder(ADA, "Held").read(key)
    refuse(store, ADA, key)
    assert only(store, "Trash").path.read_bytes() == before


def test_a_crash_between_the_two_folders_leaves_a_message_that_can_be_released_again(store, key, monkeypatch):
    class Died(BaseException):
        pass

    def die(*_args, **_more):
        raise Died

    monkeypatch.setattr("misfin.store.mail.maildir.Maildir.remove", die)
    with pytest.raises(Died):
        release(store, ADA, key, approved=True)
    monkeypatch.undo()
    assert only(store, "Held").key == only(store, "Inbox").key == key
    release(store, ADA, key, approved=True)
    assert store.folder(ADA, "Held").list() == []
    assert only(store, "Inbox").key == key


def test_a_message_that_is_gone_is_said(store, key):
    refuse(store, ADA, key)
    for approved in (True, False):
        with pytest.raises(MessageGoneError):
            release(store, ADA, key, approved=approved)
    with pytest.raises(MessageGoneError):
        refuse(store, ADA, key)


def test_words_can_be_put_where_there_were_none():
    data = envelope.wrap(
        b"\n\n\nx\n", version=Version.C, account=MisfinAddress.parse(ADA), now=datetime.now(UTC)
    )
    marked = envelope.with_verification(data, {"sender": "approved"})
    assert envelope.read(marked).verification == {"sender": "approved"}
    assert envelope.with_verification(marked, {}) == data
