"""Signatures hold if somebody else's library or the RFC made them, and break with any change."""

from __future__ import annotations

import base64
import time

import dkim as dkimpy
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from mailsigning import MESSAGE, ed25519_record, rsa_key, rsa_record, sign, sign_ed25519

from misfin.email.authorship.dkim import MAX_SIGNATURES, SignatureState, signatures, verify
from misfin.email.authorship.header import split

PASS, BROKEN, WEAK, NO_KEY = (
    SignatureState.PASS,
    SignatureState.BROKEN,
    SignatureState.WEAK,
    SignatureState.NO_KEY,
)
RFC_8463 = b"""\
DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :
 date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3
 DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz
 dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
"""
RFC_KEYS = {
    "brisbane": b"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
    "test": b"v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWR"
    b"iGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutAC"
    b"DfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3"
    b"Ip3G+2kryOTIKT+l/K4w3QIDAQAB",
}


def states(data: bytes, *records: bytes) -> list[SignatureState]:
    fields, body = split(data)
    found = signatures(fields)
    return [(each and verify(each, fields, body, records)) or SignatureState.UNUSABLE for each in found]


def test_the_signatures_of_the_standard_hold():
    for data in (RFC_8463, RFC_8463.replace(b"\n", b"\r\n")):
        fields, body = split(data)
        found = signatures(fields)
        assert [each.selector for each in found] == ["brisbane", "test"]
        assert [verify(each, fields, body, [RFC_KEYS[each.selector]]) for each in found] == [PASS, PASS]
        changed = body.replace(b"game", b"came")
        assert [verify(each, fields, changed, [RFC_KEYS[each.selector]]) for each in found] == [BROKEN] * 2


WAYS = st.sampled_from([b"simple", b"relaxed"])
TEXT = st.text("ab \t\r\n.", max_size=80).map(lambda text: "\r\n".join(text.splitlines()).encode())


@settings(max_examples=60, deadline=None)
@given(WAYS, WAYS, TEXT, st.text("ab \t", max_size=30))
def test_what_another_library_signs_holds_here_and_the_other_way_round(head, body, text, subject):
    message = MESSAGE.replace(b"Notes", b"x" + subject.encode() + b"x").partition(b"\r\n\r\n")[0]
    message += b"\r\n\r\n" + text + (b"\r\n" if text else b"")  # every message sent ends in one
    key = rsa_key(1024)
    signed = sign(message, key=key, canonicalize=(head, body))
    record = rsa_record(key)
    theirs = dkimpy.verify(signed, dnsfunc=lambda *_args, **_more: record, minkey=1024)
    assert theirs
    assert states(signed, record) == [PASS]
    if text:
        assert states(signed.replace(b"\r\n", b"\n"), record) == [PASS]  # as it is stored


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Subject: Notes", b"Subject: Bills"),
        (b"ada@example.org", b"eve@example.org"),
        (b"here they are", b"here they were"),
        (b"d=example.org", b"d=example.com"),
        (b"\r\n\r\nHello", b"\r\nX: y\r\n\r\nOh\r\nHello"),
    ],
)
def test_any_change_breaks_it(old, new):
    signed = sign()
    assert old in signed
    (state,) = states(signed.replace(old, new), rsa_record(rsa_key()))
    assert state is (SignatureState.UNUSABLE if old.startswith(b"d=") else BROKEN)


def test_another_key_no_key_and_a_withdrawn_key():
    signed = sign()
    assert states(signed, rsa_record(rsa_key(1024))) == [BROKEN]
    assert states(signed) == [NO_KEY]
    for record in (
        b"v=DKIM1; p=",
        b"v=DKIM2; p=" + rsa_record(rsa_key()).partition(b"p=")[2],
        rsa_record(rsa_key()) + b"; h=sha1",
        rsa_record(rsa_key()) + b"; s=other",
        rsa_record(rsa_key()).replace(b"k=rsa", b"k=ed25519"),
        b"\xff" * 200,
        b";" * 8000,
    ):
        assert states(signed, record) == [NO_KEY]
    assert states(signed, b"something else", rsa_record(rsa_key())) == [PASS]


