"""An HTTP response comes out of bytes however they are divided, and nothing in it is without a bound."""

import http.client
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.email.http import HttpError, HttpReader
from misfin.email.http.reading import MAX_HEAD


def read(*pieces: bytes, max_body: int = 1000, ended: bool = True):
    reader = HttpReader(max_body)
    for piece in pieces:
        reader.feed(piece)
    if ended:
        reader.end()
    return reader.response


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 200, b"abc"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef", 200, b"abc"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, b""),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", 200, b"until the end"),
        (b"HTTP/1.1 404\r\n\r\n", 404, b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, b"x"),
        (b"HTTP/1.1 200 OK\nContent-Length: 1\n\nx", 200, b"x"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nX: y\r\n\r\n",
            200,
            b"abcde",
        ),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, b""),
    ],
)
def test_an_answer_is_the_same_whole_and_byte_by_byte(answer, status, body):
    for response in (read(answer), read(*(answer[at : at + 1] for at in range(len(answer))))):
        assert response is not None
        assert (response.status, response.body) == (status, body)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 999 What\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno field\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1e3\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1001,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 300,
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * MAX_HEAD,
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * MAX_HEAD,
    ],
)
def test_what_is_not_http_or_breaks_a_bound_is_refused(answer):
    with pytest.raises(HttpError):
        read(answer)


@pytest.mark.parametrize("endless", [b"X: y\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"1\r\nx\r\n"])
def test_an_endless_answer_ends(endless):
    reader = HttpReader(1000)
    reader.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" if endless[:1] == b"1" else b"")
    with pytest.raises(HttpError):
        reader.feed(endless * 10_000)


class _Socket(io.BytesIO):
    def makefile(self, *_):
        return self


@given(
    st.lists(st.binary(min_size=1, max_size=40), max_size=8),
    st.lists(st.integers(1, 30), min_size=1, max_size=40),
    st.booleans(),
)
def test_the_body_is_what_the_standard_library_reads(chunks, cuts, chunked):
    if chunked:
        body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
        answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body
    else:
        body = b"".join(chunks)
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    theirs = http.client.HTTPResponse(_Socket(answer))
    theirs.begin()
    pieces, at = [], 0
    for cut in cuts:
        pieces.append(answer[at : at + cut])
        at += cut
    ours = read(*pieces, answer[at:])
    assert ours is not None
    assert ours.body == theirs.read() == b"".join(chunks)


@given(st.binary(max_size=300))
def test_any_bytes_give_a_response_or_one_kind_of_error(data):
    try:
        response = read(b"HTTP/1.1 200 OK\r\n" + data, max_body=50)
    except HttpError:
        return
    assert response is not None
    assert len(response.body) <= 50
