"""The first run: three steps to an address, and nothing half-made on the way."""

from __future__ import annotations

import socket
import stat

import pytest
from desk import at_desk, identity, make_profile, on_screen, settled, shown, type_text, until
from freeports import free_port
from textual.widgets import Input

from misfin.store.identities import IdentityStore
from misfin_tui import config
from misfin_tui.dialogs.confirm import ConfirmDialog
from misfin_tui.dialogs.prompt import ChooseDialog, PasswordDialog
from misfin_tui.paths import profile_at
from misfin_tui.screens.inbox import InboxScreen
from misfin_tui.screens.wizard import WizardScreen
from misfin_tui.services.setup import Start, config_text, port_problem


def nothing_made(profile) -> bool:
    return not profile.config.exists() and IdentityStore(profile.identities).names() == []


async def wizard(app, pilot) -> WizardScreen:
    """The steps to a Misfin address, which is the first answer to the first question."""
    await until(pilot, lambda: isinstance(app.screen, ChooseDialog) and app.focused is not None)
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app.screen, WizardScreen) and app.focused is not None)
    return app.screen


async def step(app, pilot, number: int) -> None:
    await on_screen(pilot, f"step {number} of 3")


async def test_a_second_enter_that_comes_late_skips_no_step(profile_root):
    async with at_desk(profile_at(profile_root), (100, 36)) as (app, pilot):
        screen = await wizard(app, pilot)
        await type_text(pilot, "ada@mail.example\nAda Lovelace\n")
        await step(app, pilot, 2)
        screen.post_message(Input.Submitted(screen.query_one("#name", Input), "Ada Lovelace"))
        await settled(pilot)
        assert "step 2 of 3" in shown(app)
        assert app.focused is screen.query_one("#receiving")


@pytest.mark.parametrize(("rows", "apart"), [(24, True), (18, False), (36, True)])
async def test_fields_are_set_apart_where_they_fit(profile_root, rows, apart):
    async with at_desk(profile_at(profile_root), (80, rows)) as (app, pilot):
        screen = await wizard(app, pilot)
        field, label = screen.query_one("#address"), screen.query_one("#making .label")

        def gap_above() -> int:
            return label.region.y - screen.query_one("#how").region.bottom

        await until(pilot, lambda: gap_above() == (1 if apart else 0))
        assert field.region.y == label.region.bottom
        screen.complain("One thing is wrong.\nAnother is.\nA third is.\nSo is this.")
        await until(pilot, lambda: gap_above() == (1 if rows > 30 else 0))
        screen.complain("")
        await until(pilot, lambda: gap_above() == (1 if apart else 0))


async def test_an_item_of_the_last_step_goes_on_under_its_first_word(profile_root):
    async with at_desk(profile_at(profile_root), (80, 24)) as (app, pilot):
        screen = await wizard(app, pilot)
        await type_text(pilot, "ada.lovelace@mail.example\nAda Lovelace\n")
        await step(app, pilot, 2)
        screen.query_one("#not-here").value = True
        await pilot.pause()
        await pilot.press("ctrl+s")
        await step(app, pilot, 3)
        lines = shown(app).splitlines()
        at = next(number for number, line in enumerate(lines) if "• ada.lovelace@mail.example" in line)
        assert lines[at + 1].index("of its own.") == lines[at].index("ada.lovelace")


async def test_an_empty_profile_becomes_one_that_can_write(profile_root):
    profile = profile_at(profile_root)
    async with at_desk(profile, (100, 36)) as (app, pilot):
        screen = await wizard(app, pilot)
        await type_text(pilot, "ada@mail.example\nAda Lovelace\n")
        await step(app, pilot, 2)
        assert "mail.example must be a name" in shown(app)
        screen.query_one("#not-here").value = True
        await pilot.pause()
        await pilot.press("ctrl+s")
        await step(app, pilot, 3)
        assert "ada@mail.example will be created" in shown(app)
        assert "This program will only send." in shown(app)
        await pilot.press("f2")
        await on_screen(pilot, "listen")  # the whole file
        await pilot.press("escape")
        await step(app, pilot, 3)
        assert nothing_made(profile)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, InboxScreen))
        (name,) = IdentityStore(profile.identities).names()
        made = IdentityStore(profile.identities).load(name)
        assert made.address.long_form == "Ada Lovelace (ada@mail.example)"
        assert stat.S_IMODE((profile.identities / f"{name}.pem").stat().st_mode) == 0o600
        assert not config.load(profile.config).receive.enabled
        assert not app.services.config.receive.enabled
        assert (profile.mail / "ada@mail.example").is_dir()
        assert (await app.services.sending.new()).account == "ada@mail.example"
        await on_screen(pilot, "▾ ada@mail.example")  # in the sidebar
        await settled(pilot)
        await until(pilot, lambda: "No mail yet." in shown(app))
        await until(pilot, lambda: app.screen.news.away == ())


