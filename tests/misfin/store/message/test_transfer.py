"""Transfer encodings are undone, also where they are written badly; never an error, nothing lost."""

import base64
import binascii

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.store.message import transfer


@pytest.mark.parametrize(
    ("field", "encoding"),
    [
        (b" base64", "base64"),
        (b"BASE64 some text", "base64"),
        (b"base64;", "base64"),
        (b' "base64"', "base64"),
        (b"quoted-printable (comment)", "quoted-printable"),
        (b"8bit", "8bit"),
        (b"x-uue", "x-uuencode"),
        (b"x-yencode", "x-yenc"),
        (b"", ""),
        (b"(", ""),
    ],
)
def test_the_first_word_names_the_encoding(field, encoding):
    assert transfer.encoding_of(field) == encoding


@given(st.lists(st.binary(max_size=100), max_size=5))
def test_runs_of_padded_base64_are_read_one_after_the_other(pieces):
    raw = b"\n".join(base64.encodebytes(piece) for piece in pieces)
    assert transfer.decoded(raw, "base64") == b"".join(pieces)
    assert transfer.with_footer(raw, "base64")[1] == b""


@given(st.binary(min_size=60, max_size=400), st.sampled_from([b"!", b"\x00", b".\n", b"\xff-"]), st.data())
def test_stray_characters_in_base64_are_skipped(content, stray, data):
    raw = base64.encodebytes(content) + base64.encodebytes(b"x" * 60)
    at = data.draw(st.integers(0, len(raw) - 82))
    assert transfer.decoded(raw[:at] + stray + raw[at:], "base64") == content + b"x" * 60


FOOTERS = (
    b"_______________________________________________\nCrew mailing list\nhttps://lists.example/crew\n",
    b"-- \nFooter\n",
    b"Footer\nTo leave: https://lists.example\n",
)


@given(st.binary(min_size=1, max_size=300), st.sampled_from(FOOTERS), st.sampled_from([b"", b"\n"]))
def test_what_a_list_adds_below_base64_is_neither_lost_nor_decoded(content, footer, blank):
    raw = base64.encodebytes(content) + blank + footer
    padded = b"=" in base64.b64encode(content)
    if footer.startswith(b"Footer") and not padded and not blank:
        return  # "Footer" is base64 as good as any
    decoded, rest = transfer.with_footer(raw, "base64")
    assert (decoded, rest.strip()) == (content, footer.strip())
    assert transfer.decoded(raw.replace(b"\n", b"\r\n"), "base64") == content


@given(st.binary(max_size=300), st.booleans(), st.booleans())
def test_uuencoded_lines_are_read_without_their_last_blanks_too(content, stripped, checksum):
    lines = [binascii.b2a_uu(content[at : at + 45]).rstrip(b"\n") for at in range(0, len(content), 45)]
    if stripped:
        lines = [line.rstrip() for line in lines]
    elif checksum:
        lines = [line + b"A" for line in lines]
    raw = b"\n".join([b"begin 644 a.bin", *lines, b"`", b"end"])
    assert transfer.decoded(raw, "x-uuencode") == content


@given(st.binary(max_size=300))
def test_yenc_is_read_back(content):
    coded = bytearray()
    for number, byte in enumerate(content):
        value = (byte + 42) % 256
        coded += b"=" + bytes([(value + 64) % 256]) if value in b"\0\r\n=" else bytes([value])
        if number % 100 == 99:
            coded += b"\r\n"
    raw = b"=ybegin line=100 size=%d name=a\r\n%b\r\n=yend size=%d\r\n" % (len(content), coded, len(content))
    assert transfer.decoded(raw, "x-yenc") == content


@given(st.binary(), st.sampled_from([*transfer.CODED, "", "8bit", "hex"]))
def test_no_bytes_make_decoding_fail(raw, encoding):
    transfer.with_footer(raw, encoding)
    assert transfer.size(raw, 0, len(raw), encoding) >= 0


@given(st.binary(max_size=200), st.sampled_from(["base64", "quoted-printable", "8bit"]))
def test_the_size_is_known_without_decoding(content, encoding):
    raw = {"base64": base64.encodebytes, "quoted-printable": binascii.b2a_qp, "8bit": bytes}[encoding](
        content
    )
    assert transfer.size(b"x" + raw, 1, 1 + len(raw), encoding) == len(transfer.decoded(raw, encoding))
