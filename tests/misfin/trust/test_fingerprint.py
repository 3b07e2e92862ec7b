"""The three hashes called "fingerprint": computed from the encoding, compared in any notation."""

import hashlib
from contextlib import suppress

import pytest
from certificates import build, certificate_k
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from misfin.errors import IdentityError
from misfin.trust.fingerprint import fingerprints_of, matches, normalize_fingerprint

F1 = "57cf42ae3d1e8dc33b179a016ae3bc55f3454ced06dcfd279896c28bee036041"
F2 = "a050837d85070582ccf7394b0988847cc312cb88259b894899f6f239cf1791a5"
F3 = "56475aa75463474c0285df5dbf2bcab73da651358839e9b77481b2eab107708c"
DER = certificate_k().info.der


def test_the_three_hashes_of_certificate_k():
    fingerprints = fingerprints_of(DER)
    assert (fingerprints.cert, fingerprints.spki, fingerprints.key) == (F1, F2, F3)


def test_k6_a_meta_in_any_notation_matches_and_says_how():
    fingerprints = fingerprints_of(DER)
    capitals = ":".join(F1[i : i + 2] for i in range(0, 64, 2)).upper()
    assert matches(capitals, fingerprints) == "certificate"
    assert matches(f"sha256:{F2}", fingerprints) == "public key"
    assert matches(F3, fingerprints) == "key bits"
    assert matches("0" * 64, fingerprints) is None
    assert matches("Confirmation sent", fingerprints) is None


@pytest.mark.parametrize("key", ["p256", "p384", "rsa", "ed25519", "ed448"])
def test_the_key_cut_from_the_encoding_is_the_one_the_library_encodes(key):
    der = build(key=key).info.der
    certificate = x509.load_der_x509_certificate(der)
    spki = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert fingerprints_of(der).spki == hashlib.sha256(spki).hexdigest()


@given(st.binary(max_size=400))
def test_any_bytes_are_hashed_or_refused(data):
    with suppress(IdentityError):
        fingerprints_of(data)


@given(st.integers(0, len(DER) - 1), st.integers(0, 255))
def test_a_damaged_certificate_is_hashed_or_refused(index, value):
    damaged = bytearray(DER)
    damaged[index] = value
    try:
        fingerprints = fingerprints_of(bytes(damaged))
    except IdentityError:
        return
    assert fingerprints.cert == hashlib.sha256(damaged).hexdigest()


@given(st.integers(0, len(DER)))
def test_a_cut_or_lengthened_certificate_is_refused(length):
    with pytest.raises(IdentityError):
        fingerprints_of(DER[:length] if length < len(DER) else DER + b"\0")


HEX = st.text("0123456789abcdef", min_size=64, max_size=64)


@given(
    HEX,
    st.sampled_from(["", ":", " ", "-", "\t"]),
    st.sampled_from(["", "sha256:", "SHA-256:", "SHA256 Fingerprint=", "SHA-256 Fingerprint=sha256:", " "]),
    st.booleans(),
)
def test_every_notation_of_a_hash_comes_out_the_same(digits, separator, prefix, capitals):
    text = separator.join(digits[i : i + 2] for i in range(0, 64, 2))
    assert normalize_fingerprint(prefix + (text.upper() if capitals else text)) == digits


@given(st.text(max_size=300))
def test_the_normaliser_gives_a_hash_or_nothing(text):
    value = normalize_fingerprint(text)
    assert value == "" or (len(value) == 64 and normalize_fingerprint(value) == value)
