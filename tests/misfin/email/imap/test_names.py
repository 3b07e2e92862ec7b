"""Names of mailboxes, ours and theirs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.email.imap.names import decode_name, encode_name
from misfin.errors import CommandError
from misfin.model.utf7 import from_utf7, to_utf7

PRINTABLE = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp", "Cn", "Co", "Cf", "Zs"]), min_size=1
)


@pytest.mark.parametrize(
    ("name", "wire"),
    [
        ("Entwürfe", b"Entw&APw-rfe"),
        ("a & b", b"a &- b"),
        ("台北", b"&U,BTFw-"),
        ("mail/日本語", b"mail/&ZeVnLIqe-"),  # RFC 3501 §5.1.3
        ("😀", b"&2D3eAA-"),
        ('say "hi"', b'say "hi"'),
    ],
)
def test_names_are_written_in_modified_utf7(name, wire):
    assert encode_name(name, utf8=False) == wire
    assert decode_name(wire) == name


@given(PRINTABLE)
def test_every_name_survives(name):
    if len(to_utf7(name)) <= 1024 and name.upper() != "INBOX":
        assert decode_name(encode_name(name, utf8=False)) == name


@given(st.text())
def test_modified_utf7_is_its_own_inverse(text):
    if "\ufffd" not in text:
        back = from_utf7(to_utf7(text))
        assert back == text or any("\ud800" <= c <= "\udfff" for c in text)


def test_inbox_has_one_name():
    assert {decode_name(raw) for raw in (b"INBOX", b"inbox", b"Inbox")} == {"INBOX"}


@pytest.mark.parametrize(
    ("wire", "shown"),
    [
        (b"x&y", "x&y"),
        (b"caf\xc3\xa9", "café"),
        (b"caf\xe9", "caf\\xe9"),
        (b"&AOk-&AOk-", "&AOk-&AOk-"),  # not how anybody should write éé
        (b"&AAo-", "&AAo-"),  # a line break
        (b"&2D0-", "&2D0-"),  # half a letter
    ],
)
def test_a_name_that_is_not_utf7_is_shown_and_can_be_named_again(wire, shown):
    assert decode_name(wire) == shown
    assert encode_name(wire, utf8=False) == wire


def test_once_enabled_names_are_utf8():
    assert encode_name("Entwürfe", utf8=True) == "Entwürfe".encode()


@pytest.mark.parametrize("name", ["", "a\r\nb", "a\0", b"a\nb", b"", "x" * 1025, "\ud800"])
def test_what_cannot_name_a_mailbox(name):
    with pytest.raises(CommandError, match="cannot name"):
        encode_name(name, utf8=True)
