"""The contact book: learnt once per message, ranked by who is written to; what was entered is never lost."""

import contextlib
import sqlite3
import threading
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from misfin.errors import AddressError, StoreError
from misfin.model.account import AddressKind
from misfin.store.people.contacts import Contact, ContactBook, Encounter

NOW = 1_800_000_000.0
DAY = 86400.0


def sent(address, message="<1>", name="", when=NOW) -> Encounter:
    return Encounter(address, name, True, when, message)


def received(address, message="<1>", name="", when=NOW) -> Encounter:
    return Encounter(address, name, False, when, message)


@pytest.fixture
def book(tmp_path):
    book = ContactBook(tmp_path / "contacts.db")
    yield book
    book.close()


def names(contacts: list[Contact]) -> list[str]:
    return [contact.address for contact in contacts]


# ---- learning and ranking -------------------------------------------------------------------------


def test_people_are_learnt_from_messages(book):
    assert book.learn([sent("bea@hive.test"), received("BEA@Hive.Test.", "<2>", "Bea Worker")]) == 2
    bea = book.get("bea@hive.test")
    assert bea is not None
    assert (bea.name, bea.sent, bea.received, bea.kept) == ("", 1, 0, False)
    other = book.get("BEA@hive.test")  # a mailbox keeps its case
    assert other is not None
    assert (other.name, other.received) == ("Bea Worker", 1)


def test_a_message_shown_again_is_not_counted_again(book):
    messages = [sent("bea@hive.test"), received("bea@hive.test"), received("bea@hive.test", "<2>")]
    assert book.learn(messages) == 3
    assert book.learn(reversed(messages)) == 0
    bea = book.get("bea@hive.test")
    assert bea is not None
    assert (bea.sent, bea.received) == (1, 2)


def test_the_newest_message_gives_the_name_whatever_the_order(book):
    book.learn([received("b@x.test", "<2>", "New", NOW), received("b@x.test", "<1>", "Old", NOW - DAY)])
    book.learn(
        [received("b@x.test", "<3>", "b@x.test", NOW + DAY), received("b@x.test", "<4>", "", NOW + DAY)]
    )
    contact = book.get("b@x.test")
    assert contact is not None
    assert contact.name == "New"


def test_what_is_no_address_is_passed_over(book):
    assert (
        book.learn([received(text) for text in ("", "nobody", "a@b@c", "a b@c", "x" * 400 + "@y", "a@b\0")])
        == 0
    )
    assert book.all(now=NOW) == []


def test_people_written_to_come_before_people_heard_from(book):
    book.learn([received("anna@x.test", f"<{n}>") for n in range(4)] + [sent("andy@x.test")])
    assert names(book.complete("an", now=NOW)) == ["andy@x.test", "anna@x.test"]


def test_recent_acquaintances_come_before_old_ones(book):
    book.learn([sent("anna@x.test", f"<{n}>", when=NOW - 900 * DAY) for n in range(9)])
    book.learn([sent("andy@x.test", when=NOW - DAY)])
    assert names(book.complete("an", now=NOW)) == ["andy@x.test", "anna@x.test"]


@pytest.mark.parametrize(
    "prefix",
    [
        "bea",
        "BEA",
        "wor",
        "bea w",
        "w bea",
        "hiv",
        "bea@hi",
        "bea@hive.test",
        "bjorn",
        "Bjö",
        "bea@hive.test Bea",
    ],
)
def test_any_beginning_of_name_mailbox_or_host_finds_a_person(book, prefix):
    book.learn([received("bea@hive.test", name="Bea Björn-Worker"), received("cal@x.test", name="Cal")])
    assert names(book.complete(prefix, now=NOW)) == ["bea@hive.test"]


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("Søren Ødegård", "soren od"),
        ("Søren Ødegård", "SØR"),
        ("Łukasz Żółty", "lukasz zol"),
        ("Đặng Thị Ngân", "dang"),
        ("Ægir Þórsson", "aegir thors"),
        ("Ægir Þórsson", "þór"),
        ("Işık", "isik"),
        ("Soren Odegard", "søren ød"),
        ("Æsa Ŋkosi", "aesa nk"),
        ("Aesa Nkosi", "æsa ŋ"),
        ("Groß", "gross"),
        ("Donau\u00addampf", "donaud"),
        ("山田太郎", "太郎"),
        ("山田太郎", "山"),
        ("カタリナ・ガルシア", "ガル"),
        ("김철수", "철수"),
        ("김철수", "김철"),
    ],
)
def test_a_name_is_found_with_and_without_its_strokes_and_inside_where_no_spaces_are_written(
    book, name, typed
):
    book.save(Contact("x1@hive.test", own_name=name))
    book.save(Contact("x2@hive.test", own_name="Bea"))
    assert names(book.complete(typed, now=NOW)) == ["x1@hive.test"]


