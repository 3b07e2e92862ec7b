"""BLAKE2 without the rest of ``hashlib``, which loads OpenSSL: megabytes where only names are hashed."""

from __future__ import annotations

try:
    from _blake2 import blake2b
except ImportError:  # another Python
    from hashlib import blake2b

__all__ = ["blake2b"]
