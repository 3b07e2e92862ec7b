"""SHA-256 and HMAC of it without the rest of ``hashlib``, which loads OpenSSL (as blake2.py does).

Where ``hashlib`` is loaded already, it is used: OpenSSL's code takes a fifth of the time for a long message.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if sys.version_info >= (3, 12):
    try:
        from _sha2 import sha256 as _small
    except ImportError:  # another Python
        from hashlib import sha256 as _small
else:
    try:
        from _sha256 import sha256 as _small  # type: ignore[import-not-found]  # the module has no stub
    except ImportError:
        from hashlib import sha256 as _small

if TYPE_CHECKING:
    from hashlib import _Hash

__all__ = ["hmac_sha256", "sha256"]

_BLOCK = 64
_INNER = bytes(each ^ 0x36 for each in range(256))
_OUTER = bytes(each ^ 0x5C for each in range(256))


def sha256(data: bytes) -> _Hash:
    """The hash object of ``data``."""
    # With a default, because another thread may be in the middle of importing it
    made: _Hash = getattr(sys.modules.get("hashlib"), "sha256", _small)(data)
    return made


def hmac_sha256(key: bytes, data: bytes) -> bytes:
    """HMAC (RFC 2104 §2) of ``data``; ``key`` has at most 64 bytes."""
    padded = key.ljust(_BLOCK, b"\0")
    inner = sha256(padded.translate(_INNER) + data).digest()
    return bytes(sha256(padded.translate(_OUTER) + inner).digest())
