"""``mailto:`` links open the composer, from a desktop and from a message, and never do more than that."""

from __future__ import annotations

import pytest
import toymail
from desk import ALICE, SETTINGS, at_desk, make_profile, notices, on_screen, until
from mailboxes import Mailbox, mail

from misfin_tui.dialogs.link import LinkDialog
from misfin_tui.screens.compose import ComposeScreen
from misfin_tui.screens.thread import ThreadScreen

LINK = (
    "mailto:cal@example.org?cc=dan@example.org&bcc=eve@example.org&subject=Hi%20there"
    "&body=Dear%20Cal,%0D%0Ahello&in-reply-to=%3C1@x.example%3E&attach=/etc/passwd"
)
IN_A_MESSAGE = mail("Links", "Write to mailto:cal@example.org?subject=Hi&attach=/etc/passwd or not.")
NEVER_ATTACHED = "Files are never attached because of a link"


@pytest.fixture
def profile(profile_root, monkeypatch, tmp_path):
    toymail.register(monkeypatch, tmp_path / "spool")
    return make_profile(profile_root, settings=f"{SETTINGS}\n[accounts.work]\n{toymail.WORK}")


async def test_every_field_that_the_composer_shows_is_taken_and_no_other(profile):
    async with at_desk(profile, link=LINK) as (app, pilot):
        await until(pilot, lambda: isinstance(app.screen, ComposeScreen) and app.screen._opened is not None)
        await on_screen(pilot, "cal@example.org")
        await on_screen(pilot, "Dear Cal,")
        await on_screen(pilot, "dan@example.org")
        await on_screen(pilot, "eve@example.org")
        draft = await app.services.sending.from_link(LINK)
        assert (draft.account, draft.subject, draft.in_reply_to) == ("work", "Hi there", "<1@x.example>")
        assert (draft.to, draft.attachments) == (("cal@example.org",), ())
        assert await app.services.sending.outbox() == []
        await until(pilot, lambda: any(NEVER_ATTACHED in note for note in notices(app)))


async def test_without_an_e_mail_account_it_says_what_is_missing(profile_root):
    profile = make_profile(profile_root)
    async with at_desk(profile, link=LINK) as (app, pilot):
        await until(pilot, lambda: any("needs an e-mail account" in note for note in notices(app)))
        assert not isinstance(app.screen, ComposeScreen)


async def follow_the_link(app, pilot):
    await on_screen(pilot, "Links")
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app.screen, ThreadScreen) and app.screen.thread.document.parts)
    await on_screen(pilot, "[1]")
    await pilot.press("o")


async def test_one_in_a_message_opens_the_composer(profile):
    Mailbox(profile.mail, ALICE).put(IN_A_MESSAGE)
    async with at_desk(profile) as (app, pilot):
        await follow_the_link(app, pilot)
        await until(pilot, lambda: isinstance(app.screen, ComposeScreen) and app.screen._opened is not None)
        await on_screen(pilot, "cal@example.org")
        assert app.screen.account == "work"
        assert app.screen.draft.attachments == ()
        await until(pilot, lambda: any(NEVER_ATTACHED in note for note in notices(app)))


async def test_one_without_files_says_nothing_of_them(profile):
    async with at_desk(profile, link="mailto:cal@example.org?subject=attach") as (app, pilot):
        await until(pilot, lambda: isinstance(app.screen, ComposeScreen) and app.screen._opened is not None)
        assert not any(NEVER_ATTACHED in note for note in notices(app))


async def test_one_in_a_message_asks_for_another_program_where_there_is_no_such_account(profile_root):
    profile = make_profile(profile_root)
    Mailbox(profile.mail, ALICE).put(IN_A_MESSAGE)
    async with at_desk(profile) as (app, pilot):
        await follow_the_link(app, pilot)
        await until(pilot, lambda: isinstance(app.screen, LinkDialog))
