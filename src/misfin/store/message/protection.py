"""How a part of a mail is signed or encrypted: OpenPGP (RFC 3156, or in the text) or S/MIME (RFC 8551). Pure.

Nothing is checked or decrypted here; :mod:`misfin.store.protected` does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum


class MailProtection(StrEnum):
    """How a part is protected, as the end of a sentence."""

    PGP_SIGNED = "signed with OpenPGP"
    PGP_ENCRYPTED = "encrypted with OpenPGP"
    SMIME_SIGNED = "signed with S/MIME"
    SMIME_ENCRYPTED = "encrypted with S/MIME"

    @property
    def encrypts(self) -> bool:
        """Whether its text cannot be read without a key."""
        return self in (MailProtection.PGP_ENCRYPTED, MailProtection.SMIME_ENCRYPTED)


SIGNATURES = {
    "application/pgp-signature": MailProtection.PGP_SIGNED,
    "application/pkcs7-signature": MailProtection.SMIME_SIGNED,
    "application/x-pkcs7-signature": MailProtection.SMIME_SIGNED,
}
PKCS7 = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
UNPROTECTED = "The rest of this message is neither signed nor encrypted; anybody may have added it:"
"""Stands before text that no signature covers, or that was not encrypted with the rest. Such text comes last,
so nothing that is written in it can pretend to be before this line."""
_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")  # 1.2.840.113549.1.7.2, RFC 5652 §5.1
_MARK = b"-----BEGIN PGP "
_BEGIN = re.compile(rb"^-----BEGIN PGP (SIGNED )?MESSAGE-----[ \t]*\r?$", re.MULTILINE)
_END = {
    MailProtection.PGP_SIGNED: re.compile(rb"^-----END PGP SIGNATURE-----[ \t]*\r?(?:\n|\Z)", re.MULTILINE),
    MailProtection.PGP_ENCRYPTED: re.compile(rb"^-----END PGP MESSAGE-----[ \t]*\r?(?:\n|\Z)", re.MULTILINE),
}


def of_multipart(kind: str, inside: Sequence[str]) -> MailProtection | None:
    """What a multipart of this content type is, whose parts have these."""
    if kind == "multipart/signed" and len(inside) > 1:
        return SIGNATURES.get(inside[1])
    if kind == "multipart/encrypted" and len(inside) > 1 and inside[0] == "application/pgp-encrypted":
        return MailProtection.PGP_ENCRYPTED
    return None


def of_pkcs7(content: bytes) -> MailProtection:
    """What is in an ``application/pkcs7-mime``; its own bytes say that better than its parameters do."""
    return MailProtection.SMIME_SIGNED if _SIGNED_DATA in content[:40] else MailProtection.SMIME_ENCRYPTED


def sentence(protection: MailProtection) -> str:
    """What is shown in place of a part whose text is inside the protection."""
    return f"This part is {protection}."


def in_text(raw: bytes) -> tuple[MailProtection, int, int] | None:
    """The first OpenPGP block between the lines of a text, and its range of bytes; None if there is none."""
    # The pattern tries every line, which takes longer than all the rest of reading a long text.
    if _MARK not in raw or (begin := _BEGIN.search(raw)) is None:
        return None
    protection = MailProtection.PGP_SIGNED if begin[1] else MailProtection.PGP_ENCRYPTED
    end = _END[protection].search(raw, begin.end())
    return None if end is None else (protection, begin.start(), end.end())
