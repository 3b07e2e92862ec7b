"""What a mailbox may hold: what does not fit gets 45, is not stored, and leaves room for what does."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from peers import ask, message, person

from misfin.model.status import StatusCode
from misfin.net.limits import LimitSettings
from misfin.net.verification import VerificationMode
from misfin.post.process_share import ProcessShare, ReceiverMemory
from misfin.post.quotas import MailboxQuota, mailbox_size
from misfin.post.reception import Reception, ReceptionSettings
from misfin.store.identities import IdentityStore
from misfin.store.mail.maildir import MailStore
from misfin.wire import MisfinResponse

ADA, BEA = person("ada@mail.example Ada"), person("bea@hive.test Bea")
HERE = "ada@mail.example"


@dataclass
class Request:
    message: bytes


@dataclass
class Arriving:
    request: Request
    recipient: object = ADA


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store(tmp_path):
    found = MailStore(tmp_path / "mail")
    found.create(HERE)
    return found


def full(response) -> bool:
    return response.status == StatusCode.MAILBOX_FULL


async def test_a_full_mailbox_takes_nothing_until_its_owner_makes_room(store):
    clock = Clock()

    async def deliver(incoming):
        store.folder(HERE).deliver(incoming.request.message)
        return MisfinResponse(StatusCode.SUCCESS, "x")

    quota = MailboxQuota(deliver, store, 250, clock=clock)
    answers = [await quota(Arriving(Request(b"x" * 100))) for _ in range(4)]
    assert [full(each) for each in answers] == [False, False, True, True]
    assert mailbox_size(store, HERE) == 200
    assert not full(await quota(Arriving(Request(b"x" * 50)))), "what fits is taken"
    for entry in store.folder(HERE).list()[:2]:
        store.folder(HERE).remove(entry.key)
    assert full(await quota(Arriving(Request(b"x" * 100)))), "it was measured a moment ago"
    clock.now += 61
    assert not full(await quota(Arriving(Request(b"x" * 100))))


async def test_what_could_not_be_stored_takes_no_room(store):
    async def deliver(incoming):
        if incoming.request.message.startswith(b"!"):
            raise OSError
        return MisfinResponse(StatusCode.SERVER_UNAVAILABLE, "later")

    quota = MailboxQuota(deliver, store, 250)
    for _ in range(5):
        assert not full(await quota(Arriving(Request(b"x" * 200))))
        with pytest.raises(OSError):
            await quota(Arriving(Request(b"!" * 200)))


async def test_messages_that_come_together_do_not_count_on_the_same_room(store):
    go = asyncio.Event()

    async def deliver(incoming):
        await go.wait()
        return MisfinResponse(StatusCode.SUCCESS, "x")

    quota = MailboxQuota(deliver, store, 250)
    tasks = [asyncio.create_task(quota(Arriving(Request(b"x" * 100)))) for _ in range(5)]
    await asyncio.sleep(0.05)
    go.set()
    assert sum(map(full, await asyncio.gather(*tasks))) == 3


async def test_a_receiver_with_a_quota_answers_45(tmp_path):
    root = tmp_path / "profile"
    IdentityStore(root / "identities").save(ADA)
    settings = ReceptionSettings(
        listen=(("127.0.0.1", 0),),
        identities=root / "identities",
        mail=root / "mail",
        trust_db=root / "trust.db",
        contacts_db=root / "contacts.db",
        runtime=root / "run",
        limits=LimitSettings(enable=False),
        verification=VerificationMode.OFF,
        quota=3000,
    )
    reception = Reception(settings)
    ((_, port),) = await reception.start()
    try:
        answers = [(await ask(port, message(HERE, f"{number}" * 2000), BEA))[:2] for number in range(3)]
    finally:
        await reception.stop()
    assert answers == [b"20", b"45", b"45"]
    assert len(MailStore(root / "mail").folder(HERE).list()) == 1


async def test_what_other_processes_gave_since_counts(store):
    memory = ReceiverMemory(2, started=0.0)
    clock = Clock()

    async def deliver(incoming):
        return MisfinResponse(StatusCode.SUCCESS, "x")

    one, other = (
        MailboxQuota(deliver, store, 250, clock=clock, given=ProcessShare(memory, number).given)
        for number in range(2)
    )
    for quota in (one, other):
        assert not full(await quota(Arriving(Request(b""))))  # measured: there is nothing
    assert not full(await one(Arriving(Request(bytes(100)))))
    assert not full(await other(Arriving(Request(bytes(100)))))
    assert full(await one(Arriving(Request(bytes(100)))))
    assert full(await other(Arriving(Request(bytes(51)))))
    assert not full(await one(Arriving(Request(bytes(50)))))
    clock.now = 61.0  # measured again: nothing of it is in the folders
    assert not full(await other(Arriving(Request(bytes(250)))))
