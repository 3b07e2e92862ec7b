"""The composer with two kinds of accounts: it asks what the account in From can do."""

from __future__ import annotations

import pytest
import toymail
from desk import ALICE, SETTINGS, at_desk, make_profile, notices, on_screen, shown, type_text, until
from textual.widgets import Input

from misfin.errors import StoreError
from misfin.model.account import AddressKind
from misfin.store.mail.maildir import MailStore
from misfin.store.outgoing.attachments import AttachedFile
from misfin.store.outgoing.drafts import Draft, DraftBox
from misfin.store.outgoing.outbox import Outbox
from misfin.store.people.contacts import Contact, ContactBook
from misfin_tui.dialogs.confirm import ConfirmDialog, TooLongDialog
from misfin_tui.dialogs.forms import ContactDialog
from misfin_tui.screens.compose import ComposeScreen
from misfin_tui.screens.contacts import ContactsScreen

BOTH = f"{SETTINGS}\n[accounts.work]\n{toymail.WORK}"
LONG = "word " * 1_000


@pytest.fixture
def spool(monkeypatch, tmp_path):
    return toymail.register(monkeypatch, tmp_path / "spool")


@pytest.fixture
def profile(profile_root, spool):
    return make_profile(profile_root, settings=BOTH)


def queued(profile):
    outbox = Outbox(profile.outbox_db)
    try:
        return [outbox.outgoing(group) for group in sorted({row.group for row in outbox.rows()})]
    finally:
        outbox.close()


async def compose(app, pilot, draft: Draft) -> ComposeScreen:
    app.open_composer(draft)
    await until(pilot, lambda: isinstance(app.screen, ComposeScreen) and app.screen._opened is not None)
    return app.screen


async def send(app, pilot, dialog=None):
    await pilot.press("ctrl+s")
    wanted = dialog or ConfirmDialog
    await until(pilot, lambda: isinstance(app.screen, wanted))


# ---- what the account can do


async def test_cc_and_bcc_are_fields_only_where_from_has_them(profile):
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot, Draft(account="work"))
        await pilot.press("f2")
        await until(pilot, lambda: screen.fields.bcc.shown and screen.fields.cc.has_focus)
        await type_text(pilot, "Cal <cal@example.org>")
        screen.from_account.chooser.value = ALICE
        await until(pilot, lambda: not screen.fields.bcc.shown and "cal@example.org" not in shown(app))
        assert screen.draft_now().cc == ("Cal <cal@example.org>",)
        screen.from_account.chooser.value = "work"
        await on_screen(pilot, "Cal <cal@example.org>")


async def test_attached_files_are_named_only_where_from_can_send_them(profile, spool, monkeypatch, tmp_path):
    toymail.register(monkeypatch, tmp_path / "spool", attachments=True)
    draft = Draft(account="work", attachments=(AttachedFile("0" * 64, "plan.pdf", 12_000),))
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot, draft)
        await on_screen(pilot, "plan.pdf (12,000 bytes)")
        screen.from_account.chooser.value = ALICE
        await until(pilot, lambda: "plan.pdf" not in shown(app))
        assert screen.draft_now().attachments == draft.attachments


async def test_what_from_cannot_send_is_named_and_left_out_only_when_wanted(profile):
    draft = Draft(account=ALICE, to=("bob@hive.test",), body="hi", cc=("cal@hive.test",))
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot, draft)
        await send(app, pilot)
        await on_screen(pilot, "Cc: cal@hive.test")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        assert queued(profile) == []
        assert screen.draft_now().cc == ("cal@hive.test",)
        await send(app, pilot)
        await pilot.click("#yes")
        await until(pilot, lambda: not isinstance(app.screen, (ComposeScreen, ConfirmDialog)))
    assert [message.recipients for message in queued(profile)] == [("bob@hive.test",)]


async def test_splitting_is_offered_only_where_from_can(profile, spool, monkeypatch):
    monkeypatch.setitem(spool.compose.__globals__, "LIMIT", 2_000)
    async with at_desk(profile, (120, 30)) as (app, pilot):
        await compose(app, pilot, Draft(account="work", to=("bob@example.org",), body=LONG))
        await on_screen(pilot, "of 2,000 bytes")
        await on_screen(pilot, "too many: shorten")
        assert "split" not in shown(app).lower()
        await send(app, pilot, TooLongDialog)
        await on_screen(pilot, "2,000 bytes is the most")
        assert "split" not in shown(app).lower()
        assert not app.screen.query("#split")


