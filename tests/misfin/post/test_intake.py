"""Intake: what is answered 20 is on disk, whole and once; what is not, is not there at all."""

from __future__ import annotations

import asyncio
import email
import email.policy
import os
from datetime import UTC, datetime

import pytest
from peers import person

from misfin.model.gemmail import GemmailMessage, Version
from misfin.net.incoming import CheckResult, Checks, HandlerOutcome, Incoming
from misfin.post import intake as intake_module
from misfin.post.inbox import LocalInbox
from misfin.post.intake import Intake, verification_of
from misfin.store.mail.maildir import MailStore
from misfin.store.message import envelope
from misfin.store.seals import Seals
from misfin.trust.tofu import Confirmed, Decision
from misfin.wire import MisfinRequest

ADA = person("ada@mail.example Ada")
CAL = person("cal@mail.example Cal")
BEA = person("bea@hive.test Bea Worker")
NOW = 1_800_000_000.25
VERIFIED = Checks(
    Decision.TRUSTED,
    {"certificate": CheckResult(HandlerOutcome.PASS, "Its host vouched for it.", proves_sender=True)},
)


def message(text="# Hi\n\nText\n", *, to=ADA, sender=BEA, checks=VERIFIED, received=NOW, version=Version.C):
    lines = "" if version is Version.B else "\n\n\n"
    return Incoming(
        MisfinRequest(to.address.mailbox, to.address.hostname, (lines + text).encode(), version),
        "192.0.2.7",
        None if sender is None else sender.info,
        to,
        received,
        checks,
    )


@pytest.fixture
def store(tmp_path):
    return MailStore(tmp_path / "mail")


@pytest.fixture
async def intake(store):
    seals = Seals(store.root)
    seals.open()  # as a receiver does before it listens
    intake = Intake(LocalInbox(store), seals)
    yield intake
    await intake.close()


def files(store, folder="Inbox", account="ada@mail.example"):
    return [entry.path.read_bytes() for entry in store.folder(account, folder).list()]


async def test_a_message_is_stamped_wrapped_and_new(intake, store):
    response = await intake(message())
    assert (response.status, response.meta) == (20, ADA.info.fingerprints.cert)
    (entry,) = store.folder("ada@mail.example").list()
    assert (entry.subdir, entry.flags) == ("new", "")
    data = entry.path.read_bytes()
    assert envelope.to_gemmail(data) == b"bea@hive.test Bea Worker\n\n2027-01-15T08:00:00Z\n# Hi\n\nText\n"
    gemmail = email.message_from_bytes(data, policy=email.policy.default)
    assert gemmail["From"] == "Bea Worker <bea@hive.test>"
    assert gemmail["To"] == "Ada <ada@mail.example>"
    assert gemmail["Subject"] == "Hi"
    assert gemmail["Date"].datetime == datetime(2027, 1, 15, 8, tzinfo=UTC)
    assert "from 192.0.2.7 by mail.example with MISFIN" in gemmail["Received"]
    opened = envelope.read(data)
    assert opened.certificate["sha256"] == BEA.info.fingerprints.cert
    assert opened.verification == {
        "sender": "verified",
        "confirmed": "host",
        "certificate": "pass",
        "pin": "match",
    }


async def test_a_message_as_b_is_stamped_as_b(intake, store):
    await intake(message("Hello\nthere", version=Version.B))
    (data,) = files(store)
    assert envelope.to_gemmail(data) == b"< bea@hive.test Bea Worker\n@ 2027-01-15T08:00:00Z\nHello\nthere"
    assert envelope.read(data).version == "B"


async def test_an_anonymous_message_has_no_sender_but_a_time(intake, store):
    await intake(message(sender=None, checks=Checks()))
    (data,) = files(store)
    gemmail = GemmailMessage.from_bytes(envelope.to_gemmail(data))
    assert gemmail.senders == ()
    assert gemmail.newest == datetime(2027, 1, 15, 8, tzinfo=UTC)
    assert envelope.read(data).verification == {"sender": "unproven"}


async def test_each_mailbox_has_its_own_maildir_readable_by_its_owner_only(intake, store):
    await asyncio.gather(intake(message()), intake(message(to=CAL)))
    for account in ("ada@mail.example", "cal@mail.example"):
        assert len(files(store, account=account)) == 1
        assert (store.root / account).stat().st_mode & 0o077 == 0
        assert store.folder(account, "Archive").exists()


async def test_what_a_person_has_to_judge_goes_to_held_with_the_reason(intake, store):
    why = "bea@hive.test presents another key than before."
    held = Checks(
        Decision.CHANGED, {"certificate": CheckResult(HandlerOutcome.FAIL, "It names another.")}, hold=why
    )
    assert (await intake(message(checks=held))).status == 20
    assert files(store) == []
    (data,) = files(store, "Held")
    assert envelope.read(data).verification == {
        "sender": "differs",
        "certificate": "fail",
        "certificate-reason": "It names another.",
        "pin": "changed",
        "held": why,
    }


