"""Trust, contacts, identities and settings: everything can be seen, searched and changed, and asks first."""

from __future__ import annotations

import json
import stat
import time

import pytest
from desk import ALICE, at_desk, identity, make_profile, notices, on_screen, shown, type_text, until
from mailboxes import Mailbox, mail
from textual.widgets._toast import Toast

from misfin.model.address import MisfinAddress
from misfin.store.identities import IdentityStore
from misfin.store.people.contacts import Contact, ContactBook
from misfin.trust.certificate import signed_by
from misfin.trust.pins import PinBook
from misfin.trust.tofu import PinKind
from misfin_tui import config
from misfin_tui.dialogs.certificate import CertificateDialog, TrustStep
from misfin_tui.dialogs.confirm import ConfirmDialog
from misfin_tui.dialogs.forms import ContactDialog, ImportDialog, NewIdentityDialog
from misfin_tui.dialogs.prompt import ChooseDialog, PasswordDialog, PromptDialog
from misfin_tui.dialogs.text import FactsDialog
from misfin_tui.screens.compose import ComposeScreen
from misfin_tui.screens.contacts import ContactsScreen
from misfin_tui.screens.identities import IdentitiesScreen
from misfin_tui.screens.trust import TrustScreen


@pytest.fixture
def profile(profile_root):
    return make_profile(profile_root)


async def go(app, pilot, key: str, place: type):
    await pilot.press(key)
    await until(pilot, lambda: isinstance(app.screen, place))
    return app.screen


async def dialog(app, pilot, kind: type):
    await until(pilot, lambda: isinstance(app.screen, kind) and app.focused is not None)
    return app.screen


# ---- trust


@pytest.fixture
def pinned(profile):
    """Two hosts and a sender; one host renewed its key once, the sender shows another key now."""
    now = time.time()
    with PinBook(profile.trust_db) as pins:
        old = identity("bob@hive.test")
        pins.record(PinKind.HOST, "hive.test:1958", old.info, now=now - 1000)
        pins.replace(
            PinKind.HOST, "hive.test:1958", identity("bob@hive.test").info, how="approved", now=now - 500
        )
        pins.record(PinKind.HOST, "other.test:1958", identity("x@other.test").info, now=now)
        pins.record(PinKind.SENDER, "erin@far.test", identity("erin@far.test", "Erin").info, now=now)
        pins.offer(PinKind.SENDER, "erin@far.test", identity("erin@far.test", "Erin").info, now=now)
    return old.info.fingerprints.cert


async def test_pins_are_listed_with_what_waits_on_top(profile, pinned):
    async with at_desk(profile, (120, 30)) as (app, pilot):
        screen = await go(app, pilot, "T", TrustScreen)
        await until(pilot, lambda: len(screen.rows.items) == 3)
        assert screen.rows.items[0].name == "erin@far.test"
        await on_screen(pilot, "needs your decision")
        await on_screen(pilot, "1 needs you")


async def test_a_notice_leaves_what_is_said_of_a_row_free(profile, pinned):
    async with at_desk(profile, (80, 24)) as (app, pilot):
        screen = await go(app, pilot, "T", TrustScreen)
        await on_screen(pilot, "is waiting for your decision")
        app.say("Something happened meanwhile. " * 3, timeout=60)
        await on_screen(pilot, "Something happened")
        (toast,) = screen.query(Toast)
        assert not toast.region.overlaps(screen.detail_line.region)
        assert "A new certificate is waiting for your decision. Press a." in shown(app)


async def test_pins_can_be_searched(profile, pinned):
    async with at_desk(profile) as (app, pilot):
        screen = await go(app, pilot, "T", TrustScreen)
        await until(pilot, lambda: len(screen.rows.items) == 3)
        await pilot.press("slash", "o", "t", "h", "e", "r")
        await until(pilot, lambda: [entry.name for entry in screen.rows.items] == ["other.test:1958"])
        await pilot.press("escape")
        await until(pilot, lambda: len(screen.rows.items) == 3)


async def test_hosts_and_senders_can_be_told_apart(profile, pinned):
    async with at_desk(profile) as (app, pilot):
        screen = await go(app, pilot, "T", TrustScreen)
        await pilot.press("h")
        await until(pilot, lambda: {entry.kind for entry in screen.rows.items} == {PinKind.HOST})
        await pilot.press("h")
        await until(pilot, lambda: {entry.kind for entry in screen.rows.items} == {PinKind.SENDER})


