"""E-mails with real DKIM signatures, and the DNS that has their keys."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache

import dkim
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from misfin.email.dnsrecords import DNSError

MESSAGE = (
    b"From: Ada <ada@example.org>\r\nTo: bob@example.net\r\nSubject: Notes\r\n"
    b"Date: Fri, 20 Nov 2026 12:00:00 +0000\r\nMessage-ID: <1@example.org>\r\n\r\n"
    b"Hello  Bob,\r\n\r\nhere they are. \r\n\r\n\r\n"
)


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def rsa_record(key: rsa.RSAPrivateKey) -> bytes:
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)


def sign(
    message: bytes = MESSAGE,
    domain: str = "example.org",
    *,
    key: rsa.RSAPrivateKey | None = None,
    canonicalize: tuple[bytes, bytes] = (b"relaxed", b"relaxed"),
    **more: object,
) -> bytes:
    """The message under a signature that somebody else's library makes, with the selector ``s``."""
    private = (key or rsa_key()).private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return dkim.sign(message, b"s", domain.encode(), private, canonicalize=canonicalize, **more) + message


def sign_ed25519(message: bytes, domain: str, key: ed25519.Ed25519PrivateKey, tags: str = "") -> bytes:
    """The message under a signature by RFC 8463, simple and with the field From alone.

    ``tags`` are more of its own, each with a semicolon.
    """
    head, _, body = message.partition(b"\r\n\r\n")
    hashed = base64.b64encode(hashlib.sha256(body.rstrip(b"\r\n") + b"\r\n").digest()).decode()
    field = f"DKIM-Signature: v=1; a=ed25519-sha256; d={domain}; s=ed; h=from; {tags}bh={hashed}; b="
    (sender,) = [line for line in head.split(b"\r\n") if line.startswith(b"From:")]
    digest = hashlib.sha256(sender + b"\r\n" + field.encode()).digest()
    return field.encode() + base64.b64encode(key.sign(digest)) + b"\r\n" + message


def ed25519_record(key: ed25519.Ed25519PrivateKey) -> bytes:
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return b"v=DKIM1; k=ed25519; p=" + base64.b64encode(public)


class ScriptedDns:
    """TXT records by name; ``down`` names do not answer. ``asked`` is what was asked."""

    def __init__(self, records: dict[str, Sequence[bytes]] | None = None, down: Sequence[str] = ()) -> None:
        self.records = records or {}
        self.down = down
        self.asked: list[str] = []

    async def __call__(self, name: str) -> Sequence[bytes]:
        self.asked.append(name)
        if name in self.down:
            raise DNSError("DNS does not answer.")
        return self.records.get(name, ())