@pytest.mark.parametrize("prefix", ["ea", "bea x", "%", "b%", "\0", "' OR 1"])
def test_what_begins_no_word_finds_nobody(book, prefix):
    book.learn([received("bea@hive.test", name="Bea Worker")])
    assert book.complete(prefix, now=NOW) == []


def test_the_words_of_an_older_file_are_found_by_plain_letters_too(tmp_path):
    path = tmp_path / "contacts.db"
    book = ContactBook(path)
    book.save(Contact("x1@hive.test", own_name="Søren Ŋkosi"))
    book.close()
    with contextlib.closing(sqlite3.connect(path)) as file, file:
        file.execute("UPDATE words SET word = 'ŋkosi' WHERE word = 'nkosi'")
        file.execute("INSERT OR IGNORE INTO words SELECT 'søren', contact FROM words WHERE word = 'soren'")
        file.execute("PRAGMA user_version = 1")
    book = ContactBook(path)
    for typed in ("søren", "sor", "nk", "ŋk"):
        assert names(book.complete(typed, now=NOW)) == ["x1@hive.test"]
    book.close()


def test_a_message_from_the_future_counts_as_of_now(book):
    ahead, later = NOW + 70 * 365 * DAY, NOW + DAY
    book.learn([received("bea@hive.test", "<1>", "Winner", ahead)], now=NOW)
    bea = book.get("bea@hive.test")
    assert (bea.name, bea.last_received) == ("Winner", NOW)
    book.learn([received("bea@hive.test", "<2>", "Bea", later)], now=later)
    bea = book.get("bea@hive.test")
    assert (bea.name, bea.last_received) == ("Bea", later)


def test_a_name_that_was_learnt_from_the_future_gives_way_to_the_next(book):
    book.learn([sent("bea@hive.test", "<1>", "Winner", NOW + 70 * 365 * DAY)])
    book.learn([sent("bea@hive.test", "<2>", "Bea", NOW)], now=NOW)
    bea = book.get("bea@hive.test")
    assert (bea.name, bea.last_sent) == ("Bea", NOW)


def test_a_name_in_another_script_is_found(book):
    book.learn([received("li@x.test", name="李雷")])
    assert names(book.complete("李", now=NOW)) == ["li@x.test"]


def test_completion_is_limited_and_nothing_typed_offers_the_likeliest(book):
    book.learn([sent(f"p{n}@x.test", f"<{m}>") for n in range(20) for m in range(n)])
    assert names(book.complete("", now=NOW, limit=2)) == ["p19@x.test", "p18@x.test"]


# ---- by hand --------------------------------------------------------------------------------------


def test_what_a_person_entered_wins_over_what_was_learnt_and_stays(book):
    book.learn([received("bea@hive.test", name="B. W.")])
    saved = book.save(Contact("bea@hive.test", own_name="Bea", notes="likes honey\nand bees"))
    assert (saved.name, saved.learnt_name, saved.received, saved.kept) == ("Bea", "B. W.", 1, True)
    book.learn([received("bea@hive.test", "<2>", "Beatrix", NOW + 1)])
    again = book.get("bea@hive.test")
    assert again is not None
    assert (again.name, again.notes) == ("Bea", "likes honey\nand bees")
    assert names(book.complete("beatrix", now=NOW)) == ["bea@hive.test"]


def test_an_edited_address_takes_everything_along(book):
    book.learn([sent("bae@hive.test")])
    book.save(Contact("bea@hive.test", own_name="Bea"), replaces="bae@hive.test")
    assert names(book.all(now=NOW)) == ["bea@hive.test"]
    bea = book.get("bea@hive.test")
    assert bea is not None
    assert (bea.sent, bea.aliases) == (1, ())


