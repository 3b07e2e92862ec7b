"""Which kind an address is: said by its prefix, or by the account it is sent from."""

from __future__ import annotations

import pytest

from misfin.errors import AddressError
from misfin.model.account import AddressKind
from misfin.model.recipient import (
    FORMS,
    AddressKindError,
    address_key,
    kind_of,
    mail_address,
    normal_address,
    on_to_line,
    split_prefix,
    with_prefix,
    without_prefix,
)

MISFIN, MAIL = AddressKind.MISFIN, AddressKind.MAIL


@pytest.mark.parametrize(
    ("text", "kind", "rest"),
    [
        ("bob@hive.test", None, "bob@hive.test"),
        ("misfin:bob@hive.test", MISFIN, "bob@hive.test"),
        ("MISFIN://bob@hive.test Bob", MISFIN, "bob@hive.test Bob"),
        (" mailto:bob@example.org", MAIL, "bob@example.org"),
        ("misfinbob@hive.test", None, "misfinbob@hive.test"),
    ],
)
def test_a_prefix_says_the_kind(text, kind, rest):
    assert split_prefix(text) == (kind, rest)


def test_an_account_reads_its_own_prefix_and_refuses_the_other():
    assert without_prefix("mailto:bob@example.org", MAIL) == "bob@example.org"
    assert without_prefix("bob@example.org", MAIL) == "bob@example.org"
    with pytest.raises(AddressKindError) as caught:
        without_prefix("mailto:bob@example.org", MISFIN)
    assert caught.value.kind is MAIL
    assert str(caught.value) == (
        "mailto:bob@example.org is an e-mail address, and this message is not sent from an e-mail account."
    )


def test_the_prefixes_of_a_message_agree_or_there_is_an_error():
    assert kind_of(("bob@hive.test", "cal@x.example")) is None
    assert kind_of(("bob@hive.test", "misfin:cal@x.example")) is MISFIN
    with pytest.raises(AddressKindError):
        kind_of(("misfin:bob@hive.test", "dan@x.example", "mailto:cal@x.example"))


@pytest.mark.parametrize(
    ("text", "address", "name"),
    [
        ("Ada.L+list@EXAMPLE.org", "Ada.L+list@example.org", ""),
        ('"Lovelace, Ada" <ada@example.org>', "ada@example.org", "Lovelace, Ada"),
        ("Ada <mailto:ada@example.org>", None, None),
        ("ada@bücher.example", "ada@xn--bcher-kva.example", ""),
        ("jörg@example.org", "jörg@example.org", ""),
    ],
)
def test_an_e_mail_address_has_one_form(text, address, name):
    if address is None:
        with pytest.raises(AddressError):
            mail_address(text)
    else:
        assert mail_address(text) == (address, name)
        assert normal_address(text, MAIL) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "@example.org",
        "a b@example.org",
        "a@b@example.org",
        "a@x.test\r\nTo:b@y.test",
        "a\x1b@x.test",
        "a@",
    ],
)
def test_what_is_not_one_e_mail_address_is_refused(text):
    with pytest.raises(AddressError):
        mail_address(text)


def test_every_kind_of_address_has_its_row_and_a_prefix_of_its_own():
    assert set(FORMS) == set(AddressKind)
    assert len({form.prefix for form in FORMS.values()}) == len(FORMS)


@pytest.mark.parametrize("kind", AddressKind)
def test_what_is_written_on_a_to_line_is_read_as_the_same_mailbox(kind):
    entry = with_prefix(on_to_line("bob@Hive.test", "Bob", kind), kind)
    said, rest = split_prefix(entry)
    assert said is kind
    assert normal_address(rest, kind) == "bob@hive.test"
    assert address_key(rest, kind) == address_key("bob@hive.TEST", kind)
    assert address_key(rest, kind) != address_key("cal@hive.test", kind)
