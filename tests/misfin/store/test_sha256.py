"""The hashes are those of the standard library, whether or not OpenSSL makes them."""

import hashlib
import hmac
import sys
from types import ModuleType
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.store.sha256 import hmac_sha256, sha256

HALF_IMPORTED = ModuleType("hashlib")


@pytest.mark.parametrize("loaded", [hashlib, HALF_IMPORTED, None], ids=["loaded", "loading", "not loaded"])
@given(key=st.binary(max_size=64), data=st.binary(max_size=300))
def test_they_are_the_same(loaded, key, data):
    with mock.patch.dict(sys.modules):
        if loaded is None:
            del sys.modules["hashlib"]
        else:
            sys.modules["hashlib"] = loaded
        made, authenticated = sha256(data), hmac_sha256(key, data)
    assert made.digest() == hashlib.sha256(data).digest()
    assert (type(made) is type(hashlib.sha256())) == (loaded is hashlib)
    assert authenticated == hmac.digest(key, data, "sha256")
