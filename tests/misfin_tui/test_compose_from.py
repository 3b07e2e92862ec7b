"""From of a new message: the account whose mail is shown, until the recipients or a person say otherwise."""

from __future__ import annotations

import asyncio

import pytest
import toymail
from desk import (
    ALICE,
    SETTINGS,
    at_desk,
    make_profile,
    notices,
    on_screen,
    settled,
    shown,
    type_text,
    until,
)
from mailboxes import Mailbox, mail

from misfin.model.account import AddressKind
from misfin.store.mail.maildir import MailStore
from misfin.store.outgoing.drafts import Draft, DraftBox, Purpose
from misfin.store.outgoing.outbox import Outbox
from misfin.store.people.contacts import Contact, ContactBook
from misfin.store.rows import View
from misfin_tui import config
from misfin_tui.screens.compose import ComposeScreen
from misfin_tui.screens.thread import ThreadScreen
from misfin_tui.services import Services

BOTH = f"{SETTINGS}\n[accounts.work]\n{toymail.WORK}"

ALL = View(None, "Inbox")


@pytest.fixture
def spool(monkeypatch, tmp_path):
    return toymail.register(monkeypatch, tmp_path / "spool")


@pytest.fixture
def profile(profile_root, spool):
    return make_profile(profile_root, settings=BOTH)


async def opened(app, pilot) -> ComposeScreen:
    await until(pilot, lambda: isinstance(app.screen, ComposeScreen) and app.screen._opened is not None)
    return app.screen


async def composer(app, pilot, view: View | None = None) -> ComposeScreen:
    """A new message, begun in this list."""
    if view is not None:
        app.screen.search.open_view(view)
        await until(pilot, lambda: app.screen.messages.view == view)
    await pilot.press("c")
    return await opened(app, pilot)


def queued(profile) -> list[tuple[object, ...]]:
    """Account, kind and recipients of what is in the outbox."""
    outbox = Outbox(profile.outbox_db)
    try:
        found = [outbox.outgoing(group) for group in sorted({row.group for row in outbox.rows()})]
        return [(each.account, each.kind, each.recipients) for each in found]
    finally:
        outbox.close()


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
        screen = await composer(app, pilot, view)
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


# ---- the recipients decide


@pytest.fixture
def people(profile):
    book = ContactBook(profile.contacts_db)
    book.save(Contact("bea@office.test", "Bea", kind=AddressKind.MAIL))
    book.save(Contact("bob@hive.test", "Bob"))
    book.close()


def said(app) -> list[str]:
    return [note for note in notices(app) if "so From is now" in note]


async def told_from_changed(pilot, screen, account: str) -> str:
    """The notice about it, once From is this account and its signature is below the text."""
    await until(pilot, lambda: screen.account == account and said(pilot.app))
    return said(pilot.app)[-1]


@pytest.mark.parametrize("key", ["enter", "tab"])
async def test_from_follows_an_e_mail_address_once_it_is_complete(profile, people, key):
    signatures = '\n[send]\nundo_send_seconds = 3600\nsignature = "Alice"\n'
    work = toymail.WORK + 'signature = "Ada"\n'
    profile.config.write_text(f"[receive]\nenabled = false\n{signatures}\n[accounts.work]\n{work}")
    async with at_desk(profile, (110, 30)) as (app, pilot):
        screen = await composer(app, pilot, ALL)
        assert (screen.account, screen.body.text) == (ALICE, "\n\nAlice\n")
        await type_text(pilot, "bea@office.test")
        await settled(pilot)
        assert screen.account == ALICE
        await pilot.press(key)
        words = await told_from_changed(pilot, screen, "work")
        assert words == "bea@office.test is an e-mail address, so From is now ada@example.org."
        await until(pilot, lambda: screen.body.text == "\n\n-- \nAda\n")
        await on_screen(pilot, "of 1,000,000 bytes")
        assert screen.subject.has_focus
        await pilot.press("f2")
        await until(pilot, lambda: screen.fields.cc.shown)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not isinstance(app.screen, ComposeScreen))
    assert queued(profile) == [("work", AddressKind.MAIL, ("bea@office.test",))]


async def test_from_follows_a_misfin_address_too(profile, people):
    async with at_desk(profile) as (app, pilot):
        screen = await composer(app, pilot, View("work", "Inbox"))
        await type_text(pilot, "bob@hive.test\n")
        words = await told_from_changed(pilot, screen, ALICE)
        assert words == f"bob@hive.test is a Misfin address, so From is now {ALICE}."
        await on_screen(pilot, "host not contacted yet")


@pytest.mark.parametrize(
    "to", ["new@new.test", "bob@hive.test", "bob@hive.test, bea@office.test", "bea"], ids=lambda to: to
)
async def test_from_stays_where_its_account_may_reach_them_or_none_reaches_all(profile, people, to):
    async with at_desk(profile) as (app, pilot):
        screen = await composer(app, pilot, ALL)
        await type_text(pilot, f"{to}\n")
        await until(pilot, lambda: screen.subject.has_focus)
        await settled(pilot)
        assert (screen.account, screen.fields.to.value, said(app)) == (ALICE, to, [])


