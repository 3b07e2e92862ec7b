"""The Gemini engine: every way an answer can arrive, and every way it can be wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.errors import LocalProtocolError, RemoteProtocolError
from misfin.gmap.gemini import (
    MAX_URL,
    GeminiBody,
    GeminiClient,
    GeminiEnd,
    GeminiHeader,
    GeminiRequest,
    GeminiState,
)
from misfin.gmap.gemini.response import MAX_HEADER
from misfin.gmap.gemini.states import TRANSITIONS, GeminiStep, following

ASK = GeminiRequest("mail.example", 1958, "/tag/Inbox")


def asking(max_body=100):
    client = GeminiClient(max_body=max_body)
    client.send_request(ASK)
    assert client.get_outgoing_data() == b"gemini://mail.example:1958/tag/Inbox\r\n"
    assert client.get_outgoing_data() == b""
    return client


def answered(client, chunks, *, complete=True):
    events = [event for chunk in chunks for event in client.feed_bytes(chunk)]
    events += client.receive_eof(complete=complete)
    header = next(event for event in events if isinstance(event, GeminiHeader))
    assert events[-1] == GeminiEnd()
    return header, b"".join(event.data for event in events if isinstance(event, GeminiBody))


@pytest.mark.parametrize(
    ("request_", "line"),
    [
        (GeminiRequest("Mail.Example", 1960, "/"), b"gemini://mail.example:1960/\r\n"),
        (GeminiRequest("[::1]", 1958, "/tag/"), b"gemini://[::1]:1958/tag/\r\n"),
        (GeminiRequest("a.test", 1, "/delete", "x-1"), b"gemini://a.test:1/delete?x-1\r\n"),
        (GeminiRequest("a.test", 1, "/", ""), b"gemini://a.test:1/?\r\n"),
    ],
)
def test_a_request_is_one_line_with_its_port(request_, line):
    assert request_.to_bytes() == line
    assert request_.url == line[:-2].decode()


@pytest.mark.parametrize(
    "request_",
    [
        GeminiRequest("a b", 1958),
        GeminiRequest("ada@mail.example", 1958),
        GeminiRequest("mail.example/x", 1958),
        GeminiRequest("mail.example", 0),
        GeminiRequest("mail.example", 65536),
        GeminiRequest("mail.example", 1958, "tag"),
        GeminiRequest("mail.example", 1958, "/a\r\nb"),
        GeminiRequest("mail.example", 1958, "/a b"),
        GeminiRequest("mail.example", 1958, "/a#b"),
        GeminiRequest("mail.example", 1958, "/a?b"),
        GeminiRequest("mail.example", 1958, "/ä"),
        GeminiRequest("mail.example", 1958, "/", "a#b"),
        GeminiRequest("mail.example", 1958, "/", "a\n"),
        GeminiRequest("mail.example", 1958, "/" + "a" * MAX_URL),
    ],
)
def test_what_cannot_be_a_request_is_refused_and_changes_nothing(request_):
    client = GeminiClient(max_body=10)
    with pytest.raises(LocalProtocolError):
        client.send_request(request_)
    assert client.state is GeminiState.IDLE
    client.send_request(ASK)


def test_the_longest_request_has_1024_bytes():
    room = MAX_URL - len("gemini://mail.example:1958/")
    longest = GeminiRequest("mail.example", 1958, "/" + "a" * room)
    assert len(longest.to_bytes()) == MAX_URL + 2


@given(st.binary(max_size=80).filter(bool), st.data())
def test_an_answer_reads_the_same_in_any_pieces(body, data):
    whole = b"20 text/plain; charset=UTF-8\r\n" + body
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    chunks = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    header, got = answered(asking(), chunks)
    assert (header.status, header.media_type, header.charset, got) == (20, "text/plain", "utf-8", body)


def test_a_success_may_have_an_empty_body():
    header, body = answered(asking(), [b"20 text/plain\r\n"])
    assert (header.status, body) == (20, b"")


@pytest.mark.parametrize("line", [b"51 Not found\r\n", b"44 10\n", b"30 gemini://x.test/\r\n", b"61\r\n"])
def test_an_answer_without_a_body_is_whole_with_its_line(line):
    client = asking()
    header, end = client.feed_bytes(line + b"ignored")
    assert (header.status, end) == (int(line[:2]), GeminiEnd())
    assert client.feed_bytes(b"more") == []
    assert client.receive_eof(complete=False) == []


def test_a_refusal_may_come_before_the_request_was_sent():
    client = GeminiClient(max_body=10)
    client.send_request(ASK)
    assert client.feed_bytes(b"44 5\r\n")[0] == GeminiHeader(44, "5")
    assert client.get_outgoing_data() == b""


def test_a_success_before_the_request_is_not_an_answer():
    client = GeminiClient(max_body=10)
    client.send_request(ASK)
    with pytest.raises(RemoteProtocolError):
        client.feed_bytes(b"20 text/plain\r\n")
    assert client.get_outgoing_data() == b""


@pytest.mark.parametrize(
    "line",
    [
        b"hello\r\n",
        b"2 text/plain\r\n",
        b"200 x\r\n",
        b"09 x\r\n",
        b"70 x\r\n",
        b"20\ttext/plain\r\n",
        b"\r\n",
    ],
)
def test_what_is_not_a_header_is_refused(line):
    client = asking()
    with pytest.raises(RemoteProtocolError):
        client.feed_bytes(line)
    assert client.state is GeminiState.BROKEN
    with pytest.raises(LocalProtocolError):
        client.feed_bytes(b"20 text/plain\r\n")


def test_the_longest_header_passes_and_one_byte_more_does_not():
    meta = b"x" * (MAX_HEADER - len(b"51 \r\n"))
    assert asking().feed_bytes(b"51 " + meta + b"\r\n")[0] == GeminiHeader(51, meta.decode())
    with pytest.raises(RemoteProtocolError):
        asking().feed_bytes(b"51 x" + meta + b"\r\n")


def test_an_endless_header_is_refused_and_not_kept():
    client = asking()
    for _ in range(MAX_HEADER):
        client.feed_bytes(b"2")
    with pytest.raises(RemoteProtocolError):
        client.feed_bytes(b"2")


def test_a_body_over_the_limit_is_refused():
    client = asking(max_body=5)
    client.feed_bytes(b"20 text/plain\r\n12345")
    with pytest.raises(RemoteProtocolError):
        client.feed_bytes(b"6")


def test_an_answer_that_was_cut_is_not_taken_for_a_whole_one():
    client = asking()
    client.feed_bytes(b"20 text/plain\r\nhalf of")
    with pytest.raises(RemoteProtocolError):
        client.receive_eof(complete=False)


def test_no_answer_at_all_is_an_error():
    for begun in (b"", b"20 tex"):
        client = asking()
        client.feed_bytes(begun)
        with pytest.raises(RemoteProtocolError):
            client.receive_eof(complete=True)


def test_control_characters_of_a_server_do_not_get_through():
    (header, _) = asking().feed_bytes(b"50 \x1b[2J no\x07\xc2\x9b1m\r\n")
    assert header.meta == "[2J no1m"


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_any_bytes_end_in_events_or_a_refusal(chunks):
    client = asking()
    try:
        for chunk in chunks:
            client.feed_bytes(chunk)
        client.receive_eof(complete=True)
    except RemoteProtocolError:
        assert client.state is GeminiState.BROKEN
    else:
        assert client.state is GeminiState.DONE


def test_what_is_not_in_the_table_is_a_bug_of_the_caller():
    for state in GeminiState:
        for step in GeminiStep:
            if step in TRANSITIONS[state]:
                assert following(state, step) is TRANSITIONS[state][step]
            else:
                with pytest.raises(LocalProtocolError):
                    following(state, step)
