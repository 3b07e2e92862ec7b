"""The app as a whole: what runs beside the screens, what it says, how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from desk import ALICE, QuietApp, at_desk, identity, make_profile, notices, on_screen, settled, shown, until
from mailboxes import Mailbox, mail
from textual import events
from textual.filter import NoColor

from misfin.errors import StoreError
from misfin.store.mail.maildir import MailStore
from misfin.store.outgoing.drafts import Draft, DraftBox
from misfin.trust.pins import PinBook
from misfin.trust.tofu import PinKind
from misfin_tui import config
from misfin_tui.dialogs.certificate import CertificateDialog
from misfin_tui.messages import MailChanged, Problem, TrustAsked
from misfin_tui.screens.compose import ComposeScreen
from misfin_tui.screens.inbox import InboxScreen
from misfin_tui.screens.outbox import OutboxScreen
from misfin_tui.screens.wizard import WizardScreen
from misfin_tui.services import background

NO_SERVER = """
[receive]
enabled = false
[send]
undo_send_seconds = 0
timeout = 2
[hosts."hive.test"]
connect = "127.0.0.1:9"
"""


@pytest.fixture
def profile(profile_root):
    return make_profile(profile_root)


async def test_mail_that_pours_in_is_told_in_few_notices(profile, monkeypatch):
    monkeypatch.setattr("misfin_tui.app.notices.GATHERED", 0.2)
    async with at_desk(profile) as (app, pilot):
        for number in range(10):
            app.post_message(MailChanged(arrived=2, sender="Bob", subject=f"message {number}"))
        await until(pilot, lambda: len(notices(app)) == 2)
        first, second = notices(app)
        assert first == "New mail from Bob and 1 more: message 0"
        assert second == "New mail from Bob and 17 more: message 9"
        await until(pilot, lambda: not app.announcements._waiting)
        app.post_message(MailChanged(arrived=1, sender="Cal", subject="later"))
        await until(pilot, lambda: "New mail from Cal: later" in notices(app))


async def test_attached_files_that_nothing_needs_are_swept_away_and_no_others(profile_root):
    profile = make_profile(profile_root, settings=NO_SERVER)
    box = DraftBox(MailStore(profile.mail))
    box.save(Draft(account=ALICE, forwards=b"bob@hive.test\n\n\n# Needed\n"), now=time.time())
    (needed,) = box.files.folder.iterdir()
    unneeded = box.files.path(box.files.add_bytes(b"of a draft that was discarded"))
    for path in (needed, unneeded):
        os.utime(path, (time.time() - 2 * 86400,) * 2)
    async with at_desk(profile, courier=True) as (_, pilot):
        await until(pilot, lambda: not unneeded.exists())
    assert needed.exists()


async def test_the_courier_sends_at_once_and_says_what_became_of_it(profile_root):
    profile = make_profile(profile_root, settings=NO_SERVER)
    async with at_desk(profile, courier=True) as (app, pilot):
        await until(pilot, lambda: app.services.courier is not None)
        await app.services.sending.submit(
            Draft(account=ALICE, to=("bob@hive.test",), subject="Hello", body="Text.")
        )
        await until(pilot, lambda: any("Not delivered to bob@hive.test yet" in each for each in notices(app)))
        await on_screen(pilot, "1 sending")
        assert "elivered to bob@hive.test." not in " ".join(notices(app))


def offered(profile, name: str = "hive.test:1958") -> None:
    """A host whose certificate has changed."""
    book = PinBook(profile.trust_db)
    now = time.time()
    book.record(PinKind.HOST, name, identity("hive.test@hive.test").info, how="first use", now=now)
    book.offer(PinKind.HOST, name, identity("hive.test@hive.test").info, now=now)
    book.close()


async def test_sending_begins_when_the_outbox_can_be_used_again(profile_root, monkeypatch):
    monkeypatch.setattr(background, "AGAIN", 0.01)
    profile = make_profile(profile_root)
    profile.outbox_db.mkdir(parents=True)
    async with at_desk(profile, courier=True) as (app, pilot):
        await until(pilot, lambda: [note for note in notices(app) if note.startswith("Nothing can be sent:")])
        assert app.services.courier is None
        profile.outbox_db.rmdir()
        await until(pilot, lambda: app.services.courier is not None)
        assert len([note for note in notices(app) if note.startswith("Nothing can be sent:")]) == 1


async def test_a_question_about_trust_is_asked_once(profile):
    offered(profile)
    async with at_desk(profile) as (app, pilot):
        for _ in range(3):
            app.post_message(TrustAsked("host", "hive.test:1958"))
        await until(pilot, lambda: isinstance(app.screen, CertificateDialog))
        await pilot.pause()
        assert sum(isinstance(screen, CertificateDialog) for screen in app.screen_stack) == 1
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, InboxScreen))


async def test_no_question_interrupts_somebody_who_writes(profile):
    offered(profile)
    async with at_desk(profile) as (app, pilot):
        app.open_composer(Draft())
        await until(pilot, lambda: isinstance(app.screen, ComposeScreen) and app.screen._opened is not None)
        app.post_message(TrustAsked("host", "hive.test:1958"))
        await settled(pilot)
        await until(pilot, lambda: isinstance(app.screen, ComposeScreen))


async def test_a_new_profile_begins_with_the_wizard(profile_root):
    profile = make_profile(profile_root, address="")
    async with at_desk(profile) as (app, pilot):
        await on_screen(pilot, "Misfin, e-mail, or both?")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, WizardScreen))


async def test_a_link_opens_the_composer_and_sends_nothing(profile):
    async with at_desk(profile, link="misfin:bob@hive.test?Hello%20there") as (app, pilot):
        await until(pilot, lambda: isinstance(app.screen, ComposeScreen))
        await on_screen(pilot, "bob@hive.test")
        await on_screen(pilot, "Hello there")
        assert await app.services.sending.outbox() == []


async def test_places_come_back_to_the_top_and_are_not_stacked(profile):
    async with at_desk(profile) as (app, pilot):
        for key in ("O", "T", "O", "I", "O"):
            await pilot.press(key)
            await pilot.pause()
        assert sum(isinstance(screen, OutboxScreen) for screen in app.screen_stack) == 1
        await until(pilot, lambda: isinstance(app.screen, OutboxScreen))
        await pilot.press("M")
        await until(pilot, lambda: isinstance(app.screen, InboxScreen))


async def test_problems_are_told_with_their_remedy(profile):
    async with at_desk(profile) as (app, pilot):
        app.report(StoreError("The disk is full.", remedy="Make room."), "Saving failed:")
        app.post_message(Problem("Something broke.", "Mend it."))
        await pilot.pause()
        await until(pilot, lambda: "Saving failed: The disk is full.\nMake room." in notices(app))
        await until(pilot, lambda: "Something broke.\nMend it." in notices(app))


async def test_wrong_settings_are_told_and_the_program_starts(profile):
    profile.config.write_text(
        profile.config.read_text() + '[ui]\ntheme = "nowhere"\n[keys]\narchiv = "y"\ntrash = "e"\n'
    )
    async with at_desk(profile) as (app, pilot):
        await until(pilot, lambda: len(notices(app)) >= 3)
        told = "\n".join(notices(app))
        assert "nowhere" in told
        assert "archiv: no such action; did you mean `archive`?" in told
        assert "already belongs to archive" in told
        assert "e Archive" in shown(app)


async def test_no_color_means_no_colour(profile, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    Mailbox(profile.mail, ALICE).put(mail("hello", sender="Bob <bob@hive.test>"))
    async with at_desk(profile) as (app, pilot):
        await on_screen(pilot, "Inbox · 1 conversation")
        assert app.native_ansi_color
        assert any(isinstance(each, NoColor) for each in app.get_line_filters())
        assert "▌  ●  ? Bob" in shown(app)


CRASH = """
import sys
from pathlib import Path
from misfin_tui.app import MisfinApp
from misfin_tui.config import load
from misfin_tui.paths import profile_at

class Broken(MisfinApp):
    def _after_first_frame(self):
        message = "the text of a secret message" + chr(27) + "[2J"
        raise ValueError("a bug " + chr(27) + "]0;title")

profile = profile_at(Path(sys.argv[1]))
app = Broken(profile, load(profile.config))
app.run(headless=True)
sys.exit(app.return_code)
"""


def test_a_crash_names_code_and_no_messages(profile):
    done = subprocess.run(
        [sys.executable, "-c", CRASH, str(profile.root)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert "ValueError: a bug ␛]0;title" in said
    assert "secret message" not in said
    assert "\x1b]0;title" not in said


@pytest.mark.parametrize("event", [events.Key("enter", "\r"), events.Paste("text")])
async def test_a_key_that_comes_when_every_screen_is_closed_is_let_go(profile, event):
    app = QuietApp(profile, config.load(profile.config))
    await app.on_event(event)
    assert app.return_code in (None, 0)


@pytest.mark.parametrize("length", range(50, 64))
async def test_the_last_line_of_a_notice_is_in_sight(profile, length):
    async with at_desk(profile, (80, 24)) as (app, pilot):
        app.say(f"{'word ' * 20}"[: length - 4] + " end")
        await on_screen(pilot, " end")