@pytest.mark.parametrize("other", ["another", "the same"])
async def test_from_stays_once_a_person_has_chosen_it(profile, people, other):
    async with at_desk(profile) as (app, pilot):
        view = View("work" if other == "another" else ALICE, "Inbox")
        screen = await composer(app, pilot, view)
        await pilot.press("shift+tab")
        await until(pilot, lambda: screen.from_account.chooser.has_focus)
        await pilot.press("enter")
        await until(pilot, lambda: screen.from_account.chooser.expanded)
        await pilot.press(*(["up", "enter"] if other == "another" else ["enter"]))
        await until(pilot, lambda: not screen.from_account.chooser.expanded and screen.account == ALICE)
        screen.fields.to.focus()
        await type_text(pilot, "bea@office.test\nHi\nHello")
        await until(pilot, lambda: "Hello" in screen.body.text)
        await settled(pilot)
        assert screen.account == ALICE
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not isinstance(app.screen, ComposeScreen))
        assert said(app) == []
    assert queued(profile) == [(ALICE, AddressKind.MISFIN, ("bea@office.test",))]


async def test_a_draft_and_a_message_begun_with_recipients_keep_their_from(profile, people):
    async with at_desk(profile) as (app, pilot):
        saved = await app.services.sending.save(Draft(account=ALICE, subject="Later"))
        for draft in (
            await app.services.sending.open(saved.id),
            Draft(account=ALICE, to=("bea@office.test",)),
            Draft(account=ALICE, purpose=Purpose.FORWARD),
        ):
            app.open_composer(draft)
            await until(
                pilot, lambda: isinstance(app.screen, ComposeScreen) and app.screen._opened is not None
            )
            screen = app.screen
            screen.fields.to.focus()
            await type_text(pilot, ", bea@office.test\n")
            await until(pilot, lambda screen=screen: screen.subject.has_focus)
            await settled(pilot)
            assert (screen.account, said(app)) == (ALICE, [])
            await pilot.press("escape")
            await until(pilot, lambda: not isinstance(app.screen, ComposeScreen))


async def test_nothing_is_sent_from_an_account_that_was_not_shown(profile, people):
    async with at_desk(profile) as (app, pilot):
        screen = await composer(app, pilot, ALL)
        screen.body.text = "Hello."
        await type_text(pilot, "bea@office.test")
        await pilot.press("ctrl+s")
        words = await told_from_changed(pilot, screen, "work")
        assert words.endswith("so From is now ada@example.org. Send it again if that is right.")
        await settled(pilot)
        assert app.screen is screen
        assert queued(profile) == []
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not isinstance(app.screen, ComposeScreen))
    assert queued(profile) == [("work", AddressKind.MAIL, ("bea@office.test",))]


async def test_nor_while_it_is_being_looked_up_which_account_reaches_them(profile, people, monkeypatch):
    go = asyncio.Event()
    async with at_desk(profile) as (app, pilot):
        screen = await composer(app, pilot, ALL)
        reaching, asked = app.services.accounts.reaching, []

        async def slow(*about):
            asked.append(about)
            await go.wait()
            return await reaching(*about)

        monkeypatch.setattr(app.services.accounts, "reaching", slow)
        await type_text(pilot, "bea@office.test\nHi\nHello")
        await until(pilot, lambda: asked)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: len(asked) > 1)
        go.set()
        await told_from_changed(pilot, screen, "work")
        await settled(pilot)
        assert app.screen is screen
    assert queued(profile) == []


async def test_recipients_typed_before_the_accounts_are_known_are_looked_at_then(
    profile, people, monkeypatch
):
    go = asyncio.Event()
    async with at_desk(profile) as (app, pilot):
        app.screen.search.open_view(ALL)
        await until(pilot, lambda: app.screen.messages.view == ALL)
        senders = app.services.accounts.senders

        async def slow(directories):
            await go.wait()
            return await senders(directories)

        monkeypatch.setattr(app.services.accounts, "senders", slow)
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, ComposeScreen) and app.screen.is_mounted)
        screen = app.screen
        await until(pilot, lambda: screen.fields.to.has_focus)
        await type_text(pilot, "bea@office.test\n")
        await until(pilot, lambda: screen.subject.has_focus)
        go.set()
        await told_from_changed(pilot, screen, "work")


async def test_a_line_is_not_rewritten_while_somebody_types_in_it(profile, people):
    async with at_desk(profile) as (app, pilot):
        screen = await composer(app, pilot, ALL)
        await type_text(pilot, "bea@office.test, ")
        await settled(pilot)
        await type_text(pilot, "ann@office.test")
        assert (screen.account, screen.fields.to.value) == (ALICE, "bea@office.test, ann@office.test")
        await pilot.press("tab")
        await told_from_changed(pilot, screen, "work")
        assert screen.fields.to.value == "bea@office.test, ann@office.test"


async def test_who_goes_back_to_the_account_before_keeps_it(profile, people):
    async with at_desk(profile) as (app, pilot):
        screen = await composer(app, pilot, ALL)
        await type_text(pilot, "bea@office.test\n")
        await told_from_changed(pilot, screen, "work")
        screen.from_account.chooser.value = ALICE
        await until(pilot, lambda: screen.from_account.chosen)
        await type_text(pilot, "Hi\n")
        await settled(pilot)
        assert (screen.account, len(said(app))) == (ALICE, 1)
