"""Writing ordinary mail: copies, files, aliases, a time to send at, the header in an editor, answers."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import asynccontextmanager, contextmanager

import pytest
from desk import ALICE, SETTINGS, at_desk, make_profile, notices, on_screen, shown, type_text, until
from mailboxes import mail
from textual import events

from misfin.email.account import MailProtocol, MailServer
from misfin.store.mail.maildir import MailStore
from misfin.store.outgoing.attachments import AttachedFile, AttachmentFiles
from misfin.store.outgoing.draft_fields import is_whole
from misfin.store.outgoing.drafts import Draft, DraftBox, Purpose, from_bytes, to_bytes
from misfin.store.outgoing.outbox import Outbox
from misfin.trust.pins import PinBook
from misfin.trust.records import MailServerFacts
from misfin_tui.dialogs.attach import AttachDialog, AttachedFilesDialog
from misfin_tui.dialogs.confirm import ConfirmDialog
from misfin_tui.dialogs.prompt import PromptDialog
from misfin_tui.dialogs.send_time import SendTimeDialog
from misfin_tui.screens.compose import ComposeScreen

WORK = """
[accounts.work]
kind = "email"
address = "ada@example.org"
name = "Ada Example"
smtp = "smtps://smtp.example.org"
aliases = ["ada@old.example", "*@ada.example"]
signature = "Ada at work"
[accounts.home]
kind = "email"
address = "ada@home.example"
signature = "Love, Ada"
"""
SMTP = MailServer(MailProtocol.SMTP, "smtp.example.org", 465)


@pytest.fixture
def profile(profile_root, monkeypatch, tmp_path):
    """A Misfin account and two e-mail accounts; nothing is sent."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "deep").mkdir(parents=True)
    (tmp_path / "home" / "plan.pdf").write_bytes(b"%PDF" * 3000)
    (tmp_path / "home" / "note one.txt").write_text("hello")
    return make_profile(profile_root, settings=f"{SETTINGS}\n{WORK}")


def drafts(profile) -> list[Draft]:
    return DraftBox(MailStore(profile.mail)).all()


@contextmanager
def outbox(profile):
    opened = Outbox(profile.outbox_db)
    try:
        yield opened
    finally:
        opened.close()


async def compose(app, pilot, draft: Draft) -> ComposeScreen:
    app.open_composer(draft)
    await until(pilot, lambda: isinstance(app.screen, ComposeScreen) and app.screen._opened is not None)
    return app.screen


@asynccontextmanager
async def composer(profile, size=(100, 30), **draft):
    async with at_desk(profile, size) as (app, pilot):
        yield app, pilot, await compose(app, pilot, Draft(**{"account": "work"} | draft))


async def opened(app, pilot, dialog):
    await until(pilot, lambda: isinstance(app.screen, dialog))
    await pilot.pause()
    return app.screen


async def attach(app, pilot, screen, names: str) -> None:
    await pilot.press("f3")
    await opened(app, pilot, AttachDialog)
    await type_text(pilot, names)
    await pilot.press("enter")
    await until(pilot, lambda: app.screen is screen)


# ---- copies


async def test_the_fields_for_copies_are_opened_by_a_key_and_stay_while_something_is_in_them(profile):
    async with composer(profile) as (app, pilot, screen):
        assert "Bcc" not in shown(app)
        await pilot.press("f2")
        await until(pilot, lambda: screen.fields.cc.has_focus)
        await type_text(pilot, '"Doe, Cal" <cal@example.org>, Dan <dan@example.org>')
        await pilot.press("f2")
        await until(pilot, lambda: screen.fields.bcc.has_focus)
        await pilot.press("f2")
        await until(pilot, lambda: screen.fields.to.has_focus and not screen.fields.bcc.shown)
        await on_screen(pilot, "Cc       ")
        assert screen.draft_now().cc == ('"Doe, Cal" <cal@example.org>', "Dan <dan@example.org>")