async def test_details_have_the_whole_history(profile, pinned):
    async with at_desk(profile, (120, 40)) as (app, pilot):
        screen = await go(app, pilot, "T", TrustScreen)
        await until(pilot, lambda: len(screen.rows.items) == 3)
        screen.rows.go_to((PinKind.HOST, "hive.test:1958", ""))
        await pilot.press("enter")
        await dialog(app, pilot, FactsDialog)
        text = shown(app)
        assert pinned[:4] in text
        assert "Until" in text


async def test_forgetting_asks_first(profile, pinned):
    async with at_desk(profile) as (app, pilot):
        screen = await go(app, pilot, "T", TrustScreen)
        await until(pilot, lambda: len(screen.rows.items) == 3)
        screen.rows.go_to((PinKind.HOST, "other.test:1958", ""))
        await pilot.press("d")
        await dialog(app, pilot, ConfirmDialog)
        assert app.focused.id == "no"
        await pilot.click("#yes")
        await until(pilot, lambda: len(screen.rows.items) == 2)


async def test_a_changed_sender_is_decided_here(profile, pinned):
    async with at_desk(profile, (100, 40)) as (app, pilot):
        screen = await go(app, pilot, "T", TrustScreen)
        await until(pilot, lambda: len(screen.rows.items) == 3)
        await pilot.press("a")
        asked = await dialog(app, pilot, CertificateDialog)
        await until(pilot, lambda: "held for your decision" in shown(app))
        new = asked.question.shown.fingerprints.cert
        await pilot.click("#trust")
        await dialog(app, pilot, TrustStep)
        await pilot.press(*new[:4], "enter", "enter")
        await until(pilot, lambda: app.screen is screen)
        await until(pilot, lambda: all(entry.offer is None for entry in screen.rows.items))
        assert app.services.pin_book.get(PinKind.SENDER, "erin@far.test").cert_sha256 == new


async def test_keys_of_recipients_stand_with_their_history_and_can_be_forgotten(profile):
    now, ours = time.time(), identity("bob@hive.test")
    with PinBook(profile.trust_db) as pins:
        pins.record(PinKind.SENDER, "bob@hive.test", ours.info, now=now - 900)
        pins.note_mailbox_key("bob@hive.test", "aa" * 32, now=now - 800)
        pins.note_mailbox_key("bob@hive.test", ours.info.fingerprints.cert, now=now - 700)
        pins.note_mailbox_key("cal@hive.test", "cc" * 32, now=now)
    async with at_desk(profile, (120, 40)) as (app, pilot):
        screen = await go(app, pilot, "T", TrustScreen)
        await until(pilot, lambda: len(screen.rows.items) == 3)
        await pilot.press("h", "h", "h", "h")
        await on_screen(pilot, "2 certificates")
        await on_screen(pilot, "changed, since")
        await on_screen(pilot, "reported by their server")
        await pilot.press("enter")
        await dialog(app, pilot, FactsDialog)
        await on_screen(pilot, "It is the key pinned for them as a sender.")
        await on_screen(pilot, "aaaa aaaa")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        await pilot.press("d")
        await dialog(app, pilot, ConfirmDialog)
        await pilot.press("right", "enter")
        await until(pilot, lambda: [entry.name for entry in screen.rows.items] == ["cal@hive.test"])
    with PinBook(profile.trust_db) as pins:
        assert pins.get(PinKind.SENDER, "bob@hive.test") is not None
        assert list(pins.all_mailbox_keys()) == ["cal@hive.test"]


async def test_the_log_and_the_export(profile, pinned, tmp_path):
    async with at_desk(profile, (120, 40)) as (app, pilot):
        screen = await go(app, pilot, "T", TrustScreen)
        await until(pilot, lambda: screen.rows.items)
        await pilot.press("l")
        await dialog(app, pilot, FactsDialog)
        assert "first use" in shown(app)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        target = tmp_path / "pins.json"
        for _ in range(2):
            await pilot.press("w")
            asked = await dialog(app, pilot, PromptDialog)
            asked.query_one("#answer").value = str(target)
            await pilot.press("enter")
            await until(pilot, lambda: app.screen is screen)
        await until(pilot, lambda: any("already exists" in note for note in notices(app)))
        assert len(json.loads(target.read_text())) == 3
        assert stat.S_IMODE(target.stat().st_mode) == 0o600


