"""The parts of a message: their tree, an attached message read here, one deleted; headers; printing."""

from __future__ import annotations

import pytest
from desk import ALICE, SETTINGS, at_desk, make_profile, notices, on_screen, shown, until
from mailboxes import Mailbox, mail
from textual.widgets import OptionList

from misfin_tui.dialogs.attachments import OpenFileDialog
from misfin_tui.dialogs.confirm import ConfirmDialog
from misfin_tui.dialogs.parts import PartsDialog
from misfin_tui.dialogs.text import FactsDialog
from misfin_tui.screens.embedded import EmbeddedMessage
from misfin_tui.screens.inbox import InboxScreen

WORK = '[accounts.work]\nkind = "email"\naddress = "ada@example.org"\nsmtp = "smtps://smtp.example.org"\n'
INNER = (
    b"From: Carol <carol@hive.test>\nSubject: Minutes\nMIME-Version: 1.0\n"
    b"Content-Type: multipart/mixed; boundary=y\n\n--y\n\nWhat was said.\n"
    b'--y\nContent-Type: text/csv; name="votes.csv"\n\nyes,no\n--y--\n'
)
MAIL = (
    b"From: Bob <bob@hive.test>\nTo: ada@example.org\nSubject: =?utf-8?q?Caf=C3=A9?=\n plans\n"
    b"X-Odd: \x1b[2J=?utf-8?b?w6k=?=\nMessage-ID: <1@hive.test>\nMIME-Version: 1.0\n"
    b"Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain\n\nThe text.\n"
    b'--x\nContent-Type: application/pdf; name="plan.pdf"\nContent-Transfer-Encoding: base64\n\nJVBERg==\n'
    b"--x\nContent-Type: message/rfc822\n\n" + INNER + b"--x--\n"
)


@pytest.fixture
def profile(profile_root, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    return make_profile(profile_root, settings=SETTINGS + WORK)


@pytest.fixture
def mailbox(profile):
    made = Mailbox(profile.mail, "work")
    made.put(MAIL, flags="FS")
    return made


async def parts(app, pilot, *keys: str):
    await until(pilot, lambda: "Café plans" in shown(app))
    await pilot.press(*keys, "V")
    await until(pilot, lambda: isinstance(app.screen, PartsDialog))


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
async def test_every_part_is_shown_below_the_one_it_belongs_to(profile, mailbox, size):
    async with at_desk(profile, size) as (app, pilot):
        await parts(app, pilot)
        options = app.screen.query_one(OptionList).options
        assert [str(option.prompt).strip().split("  ")[0] for option in options] == [
            "multipart/mixed",
            "text/plain",
            "application/pdf",
            "message/rfc822",
            "multipart/mixed",
            "text/plain",
            "text/csv",
        ]
        assert "plan.pdf  4 bytes" in shown(app)
        assert "Delete …" in shown(app)


async def test_an_attached_message_and_its_own_parts_are_read_inside_the_program(profile, mailbox):
    async with at_desk(profile) as (app, pilot):
        await parts(app, pilot)
        await pilot.press("j", "j", "j", "enter")
        await until(pilot, lambda: isinstance(app.screen, EmbeddedMessage))
        await on_screen(pilot, "What was said.")
        assert "Attached message: Minutes" in shown(app)
        assert "Carol" in shown(app)
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.screen, PartsDialog))
        assert "Delete" not in shown(app)
        await pilot.press("j", "j", "enter")
        await until(pilot, lambda: isinstance(app.screen, FactsDialog))
        await on_screen(pilot, "yes,no")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, PartsDialog))
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, EmbeddedMessage))
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, PartsDialog))
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, InboxScreen))


async def test_a_part_is_saved_and_opening_one_asks_first(profile, mailbox, tmp_path):
    async with at_desk(profile) as (app, pilot):
        await parts(app, pilot)
        await pilot.press("j", "j", "s")
        await until(pilot, lambda: isinstance(app.screen, InboxScreen) and app.screen.prompts.prompt)
        assert app.screen.prompts.prompt.line.value == "~/plan.pdf"
        await pilot.press("enter")
        saved = tmp_path / "plan.pdf"
        await until(pilot, lambda: saved.exists() and saved.read_bytes() == b"%PDF")
        await until(pilot, lambda: isinstance(app.screen, PartsDialog))
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, OpenFileDialog))


