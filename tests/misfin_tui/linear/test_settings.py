"""Settings in plain lines: found, explained, changed, refused with a reason."""

from __future__ import annotations

import pytest
from desk import make_profile
from keyring.backends import fail
from linedesk import at_lines
from ring import MemoryKeyring, use_keyring

from misfin_tui import config

WORK = """
[accounts.work]
kind = "email"
address = "ada@example.org"
imap = "imaps://imap.example.org"
password = { command = "pass mail" }
"""


@pytest.fixture
def profile(tmp_path):
    made = make_profile(tmp_path / "profile")
    made.config.write_text(made.config.read_text() + WORK)
    return made


@pytest.fixture(params=["20", "80"])
def width(request, monkeypatch):
    monkeypatch.setenv("COLUMNS", request.param)


async def test_settings_are_found_by_a_word_and_explained_by_their_number(profile, width):
    async with at_lines(profile) as lines:
        said = await lines.do("settings")
        assert "Sending " in said
        assert "send.undo_send_seconds:3,600." in said.replace(" ", "")
        assert "ui.theme" not in said
        said = await lines.do("settings undo_send")
        assert "1.send.undo_send_seconds:3,600." in said.replace(" ", "")
        said = await lines.do("1")
        assert "Default: 10." in said


async def test_a_setting_is_changed_by_name_and_by_number_and_reset(profile):
    async with at_lines(profile) as lines:
        await lines.do("settings undo_send")
        assert "send.undo_send_seconds is now 5." in await lines.do("set 1 5")
        assert "receive.enabled is now yes" in await lines.do("set receive.enabled yes")
        assert "ui.theme is now misfin-contrast." in await lines.do("set ui.theme", "misfin-contrast")
        assert "Nothing was changed." in await lines.do("set ui.theme", "")
        after = config.load(profile.config)
        assert (after.send.undo_send_seconds, after.receive.enabled) == (5, True)
        assert after.ui.theme == "misfin-contrast"
        assert "is now 10, the default." in await lines.do("reset send.undo_send_seconds")
        assert "undo_send_seconds" not in profile.config.read_text()


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("send.undo_send_seconds soon", "not a whole number"),
        ("receive.enabled perhaps", "Type yes or no."),
        ("accounts.work.imap ftp://x", "imap"),
        ("no.such 1", "There is no setting no.such."),
        ("", "Give the number or the name of a setting."),
    ],
)
async def test_what_cannot_be_is_said_and_changes_nothing(profile, typed, why):
    before = profile.config.read_text()
    async with at_lines(profile) as lines:
        assert why in await lines.do(f"set {typed}".strip())
    assert profile.config.read_text() == before


async def test_a_dot_empties_a_setting(profile):
    async with at_lines(profile) as lines:
        await lines.do("set accounts.work.name Ada Example")
        assert config.load(profile.config).accounts["work"].name == "Ada Example"
        assert "accounts.work.name is now empty, the default." in await lines.do("set accounts.work.name .")


async def test_a_new_password_goes_into_the_keyring_only(profile):
    with use_keyring(MemoryKeyring()) as ring:
        async with at_lines(profile) as lines:
            said = await lines.do("set accounts.work.password", "hunter2")
            assert "The password of work is in the keyring." in said
            assert "hunter2" not in said
        assert ring.kept == {("misfin-tui", "work"): "hunter2"}
    assert "hunter2" not in profile.config.read_text()
    with use_keyring(fail.Keyring()):
        async with at_lines(profile) as lines:
            assert "There is no keyring on this machine." in await lines.do("set accounts.work.password")