# ---- contacts


@pytest.fixture
def people(profile):
    book = ContactBook(profile.contacts_db)
    book.save(Contact("bob@hive.test", own_name="Bob Jones", notes="met in Rome"))
    book.save(Contact("carol@other.test", own_name="Carol"))
    book.close()


async def test_people_of_new_messages_appear_while_contacts_are_shown(profile):
    mailbox = Mailbox(profile.mail, ALICE)
    async with at_desk(profile) as (app, pilot):
        screen = await go(app, pilot, "C", ContactsScreen)
        await on_screen(pilot, "No contacts yet.")
        mailbox.put(mail("ruby", sender="Ruby <ruby@hive.test>"))
        await until(pilot, lambda: [each.contact.address for each in screen.rows.items] == ["ruby@hive.test"])


async def test_people_are_found_and_written_to(profile, people):
    async with at_desk(profile) as (app, pilot):
        screen = await go(app, pilot, "C", ContactsScreen)
        await until(pilot, lambda: len(screen.rows.items) == 2)
        await pilot.press("slash", "r", "o", "m", "e", "enter")
        await until(pilot, lambda: len(screen.rows.items) == 1)
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, ComposeScreen) and app.screen._opened is not None)
        assert app.screen.fields.to.value == "bob@hive.test Bob Jones"


async def test_a_contact_is_added_with_its_address_checked(profile):
    async with at_desk(profile) as (app, pilot):
        screen = await go(app, pilot, "C", ContactsScreen)
        await pilot.press("n")
        form = await dialog(app, pilot, ContactDialog)
        await type_text(pilot, "nobody")
        await pilot.click("#ok")
        await on_screen(pilot, "it has no @")
        assert app.screen is form
        form.query_one("#address").value = "dave@hive.test"
        form.query_one("#name").value = "Dave"
        await pilot.press("enter", "enter", "enter")
        await until(pilot, lambda: [each.contact.own_name for each in screen.rows.items] == ["Dave"])


async def test_a_contact_is_edited_deleted_and_put_back(profile, people):
    async with at_desk(profile) as (app, pilot):
        screen = await go(app, pilot, "C", ContactsScreen)
        await until(pilot, lambda: len(screen.rows.items) == 2)
        screen.rows.go_to("bob@hive.test")
        await pilot.press("e")
        form = await dialog(app, pilot, ContactDialog)
        form.query_one("#name").value = "Robert"
        await pilot.press("enter", "enter", "enter")
        await until(pilot, lambda: any(each.contact.own_name == "Robert" for each in screen.rows.items))
        assert screen.rows.current.contact.notes == "met in Rome"
        await pilot.press("d")
        await until(pilot, lambda: len(screen.rows.items) == 1)
        await pilot.press("z")
        await until(pilot, lambda: len(screen.rows.items) == 2)
        assert screen.rows.current.contact.own_name == "Robert"


async def test_blocking_asks_and_is_shown(profile, people):
    async with at_desk(profile) as (app, pilot):
        screen = await go(app, pilot, "C", ContactsScreen)
        await until(pilot, lambda: len(screen.rows.items) == 2)
        address = screen.rows.current.contact.address
        await pilot.press("b")
        await dialog(app, pilot, ConfirmDialog)
        await pilot.click("#yes")
        await on_screen(pilot, "blocked")
        assert await app.services.contacts.blocked() == [address]
        screen.rows.go_to(address)
        await pilot.press("b")
        await until(pilot, lambda: not screen.rows.current.contact.blocked)


async def test_whoever_is_blocked_and_no_contact_is_shown_and_can_be_allowed_again(profile, people):
    book = ContactBook(profile.contacts_db)
    book.block("spam@evil.test", now=0.0)
    book.block("@hive.test", now=0.0)
    book.close()
    async with at_desk(profile) as (app, pilot):
        screen = await go(app, pilot, "C", ContactsScreen)
        await until(pilot, lambda: len(screen.rows.items) == 4)
        screen.rows.go_to("bob@hive.test")
        await pilot.press("b")  # blocked with all of its host
        await on_screen(pilot, "Everybody at hive.test is blocked")
        assert screen.rows.current.contact.address == "@hive.test"
        await pilot.press("e", "d", "b")
        await until(pilot, lambda: len(screen.rows.items) == 3)
        screen.rows.go_to("spam@evil.test")
        await pilot.press("b")
        await until(pilot, lambda: len(screen.rows.items) == 2)
        assert await app.services.contacts.blocked() == []