def test_a_deleted_contact_can_be_put_back_as_it_was(book):
    book.learn([sent("bea@hive.test", name="Bea"), received("bea@hive.test")])
    before = book.save(Contact("bea@hive.test", notes="n", aliases=("old@hive.test",)))
    assert book.delete("bea@hive.test") == before
    assert book.get("bea@hive.test") is None
    assert book.get("old@hive.test") is None
    assert book.save(before) == before
    assert book.delete("nobody@hive.test") is None


def test_a_deleted_contact_does_not_come_back_with_the_next_scan(book):
    book.learn([sent("bea@hive.test")])
    book.delete("bea@hive.test")
    book.learn([sent("bea@hive.test")])
    assert book.all(now=NOW) == []


@pytest.mark.parametrize("address", ["", "nobody", "a@b@c", "@host"])
def test_what_is_no_address_cannot_be_saved(book, address):
    with pytest.raises(AddressError):
        book.save(Contact(address))
    assert book.all(now=NOW) == []


# ---- moves and dead mailboxes ---------------------------------------------------------------------


def test_a_move_keeps_the_old_address_as_an_alias(book):
    book.learn([sent("bea@old.test", name="Bea")])
    book.save(Contact("bea@old.test", own_name="Bea", notes="n"))
    contact = book.moved("bea@old.test", "bea@new.test")
    assert (contact.address, contact.aliases, contact.own_name, contact.sent) == (
        "bea@new.test",
        ("bea@old.test",),
        "Bea",
        1,
    )
    assert book.resolve("bea@old.test") == "bea@new.test"
    assert names(book.complete("bea@old", now=NOW)) == ["bea@new.test"]


def test_messages_to_the_old_address_count_for_the_same_person(book):
    book.moved("bea@old.test", "bea@new.test")
    book.learn([received("bea@old.test")])
    contact = book.get("bea@new.test")
    assert contact is not None
    assert contact.received == 1


def test_a_move_to_somebody_known_makes_one_of_two(book):
    book.learn([sent("a@x.test"), sent("b@x.test"), received("b@x.test", "<2>", "B")])
    book.save(Contact("a@x.test", own_name="A", notes="one"))
    book.save(Contact("b@x.test", notes="two"))
    contact = book.moved("a@x.test", "b@x.test")
    assert (contact.own_name, contact.notes, contact.sent, contact.received) == ("A", "two\none", 2, 1)
    assert names(book.all(now=NOW)) == ["b@x.test"]


def test_moving_on_and_back_again_ends_where_it_began(book):
    book.moved("a@x.test", "b@x.test")
    book.moved("b@x.test", "c@x.test")
    assert [book.resolve(f"{who}@x.test") for who in "abc"] == ["c@x.test"] * 3
    contact = book.moved("c@x.test", "a@x.test")
    assert (contact.address, contact.aliases) == ("a@x.test", ("b@x.test", "c@x.test"))
    assert book.moved("a@x.test", "a@x.test") == contact


def test_a_stranger_resolves_to_himself(book):
    assert book.resolve("Bea@Hive.test") == "Bea@hive.test"


def test_a_dead_mailbox_comes_last_until_it_writes_again(book):
    book.learn([sent("anna@x.test", f"<{n}>") for n in range(9)] + [received("andy@x.test")])
    book.note_dead("anna@x.test", "52 gone\r\nfor good")
    found = book.complete("an", now=NOW)
    assert names(found) == ["andy@x.test", "anna@x.test"]
    assert found[1].dead == "52 gone for good"
    book.learn([received("anna@x.test", "<new>")])
    assert names(book.complete("an", now=NOW))[0] == "anna@x.test"


# ---- blocks ---------------------------------------------------------------------------------------


def test_blocked_people_are_refused_and_not_offered_but_still_listed(book):
    book.learn([sent("bea@hive.test")])
    book.block("bea@hive.test", now=NOW)
    assert book.complete("bea", now=NOW) == []
    assert [contact.blocked for contact in book.all("bea", now=NOW)] == [True]
    assert book.blocked() == ["bea@hive.test"]
    assert book.unblock("bea@hive.test")
    assert not book.unblock("bea@hive.test")
    assert [contact.blocked for contact in book.all("bea", now=NOW)] == [False]


