"""Line endings: what is uploaded of a stored message, and what that takes."""

from __future__ import annotations

import io
import re
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.post.sync.lineends import CHUNK, sent, sent_bytes

BARE_LF = re.compile(rb"(?<!\r)\n")


@given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a"])).map(b"".join))
def test_each_line_end_is_crlf_and_all_else_stays(text):
    data = b"Subject: x\n" + text
    assert sent_bytes(data) == BARE_LF.sub(b"\r\n", data)
    assert b"".join(sent(io.BytesIO(data))) == BARE_LF.sub(b"\r\n", data)


@pytest.mark.parametrize("line", [b"\n", b"Zm9vYmFy" * 9 + b"\n"], ids=["empty lines", "base64"])
def test_a_large_message_takes_no_more_memory_than_a_few_pieces(line):
    file = io.BytesIO(line * (4 * CHUNK // len(line)))
    tracemalloc.start()
    try:
        for _ in sent(file):
            pass
        assert tracemalloc.get_traced_memory()[1] < 8 * CHUNK
    finally:
        tracemalloc.stop()
