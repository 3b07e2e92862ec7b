"""Which accounts are fetched: all that have a server, without those that are paused, unless one is named."""

from __future__ import annotations

import pytest
from desk import SETTINGS, make_profile

from misfin_tui import config
from misfin_tui.cli.email_sources import sources_of
from misfin_tui.services import Services


@pytest.fixture
def services(profile_root):
    accounts = "".join(
        f'[accounts.{name}]\nkind = "email"\naddress = "{name}@example.org"\nimap = "imaps://imap.invalid"\n'
        f'password = {{ env = "NOT_SET" }}\npaused = {paused}\n'
        for name, paused in (("home", "false"), ("work", "true"))
    )
    profile = make_profile(profile_root, settings=SETTINGS + accounts, address="")
    made = Services(profile, config.load(profile.config))
    yield made
    made.close()


def test_a_paused_account_is_not_fetched_by_itself(services):
    assert [each.account.name for each in sources_of(services, None)] == ["home"]
    assert services.fetching.accounts() == ["home"]


def test_a_paused_account_is_fetched_when_it_is_named(services):
    assert [each.account.name for each in sources_of(services, "work")] == ["work"]
