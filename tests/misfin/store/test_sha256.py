"""The hashes that need no OpenSSL are those of the standard library."""

import hashlib
import hmac

from hypothesis import given
from hypothesis import strategies as st

from misfin.store.sha256 import hmac_sha256, sha256


@given(st.binary(max_size=64), st.binary(max_size=300))
def test_they_are_the_same(key, data):
    assert sha256(data).digest() == hashlib.sha256(data).digest()
    assert hmac_sha256(key, data) == hmac.digest(key, data, "sha256")