async def test_an_address_is_shown_as_it_will_be_and_its_port_is_the_one_to_receive_on(profile_root):
    port = free_port()
    async with at_desk(profile_at(profile_root), (100, 36)) as (app, pilot):
        screen = await wizard(app, pilot)
        await type_text(pilot, f"ada@Mail.Example.:{port}\nAda\n")
        await step(app, pilot, 2)
        assert "mail.example must be a name" in shown(app)
        assert screen.query_one("#port").value == str(port)
        await pilot.press("ctrl+s")
        await step(app, pilot, 3)
        assert "ada@mail.example will be created" in shown(app)
        assert f"will receive on port {port} " in shown(app)


async def test_leaving_at_any_step_leaves_nothing(profile_root):
    profile = profile_at(profile_root)
    async with at_desk(profile, (100, 36)) as (app, pilot):
        screen = await wizard(app, pilot)
        await type_text(pilot, "ada@mail.example\nAda\n")
        await step(app, pilot, 2)
        screen.query_one("#not-here").value = True
        await pilot.press("ctrl+s")
        await step(app, pilot, 3)
        await pilot.press("escape")
        await step(app, pilot, 2)
        await pilot.press("escape")
        await step(app, pilot, 1)
        assert screen.query_one("#address").value == "ada@mail.example"
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        assert app.focused.id == "no"
        await pilot.click("#yes")
        await until(pilot, lambda: isinstance(app.screen, InboxScreen))
    assert nothing_made(profile)


async def test_a_wrong_address_is_told_at_once(profile_root):
    async with at_desk(profile_at(profile_root), (100, 36)) as (app, pilot):
        screen = await wizard(app, pilot)
        await type_text(pilot, "ada")
        await pilot.click("#next")
        await on_screen(pilot, "it has no @")
        assert screen.query_one("#address").has_focus


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (200, 50)])
async def test_what_is_wrong_stands_in_sight_at_every_size(profile_root, size):
    async with at_desk(profile_at(profile_root), size) as (app, pilot):
        screen = await wizard(app, pilot)
        await type_text(pilot, "ada harbour\nAda, Countess\n")
        await on_screen(pilot, "it has no @")
        screen.query_one("#address").value = "ada@harbour.test"
        screen.query_one("#name").focus()
        await pilot.press("enter")
        await on_screen(pilot, "must not contain commas")
        assert screen.query_one("#name").has_focus
        screen.query_one("#name").value = "Ada"
        await pilot.press("enter")
        await step(app, pilot, 2)
        assert "must not contain commas" not in shown(app)


async def test_what_is_chosen_is_told_by_a_sign(profile_root):
    async with at_desk(profile_at(profile_root), (80, 24)) as (app, pilot):
        await wizard(app, pilot)
        await on_screen(pilot, "(●) Create a new address")
        assert "( ) Import one" in shown(app)
        assert "P-256" in shown(app), "the whole step fits the usual window"
        await pilot.click("#import")
        await on_screen(pilot, "(●) Import one")
        assert "( ) Create a new address" in shown(app)


