"""What GnuPG reports on its status descriptor (doc/DETAILS of GnuPG), as values. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from urllib.parse import unquote

_PREFIX = "[GNUPG:] "
_NO_KEY = "9"  # reason of ERRSIG
_CANCELLED = 99  # GPG_ERR_CANCELED
_DIGESTS = {"2": "sha1", "8": "sha256", "9": "sha384", "10": "sha512", "11": "sha224"}  # RFC 4880 §9.4
_ESCAPE = re.compile(r"\\x([0-9a-fA-F]{2})")


class SignatureCheck(Enum):
    """How the check of a signature ended, before anything is known of whose key it is."""

    GOOD = "GOODSIG"
    EXPIRED = "EXPSIG"
    KEY_EXPIRED = "EXPKEYSIG"
    KEY_REVOKED = "REVKEYSIG"
    BAD = "BADSIG"
    NO_KEY = "no key"
    UNCHECKED = "ERRSIG"


@dataclass(frozen=True, slots=True)
class CheckedSignature:
    """One signature. ``key`` is the id of the key, or the fingerprint of its primary key once that is proven.

    ``user`` is what the key says of its owner; anybody can make a key that says anything.
    """

    state: SignatureCheck
    key: str
    user: str = ""
    proven: bool = False


@dataclass(frozen=True, slots=True)
class GpgStatus:
    """What GnuPG says of one run. ``locked`` are keys that a message is for and that may be here."""

    signatures: tuple[CheckedSignature, ...] = ()
    decrypted: bool = False
    locked: bool = False
    cancelled: bool = False
    literal: bool = False
    """Whether it met text inside what it read: never in a detached signature."""
    plaintexts: int = 0
    digest: str = ""
    """The hash of the signature it made, such as ``sha512``; empty if it made none."""
    encrypted: bool = False
    """Whether it encrypted something."""


def parse_status(text: str) -> GpgStatus:
    """The report of one run. Lines of other programs are passed over."""
    signatures: list[CheckedSignature] = []
    recipients: list[str] = []
    missing: set[str] = set()
    words = {word for word, _ in _lines(text)}
    plaintexts = 0
    cancelled, digest = False, ""
    states = {state.value: state for state in SignatureCheck}
    for word, rest in _lines(text):
        parts = rest.split(" ")
        if word == "ERRSIG":
            state = SignatureCheck.NO_KEY if parts[5:6] == [_NO_KEY] else SignatureCheck.UNCHECKED
            signatures.append(CheckedSignature(state, parts[0]))
        elif word in states:
            key, _, user = rest.partition(" ")
            signatures.append(CheckedSignature(states[word], key, unquote(user, errors="replace")))
        elif word == "VALIDSIG" and signatures:
            signatures[-1] = replace(
                signatures[-1], key=parts[9] if len(parts) > 9 else parts[0], proven=True
            )
        elif word == "ENC_TO":
            recipients.append(parts[0])
        elif word == "NO_SECKEY":
            missing.add(parts[0])
        elif word == "PLAINTEXT":
            plaintexts += 1
        elif word == "SIG_CREATED":
            digest = _DIGESTS.get(parts[2] if len(parts) > 2 else "", "")
        elif word == "ERROR" and parts[1:2] and parts[1].isdecimal():
            cancelled = cancelled or int(parts[1]) & 0xFFFF == _CANCELLED
    decrypted = "DECRYPTION_OKAY" in words and "DECRYPTION_FAILED" not in words
    return GpgStatus(
        signatures=tuple(signatures),
        decrypted=decrypted,
        locked=not decrypted and any(key not in missing for key in recipients),
        cancelled=cancelled,
        literal="PLAINTEXT" in words,
        plaintexts=plaintexts,
        digest=digest,
        encrypted="END_ENCRYPTION" in words,
    )


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for line in text.split("\n"):
        if line.startswith(_PREFIX):
            word, _, rest = line[len(_PREFIX) :].partition(" ")
            yield word, rest


@dataclass(frozen=True, slots=True)
class KeyOwner:
    """One name of a key: ``user`` as in ``Ada <ada@example.org>``, and whether the key is trusted for it."""

    user: str
    valid: bool

    @property
    def address(self) -> str:
        """Its e-mail address in lower case; empty if it has none."""
        inside = re.search(r"<([^<>\s]+@[^<>\s]+)>\s*\Z", self.user)
        found = inside[1] if inside else self.user.strip()
        return found.lower() if "@" in found and not re.search(r"\s", found) else ""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key of the keyring: its fingerprint, whether it can encrypt, and whose it says it is."""

    fingerprint: str
    encrypts: bool
    owners: tuple[KeyOwner, ...]


def parse_keys(listing: str) -> tuple[PublicKey, ...]:
    """The keys of ``--with-colons`` output. Revoked and expired names are left out, and so are such keys."""
    found: list[PublicKey] = []
    usable = False
    for parts in _colons(listing.split("\n")):
        if parts[0] in ("pub", "sec"):
            usable = parts[1] not in ("r", "e", "d", "i")
            if usable:
                found.append(PublicKey("", "E" in parts[11] and "D" not in parts[11], ()))
        elif not usable or not found:
            continue
        elif parts[0] == "fpr" and not found[-1].fingerprint:
            found[-1] = replace(found[-1], fingerprint=parts[9])
        elif parts[0] == "uid" and parts[1] not in ("r", "e"):
            user = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), parts[9])
            owner = KeyOwner(user, parts[1] in ("u", "f"))
            found[-1] = replace(found[-1], owners=(*found[-1].owners, owner))
    return tuple(key for key in found if key.fingerprint)


def _colons(lines: Iterable[str]) -> Iterator[list[str]]:
    for line in lines:
        parts = line.split(":")
        yield parts + [""] * (13 - len(parts))
