"""Identities, certificates with private keys: creates, imports and checks them (docs/protocol.md §4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from misfin.errors import IdentityEncryptedError, IdentityError
from misfin.model.address import MisfinAddress
from misfin.trust.certificate import CertificateInfo, quiet, read_certificate, signed_by
from misfin.trust.fingerprint import normalize_fingerprint
from misfin.trust.issuing import CertificateSigner, PrivateKey, build_certificate
from misfin.valueclass import dataclass

__all__ = [
    "CertificateInfo",
    "Identity",
    "KeyKind",
    "MisfinIdentity",
    "PrivateKey",
    "check",
    "extract_identity",
    "generate",
    "generate_identity_cert",
    "identity_from_pem",
    "normalize_fingerprint",
    "read_certificate",
    "signed_by",
]

# A new certificate makes every server that pins answer 63, so one lasts a century (docs/protocol.md §4.2).
SOON = timedelta(days=30)
"""How long before it expires a person should be reminded to renew an identity."""
DEFAULT_DAYS = 36500
DEFAULT_RSA_BITS = 2048
# Many times the size of a certificate chain with the longest RSA key.
_MAX_PEM = 1024 * 1024

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----[^-]{1,200000}-----END CERTIFICATE-----")
_KEY = re.compile(
    rb"-----BEGIN ((?:RSA |EC |ENCRYPTED )?PRIVATE KEY)-----(?:[^-]|-(?!----)){1,200000}-----END \1-----"
)


class KeyKind(StrEnum):
    """The kinds of key an identity can be created with: P-256, Ed25519, RSA (docs/protocol.md §4.2)."""

    EC = "ec"
    ED25519 = "ed25519"
    RSA = "rsa"


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate and its private key (docs/protocol.md §4).

    ``info`` is what the certificate says; ``cert_pem`` and ``key_pem`` are PEM. The key is not encrypted, so
    it is secret and left out of the repr. It is empty for a mailbox whose owner keeps it (requests.py).
    """

    info: CertificateInfo
    cert_pem: bytes = field(repr=False)
    key_pem: bytes = field(repr=False)

    @property
    def address(self) -> MisfinAddress:
        """The address this identity sends and receives as; raises :class:`IdentityError` if it has none."""
        address = self.info.address
        if address is None:
            raise IdentityError(
                "The certificate names no Misfin address: " + " ".join(self.info.problems),
                remedy="Create a new identity with `misfin-tui identity new ADDRESS`.",
            )
        return address

    @property
    def pem(self) -> bytes:
        """Certificate and key as one file. Secret: store it with mode 0600."""
        return self.cert_pem + self.key_pem

    def private_key(self) -> PrivateKey:
        """The key as an object of the ``cryptography`` package."""
        return _load_key(self.key_pem, None)


@dataclass(frozen=True, slots=True)
class MisfinIdentity:
    """The names in a certificate: mailbox (UID), host (first DNS name), blurb (CN).

    See docs/protocol.md §4.1.
    """

    mailbox: str
    hostname: str
    blurb: str = ""

    @property
    def address(self) -> str:
        """``mailbox@hostname``"""
        return f"{self.mailbox}@{self.hostname}"

    @property
    def long_form(self) -> str:
        """``Blurb (mailbox@hostname)``, or just the address if there is no blurb."""
        return f"{self.blurb} ({self.address})" if self.blurb else self.address


def generate(
    address: MisfinAddress,
    *,
    now: datetime,
    key: KeyKind = KeyKind.EC,
    days: int = DEFAULT_DAYS,
    ca: bool = False,
    signed_by: Identity | None = None,
    rsa_bits: int = DEFAULT_RSA_BITS,
) -> Identity:
    """Create a new identity for ``address``; its blurb becomes the common name (docs/protocol.md §4.2).

    ``now`` is an aware datetime; ``days`` is the validity. ``ca`` creates a host's own identity, which may
    sign mailboxes; ``signed_by`` is such an identity of the same host. Raises :class:`IdentityError` for
    names that do not fit in a certificate or a signer that may not sign.
    """
    if rsa_bits < 2048:
        raise IdentityError("An RSA key needs at least 2048 bits; most servers refuse less.")
    return _certified(address, (address.hostname,), lambda: _new_key(key, rsa_bits), now, days, ca, signed_by)