@pytest.mark.parametrize(
    ("checks", "word"),
    [
        (VERIFIED, "verified"),
        (Checks(), "unproven"),
        (Checks(Decision.FIRST_USE), "unconfirmed"),
        (Checks(Decision.TRUSTED), "unconfirmed"),
        (Checks(Decision.RENEWED), "unconfirmed"),
        (Checks(Decision.TRUSTED, confirmed=Confirmed.HOST), "verified"),
        (Checks(Decision.RENEWED, confirmed=Confirmed.PERSON), "verified"),
        (
            Checks(Decision.TRUSTED, {"probe": CheckResult(HandlerOutcome.UNKNOWN)}, "", Confirmed.HOST),
            "verified",
        ),
        (Checks(Decision.CHANGED), "differs"),
        (Checks(Decision.FIRST_USE, {"certificate": CheckResult(HandlerOutcome.UNKNOWN)}), "unconfirmed"),
        (Checks(Decision.FIRST_USE, {"certificate": CheckResult(HandlerOutcome.FAIL)}), "unproven"),
        # The same certificate as in a first message nobody confirmed is worth as much as then.
        (Checks(Decision.TRUSTED, {"certificate": CheckResult(HandlerOutcome.UNKNOWN)}), "unconfirmed"),
        (Checks(Decision.TRUSTED, {"certificate": CheckResult(HandlerOutcome.FAIL)}), "unconfirmed"),
        (Checks(Decision.TRUSTED, {"probe": CheckResult(HandlerOutcome.PASS)}), "unconfirmed"),
        (
            Checks(Decision.FIRST_USE, {"local": CheckResult(HandlerOutcome.PASS, proves_sender=True)}),
            "verified",
        ),
        (Checks(None, {"certificate": CheckResult(HandlerOutcome.FAIL)}), "unproven"),
    ],
)
def test_the_verdict_about_the_sender(checks, word):
    assert verification_of(checks)["sender"] == word


async def test_the_same_message_twice_in_one_second_is_one_message(intake, store):
    twice = await asyncio.gather(intake(message()), intake(message(received=NOW + 0.5)))
    again = await intake(message())
    assert {response.status for response in (*twice, again)} == {20}
    assert len(files(store)) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"text": "# Hi\n\nText.\n"},
        {"received": NOW + 1},
        {"sender": CAL},
        {"to": CAL},
        {"version": Version.B},
    ],
    ids=lambda changes: next(iter(changes)),
)
async def test_messages_that_differ_in_anything_are_all_kept(intake, store, other):
    await asyncio.gather(intake(message()), intake(message(**other)))
    assert len(files(store)) + len(files(store, account="cal@mail.example")) == 2


async def test_a_flood_is_stored_whole_and_in_few_batches(intake, store, monkeypatch):
    synced = []
    real = os.fsync

    def counting(handle):
        synced.append(os.fstat(handle).st_mode)
        real(handle)

    store.create("ada@mail.example")
    monkeypatch.setattr("misfin.store.mail.maildir.os.fsync", counting)
    monkeypatch.setattr("misfin.files.os.fsync", counting)
    responses = await asyncio.gather(*(intake(message(f"number {n}\n")) for n in range(300)))
    assert {response.status for response in responses} == {20}
    assert len(files(store)) == 300
    folders = [mode for mode in synced if mode & 0o040000]
    assert len(synced) - len(folders) == 300
    assert len(folders) < 30


async def test_a_burst_to_many_mailboxes_is_stored_whole_in_each_of_them(intake, store):
    people = [person(f"m{number}@mail.example") for number in range(20)]
    burst = [message(f"# {turn}", to=each) for turn in range(10) for each in people]
    assert {(await one).status for one in asyncio.as_completed(map(intake, burst))} == {20}
    for each in people:
        subjects = {GemmailMessage.from_bytes(envelope.to_gemmail(data)).subject for data in files(
            store, account=each.address.address
        )}  # fmt: skip
        assert subjects == {str(turn) for turn in range(10)}


def refuse(monkeypatch, number):
    def fsync(_handle):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("misfin.store.mail.maildir.os.fsync", fsync)


@pytest.mark.parametrize("number", [28, 30, 122], ids=["disk full", "read-only", "quota"])
async def test_what_cannot_be_stored_is_refused_for_now_and_leaves_nothing(
    intake, store, monkeypatch, number, caplog
):
    store.create("ada@mail.example")
    refuse(monkeypatch, number)
    response = await intake(message())
    assert response.status == 41
    assert files(store) == []
    assert os.listdir(store.root / "ada@mail.example" / "tmp") == []
    assert "could not be stored" in caplog.text
    monkeypatch.undo()
    assert (
        await intake(message())
    ).status == 20  # the same message again is not a duplicate of one never stored
    assert len(files(store)) == 1


