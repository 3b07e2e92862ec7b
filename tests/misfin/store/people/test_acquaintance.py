"""The contact book follows the mail: each message counts once, wherever it lies, and oneself never."""

from datetime import UTC, datetime, timedelta

import pytest

from misfin.model.account import AddressKind
from misfin.model.address import MisfinAddress
from misfin.model.gemmail import Version
from misfin.store.index import MailIndex
from misfin.store.mail.maildir import MailStore
from misfin.store.message.envelope import wrap, wrap_sent
from misfin.store.people import acquaintance
from misfin.store.people.acquaintance import learn_from_mail
from misfin.store.people.contacts import ContactBook

ADA = MisfinAddress("ada", "mail.example", "Ada")
NOW = datetime(2026, 11, 19, 14, 2, tzinfo=UTC)


@pytest.fixture
def world(tmp_path):
    store = MailStore(tmp_path / "mail")
    store.create(ADA.address)
    book = ContactBook(tmp_path / "contacts.db")
    with MailIndex(tmp_path / "index.db", store.root) as index:
        yield store, index, book
    book.close()


def receive(store: MailStore, sender: str, folder: str = "Inbox", minutes: int = 0) -> str:
    when = NOW - timedelta(minutes=minutes)
    gemmail = f"{sender}\n\n{when:%Y-%m-%dT%H:%M:%SZ}\n# {minutes}\n".encode()
    data = wrap(gemmail, version=Version.C, account=ADA, now=when)
    return store.folder(ADA.address, folder).deliver(data).key


def send(store: MailStore, *to: str) -> None:
    people = [MisfinAddress.parse(one) for one in to]
    data = wrap_sent(b"\n\n\n# Hi\n", version=Version.C, account=ADA, to=people, now=NOW)
    store.folder(ADA.address, "Sent").deliver(data, flags="S")


def learn(world) -> int:
    _, index, book = world
    index.scan()
    return learn_from_mail(index, book, [ADA.address, "ada@other.example"])


def counts(book: ContactBook) -> dict[str, tuple[int, int, str]]:
    return {c.address: (c.sent, c.received, c.name) for c in book.all(now=NOW.timestamp())}


def test_received_and_sent_messages_count_for_the_right_people(world):
    store, _, book = world
    receive(store, "bea@hive.test Bea Worker")
    receive(store, "bea@hive.test Bea Worker", "Archive", minutes=1)
    send(store, "bea@hive.test Bea", "cal@x.test Cal", "ada@mail.example", "ada@other.example")
    receive(store, "ADA@other.example Me")
    assert learn(world) == 4
    assert counts(book) == {"bea@hive.test": (1, 2, "Bea Worker"), "cal@x.test": (1, 0, "Cal")}


def test_a_second_look_or_a_new_index_counts_nothing_again(world, tmp_path):
    store, _, book = world
    receive(store, "bea@hive.test")
    send(store, "bea@hive.test")
    learn(world)
    assert learn(world) == 0
    with MailIndex(tmp_path / "other.db", store.root) as index:
        index.scan()
        assert learn_from_mail(index, book, [ADA.address]) == 0
    assert counts(book)["bea@hive.test"][:2] == (1, 1)


def test_a_message_that_another_program_gave_another_name_counts_once(world):
    store, _, book = world
    receive(store, "bea@hive.test")
    send(store, "bea@hive.test")
    learn(world)
    for folder in ("Inbox", "Sent"):
        for file in (
            *(store.folder(ADA.address, folder).path / "new").iterdir(),
            *(store.folder(ADA.address, folder).path / "cur").iterdir(),
        ):
            file.rename(file.parent.parent / "cur" / f"renamed.{folder}:2,S")
    learn(world)
    assert counts(book)["bea@hive.test"][:2] == (1, 1)


def test_a_message_from_the_future_does_not_fix_a_name(world):
    store, index, book = world
    receive(store, "bea@hive.test Winner", minutes=-70 * 365 * 24 * 60)
    index.scan()
    learn_from_mail(index, book, [], now=NOW.timestamp)
    receive(store, "bea@hive.test Bea", minutes=-1)
    index.scan()
    learn_from_mail(index, book, [], now=lambda: NOW.timestamp() + 60)
    assert counts(book)["bea@hive.test"] == (0, 2, "Bea")


