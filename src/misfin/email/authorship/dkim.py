"""DKIM signatures (RFC 6376, RFC 8463): reads them from a header and verifies them against a key record.

Stricter than the standard where it leaves a choice: SHA-1, ``l=`` (anybody may add to the body) and RSA keys
below 1,024 bits never pass.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from misfin.email.authorship.header import RawField
from misfin.email.authorship.tags import from_base64, tags_of

MAX_SIGNATURES: Final = 8
"""Signatures of one message that are looked at; more only cost time."""
MAX_RECORD: Final = 8192
"""Bytes of a key record; a key of 8,192 bits needs 1,500."""
LEAST_RSA: Final = 1024
MOST_RSA: Final = 8192
_MAX_FIELD: Final = 16384
_MAX_NAMES: Final = 500
_CLOCKS: Final = 300.0
"""Seconds that clocks may differ."""
_TIME: Final = re.compile(r"[0-9]{1,12}")
_DOMAIN: Final = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_-]{1,63}", re.I
)
_OWN_VALUE: Final = re.compile(rb"(:|;)([ \t\r\n]*b[ \t\r\n]*=)[^;]*")
_SPACES: Final = re.compile(rb"[ \t]+")


class SignatureState(StrEnum):
    """What became of one signature."""

    PASS = "pass"  # noqa: S105 - the word of RFC 8601
    BROKEN = "broken"
    """The message is not what was signed."""
    WEAK = "weak"
    """It would be easy to forge: a short key, an old algorithm, or a part of the body left open."""
    NO_KEY = "no key"
    """Its domain publishes no such key, or has withdrawn it."""
    EXPIRED = "expired"
    """It holds, but said itself that it would not by the time the message came."""
    UNUSABLE = "unusable"
    """It is not a signature as the standard describes it."""
    UNCHECKED = "unchecked"
    """DNS did not answer."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature that may be verified. ``partial`` says that a part of the body is left open (``l=``)."""

    domain: str
    selector: str
    algorithm: str
    names: tuple[bytes, ...]
    relaxed_header: bool
    relaxed_body: bool
    body_hash: bytes
    value: bytes
    agent: str
    partial: bool
    expires: int | None
    """When it ceases to hold (``x=``), in Unix seconds; None for never."""
    field: RawField

    def expired_by(self, moment: float) -> bool:
        """Whether it no longer held at a moment in Unix seconds, clocks being as they are."""
        return self.expires is not None and moment > self.expires + _CLOCKS

    @property
    def key_name(self) -> str:
        """The DNS name of its key."""
        return f"{self.selector}._domainkey.{self.domain}"


def signatures(fields: Sequence[RawField]) -> list[Signature | None]:
    """The signatures of a message, from the top; None for each that is not one as the standard wants it."""
    found = [field for field in fields if field.name == b"dkim-signature"]
    return [_signature(field) for field in found[:MAX_SIGNATURES]]


def verify(
    signature: Signature, fields: Sequence[RawField], body: bytes, records: Sequence[bytes]
) -> SignatureState:
    """Verify a signature against what DNS says of its key; ``records`` are TXT records, whole.

    Takes time that is proportional to the message. Never raises.
    """
    if signature.partial or signature.algorithm == "rsa-sha1":
        return SignatureState.WEAK
    keys = [key for record in records[:4] if len(record) <= MAX_RECORD and (key := _key(record, signature))]
    if not keys:
        return SignatureState.NO_KEY
    if hashlib.sha256(_body(body, relaxed=signature.relaxed_body)).digest() != signature.body_hash:
        return SignatureState.BROKEN
    signed = _signed(signature, fields)
    states = [_verified(signature, signed, key) for key in keys]
    return next((state for state in SignatureState if state in states), SignatureState.BROKEN)


# ---- reading --------------------------------------------------------------------------------------