def renew(
    identity: Identity, *, now: datetime, days: int = DEFAULT_DAYS, signed_by: Identity | None = None
) -> Identity:
    """The same names and key in a new certificate, valid for ``days`` from ``now``, an aware datetime.

    Programs that compare keys see the same one; programs that compare certificates see a change. A
    certificate signed by another identity needs that signer as ``signed_by``. Raises :class:`IdentityError`.
    """
    info = identity.info
    if signed_by is None and info.issuer != info.subject:
        raise IdentityError(
            f"The certificate was signed by {info.issuer or 'another identity'}, who alone can renew it.",
            remedy="Ask them for a new certificate and import it.",
        )
    hosts = info.hosts or (identity.address.hostname,)
    return _certified(identity.address, hosts, identity.private_key, now, days, info.is_ca, signed_by)


def _certified(
    address: MisfinAddress,
    hosts: Sequence[str],
    make_key: Callable[[], PrivateKey],
    now: datetime,
    days: int,
    ca: bool,
    signed_by: Identity | None,
) -> Identity:
    check_names(address, days, signed_by)
    private = make_key()
    return _identity(
        build_certificate(address, hosts, private, now, days, ca=ca, signer=signer_of(signed_by)), private
    )


def signer_of(identity: Identity | None) -> CertificateSigner | None:
    """An identity as what signs others; None for None."""
    return None if identity is None else CertificateSigner(identity.info, identity.private_key())


def check_names(address: MisfinAddress, days: int, signed_by: Identity | None) -> None:
    """Raise :class:`IdentityError` for what cannot be certified, or not by ``signed_by``."""
    if not 1 <= days <= 3_000_000:
        raise IdentityError("An identity must be valid for at least one day.")
    if signed_by is not None:
        _check_signer(signed_by, address)
    check_name(address.blurb or address.mailbox)


def identity_from_pem(
    cert_pem: bytes, key_pem: bytes | None = None, password: bytes | None = None
) -> Identity:
    """Import an identity from one or two PEM texts, with certificate and key in either.

    Of several certificates (a chain), the one that belongs to the key is used. Raises
    :class:`IdentityEncryptedError` if the password is missing or wrong, and :class:`IdentityError` if
    certificate or key is missing, unreadable or does not match the other.
    """
    text = cert_pem + b"\n" + (key_pem or b"")
    if len(text) > _MAX_PEM:
        raise IdentityError("The file is too large to be an identity.")
    found = _KEY.search(text)
    blocks = _CERTIFICATE.findall(text)
    if not blocks:
        raise IdentityError(
            "There is no certificate in the file.",
            remedy="An identity is a PEM file with a CERTIFICATE and a PRIVATE KEY in it.",
        )
    if found is None:
        raise IdentityError(
            "There is no private key in the file.",
            remedy="Give the file with the private key too.",
        )
    private = _load_key(found.group(0), password)
    public = _public_bytes(private.public_key())
    readable = False
    for block in blocks:
        try:
            with quiet():
                certificate = x509.load_pem_x509_certificate(block)
            readable = True
            same = _public_bytes(certificate.public_key()) == public
        except (ValueError, UnsupportedAlgorithm):
            continue
        if same:
            return _identity(certificate, private)
    if not readable:
        raise IdentityError("The certificate in the file is damaged.")
    raise IdentityError(
        "The private key does not belong to the certificate.",
        remedy="Give the certificate and the key of the same identity.",
    )


def check(identity: Identity, now: datetime) -> list[str]:
    """Reasons why other servers may refuse an identity, one sentence each (docs/protocol.md §4.3)."""
    info = identity.info
    complaints = []
    if info.not_before > now:
        complaints.append(f"It is not valid before {info.not_before:%Y-%m-%d}; servers may answer 62.")
    if info.not_after < now:
        complaints.append(f"It expired on {info.not_after:%Y-%m-%d}; servers may answer 62.")
    complaints.extend(info.problems)
    kind, _, bits = info.key.partition("-")
    if kind == "RSA" and int(bits) < 2048:
        complaints.append(f"Its RSA key has only {bits} bits; many servers refuse it.")
    return complaints


