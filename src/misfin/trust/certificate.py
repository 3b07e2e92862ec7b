"""Reads certificates tolerantly: any X.509 certificate becomes facts and a list of problems."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import field
from datetime import UTC, datetime
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import NameOID

from misfin.errors import AddressError, IdentityError
from misfin.model.address import MisfinAddress
from misfin.trust.fingerprint import Fingerprints, fingerprints_of
from misfin.valueclass import dataclass

# OpenSSL accepts chains of at most 100 KiB in a handshake; nothing longer is read from a file either.
MAX_CERTIFICATE = 100 * 1024
# Enough for any real name; more would only fill our screen, log and headers.
_MAX_TEXT = 256
_MAX_SUBJECT = 512
_MAX_HOSTS = 100

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_FAR_AWAY = datetime(9999, 12, 31, tzinfo=UTC)

_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


@dataclass(frozen=True, slots=True)
class CertificateInfo:
    """What a certificate says, as far as Misfin is concerned (docs/protocol.md §4.1).

    ``mailbox``, ``hostname`` and ``blurb`` are empty if missing or invalid. All texts have a limited length
    and no control characters; ``problems`` are short sentences in English about everything that is missing
    or odd. ``hosts`` are the DNS names in the order of the certificate, then the IP addresses.
    """

    der: bytes = field(repr=False)
    mailbox: str
    hostname: str
    blurb: str
    hosts: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    fingerprints: Fingerprints
    key: str
    subject: str
    issuer: str
    is_ca: bool
    problems: tuple[str, ...] = ()

    @property
    def address(self) -> MisfinAddress | None:
        """The Misfin address the certificate claims, with its blurb; None if it has none."""
        return _address(self.mailbox, self.hostname, self.blurb)

    def covers(self, host: str) -> bool:
        """Whether the certificate names ``host``, directly or with a wildcard for its first label."""
        host = host.lower().rstrip(".").strip("[]")
        parent = host.partition(".")[2]
        return any(name == host or (name.startswith("*.") and name[2:] == parent) for name in self.hosts)


@lru_cache(maxsize=256)  # a receiver asks for the same few addresses several times per message
def _address(mailbox: str, hostname: str, blurb: str) -> MisfinAddress | None:
    if not mailbox or not hostname:
        return None
    try:
        return MisfinAddress(mailbox, hostname, blurb)
    except AddressError:
        return None


@lru_cache(maxsize=64)
def read_certificate(der: bytes) -> CertificateInfo:
    """Read a DER certificate, tolerating everything that is still X.509.

    Raises :class:`IdentityError` only if it is not a certificate at all.
    """
    if len(der) > MAX_CERTIFICATE:
        raise IdentityError(f"The certificate is longer than {MAX_CERTIFICATE:,} bytes.")
    with quiet():
        return _read(der)


def _read(der: bytes) -> CertificateInfo:
    fingerprints = fingerprints_of(der)
    try:
        certificate = x509.load_der_x509_certificate(der)
    except (ValueError, x509.InvalidVersion) as error:
        raise IdentityError("The certificate cannot be read.") from error
    problems: list[str] = []
    not_before, not_after = _validity(certificate, problems)
    users, names = _subject_names(certificate, problems)
    hosts, first_host = _hosts(certificate, problems)
    mailbox, hostname, blurb = _identity_of(users, names, first_host, problems)
    return CertificateInfo(
        der=der,
        mailbox=mailbox,
        hostname=hostname,
        blurb=blurb,
        hosts=hosts,
        not_before=not_before,
        not_after=not_after,
        fingerprints=fingerprints,
        key=_key_name(certificate, problems),
        subject=_name_text(certificate, "subject"),
        issuer=_name_text(certificate, "issuer"),
        is_ca=_is_ca(certificate),
        problems=tuple(problems),
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Keep cryptography's warnings about odd certificates off stderr: strangers must not write there."""
    with _QUIET, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


_QUIET = threading.Lock()  # catch_warnings changes state that all threads share