def _signature(field: RawField) -> Signature | None:
    if len(field.raw) > _MAX_FIELD:
        return None
    tags = tags_of(field.raw.partition(b":")[2].decode("utf-8", "replace").replace("\r\n", ""))
    if tags is None or tags.get("v") != "1":
        return None
    domain, selector = tags.get("d", "").lower().rstrip("."), tags.get("s", "").lower()
    names = tuple(name.strip().lower().encode() for name in tags.get("h", "").split(":"))
    body_hash, value = from_base64(tags.get("bh", "")), from_base64(tags.get("b", ""))
    header, _, body = tags.get("c", "simple/simple").lower().partition("/")
    agent = tags.get("i", f"@{domain}").rpartition("@")[2].lower()
    sound = (
        _DOMAIN.fullmatch(domain)
        and "." in domain
        and _DOMAIN.fullmatch(selector)
        and b"from" in names
        and len(names) <= _MAX_NAMES
        and {header, body or "simple"} <= {"simple", "relaxed"}
        and "dns/txt" in tags.get("q", "dns/txt")
        and (agent == domain or agent.endswith(f".{domain}"))
        and all(_TIME.fullmatch(tags[name]) for name in ("t", "x") if name in tags)
        and int(tags.get("t", 0)) <= int(tags.get("x", 10**12))
        and tags.get("a") in ("rsa-sha256", "rsa-sha1", "ed25519-sha256")
    )
    if not sound or not body_hash or not value:
        return None
    return Signature(
        domain,
        selector,
        tags["a"],
        names,
        header == "relaxed",
        body == "relaxed",
        body_hash,
        value,
        agent,
        "l" in tags,
        int(tags["x"]) if "x" in tags else None,
        field,
    )


def _signed(signature: Signature, fields: Sequence[RawField]) -> bytes:
    """The fields that are signed, the lowest of a name first (RFC 6376 §5.4.2), and the signature's own."""
    left: dict[bytes, list[RawField]] = {}
    for field in fields:
        left.setdefault(field.name, []).append(field)
    parts = []
    for name in signature.names:
        if there := left.get(name):
            field = there.pop()
            parts.append(field.relaxed() + b"\r\n" if signature.relaxed_header else field.raw)
    own = RawField(b"dkim-signature", _OWN_VALUE.sub(rb"\1\2", signature.field.raw, count=1))
    parts.append(own.relaxed() if signature.relaxed_header else own.raw.removesuffix(b"\r\n"))
    return b"".join(parts)


def _body(body: bytes, *, relaxed: bool) -> bytes:
    """The body as it is signed (RFC 6376 §3.4.3, §3.4.4)."""
    body = body.replace(b"\r\n", b"\n")
    if relaxed:
        body = _SPACES.sub(b" ", body + b"\n").replace(b" \n", b"\n")
    body = body.rstrip(b"\n")
    if not body and relaxed:
        return b""
    return body.replace(b"\n", b"\r\n") + b"\r\n"


# ---- keys -----------------------------------------------------------------------------------------


def _key(record: bytes, signature: Signature) -> bytes | None:
    """The key in a record that may have made this signature; None if there is none (RFC 6376 §3.6.1)."""
    tags = tags_of(record.decode("utf-8", "replace"))
    if tags is None or tags.get("v", "DKIM1") != "DKIM1":
        return None
    services = [each.strip() for each in tags.get("s", "*").split(":")]
    hashes = [each.strip() for each in tags.get("h", "sha256").split(":")]
    flags = [each.strip() for each in tags.get("t", "").split(":")]
    fits = (
        signature.algorithm.startswith(f"{tags.get('k', 'rsa')}-")
        and ("*" in services or "email" in services)
        and "sha256" in hashes
        and ("s" not in flags or signature.agent == signature.domain)
    )
    return from_base64(tags.get("p", "")) or None if fits else None


def _verified(signature: Signature, signed: bytes, key: bytes) -> SignatureState:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm  # late: only to verify
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        if signature.algorithm == "ed25519-sha256":
            digest = hashlib.sha256(signed).digest()
            Ed25519PublicKey.from_public_bytes(key).verify(signature.value, digest)
            return SignatureState.PASS
        public = load_der_public_key(key)
        if not isinstance(public, RSAPublicKey) or public.key_size > MOST_RSA:
            return SignatureState.NO_KEY
        if public.key_size < LEAST_RSA:
            return SignatureState.WEAK
        public.verify(signature.value, signed, PKCS1v15(), SHA256())
    except InvalidSignature:
        return SignatureState.BROKEN
    except (ValueError, TypeError, UnsupportedAlgorithm):  # not a key, or not one of a size that is used
        return SignatureState.NO_KEY
    return SignatureState.PASS
