"""The head of an e-mail says what is odd about its sender, two sentences at most; the details say all."""

from __future__ import annotations

from desk import SETTINGS, at_desk, make_profile, on_screen, shown, until
from mailboxes import Mailbox, mail
from ratedmail import ACCOUNT

from misfin.model.account import AddressKind
from misfin.store.people.contacts import Contact, ContactBook

FIRST = "This is the first message from this address."


async def open_it(app, pilot) -> None:
    """The message under the cursor, whichever that is."""
    await on_screen(pilot, "hello")
    await pilot.press("enter")
    await until(pilot, lambda: len(app.screen_stack) > 1)
    await until(pilot, lambda: any(text in shown(app) for text in ("what it says", "more of it")))


async def test_two_sentences_at_the_head_and_all_of_them_in_the_details(profile_root):
    profile = make_profile(profile_root, settings=SETTINGS + ACCOUNT)
    book = ContactBook(profile.contacts_db)
    book.save(Contact("ada@example.org", kind=AddressKind.MAIL))
    book.close()
    box = Mailbox(profile.mail, "work")
    sender = '"ada@example.org" <ada@examp1e.org>'
    box.put(mail("hello", "what it says", sender=sender, Reply_To="eve@evil.example"))
    async with at_desk(profile, size=(120, 40)) as (app, pilot):
        await open_it(app, pilot)
        await on_screen(pilot, "This is not ada@example.org, although the names look alike.")
        assert "The sender calls itself ada@example.org" in shown(app)
        assert "Replies go to" not in shown(app)
        assert shown(app).count("⚠") == 2
        await pilot.press("i")
        await on_screen(pilot, "than the sender's: eve@evil.example.")


async def test_a_first_message_says_so_and_a_second_does_not(profile_root):
    profile = make_profile(profile_root, settings=SETTINGS + ACCOUNT)
    box = Mailbox(profile.mail, "work")
    box.put(mail("hello", "what it says", sender="Ada <ada@example.org>"))
    async with at_desk(profile) as (app, pilot):
        await open_it(app, pilot)
        await on_screen(pilot, FIRST)
    box.put(mail("again", "more of it", sender="Ada <ada@example.org>"))
    async with at_desk(profile) as (app, pilot):
        await until(pilot, lambda: app.services.contact_book.get("ada@example.org", AddressKind.MAIL))
        met = app.services.contact_book
        await until(pilot, lambda: met.get("ada@example.org", AddressKind.MAIL).received == 2)
        await open_it(app, pilot)
        assert FIRST not in shown(app)