async def test_where_there_are_no_copies_the_key_says_so(profile):
    async with composer(profile, account=ALICE) as (app, pilot, _screen):
        await pilot.press("f2")
        await until(pilot, lambda: any("cannot have Cc" in note for note in notices(app)))
        await pilot.press("f3")
        await until(pilot, lambda: any("cannot have attachments" in note for note in notices(app)))


async def test_hundreds_of_pasted_people_are_as_many_recipients(profile):
    people = [f'"Person, Number {n}" <p{n}@lists.example>' for n in range(400)]
    async with composer(profile) as (_app, pilot, screen):
        screen.fields.to.focus()
        await pilot.pause()
        screen.fields.to.post_message(events.Paste(",\n".join(people)))
        await until(pilot, lambda: len(screen.recipients) == 400)
        await on_screen(pilot, "400 recipients:")
        assert list(screen.draft_now().to) == people


# ---- files


async def test_a_file_is_attached_by_its_completed_name_copied_and_counted(profile):
    async with composer(profile, to=("bob@example.org",)) as (app, pilot, screen):
        await until(pilot, lambda: screen._measure is not None)
        before = screen._measure.size
        await pilot.press("f3")
        await opened(app, pilot, AttachDialog)
        await type_text(pilot, "~/pl")
        await on_screen(pilot, "plan.pdf  12,000 bytes")
        await pilot.press("tab")
        await until(pilot, lambda: app.screen.query_one("#paths").value == "~/plan.pdf ")
        await type_text(pilot, "~/no")
        await on_screen(pilot, "note one.txt")
        await pilot.press("down", "up", "enter")
        await until(pilot, lambda: app.screen.query_one("#paths").value == r"~/plan.pdf ~/note\ one.txt ")
        await pilot.press("enter")
        await on_screen(pilot, "2 files: plan.pdf (12,000 bytes), note one.txt (5 bytes)")
        await until(pilot, lambda: screen._measure.size > before + 16_000)
        await until(pilot, lambda: drafts(profile) and len(drafts(profile)[0].attachments) == 2)
    kept = {file.name: file.key for file in drafts(profile)[0].attachments}
    assert AttachmentFiles(profile.root / "attachments").read(kept["note one.txt"]) == b"hello"


async def test_what_cannot_be_attached_is_said_and_the_names_stay_to_be_corrected(profile, tmp_path):
    os.mkfifo(tmp_path / "home" / "pipe")
    async with composer(profile) as (app, pilot, screen):
        await pilot.press("f3")
        dialog = await opened(app, pilot, AttachDialog)
        for names, why in (
            ("~/pipe", "it is a device, a pipe"),
            ("~/gone", "No such file"),
            ("~/deep", "folder"),
        ):
            dialog.query_one("#paths").value = names
            await pilot.pause()
            await pilot.press("enter")
            await on_screen(pilot, why)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        assert screen.files.files == ()


async def test_a_dropped_file_is_a_name_also_with_spaces_or_as_a_link(profile, tmp_path):
    home = tmp_path / "home"
    async with composer(profile) as (app, pilot, screen):
        await pilot.press("f3")
        dialog = await opened(app, pilot, AttachDialog)
        field = dialog.query_one("#paths")
        field.post_message(events.Paste(f"{home}/note one.txt"))
        await until(pilot, lambda: field.value)
        field.post_message(events.Paste(f"file://{home}/plan.pdf\x1b[31m\n"))
        await until(pilot, lambda: "plan" in field.value)
        assert "\x1b" not in field.value
        field.value = field.value.replace("[31m", "")
        await pilot.pause()
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is screen and len(screen.files.files) == 2)