def signed_by(certificate: CertificateInfo, authority: CertificateInfo) -> bool:
    """Whether ``authority`` is a CA certificate that issued ``certificate`` (docs/protocol.md §4.1).

    Checks the issuer name and the signature, but neither host names nor validity.
    """
    if not authority.is_ca:
        return False
    try:
        with quiet():
            child = x509.load_der_x509_certificate(certificate.der)
            parent = x509.load_der_x509_certificate(authority.der)
            child.verify_directly_issued_by(parent)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _identity_of(users: list[str], names: list[str], host: str, problems: list[str]) -> tuple[str, str, str]:
    """Mailbox, host and blurb by docs/protocol.md §4.1, or from CN=user@host (docs/protocol.md §4.2)."""
    if len(users) > 1:
        problems.append("It names several mailboxes (UID); the first one is used.")
    user = users[0] if users else ""
    name = names[0] if names else ""
    if not user and name.count("@") == 1:
        user, _, named_host = name.partition("@")
        problems.append("It names its mailbox in the common name (CN), which some servers refuse.")
        if host and host != named_host.lower():
            problems.append(f"Its common name says {_shown(named_host)}, its DNS name {host}.")
        if _is_mailbox(user, named_host):
            return user, named_host.lower(), ""
        problems.append("Its common name is not a Misfin address.")
        return "", host, ""
    if not user:
        problems.append("It names no mailbox (UID).")
    elif not _is_mailbox(user, "mail.example"):
        problems.append("Its mailbox (UID) contains characters that are not allowed in a Misfin address.")
        user = ""
    if not name:
        problems.append("It names no person (CN).")
    # Misfin servers repeat the mailbox if no blurb was given; that is not a blurb.
    return user, host, "" if name == user else _shown(name)


def _is_mailbox(mailbox: str, host: str) -> bool:
    if not mailbox.isprintable() or len(mailbox) > _MAX_TEXT:
        return False
    try:
        MisfinAddress(mailbox, host)
    except AddressError:
        return False
    return True


def _subject_names(certificate: x509.Certificate, problems: list[str]) -> tuple[list[str], list[str]]:
    """The values of UID and CN, unchanged."""
    try:
        subject = certificate.subject
    except ValueError:
        problems.append("Its subject cannot be read.")
        return [], []
    users = [str(a.value) for a in subject.get_attributes_for_oid(NameOID.USER_ID)]
    names = [str(a.value) for a in subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    return users, names


def _hosts(certificate: x509.Certificate, problems: list[str]) -> tuple[tuple[str, ...], str]:
    """Every host of the SAN, and the one that belongs to the identity (the first DNS name)."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        general = list(extension.value)
    except x509.ExtensionNotFound:
        problems.append("It names no host (no DNS name).")
        return (), ""
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        problems.append("Its host names cannot be read.")
        return (), ""
    dns = [str(name.value) for name in general if isinstance(name, x509.DNSName)]
    addresses = [str(name.value) for name in general if isinstance(name, x509.IPAddress)]
    if not dns:
        problems.append("It names no host (no DNS name).")
    elif not isinstance(general[0], x509.DNSName):
        problems.append("Its first alternative name is not a DNS name, which some servers refuse.")
    if len(dns) > 1:
        problems.append(f"It names {len(dns)} hosts; the first one is used.")
    clean = [_host(name) for name in dns]
    if not all(clean):
        problems.append("One of its host names contains characters that are not allowed.")
    first = clean[0] if clean and _is_mailbox("a", clean[0]) else ""
    kept = [name for name in clean if name] + addresses
    return tuple(kept[:_MAX_HOSTS]), first


def _host(name: str) -> str:
    """A DNS name in lower case without trailing dot; empty if it is invalid."""
    name = name.rstrip(".").lower()
    return name if name.isascii() and name.isprintable() and " " not in name and len(name) < 256 else ""


def _validity(certificate: x509.Certificate, problems: list[str]) -> tuple[datetime, datetime]:
    try:
        return certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except ValueError:
        problems.append("Its dates cannot be read.")
        return _FAR_AWAY, _LONG_AGO  # never valid


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return False


def _key_name(certificate: x509.Certificate, problems: list[str]) -> str:
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        problems.append("Its public key is of an unsupported kind.")
        return "unknown"
    return key_name(key)


def key_name(key: object) -> str:
    """A short name for a public key: ``P-256``, ``RSA-2048``, ``Ed25519``..."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _CURVES.get(key.curve.name, key.curve.name)
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA-{key.key_size}"
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "Ed25519"
    if isinstance(key, ed448.Ed448PublicKey):
        return "Ed448"
    return "unknown"


def _name_text(certificate: x509.Certificate, which: str) -> str:
    try:
        name = certificate.subject if which == "subject" else certificate.issuer
        text = name.rfc4514_string()
    except ValueError:
        return ""
    return _shown(text, _MAX_SUBJECT)


def _shown(text: str, limit: int = _MAX_TEXT) -> str:
    """Untrusted text, shortened and with every control or invisible character made visible."""
    text = text[: limit + 1]
    if not text.isprintable():
        text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return text if len(text) <= limit else text[: limit - 1] + "…"
