"""A seal holds for every way to store a message and for nothing else: no change, no other key, no forgery."""

from __future__ import annotations

import binascii
import hmac
import re
from datetime import UTC, datetime

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from misfin.model.address import MisfinAddress
from misfin.model.gemmail import Version
from misfin.store.message.envelope import is_gemmail, read, wrap, wrap_sent
from misfin.store.message.headers import quoted_printable
from misfin.store.message.seal import is_sealed, seal

KEY, OTHER = b"k" * 32, b"o" * 32
ADA = MisfinAddress("ada", "mail.example", "Ada")
BEA = MisfinAddress("bea", "hive.example", "Bea Worker")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
WORDS = {"sender": "verified", "confirmed": "host", "certificate": "pass", "pin": "match"}
BODIES = st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode))
COVERED = [
    "Misfin-Version",
    "Misfin-Senders",
    "Misfin-Timestamps",
    "Misfin-Verification",
    "Delivered-To",
    "From",
    "To",
    "Date",
    "Subject",
    "Message-ID",
]


def received(body: bytes = b"# Notes\n\nText.\n") -> bytes:
    return wrap(
        b"bea@hive.example Bea\n\n2026-11-20T11:00:00Z\n" + body,
        version=Version.C,
        account=ADA,
        now=NOW,
        verification=WORDS,
        received_from="192.0.2.7",
        received_by="mail.example",
    )


def sent(body: bytes = b"# Notes\n\nText.\n") -> bytes:
    return wrap_sent(b"\n\n\n" + body, version=Version.C, account=ADA, to=[BEA], now=NOW)


SEALED = seal(received(), KEY)


@given(BODIES, st.sampled_from([received, sent]))
def test_a_sealed_message_is_the_same_message_and_its_seal_holds(body, made):
    data = made(body)
    sealed = seal(data, KEY)
    assert is_sealed(sealed, KEY)
    assert not is_sealed(data, KEY)
    assert not is_sealed(sealed, OTHER)
    assert seal(sealed, KEY) == sealed
    assert is_sealed(seal(sealed, OTHER), OTHER)
    assert not is_sealed(seal(sealed, OTHER), KEY)
    assert is_gemmail(sealed)
    before, after = read(data), read(sealed)
    assert (before.gemmail, before.verification) == (after.gemmail, after.verification)


@given(BODIES)
def test_line_ends_folds_and_what_programs_add_do_not_matter(body):
    sealed = seal(received(body), KEY)
    head, _, rest = sealed.partition(b"\n\n")
    crlf = sealed.replace(b"\n", b"\r\n")
    assert is_sealed(crlf, KEY)
    assert is_sealed(head.replace(b"\n", b"\r\n") + b"\r\n\r\n" + rest, KEY)
    folded = re.sub(rb"^(Subject|From|Misfin-Verification): (.)", rb"\1:\n \2", head, flags=re.M)
    assert is_sealed(folded + b"\n\n" + rest, KEY)
    more = head + b"\nStatus: RO\nX-Keywords: work\nX-UID: 12"
    assert is_sealed(more + b"\n\n" + rest, KEY)
    assert is_sealed(seal(crlf, KEY), KEY)
    if b"8bit" in head:
        coded = (
            head.replace(b"Encoding: 8bit", b"Encoding: quoted-printable") + b"\n\n" + quoted_printable(rest)
        )
        assert is_sealed(coded, KEY)


@given(st.integers(0, len(SEALED) - 1), st.integers(0, 255))
def test_no_byte_can_become_another_one(at, byte):
    changed = bytearray(SEALED)
    assume(changed[at] != byte)
    changed[at] = byte
    data = bytes(changed)
    if is_sealed(data, KEY):
        # Only what the seal does not cover, and nothing that is read from a sealed message.
        before, after = read(SEALED), read(data)
        assert (before.gemmail, before.verification) == (after.gemmail, after.verification)
        for name in COVERED:
            key = name.lower()
            assert before.fields.get(key, b"").split() == after.fields.get(key, b"").split()