async def test_a_file_that_the_server_cannot_take_is_refused_before_it_is_copied(profile, tmp_path):
    with PinBook(profile.trust_db) as pins:
        pins.remember_mail_server("work", SMTP.name, MailServerFacts(size_limit=50_000))
    (tmp_path / "home" / "film.mp4").write_bytes(b"x" * 60_000)
    async with composer(profile, (140, 30), to=("bob@example.org",)) as (app, pilot, screen):
        await on_screen(pilot, "of 50,000 bytes")
        await attach(app, pilot, screen, "~/film.mp4 ~/plan.pdf")
        await until(pilot, lambda: any("film.mp4 is 60,000 bytes long" in note for note in notices(app)))
        await until(pilot, lambda: [file.name for file in screen.files.files] == ["plan.pdf"])
        await on_screen(pilot, "of 50,000 bytes that smtp.example.org accepts")
    assert not any(path.stat().st_size == 60_000 for path in (profile.root / "attachments").iterdir())


async def test_attached_files_are_reordered_removed_and_opened(profile, monkeypatch):
    looked_at = []
    async with composer(profile) as (app, pilot, screen):

        async def look(path):
            looked_at.append((path.name, path.read_bytes()))

        monkeypatch.setattr(app.services.outside, "open_file", look)
        await attach(app, pilot, screen, r"~/plan.pdf ~/note\ one.txt")
        await until(pilot, lambda: len(screen.files.files) == 2)
        await pilot.click("#files")
        await opened(app, pilot, AttachedFilesDialog)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        await pilot.press("f4")
        await opened(app, pilot, AttachedFilesDialog)
        await on_screen(pilot, "plan.pdf  application/pdf, 12,000 bytes")
        await pilot.press("J")
        await until(pilot, lambda: [each.name for each in screen.files.files] == ["note one.txt", "plan.pdf"])
        await until(pilot, lambda: isinstance(app.screen, AttachedFilesDialog))
        await pilot.pause()
        await pilot.press("d")
        await until(pilot, lambda: [each.name for each in screen.files.files] == ["note one.txt"])
        await until(pilot, lambda: isinstance(app.screen, AttachedFilesDialog))
        await pilot.pause()
        await pilot.press("o")
        await until(pilot, lambda: looked_at == [("note one.txt", b"hello")])
        await until(pilot, lambda: isinstance(app.screen, AttachedFilesDialog))
        await pilot.pause()
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)


async def test_files_and_copies_stay_while_from_cannot_send_them(profile):
    async with composer(profile, cc=("cal@example.org",)) as (app, pilot, screen):
        await attach(app, pilot, screen, "~/plan.pdf")
        await on_screen(pilot, "plan.pdf")
        screen.from_account.chooser.value = ALICE
        await until(pilot, lambda: "plan.pdf" not in shown(app))
        assert len(screen.draft_now().attachments) == 1
        screen.from_account.chooser.value = "work"
        await on_screen(pilot, "plan.pdf")
        await on_screen(pilot, "cal@example.org")


async def test_a_forgotten_file_is_asked_about_only_where_its_writer_speaks_of_one(profile):
    quoted = Draft(account="work", to=("bob@example.org",), body="> it is attached\nThanks!\n")
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot, quoted)
        screen.body.text = "The plan is attached.\n\n> really?\n"
        await pilot.press("ctrl+s")
        await opened(app, pilot, ConfirmDialog)
        await on_screen(pilot, "You wrote “attached”, and nothing is attached.")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        screen.body.text = quoted.body
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not isinstance(app.screen, ComposeScreen))
    with outbox(profile) as queue:
        assert len(queue.rows()) == 1


# ---- from


