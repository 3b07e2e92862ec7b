"""An outbox and drafts written by release 0.1, opened by this one: nothing is lost or sent twice."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest
from peers import person

from misfin.model.account import AddressKind
from misfin.net.client import HostOverride
from misfin.net.limits import LimitSettings
from misfin.net.verification import VerificationMode
from misfin.post.courier import Courier
from misfin.post.misfin import MisfinTransport
from misfin.post.reception import Reception, ReceptionSettings
from misfin.post.submission import submit
from misfin.store.identities import IdentityStore
from misfin.store.mail.maildir import MailStore
from misfin.store.message import envelope
from misfin.store.outgoing.drafts import DraftBox, from_bytes
from misfin.store.outgoing.outbox import DeliveryState, Outbox, Question
from misfin.trust.pins import PinBook

TESTS = next(each for each in Path(__file__).parents if (each / "fixtures").is_dir())
FIXTURE = TESTS / "fixtures" / "sending-0.1"
ADA = person("ada@mail.example")
NOW = 1_700_000_000.0
FORWARDED = b"zoe@far.test Zoe\n\n2023-11-14T22:13:20Z\n# Flowers\n\nThe rose is red.\n"


ARRIVING = (
    "claimed@claimed.test",
    "deferred@deferred.test",
    "forward@forward.test",
    "new@there.test",
    "one@several.test",
    "queued@queued.test",
    "three@elsewhere.test",
    "two@several.test",
    "waiting@waiting.test",
)


@pytest.fixture
def old(tmp_path):
    """A copy of what release 0.1 left."""
    profile = Path(shutil.copytree(FIXTURE, tmp_path / "profile"))
    MailStore(profile / "mail").create("ada@mail.example")  # its empty folders, which git does not keep
    return profile


@pytest.fixture
def outbox(old):
    outbox = Outbox(old / "outbox.db")
    yield outbox
    outbox.close()


def by_subject(outbox):
    rows = outbox.rows()
    return {row.subject: row for row in rows if row.subject != "several"}, [
        row for row in rows if row.subject == "several"
    ]


def test_every_message_is_there_in_the_state_it_was_in(outbox):
    rows, several = by_subject(outbox)
    assert {subject: row.state for subject, row in rows.items()} == {
        "waiting": DeliveryState.WAITING,
        "deferred": DeliveryState.DEFERRED,
        "held": DeliveryState.HELD,
        "redirected": DeliveryState.HELD,
        "followed": DeliveryState.WAITING,
        "uncertain": DeliveryState.UNCERTAIN,
        "failed": DeliveryState.FAILED,
        "delivered": DeliveryState.DELIVERED,
        "uncopied": DeliveryState.DELIVERED,
        "cancelled": DeliveryState.CANCELLED,
        "Flowers": DeliveryState.WAITING,
        "queued": DeliveryState.WAITING,
        "claimed": DeliveryState.SENDING,
        "leaving": DeliveryState.SENDING,
    }
    assert {row.kind for row in rows.values()} == {AddressKind.MISFIN}
    assert [(row.to, row.route) for row in several] == [
        ("one@several.test", "several.test:1958"),
        ("two@several.test", "several.test:1958"),
        ("three@elsewhere.test:1960", "elsewhere.test:1960"),
    ]
    followed = rows["followed"]
    assert (followed.target, followed.route) == ("new@there.test:1960", "there.test:1960")
    held = rows["held"]
    assert (held.question, held.pin_name) == (Question.CHANGED_CERTIFICATE, "held.test:1958")
    assert outbox.questions() == [(AddressKind.MISFIN, "held.test:1958", "ab" * 32)]
    assert (rows["deferred"].next_attempt, rows["deferred"].attempts) == (NOW + 300, 1)
    assert rows["delivered"].size == len(outbox.outgoing(rows["delivered"].group).message)
    (attempt,) = outbox.attempts(rows["delivered"].id)
    assert (attempt.response, attempt.certificate) == ("20 " + "cd" * 32, "ef" * 32)
    assert outbox.without_sent_copy() == [rows["uncopied"].group]


def test_what_the_old_program_was_doing_when_it_ended_is_settled(outbox):
    outbox.recover(NOW + 100)
    rows, _ = by_subject(outbox)
    assert (rows["claimed"].state, rows["leaving"].state) == (DeliveryState.WAITING, DeliveryState.UNCERTAIN)


def test_old_drafts_open_and_a_forward_is_saved_as_a_file_from_then_on(old):
    box = DraftBox(MailStore(old / "mail"))
    drafts = {draft.subject: draft for draft in box.all()}
    half = drafts["Half a thought"]
    assert (half.to, half.body) == (("bob@hive.test Bob", "hal"), "It is")
    passing = drafts["Flowers"]
    assert passing.forwards == FORWARDED
    box.save(replace(passing, to=("dan@x.example",)), now=NOW + 1)
    assert box.load(passing.id).forwards == FORWARDED
    (entry,) = [
        e for e in MailStore(old / "mail").folder("ada@mail.example", "Drafts").list() if passing.id in e.key
    ]
    assert b"VGhlIHJvc2U" not in entry.path.read_bytes()
    assert [path.read_bytes() for path in (old / "attachments").iterdir()] == [FORWARDED]


def test_a_queued_forward_can_be_taken_back_as_one(outbox):
    rows, _ = by_subject(outbox)
    assert from_bytes(outbox.outgoing(rows["Flowers"].group).draft).forwards == FORWARDED


@pytest.fixture
def theirs(tmp_path):
    """A receiver's settings, with a mailbox for everybody whom the old program wrote to."""
    root = tmp_path / "theirs"
    identities = IdentityStore(root / "identities")
    for address in ARRIVING:
        identities.save(person(address))
    return ReceptionSettings(
        listen=(("127.0.0.1", 0),),
        identities=identities.folder,
        mail=root / "mail",
        trust_db=root / "trust.db",
        contacts_db=root / "contacts.db",
        runtime=root / "run",
        limits=LimitSettings(enable=False),
        verification=VerificationMode.OFF,
    )


