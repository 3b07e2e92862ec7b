"""The accounts of a profile: identities on disk, and accounts that settings describe."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from misfin.errors import AccountError
from misfin.model.account import Account, Kind, is_account_name
from misfin.model.address import MisfinAddress
from misfin.store.accounts import AccountBook, AccountSettings, misfin_account
from misfin.store.identities import IdentityStore
from misfin.store.mail.maildir import MailStore
from misfin.trust.identity import Identity, generate

NOW = datetime(2026, 11, 20, tzinfo=UTC)
WORK = AccountSettings("work", Kind.EMAIL, "Ada@Example.org", "Ada E.")


def make(address: str, *, ca: bool = False) -> Identity:
    return generate(MisfinAddress.parse(address), now=NOW, ca=ca)


@pytest.fixture
def identities(tmp_path: Path) -> IdentityStore:
    return IdentityStore(tmp_path / "identities")


@pytest.fixture
def mail(tmp_path: Path) -> MailStore:
    return MailStore(tmp_path / "mail")


def names(book: AccountBook) -> list[str]:
    return [account.name for account in book.all()]


def test_an_identity_is_an_account_named_after_its_file(identities, mail):
    identities.save(make("ada@mail.example Ada Lovelace"), "home")
    identities.save(make("bea@mail.example Bea"))
    assert AccountBook(identities, mail).all() == [
        Account("bea@mail.example", Kind.MISFIN, "bea@mail.example", "Bea"),
        Account("home", Kind.MISFIN, "ada@mail.example", "Ada Lovelace"),
    ]


def test_accounts_of_the_settings_follow_and_their_mail_is_named_after_them(identities, mail):
    identities.save(make("ada@mail.example Ada"))
    book = AccountBook(identities, mail, [WORK])
    assert names(book) == ["ada@mail.example", "work"]
    assert [each.directory for each in book.all()] == ["ada@mail.example", "work"]
    assert book.at("work") == Account("work", Kind.EMAIL, "Ada@Example.org", "Ada E.")
    assert book.at("nobody") is None


def test_a_profile_without_any_account_says_how_to_get_one(identities, mail):
    book = AccountBook(identities, mail)
    assert book.all() == []
    with pytest.raises(AccountError, match="no account to send from") as caught:
        book.default()
    assert "identity new" in caught.value.remedy


@pytest.mark.parametrize("text", ["home", "ada@mail.example", "ada@MAIL.example", "misfin:ada@mail.example"])
def test_a_misfin_account_is_found_by_name_and_by_address(identities, mail, text):
    identities.save(make("ada@mail.example Ada"), "home")
    assert AccountBook(identities, mail).find(text).name == "home"


@pytest.mark.parametrize("text", ["work", "ada@example.org", "Ada@Example.org"])
def test_another_account_is_found_by_name_and_by_address(identities, mail, text):
    assert AccountBook(identities, mail, [WORK]).find(text).name == "work"


@pytest.mark.parametrize("text", ["", "nobody", "ada@elsewhere.example", "ada", "\x1b[2J", "@", "../x"])
def test_who_is_not_there_is_not_found(identities, mail, text):
    identities.save(make("ada@mail.example Ada"), "home")
    with pytest.raises(AccountError, match="no account") as caught:
        AccountBook(identities, mail, [WORK]).find(text)
    assert "account list" in caught.value.remedy


def test_an_address_that_two_accounts_have_names_neither(identities, mail):
    identities.save(make("ada@mail.example Ada"), "home")
    same = AccountSettings("work", Kind.EMAIL, "ada@mail.example")
    book = AccountBook(identities, mail, [same])
    with pytest.raises(AccountError, match="the address of several accounts: home and work"):
        book.find("ada@mail.example")
    assert book.find("work").kind is Kind.EMAIL
    assert book.find("home").kind is Kind.MISFIN


def test_the_preferred_account_is_the_default_while_it_exists(identities, mail):
    identities.save(make("ada@mail.example Ada"), "home")
    identities.save(make("bea@mail.example Bea"))
    book = AccountBook(identities, mail)
    assert book.default("home").name == book.default("ada@mail.example").name == "home"
    assert book.default("gone@mail.example").name == book.default().name == "bea@mail.example"


def test_a_file_that_cannot_be_used_is_no_account_and_says_why_when_it_is_named(identities, mail):
    identities.save(make("ada@mail.example Ada"))
    (identities.folder / "broken.pem").write_bytes(b"nothing")
    book = AccountBook(identities, mail)
    assert names(book) == ["ada@mail.example"]
    with pytest.raises(AccountError, match=r"broken\.pem"):
        book.find("broken")


def test_of_two_files_for_one_address_the_first_is_the_account(identities, mail):
    identities.save(make("ada@mail.example Ada"), "b")
    (identities.folder / "a.pem").write_bytes(make("ada@mail.example Ada").pem)
    assert names(AccountBook(identities, mail)) == ["a"]


def test_a_host_identity_is_not_an_account_of_its_own_but_may_be_named(identities, mail):
    identities.save(make("host@mail.example Host", ca=True))
    identities.save(make("ada@mail.example Ada"))
    book = AccountBook(identities, mail)
    assert names(book) == ["ada@mail.example"]
    assert book.find("host@mail.example") == misfin_account(make("host@mail.example Host", ca=True))
    assert book.at("host@mail.example") == book.find("host@mail.example")


def test_a_host_identity_with_mail_of_its_own_is_an_account_from_that_moment(identities, mail):
    identities.save(make("host@mail.example Host", ca=True))
    identities.save(make("ada@mail.example Ada"))
    book = AccountBook(identities, mail)
    assert names(book) == ["ada@mail.example"]
    mail.create("host@mail.example")
    assert names(book) == ["ada@mail.example", "host@mail.example"]


def test_a_host_identity_is_the_account_of_a_profile_that_has_nothing_else(identities, mail):
    identities.save(make("host@mail.example Host", ca=True))
    book = AccountBook(identities, mail)
    assert names(book) == ["host@mail.example"]
    assert book.default().address == "host@mail.example"


def test_an_identity_that_a_gmap_account_names_is_not_an_account_of_its_own(identities, mail):
    identities.save(make("ada@mail.example Ada"), "key")
    identities.save(make("bea@mail.example Bea"))
    remote = AccountSettings("remote", Kind.GMAP, identity="key")
    book = AccountBook(identities, mail, [remote])
    assert book.all() == [
        Account("bea@mail.example", Kind.MISFIN, "bea@mail.example", "Bea"),
        Account("remote", Kind.GMAP, "ada@mail.example", "Ada"),
    ]
    assert book.find("ada@mail.example").name == "remote"
    assert book.address_at("remote@") == "ada@mail.example"
    assert book.name_at("remote@") == "remote"
    assert book.at("remote@") == book.find("remote")


def test_a_gmap_account_without_its_identity_is_left_out_and_said(identities, mail):
    book = AccountBook(identities, mail, [AccountSettings("remote", Kind.GMAP, identity="gone")])
    assert book.all() == []
    assert book.problems() == ["The account remote uses the identity gone, which does not exist."]


def test_a_name_that_an_identity_has_is_left_to_it(identities, mail):
    identities.save(make("ada@mail.example Ada"), "work")
    book = AccountBook(identities, mail, [WORK])
    assert [(each.name, each.kind) for each in book.all()] == [("work", Kind.MISFIN)]
    assert "Two accounts are named work" in book.problems()[0]


def test_a_new_identity_is_an_account_at_once(identities, mail):
    book = AccountBook(identities, mail)
    assert names(book) == []
    identities.save(make("ada@mail.example Ada"))
    assert names(book) == ["ada@mail.example"]
    identities.remove("ada@mail.example")
    assert names(book) == []


def test_unchanged_identities_are_not_opened_again(identities, mail, monkeypatch):
    identities.save(make("ada@mail.example Ada"))
    book = AccountBook(identities, mail)
    first = book.all()
    monkeypatch.setattr(identities, "all", lambda: pytest.fail("opened again"))
    assert book.all() == first


def test_names_of_directories_are_found_without_opening_identities_saved_as_usual(
    identities, mail, monkeypatch
):
    identities.save(make("ada@mail.example Ada"))
    identities.save(make("bea@mail.example Bea"), "second")
    book = AccountBook(identities, mail, [WORK])
    assert book.name_at("bea@mail.example") == "second"
    assert book.name_at("old@mail.example") == "old@mail.example"
    monkeypatch.setattr(identities, "all", lambda: pytest.fail("opened"))
    book = AccountBook(identities, mail, [WORK])
    assert book.name_at("ada@mail.example") == "ada@mail.example"
    assert (book.name_at("work"), book.address_at("work")) == ("work", "Ada@Example.org")
    assert book.address_at("ada@mail.example") == "ada@mail.example"


@pytest.mark.parametrize("name", ["work", "0", "a-b_c9"])
def test_names_of_accounts_in_the_settings(name):
    assert is_account_name(name)


@pytest.mark.parametrize("name", ["", "-a", "_a", "Work", "a b", "a@b", "a/b", "é", "a\n"])
def test_names_that_no_account_may_have(name):
    assert not is_account_name(name)


def test_a_host_identity_whose_address_no_directory_can_have_is_no_obstacle(identities, mail):
    identities.save(make("ada@mail.example Ada"))
    identities.save(make(".host@mail.example", ca=True), "odd")
    assert names(AccountBook(identities, mail)) == ["ada@mail.example"]
    assert not mail.has(".host@mail.example")
    assert not mail.has("a/b")
