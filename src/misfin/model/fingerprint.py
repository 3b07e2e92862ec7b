"""Normalizes fingerprints as people and servers write them to 64 hex digits."""

from __future__ import annotations

import re

_HEX64 = re.compile(r"[0-9a-f]{64}")
_PREFIX = re.compile(r"\s*sha-?256:", re.IGNORECASE)
_SEPARATORS = re.compile(r"[:\s-]")
# A normal META is 64 to 103 characters; anything much longer is not a fingerprint and not worth scanning.
_LONGEST = 256


def normalize_fingerprint(text: str) -> str:
    """Normalize a fingerprint as people and servers write it to 64 lower-case hex digits.

    Reads the part after the last ``=``, with an optional ``sha256:`` prefix and colons, blanks or dashes
    as separators; returns ``""`` for anything that is not a SHA-256 (docs/protocol.md §4.4).
    """
    if len(text) > _LONGEST:
        return ""
    text = text.rpartition("=")[2]
    prefix = _PREFIX.match(text)
    if prefix:
        text = text[prefix.end() :]
    digits = _SEPARATORS.sub("", text).lower()
    return digits if _HEX64.fullmatch(digits) else ""
