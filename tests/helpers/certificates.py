"""Certificates for tests: K of docs/protocol.md §10.4 with its key, and any an enemy could make."""

from __future__ import annotations

import ipaddress
import warnings
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from misfin.trust.certificate import read_certificate
from misfin.trust.identity import Identity, identity_from_pem

K_PEM = b"""-----BEGIN CERTIFICATE-----
MIIBLTCB4KADAgECAgEBMAUGAytlcDArMRMwEQYKCZImiZPyLGQBAQwDYWRhMRQw
EgYDVQQDDAtBZGEgRXhhbXBsZTAeFw0yNDAxMDEwMDAwMDBaFw00OTAxMDEwMDAw
MDBaMCsxEzARBgoJkiaJk/IsZAEBDANhZGExFDASBgNVBAMMC0FkYSBFeGFtcGxl
MCowBQYDK2VwAyEAA6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbijKTAn
MBcGA1UdEQQQMA6CDG1haWwuZXhhbXBsZTAMBgNVHRMBAf8EAjAAMAUGAytlcANB
ANT1zLXXSlr5nftvMqVs5jsW5TkDwhtolw6T+oeZL9BmDqVDUqkqdNVSgnvjS/kc
/OitiR6egMUjO1ud16mqAAY=
-----END CERTIFICATE-----
"""
K_KEY = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))

KEYS: dict[str, Callable[[], object]] = {
    "k": lambda: K_KEY,
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ed448": ed448.Ed448PrivateKey.generate,
}
START = datetime(2024, 1, 1, tzinfo=UTC)
END = datetime(2049, 1, 1, tzinfo=UTC)
MAIL = (x509.DNSName("mail.example"),)


def certificate_k() -> Identity:
    """K with its private key, the seed bytes 00..1f."""
    return identity_from_pem(K_PEM, K_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def build(
    *,
    users: Sequence[str] = ("ada",),
    names: Sequence[str] = ("Ada Example",),
    san: Sequence[x509.GeneralName] | None = MAIL,
    key: str = "ed25519",
    start: datetime = START,
    end: datetime = END,
    ca: bool | None = False,
    serial: int = 1,
) -> Identity:
    """A self-signed certificate with any names at all, unchecked, and its key."""
    private = KEYS[key]()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        attributes = [x509.NameAttribute(NameOID.USER_ID, u, _validate=False) for u in users]
        attributes += [x509.NameAttribute(NameOID.COMMON_NAME, n, _validate=False) for n in names]
    name = x509.Name(attributes)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(serial)
        .not_valid_before(start)
        .not_valid_after(end)
    )
    if san is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName(list(san)), critical=False)
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, None), critical=True)
    edwards = isinstance(private, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)
    certificate = builder.sign(private, None if edwards else hashes.SHA256())
    return Identity(
        read_certificate(certificate.public_bytes(Encoding.DER)),
        certificate.public_bytes(Encoding.PEM),
        private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


def alternative_names(items: Sequence[str]) -> list[x509.GeneralName]:
    """``DNS:...`` and ``IP:...`` as the openssl command writes them."""
    found: list[x509.GeneralName] = []
    for item in items:
        kind, _, value = item.partition(":")
        found.append(x509.DNSName(value) if kind == "DNS" else x509.IPAddress(ipaddress.ip_address(value)))
    return found
