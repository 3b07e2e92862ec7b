"""The server's side of Gemini without I/O: one line in, one answer out, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.errors import LocalProtocolError, RemoteProtocolError
from misfin.gmap.asked import GmapAct, GmapAnswer, GmapAsked, read_asked
from misfin.gmap.gemini import GeminiRequest, GeminiServer, GeminiServerState

LINE = b"gemini://mail.test:1960/tag/Inbox?x\r\n"


def test_a_request_comes_in_any_pieces_and_is_answered_once():
    server = GeminiServer()
    for at in range(len(LINE) - 1):
        assert server.feed_bytes(LINE[at : at + 1]) is None
    assert server.feed_bytes(LINE[-1:]) == GeminiRequest("mail.test", 1960, "/tag/Inbox", "x")
    assert server.feed_bytes(b"more") is None
    assert server.answer(20, "text/plain", b"body") == b"20 text/plain\r\nbody"
    assert server.state is GeminiServerState.ANSWERED
    with pytest.raises(LocalProtocolError):
        server.answer(20, "text/plain")


def test_a_server_may_refuse_before_it_has_read_everything():
    assert GeminiServer().answer(44, "30") == b"44 30\r\n"


@pytest.mark.parametrize(
    ("status", "meta", "body"), [(9, "", b""), (70, "", b""), (51, "a\r\nb", b""), (51, "x", b"body")]
)
def test_an_answer_that_gemini_does_not_know_is_refused(status, meta, body):
    with pytest.raises(LocalProtocolError):
        GeminiServer().answer(status, meta, body)


def test_a_line_may_be_as_long_as_the_limit_and_no_longer():
    start = b"gemini://mail.test/"
    whole = start + b"x" * (1024 - len(start))
    assert GeminiServer().feed_bytes(whole + b"\r\n") is not None
    with pytest.raises(RemoteProtocolError):
        GeminiServer().feed_bytes(whole + b"x\r\n")
    with pytest.raises(RemoteProtocolError):
        GeminiServer().feed_bytes(b"x" * 5000)


def test_what_our_client_writes_is_what_the_server_reads():
    for path, query in (("/tag/", None), ("/tag/Inbox", "20260101T000000Z-00"), ("/delete", "a_b~c")):
        request = GeminiRequest("mail.test", 1960, path, query)
        assert GeminiServer().feed_bytes(request.to_bytes()) == request


@given(st.lists(st.binary(max_size=40), max_size=40))
def test_any_bytes_are_a_request_or_a_violation_and_little_is_kept(pieces):
    server = GeminiServer()
    try:
        for piece in pieces:
            if server.feed_bytes(piece) is not None:
                break
    except RemoteProtocolError:
        assert server.state is GeminiServerState.ASKED
    assert len(server._line) <= 1024 + 2 + 40


@pytest.mark.parametrize(
    ("path", "query", "found"),
    [
        ("/msgid/a-1", None, GmapAsked(GmapAct.READ, "a-1")),
        ("/tag/", None, GmapAsked(GmapAct.LIST)),
        ("/tag/Inbox", None, GmapAsked(GmapAct.LIST, tag="Inbox")),
        ("/tag/Inbox", "a-1", GmapAsked(GmapAct.TAG, "a-1", "Inbox")),
        ("/untag/Inbox", "a-1", GmapAsked(GmapAct.UNTAG, "a-1", "Inbox")),
        ("/delete", "a-1", GmapAsked(GmapAct.DELETE, "a-1")),
        ("/", None, 51),
        ("/tag", None, 51),
        ("/msgid/a/b", None, 51),
        ("/msgid/..", None, 51),
        ("/tag/a.b", None, 59),
        ("/tag/Inbox", "", 59),
        ("/delete", None, 59),
        ("/delete", "a,b", 51),
        ("/tag/Inbox/2026-02-30T00:00:00Z", None, 51),
        ("/tag/Inbox/2026-2-3T0:0:0Z", None, 51),
    ],
)
def test_each_page_means_one_thing(path, query, found):
    asked = read_asked(GeminiRequest("mail.test", 1960, path, query))
    if isinstance(found, int):
        assert isinstance(asked, GmapAnswer)
        assert asked.status == found
    else:
        assert asked == found
