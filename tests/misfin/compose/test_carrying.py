"""Bodies that SMTP cannot carry become quoted-printable; all others stay as they are."""

import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.compose.carrying import as_quoted_printable, re_encoded, survey, undotted
from misfin.compose.finished import read_head
from misfin.errors import InputError

CUT = st.lists(
    st.sampled_from([b"a", b"\n", b"\r\n", b"\r", b".", b"=", b" ", b"\0", "ü".encode(), b"x" * 700])
)


def lines(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n")


@given(st.lists(CUT.map(b"".join)))
def test_the_encoded_body_gives_the_body_back(pieces):
    body = b"".join(pieces)
    coded = b"".join(as_quoted_printable(pieces))
    assert max(map(len, coded.split(b"\n"))) <= 76
    decoded = quopri.decodestring(coded)
    wanted = lines(body)
    assert decoded == (wanted if wanted.endswith(b"\n") or not wanted else wanted + b"\n")


def test_one_line_of_megabytes_takes_no_more_than_its_pieces():
    pieces = [b"x" * 100_000] * 20 + [b"\r", b"\nend"]
    decoded = quopri.decodestring(b"".join(as_quoted_printable(pieces)))
    assert decoded == b"x" * 2_000_000 + b"\nend\n"


@given(st.lists(CUT.map(b"".join)))
def test_the_facts_are_those_of_the_whole_whatever_the_pieces(pieces):
    body = b"".join(pieces)
    facts = survey(pieces)
    assert facts.longest == max(map(len, body.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")))
    assert (facts.nul, facts.eight_bit) == (b"\0" in body, not body.isascii())


def test_a_plain_text_says_how_it_is_encoded():
    facts = survey([b"x" * 2000, "ü".encode()])
    assert not facts.fits
    head = re_encoded(read_head(b"To: a@b.example\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"), facts)
    assert [field.raw for field in head.fields] == [
        b"To: a@b.example\r\n",
        b"Content-Transfer-Encoding: quoted-printable\r\n",
        b"MIME-Version: 1.0\r\n",
        b"Content-Type: text/plain; charset=utf-8\r\n",
    ]
    latin = re_encoded(read_head(b"To: a@b.example\n\n"), survey([b"\xfc" + b"x" * 2000]))
    assert b"unknown-8bit" in latin.fields[-1].raw


@pytest.mark.parametrize(
    "field",
    [
        b"Content-Type: multipart/mixed; boundary=x",
        b"Content-Transfer-Encoding: base64",
        b"DKIM-Signature: v=1; d=a.example",
    ],
)
def test_parts_and_encoded_texts_are_not_guessed_at(field):
    with pytest.raises(InputError, match="1,000 bytes"):
        re_encoded(read_head(field + b"\n\n"), survey([b"x" * 1000]))


def test_only_a_dot_alone_on_its_line_ends_the_input():
    given = [b".x\n", b"long", b".\n", b"..\n", b" .\n", b".\r\n", b"after\n"]
    assert list(undotted(given)) == given[:5]
