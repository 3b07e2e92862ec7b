"""The screens about who wrote: the same person looks the same, and held mail is decided where it is."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from desk import ALICE, at_desk, identity, make_profile, notices, on_screen, shown, type_text, until
from mailboxes import Mailbox
from post import NOW, gemmail

from misfin.model.address import MisfinAddress
from misfin.net.verification import FIRST_MESSAGE
from misfin.store.evidence import Findings, stamp
from misfin.store.people.contacts import Contact, ContactBook
from misfin.trust.identity import generate
from misfin.trust.pins import PinBook
from misfin.trust.tofu import VOUCHED, PinKind
from misfin_tui.commands import ActionProvider
from misfin_tui.dialogs.certificate import CertificateDialog
from misfin_tui.dialogs.menu import MenuDialog
from misfin_tui.screens.compose import ComposeScreen

BOB = "bob@hive.test"
PINNED = identity(BOB, "Bob Jones").info
OTHER = identity(BOB, "Bob Jones").info
FORGED = Findings(pin="changed", held=f"{BOB} presents another certificate than the pinned one.")


@pytest.fixture
def profile(profile_root):
    return make_profile(profile_root)


@pytest.fixture
def mailbox(profile):
    return Mailbox(profile.mail, ALICE)


def pin(profile, how: str, *, certificate=PINNED, offer=None) -> None:
    with PinBook(profile.trust_db) as book:
        book.record(PinKind.SENDER, BOB, certificate, now=1_700_000_000.0, how=how)
        if offer is not None:
            book.offer(PinKind.SENDER, BOB, offer, now=time.time())


def put(mailbox, found: Findings, *, certificate=PINNED, folder="Inbox", text="# Hello\n\nIt is me.") -> None:
    data = gemmail(text, certificate=certificate, verification=stamp(found))
    mailbox.put(data, folder=folder)


async def compose_to(app, pilot, text: str):
    await pilot.press("c")
    await until(pilot, lambda: isinstance(app.screen, ComposeScreen) and app.screen._opened is not None)
    await type_text(pilot, text)


@pytest.mark.parametrize(
    ("how", "found", "words"),
    [
        (FIRST_MESSAGE, Findings(pin="first"), "◐ {} unconfirmed"),
        (VOUCHED, Findings(pin="match", confirmed="host"), "✓ {} verified"),
    ],
)
async def test_the_same_person_is_the_same_in_list_contacts_trust_and_composer(
    profile, mailbox, how, found, words
):
    pin(profile, how)
    put(mailbox, found)
    book = ContactBook(profile.contacts_db)
    book.save(Contact(BOB))
    book.close()
    sign, _, word = words.split(" ")
    async with at_desk(profile, (160, 30)) as (app, pilot):
        await on_screen(pilot, f"{sign} Bob Jones")
        await pilot.press("C")
        await on_screen(pilot, word)
        line = next(line for line in shown(app).splitlines() if BOB in line)
        assert sign in line
        await pilot.press("T")
        await on_screen(pilot, "Trusted by")
        assert sign in next(line for line in shown(app).splitlines() if BOB in line)
        await pilot.press("M")
        await compose_to(app, pilot, f"{BOB}, ")
        await on_screen(pilot, f"{words.format(BOB)}, first seen 14 Nov 2023")


async def test_a_forgery_that_is_held_does_not_speak_against_the_true_owner(profile, mailbox):
    pin(profile, VOUCHED, offer=OTHER)
    put(mailbox, FORGED, certificate=OTHER, folder="Held")
    async with at_desk(profile, (160, 30)) as (app, pilot):
        await on_screen(pilot, "(held) Hello")
        await compose_to(app, pilot, f"{BOB}, ")
        await on_screen(pilot, f"✓ {BOB} verified, first seen 14 Nov 2023")
        await on_screen(pilot, "another certificate claimed this name; its message is held")
        assert "⚠" not in shown(app)


async def test_a_change_that_was_due_says_since_when(profile, mailbox):
    old = generate(
        MisfinAddress.parse(f"{BOB} Bob"), now=datetime.now(UTC) - timedelta(days=40), days=30
    ).info
    day = f"{old.not_after:%Y-%m-%d}"
    sentence = f"A change was due: the pinned certificate expired on {day}."
    pin(profile, VOUCHED, certificate=old, offer=OTHER)
    held = Findings(pin="changed", held=FORGED.held, due=day)
    put(mailbox, held, certificate=OTHER, folder="Held")
    async with at_desk(profile, (160, 40)) as (app, pilot):
        await on_screen(pilot, "A change was due: the pinned certificate")
        await pilot.press("A")
        await until(pilot, lambda: isinstance(app.screen, CertificateDialog))
        await on_screen(pilot, sentence)
        await on_screen(pilot, "The owner had to make a new certificate")
        await pilot.press("escape", "T")
        await on_screen(pilot, sentence)


# ---- decided where it is seen


async def test_a_held_message_is_decided_from_the_list(profile, mailbox):
    pin(profile, VOUCHED, offer=OTHER)
    put(mailbox, FORGED, certificate=OTHER, folder="Held")
    put(mailbox, Findings(pin="match", confirmed="host"), text="# Other news\n\nNothing held here.")
    async with at_desk(profile, (160, 40)) as (app, pilot):
        await on_screen(pilot, "(held) Hello")
        for _ in range(2):
            if app.screen.messages.current.held:
                break
            assert "A Decide" not in shown(app)
            await pilot.press("j")
        await on_screen(pilot, "A Decide")
        await on_screen(pilot, "Press A to decide.")  # in the preview
        await pilot.press("A")
        await until(pilot, lambda: isinstance(app.screen, CertificateDialog))


async def test_where_nothing_is_held_deciding_says_so(profile, mailbox):
    put(mailbox, Findings(pin="first"))
    async with at_desk(profile, (160, 30)) as (app, pilot):
        await on_screen(pilot, "Hello")
        await pilot.press("A")
        await until(pilot, lambda: "This message is not held." in notices(app))


async def test_menu_and_palette_offer_to_decide(profile, mailbox):
    pin(profile, VOUCHED, offer=OTHER)
    put(mailbox, FORGED, certificate=OTHER, folder="Held")
    async with at_desk(profile, (120, 50)) as (app, pilot):
        await on_screen(pilot, "(held) Hello")
        await pilot.click("#messages", offset=(20, 2), button=3)
        await until(pilot, lambda: isinstance(app.screen, MenuDialog))
        await on_screen(pilot, "Decide")
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, MenuDialog))
        found = [hit async for hit in ActionProvider(app.screen).search("decide")]
        (hit,) = (hit for hit in found if hit.text == "Decide about a held message.")
        await hit.command()
        await until(pilot, lambda: isinstance(app.screen, CertificateDialog))


async def test_the_key_that_is_named_is_the_one_in_the_settings(profile, mailbox):
    profile.config.write_text(profile.config.read_text() + '[keys]\ndecide = "f12"\nrelease = "f12"\n')
    put(mailbox, FORGED, certificate=OTHER, folder="Held")
    async with at_desk(profile, (160, 40)) as (_app, pilot):
        await on_screen(pilot, "Press f12 to decide.")
        await pilot.press("enter")
        await on_screen(pilot, "f12 Decide")
        await on_screen(pilot, "Press f12 to decide.")


# ---- sentences


async def test_details_are_sentences(profile, mailbox):
    reason = "There is no mailbox eve@mail.example on this server."
    put(mailbox, Findings(checks={"local": ("fail", reason)}))
    async with at_desk(profile, (160, 40)) as (app, pilot):
        await on_screen(pilot, "Hello")
        await pilot.press("enter", "i")
        await on_screen(pilot, "Checking the mailbox here failed: There is no mailbox eve@mail.example on")
        await on_screen(pilot, "? unproven: no certificate came with it")
        for raw in ("local-reason", "local: fail", "sender: unproven"):
            assert raw not in shown(app)


async def test_what_was_written_here_says_so(profile, mailbox):
    from misfin.model.gemmail import Version
    from misfin.store.message.envelope import wrap_sent

    me = MisfinAddress.parse(ALICE)
    sent = wrap_sent(
        b"\n\n\n# Mine\n\nText\n", version=Version.C, account=me, to=[MisfinAddress.parse(BOB)], now=NOW
    )
    mailbox.put(sent, folder="Sent")
    async with at_desk(profile, (160, 40)) as (app, pilot):
        from misfin.store.rows import View

        app.screen.search.open_view(View(ALICE, "Sent"))
        await on_screen(pilot, "Mine")
        await pilot.press("enter", "i")
        await on_screen(pilot, "✓ verified: you wrote it here.")


async def test_an_address_that_others_cannot_guess_is_given_with_its_port(profile_root):
    settings = '[receive]\nenabled = false\nlisten = ["127.0.0.1:19580"]\n'
    profile = make_profile(profile_root, settings=settings)
    Mailbox(profile.mail, ALICE)
    async with at_desk(profile, (120, 30)) as (_app, pilot):
        await on_screen(pilot, f"Others reach you at {ALICE}:19580.")
        await on_screen(pilot, "They have to include the port")