async def test_everybody_in_the_fields_gets_it(profile):
    draft = Draft(account="work", to=("Bob <bob@example.org>",), cc=("cal@example.org",), body="hi")
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot, draft)
        await on_screen(pilot, "Bob <bob@example.org>")
        await pilot.press("f2", "f2")
        await until(pilot, lambda: screen.fields.bcc.has_focus)
        await type_text(pilot, "dan@example.org")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not isinstance(app.screen, ComposeScreen))
    (message,) = queued(profile)
    assert (message.kind, message.account) == (AddressKind.MAIL, "work")
    outbox = Outbox(profile.outbox_db)
    assert {row.to for row in outbox.rows()} == {"bob@example.org", "cal@example.org", "dan@example.org"}
    outbox.close()


# ---- From decides


@pytest.mark.parametrize(
    ("account", "other", "address", "what"),
    [
        (ALICE, "work", "mailto:bob@example.org", "an e-mail address"),
        ("work", ALICE, "misfin:bob@hive.test", "a Misfin address"),
    ],
)
async def test_an_address_of_another_kind_offers_to_change_from(profile, account, other, address, what):
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot, Draft(account=account, body="hi"))
        await type_text(pilot, address)
        await on_screen(pilot, f"{address} is {what}")
        await send(app, pilot)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        assert screen.account == account
        await send(app, pilot)
        await pilot.click("#yes")
        await until(pilot, lambda: screen.account == other)
        await until(pilot, lambda: f"is {what}" not in shown(app))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not isinstance(app.screen, ComposeScreen))
    (message,) = queued(profile)
    assert (message.account, message.recipients) == (other, (address.partition(":")[2],))


async def test_without_an_account_of_that_kind_it_says_what_to_do(profile_root):
    profile = make_profile(profile_root)
    async with at_desk(profile) as (app, pilot):
        await compose(app, pilot, Draft(account=ALICE, to=("mailto:bob@example.org",), body="hi"))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: any("no such account" in note for note in notices(app)))
    assert queued(profile) == []


async def test_a_message_to_a_contact_goes_from_an_account_of_their_kind(profile):
    book = ContactBook(profile.contacts_db)
    book.save(Contact("cal@example.org", "Cal", kind=AddressKind.MAIL))
    book.close()
    async with at_desk(profile) as (app, _pilot):
        new = app.services.sending.new
        draft = await new(["Cal <cal@example.org>"], kind=AddressKind.MAIL)
        assert (draft.account, draft.to) == ("work", ("Cal <cal@example.org>",))
        assert (await new()).account == ALICE
        assert (await app.services.sending.from_link("misfin:bob@hive.test")).account == ALICE


async def test_where_no_account_is_of_their_kind_a_recipient_says_its_own(profile_root):
    profile = make_profile(profile_root)
    async with at_desk(profile) as (app, _pilot):
        draft = await app.services.sending.new(["cal@example.org"], kind=AddressKind.MAIL)
        assert (draft.account, draft.to) == (ALICE, ("mailto:cal@example.org",))


async def test_completion_offers_only_people_of_froms_kind(profile):
    book = ContactBook(profile.contacts_db)
    book.save(Contact("bob@hive.test", "Bob Misfin"))
    book.save(Contact("bob@example.org", "Bob Mail", kind=AddressKind.MAIL))
    book.close()
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot, Draft(account=ALICE))
        await pilot.press("b", "o")
        await on_screen(pilot, "Bob Misfin")
        assert "Bob Mail" not in shown(app)
        await pilot.press("escape")
        screen.fields.to.value = ""
        screen.from_account.chooser.value = "work"
        screen.fields.cc.focus()
        await pilot.press("b", "o")
        await on_screen(pilot, "Bob Mail")
        assert "Bob Misfin" not in shown(app)
        await pilot.press("tab")
        await until(pilot, lambda: screen.fields.cc.value == "Bob Mail <bob@example.org>, ")
        assert [each.address for each in screen.fields.cc.recipients] == ["bob@example.org"]
        assert screen.fields.to.value == ""


