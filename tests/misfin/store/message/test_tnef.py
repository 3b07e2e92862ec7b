"""winmail.dat: its files are listed, opened and searched like any others, and no number in it is believed."""

from __future__ import annotations

import base64
import struct
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.store.message import tnef
from misfin.store.message.mime import read_message
from misfin.store.message.parts import ReadingRemark

SIGNATURE = b"\x78\x9f\x3e\x22\x01\x00"


def attribute(level: int, number: int, data: bytes) -> bytes:
    return struct.pack("<BHHI", level, number, 6, len(data)) + data + struct.pack("<H", sum(data) & 0xFFFF)


def prop(number: int, kind: int, value: bytes) -> bytes:
    return struct.pack("<HHII", kind, number, 1, len(value)) + value + b"\0" * (-len(value) % 4)


def properties(*each: bytes) -> bytes:
    return struct.pack("<I", len(each)) + b"".join(each)


def file(title: bytes, data: bytes, *more: bytes) -> bytes:
    return (
        attribute(2, 0x9002, b"\1\0" + b"\0" * 12)
        + attribute(2, 0x8010, title + b"\0")
        + attribute(2, 0x800F, data)
        + (attribute(2, 0x9005, properties(*more)) if more else b"")
    )


def mail(container: bytes, text: bytes = b"Hello.") -> bytes:
    return (
        b"From: a@b\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\n%b\n--b\n"
        b"Content-Type: application/ms-tnef; name=winmail.dat\n"
        b"Content-Transfer-Encoding: base64\n\n%b\n--b--\n"
    ) % (text, base64.encodebytes(container))


def test_files_are_listed_with_their_long_names_and_opened():
    fixed = struct.pack("<HHI", 0x03, 0x3705, 1)
    named = struct.pack("<HH16sII", 0x03, 0x8001, b"\0" * 16, 0, 7) + struct.pack("<I", 9)
    long = prop(0x3707, 0x1F, "grüße aus köln.pdf\0".encode("utf-16-le"))
    container = (
        SIGNATURE
        + attribute(1, 0x9007, struct.pack("<II", 1252, 0))
        + file(b"GRSSE~1.PDF", b"%PDF-1.4", fixed, named, prop(0x370E, 0x1E, b"application/pdf\0"), long)
        + file(b"B\xfcro.txt", b"words")
    )
    data = mail(container)
    message = read_message(data)
    assert message.text == "Hello.\n"
    assert [(one.name, one.type, one.content(data)) for one in message.attachments[1:]] == [
        ("grüße aus köln.pdf", "application/pdf", b"%PDF-1.4"),
        ("Büro.txt", "application/octet-stream", b"words"),
    ]
    assert message.attachments[0].name == "winmail.dat"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (attribute(1, 0x800C, b"Only here.\0"), "Only here.\n"),
        (attribute(1, 0x9003, properties(prop(0x1013, 0x102, b"<p>As <b>HTML</b>.</p>"))), "As HTML.\n"),
    ],
)
def test_the_text_in_it_is_shown_if_there_is_no_other(body, text):
    assert read_message(mail(SIGNATURE + body, b"")).text == text
    assert read_message(mail(SIGNATURE + body)).text == "Hello.\n"


def test_an_attached_message_of_outlook_gives_its_files():
    inner = SIGNATURE + file(b"inner.txt", b"deep")
    object_ = bytes.fromhex("0703020000000000c000000000000046") + inner
    container = SIGNATURE + file(b"Message", b"", prop(0x3701, 0x0D, object_))
    data = mail(container)
    files = {one.name: one for one in read_message(data).attachments}
    assert files["inner.txt"].content(data) == b"deep"
    assert files["Message"].content(data) == inner


def test_of_very_many_files_the_first_are_listed_and_that_is_said():
    message = read_message(mail(SIGNATURE + b"".join(file(b"%d" % each, b"x") for each in range(1000))))
    assert len(message.attachments) == 500
    assert message.remarks == (ReadingRemark.MANY,)


def test_small_attributes_and_large_numbers_cost_little_time():
    many = SIGNATURE + attribute(1, 0x9999, b"") * 300_000
    counts = SIGNATURE + attribute(1, 0x9003, struct.pack("<IHHI", 0xFFFFFFFF, 0x1002, 0x1000, 0xFFFFFFFF))
    strings = struct.pack("<IHHI", 0xFFFFFFFF, 0x101E, 0x1000, 0xFFFFFFFF) + b"\0" * 1_000_000
    nested = file(b"x", b"")
    for _ in range(50):
        object_ = bytes.fromhex("0703020000000000c000000000000046") + SIGNATURE + nested
        nested = file(b"x", b"", prop(0x3701, 0x0D, object_))
    began = time.process_time()
    for container in (many, counts, SIGNATURE + attribute(1, 0x9003, strings), SIGNATURE + nested):
        assert len(tnef.read(container).files) < 10
    assert time.process_time() - began < 2


@given(st.binary(max_size=200), st.integers(0, 400))
def test_no_bytes_make_it_fail(noise, cut):
    whole = SIGNATURE + file(b"name", b"data", prop(0x3707, 0x1E, b"long name\0"))
    data = whole[:cut] + noise + whole[cut:]
    for found in tnef.read(data).files:
        assert 0 <= found.start <= found.end <= len(data)
    read_message(mail(data))