@pytest.mark.parametrize("name", COVERED)
def test_a_covered_field_cannot_be_changed_taken_away_doubled_or_moved(name):
    field = re.compile(rb"^%s:.*\n(?:[ \t].*\n)*" % name.encode(), re.M)
    (line,) = field.findall(SEALED)
    assert not is_sealed(field.sub(line.rstrip(b"\n") + b"x\n", SEALED), KEY)
    assert not is_sealed(field.sub(b"", SEALED), KEY)
    assert not is_sealed(field.sub(line * 2, SEALED), KEY)
    head, blank, body = field.sub(b"", SEALED).partition(b"\n\n")
    lines = head.split(b"\n")
    place = 1 if name in ("Message-ID", "Subject") else len(lines)
    moved = b"\n".join([*lines[:place], line.rstrip(b"\n"), *lines[place:]])
    assert not is_sealed(moved + blank + body, KEY)


@pytest.mark.parametrize(
    "more", ["Cc: eve@x.example", "Misfin-Held: yes", "misfin-x: y", "From: eve@x.example"]
)
def test_a_field_that_would_say_more_breaks_it(more):
    assert not is_sealed(SEALED.replace(b"\n\n", f"\n{more}\n\n".encode(), 1), KEY)
    first, newline, rest = SEALED.partition(b"\n")
    assert not is_sealed(first + newline + more.encode() + b"\n" + rest, KEY)


def test_the_body_cannot_be_read_in_another_way():
    data = seal(received(b"=41 is not A\n"), KEY)
    assert not is_sealed(data.replace(b"8bit", b"quoted-printable"), KEY)
    first, newline, rest = data.partition(b"\n")
    assert not is_sealed(first + newline + b"Content-Transfer-Encoding: quoted-printable\n" + rest, KEY)
    assert not is_sealed(data + b"more\n", KEY)
    assert not is_sealed(data[:-5], KEY)


def digest_of(data: bytes) -> bytes:
    (found,) = re.findall(rb"b=\s*([0-9a-f]+)", data.replace(b"\n ", b""))
    return found


def with_seals(*values: bytes) -> bytes:
    """The message under these seals, each a raw value."""
    head = b"".join(b"Misfin-Seal: %s\n" % value for value in values)
    first, newline, rest = received().partition(b"\n")
    return first + newline + head + rest


def test_of_several_seals_one_has_to_hold():
    good = b"v=1; a=hmac-sha256; b=" + digest_of(SEALED)
    other = b"v=1; a=hmac-sha256; b=" + digest_of(seal(received(), OTHER))
    signed = b"v=1; a=ed25519; b=abcd; c=MIIB"
    assert is_sealed(with_seals(good), KEY)
    assert is_sealed(with_seals(signed, good), KEY)
    assert is_sealed(with_seals(other, good), KEY)
    assert is_sealed(with_seals(other, good), OTHER)
    assert not is_sealed(with_seals(other, signed), KEY)
    assert not is_sealed(with_seals(*[other] * 5000, good), KEY)  # nobody has that many


@pytest.mark.parametrize(
    "change",
    [
        lambda good: good.replace(b"v=1", b"v=2"),
        lambda good: good.replace(b"v=1; ", b""),
        lambda good: good.replace(b"hmac-sha256", b"none"),
        lambda good: good.replace(b"hmac-sha256", b"hmac-sha1"),
        lambda good: good[:-1],
        lambda good: good[:-64],
        lambda good: good + b"00",
        lambda good: good + b"; b=" + b"0" * 64,
        lambda good: good.replace(b"b=", b"b=zz"),
        lambda good: good + b"; " + b"x" * 4_000_000,
        lambda good: b"",
        lambda good: b"\xff\0;;;==",
    ],
)
def test_what_is_not_exactly_a_seal_is_none(change):
    good = b"v=1; a=hmac-sha256; b=" + digest_of(SEALED)
    assert is_sealed(with_seals(good), KEY)
    assert not is_sealed(with_seals(change(good)), KEY)


def test_a_digest_over_something_else_is_no_seal():
    plain = hmac.digest(KEY, received(), "sha256")
    assert not is_sealed(with_seals(b"v=1; a=hmac-sha256; b=" + binascii.hexlify(plain)), KEY)


@given(st.binary(max_size=300))
def test_any_bytes_may_be_asked_about(data):
    for each in (data, b"Misfin-Version: C\n" + data, b"Misfin-Version: C\nMisfin-Seal: " + data):
        assert not is_sealed(each, KEY)
