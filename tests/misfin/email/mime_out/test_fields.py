"""No value can end a line, begin a field or hide in one: it is refused, by the name of its field."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from misfin.email.mime_out import NamedAddress, OutgoingFile, OutgoingMail, UnsafeFieldError, build
from misfin.errors import AddressError, LocalError

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ADA = NamedAddress("Ada", "ada@example.org")
BREAKS = ["\r\n", "\n", "\r", "\0", "\x0b", "\x0c", "\x1b[2J", "\x7f", "\x85", "\u2028", "\u2029", "\ud800"]


def mail(**changes):
    return OutgoingMail(**{"author": ADA, "message_id": "<1@example.org>", "date": NOW, **changes})


def file_named(name):
    return OutgoingFile(name, 1, lambda: io.BytesIO(b"x"))


PLACES = {
    "subject": lambda text: mail(subject=text),
    "From field": lambda text: mail(author=NamedAddress(text, "ada@example.org")),
    "To field": lambda text: mail(to=(NamedAddress(text, "bea@example.org"),)),
    "Cc field": lambda text: mail(cc=(NamedAddress(text, "bea@example.org"),)),
    "Bcc field": lambda text: mail(bcc=(NamedAddress(text, "bea@example.org"),)),
    "Reply-To field": lambda text: mail(reply_to=(NamedAddress(text, "bea@example.org"),)),
    "Sender field": lambda text: mail(sender=NamedAddress(text, "bea@example.org")),
    "User-Agent field": lambda text: mail(user_agent=text),
    "name of an attached file": lambda text: mail(files=(file_named(text),)),
}


@pytest.mark.parametrize("what", BREAKS)
@pytest.mark.parametrize("place", PLACES)
def test_a_line_break_or_control_character_is_refused_by_name(place, what):
    with pytest.raises(UnsafeFieldError, match=place) as error:
        build(PLACES[place](f"before{what}Bcc: eve@example.org"))
    assert error.value.field == place
    assert error.value.remedy
    assert str(error.value).isprintable()


@pytest.mark.parametrize("what", [*BREAKS, " ", "<", ">", ",", "@", '"', ";", "(", ")"])
def test_an_address_is_one_address_or_refused(what):
    for address in (f"bea{what}@example.org", f"bea@exam{what}ple.org", f"{what}bea@example.org"):
        with pytest.raises(LocalError) as error:
            build(mail(to=(NamedAddress("", address),)))
        assert isinstance(error.value, AddressError | UnsafeFieldError)
        assert error.value.remedy


@pytest.mark.parametrize("what", [*BREAKS, " ", "<", ">", "é", "=?utf-8?q?x?="])
def test_an_id_that_is_not_one_is_left_out_and_never_encoded(what):
    bad = f"<a{what}@example.org>"
    head = build(mail(in_reply_to=bad, references=(bad, "<good@example.org>"))).part.head.decode()
    if what != "=?utf-8?q?x?=":
        assert "In-Reply-To" not in head
        assert "References: <good@example.org>\r\n" in head
    with pytest.raises(UnsafeFieldError, match="Message-ID"):
        build(mail(message_id=f"<a{what} @example.org>"))


ANYTHING = st.text(max_size=60) | st.text(st.sampled_from('a\r\n:<>@",;=?é \t\0'), max_size=40)
FIELDS = {
    b"Date",
    b"From",
    b"Sender",
    b"Reply-To",
    b"To",
    b"Cc",
    b"Bcc",
    b"Subject",
    b"Message-ID",
    b"In-Reply-To",
    b"References",
    b"User-Agent",
    b"MIME-Version",
    b"Content-Type",
    b"Content-Transfer-Encoding",
}


@settings(max_examples=200, deadline=None)
@given(place=st.sampled_from(sorted(PLACES)), text=ANYTHING, address=ANYTHING, identity=ANYTHING)
def test_whatever_a_value_is_the_header_has_our_fields_and_no_other(place, text, address, identity):
    values = {"references": (identity,), "in_reply_to": identity}
    try:
        built = build(PLACES[place](text))
        head = built.part.head
        head += build(mail(**values)).part.head
        head += build(mail(to=(NamedAddress(text, address),))).part.head
    except LocalError:
        return
    for line in head.split(b"\r\n"):
        assert b"\n" not in line
        assert b"\r" not in line
        if line and line[:1] not in b" \t":
            assert line.partition(b":")[0] in FIELDS
    assert not any(line.strip() == b"" for line in head.split(b"\r\n")[:-1])


@settings(max_examples=50, deadline=None)
@given(name=ANYTHING)
def test_a_file_name_adds_no_field_to_its_part(name):
    try:
        data = b"".join(build(mail(files=(file_named(name),))).pieces())
    except UnsafeFieldError:
        return
    part = data.split(b"\r\n--=_")[2]
    head = part.partition(b"\r\n\r\n")[0]
    names = [line.partition(b":")[0] for line in head.split(b"\r\n")[1:] if line[:1] not in b" \t"]
    assert names == [b"Content-Type", b"Content-Disposition", b"Content-Transfer-Encoding"]
