"""Misfin as a transport: what it reads, measures, writes and answers, without a connection."""

from __future__ import annotations

import time
from io import BytesIO
from pathlib import Path

import pytest
from peers import person

from misfin.errors import AddressError, LocalError, MessageTooLargeError
from misfin.model.account import AddressKind
from misfin.model.gemmail import Version
from misfin.model.recipient import AddressKindError
from misfin.net.client import HostOverride
from misfin.post.misfin import MisfinTransport
from misfin.post.transport import Answer, How, Recipient, Stored, Transport
from misfin.store.evidence import Evidence
from misfin.store.identities import IdentityStore
from misfin.store.message.envelope import wrap
from misfin.store.outgoing.attachments import AttachedFile, key_of
from misfin.store.outgoing.deliveries import Outgoing
from misfin.store.outgoing.drafts import Draft
from misfin.store.rows import MessageRow
from misfin.trust.pins import PinBook

ADA = person("ada@mail.example Ada")
BOB = Recipient("bob@hive.test", "hive.test:1958")


@pytest.fixture
def pins():
    with PinBook(None) as pins:
        yield pins


@pytest.fixture
def identities(tmp_path):
    store = IdentityStore(tmp_path / "identities")
    store.save(ADA)
    return store


@pytest.fixture
def misfin(pins, identities) -> Transport:
    return MisfinTransport(identities, pins)


def draft(**facts):
    return Draft(**{"account": "ada@mail.example", "to": ("bob@hive.test",), "body": "Text\n", **facts})


@pytest.mark.parametrize(
    ("text", "recipient"),
    [
        ("bob@HIVE.test Bob", Recipient("bob@hive.test", "hive.test:1958", "Bob")),
        ("misfin:bob@hive.test:1960", Recipient("bob@hive.test:1960", "hive.test:1960")),
        ("bob@hive.test:1958", BOB),
        ("bob@[::1]", Recipient("bob@[::1]", "[::1]:1958")),
    ],
)
def test_an_address_has_one_form_and_its_host_is_the_route(misfin, text, recipient):
    assert misfin.parse(text) == recipient
    assert misfin.parse(recipient.address).route == recipient.route


def test_what_is_not_a_misfin_address_is_refused(misfin):
    with pytest.raises(AddressError):
        misfin.parse("bob")
    with pytest.raises(AddressKindError) as caught:
        misfin.parse("mailto:bob@example.org")
    assert caught.value.kind is AddressKind.MAIL


def test_a_message_is_composed_once_for_all_and_kept_whole(misfin):
    composed = misfin.compose(
        draft(to=("bob@hive.test", "cal@x.example:1960", "bob@HIVE.test"), subject="Hi")
    )
    assert composed.kept == b"\nbob@hive.test, cal@x.example\n\n# Hi\n\nText\n"
    assert (composed.subject, composed.size) == ("Hi", len(composed.kept))
    assert [each.address for each in composed.to] == ["bob@hive.test", "cal@x.example:1960"]
    composed.write(file := BytesIO())
    assert file.getvalue() == composed.kept


@pytest.mark.parametrize(
    ("facts", "error"),
    [
        ({"to": ()}, AddressError),
        ({"to": ("hal",)}, AddressError),
        ({"body": "x" * 16384}, MessageTooLargeError),
        ({"cc": ("cal@x.example",)}, LocalError),
        ({"bcc": ("cal@x.example",)}, LocalError),
        ({"attachments": (AttachedFile(key_of(b"x"), "x.pdf", 1),)}, LocalError),
    ],
)
def test_what_misfin_cannot_carry_is_not_left_out_in_silence(misfin, facts, error):
    with pytest.raises(error):
        misfin.compose(draft(**facts))
    if error is LocalError:
        assert "cannot have Cc" in misfin.measure(draft(**facts), [BOB]).problem


def test_the_meter_shows_the_recipient_with_the_least_room(misfin, pins):
    assert misfin.measure(draft(), []).limit == 16384
    pins.remember("old.test", 1958, now=time.time(), speaks=Version.B)
    found = misfin.measure(draft(), [BOB, Recipient("cal@old.test", "old.test:1958")])
    assert (found.limit, found.host) == (2048, "old.test")


def test_the_meter_counts_the_sender_line_for_hosts_known_to_want_it(pins, identities):
    plain = MisfinTransport(identities, pins).measure(draft(), [BOB])
    named = MisfinTransport(identities, pins, sender_lines=["hive.test"]).measure(draft(), [BOB])
    assert named.size - plain.size == len("ada@mail.example Ada")


def test_the_meter_goes_by_the_version_the_settings_force(pins, identities):
    hosts = {"hive.test": HostOverride(version=Version.B)}
    assert MisfinTransport(identities, pins, hosts=hosts).measure(draft(), [BOB]).limit == 2048


def test_a_received_message_is_answered_or_passed_on(misfin):
    received = b"bob@hive.test Bob\nada@mail.example, cal@x.example\n2026-11-20T10:00:00Z\n# Plan\n\nMeet?\n"
    data = wrap(received, version=Version.C, account=ADA.address, now=ADA.info.not_before)
    row = MessageRow(
        1, "1", "ada@mail.example", "Inbox", "Bob", "bob@hive.test", (), "Plan", 0.0, False, False, (),
        Evidence.UNPROVEN, 1, len(data), Path("x"),
    )  # fmt: skip
    stored, own = Stored(data, row), ["ada@mail.example"]
    assert misfin.answer(stored, Answer(How.REPLY), own).to == ("bob@hive.test Bob",)
    everyone = misfin.answer(stored, Answer(How.REPLY_ALL, quoted="", signature="-- Ada"), own)
    assert everyone.to == ("bob@hive.test Bob", "cal@x.example")
    assert everyone.body == "\n\n-- Ada\n"
    assert misfin.answer(stored, Answer(How.FORWARD), own).forwards == received


def test_screens_learn_what_misfin_can_do_from_its_capabilities(misfin):
    can = misfin.capabilities
    assert (can.split, can.forward_unchanged, can.batch, can.keep) == (True, True, 1, 0.0)
    assert (can.cc, can.bcc, can.attachments, can.html) == (False,) * 4


def test_an_account_with_a_name_sends_as_the_identity_behind_it(pins, identities):
    behind = {"work": "ada@mail.example"}
    misfin = MisfinTransport(identities, pins, address_of=behind.__getitem__, sender_lines=["hive.test"])
    plain = MisfinTransport(identities, pins).measure(draft(account="work"), [BOB])
    assert misfin.measure(draft(account="work"), [BOB]).size > plain.size
    outgoing = Outgoing(
        "g", AddressKind.MISFIN, "work", ("bob@hive.test",), (), (), (), "", b"\n\n\nHi\n", b"", 0.0
    )
    misfin.sent_copy(outgoing).write(file := BytesIO())
    assert b"From: Ada <ada@mail.example>" in file.getvalue()
