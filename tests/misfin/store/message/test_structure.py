"""The tree of parts: every part with its place and size, whatever the mail claims; and a part taken out."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.errors import InputError
from misfin.store.message.mime import read_message
from misfin.store.message.removing import can_remove, without_part
from misfin.store.message.structure import MAX_DEPTH, MAX_PARTS, parts_of

NOW = datetime(2026, 11, 29, tzinfo=UTC)


def made(*, crlf: bool = False) -> bytes:
    """A text with two files and a message, as Python's own library writes it."""
    inner = EmailMessage()
    inner["Subject"] = "inner"
    inner.set_content("inside")
    outer = EmailMessage()
    outer["From"] = "bob@hive.test"
    outer["Subject"] = "outer"
    outer.set_content("hello wörld")
    outer.add_alternative("<p>hello</p>", subtype="html")
    outer.add_attachment(b"%PDF" * 100, maintype="application", subtype="pdf", filename="plän.pdf")
    outer.add_attachment(inner)
    return outer.as_bytes(policy=policy.SMTP if crlf else policy.default)


@pytest.mark.parametrize("crlf", [False, True])
def test_each_part_stands_before_those_inside_it(crlf):
    data = made(crlf=crlf)
    parts = parts_of(data)
    assert [(part.depth, part.type, part.name) for part in parts] == [
        (0, "multipart/mixed", ""),
        (1, "multipart/alternative", ""),
        (2, "text/plain", ""),
        (2, "text/html", ""),
        (1, "application/pdf", "plän.pdf"),
        (1, "message/rfc822", ""),
        (2, "text/plain", ""),
    ]
    assert parts[2].text(data).strip() == "hello wörld"
    assert parts[4].content(data) == b"%PDF" * 100
    assert parts[4].size == 400
    assert read_message(parts[5].content(data)).subject == "inner"


@pytest.mark.parametrize("crlf", [False, True])
def test_a_removed_part_leaves_a_note_and_every_other_byte(crlf):
    data = made(crlf=crlf)
    part = parts_of(data)[4]
    left = without_part(data, part, NOW)
    assert left.startswith(data[: part.first])
    assert left.endswith(data[part.end :])
    assert (b"\n" in left.replace(b"\r\n", b"")) is not crlf
    read = message_from_bytes(left, policy=policy.default)
    assert not read.defects
    note = [*read.iter_parts()][1].get_content().strip()
    assert (
        note
        == "The attachment “plän.pdf” (application/pdf, 400 bytes) was deleted from this message on"
        + (" 29 November 2026.")
    )
    assert [each.type for each in parts_of(left)][4] == "text/plain"


def test_only_one_of_several_parts_can_be_removed():
    data = b"Subject: x\nContent-Type: application/pdf\n\n%PDF\n"
    (whole,) = parts_of(data)
    assert not can_remove(whole)
    with pytest.raises(InputError):
        without_part(data, whole, NOW)


@given(st.binary(max_size=400))
def test_any_bytes_have_a_tree_within_their_range(data):
    for part in parts_of(b"Content-Type: multipart/mixed; boundary=x\n\n--x\n" + data):
        assert part.first <= part.start <= part.end
        assert part.depth <= MAX_DEPTH


def test_a_mail_of_endless_parts_or_levels_is_bounded():
    many = b"Content-Type: multipart/mixed; boundary=x\n\n" + b"--x\n\na\n" * 5000
    assert len(parts_of(many)) == MAX_PARTS
    deep = b"Content-Type: message/rfc822\n\n" * 2000
    assert len(parts_of(deep)) == MAX_DEPTH + 1