async def test_what_was_queued_arrives_once(old, outbox, theirs):
    """Over real TLS into a real receiver's Maildir, in two runs, with the draft that was not forgotten."""
    box = DraftBox(MailStore(old / "mail"))
    identities = IdentityStore(old / "identities")
    identities.save(ADA)
    reception = Reception(theirs)
    ((_, port),) = await reception.start()
    with PinBook(None) as pins:
        names = {address.partition("@")[2] for address in ARRIVING}
        hosts = {name: HostOverride(("127.0.0.1", port)) for name in names}
        misfin = MisfinTransport(identities, pins, hosts=hosts, timeout=60)
        (leftover,) = [draft for draft in box.all() if draft.subject == "queued"]
        rows, _ = by_subject(outbox)
        assert submit(outbox, box, leftover, misfin, now=time.time()) == [rows["queued"].id]
        for _ in range(2):
            await Courier(outbox, [misfin], MailStore(old / "mail")).run_once()
    await reception.stop()
    mail = MailStore(theirs.mail)
    assert {account: len(mail.folder(account).list()) for account in mail.accounts()} == dict.fromkeys(
        ARRIVING, 1
    )
    ((flowers,),) = [[entry.path.read_bytes() for entry in mail.folder("forward@forward.test").list()]]
    assert b"The rose is red." in envelope.to_gemmail(flowers)
    rows, several = by_subject(outbox)
    assert {row.state for row in several} == {DeliveryState.DELIVERED}
    left = {subject for subject, row in rows.items() if row.state is not DeliveryState.DELIVERED}
    # What was cancelled is as old as the fixture, and was forgotten like any other.
    assert left == {"held", "redirected", "uncertain", "failed", "leaving"}
    sent = MailStore(old / "mail").folder("ada@mail.example", "Sent").list()
    assert len(sent) == 8  # seven messages, and the copy the old program had not made yet
    assert all(envelope.is_gemmail(entry.path.read_bytes()) for entry in sent)
