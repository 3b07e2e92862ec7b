"""Contacts written by release 0.1, and people of two kinds of address in one book."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from misfin.errors import AddressError, StoreError
from misfin.model.account import AddressKind
from misfin.store.people.contacts import Contact, ContactBook, Encounter

TESTS = next(each for each in Path(__file__).parents if (each / "fixtures").is_dir())
FIXTURE = TESTS / "fixtures" / "sending-0.1" / "contacts.db"
NOW = 1_700_000_000.0
MAIL = AddressKind.MAIL


@pytest.fixture
def old(tmp_path):
    return Path(shutil.copy(FIXTURE, tmp_path / "contacts.db"))


@pytest.fixture
def book(old):
    book = ContactBook(old)
    yield book
    book.close()


def test_what_release_0_1_knew_is_still_known(book):
    people = {contact.address: contact for contact in book.all(now=NOW)}
    assert set(people) == {"bob@hive.test", "cal@x.example", "dan@new.test"}
    assert {contact.kind for contact in people.values()} == {AddressKind.MISFIN}
    bob, cal, dan = (people[name] for name in ("bob@hive.test", "cal@x.example", "dan@new.test"))
    assert (bob.sent, bob.learnt_name, bob.last_sent) == (1, "Bob", NOW)
    assert (cal.received, cal.dead) == (1, "gone")
    assert (dan.own_name, dan.notes, dan.aliases) == ("Dan", "met in May", ("dan@old.test", "dan@older.test"))
    assert book.get("dan@older.test") == dan
    assert [each.address for each in book.complete("da", now=NOW)] == ["dan@new.test"]
    assert book.blocked() == ["@worse.test", "eve@bad.test"]
    assert book.unseen(["1", "2", "3"]) == {"3"}


def test_what_release_0_1_counted_is_not_counted_again(book):
    assert book.learn([Encounter("bob@hive.test", "Bob", True, NOW, "<1@x>")], now=NOW) == 0


def test_one_text_may_be_two_people(book):
    book.save(Contact("bob@hive.test", own_name="Bob by e-mail", kind=MAIL))
    assert book.get("bob@hive.test").name == "Bob"
    assert book.get("bob@hive.test", MAIL).name == "Bob by e-mail"
    assert {each.kind for each in book.complete("bob", now=NOW)} == set(AddressKind)
    assert [each.kind for each in book.complete("bob", now=NOW, kind=MAIL)] == [MAIL]
    book.moved("bob@hive.test", "bob@new.test", MAIL)
    assert book.resolve("bob@hive.test") == "bob@hive.test"
    assert book.resolve("bob@hive.test", MAIL) == "bob@new.test"
    book.delete("bob@new.test", MAIL)
    assert book.get("bob@hive.test") is not None


def test_the_same_message_is_counted_once_for_each_kind(book):
    met = [Encounter("zoe@far.test", "Zoe", False, NOW, "<9@x>", kind) for kind in AddressKind]
    assert book.learn(met, now=NOW) == 2
    assert book.learn(met, now=NOW) == 0
    assert (book.get("zoe@far.test").received, book.get("zoe@far.test", MAIL).received) == (1, 1)


def test_blocking_one_kind_does_not_block_the_other(book):
    book.learn([Encounter("zoe@far.test", "Zoe", False, NOW, "<9@x>", kind) for kind in AddressKind], now=NOW)
    book.block("zoe@far.test", now=NOW, kind=MAIL)
    assert book.get("zoe@far.test", MAIL).blocked
    assert not book.get("zoe@far.test").blocked
    assert [each.kind for each in book.complete("zoe", now=NOW)] == [AddressKind.MISFIN]
    assert "zoe@far.test" not in book.blocked()
    assert book.unblock("zoe@far.test", MAIL)


@pytest.mark.parametrize("text", ["Zoë <zoe@FAR.test>", "mailto:zoe@far.test", " zoe@far.test "])
def test_an_e_mail_address_is_kept_in_one_form(book, text):
    assert book.save(Contact(text, kind=MAIL)).address == "zoe@far.test"


@pytest.mark.parametrize(
    "text", ["misfin:zoe@far.test", "zoe", "zoe@", "a b@far.test", "zoe@far.test, x@y.test"]
)
def test_what_is_no_e_mail_address_is_refused(book, text):
    with pytest.raises(AddressError):
        book.save(Contact(text, kind=MAIL))


def test_a_book_of_a_later_version_is_left_alone(old):
    with closing(sqlite3.connect(old)) as database, database:
        database.execute("PRAGMA user_version = 77")
    database.close()
    before = old.read_bytes()
    with pytest.raises(StoreError, match="newer version"):
        ContactBook(old)
    assert old.read_bytes() == before