def test_a_whole_host_can_be_blocked(book):
    book.learn([sent("Anyone@spam.test"), sent("anyone@not-spam.test")])
    book.block("@Spam.Test", now=NOW)
    assert {contact.address: contact.blocked for contact in book.all(now=NOW)} == {
        "Anyone@spam.test": True,
        "anyone@not-spam.test": False,
    }
    assert book.unblock("@spam.test")


def test_strangers_can_be_blocked_and_nonsense_is_not(book):
    book.block("x@y.test", now=NOW)
    assert book.all(now=NOW) == []
    with pytest.raises(AddressError):
        book.block("no address", now=NOW)


# ---- the file -------------------------------------------------------------------------------------


def test_the_book_is_private_and_there_after_closing(tmp_path):
    path = tmp_path / "profile" / "contacts.db"
    book = ContactBook(path)
    book.save(Contact("bea@hive.test", own_name="Bea"))
    book.close()
    assert path.stat().st_mode & 0o777 == 0o600
    again = ContactBook(path)
    assert names(again.all(now=NOW)) == ["bea@hive.test"]
    again.close()


def test_a_newer_or_foreign_file_is_refused_and_left_alone(tmp_path):
    newer = tmp_path / "newer.db"
    database = sqlite3.connect(newer)
    database.execute("PRAGMA user_version = 99")
    database.commit()
    database.close()
    junk = tmp_path / "junk.db"
    junk.write_bytes(b"not a database at all" * 100)
    for path in (newer, junk, tmp_path):
        with pytest.raises(StoreError):
            ContactBook(path)
    assert junk.read_bytes() == b"not a database at all" * 100


def test_several_threads_and_books_share_one_file(tmp_path):
    books = [ContactBook(tmp_path / "contacts.db") for _ in range(2)]

    def work(book: ContactBook, start: int) -> None:
        for n in range(start, start + 10):
            book.learn([sent("bea@hive.test", f"<{n}>")])

    threads = [threading.Thread(target=work, args=(books[n % 2], n * 10)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bea = books[0].get("bea@hive.test")
    assert bea is not None
    assert bea.sent == 40
    for book in books:
        book.close()


_addresses = st.sampled_from([f"{who}@{host}.test" for who in "ab" for host in "xyz"])
_steps = st.one_of(
    st.tuples(st.just("moved"), _addresses, _addresses),
    st.tuples(st.just("sent"), _addresses, st.sampled_from(["<1>", "<2>"])),
    st.tuples(st.just("saved"), _addresses, _addresses),
    st.tuples(st.just("deleted"), _addresses, st.just("")),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(_steps, max_size=12))
def test_no_order_of_steps_leaves_an_address_that_leads_nowhere_or_to_two(steps):
    book = ContactBook(None)
    for step, one, other in steps:
        if step == "moved":
            assert book.moved(one, other).address == other or one == other
        elif step == "sent":
            book.learn([sent(one, other)])
        elif step == "saved":
            assert book.save(Contact(one, own_name="x"), replaces=other).own_name == "x"
        else:
            book.delete(one)
    people = book.all(now=NOW)
    present = names(people)
    earlier = [alias for contact in people for alias in contact.aliases]
    assert len({*present, *earlier}) == len(present) + len(earlier)
    for contact in people:
        assert contact in book.complete(contact.address, now=NOW, limit=100)
        assert all(book.resolve(alias) == contact.address for alias in contact.aliases)
    book.close()


def test_the_kinds_at_a_host_are_those_of_people_the_user_chose(book):
    mail, misfin = AddressKind.MAIL, AddressKind.MISFIN
    book.save(Contact("Bea@hive.test", kind=mail))
    book.learn([replace(sent("cal@hive.test"), kind=misfin)])
    assert book.kinds_at("hive.test") == {mail, misfin}
    book.note_dead("cal@hive.test", "It is gone.", misfin)
    book.learn([replace(received("dan@hive.test", "<2>"), kind=misfin)])
    assert book.kinds_at("hive.test") == {mail}
    assert book.kinds_at("ive.test") == book.kinds_at("bea@hive.test") == book.kinds_at("%") == set()