async def test_people_are_found_by_the_plain_letters_of_their_names(profile, people):
    book = ContactBook(profile.contacts_db)
    book.save(Contact("s1@hive.test", own_name="Søren Ødegård"))
    book.close()
    async with at_desk(profile) as (app, pilot):
        screen = await go(app, pilot, "C", ContactsScreen)
        await until(pilot, lambda: len(screen.rows.items) == 3)
        await pilot.press("slash", *"odegard")
        await until(pilot, lambda: [row.contact.address for row in screen.rows.items] == ["s1@hive.test"])


async def test_a_search_that_finds_nobody_does_not_say_that_there_is_nobody(profile, people):
    async with at_desk(profile, (80, 24)) as (app, pilot):
        screen = await go(app, pilot, "C", ContactsScreen)
        await until(pilot, lambda: len(screen.rows.items) == 2)
        await pilot.press("slash", "x", "y", "z")
        await on_screen(pilot, "Nothing here matches the search.")
        await pilot.press("escape")
        await on_screen(pilot, "Bob Jones")


async def test_what_an_empty_place_says_is_read_to_its_end_in_a_small_window(profile):
    async with at_desk(profile, (60, 20)) as (app, pilot):
        await go(app, pilot, "C", ContactsScreen)
        await on_screen(pilot, "to add somebody.")


# ---- identities


async def test_an_identity_is_made(profile):
    async with at_desk(profile) as (app, pilot):
        screen = await go(app, pilot, "I", IdentitiesScreen)
        await pilot.press("n")
        form = await dialog(app, pilot, NewIdentityDialog)
        form.query_one("#address").value = "work@office.test"
        form.query_one("#name").value = "Alice, at work"
        await pilot.click("#ok")
        await until(pilot, lambda: isinstance(app.screen, NewIdentityDialog) and app.screen is not form)
        assert "comma" in shown(app)
        app.screen.query_one("#name").value = "Alice at work"
        await pilot.click("#ok")
        await until(pilot, lambda: len(screen.rows.items) == 2)
        assert (profile.mail / "work@office.test").is_dir()


async def test_a_host_signs_its_mailboxes(profile):
    async with at_desk(profile) as (app, pilot):
        screen = await go(app, pilot, "I", IdentitiesScreen)
        for address, signer in (("host@office.test", "host"), ("work@office.test", "host@office.test")):
            await pilot.press("n")
            form = await dialog(app, pilot, NewIdentityDialog)
            form.query_one("#address").value = address
            form.query_one("#signer").value = signer
            await pilot.click("#ok")
            await until(
                pilot, lambda address=address: address in [each.address for each in screen.rows.items]
            )
        await pilot.press("n")
        form = await dialog(app, pilot, NewIdentityDialog)
        form.query_one("#address").value = "ada@elsewhere.test"
        form.query_one("#signer").value = "host@office.test"
        await pilot.click("#ok")
        await on_screen(pilot, "office.test, not for elsewhere.test")
    store = IdentityStore(profile.identities)
    assert store.load("host@office.test").info.is_ca
    signed = store.load("work@office.test").info
    assert not signed.is_ca
    assert signed_by(signed, store.load("host@office.test").info)


async def test_the_default_is_chosen_and_written_down(profile):
    IdentityStore(profile.identities).save(identity("work@office.test"))
    async with at_desk(profile) as (app, pilot):
        screen = await go(app, pilot, "I", IdentitiesScreen)
        await until(pilot, lambda: len(screen.rows.items) == 2)
        assert screen.rows.items[0].address == ALICE
        screen.rows.go_to("work@office.test")
        await pilot.press("s")
        await until(pilot, lambda: screen.rows.items[0].address == "work@office.test")
        assert config.load(profile.config).identity.default == "work@office.test"
        assert app.services.config.identity.default == "work@office.test"
        assert (await app.services.sending.new()).account == "work@office.test"


