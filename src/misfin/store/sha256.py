"""SHA-256 and HMAC of it without the rest of ``hashlib``, which loads OpenSSL (as blake2.py does)."""

from __future__ import annotations

import sys

if sys.version_info >= (3, 12):
    try:
        from _sha2 import sha256
    except ImportError:  # another Python
        from hashlib import sha256
else:
    try:
        from _sha256 import sha256  # type: ignore[import-not-found]  # the module has no stub
    except ImportError:
        from hashlib import sha256

__all__ = ["hmac_sha256", "sha256"]

_BLOCK = 64
_INNER = bytes(each ^ 0x36 for each in range(256))
_OUTER = bytes(each ^ 0x5C for each in range(256))


def hmac_sha256(key: bytes, data: bytes) -> bytes:
    """HMAC (RFC 2104 §2) of ``data``; ``key`` has at most 64 bytes."""
    padded = key.ljust(_BLOCK, b"\0")
    inner = sha256(padded.translate(_INNER) + data).digest()
    return bytes(sha256(padded.translate(_OUTER) + inner).digest())