def expires_soon(identity: Identity, now: datetime) -> str:
    """A warning if it expires within :data:`SOON`; empty if later, or if it has expired."""
    end = identity.info.not_after
    if not now <= end <= now + SOON:
        return ""
    return f"It expires on {end:%Y-%m-%d}: renew it in time."


def extract_identity(certificate: x509.Certificate) -> MisfinIdentity:
    """Mailbox, host and blurb of a certificate object of the ``cryptography`` package.

    Raises :class:`IdentityError` if it names no Misfin address.
    """
    info = read_certificate(certificate.public_bytes(serialization.Encoding.DER))
    if info.address is None:
        raise IdentityError("The certificate names no Misfin address: " + " ".join(info.problems))
    return MisfinIdentity(info.mailbox, info.hostname, info.blurb)


def generate_identity_cert(
    mailbox: str,
    hostname: str,
    blurb: str = "",
    key_size: int | None = None,
    valid_days: int = DEFAULT_DAYS,
    *,
    now: datetime | None = None,
) -> tuple[bytes, bytes]:
    """Create a self-signed identity and return (certificate, key) in PEM.

    P-256 by default; RSA with ``key_size`` bits if given. ``valid_days`` counts from ``now``, an aware
    datetime, by default the current time. Raises :class:`AddressError` and :class:`IdentityError` as
    :func:`generate`.
    """
    identity = generate(
        MisfinAddress(mailbox, hostname, blurb),
        now=now or datetime.now(UTC),
        key=KeyKind.EC if key_size is None else KeyKind.RSA,
        days=valid_days,
        rsa_bits=key_size or DEFAULT_RSA_BITS,
    )
    return identity.cert_pem, identity.key_pem


def check_name(blurb: str) -> None:
    """Raise :class:`IdentityError` for a display name that is not allowed (docs/protocol.md §4.2)."""
    if "," in blurb or not blurb.isprintable():
        raise IdentityError(
            "A display name must not contain commas or control characters.",
            remedy="Choose a name without them.",
        )


def _check_signer(signer: Identity, address: MisfinAddress) -> None:
    if not signer.info.is_ca:
        raise IdentityError(
            "Only the identity of a host (created with --ca) may sign mailboxes.",
            remedy="Choose another signer, or create one with `misfin-tui identity new ADDRESS --ca`.",
        )
    if not signer.info.covers(address.hostname):
        raise IdentityError(
            f"The signer is for {signer.info.hostname or 'no host'}, not for {address.hostname}.",
            remedy="Choose a signer for the same host.",
        )


def _new_key(kind: KeyKind, rsa_bits: int) -> PrivateKey:
    match kind:
        case KeyKind.EC:
            return ec.generate_private_key(ec.SECP256R1())
        case KeyKind.ED25519:
            return ed25519.Ed25519PrivateKey.generate()
        case KeyKind.RSA:
            return rsa.generate_private_key(public_exponent=65537, key_size=rsa_bits)


def _load_key(pem: bytes, password: bytes | None) -> PrivateKey:
    encrypted = b"ENCRYPTED" in pem.partition(b"\n\n")[0]
    try:
        key = serialization.load_pem_private_key(pem, password if encrypted else None)
    except TypeError as error:
        raise IdentityEncryptedError("The private key is encrypted.") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        if encrypted and password is not None:
            raise IdentityEncryptedError("The password for the private key is wrong.") from error
        raise IdentityError("The private key in the file is damaged or of an unknown type.") from error
    if not isinstance(key, PrivateKey):
        raise IdentityError("The private key is of a type TLS cannot use.")
    return key


def _public_bytes(key: object) -> bytes:
    if not hasattr(key, "public_bytes"):
        raise ValueError("no public key")
    encoded: bytes = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return encoded


def _identity(certificate: x509.Certificate, private: PrivateKey) -> Identity:
    return Identity(
        info=read_certificate(certificate.public_bytes(serialization.Encoding.DER)),
        cert_pem=certificate.public_bytes(serialization.Encoding.PEM),
        key_pem=private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )
