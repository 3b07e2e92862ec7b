"""Header fields as we write them: verbatim ones give back every byte, and no text ends its line."""

import email
import email.policy
import quopri
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from misfin.store.message.headers import (
    address_field,
    format_date,
    id_field,
    one_line,
    quoted_printable,
    text_field,
    verbatim_field,
    verbatim_value,
)


def by_stdlib(field: bytes, name: str) -> str:
    return str(email.message_from_bytes(field + b"\n", policy=email.policy.default)[name])


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300).map(lambda value: value.replace(b"\n", b"")))
def test_a_verbatim_field_gives_its_value_back(value):
    field = verbatim_field("Misfin-Senders", value)
    assert field.endswith(b"\n")
    assert verbatim_value(field.removeprefix(b"Misfin-Senders:")) == value
    assert verbatim_value(field.replace(b"\n", b"\r\n").removeprefix(b"Misfin-Senders:")) == value


@pytest.mark.parametrize(
    "text", ["a\nBcc: x@y", "a\r\n\r\nbody", "a\x0bb\x85c\u2028d", "\x1b[2J", "lone \ud800 half"]
)
def test_no_text_ends_its_header_line(text):
    assert text_field("Subject", text).count(b"\n") == 1
    assert not set(text_field("Subject", text)[:-1]) & set(range(32))


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200))
def test_the_standard_library_reads_the_text_we_wrote(text):
    field = text_field("Subject", text)
    assert max(map(len, field.split(b"\n"))) <= 78
    if field:
        assert "".join(by_stdlib(field, "Subject").split()) == "".join(one_line(text).split())


def test_long_texts_are_cut_and_empty_ones_have_no_field():
    assert one_line("x" * 300) == "x" * 255 + "…"
    assert one_line("a\0\x1b\nb") == "a b"
    assert text_field("Subject", " \n ") == b""
    assert address_field("To", []) == b""


@pytest.mark.parametrize(
    ("people", "field"),
    [
        ([("", "a@x")], b"To: a@x\n"),
        ([("A B", "a@x"), ("", "c@x")], b"To: A B <a@x>, c@x\n"),
        ([("B, A", "a@x")], b'To: "B, A" <a@x>\n'),
        ([('a "b" \\', "a@x")], b'To: "a \\"b\\" \\\\" <a@x>\n'),
        ([("x\r\nBcc: y", "a@x\r\nBcc: y")], b'To: "x Bcc: y" <"a@x Bcc: y">\n'),
        ([("=?utf-8?q?x?=", "a@x")], b"To: =?utf-8?b?PT91dGYtOD9xP3g/PQ==?= <a@x>\n"),
        ([("", "a;b@x"), ("", "a..b@x")], b'To: "a;b"@x, "a..b"@x\n'),
        ([("", "ö@x")], "To: ö@x\n".encode()),
    ],
)
def test_people_are_quoted_where_they_must_be(people, field):
    if "Bcc" in people[0][1]:
        assert address_field("To", people).count(b"\n") == 1
    else:
        assert address_field("To", people) == field


def test_only_identifiers_stand_in_a_field_of_identifiers():
    assert (
        id_field("References", ["<a@x>", "no", "<b c@x>", "<d@x\n>", "<e@x>"]) == b"References: <a@x> <e@x>\n"
    )
    assert id_field("In-Reply-To", [""]) == b""


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400))
def test_quoted_printable_is_what_the_standard_library_decodes(body):
    coded = quoted_printable(body)
    assert quopri.decodestring(coded) == body
    assert max(map(len, coded.split(b"\n"))) <= 76
    assert not set(coded) & set(b"\r\0")


@settings(max_examples=100, deadline=None)
@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(9999, 12, 31)))
def test_dates_are_those_of_the_standard_library(moment):
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    assert email.utils.parsedate_to_datetime(format_date(moment)) == moment