async def test_an_alias_is_written_from_and_one_that_fits_a_pattern_is_typed(profile):
    async with composer(profile, to=("bob@example.org",), body="hi") as (app, pilot, screen):
        screen.from_account.chooser.value = "work ada@old.example"
        await until(pilot, lambda: screen.draft_now().sender == "ada@old.example")
        await pilot.pause()
        screen.from_account.chooser.value = "work *"
        dialog = await opened(app, pilot, PromptDialog)
        assert screen.draft_now().sender == "ada@old.example"
        for text, why in (
            ("bob@example.com", "is not one of this account's"),
            ("x", "is not an e-mail address"),
        ):
            dialog.query_one("#answer").value = text
            await pilot.press("enter")
            await on_screen(pilot, why)
        dialog.query_one("#answer").value = "shop@ada.example"
        await pilot.press("enter")
        await until(pilot, lambda: screen.draft_now().sender == "shop@ada.example")
        await on_screen(pilot, "shop@ada.example  Ada Example")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not isinstance(app.screen, ComposeScreen))
        draft = await app.services.sending.undo_send(app.services.sending.undoable().ids)
        assert (draft.account, draft.sender) == ("work", "shop@ada.example")
        again = await compose(app, pilot, draft)
        assert again.draft_now().sender == "shop@ada.example"


async def test_the_signature_follows_from_until_it_is_touched(profile):
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot, await app.services.sending.new(account="work"))
        assert screen.body.text == "\n\n-- \nAda at work\n"
        screen.body.focus()
        await type_text(pilot, "Hello")
        screen.from_account.chooser.value = "home"
        await until(pilot, lambda: screen.body.text == "Hello\n\n-- \nLove, Ada\n")
        screen.from_account.chooser.value = ALICE
        await until(pilot, lambda: screen.body.text == "Hello\n")
        screen.from_account.chooser.value = "work"
        await until(pilot, lambda: screen.body.text == "Hello\n\n-- \nAda at work\n")
        screen.body.text = "Hello\n-- \nAda at play\n"
        screen.from_account.chooser.value = "home"
        await until(pilot, lambda: screen.account == "home")
        await pilot.pause()
        assert screen.body.text == "Hello\n-- \nAda at play\n"


async def test_another_account_in_from_rewrites_the_recipients_it_can_read(profile):
    to = ("bob@hive.test Bob", "mailto:cal@example.org")
    async with composer(profile, account=ALICE, to=to) as (_app, pilot, screen):
        screen.from_account.chooser.value = "work"
        await until(pilot, lambda: screen.fields.to.value == "Bob <bob@hive.test>, cal@example.org")
        screen.from_account.chooser.value = ALICE
        await until(pilot, lambda: screen.fields.to.value == "bob@hive.test Bob, cal@example.org")


# ---- a time to send at


async def test_a_time_is_chosen_shown_queued_and_undone(profile):
    began = time.localtime().tm_yday

    def said(words: str, text: str) -> bool:
        """Whether the words stand there; what was tomorrow is today once midnight has passed."""
        days = ["tomorrow"] if time.localtime().tm_yday == began else ["tomorrow", "today"]
        return any(words.format(day=day) in text for day in days)

    async with composer(profile, account=ALICE, to=("bob@hive.test",), body="hi") as (app, pilot, screen):
        await pilot.press("f5")
        dialog = await opened(app, pilot, SendTimeDialog)
        dialog.query_one("#answer").value = "soon"
        await pilot.press("enter")
        await on_screen(pilot, "“soon” is not a time.")
        dialog.query_one("#answer").value = "tomorrow 8:00"
        await until(pilot, lambda: said("It will be sent {day} 08:00.", shown(app)))
        await pilot.press("enter")
        await until(pilot, lambda: said("Send at  {day} 08:00", shown(app)))
        await until(pilot, lambda: drafts(profile) and drafts(profile)[0].send_at == screen.time.at)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not isinstance(app.screen, ComposeScreen))
        sent = "will be sent {day} 08:00; z to undo."
        await until(pilot, lambda: any(said(sent, each) for each in notices(app)))
        with outbox(profile) as queue:
            (row,) = queue.rows()
            assert row.hold_until == screen.time.at
            assert time.localtime(row.hold_until)[3:5] == (8, 0)
        await pilot.press("z")
        await until(pilot, lambda: isinstance(app.screen, ComposeScreen))
        await until(pilot, lambda: said("Send at  {day} 08:00", shown(app)))


