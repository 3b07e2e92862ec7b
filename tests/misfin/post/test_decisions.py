"""Decisions about certificates are made without a screen, and set in motion what waited for them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from certificates import build
from cryptography.x509 import DNSName
from outgoing import claimed, finish, recipients

from misfin.errors import LocalError
from misfin.model.address import MisfinAddress
from misfin.model.gemmail import Version
from misfin.post import decisions
from misfin.store.mail.maildir import MailStore
from misfin.store.message import envelope
from misfin.store.outgoing.deliveries import DeliveryState, Outcome, Question, Transcript
from misfin.store.outgoing.outbox import Outbox
from misfin.trust.certificate import CertificateInfo
from misfin.trust.pins import PinBook
from misfin.trust.tofu import PinKind

ADA = MisfinAddress.parse("ada@mail.example")
BEA = "bea@hive.test"
HOST = "hive.test:1958"
NOW = 1_800_000_000.0


def certificate(user: str = "bea") -> CertificateInfo:
    """One of somebody at hive.test, with a key of its own."""
    return build(users=(user,), names=(user.title(),), san=(DNSName("hive.test"),)).info


OLD, NEW, THIRD = certificate(), certificate(), certificate()


class Desk(NamedTuple):
    pin_book: PinBook
    outbox_queue: Outbox
    store: MailStore

    def hold(self, subject: str, shown: CertificateInfo = NEW) -> str:
        """A message held because of this key."""
        data = envelope.wrap(
            f"{BEA}\n\n2027-01-15T08:00:00Z\n# {subject}\n\ntext\n".encode(),
            version=Version.C,
            account=ADA,
            now=datetime.now(UTC),
            certificate=shown,
            verification={"sender": "changed", "held": "another key"},
        )
        return self.store.folder(ADA.address, "Held").deliver(data).key

    def queue(self, question: Question = Question.CHANGED_CERTIFICATE) -> int:
        """A message of ours that waits for a decision about the host."""
        (row,) = self.outbox_queue.enqueue(
            account=ADA.address, recipients=recipients(BEA), message=b"\n\n\nHi\n", subject="Hi", now=NOW
        )
        claim = claimed(self.outbox_queue, NOW)
        assert claim is not None
        about_trust = question in (Question.CHANGED_CERTIFICATE, Question.FIRST_USE)
        pin = {"pin_name": HOST, "pinned": OLD.fingerprints.spki} if about_trust else {}
        asked = Outcome(DeliveryState.HELD, "changed", question=question, **pin)
        finish(self.outbox_queue, claim, asked, Transcript(), NOW)
        return row

    def keys(self, folder: str) -> set[str]:
        return {entry.key for entry in self.store.folder(ADA.address, folder).list()}

    def state(self, row_id: int) -> DeliveryState:
        row = self.outbox_queue.row(row_id)
        assert row is not None
        return row.state


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Host and sender are pinned under an old key, and presented a new one."""
    made = Desk(PinBook(tmp_path / "trust.db"), Outbox(tmp_path / "outbox.db"), MailStore(tmp_path / "mail"))
    made.store.create(ADA.address)
    for kind, name in ((PinKind.HOST, HOST), (PinKind.SENDER, BEA)):
        made.pin_book.record(kind, name, OLD, how="first use", now=NOW)
        made.pin_book.offer(kind, name, NEW, now=NOW + 1)
    yield made
    made.pin_book.close()
    made.outbox_queue.close()


def approve(desk: Desk, kind: PinKind, name: str, fingerprint: str = NEW.fingerprints.cert) -> int:
    return decisions.approve(desk, kind, name, fingerprint, where="in a test", now=NOW + 9)


def test_everything_that_waits_is_listed_with_what_waits_for_it(desk: Desk) -> None:
    row, key = desk.queue(), desk.hold("One")
    asked = {each.kind: each for each in decisions.questions(desk, now=NOW + 5)}
    assert [waiting.id for waiting in asked[PinKind.HOST].waiting] == [row]
    assert [(held.key, held.subject) for held in asked[PinKind.SENDER].held] == [(key, "One")]
    for each in asked.values():
        assert each == decisions.question(desk, each.kind, each.name, now=NOW + 5)
        assert (each.shown, each.pin and each.pin.cert_sha256) == (NEW, OLD.fingerprints.cert)


