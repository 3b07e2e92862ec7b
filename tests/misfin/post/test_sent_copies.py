"""Copies for Sent are filed beside the sending, many at once, and each once whatever happens."""

import asyncio
import time

import pytest
from outgoing import claimed, finish, recipients

from misfin.post import sent_copies
from misfin.post.sent_copies import SentCopies
from misfin.post.transport import Composed
from misfin.store.mail.maildir import MailStore
from misfin.store.outgoing.outbox import DeliveryState, Outbox, Outcome, Transcript
from misfin.store.seals import Seals

ME = "ada@mail.example"


@pytest.fixture
def outbox(tmp_path):
    made = Outbox(tmp_path / "outbox.db")
    yield made
    made.close()


@pytest.fixture
def store(tmp_path):
    return MailStore(tmp_path / "mail")


def taken(outbox, number: int) -> list[str]:
    """Messages that a server took; their groups."""
    groups = []
    for count in range(number):
        outbox.enqueue(
            account=ME, recipients=recipients("b@one.test"), message=b"x", subject=str(count), now=count + 1
        )
        claim = claimed(outbox, time.time())
        finish(outbox, claim, Outcome(DeliveryState.ACCEPTED), Transcript(), time.time())
        groups.append(claim.row.group)
    return groups


def copies(outbox, store, copy_of=None, complaints=None):
    def small(message):
        text = f"Subject: {message.subject}\n\n".encode()
        return Composed(message.subject, len(text), lambda file: file.write(text))

    said = [] if complaints is None else complaints
    return SentCopies(outbox, store, copy_of or small, str, said.append)


def in_sent(store) -> list[bytes]:
    return sorted(entry.path.read_bytes() for entry in store.folder(ME, "Sent").list())


async def test_a_burst_is_filed_together(outbox, store, monkeypatch):
    groups = taken(outbox, 20)
    filed, real = [], outbox.file_sent_copies
    monkeypatch.setattr(outbox, "file_sent_copies", lambda *args: filed.append(real(*args)))
    filing = copies(outbox, store)
    for group in groups:
        filing.add(group)
        await asyncio.sleep(0)
    await filing.finish()
    assert len(in_sent(store)) == 20
    assert outbox.without_sent_copy() == []
    assert len(filed) < 5


async def test_one_that_fails_keeps_none_of_the_others(outbox, store):
    groups = taken(outbox, 3)
    complaints = []

    def copy_of(message):
        if message.group == groups[1]:
            raise OSError(28, "No space left on device")
        return Composed("", 2, lambda file: file.write(b"\n\n"))

    filing = copies(outbox, store, copy_of, complaints)
    for group in groups:
        filing.add(group)
    await filing.finish()
    assert len(in_sent(store)) == 2
    assert outbox.without_sent_copy() == [groups[1]]
    assert [error.errno for error in complaints] == [28]
    assert copies(outbox, store).file_missing() == []
    assert len(in_sent(store)) == 3


async def test_a_large_copy_is_streamed(outbox, store):
    (group,) = taken(outbox, 1)
    size = 3 * sent_copies._SMALL
    filing = copies(outbox, store, lambda _: Composed("", size, lambda file: file.write(b"x" * size)))
    filing.add(group)
    await filing.finish()
    assert in_sent(store) == [b"x" * size]


async def test_a_message_without_a_copy_is_done(outbox, store):
    (group,) = taken(outbox, 1)
    filing = copies(outbox, store, lambda _: None)
    filing.add(group)
    await filing.finish()
    assert outbox.without_sent_copy() == []


def test_a_copy_that_a_crash_left_unnoted_is_not_doubled(outbox, store, monkeypatch):
    taken(outbox, 2)
    real = outbox.file_sent_copies
    with monkeypatch.context() as crash:
        crash.setattr(
            outbox, "file_sent_copies", lambda groups, write: real(groups, lambda each: write(each) and 1 / 0)
        )
        with pytest.raises(ZeroDivisionError):
            copies(outbox, store).file_missing()
    assert len(in_sent(store)) == 2
    assert len(outbox.without_sent_copy()) == 2
    assert copies(outbox, store).file_missing() == []
    assert len(in_sent(store)) == 2


async def test_a_copy_in_a_misfin_account_is_sealed_and_that_of_an_email_is_as_it_was(outbox, store):
    taken(outbox, 1)

    def gemmail(message):
        data = b"Misfin-Version: C\nFrom: ada@mail.example\nSubject: x\n\nHi\n"
        return Composed(message.subject, len(data), lambda file: file.write(data))

    assert copies(outbox, store, gemmail).file_missing() == []
    (copy,) = in_sent(store)
    assert Seals(store.root).is_sealed(copy)

    elsewhere = SentCopies(outbox, store, gemmail, lambda _account: "work", [].append)
    taken(outbox, 1)
    assert elsewhere.file_missing() == []
    (entry,) = store.folder("work", "Sent").list()
    assert b"Misfin-Seal" not in entry.path.read_bytes()