async def test_a_time_that_passed_while_writing_is_asked_for_again(profile):
    async with composer(profile, to=("bob@example.org",), body="hi") as (app, pilot, screen):
        screen.time.at = time.time() - 1
        await pilot.press("ctrl+s")
        await until(pilot, lambda: any("has passed" in note for note in notices(app)))
        await pilot.press("f5")
        dialog = await opened(app, pilot, SendTimeDialog)
        dialog.query_one("#answer").value = ""
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is screen and not screen.time.at)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not isinstance(app.screen, ComposeScreen))


# ---- the header in an editor


@pytest.fixture
def editing(profile, monkeypatch):
    """A program as the editor, which is given a terminal that there is none of here."""
    settings = profile.config.read_text()
    profile.config.write_text(f"{settings}\n[compose]\nedit_headers = true\n")

    def use(body: str) -> None:
        script = profile.root / "editor.py"
        script.write_text(f"import sys, pathlib\nfile = pathlib.Path(sys.argv[-1])\n{body}\n")
        monkeypatch.setenv("VISUAL", f"python3 {script}")
        monkeypatch.setattr("misfin_tui.app.MisfinApp.suspend", lambda _app: _nothing())

    return use


@contextmanager
def _nothing():
    yield


async def test_the_editor_gets_the_header_and_what_it_says_is_in_the_fields(profile, editing):
    editing(
        "text = file.read_text()\n"
        "(file.parent / 'given').write_text(text)\n"
        "file.write_text(text.replace('From: ada@example.org', 'From: Ada <ada@home.example>')"
        ".replace('Cc:', 'Cc: \"Doe, Cal\" <cal@x.test>')"
        ".replace('Subject: Plans', 'Subject: Plan \\x1b[31mB') + 'more')"
    )
    draft = {"to": ("bob@example.org",), "subject": "Plans", "body": "text\n"}
    async with composer(profile, **draft) as (_app, pilot, screen):
        await pilot.press("ctrl+e")
        await until(pilot, lambda: screen.subject.value == "Plan [31mB")
        await until(pilot, lambda: screen.account == "home")
        await on_screen(pilot, '"Doe, Cal" <cal@x.test>')
        given = (profile.runtime / "given").read_text()
        assert given == "From: ada@example.org\nTo: bob@example.org\nCc:\nBcc:\nSubject: Plans\n\ntext\n"
        assert screen.body.text.startswith("text\nmore")
        await until(pilot, lambda: drafts(profile)[0].cc == ('"Doe, Cal" <cal@x.test>',))
        assert not list(profile.runtime.glob("draft-*"))


async def test_a_misfin_message_is_edited_with_the_header_it_has(profile, editing):
    editing(
        "text = file.read_text()\n"
        "(file.parent / 'given').write_text(text)\n"
        "file.write_text(text.replace('To: bob', 'To: Cal <cal@hive.test>, bob'))"
    )
    async with composer(profile, account=ALICE, to=("bob@hive.test",), body="text") as (_app, pilot, screen):
        await pilot.press("ctrl+e")
        await until(pilot, lambda: screen.draft_now().to == ("cal@hive.test Cal", "bob@hive.test"))
        given = (profile.runtime / "given").read_text()
        assert given == f"From: {ALICE}\nTo: bob@hive.test\nSubject:\n\ntext\n"
        assert (screen.account, screen.body.text) == (ALICE, "text")


