"""The seal of a message that goes to another server: a signature, so others can check it (docs/trust.md §8).

``Misfin-Seal: v=1; a=ecdsa-sha256; k=PUBLIC; b=SIGNATURE`` covers what the seal of seal.py does. Servers put
fields of their own above the message when they file it; it does not cover those. So the message begins at the
first ``Misfin-Version:``, wherever that stands in the header.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64encode
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeVar

from misfin.store.message import fields, seal
from misfin.store.message.envelope import halves
from misfin.store.sha256 import sha256

if TYPE_CHECKING:
    from misfin.trust.identity import Identity

MAX_MESSAGE: Final = 1024 * 1024
"""Bytes of a message that is looked at; a gemmail has some thousand."""
_MAX_HEAD: Final = 128 * 1024
_MAX_KEY: Final = 640
"""Bytes of a public key: RSA with 4,096 bits has 550."""
_MAX_SEAL: Final = 4096
_KEYS_KEPT: Final = 1024
_START: Final = re.compile(rb"^Misfin-Version:", re.MULTILINE | re.IGNORECASE)
_VALUE: Final = re.compile(rb"v=1;a=([a-z0-9-]{1,20});k=([A-Za-z0-9+/=]{1,900});b=([A-Za-z0-9+/=]{1,900})")

Trusted = TypeVar("Trusted")


@dataclass(frozen=True, slots=True)
class SealingKey:
    """A key that signs: its algorithm, its public half (DER, SubjectPublicKeyInfo) and what signs bytes."""

    algorithm: bytes
    public: bytes
    sign: Callable[[bytes], bytes]


def sealing_key(identity: Identity) -> SealingKey | None:
    """The key of an identity; None if it is of a kind or size that seals nothing."""
    return _sealing_key(identity.key_pem)


@lru_cache(maxsize=_KEYS_KEPT)  # opening a key takes longer than signing with it
def _sealing_key(key_pem: bytes) -> SealingKey | None:
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        PublicFormat,
        load_pem_private_key,
    )

    try:
        private = load_pem_private_key(key_pem, None)
    except (ValueError, TypeError):
        return None
    public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    found = _signer(private)
    return None if found is None or len(public) > _MAX_KEY else SealingKey(found[0], public, found[1])


def _signer(private: object) -> tuple[bytes, Callable[[bytes], bytes]] | None:
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    match private:
        case ec.EllipticCurvePrivateKey():
            return b"ecdsa-sha256", lambda data: private.sign(data, ec.ECDSA(SHA256()))
        case ed25519.Ed25519PrivateKey():
            return b"ed25519", private.sign
        case ed448.Ed448PrivateKey():
            return b"ed448", private.sign
        case rsa.RSAPrivateKey():
            return b"rsa-sha256", lambda data: private.sign(data, PKCS1v15(), SHA256())
    return None


def sign(data: bytes, keys: Iterable[SealingKey]) -> bytes:
    """A stored Misfin message (``Misfin-Version:`` first) under a seal of each key, and no others."""
    values = []
    for key in {each.public: each for each in keys}.values():
        signature = key.sign(seal.covered(data, key.algorithm)[0])
        words = (key.algorithm, b64encode(key.public), b64encode(signature))
        values.append(b"v=1; a=%s; k=%s; b=%s" % words)
    return seal.with_seals(data, values)


def handed_over(data: bytes) -> bytes | None:
    """The Misfin message in a stored e-mail, as it left the receiver; None if there is none with a seal.

    That proves nothing yet: see :func:`trusted_by`. Never raises.
    """
    if len(data) > MAX_MESSAGE or seal.NAME.encode() not in data[:_MAX_HEAD]:
        return None
    head, body = halves(data)
    start = _START.search(head)
    return None if start is None else head[start.start() :] + b"\n\n" + body


def recipient_of(block: bytes) -> str:
    """The mailbox a message was received for; empty unless it names exactly one."""
    people = fields.people(fields.split(block)[0].get("delivered-to", []))
    return people[0].address if len(people) == 1 else ""


def trusted_by(block: bytes, trusted: Callable[[str], Trusted | None]) -> Trusted | None:
    """What ``trusted`` says of the first key that sealed this message; None if none it trusts did.

    It is asked with the SHA-256 of a public key (64 hex digits) before anything is computed with that key.
    Never raises because of the message.
    """
    for value in seal.covered(block, b"")[1][: seal.MOST_SEALS]:
        found = _VALUE.fullmatch(b"".join(value.split())) if len(value) <= _MAX_SEAL else None
        if found is None:
            continue
        try:
            public, signature = (binascii.a2b_base64(each, strict_mode=True) for each in found.groups()[1:])
        except binascii.Error:
            continue
        answer = trusted(sha256(public).hexdigest())
        if answer is not None and _holds(found[1], public, signature, seal.covered(block, found[1])[0]):
            return answer
    return None


def _holds(algorithm: bytes, public: bytes, signature: bytes, data: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    with suppress(InvalidSignature, UnsupportedAlgorithm, ValueError):
        match algorithm, load_der_public_key(public):
            case b"ecdsa-sha256", ec.EllipticCurvePublicKey() as key:
                key.verify(signature, data, ec.ECDSA(SHA256()))
            case b"ed25519", ed25519.Ed25519PublicKey() as key:
                key.verify(signature, data)
            case b"ed448", ed448.Ed448PublicKey() as key:
                key.verify(signature, data)
            case b"rsa-sha256", rsa.RSAPublicKey() as key:
                key.verify(signature, data, PKCS1v15(), SHA256())
            case _:
                return False
        return True
    return False
