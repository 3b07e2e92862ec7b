"""Of a message with parts, those that SMTP cannot carry are encoded, and nothing that is signed."""

from __future__ import annotations

import email
import email.policy
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.compose.carrying import MAX_LINE
from misfin.compose.carrying_parts import has_parts, parts_to_encode, with_encoded_parts
from misfin.compose.finished import read_head
from misfin.errors import InputError

LONG = b"y" * 3000


def encoded(data: bytes, size: int = 100_000) -> bytes:
    """The message as it is carried, read in lines, of which none is longer than ``size``."""
    head = read_head(data)
    assert has_parts(head)

    def lines():
        for line in data[head.length :].splitlines(keepends=True):
            yield from (line[at : at + size] for at in range(0, len(line), size))

    wanted = parts_to_encode(head, lines())
    return data[: head.length] + b"".join(with_encoded_parts(head, lines(), wanted))


def mixed(*parts: bytes, kind: bytes = b"mixed", boundary: bytes = b"b1", more: bytes = b"") -> bytes:
    body = b"".join(b"--" + boundary + b"\n" + part + b"\n" for part in parts)
    head = b"Content-Type: multipart/%s; boundary=%s\n" % (kind, boundary)
    return more + head + b"\n" + body + b"--" + boundary + b"--\n"


def part(text: bytes, kind: bytes = b"text/plain", encoding: bytes = b"8bit") -> bytes:
    return b"Content-Type: %s\nContent-Transfer-Encoding: %s\n\n%s" % (kind, encoding, text)


def read(data: bytes) -> list[tuple[str, bytes]]:
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert not message.defects
    leaves = [each for each in message.walk() if not each.is_multipart()]
    return [(each.get_content_type(), each.get_payload(decode=True)) for each in leaves]


@pytest.mark.parametrize("size", [7, 1000, 100_000])
def test_only_the_part_with_the_long_line_is_encoded(size):
    data = mixed(part(b"short"), part(b"a\n" + LONG + b"\nend = \n"), part(b"*" * 40, b"image/png"))
    carried = encoded(data, size)
    assert max(map(len, carried.split(b"\n"))) <= MAX_LINE
    assert carried.count(b"quoted-printable") == 1
    assert part(b"short") in carried
    assert read(carried) == read(data)


def test_what_fits_is_the_same_byte_for_byte():
    data = b"Subject: x\r\n" + mixed(part(b"a"), part(b"b")).replace(b"\n", b"\r\n") + b"epilogue\r\n"
    assert encoded(data) == data


def test_parts_in_parts_and_messages_in_messages_are_reached():
    inner = mixed(part(b"plain"), part(LONG, b"text/html"), kind=b"alternative", boundary=b"in")
    wrapped = b"Content-Type: message/rfc822\n\nSubject: forwarded\n" + mixed(part(LONG), boundary=b"deep")
    data = mixed(inner, wrapped, part(b"end"))
    carried = encoded(data)
    assert max(map(len, carried.split(b"\n"))) <= MAX_LINE
    assert carried.count(b"quoted-printable") == 2
    assert read(carried) == read(data)


def test_base64_in_one_line_is_only_wrapped():
    content = bytes(range(256)) * 20
    data = mixed(part(b64encode(content), b"application/pdf", b"base64"), part(b"x"))
    carried = encoded(data)
    assert max(map(len, carried.split(b"\n"))) <= 76
    assert b"quoted-printable" not in carried
    assert read(carried)[0] == ("application/pdf", content)


@pytest.mark.parametrize(
    "data",
    [
        mixed(part(LONG), part(b"sig", b"application/pgp-signature"), kind=b"signed"),
        mixed(mixed(mixed(part(LONG), boundary=b"b3"), kind=b"signed", boundary=b"b2")),
        mixed(part(LONG), more=b"DKIM-Signature: v=1; d=a.example\n"),
        mixed(b"Content-Type: message/rfc822\n\nDKIM-Signature: v=1\n\n" + LONG),
    ],
)
def test_what_is_signed_is_refused_and_not_changed(data):
    with pytest.raises(InputError, match="signed"):
        encoded(data)


def test_another_part_beside_a_signed_one_is_encoded():
    signed = mixed(part(b"text"), part(b"sig", b"application/pgp-signature"), kind=b"signed", boundary=b"b2")
    carried = encoded(mixed(signed, part(LONG)))
    assert signed.rstrip(b"\n") in carried
    assert carried.count(b"quoted-printable") == 1


@pytest.mark.parametrize(
    "data",
    [
        b"Content-Type: multipart/mixed; boundary=b1\n\n"
        + LONG
        + b"\n--b1\n\nx\n--b1--\n",  # before the parts
        mixed(b"Content-Type: text/plain; name=" + LONG + b"\n\nx"),
        mixed(part(LONG, encoding=b"quoted-printable")),
        mixed(part(LONG, b"message/partial")),
        b"Content-Type: multipart/mixed\n\n" + LONG,
    ],
)
def test_what_cannot_be_encoded_says_so(data):
    with pytest.raises(InputError, match="e-mail cannot carry"):
        encoded(data)


BODY = st.lists(st.sampled_from([b"a", b"\n", b"--", b"--b1x\n", b".", b"=", b" ", "ü".encode(), b"x" * 990]))


@given(st.lists(BODY.map(b"".join), min_size=1, max_size=4), st.sampled_from([50, 5000]))
def test_whatever_the_parts_hold_they_read_the_same(texts, size):
    data = mixed(*(part(text, b"text/plain; charset=utf-8") for text in texts))
    carried = encoded(data, size)
    assert max(map(len, carried.split(b"\n"))) <= MAX_LINE
    assert read(carried) == read(data)