async def test_nothing_is_sent_or_left_while_a_file_is_being_copied(profile, monkeypatch):
    copying = asyncio.Event()
    async with composer(profile, to=("bob@example.org",), body="hi") as (app, pilot, screen):
        attach_now = app.services.outgoing_files.attach

        async def slowly(paths, most=0):
            await copying.wait()
            return await attach_now(paths, most)

        monkeypatch.setattr(app.services.outgoing_files, "attach", slowly)
        await attach(app, pilot, screen, "~/plan.pdf")
        for key in ("ctrl+s", "escape"):
            app.clear_notifications()
            await pilot.press(key)
            await until(pilot, lambda: any("still being copied" in note for note in notices(app)))
        copying.set()
        await on_screen(pilot, "plan.pdf")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not isinstance(app.screen, ComposeScreen))
    with outbox(profile) as queue:
        assert len(queue.attachments()) == 1


async def test_a_header_that_cannot_be_read_is_kept_above_the_text_and_reported(profile, editing):
    editing("file.write_text('From: eve@evil.test\\nTo: bob@x.test\\nX-Mine 1\\n\\ntext\\n')")
    async with composer(profile, subject="Plans", body="old") as (app, pilot, screen):
        await pilot.press("ctrl+e")
        await until(pilot, lambda: any("this line that cannot be used: X-Mine 1" in n for n in notices(app)))
        assert any("no account with the address eve@evil.test" in note for note in notices(app))
        assert (screen.account, screen.subject.value) == ("work", "Plans")
        assert screen.body.text.strip() == "X-Mine 1\n\ntext"
        assert screen.fields.to.value == "bob@x.test"


async def test_a_header_left_by_a_killed_editor_is_read_as_one(profile, editing):
    from misfin_tui import editor

    box = DraftBox(MailStore(profile.mail))
    draft = box.save(Draft(account="work", to=("bob@x.test",), body="old"), now=1.0)
    text = "From: ada@example.org\nTo: cal@x.test\nCc:\nBcc:\nSubject: new\n\nnew text\n"
    _, lock = editor._write(profile.runtime, draft.id, text, "header")
    os.close(lock)
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot, draft)
        await until(pilot, lambda: screen.body.text == "new text\n")
        assert (screen.fields.to.value, screen.subject.value) == ("cal@x.test", "new")
        await until(pilot, lambda: not list(profile.runtime.glob("draft-*")))


async def test_a_closed_composer_leaves_a_draft_with_its_files_for_the_server(profile):
    config = profile.config
    config.write_text(
        config.read_text().replace(
            'smtp = "smtps://smtp', 'imap = "imaps://localhost:1"\nsmtp = "smtps://smtp', 1
        )
    )
    box = DraftBox(MailStore(profile.mail))
    file = AttachedFile(box.files.add_bytes(b"%PDF" * 100), "plan.pdf", 400)
    async with composer(profile, to=("bob@x.test",), body="See it.", attachments=(file,)) as (
        _app,
        pilot,
        screen,
    ):
        screen.body.text = "See it, please."
        await pilot.press("escape")
        folder = MailStore(profile.mail).folder("work", "Drafts")
        await until(pilot, lambda: any(is_whole(each.path.read_bytes()) for each in folder.list()))
        await until(pilot, lambda: len(folder.list()) == 1)
    (draft,) = drafts(profile)
    assert (draft.body.strip(), draft.attachments) == ("See it, please.", (file,))


# ---- answers


def stored(profile, **fields) -> None:
    store = MailStore(profile.mail)
    store.create("work")
    data = mail("Plans", "What do you think?", sender="Bob <bob@example.org>", **fields)
    store.folder("work", "Inbox").deliver(data)


async def answering(app, pilot, key: str) -> ComposeScreen:
    await on_screen(pilot, "Plans")
    await pilot.press(key)
    await until(pilot, lambda: isinstance(app.screen, ComposeScreen) and app.screen._opened is not None)
    return app.screen


