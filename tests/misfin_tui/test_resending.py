"""A message sent again: bounced as it is, or edited as a new one."""

from __future__ import annotations

import pytest
from desk import ALICE, SETTINGS, at_desk, make_profile, notices, on_screen, shown, until
from mailboxes import Mailbox, mail

from misfin.store.mail.maildir import MailStore
from misfin.store.outgoing.drafts import DraftBox
from misfin.store.outgoing.finished import read_finished
from misfin.store.outgoing.outbox import Outbox
from misfin_tui.dialogs.confirm import ConfirmDialog
from misfin_tui.screens.compose import ComposeScreen

WORK = (
    '[accounts.work]\nkind = "email"\naddress = "ada@example.org"\nname = "Ada Example"\n'
    'smtp = "smtps://smtp.example.org"\n'
)
FILES = (
    b"From: Bob <bob@hive.test>\nTo: ada@example.org\nCc: Carol <carol@hive.test>\nBcc: dan@hive.test\n"
    b"Subject: Plans\nMessage-ID: <1@hive.test>\nReferences: <0@hive.test>\nMIME-Version: 1.0\n"
    b"Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain\n\nThe text.\n"
    b'--x\nContent-Type: application/pdf; name="plan.pdf"\nContent-Transfer-Encoding: base64\n\n'
    b"JVBERg==\n--x--\n"
)


@pytest.fixture
def profile(profile_root):
    return make_profile(profile_root, settings=SETTINGS + WORK)


@pytest.fixture
def mailbox(profile):
    return Mailbox(profile.mail, "work")


async def opened(pilot):
    await until(pilot, lambda: "Plans" in shown(pilot.app))


async def bounce_to(app, pilot, *keys: str):
    await pilot.press("B")
    await until(
        pilot, lambda: app.screen.prompts.prompt is not None and app.screen.prompts.prompt.is_attached
    )
    await pilot.press(*keys, "enter")


def queued(profile):
    """The rows of the outbox, and the bytes of the message they send."""
    outbox = Outbox(profile.outbox_db)
    try:
        rows = outbox.rows()
        kept = read_finished(outbox.outgoing(rows[0].group).message) if rows else None
    finally:
        outbox.close()
    return rows, DraftBox(MailStore(profile.mail)).files.path(kept.key).read_bytes() if kept else b""


async def test_a_bounce_keeps_every_byte_of_the_author_and_says_who_passed_it_on(profile, mailbox):
    mailbox.put(FILES)
    async with at_desk(profile) as (app, pilot):
        await opened(pilot)
        await bounce_to(app, pilot, *"eve@hive.test, Fay <fay@hive.test>")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        screen = " ".join(shown(app).replace("│", " ").split())
        assert "Send “Plans” to eve@hive.test, Fay <fay@hive.test>?" in screen
        assert "resent by ada@example.org" in str(app.screen.query_one("#body Static").content)
        assert queued(profile)[0] == []
        await pilot.press("right", "enter")
        await until(pilot, lambda: any("Bounced to 2 recipients" in notice for notice in notices(app)))
    rows, sent = queued(profile)
    assert {row.to for row in rows} == {"eve@hive.test", "fay@hive.test"}
    resent, _, rest = sent.partition(b"From: Bob")
    lines = resent.splitlines()
    assert lines[0] == b"Resent-From: Ada Example <ada@example.org>"
    assert lines[1] == b"Resent-To: eve@hive.test, Fay <fay@hive.test>"
    assert [line.partition(b":")[0] for line in lines[2:]] == [b"Resent-Date", b"Resent-Message-ID"]
    original = FILES.replace(b"Bcc: dan@hive.test\n", b"").partition(b"\n\n")
    head, _, body = (b"From: Bob" + rest).partition(b"\n\n")
    assert head.startswith(original[0])  # a missing Date is all that may come after it
    assert body == original[2]


async def test_a_wrong_address_is_asked_for_again(profile, mailbox):
    mailbox.put(FILES)
    async with at_desk(profile) as (app, pilot):
        await opened(pilot)
        await bounce_to(app, pilot, *"nobody")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        await pilot.press("right", "enter")
        await until(pilot, lambda: not isinstance(app.screen, ConfirmDialog) and app.screen.prompts.prompt)
        assert app.screen.prompts.prompt.line.value == "nobody"
        await pilot.press("escape")
    assert queued(profile)[0] == []


async def test_a_misfin_message_is_not_bounced(profile_root):
    profile = make_profile(profile_root)
    Mailbox(profile.mail, ALICE).put(mail("Plans"))
    async with at_desk(profile) as (app, pilot):
        await opened(pilot)
        await pilot.press("B")
        await until(pilot, lambda: any("There is no e-mail account" in notice for notice in notices(app)))


async def test_a_message_is_edited_as_a_new_one_with_its_files_and_hidden_copies(profile, mailbox):
    mailbox.put(FILES)
    async with at_desk(profile) as (app, pilot):
        await opened(pilot)
        await pilot.press("enter")
        await on_screen(pilot, "The text.")
        await pilot.press("ctrl+e")
        await until(pilot, lambda: isinstance(app.screen, ComposeScreen) and app.screen._opened is not None)
        draft = app.screen._opened
        assert (draft.subject, draft.body, draft.account) == ("Plans", "The text.\n", "work")
        assert (draft.to, draft.cc) == (("ada@example.org",), ("Carol <carol@hive.test>",))
        assert draft.bcc == ("dan@hive.test",)
        assert (draft.in_reply_to, draft.references) == ("", ())
        assert [(file.name, file.size) for file in draft.attachments] == [("plan.pdf", 4)]
