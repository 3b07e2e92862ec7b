"""A recipient counts as one of a kind only when everything known about the address agrees."""

from __future__ import annotations

import pytest
import toymail
from desk import ALICE, SETTINGS, identity, make_profile

from misfin.model.account import AddressKind
from misfin.store.people.contacts import Contact, Encounter
from misfin.trust.tofu import PinKind
from misfin_tui import config
from misfin_tui.services import Services
from misfin_tui.services.reaching import only_kind, reaching

BOTH = f"{SETTINGS}\n[accounts.work]\n{toymail.WORK}"
MAIL, MISFIN = AddressKind.MAIL, AddressKind.MISFIN


@pytest.fixture
def spool(monkeypatch, tmp_path):
    return toymail.register(monkeypatch, tmp_path / "spool")


@pytest.fixture
def services(profile_root, spool):
    profile = make_profile(profile_root, settings=f'{BOTH}\n[hosts."set.test"]\nversion = "B"\n')
    services = Services(profile, config.load(profile.config))
    services.contact_book.save(Contact("bea@office.test", kind=MAIL))
    services.contact_book.save(Contact("bob@hive.test"))
    services.contact_book.save(Contact("cal@both.test"))
    services.contact_book.save(Contact("cal@both.test", kind=MAIL))
    services.contact_book.save(Contact("gone@hive.test", kind=MAIL, dead="It is gone."))
    services.contact_book.learn([Encounter("dan@far.test", "", False, 1.0, "<1>", MAIL)])
    services.contact_book.learn([Encounter("eve@hive.test", "", False, 1.0, "<2>", MAIL)])
    services.pin_book.record(PinKind.HOST, "met.test:1965", identity("x@met.test").info, how="", now=1.0)
    services.pin_book.record(PinKind.SENDER, "pat@new.test", identity("pat@new.test").info, how="", now=1.0)
    yield services
    services.close()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("mailto:bob@hive.test", MAIL),
        ("misfin:bea@office.test", MISFIN),
        ("bea@office.test", MAIL),
        ("Bea <Bea@Office.test>", MAIL),
        ("else@office.test", MAIL),
        ("else@example.org", MAIL),  # where an own account is
        ("else@gmail.com", MAIL),
        ('"odd name"@new.test', MAIL),
        ("bob@hive.test", MISFIN),
        ("bob@hive.test Bob", MISFIN),
        ("else@hive.test", MISFIN),
        ("else@met.test", MISFIN),
        ("else@set.test", MISFIN),
        ("else@mail.example", MISFIN),  # where the own identity is
        ("else@new.test:1965", MISFIN),
        ("pat@new.test", MISFIN),
        ("dan@far.test", MAIL),
        ("else@far.test", None),  # merely wrote first
        ("eve@hive.test", None),
        ("gone@hive.test", MISFIN),
        ("cal@both.test", None),
        ("else@both.test", None),
        ("else@gmail.com:1965", None),
        ("else@new.test", None),
        ("else@new.test Else", None),
        ("bea", None),
        ("mailto:bea", None),
        ("@office.test", None),
        ("", None),
    ],
)
def test_the_kind_of_a_recipient(services, text, kind):
    assert only_kind(services, text) is kind


@pytest.mark.parametrize(
    ("texts", "kind", "account"),
    [
        (["bea@office.test"], MISFIN, "work"),
        (["else@new.test", "bea@office.test"], MISFIN, "work"),
        (["bob@hive.test"], MAIL, ALICE),
        (["bea@office.test"], MAIL, ""),
        (["bob@hive.test", "bea@office.test"], MISFIN, ""),
        (["else@new.test"], MISFIN, ""),
        ([], MISFIN, ""),
    ],
)
def test_another_account_is_named_only_where_one_of_this_kind_cannot_reach_them(
    services, texts, kind, account
):
    found = reaching(services, texts, kind)
    assert (found.account.directory if found else "") == account


@pytest.mark.parametrize("text", ["bea@office.test", "mailto:bea@office.test", "Bea <bea@office.test>"])
def test_the_recipient_is_named_by_the_bare_address(services, text):
    assert reaching(services, [text], MISFIN).address == "bea@office.test"


def test_none_is_named_where_there_is_none_of_that_kind(profile_root):
    profile = make_profile(profile_root)
    services = Services(profile, config.load(profile.config))
    try:
        assert reaching(services, ["bea@gmail.com"], MISFIN) is None
    finally:
        services.close()