@pytest.mark.parametrize(
    ("key", "fields", "to", "cc"),
    [
        ("r", {}, ["Bob <bob@example.org>"], []),
        ("r", {"Reply_To": "replies@example.org"}, ["replies@example.org"], []),
        ("a", {"Cc": "cal@x.test, ada@old.example"}, ["Bob <bob@example.org>"], ["cal@x.test"]),
        ("a", {"Mail_Followup_To": "talk@lists.example"}, ["talk@lists.example"], []),
        ("L", {"List_Post": "<mailto:talk@lists.example>"}, ["talk@lists.example"], []),
    ],
)
async def test_ordinary_mail_is_answered_as_its_writer_wishes_from_the_address_it_came_to(
    profile, key, fields, to, cc
):
    stored(profile, to="shop@ada.example", **fields)
    async with at_desk(profile) as (app, pilot):
        draft = (await answering(app, pilot, key)).draft_now()
        assert shown(app).split("\n")[0].strip().startswith("misfin-tui  Reply")
    assert (list(draft.to), list(draft.cc), draft.subject) == (to, cc, "Re: Plans")
    assert (draft.account, draft.sender) == ("work", "shop@ada.example")
    assert "> What do you think?" in draft.body
    assert draft.body.endswith("\n-- \nAda at work\n")


async def test_without_a_list_answering_it_is_refused_in_words(profile):
    stored(profile, to="ada@example.org")
    async with at_desk(profile) as (app, pilot):
        await on_screen(pilot, "Plans")
        await pilot.press("L")
        await until(pilot, lambda: any("does not come from a mailing list" in n for n in notices(app)))


@pytest.mark.parametrize("key", ["f", "F"])
async def test_ordinary_mail_is_forwarded_with_words_of_ones_own(profile, key):
    stored(profile, to="ada@example.org")
    async with at_desk(profile) as (app, pilot):
        screen = await answering(app, pilot, key)
        assert not screen.body.read_only
        assert shown(app).split("\n")[0].strip().startswith("misfin-tui  Forward")
        draft = screen.draft_now()
        assert from_bytes(to_bytes(draft)).purpose is Purpose.FORWARD
    assert draft.subject == "Fwd: Plans"
    assert ("What do you think?" in draft.body) is (key == "f")
    assert [file.name for file in draft.attachments] == ([] if key == "f" else ["Plans.eml"])


# ---- any terminal


@pytest.mark.parametrize(
    ("columns", "there", "left_out"),
    [
        (60, ["^s Send", "esc Leave", "f2 Cc", "f3 Attach", "f1 Help"], ["Editor", "Send at"]),
        (80, ["^s Send", "esc Leave", "f2 Cc", "f3 Attach", "^e Editor", "f1 Help"], ["Preview", "Send at"]),
        (100, ["^t Preview", "^e Editor", "f2 Cc", "f3 Attach", "f5 Send at"], []),
    ],
)
async def test_a_narrow_key_line_names_what_is_used_most(profile, columns, there, left_out):
    async with composer(profile, (columns, 24), to=("bob@example.org",), body="hello") as (
        app,
        pilot,
        _screen,
    ):
        await on_screen(pilot, "f3 Attach")
        line = shown(app).split("\n")[-1]
        assert [words for words in there if words in line] == there
        assert not any(words in line for words in left_out)
        await pilot.press("f1")
        await on_screen(pilot, "preview of the text")


@pytest.mark.parametrize("size", [(80, 24), (200, 50), (40, 20)])
async def test_every_field_is_reachable_in_any_window(profile, size):
    at = time.time() + 90_000
    draft = {"to": ("bob@example.org",), "cc": ("cal@x.test",), "bcc": ("dan@x.test",), "send_at": at}
    async with composer(profile, size, **draft, body="hello there") as (app, pilot, screen):
        await attach(app, pilot, screen, "~/plan.pdf")
        await on_screen(pilot, "plan.pdf")
        text = shown(app)
        for words in ("From", "bob@example.org", "cal@x.test", "dan@x.test", "plan.pdf", "Send at", "hello"):
            assert words in text, words
        assert "tomorrow" in text or time.strftime("%H:%M", time.localtime(at)) in text
