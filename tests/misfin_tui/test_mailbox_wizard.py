"""From an empty profile to a mailbox that somebody keeps on a server: file, server, certificate."""

from __future__ import annotations

import pytest
from desk import at_desk, make_profile, notices, on_screen, shown, type_text, until
from gmapserver import GmapBox, GmapServer, gemmail
from peers import person

from misfin.store.identities import IdentityStore
from misfin_tui import config
from misfin_tui.dialogs.certificate import CertificateDialog, TrustStep
from misfin_tui.dialogs.confirm import ConfirmDialog
from misfin_tui.dialogs.prompt import ChooseDialog
from misfin_tui.screens.inbox import InboxScreen
from misfin_tui.screens.mailbox_wizard import MailboxWizardScreen

SETTINGS = "[receive]\nenabled = false\n[send]\nundo_send_seconds = 0\n"
HOST, ADA = person("localhost@localhost"), person("ada@localhost")


@pytest.fixture
def box():
    return GmapBox()


@pytest.fixture
def server(box):
    with GmapServer(HOST, ADA, box) as found:
        yield found


@pytest.fixture
def pem(tmp_path):
    path = tmp_path / "ada.pem"
    path.write_bytes(ADA.pem)
    return path


async def wizard(app, pilot) -> MailboxWizardScreen:
    """The answer to the first question that has the key s."""
    await until(pilot, lambda: isinstance(app.screen, ChooseDialog) and app.focused is not None)
    await on_screen(pilot, "a Misfin mailbox that somebody keeps")
    await pilot.press("s")
    await until(pilot, lambda: isinstance(app.screen, MailboxWizardScreen) and app.focused is not None)
    return app.screen


async def to_the_test(app, pilot, pem, server) -> MailboxWizardScreen:
    screen = await wizard(app, pilot)
    await type_text(pilot, f"{pem}\n\n")
    await on_screen(pilot, "step 2 of 3")
    screen.query_one("#port").value = str(server.port)
    await pilot.press("ctrl+s")
    return screen


async def trust(app, pilot) -> None:
    await until(pilot, lambda: isinstance(app.screen, CertificateDialog))
    await pilot.click("#trust")
    await until(pilot, lambda: isinstance(app.screen, TrustStep))
    app.screen.query_one("#proof").value = HOST.info.fingerprints.cert[:4]
    await pilot.pause()
    await until(pilot, lambda: not app.screen.query_one("#trust").disabled)
    await pilot.click("#trust")


@pytest.mark.parametrize("size", [(80, 24), (100, 36)])
async def test_a_file_and_a_server_lead_to_the_mail_that_is_there(profile_root, box, server, pem, size):
    box.add(gemmail(1))
    box.add(gemmail(2), "Archive")
    profile = make_profile(profile_root, settings=SETTINGS, address="")
    async with at_desk(profile, size) as (app, pilot):
        screen = await to_the_test(app, pilot, pem, server)
        assert not box.asked, "nothing was asked of a server that nobody trusts yet"
        await trust(app, pilot)
        await on_screen(pilot, "Everything works.")
        assert "1 message in the inbox, 1 unread" in shown(app)
        assert screen.value("name") == "localhost"
        assert "accounts" not in profile.config.read_text()
        assert IdentityStore(profile.identities).names() == []
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, InboxScreen))
        (account,) = config.load(profile.config).accounts.values()
        assert (account.kind, account.host, account.port) == ("gmap", "localhost", server.port)
        assert IdentityStore(profile.identities).load(account.identity).pem == ADA.pem
        await until(pilot, lambda: any("ada@localhost is ready" in each for each in notices(app)))
        (listed,) = await app.services.accounts.all()
        assert listed.address == "ada@localhost"
        await app.services.accounts.create_new_mail()
        assert app.services.store.accounts() == [listed.directory], "or an empty account stands beside it"


async def test_what_was_found_in_the_file_is_shown_first(profile_root, server, pem):
    profile = make_profile(profile_root, settings=SETTINGS, address="")
    async with at_desk(profile, (100, 36)) as (app, pilot):
        screen = await wizard(app, pilot)
        await pilot.press("ctrl+s")
        await on_screen(pilot, "Enter the name of a file.")
        await type_text(pilot, f"{pem}.not-there\n\n")
        await on_screen(pilot, "cannot be read")
        screen.query_one("#pem").value = str(pem)
        await pilot.press("ctrl+s")
        await on_screen(pilot, "The file is for ada@localhost, valid until")
        assert screen.value("host") == "localhost"
        for field, value, words in (
            ("host", "no host", "host"),
            ("port", "0", "A port is a number"),
            ("name", "No Name", "cannot be the name of an account"),
        ):
            before = screen.value(field)
            screen.query_one(f"#{field}").value = value
            await pilot.press("ctrl+s")
            await on_screen(pilot, words)
            assert screen.query_one(f"#{field}").has_focus
            screen.query_one(f"#{field}").value = before


async def test_a_mailbox_of_somebody_else_is_seen_before_anything_is_saved(profile_root, box, server, pem):
    box.odd = lambda _asked: b"61 Not registered\r\n"
    profile = make_profile(profile_root, settings=SETTINGS, address="")
    async with at_desk(profile, (80, 24)) as (app, pilot):
        await to_the_test(app, pilot, pem, server)
        await trust(app, pilot)
        await on_screen(pilot, "It does not work.")
        assert "does not accept the certificate of this mailbox" in " ".join(shown(app).split())
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        await pilot.press("escape")
        assert not config.load(profile.config).accounts
        assert IdentityStore(profile.identities).names() == []


async def test_a_certificate_that_is_not_trusted_gets_no_request(profile_root, box, server, pem):
    profile = make_profile(profile_root, settings=SETTINGS, address="")
    async with at_desk(profile, (80, 24)) as (app, pilot):
        await to_the_test(app, pilot, pem, server)
        await until(pilot, lambda: isinstance(app.screen, CertificateDialog))
        await pilot.press("escape")
        await on_screen(pilot, "Not tested: a certificate is not trusted.")
        assert not box.asked
