"""Signs a mailbox's certificate for a key that stays with its owner: a certificate request (RFC 2986).

Nothing in a request is believed but the key, and that whoever made it has it: the operator says which mailbox
it is for, and a request that says anything else is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from misfin.errors import IdentityError
from misfin.model.address import MisfinAddress
from misfin.model.safetext import plain
from misfin.trust.certificate import quiet, read_certificate
from misfin.trust.identity import DEFAULT_DAYS, Identity, check_names, signer_of
from misfin.trust.issuing import PublicKey, build_certificate

MAX_REQUEST: Final = 64 * 1024
"""Bytes read of a request; one with the longest key has a few thousand."""
_BLOCK: Final = re.compile(
    rb"-----BEGIN ((?:NEW )?CERTIFICATE REQUEST)-----[^-]{1,60000}-----END \1-----", re.DOTALL
)
_SECRET: Final = re.compile(rb"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----")
_WEAK: Final = (hashes.MD5, hashes.SHA1)
_RSA_BITS: Final = range(2048, 8193)
_CURVES: Final = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)


def certify(
    request: bytes, address: MisfinAddress, *, signed_by: Identity, now: datetime, days: int = DEFAULT_DAYS
) -> Identity:
    """A certificate of ``address`` for the key in a request (PEM); the identity returned has no private key.

    Its display name is that of ``address``, or else the request's. ``now`` is an aware datetime, ``days`` the
    validity, which ends with the signer's. Raises :class:`IdentityError` for a request that is not for this
    mailbox, or asks for more than that; for a weak key; and for a signer that may not sign it.
    """
    found = _read(request)
    name = _checked_names(found, address)
    key = _checked_key(found, signed_by)
    address = MisfinAddress(address.mailbox, address.hostname, address.blurb or name)
    check_names(address, days, signed_by)
    if signed_by.info.hostname != address.hostname:
        raise IdentityError(
            f"The signer's own host is {signed_by.info.hostname}, and it presents no certificate for"
            f" {address.hostname}.",
            remedy=f"Create an identity for it: misfin-tui identity new postmaster@{address.hostname} --ca",
        )
    if not signed_by.info.not_before <= now <= signed_by.info.not_after:
        raise IdentityError(
            f"The host's own certificate is not valid today, but from {signed_by.info.not_before:%Y-%m-%d} to"
            f" {signed_by.info.not_after:%Y-%m-%d}.",
            remedy="Renew it first: `misfin-tui identity renew`.",
        )
    made = build_certificate(address, (address.hostname,), key, now, days, signer=signer_of(signed_by))
    info = read_certificate(made.public_bytes(serialization.Encoding.DER))
    return Identity(info, made.public_bytes(serialization.Encoding.PEM), b"")


def _read(data: bytes) -> x509.CertificateSigningRequest:
    if _SECRET.search(data):
        raise IdentityError(
            "The file contains a private key, which its owner should give to nobody.",
            remedy="Ask for a request made with a new key, and without that key.",
        )
    blocks = list(_BLOCK.finditer(data)) if len(data) <= MAX_REQUEST else []
    if len(blocks) != 1:
        raise IdentityError(
            "There is no certificate request in the file, or more than one.",
            remedy="It must contain exactly one block that begins with -----BEGIN CERTIFICATE REQUEST-----.",
        )
    try:
        with quiet():
            found = x509.load_pem_x509_csr(blocks[0].group(0).replace(b" NEW CERT", b" CERT"))
            proven = found.is_signature_valid
            weak = isinstance(found.signature_hash_algorithm, _WEAK)
    except (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature) as error:
        raise IdentityError(
            "The certificate request is damaged, or its key is of an unknown type."
        ) from error
    if not proven:
        raise IdentityError(
            "The request is not signed with its own key: whoever made it may not have the key."
        )
    if weak:
        raise IdentityError("The request is signed with MD5 or SHA-1.", remedy="Ask for one with SHA-256.")
    return found


def _checked_names(found: x509.CertificateSigningRequest, address: MisfinAddress) -> str:
    """The display name in a request that is for this mailbox of this host alone."""
    try:
        users = [str(each.value) for each in found.subject.get_attributes_for_oid(NameOID.USER_ID)]
        names = [str(each.value) for each in found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        hosts = _hosts(found)
        extensions = list(found.extensions)
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise IdentityError("What the certificate request asks for cannot be read.") from error
    if users != [address.mailbox]:
        raise IdentityError(
            f"The request is for {_said(users, 'no mailbox (UID)')}, not for {address.mailbox}.",
            remedy="A request names its mailbox once, as UID, exactly as it is in the address.",
        )
    if [each.lower() for each in hosts] != [address.hostname]:
        raise IdentityError(
            f"The request is for {_said(hosts, 'no host')}, not for {address.hostname} alone.",
            remedy="A request names one host, as its only SubjectAlternativeName (a DNS name).",
        )
    for each in extensions:
        if isinstance(each.value, x509.BasicConstraints) and each.value.ca:
            raise IdentityError("The request asks for a certificate that may sign others.")
    return names[0] if len(names) == 1 else ""


def _hosts(found: x509.CertificateSigningRequest) -> list[str]:
    """Everything the request names as a place, as text."""
    try:
        asked = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [
        str(each.value) if isinstance(each, x509.DNSName) else f"{type(each).__name__} {each.value}"
        for each in asked
    ]


def _checked_key(found: x509.CertificateSigningRequest, signer: Identity) -> PublicKey:
    try:
        key = found.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise IdentityError("The key in the request is of a type TLS cannot use.") from error
    if not isinstance(key, PublicKey):
        raise IdentityError("The key in the request is of a type TLS cannot use.")
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size not in _RSA_BITS or key.public_numbers().e < 65537:
            raise IdentityError(
                f"The RSA key has {key.key_size} bits and the exponent {key.public_numbers().e}.",
                remedy="Ask for one of 2,048 to 8,192 bits with the exponent 65,537, or for a P-256 key.",
            )
    elif isinstance(key, ec.EllipticCurvePublicKey) and not isinstance(key.curve, _CURVES):
        raise IdentityError(
            f"The key is on the curve {key.curve.name}, which other servers do not accept.",
            remedy="Ask for a key on P-256.",
        )
    public = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if key.public_bytes(*public) == signer.private_key().public_key().public_bytes(*public):
        raise IdentityError(
            "The key in the request is the host's own.", remedy="Ask for one with another key."
        )
    return key


def _said(found: Sequence[str], nothing: str) -> str:
    return plain(", ".join(found), one_line=True)[:200] or nothing
