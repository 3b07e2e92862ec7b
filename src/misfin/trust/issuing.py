"""Makes the certificate of an identity, signed with its own key or by its host (docs/protocol.md §4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import NameOID

from misfin.errors import IdentityError

if TYPE_CHECKING:
    from misfin.model.address import MisfinAddress
    from misfin.trust.certificate import CertificateInfo

PrivateKey = (
    ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey
)
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey | ed448.Ed448PublicKey

# Valid from a little before now, because the other side's clock may be behind ours.
_BACKDATED: Final = timedelta(hours=1)
_END_OF_TIME: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CertificateSigner:
    """Who signs a certificate: what that one's own says, and the key to it."""

    info: CertificateInfo
    key: PrivateKey


def build_certificate(
    address: MisfinAddress,
    hosts: Sequence[str],
    key: PrivateKey | PublicKey,
    now: datetime,
    days: int,
    *,
    ca: bool = False,
    signer: CertificateSigner | None = None,
) -> x509.Certificate:
    """A certificate for names that :func:`~misfin.trust.identity.check_names` accepts.

    Without ``signer`` the ``key`` must be the private one. With it, the certificate is not valid for
    longer than the signer's. Raises :class:`IdentityError`.
    """
    not_before = now - _BACKDATED
    not_after = _END_OF_TIME if days > (_END_OF_TIME - now).days else now + timedelta(days=days)
    try:
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.USER_ID, address.mailbox),
                x509.NameAttribute(NameOID.COMMON_NAME, address.blurb or address.mailbox),
            ]
        )
        alternative = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
    except ValueError as error:
        raise IdentityError(
            f"The name {address.long_form!r} does not fit in a certificate.",
            remedy="Use at most 64 characters for the name.",
        ) from error
    issuer = subject
    if signer is not None:
        issuer = x509.load_der_x509_certificate(signer.info.der).subject
        not_after = min(not_after, signer.info.not_after)
    signing_key = key if signer is None else signer.key
    assert isinstance(signing_key, PrivateKey)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key() if isinstance(key, PrivateKey) else key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(alternative, critical=False)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(signing_key, _hash_for(signing_key))
    )


def _hash_for(key: PrivateKey) -> hashes.SHA256 | None:
    """The hash to sign with; None for Edwards curves, which have their own."""
    return None if isinstance(key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey) else hashes.SHA256()
