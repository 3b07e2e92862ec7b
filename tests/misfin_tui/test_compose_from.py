"""From of a new message: the account whose mail is shown, until the recipients or a person say otherwise."""

from __future__ import annotations

import pytest
import toymail
from desk import ALICE, SETTINGS, at_desk, make_profile, shown, until
from mailboxes import Mailbox, mail

from misfin.model.account import AddressKind
from misfin.store.mail.maildir import MailStore
from misfin.store.outgoing.drafts import DraftBox
from misfin.store.rows import View
from misfin_tui import config
from misfin_tui.screens.compose import ComposeScreen
from misfin_tui.screens.thread import ThreadScreen
from misfin_tui.services import Services

BOTH = f"{SETTINGS}\n[accounts.work]\n{toymail.WORK}"


@pytest.fixture
def spool(monkeypatch, tmp_path):
    return toymail.register(monkeypatch, tmp_path / "spool")


@pytest.fixture
def profile(profile_root, spool):
    return make_profile(profile_root, settings=BOTH)


async def composer(app, pilot, key: str = "c") -> ComposeScreen:
    await pilot.press(key)
    await until(pilot, lambda: isinstance(app.screen, ComposeScreen) and app.screen._opened is not None)
    return app.screen


# ---- the account shown


@pytest.mark.parametrize(
    ("view", "account"),
    [
        (View("work", "Inbox"), "work"),
        (View("work", None, "plan"), "work"),
        (View(ALICE, "Inbox"), ALICE),
        (View(None, "Inbox"), ALICE),
        (View("gone", "Inbox"), ALICE),
    ],
    ids=["its inbox", "a search in it", "the other", "all accounts", "one that was removed"],
)
async def test_a_new_message_is_from_the_account_shown_or_from_the_default_one(profile, view, account):
    async with at_desk(profile) as (app, pilot):
        app.screen.search.open_view(view)
        await until(pilot, lambda: app.screen.messages.view == view)
        screen = await composer(app, pilot)
        assert screen.account == account
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, ComposeScreen))
    assert DraftBox(MailStore(profile.mail)).all() == []


async def test_beside_a_conversation_it_is_from_the_account_of_its_list(profile):
    Mailbox(profile.mail, "work").put(mail("jade"))
    async with at_desk(profile) as (app, pilot):
        app.screen.search.open_view(View("work", "Inbox"))
        await until(pilot, lambda: "jade" in shown(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ThreadScreen))
        assert (await composer(app, pilot)).account == "work"


async def test_an_account_that_only_receives_is_not_written_from(profile_root, spool):
    profile = make_profile(profile_root, settings=f'{BOTH}imap = "imaps://127.0.0.1:1"\n')
    services = Services(profile, config.load(profile.config), lambda _message: None)
    try:
        assert (await services.sending.new(seen_in="work")).account == ALICE
    finally:
        services.close()


async def test_a_person_is_written_to_from_the_account_shown_if_it_is_of_their_kind(profile_root, spool):
    settings = f"{BOTH}\n[accounts.home]\n{toymail.WORK.replace('ada@', 'ada@home.')}"
    async with at_desk(make_profile(profile_root, settings=settings)) as (app, _pilot):
        new = app.services.sending.new
        for shown_one, kind, account in (
            ("home", AddressKind.MAIL, "home"),
            ("work", AddressKind.MAIL, "work"),
            ("home", AddressKind.MISFIN, ALICE),
        ):
            draft = await new(["cal@example.org"], seen_in=shown_one, kind=kind)
            assert (draft.account, draft.to) == (account, ("cal@example.org",))
