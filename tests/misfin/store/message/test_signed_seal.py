"""A signed seal survives what mail servers do to a message, and holds for nothing that anybody else wrote."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from peers import person

from misfin.model.address import MisfinAddress
from misfin.model.gemmail import Version
from misfin.store.message import envelope
from misfin.store.message.for_mail import for_mail
from misfin.store.message.seal import seal
from misfin.store.message.signed_seal import handed_over, recipient_of, sealing_key, sign, trusted_by
from misfin.trust.identity import KeyKind, generate

ADA = person("ada@mail.example Ada")
EVE = person("eve@mail.example Eve")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
WORDS = {"sender": "verified", "confirmed": "host", "certificate": "pass", "pin": "match"}
BODIES = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=300).map(str.encode),
    st.sampled_from([b"", b"\n", b"a" * 5000, b"From me\n", b".\n..\n", b"\r\n\r", "Grüße".encode()]),
)


def received(body: bytes = b"# Notes\n\nText.\n") -> bytes:
    return envelope.wrap(
        b"bea@hive.example Bea\n\n2026-11-20T11:00:00Z\n" + body,
        version=Version.C,
        account=MisfinAddress("ada", "mail.example", "Ada"),
        now=NOW,
        verification=WORDS,
        received_from="192.0.2.7",
        received_by="mail.example",
    )


def key_of(identity):
    key = sealing_key(identity)
    assert key is not None
    return key


def delivered(data: bytes) -> bytes:
    """As a server files it: fields above, others below, and sometimes CRLF."""
    head, _, body = data.partition(b"\r\n\r\n")
    above = b"Return-Path: <>\r\nDelivered-To: ada\r\nReceived: from host\r\n\tby mx with LMTP\r\n"
    return above + head + b"\r\nX-Spam: no\r\n\r\n" + body


def trusts(*identities):
    known = {each.info.fingerprints.spki: each.address.address for each in identities}
    return known.get


@given(BODIES, st.booleans(), st.booleans())
def test_a_delivered_message_is_the_same_message_and_its_seal_holds(body, seven_bit, lf):
    made = received(body)
    sent = for_mail(sign(made, [key_of(ADA)]), seven_bit=seven_bit)
    assert all(len(line) <= 998 and b"\r" not in line for line in sent.split(b"\r\n"))
    assert sent.endswith(b"\r\n")
    assert not seven_bit or sent.partition(b"\r\n\r\n")[2].isascii()
    stored = delivered(sent)
    block = handed_over(stored.replace(b"\r\n", b"\n") if lf else stored)
    assert block is not None
    assert trusted_by(block, trusts(ADA)) == "ada@mail.example"
    assert envelope.to_gemmail(block) == envelope.to_gemmail(made)
    assert envelope.read(block).verification == WORDS
    assert recipient_of(block) == "ada@mail.example"


@pytest.mark.parametrize("kind", KeyKind)
def test_every_kind_of_identity_can_seal(kind):
    identity = generate(MisfinAddress("ada", "mail.example"), now=NOW, key=kind)
    block = handed_over(delivered(for_mail(sign(received(), [key_of(identity)]))))
    assert trusted_by(block, trusts(identity)) == "ada@mail.example"
    assert trusted_by(block, trusts(ADA)) is None


def test_one_of_several_seals_is_enough_and_there_is_one_for_each_key():
    sealed = sign(received(), [key_of(EVE), key_of(ADA), key_of(ADA)])
    assert sealed.count(b"Misfin-Seal:") == 2
    assert trusted_by(sealed, trusts(ADA)) == "ada@mail.example"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"sender=verified", b"sender=verifieD"),
        (b"From: Bea <bea@hive.example>", b"From: Bea <bob@hive.example>"),
        (b"Subject: Notes", b"Subject: Money"),
        (b"Text.", b"Text!"),
        (b"Delivered-To: ada@", b"Delivered-To: eve@"),
        (b"Delivered-To: ada@mail.example\r\n", b""),
        (b"Misfin-Version: C", b"Misfin-Version: B"),
        (b"To: Ada", b"Misfin-Verification: sender=verified\r\nTo: Ada"),
        (b"a=ecdsa-sha256", b"a=rsa-sha256"),
        (b"a=ecdsa-sha256", b"a=hmac-sha256"),
        (b"v=1", b"v=2"),
    ],
)
def test_any_change_under_the_seal_breaks_it(old, new):
    sent = delivered(for_mail(sign(received(), [key_of(ADA)])))
    assert old in sent
    block = handed_over(sent.replace(old, new))
    assert block is None or trusted_by(block, trusts(ADA)) is None


def test_fields_above_it_are_not_read_and_a_second_beginning_breaks_it():
    sent = for_mail(sign(received(), [key_of(ADA)]))
    forged = b"From: boss@bank.example\r\nSubject: Pay\r\nMisfin-Verification: sender=differs\r\n" + sent
    block = handed_over(forged)
    assert trusted_by(block, trusts(ADA)) == "ada@mail.example"
    assert b"boss" not in block
    twice = b"Misfin-Version: C\r\nFrom: boss@bank.example\r\n" + sent
    assert trusted_by(handed_over(twice), trusts(ADA)) is None


def test_a_message_without_a_seal_of_this_kind_is_not_handed_over():
    assert handed_over(received()) is None
    assert handed_over(b"Subject: Misfin-Version: C\n\nMisfin-Seal: v=1\n") is None
    mine = handed_over(seal(received(), b"k" * 32))
    assert mine is not None
    assert trusted_by(mine, lambda spki: spki) is None


@given(st.lists(st.binary(max_size=40), max_size=12), st.binary(max_size=100))
def test_whatever_stands_in_a_seal_nothing_is_raised(values, end):
    fields = [b"Misfin-Seal: v=1; a=ed25519; k=" + each for each in values]
    data = b"\n".join([b"Misfin-Version: C", *fields, b"Misfin-Seal: " + end, b"", b"text"])
    block = handed_over(data)
    assert block is None or trusted_by(block, lambda spki: spki) is None


def test_a_key_that_is_not_trusted_is_never_used(monkeypatch):
    from misfin.store.message import signed_seal

    monkeypatch.setattr(signed_seal, "_holds", lambda *_: pytest.fail("it was used"))
    block = sign(received(), [key_of(EVE)])
    assert trusted_by(block, trusts(ADA)) is None


@given(BODIES)
def test_other_programs_read_the_same_body(body):
    sent = for_mail(sign(received(body), [key_of(ADA)]))
    parsed = message_from_bytes(sent, policy=policy.SMTP)
    there = parsed.get_payload(decode=True).replace(b"\r\n", b"\n")
    assert there == envelope.halves(received(body))[1] or b"\r" in body or b"\0" in body