def test_old_messages_that_come_late_are_learnt_too(world, monkeypatch):
    monkeypatch.setattr(acquaintance, "_BATCH", 3)
    monkeypatch.setattr(acquaintance, "_PAGE", 3)
    store, _, book = world
    for number in range(10):
        receive(store, "bea@hive.test", minutes=number)
    assert learn(world) == 10
    for number in range(5):
        receive(store, "old@x.test", minutes=500_000 + number)
    assert learn(world) == 5
    assert counts(book)["old@x.test"][1] == 5


def test_held_and_thrown_away_mail_makes_no_acquaintance_until_it_is_moved_out(world):
    store, _, book = world
    for folder in ("Held", "Junk", "Trash", "Drafts"):
        key = receive(store, f"{folder.lower()}@x.test", folder)
        if folder == "Held":
            held = key
    assert learn(world) == 0
    store.folder(ADA.address, "Held").move(held, store.folder(ADA.address))
    assert learn(world) == 1
    assert list(counts(book)) == ["held@x.test"]


def test_anonymous_mail_and_mail_of_odd_senders_is_passed_over(world):
    store, _, book = world
    receive(store, "")
    store.folder(ADA.address).deliver(b"From: not an address\n\nx\n")
    store.folder(ADA.address).deliver(b"no mail at all")
    assert learn(world) == 3
    assert counts(book) == {}


@pytest.fixture
def learnt_before_a_stop(world, monkeypatch):
    """How many of six messages were learnt when learning was stopped after two of three pages."""
    monkeypatch.setattr(acquaintance, "_PAGE", 2)
    store, index, book = world
    for number in range(6):
        receive(store, "bea@hive.test", minutes=number)
    index.scan()
    answers = iter([False, False, True])
    return learn_from_mail(index, book, [], stop=lambda: next(answers))


def test_learning_stops_when_asked_and_goes_on_later(world, learnt_before_a_stop):
    _, index, book = world
    assert learnt_before_a_stop == 4
    assert learn_from_mail(index, book, []) == 2


def test_what_was_learnt_before_a_stop_is_kept(world, learnt_before_a_stop):
    _, _, book = world
    assert book.seen_count() == counts(book)["bea@hive.test"][1] == learnt_before_a_stop == 4


@pytest.mark.parametrize("page", [1, 2, 3, 4, 100])
def test_several_pages_are_learnt_in_one_transaction(world, monkeypatch, page):
    monkeypatch.setattr(acquaintance, "_BATCH", 4)
    monkeypatch.setattr(acquaintance, "_PAGE", page)
    store, index, book = world
    for number in range(10):
        receive(store, "bea@hive.test", minutes=number)
        receive(store, "cal@x.test Cal", minutes=100 + number)
    index.scan()
    written = []
    keep = book.learn
    monkeypatch.setattr(
        book, "learn", lambda met, **more: written.append(len(more["seen"])) or keep(met, **more)
    )
    assert learn_from_mail(index, book, [ADA.address]) == 20
    assert all(4 <= each < 4 + page for each in written[:-1])
    assert counts(book) == {"bea@hive.test": (0, 10, ""), "cal@x.test": (0, 10, "Cal")}


def test_the_address_of_an_account_with_a_name_of_its_own_is_oneself(tmp_path):
    store, book = MailStore(tmp_path / "mail"), ContactBook(tmp_path / "contacts.db")
    store.create("work")
    for sender in ("Me <Me@work.example>", "Bob <bob@remote.host>"):
        store.folder("work").deliver(f"From: {sender}\nSubject: x\n\nText\n".encode())
    addresses = {"work": "me@work.example"}
    with MailIndex(
        tmp_path / "index.db", store.root, address_of=lambda name: addresses.get(name, name)
    ) as index:
        index.scan()
        assert learn_from_mail(index, book, []) == 2
    assert list(counts(book)) == ["bob@remote.host"]
    book.close()


def test_people_are_of_the_kind_of_the_account_they_write_to(world):
    store, index, book = world
    receive(store, "bea@hive.test Bea")
    store.create("work")
    head = b"From: Bea by mail <bea@hive.test>\nTo: ada@example.org\n"
    mail = head + b"Date: Thu, 19 Nov 2026 14:00:00 +0000\n\nHi\n"
    store.folder("work").deliver(mail)
    index.scan()
    kinds = {"work": AddressKind.MAIL, ADA.address: AddressKind.MISFIN}
    learn_from_mail(index, book, [], kind_of=kinds.__getitem__)
    assert book.get("bea@hive.test").name == "Bea"
    assert book.get("bea@hive.test", AddressKind.MAIL).name == "Bea by mail"
