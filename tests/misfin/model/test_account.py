"""Accounts as values."""

import pytest

from misfin.model.account import Account, AddressKind, Kind


@pytest.mark.parametrize(
    ("kind", "people"),
    [
        (Kind.MISFIN, AddressKind.MISFIN),
        (Kind.GMAP, AddressKind.MISFIN),
        (Kind.EMAIL, AddressKind.MAIL),
    ],
)
def test_the_kind_of_an_account_says_which_network_its_people_are_on(kind, people):
    assert kind.address_kind is people


def test_a_misfin_account_and_an_email_account_of_one_address_keep_their_mail_apart():
    address = "ada@example.org"
    directories = {Account("ada", kind, address).directory for kind in (Kind.MISFIN, Kind.EMAIL)}
    assert directories == {address, "ada"}