async def test_a_click_chooses_a_part_for_the_buttons_and_two_read_it(profile, mailbox):
    async with at_desk(profile) as (app, pilot):
        await parts(app, pilot)
        await pilot.click(OptionList, offset=(4, 2))
        assert app.screen.query_one(OptionList).highlighted == 2
        await pilot.click("#delete")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        assert "Delete “plan.pdf” (4 bytes) from this message?" in shown(app)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, PartsDialog))
        await pilot.click(OptionList, offset=(4, 1), times=2)
        await on_screen(pilot, "The text.")
        assert isinstance(app.screen, FactsDialog)


async def test_a_deleted_attachment_leaves_a_note_and_undo_brings_it_back(profile, mailbox):
    received = int(mailbox.files("Inbox")[0].stat().st_mtime)
    async with at_desk(profile) as (app, pilot):
        await parts(app, pilot)
        await pilot.press("j", "j", "d")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        assert "Delete “plan.pdf” (4 bytes) from this message?" in shown(app)
        await pilot.press("right", "enter")
        await until(pilot, lambda: any("“plan.pdf” was deleted." in notice for notice in notices(app)))
        (after,) = mailbox.files("Inbox")
        assert b"JVBERg==" not in after.read_bytes()
        assert b"plan.pdf" in after.read_bytes()
        assert INNER in after.read_bytes()
        assert after.name.endswith(":2,FS")
        assert int(after.stat().st_mtime) == received
        assert [file.read_bytes() for file in mailbox.files("Trash")] == [MAIL]
        await until(pilot, lambda: app.screen.messages.total == 1)
        await pilot.press("z")
        await until(pilot, lambda: not mailbox.files("Trash"))
        assert [file.read_bytes() for file in mailbox.files("Inbox")] == [MAIL]


async def test_a_misfin_message_keeps_what_is_attached(profile_root):
    profile = make_profile(profile_root)
    Mailbox(profile.mail, ALICE).put(MAIL)
    async with at_desk(profile) as (app, pilot):
        await parts(app, pilot)
        await pilot.press("j", "j", "d")
        await until(pilot, lambda: isinstance(app.screen, PartsDialog))
        assert "Delete" not in shown(app)


async def test_every_header_field_decoded_and_as_received(profile, mailbox):
    async with at_desk(profile, (100, 40)) as (app, pilot):
        await until(pilot, lambda: "Café plans" in shown(app))
        await pilot.press("h")
        await until(pilot, lambda: isinstance(app.screen, FactsDialog))
        screen = shown(app)
        assert "Subject: Café plans" in screen
        assert "Subject: =?utf-8?q?Caf=C3=A9?=" in screen
        assert "\x1b" not in screen
        await pilot.press("q", "enter")
        await on_screen(pilot, "The text.")
        await pilot.press("R")
        await until(pilot, lambda: isinstance(app.screen, FactsDialog))


async def test_a_message_is_printed_as_text_by_the_command_that_was_shown(profile, mailbox, tmp_path):
    profile.config.write_text(f'{SETTINGS}{WORK}[ui]\nprint_command = "cat > {tmp_path}/printed"\n')
    async with at_desk(profile) as (app, pilot):
        await until(pilot, lambda: "Café plans" in shown(app))
        await pilot.press("P")
        await until(pilot, lambda: app.screen.prompts.prompt is not None)
        assert not (tmp_path / "printed").exists()
        await pilot.press("enter")
        await until(pilot, lambda: any("Sent to cat" in notice for notice in notices(app)))
    printed = (tmp_path / "printed").read_text()
    assert printed.startswith("From: Bob <bob@hive.test>\nTo: ada@example.org\n")
    assert "Subject: Café plans\nAttached: plan.pdf (4 bytes)\n" in printed
    assert "The text." in printed


async def test_a_printer_that_fails_is_reported(profile):
    Mailbox(profile.mail, "work").put(mail("Café plans"))
    profile.config.write_text(f'{SETTINGS}{WORK}[ui]\nprint_command = "echo no paper; exit 3"\n')
    async with at_desk(profile) as (app, pilot):
        await until(pilot, lambda: "Café plans" in shown(app))
        await pilot.press("P")
        await until(pilot, lambda: app.screen.prompts.prompt is not None)
        await pilot.press("enter")
        await until(pilot, lambda: any("exited with status 3: no paper" in notice for notice in notices(app)))