async def test_a_pem_with_a_password_is_imported(profile, tmp_path):
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        PrivateFormat,
    )

    other = identity("erin@far.test", "Erin")
    locked = other.private_key().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"sesame")
    )
    (tmp_path / "erin.pem").write_bytes(other.cert_pem)
    (tmp_path / "erin.key").write_bytes(locked)
    async with at_desk(profile) as (app, pilot):
        screen = await go(app, pilot, "I", IdentitiesScreen)
        await pilot.press("i")
        form = await dialog(app, pilot, ImportDialog)
        form.query_one("#certificate").value = str(tmp_path / "erin.pem")
        form.query_one("#key").value = str(tmp_path / "erin.key")
        await pilot.click("#ok")
        await dialog(app, pilot, PasswordDialog)
        await type_text(pilot, "wrong\n")
        await on_screen(pilot, "does not open the key")
        assert "wrong" not in shown(app)
        await type_text(pilot, "sesame\n")
        await until(pilot, lambda: app.screen is screen and len(screen.rows.items) == 2)
        assert IdentityStore(profile.identities).find(MisfinAddress.parse("erin@far.test")) is not None


async def test_a_broken_file_is_named_and_asked_again(profile, tmp_path):
    (tmp_path / "x.pem").write_text("hello")
    async with at_desk(profile) as (app, pilot):
        await go(app, pilot, "I", IdentitiesScreen)
        await pilot.press("i")
        form = await dialog(app, pilot, ImportDialog)
        form.query_one("#certificate").value = str(tmp_path / "x.pem")
        await pilot.click("#ok")
        await on_screen(pilot, "no certificate")
        assert app.screen.query_one("#certificate").value == str(tmp_path / "x.pem")


@pytest.mark.parametrize("secret", [False, True])
async def test_export_writes_what_was_chosen(profile, tmp_path, secret):
    target = tmp_path / "out.pem"
    async with at_desk(profile) as (app, pilot):
        screen = await go(app, pilot, "I", IdentitiesScreen)
        await until(pilot, lambda: screen.rows.items)
        await pilot.press("w")
        await dialog(app, pilot, ChooseDialog)
        await pilot.press(*(["down"] if secret else []), "enter")
        asked = await dialog(app, pilot, PromptDialog)
        asked.query_one("#answer").value = str(target)
        await pilot.press("enter")
        last = b"END PRIVATE KEY" if secret else b"END CERTIFICATE"
        await until(pilot, lambda: target.exists() and last in target.read_bytes())
        assert (b"PRIVATE KEY" in target.read_bytes()) is secret
        assert stat.S_IMODE(target.stat().st_mode) == 0o600


async def test_a_file_that_is_no_identity_says_why(profile):
    (profile.identities / "broken.pem").write_text("nothing")
    async with at_desk(profile, (120, 30)) as (app, pilot):
        screen = await go(app, pilot, "I", IdentitiesScreen)
        await until(pilot, lambda: len(screen.rows.items) == 2)
        await on_screen(pilot, "broken")
        await on_screen(pilot, "no certificate")


async def test_the_fingerprint_is_copied(profile):
    async with at_desk(profile) as (app, pilot):
        screen = await go(app, pilot, "I", IdentitiesScreen)
        await until(pilot, lambda: screen.rows.items)
        await pilot.press("y")
        assert app.clipboard == screen.rows.current.info.fingerprints.cert


@pytest.mark.parametrize(
    "place", [("O", "Outbox"), ("T", "Trust"), ("C", "Contacts"), ("I", "Identities"), ("comma", "Settings")]
)
@pytest.mark.parametrize("size", [(20, 5), (60, 20), (300, 80)])
async def test_every_place_stands_at_every_size(profile, pinned, people, place, size):
    async with at_desk(profile, size) as (app, pilot):
        await pilot.press(place[0])
        await until(pilot, lambda: type(app.screen).__name__.startswith(place[1]))
        await until(pilot, lambda: app.screen.rows.items or place[1] == "Outbox")
        await pilot.press("j", "G", "slash", "x", "escape")
        await pilot.resize_terminal(20, 5)
        await pilot.pause()
        await pilot.resize_terminal(*size)
        await pilot.pause()
        await until(pilot, lambda: type(app.screen).__name__.startswith(place[1]))