@pytest.mark.parametrize("bits", [1, 8, 512, 1023, 20_000])
def test_keys_of_odd_sizes_never_pass_and_take_no_time(bits):
    def der(tag: int, data: bytes) -> bytes:
        size = len(data)
        length = bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2)
        return bytes([tag]) + length + data

    modulus = ((1 << bits) - 1).to_bytes(bits // 8 + 1)
    key = der(0x30, der(2, modulus) + der(2, b"\x01\x00\x01"))
    started = time.process_time()
    (state,) = states(sign(), b"v=DKIM1; p=" + base64.b64encode(key))
    assert state in (WEAK, NO_KEY)
    assert time.process_time() - started < 2


def test_a_record_of_64_kib_is_no_key():
    assert states(sign(), rsa_record(rsa_key()) + b" " * 65536) == [NO_KEY]


def test_a_short_key_is_weak():
    fields, body = split(sign())
    (signature,) = signatures(fields)
    short = (
        b"v=DKIM1; p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBALVUtd3tbXUEnFgSmM0p9u7s2zPqJy0Y"
        b"0wq0jjZbZ0dH0mKJt3kHjBpVwKuCA9m1fxQCuPwqkVm3fCB2o0ZJVy8CAwEAAQ=="
    )
    assert verify(signature, fields, body, [short]) in (WEAK, NO_KEY)


def test_a_body_that_is_left_open_is_weak():
    assert states(sign(length=True), rsa_record(rsa_key())) == [WEAK]


def test_ed25519():
    key = Ed25519PrivateKey.generate()
    signed = sign_ed25519(MESSAGE, "example.org", key)
    assert states(signed, ed25519_record(key)) == [PASS]
    assert states(signed, ed25519_record(Ed25519PrivateKey.generate())) == [BROKEN]
    assert states(signed, b"v=DKIM1; k=ed25519; p=AAAA") == [NO_KEY]


@pytest.mark.parametrize(
    "value",
    [
        "",
        "v=1",
        "v=2; a=rsa-sha256; d=example.org; s=s; h=from; bh=AA==; b=AA==",
        "v=1; a=rsa-sha256; d=org; s=s; h=from; bh=AA==; b=AA==",
        "v=1; a=rsa-sha256; d=example.org; s=s; h=to; bh=AA==; b=AA==",
        "v=1; a=rsa-sha256; d=example.org; s=../../x; h=from; bh=AA==; b=AA==",
        "v=1; a=rsa-sha256; d=example.org; s=s; h=from; bh=AA==; b=AA==; b=BB==",
        "v=1; a=rsa-sha256; d=example.org; i=@other.org; s=s; h=from; bh=AA==; b=AA==",
        "v=1; a=none; d=example.org; s=s; h=from; bh=AA==; b=AA==",
        "v=1; a=rsa-sha256; d=example.org; s=s; h=from; bh=!!; b=AA==",
        "v=1; a=rsa-sha256; d=example.org; s=s; h=from" + ":x" * 600 + "; bh=AA==; b=AA==",
        "x" * 20_000,
    ],
)
def test_what_is_not_a_signature_is_none(value):
    fields, _ = split(b"DKIM-Signature: " + value.encode() + b"\r\n" + MESSAGE)
    assert signatures(fields) == [None]


def test_many_signatures_and_fields_and_long_runs_of_spaces_are_bounded():
    field = b"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=s; h=from; bh=AA==; b=AA==\r\n"
    fields, _ = split(field * 1000 + MESSAGE)
    assert len(signatures(fields)) == MAX_SIGNATURES
    assert split(field * 5000 + MESSAGE)[0] == []
    started = time.process_time()
    assert states(sign() + b" " * 8_000_000 + b"x", rsa_record(rsa_key())) == [BROKEN]
    assert time.process_time() - started < 20


@given(st.binary(max_size=400))
def test_any_bytes_may_be_checked(data):
    for each in (data, b"DKIM-Signature: " + data + b"\r\n" + MESSAGE):
        fields, body = split(each)
        for signature in signatures(fields):
            if signature is not None:
                assert verify(signature, fields, body, [data]) is not PASS


def test_a_signature_expires_when_it_says_so():
    key = ed25519.Ed25519PrivateKey.generate()
    fields, body = split(sign_ed25519(MESSAGE, "example.org", key, "t=1000; x=2000; "))
    (signature,) = signatures(fields)
    assert signature is not None
    assert verify(signature, fields, body, [ed25519_record(key)]) is PASS
    assert not signature.expired_by(2000)
    assert not signature.expired_by(2200)  # clocks differ
    assert signature.expired_by(3000)
    (endless,) = signatures(split(sign())[0])
    assert endless is not None
    assert not endless.expired_by(1e12)


@pytest.mark.parametrize("tags", ["t=2; x=1; ", "x=-1; ", "x=; ", "x=soon; ", "t=1e3; ", f"x={'9' * 500}; "])
def test_times_that_make_no_sense_are_no_signature(tags):
    key = ed25519.Ed25519PrivateKey.generate()
    assert signatures(split(sign_ed25519(MESSAGE, "example.org", key, tags))[0]) == [None]
