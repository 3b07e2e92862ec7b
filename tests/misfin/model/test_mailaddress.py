"""E-mail addresses as people and programs write them, in one normal form; everything else is refused."""

from __future__ import annotations

import email.headerregistry

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.errors import AddressError
from misfin.model.account import AddressKind
from misfin.model.mailaddress import MAX_ADDRESS, read_mail_address
from misfin.model.recipient import mail_address, on_to_line

READ = {
    "ada@example.org": ("ada@example.org", ""),
    " ada@EXAMPLE.org ": ("ada@example.org", ""),
    "Ada.L+x@example.org": ("Ada.L+x@example.org", ""),
    "Ada <ada@example.org>": ("ada@example.org", "Ada"),
    '"Doe, Jane" <jane@example.org>': ("jane@example.org", "Doe, Jane"),
    '"a\\"b" <ada@example.org>': ("ada@example.org", 'a"b'),
    "ada@example.org (Ada (L))": ("ada@example.org", "Ada (L)"),
    "ada(home)@(x)example.org": ("ada@example.org", "x"),
    "Ada (work) <ada@example.org>": ("ada@example.org", "Ada (work)"),
    "Ada :) <ada@example.org>": ("ada@example.org", "Ada :)"),
    '"a b"@example.org': ('"a b"@example.org', ""),
    '<"a>b"@example.org>': ('"a>b"@example.org', ""),
    '"ada"@example.org': ("ada@example.org", ""),
    '"a\\b"@example.org': ("ab@example.org", ""),
    "ada@[192.0.2.1]": ("ada@[192.0.2.1]", ""),
    "ada@[IPv6:2001:DB8:0::1]": ("ada@[IPv6:2001:db8::1]", ""),
    "jörg@exämple.org": ("jörg@xn--exmple-cua.org", ""),
    "mailto:ada@example.org": ("ada@example.org", ""),
}


@pytest.mark.parametrize("text", READ)
def test_it_is_read_into_its_normal_form(text):
    assert tuple(mail_address(text)) == READ[text]
    assert mail_address(READ[text][0])[0] == READ[text][0]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "@example.org",
        "ada@",
        "a@b@c",
        "a b@example.org",
        "a..b@example.org",
        ".a@example.org",
        "<a@example.org",
        "a@example.org>",
        "<a@example.org> x",
        "<a@example.org><b@example.org>",
        'x"y@example.org',
        '""@example.org',
        "ada@[example.org]",
        "ada@[300.1.1.1]",
        "ada@[IPv6:x]",
        "ada@exa mple.org",
        "a@example.org\nBcc: b@example.org",
        '"a\nb"@example.org',
        '"a\x1bb"@example.org',
        "a\x00@example.org",
        "\u202ea@example.org",
        f"{'a' * MAX_ADDRESS}@example.org",
        "(" * 1000,
        '"' * 999 + "@example.org",
        "<" * 500 + ">" * 500,
    ],
)
def test_what_is_not_one_address_is_refused(text):
    with pytest.raises(AddressError) as error:
        mail_address(text)
    assert error.value.remedy
    assert len(str(error.value)) < 400
    assert str(error.value).isprintable()


TEXT = st.text(max_size=60) | st.text(st.sampled_from('ab@."\\<>()[]: ,\t'), max_size=30)
LOCALS = st.text(st.characters(exclude_categories=("C", "Z")) | st.just(" "), min_size=1, max_size=30)
NAMES = st.text(st.characters(exclude_categories=("C", "Z")) | st.just(" "), max_size=30)


@given(TEXT)
def test_any_text_is_an_address_in_normal_form_or_an_address_error(text):
    try:
        address, _ = read_mail_address(text)
    except AddressError:
        return
    assert read_mail_address(address) == (address, "")
    assert not set(address) & set("\r\n\0")
    if address.isascii() and "[" not in address:
        assert email.headerregistry.Address(addr_spec=address).addr_spec == address


@given(LOCALS, NAMES)
def test_any_local_part_in_quotation_marks_is_one_address(local, name):
    quoted = local.replace("\\", "\\\\").replace('"', '\\"')
    address, _ = read_mail_address(f'"{quoted}"@example.org')
    assert address.endswith("@example.org")
    name = " ".join(name.split())
    line = on_to_line(address, name, AddressKind.MAIL)
    assert tuple(mail_address(line)) == (address, name)