def test_where_nothing_waits_there_is_no_question(desk: Desk) -> None:
    assert decisions.question(desk, PinKind.HOST, "other.test:1958", now=NOW) is None
    with pytest.raises(LocalError, match="No certificate"):
        approve(desk, PinKind.HOST, "other.test:1958")
    assert decisions.refuse(desk, PinKind.HOST, "other.test:1958", now=NOW) == 0


def test_an_approved_sender_is_pinned_and_their_held_messages_come_in(desk: Desk) -> None:
    key = desk.hold("One")
    other = desk.hold("Another key", THIRD)
    stranger = desk.hold("Another person", certificate("cy"))
    assert approve(desk, PinKind.SENDER, BEA) == 1
    pin = desk.pin_book.get(PinKind.SENDER, BEA)
    assert pin is not None
    assert (pin.cert_sha256, pin.how) == (NEW.fingerprints.cert, "approved in a test")
    assert (desk.keys("Inbox"), desk.keys("Held")) == ({key}, {other, stranger})
    assert decisions.question(desk, PinKind.SENDER, BEA, now=NOW) is None


def test_an_approved_host_gets_what_waited_for_it(desk: Desk) -> None:
    row, unrelated = desk.queue(), desk.queue(Question.TOO_LARGE)
    assert approve(desk, PinKind.HOST, HOST) == 1
    assert (desk.state(row), desk.state(unrelated)) == (DeliveryState.WAITING, DeliveryState.HELD)


def test_a_certificate_presented_meanwhile_is_not_approved_unseen(desk: Desk) -> None:
    key = desk.hold("One")
    desk.pin_book.offer(PinKind.SENDER, BEA, THIRD, now=NOW + 2)
    with pytest.raises(LocalError, match="nothing was changed"):
        approve(desk, PinKind.SENDER, BEA)
    pin = desk.pin_book.get(PinKind.SENDER, BEA)
    assert pin is not None
    assert pin.cert_sha256 == OLD.fingerprints.cert
    assert desk.keys("Held") == {key}


def test_a_refused_sender_keeps_the_pin_and_the_held_messages_go_to_the_trash(desk: Desk) -> None:
    key = desk.hold("One")
    assert decisions.refuse(desk, PinKind.SENDER, BEA, now=NOW) == 1
    assert desk.keys("Trash") == {key}
    pin = desk.pin_book.get(PinKind.SENDER, BEA)
    assert pin is not None
    assert pin.cert_sha256 == OLD.fingerprints.cert
    assert [each.kind for each in decisions.questions(desk, now=NOW)] == [PinKind.HOST]


def test_what_waits_for_a_refused_host_is_cancelled_and_nothing_else(desk: Desk) -> None:
    row, unrelated = desk.queue(), desk.queue(Question.TOO_LARGE)
    assert decisions.refuse(desk, PinKind.HOST, HOST, now=NOW) == 1
    assert (desk.state(row), desk.state(unrelated)) == (DeliveryState.CANCELLED, DeliveryState.HELD)


def test_one_held_message_can_come_in_alone(desk: Desk) -> None:
    first, second = desk.hold("One"), desk.hold("Two")
    message = next(each for each in decisions.held_messages(desk.store) if each.key == first)
    decisions.release(desk.store, message)
    decisions.release(desk.store, message)  # no longer held: left alone
    assert (desk.keys("Inbox"), desk.keys("Held")) == ({first}, {second})


def test_a_file_that_the_receiver_did_not_write_is_no_obstacle(desk: Desk) -> None:
    desk.store.folder(ADA.address, "Held").deliver(b"From: x@y.test\n\nhello\n")
    key = desk.hold("One")
    assert [each.key for each in decisions.held_messages(desk.store)] == [key]
    assert approve(desk, PinKind.SENDER, BEA) == 1