async def test_a_port_in_use_is_told(profile_root):
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        async with at_desk(profile_at(profile_root), (100, 36)) as (app, pilot):
            screen = await wizard(app, pilot)
            await type_text(pilot, "ada@mail.example\n\n")
            await step(app, pilot, 2)
            screen.query_one("#port").value = str(port)
            await pilot.press("ctrl+s")
            await on_screen(pilot, f"Port {port} cannot be used")
            screen.query_one("#port").value = "none"
            await pilot.press("ctrl+s")
            await on_screen(pilot, "A port is a number")
            screen.query_one("#port").value = str(free_port())
            await pilot.press("ctrl+s")
            await step(app, pilot, 3)
            assert "listen = [" in app.services.setup.preview(screen._start())


async def test_an_encrypted_pem_is_taken_over(profile_root, tmp_path):
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

    other = identity("erin@far.test", "Erin")
    key = other.private_key().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"sesame")
    )
    (tmp_path / "erin.pem").write_bytes(other.cert_pem + key)
    profile = profile_at(profile_root)
    async with at_desk(profile, (100, 36)) as (app, pilot):
        screen = await wizard(app, pilot)
        screen.query_one("#import").value = True
        await pilot.pause()
        screen.query_one("#pem").value = str(tmp_path / "erin.pem")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, PasswordDialog))
        await type_text(pilot, "sesame\n")
        await step(app, pilot, 2)
        screen.query_one("#not-here").value = True
        await pilot.press("ctrl+s")
        await step(app, pilot, 3)
        assert "erin@far.test will be imported." in shown(app)
        assert nothing_made(profile)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, InboxScreen))
        (name,) = IdentityStore(profile.identities).names()
        assert IdentityStore(profile.identities).load(name).info.der == other.info.der


async def test_what_fails_at_the_end_is_taken_back(profile_root, monkeypatch):
    from misfin.errors import StoreError
    from misfin.store.mail.maildir import MailStore

    profile = profile_at(profile_root)
    async with at_desk(profile, (100, 36)) as (app, pilot):
        screen = await wizard(app, pilot)
        await type_text(pilot, "ada@mail.example\nAda\n")
        await step(app, pilot, 2)
        screen.query_one("#not-here").value = True
        await pilot.press("ctrl+s")
        await step(app, pilot, 3)

        def full(*_args):
            raise StoreError("No space left on device.")

        monkeypatch.setattr(MailStore, "create", full)
        await pilot.press("enter")
        await on_screen(pilot, "No space left on device.")
        assert app.screen is screen
        assert nothing_made(profile)


async def test_a_settings_file_that_is_there_stays(profile_root):
    settings = "# mine\n[receive]\nenabled = false\n"
    profile = make_profile(profile_root, settings=settings, address="")
    async with at_desk(profile, (100, 36)) as (app, pilot):
        screen = await wizard(app, pilot)
        await type_text(pilot, "ada@mail.example\nAda\n")
        await step(app, pilot, 2)
        screen.query_one("#not-here").value = True
        await pilot.press("ctrl+s")
        await step(app, pilot, 3)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, InboxScreen))
    assert profile.config.read_text() == settings


@pytest.mark.parametrize("size", [(20, 5), (60, 20), (300, 80)])
async def test_the_wizard_stands_at_every_size(profile_root, size):
    async with at_desk(profile_at(profile_root), size) as (app, pilot):
        screen = await wizard(app, pilot)
        await pilot.resize_terminal(20, 5)
        await pilot.pause()
        await pilot.resize_terminal(*size)
        await pilot.pause()
        assert app.screen is screen
        if size[1] >= 20:
            assert screen.query_one("#next").region.bottom <= size[1]


@pytest.mark.parametrize(
    ("start", "holds"),
    [
        (Start("a@b.test", receive=False), "\nenabled = false\n"),
        (Start("a@b.test", port=19580), '\nlisten = ["0.0.0.0:19580", "[::]:19580"]\n'),
        (Start("a@b.test"), "\n# enabled = true\n"),
    ],
)
def test_the_settings_file_says_what_was_decided(start, holds):
    text = config_text(start)
    assert holds in text
    parsed = config.parse(text)
    assert parsed.receive.enabled is start.receive


@pytest.mark.parametrize("port", [0, 65536, -1])
def test_numbers_that_are_no_port(port):
    assert "not a port number" in port_problem(port)


def test_a_free_port_has_no_problem():
    assert port_problem(free_port()) == ""
