"""The three hashes Misfin programs call "fingerprint", and how to compare them (docs/protocol.md §4.4)."""

from __future__ import annotations

from misfin.errors import IdentityError
from misfin.model.fingerprint import normalize_fingerprint
from misfin.valueclass import dataclass

__all__ = ["Fingerprints", "fingerprints_of", "matches", "normalize_fingerprint"]

_SEQUENCE = 0x30
_BIT_STRING = 0x03
_VERSION = 0xA0


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """SHA-256 hashes of one certificate, each 64 lower-case hex digits.

    ``cert`` is over the whole DER (servers send this one, and it is displayed), ``spki`` over the
    SubjectPublicKeyInfo, ``key`` over the bits of the public key alone.
    """

    cert: str
    spki: str
    key: str


def fingerprints_of(der: bytes) -> Fingerprints:
    """Hash a DER certificate in the three ways in use.

    The public key is cut out of the encoding and not re-encoded, so unknown kinds of key can be hashed too.
    Raises :class:`IdentityError` for bytes that are not an X.509 certificate.
    """
    import hashlib  # late: it loads OpenSSL, and fingerprints are often only compared

    spki, bits = _public_key(der)
    return Fingerprints(
        cert=hashlib.sha256(der).hexdigest(),
        spki=hashlib.sha256(spki).hexdigest(),
        key=hashlib.sha256(bits).hexdigest(),
    )


def matches(meta: str, fingerprints: Fingerprints) -> str | None:
    """Which of a certificate's hashes is in ``meta``, or None.

    The result is ``"certificate"``, ``"public key"`` or ``"key bits"``.
    """
    value = normalize_fingerprint(meta)
    if not value:
        return None
    for kind, known in (
        ("certificate", fingerprints.cert),
        ("public key", fingerprints.spki),
        ("key bits", fingerprints.key),
    ):
        if value == known:
            return kind
    return None


def _public_key(der: bytes) -> tuple[bytes, bytes]:
    """The SubjectPublicKeyInfo of a certificate and the key bits in it (RFC 5280 §4.1)."""
    view = memoryview(der)
    _, certificate, rest = _element(view, _SEQUENCE)
    if rest:
        raise IdentityError("There are bytes after the end of the certificate.")
    _, tbs, _ = _element(certificate, _SEQUENCE)
    if tbs and tbs[0] == _VERSION:
        _, _, tbs = _element(tbs, _VERSION)
    for _ in ("serialNumber", "signature", "issuer", "validity", "subject"):
        _, _, tbs = _element(tbs)
    spki, inside, _ = _element(tbs, _SEQUENCE)
    _, _, after_algorithm = _element(inside, _SEQUENCE)
    _, bits, _ = _element(after_algorithm, _BIT_STRING)
    return bytes(spki), bytes(bits[1:])  # the first content byte counts unused bits


def _element(data: memoryview, tag: int | None = None) -> tuple[memoryview, memoryview, memoryview]:
    """Split off one DER element: (whole, contents, rest)."""
    if len(data) < 2 or (tag is not None and data[0] != tag):
        raise _not_a_certificate()
    length, start = data[1], 2
    if length & 0x80:
        count = length & 0x7F
        # Four length bytes already allow 4 GiB; 0 is BER's indefinite length, which DER forbids.
        if not 1 <= count <= 4 or len(data) < 2 + count:
            raise _not_a_certificate()
        start += count
        length = int.from_bytes(data[2:start], "big")
    end = start + length
    if end > len(data):
        raise _not_a_certificate()
    return data[:end], data[start:end], data[end:]


def _not_a_certificate() -> IdentityError:
    return IdentityError("These bytes are not an X.509 certificate.")