async def test_a_draft_of_an_account_that_cannot_send_yet_is_kept(profile_root, monkeypatch):
    monkeypatch.setattr("misfin_tui.config.accounts.KINDS", ("email",))
    profile = make_profile(profile_root, settings=BOTH)
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot, Draft(account="work", to=("Bob <bob@example.org>",), body="hi"))
        await on_screen(pilot, "Bob <bob@example.org>")
        assert screen.draft_now().to == ("Bob <bob@example.org>",)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: any("no server for sending" in note for note in notices(app)))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, ComposeScreen))
    assert queued(profile) == []


async def test_sending_works_also_when_the_accounts_could_not_be_read_at_first(profile, monkeypatch):
    async with at_desk(profile) as (app, pilot):
        real = app.services.accounts.sender

        def broken(_directory: str):
            raise StoreError("It cannot be read just now.")

        monkeypatch.setattr(app.services.accounts, "sender", broken)
        await compose(app, pilot, Draft(account=ALICE, to=("bob@hive.test",), body="hi"))
        await until(pilot, lambda: notices(app))
        monkeypatch.setattr(app.services.accounts, "sender", real)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not isinstance(app.screen, ComposeScreen))
    assert len(queued(profile)) == 1
    assert DraftBox(MailStore(profile.mail)).all() == []


# ---- elsewhere


async def test_contacts_are_kept_deleted_and_blocked_as_what_they_are(profile):
    book = ContactBook(profile.contacts_db)
    for kind in AddressKind:
        book.save(Contact("cal@example.org", f"Cal {kind}", kind=kind))
    async with at_desk(profile) as (app, _pilot):
        contacts = app.services.contacts
        await contacts.block("cal@example.org", AddressKind.MAIL)
        assert (book.blocked(), book.blocked(AddressKind.MAIL)) == ([], ["cal@example.org"])
        assert await contacts.undo_block() == "cal@example.org"
        assert book.blocked(AddressKind.MAIL) == []
        await contacts.block("@spam.example", AddressKind.MAIL)
        assert ("@spam.example", AddressKind.MAIL) in {
            (known.contact.address, known.contact.kind) for known in await contacts.all()
        }
        await contacts.gone("cal@example.org", "It is gone.", AddressKind.MAIL)
        await contacts.delete("cal@example.org", AddressKind.MISFIN)
    assert book.get("cal@example.org") is None
    assert book.get("cal@example.org", AddressKind.MAIL).dead == "It is gone."
    book.close()


async def test_a_contact_with_an_e_mail_address_can_be_added_and_changed(profile):
    async with at_desk(profile) as (app, pilot):
        app.action_show_contacts()
        await until(pilot, lambda: isinstance(app.screen, ContactsScreen) and hasattr(app.screen, "rows"))
        screen = app.screen
        for address, name in (("mailto:cal@example.org", "Cal"), ("cal@example.org", "Calvin")):
            screen.run_worker(screen._edit(screen.contact))
            await until(pilot, lambda: isinstance(app.screen, ContactDialog))
            app.screen.query_one("#address", Input).value = address
            app.screen.query_one("#name", Input).value = name
            await pilot.pause()
            await pilot.click("#ok")
            await until(pilot, lambda: app.screen is screen and screen.contact is not None)
            await until(pilot, lambda name=name: screen.contact.own_name == name)
    book = ContactBook(profile.contacts_db)
    (cal,) = book.all(now=0.0)
    assert (cal.address, cal.kind) == ("cal@example.org", AddressKind.MAIL)
    book.close()


async def test_keys_that_arrive_after_a_search_was_closed_hide_nothing(profile):
    async with at_desk(profile) as (app, pilot):
        app.action_show_contacts()
        await until(pilot, lambda: isinstance(app.screen, ContactsScreen) and hasattr(app.screen, "rows"))
        screen = app.screen
        await pilot.press("slash", *"zz")
        await until(pilot, lambda: "matches the search" in screen.rows.empty)
        await pilot.press("escape")
        screen.search.value = "xy"  # what was on its way to the line when it was closed
        await until(pilot, lambda: not screen.search.value)
        assert "matches the search" not in screen.rows.empty


async def test_only_an_account_the_receiver_takes_mail_for_says_where_others_reach_it(profile):
    async with at_desk(profile) as (app, _pilot):
        assert await app.services.accounts.received_here() == [ALICE]
        assert app.services.accounts.own_addresses(AddressKind.MAIL) == ["ada@example.org"]
        assert app.services.accounts.own_addresses(AddressKind.MISFIN) == [ALICE]