async def test_one_full_mailbox_does_not_hurt_the_others(intake, store):
    store.create("ada@mail.example")
    for part in ("tmp", "new", "cur"):
        (store.root / "ada@mail.example" / part).rmdir()
        (store.root / "ada@mail.example" / part).write_text("in the way")
    bad, good = await asyncio.gather(intake(message()), intake(message(to=CAL)))
    assert (bad.status, good.status) == (41, 20)


async def test_everything_filed_is_sealed(intake, store):
    await asyncio.gather(*(intake(message(f"number {n}\n")) for n in range(3)))
    seals = Seals(store.root)
    assert [seals.is_sealed(data) for data in files(store)] == [True] * 3
    assert {envelope.read(data).verification["sender"] for data in files(store)} == {"verified"}


async def test_without_a_usable_key_nothing_is_filed_and_the_sender_tries_again(store):
    (store.root.parent / "seal.key").write_bytes(b"damaged")
    intake = Intake(LocalInbox(store), Seals(store.root))
    assert (await intake(message())).status == 41
    await intake.close()
    assert store.accounts() == [] or files(store) == []


async def test_closing_stores_what_was_taken(store):
    intake = Intake(LocalInbox(store), Seals(store.root))
    taken = [asyncio.create_task(intake(message(f"{n}\n"))) for n in range(50)]
    await asyncio.sleep(0)
    await intake.close()
    assert {(await task).status for task in taken} == {20}
    assert len(files(store)) == 50
    assert (await intake(message("later\n"))).status == 20  # and it can be used again
    await intake.close()


async def test_a_receiver_that_gives_up_waiting_harms_nobody(intake, store):
    waiting = asyncio.create_task(intake(message()))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (await intake(message("another\n"))).status == 20
    assert len(files(store)) == 2


async def test_a_sender_that_is_given_up_does_not_take_its_twin_along(intake, store):
    first = asyncio.create_task(intake(message()))
    await asyncio.sleep(0)
    second = asyncio.create_task(intake(message()))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).status == 20
    assert (await intake(message())).status == 20
    assert len(files(store)) == 1


async def test_one_message_nobody_can_file_does_not_take_its_batch_along(intake, store, monkeypatch):
    real = intake_module.wrap

    def poisoned(message, **more):
        if b"poison" in message:
            raise RuntimeError("a bug")
        return real(message, **more)

    monkeypatch.setattr(intake_module, "wrap", poisoned)
    messages = [message("one\n"), message("poison\n"), message("three\n")]
    good, bad, also_good = await asyncio.gather(*map(intake, messages), return_exceptions=True)
    assert (good.status, also_good.status) == (20, 20)
    assert isinstance(bad, RuntimeError)
    assert len(files(store)) == 2


async def test_a_mailbox_moved_away_while_we_run_is_made_again(intake, store, tmp_path):
    await intake(message("one\n"))
    (store.root / "ada@mail.example").rename(tmp_path / "elsewhere")
    statuses = [(await intake(message(f"{n}\n"))).status for n in range(2)]
    assert statuses[-1] == 20
    assert files(store)


async def test_hostile_text_cannot_leave_its_message(intake, store):
    nasty = "# a\r\nBcc: x@y.example\r\n\x00\x1b[2J\u202e\n\n.\nFrom nobody\n"
    await intake(message(nasty))
    (data,) = files(store)
    gemmail = email.message_from_bytes(data, policy=email.policy.default)
    assert "Bcc" not in gemmail
    assert envelope.to_gemmail(data).endswith(nasty.replace("\r\n", "\n").encode())


async def test_a_copy_that_another_process_takes_in_the_same_second_comes_to_the_same_file(store):
    several = [Intake(LocalInbox(store), Seals(store.root), shared=True) for _ in range(2)]
    for number, each in enumerate(several):
        for received in (NOW, NOW + 0.5, NOW + 1.0):
            assert (await each(message(received=received))).status == 20
        assert (await each(message("# Other\n\nText\n"))).status == 20
        assert (await each(message(to=CAL))).status == 20
        assert len(files(store)) == 3, number
    assert len(files(store, account="cal@mail.example")) == 1
    for each in several:
        await each.close()


async def test_a_copy_that_cannot_be_stored_leaves_the_one_that_was_answered_before(store, monkeypatch):
    several = [Intake(LocalInbox(store), Seals(store.root), shared=True) for _ in range(2)]
    assert (await several[0](message())).status == 20

    def broken(_folder):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("misfin.store.mail.maildir_writing.sync_folder", broken)
    assert (await several[1](message())).status == 41
    assert len(files(store)) == 1
    assert (await several[1](message("# Other\n\nText\n"))).status == 41
    assert len(files(store)) == 1
    for each in several:
        await each.close()
