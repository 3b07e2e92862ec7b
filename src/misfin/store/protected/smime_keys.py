"""The user's own S/MIME certificates and keys: private PEM files, imported from PKCS#12 (RFC 7292).

Every call blocks. Keys are kept like those of identities: without a password, readable by the user alone.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from misfin.errors import LocalError, StoreError
from misfin.files import private_folder, write_private

MAX_FILE: Final = 1024 * 1024
"""Bytes of a PKCS#12 file, or of one kept here."""
MAX_KEYS: Final = 50
_UNSAFE: Final = re.compile(r"[^a-z0-9@._+-]|^[.-]")


@dataclass(frozen=True, slots=True)
class SmimeKey:
    """A certificate with its key. ``addresses`` are in lower case; ``not_after`` is Unix seconds."""

    path: Path
    addresses: tuple[str, ...]
    subject: str
    fingerprint: str
    """SHA-256 of the certificate, in hexadecimal digits."""
    not_before: float
    not_after: float


class SmimeKeys:
    """The folder; it need not exist."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def all(self) -> list[SmimeKey]:
        """Every certificate that can be read, the one that is valid longest first."""
        found = []
        with suppress(OSError):
            for path in sorted(self._folder.glob("*.pem"))[:MAX_KEYS]:
                with suppress(OSError, ValueError):
                    found.append(_facts(path, _read(path)))
        return sorted(found, key=lambda key: key.not_after, reverse=True)

    def for_address(self, address: str, now: float) -> SmimeKey | None:
        """The one to sign with as ``address``; None if there is none that is valid."""
        wanted = address.lower()
        return next(
            (key for key in self.all() if wanted in key.addresses and key.not_before <= now <= key.not_after),
            None,
        )

    def keep(self, data: bytes, password: bytes | None) -> SmimeKey:
        """Keep certificate, key and the certificates in between from a PKCS#12 file.

        Raises :class:`~misfin.errors.LocalError` for a wrong password, or a file without what is needed, and
        :class:`~misfin.errors.StoreError` if the disk refuses.
        """
        from cryptography.exceptions import UnsupportedAlgorithm  # late: few import a certificate
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.serialization import pkcs12

        if len(data) > MAX_FILE:
            raise LocalError("This is too large for a PKCS#12 file.")
        try:
            key, certificate, others = pkcs12.load_key_and_certificates(data, password)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise LocalError(
                "The file cannot be read: the password is wrong, or it is not a PKCS#12 file.",
                remedy="Give the password that the file was exported with.",
            ) from error
        if key is None or certificate is None:
            raise LocalError(
                "The file has no certificate with its private key.", remedy="Export it with the private key."
            )
        try:
            addresses = addresses_of(certificate)
        except ValueError as error:
            raise LocalError(
                "The certificate in the file is damaged: its addresses cannot be read."
            ) from error
        if not addresses:
            raise LocalError("The certificate is for no e-mail address.")
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        chain = (certificate, *others)
        whole = pem + b"".join(each.public_bytes(serialization.Encoding.PEM) for each in chain)
        name = _UNSAFE.sub("_", f"{addresses[0]}-{_fingerprint(certificate)[:16]}")
        path = self._folder / f"{name}.pem"
        try:
            private_folder(self._folder)
            write_private(path, whole)
        except OSError as error:
            raise StoreError(f"{path} could not be written: {error.strerror}.") from error
        return _facts(path, whole)

    def remove(self, key: SmimeKey) -> None:
        """Delete one; what was encrypted for it can no longer be read. Raises :class:`StoreError`."""
        try:
            key.path.unlink()
        except OSError as error:
            raise StoreError(f"{key.path} could not be removed: {error.strerror}.") from error


def sign(content: bytes, key: SmimeKey) -> bytes:
    """A detached signature (DER) of these very bytes, with SHA-256 and the certificates in between.

    Raises :class:`~misfin.errors.LocalError` where the key cannot sign.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import pkcs7

    try:
        pem = _read(key.path)
        private = serialization.load_pem_private_key(pem, None)
        certificate, *others = x509.load_pem_x509_certificates(pem)
    except (OSError, ValueError) as error:
        raise LocalError(f"{key.path} cannot be read: {error}.") from error
    if not isinstance(private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise LocalError("This kind of key cannot sign S/MIME messages; RSA and elliptic curves can.")
    builder = pkcs7.PKCS7SignatureBuilder().set_data(content)
    builder = builder.add_signer(certificate, private, hashes.SHA256())
    for each in others:
        builder = builder.add_certificate(each)
    options = [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary]
    return builder.sign(serialization.Encoding.DER, options)


def addresses_of(certificate: object) -> tuple[str, ...]:
    """The e-mail addresses that a certificate is for, in lower case.

    Raises ``ValueError`` for one whose extensions cannot be read.
    """
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    assert isinstance(certificate, x509.Certificate)
    found = [str(each.value) for each in certificate.subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS)]
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        found += names.value.get_values_for_type(x509.RFC822Name)
    except x509.ExtensionNotFound:
        pass
    except (x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise ValueError(str(error)) from error
    return tuple(dict.fromkeys(address.lower() for address in found))


def name_of(certificate: object) -> str:
    """Who a certificate says its owner is."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    assert isinstance(certificate, x509.Certificate)
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else certificate.subject.rfc4514_string()


def _facts(path: Path, pem: bytes) -> SmimeKey:
    from cryptography import x509

    certificate = x509.load_pem_x509_certificates(pem)[0]
    return SmimeKey(
        path,
        addresses_of(certificate),
        name_of(certificate),
        _fingerprint(certificate),
        certificate.not_valid_before_utc.timestamp(),
        certificate.not_valid_after_utc.timestamp(),
    )


def _fingerprint(certificate: object) -> str:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    assert isinstance(certificate, x509.Certificate)
    return certificate.fingerprint(hashes.SHA256()).hex()


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_FILE)
