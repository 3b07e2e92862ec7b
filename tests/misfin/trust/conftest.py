"""Certificates no honest tool would make, for the tests of the trust room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

KEYS: dict[str, Callable[[], object]] = {
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ed448": ed448.Ed448PrivateKey.generate,
}
START = datetime(2024, 1, 1, tzinfo=UTC)
END = datetime(2049, 1, 1, tzinfo=UTC)


def build(
    *,
    users: Sequence[str] = ("ada",),
    names: Sequence[str] = ("Ada Example",),
    san: Sequence[x509.GeneralName] | None = (x509.DNSName("mail.example"),),
    key: str = "ed25519",
    start: datetime = START,
    end: datetime = END,
    ca: bool | None = False,
) -> x509.Certificate:
    """A self-signed certificate with any names at all, unchecked."""
    private = KEYS[key]()
    attributes = [x509.NameAttribute(NameOID.USER_ID, u, _validate=False) for u in users]
    attributes += [x509.NameAttribute(NameOID.COMMON_NAME, n, _validate=False) for n in names]
    name = x509.Name(attributes)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(end)
    )
    if san is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName(list(san)), critical=False)
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, None), critical=True)
    edwards = isinstance(private, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)
    return builder.sign(private, None if edwards else hashes.SHA256())


@pytest.fixture
def make_der() -> Callable[..., bytes]:
    return lambda **names: build(**names).public_bytes(Encoding.DER)


@pytest.fixture
def certificate_with_key() -> Callable[[str], x509.Certificate]:
    return lambda key: build(key=key)
