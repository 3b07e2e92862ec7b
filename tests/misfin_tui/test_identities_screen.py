"""Identities: another one changes nothing by itself, an end is told in time, no file hangs the program."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest
from certificates import build
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from desk import ALICE, at_desk, identity, make_profile, notices, on_screen, shown, type_text, until

from misfin.store.identities import IdentityStore
from misfin_tui import config
from misfin_tui.dialogs.confirm import ConfirmDialog
from misfin_tui.dialogs.forms import ImportDialog, NewIdentityDialog
from misfin_tui.dialogs.prompt import PasswordDialog


@pytest.fixture
def profile(profile_root):
    return make_profile(profile_root)


async def open_form(app, pilot, key, kind):
    await pilot.press("I")
    await on_screen(pilot, ALICE)
    await pilot.press(key)
    await until(pilot, lambda: isinstance(app.screen, kind) and app.focused is not None)
    return app.screen


async def test_one_goes_on_writing_from_the_same_address_when_another_is_made(profile):
    async with at_desk(profile, (100, 30)) as (app, pilot):
        form = await open_form(app, pilot, "n", NewIdentityDialog)
        form.query_one("#address").value = "aaa@before.test"  # before alice, by name
        await pilot.click("#ok")
        await until(pilot, lambda: any(f"The default is still {ALICE}." in note for note in notices(app)))
        assert (await app.services.sending.new()).account == ALICE
    assert config.load(profile.config).identity.default == ALICE


async def test_an_imported_identity_is_not_written_from_by_itself(profile, tmp_path):
    (tmp_path / "other.pem").write_bytes(identity("aaa@before.test").pem)
    async with at_desk(profile, (100, 30)) as (app, pilot):
        form = await open_form(app, pilot, "i", ImportDialog)
        form.query_one("#certificate").value = str(tmp_path / "other.pem")
        await pilot.click("#ok")
        await until(pilot, lambda: any("aaa@before.test was imported." in note for note in notices(app)))
        assert await app.services.identities.default() == ALICE


async def test_the_password_of_an_encrypted_key_is_asked_for_and_never_shown(profile, tmp_path):
    other = identity("erin@far.test", "Erin")
    key = other.private_key().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"sesame")
    )
    (tmp_path / "erin.pem").write_bytes(other.cert_pem + key)
    async with at_desk(profile, (100, 30)) as (app, pilot):
        form = await open_form(app, pilot, "i", ImportDialog)
        form.query_one("#certificate").value = str(tmp_path / "erin.pem")
        await pilot.click("#ok")
        for typed, then in (("wrong", "Try again."), ("sesame", "erin@far.test was imported.")):
            await until(pilot, lambda: isinstance(app.screen, PasswordDialog) and app.focused is not None)
            await type_text(pilot, typed)
            await on_screen(pilot, "•" * len(typed))
            assert typed not in shown(app)
            await pilot.press("enter")
            await until(pilot, lambda then=then: then in shown(app) or then in " ".join(notices(app)))
    assert "erin@far.test" in {each.address for each in IdentityStore(profile.identities).addresses()}


async def test_a_default_that_was_chosen_is_not_written_again(profile):
    async with at_desk(profile, (100, 30)) as (app, pilot):
        form = await open_form(app, pilot, "n", NewIdentityDialog)
        form.query_one("#address").value = "zoe@after.test"
        await pilot.click("#ok")
        await until(pilot, lambda: any("zoe@after.test is now yours." in note for note in notices(app)))
    assert config.load(profile.config).identity.default == ""


async def test_the_end_of_a_certificate_is_told_before_it_comes(profile):
    soon = build(users=("bea",), end=datetime.now(UTC) + timedelta(days=9))
    IdentityStore(profile.identities).save(soon)
    async with at_desk(profile, (160, 30)) as (_app, pilot):
        await pilot.press("I")
        await on_screen(pilot, "It expires on")


async def test_a_pipe_nobody_writes_to_is_refused(profile, tmp_path):
    os.mkfifo(tmp_path / "pipe.pem")
    async with at_desk(profile, (100, 30)) as (app, pilot):
        form = await open_form(app, pilot, "i", ImportDialog)
        form.query_one("#certificate").value = str(tmp_path / "pipe.pem")
        await pilot.click("#ok")
        await on_screen(pilot, "is not an ordinary file.")


async def test_an_identity_is_renewed_with_the_same_key_after_asking(profile):
    soon = build(users=("bea",), end=datetime.now(UTC) + timedelta(days=9))
    store = IdentityStore(profile.identities)
    name = store.save(soon).stem
    async with at_desk(profile, (160, 30)) as (app, pilot):
        await pilot.press("I")
        await on_screen(pilot, "renew it in time")
        app.screen.rows.go_to(name)
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        assert app.focused.id == "no"
        await pilot.click("#yes")
        await until(pilot, lambda: not app.screen.is_modal)
        await until(pilot, lambda: "renew it in time" not in shown(app))
    renewed = store.load(name).info
    assert renewed.fingerprints.spki == soon.info.fingerprints.spki
    assert renewed.fingerprints.cert != soon.info.fingerprints.cert
