"""The conversation: what stands in it, folding, details, links, finding, and out to other programs."""

from __future__ import annotations

import shutil
from datetime import timedelta
from email.message import EmailMessage

import pytest
from desk import ALICE, at_desk, identity, make_profile, notices, on_screen, shown, until
from mailboxes import Mailbox
from post import NOW, gemmail
from rich.cells import cell_len

from misfin.errors import MessageGoneError, StoreError
from misfin.model.account import AddressKind
from misfin.model.address import MisfinAddress
from misfin.model.gemmail import Version
from misfin.post.transport import How
from misfin.store.evidence import Evidence
from misfin.store.message.envelope import wrap_sent
from misfin.store.message.mime import read_message
from misfin.store.rows import View
from misfin.trust.pins import PinBook
from misfin.trust.tofu import PinKind
from misfin_tui.dialogs.attachments import AttachmentsDialog, OpenFileDialog
from misfin_tui.dialogs.certificate import CertificateDialog
from misfin_tui.dialogs.confirm import ConfirmDialog
from misfin_tui.dialogs.link import LinkDialog
from misfin_tui.dialogs.menu import MenuDialog
from misfin_tui.dialogs.text import FactsDialog
from misfin_tui.screens.compose import ComposeScreen
from misfin_tui.screens.inbox import InboxScreen
from misfin_tui.screens.thread import ThreadScreen
from misfin_tui.services.mail import Mail

LINKS = """# Reading list

=> gemini://hive.test/reading The list
=> misfin:carol@hive.test Ask Carol
> quoted words
* one
```python
print( "kept" )
```
Last words.
"""


@pytest.fixture
def profile(profile_root):
    return make_profile(profile_root)


@pytest.fixture
def mailbox(profile):
    """A conversation of three messages, the first two read, and a message with links; the links are newer."""
    made = Mailbox(profile.mail, ALICE)
    certificate = identity("bob@hive.test", "Bob Jones").info
    for number, text in enumerate(
        ("# Notes\n\nFirst thoughts.", "# Re: Notes\n\nSecond.", "# Re: Notes\n\nThird.")
    ):
        data = gemmail(
            text,
            at=NOW + timedelta(minutes=number),
            certificate=certificate,
            verification={"certificate": "pass", "pin": "match"},
        )
        made.put(data, flags="S" if number < 2 else None)
    made.put(gemmail(LINKS, senders=("dave@cove.test Dave",), at=NOW + timedelta(hours=1)))
    return made


async def opened(pilot, subject: str) -> ThreadScreen:
    await on_screen(pilot, subject)
    app = pilot.app
    while app.screen.messages.current.subject != subject:
        await pilot.press("j")
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app.screen, ThreadScreen) and app.screen.thread.document.parts)
    return app.screen


async def test_read_messages_are_folded_unread_open_and_the_newest_in_focus(profile, mailbox):
    async with at_desk(profile) as (app, pilot):
        screen = await opened(pilot, "Re: Notes")
        await on_screen(pilot, "Third.")
        assert [part.open for part in screen.thread.document.parts] == [False, False, True]
        assert screen.thread.document.at == 2
        lines = shown(app).splitlines()
        assert any("▸ ✓ Bob Jones" in line for line in lines)
        assert any("▌▾ ✓ Bob Jones  bob@hive.test" in line and "20 Nov 2026" in line for line in lines)
        assert "to alice@mail.example" in shown(app)
        await until(pilot, lambda: not screen.thread.document.parts[2].row.unread)  # reading marks as read


async def test_messages_and_folds_by_key_and_mouse(profile, mailbox):
    async with at_desk(profile) as (_app, pilot):
        screen = await opened(pilot, "Re: Notes")
        await pilot.press("p")
        assert screen.thread.document.at == 1
        await pilot.press("enter")
        await on_screen(pilot, "Second.")
        await pilot.press("p", "enter")
        await on_screen(pilot, "First thoughts.")
        await pilot.press("n", "n", "n")
        assert screen.thread.document.at == 2
        await pilot.press("H")
        assert [part.open for part in screen.thread.document.parts] == [False] * 3
        await pilot.click("#thread", offset=(6, 2))
        assert [part.open for part in screen.thread.document.parts] == [False, True, False]
        await pilot.press("H", "H")
        assert all(part.open for part in screen.thread.document.parts)
        await pilot.press("j", "k", "pagedown", "pageup", "G", "g")
        assert screen.thread.document.at == 0


async def test_details_tell_how_the_sender_is_known(profile, mailbox):
    async with at_desk(profile, (120, 40)) as (_app, pilot):
        await opened(pilot, "Re: Notes")
        await on_screen(pilot, "Third.")
        await pilot.press("i")
        for text in (
            "Certificate  bob@hive.test",
            "SHA-256",
            "Public key",
            "It was the certificate pinned for this sender. The sender's host",
            "20 Nov 2026 12:02 from 192.0.2.7 by mail.example",
            "Misfin(C), ",
            "raw gemmail",
        ):
            await on_screen(pilot, text)
        await pilot.press("i")
        await until(pilot, lambda: "SHA-256" not in shown(pilot.app))


async def test_details_of_what_was_written_here_name_no_receiver(profile, monkeypatch):
    monkeypatch.setenv("HOME", str(profile.root))
    me, bob = MisfinAddress.parse(f"{ALICE} Alice"), MisfinAddress.parse("bob@hive.test Bob")
    sent = wrap_sent(b"\n\n\n# Thanks\n\nSee you.\n", version=Version.C, account=me, to=(bob,), now=NOW)
    Mailbox(profile.mail, ALICE).put(sent, "Sent", flags="S")
    async with at_desk(profile, (120, 40)) as (app, pilot):
        app.screen.search.open_view(View(ALICE, "Sent"))
        await opened(pilot, "Thanks")
        await on_screen(pilot, "See you.")
        await pilot.press("i")
        await on_screen(pilot, "✓ verified: you wrote it here.")
        await on_screen(pilot, f"File         ~/mail/{ALICE}/")
        assert "unknown" not in shown(app)


async def test_a_forwarded_message_names_every_station(profile):
    made = Mailbox(profile.mail, ALICE)
    made.put(gemmail("# Forwarded\n\nHello.", senders=("bob@hive.test Bob", "erin@cove.test Erin")))
    async with at_desk(profile, (120, 40)) as (_app, pilot):
        await opened(pilot, "Forwarded")
        await on_screen(pilot, "forwarded by Bob (bob@hive.test) at 20 Nov 2026")
        await on_screen(pilot, "forwarded by Erin (erin@cove.test) at 20 Nov 2026 12:00 (claimed)")


async def test_gemtext_is_drawn_as_gemtext(profile, mailbox):
    async with at_desk(profile) as (_app, pilot):
        await opened(pilot, "Reading list")
        for text in (
            "[1] The list  gemini://hive.test/reading",
            "[2] Ask Carol  misfin:carol@hive.test",
            "▎ quoted words",
            "• one",
            "┄ python",
            'print( "kept" )',
        ):
            await on_screen(pilot, text)


async def test_a_line_that_does_not_fit_is_read_by_key_to_its_end(profile, mailbox):
    mailbox.put(gemmail("# Wide\n\n```\n" + "x" * 150 + " its end\n```\n", at=NOW + timedelta(hours=2)))
    async with at_desk(profile, (80, 30)) as (app, pilot):
        await until(pilot, lambda: app.screen.preview.max_scroll_x > 50)
        await pilot.press("right", "right", "right", "right")
        await on_screen(pilot, "its end")
        await pilot.press(*["left"] * 4)
        await until(pilot, lambda: app.screen.preview.scroll_offset.x == 0)
        await opened(pilot, "Wide")
        await until(pilot, lambda: "xxx" in shown(app))
        assert "its end" not in shown(app)
        await pilot.press("right", "l", "l")
        await on_screen(pilot, "its end")
        await pilot.press("h", "left", "left")
        await until(pilot, lambda: "its end" not in shown(app) and app.screen.thread.scroll_offset.x == 0)


async def test_a_link_is_opened_only_after_its_target_was_shown(profile, mailbox, tmp_path):
    log = tmp_path / "opened"
    opener = tmp_path / "opener"
    opener.write_text(f'#!/bin/sh\necho "$1" > {log}\n')
    opener.chmod(0o755)
    profile.config.write_text(profile.config.read_text() + f'[ui]\nopener = "{opener}"\n')
    async with at_desk(profile) as (app, pilot):
        await opened(pilot, "Reading list")
        await on_screen(pilot, "[1]")
        await pilot.press("o", "1")
        await on_screen(pilot, "gemini://hive.test/reading")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, LinkDialog))
        assert not log.exists()
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ThreadScreen))
        assert not log.exists()
        await pilot.press("o", "1", "enter")
        await until(pilot, lambda: isinstance(app.screen, LinkDialog))
        await pilot.click("#open")
        await until(pilot, log.exists)
        await until(pilot, lambda: log.read_text() == "gemini://hive.test/reading\n")


async def test_links_by_mouse_copied_and_misread(profile, mailbox):
    async with at_desk(profile) as (app, pilot):
        await opened(pilot, "Reading list")
        await on_screen(pilot, "[1]")
        line = next(number for number, text in enumerate(shown(app).splitlines()) if "[1]" in text)
        await pilot.click(offset=(12, line))
        await until(pilot, lambda: isinstance(app.screen, LinkDialog))
        await pilot.click("#copy")
        await until(pilot, lambda: app.clipboard == "gemini://hive.test/reading")
        await until(pilot, lambda: isinstance(app.screen, ThreadScreen))
        await pilot.press("y", "2", "enter")
        await until(pilot, lambda: app.clipboard == "misfin:carol@hive.test")
        await pilot.press("o", "7", "enter")
        await until(pilot, lambda: "There is no link number 7." in notices(app))


async def test_a_misfin_link_opens_the_composer(profile, mailbox):
    async with at_desk(profile) as (app, pilot):
        await opened(pilot, "Reading list")
        await on_screen(pilot, "[2]")
        await pilot.press("o", "2", "enter")
        await until(pilot, lambda: isinstance(app.screen, ComposeScreen))
        await on_screen(pilot, "carol@hive.test")


async def test_a_message_goes_to_a_command_and_its_output_is_shown(profile, mailbox):
    async with at_desk(profile) as (app, pilot):
        await opened(pilot, "Re: Notes")
        await pilot.press("vertical_line", *"wc", "space", "minus", "c", "enter")
        await until(pilot, lambda: isinstance(app.screen, FactsDialog))
        await on_screen(pilot, str(len(gemmail_bytes("# Re: Notes\n\nThird."))))
        await pilot.press("escape", "vertical_line", *"false", "enter")
        await until(pilot, lambda: "false: exited with status 1." in notices(app))


def gemmail_bytes(body: str) -> bytes:
    from misfin.store.message.envelope import to_gemmail

    return to_gemmail(gemmail(body, at=NOW + timedelta(minutes=2)))


async def test_a_message_is_saved_and_never_over_another_file(profile, mailbox, tmp_path):
    async with at_desk(profile) as (app, pilot):
        screen = await opened(pilot, "Re: Notes")
        for name, beginning in (("a.gmi", b"bob@hive.test Bob Jones\n"), ("b.eml", b"Misfin-Senders:")):
            await pilot.press("S")
            await until(
                pilot, lambda: screen.prompts.prompt is not None and screen.prompts.prompt.line.has_focus
            )
            screen.prompts.prompt.line.value = str(tmp_path / name)
            await pilot.press("enter")
            await until(
                pilot, lambda name=name: any(f"Saved to {tmp_path / name}" in each for each in notices(app))
            )
            assert beginning in (tmp_path / name).read_bytes()
            assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
            await until(pilot, lambda: screen.prompts.prompt is None)
        await pilot.press("S")
        await until(pilot, lambda: screen.prompts.prompt is not None and screen.prompts.prompt.line.has_focus)
        screen.prompts.prompt.line.value = str(tmp_path / "a.gmi")
        await pilot.press("enter")
        await until(pilot, lambda: any("already exists" in each for each in notices(app)))


async def test_text_is_found_in_the_open_messages(profile, mailbox):
    async with at_desk(profile) as (app, pilot):
        screen = await opened(pilot, "Reading list")
        await on_screen(pilot, "Last words.")
        await pilot.press("slash", *"LAST", "enter")
        await until(pilot, lambda: screen.thread.found == "last")
        await until(pilot, lambda: screen.prompts.prompt is None)
        row = next(n for n, row in enumerate(screen.thread.layout_rows.rows) if "Last words." in row.text)
        strip = screen.thread.render_line(row - screen.thread.scroll_offset.y)
        looks = {each.text: (each.style.bgcolor, each.style.reverse) for each in strip}
        assert looks["Last"] != looks[" words."]
        await pilot.press("slash", *"zebra", "enter")
        await until(pilot, lambda: "Not found in the open messages." in notices(app))
        await pilot.press("escape")


async def test_neighbours_of_the_list(profile, mailbox):
    async with at_desk(profile) as (app, pilot):
        screen = await opened(pilot, "Reading list")
        await pilot.press("J")
        await on_screen(pilot, "Third.")
        assert screen.selection.targets() == (app.screen_stack[0].messages.current.thread,)
        await pilot.press("J")
        await until(pilot, lambda: "This is the last one." in notices(app))
        await pilot.press("K")
        await on_screen(pilot, "[1] The list")


async def test_filing_closes_the_conversation_and_can_be_undone(profile, mailbox):
    async with at_desk(profile) as (app, pilot):
        await opened(pilot, "Re: Notes")
        await pilot.press("s")
        await until(pilot, lambda: any("starred" in each for each in notices(app)))
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, InboxScreen))
        await on_screen(pilot, "Inbox · 1 conversation")
        await pilot.press("z")
        await on_screen(pilot, "Inbox · 2 conversations")


async def test_mail_that_arrives_joins_the_open_conversation(profile, mailbox):
    async with at_desk(profile) as (app, pilot):
        screen = await opened(pilot, "Re: Notes")
        await on_screen(pilot, "Third.")
        mailbox.put(gemmail("# Re: Notes\n\nFourth, just now.", at=NOW + timedelta(minutes=5)))
        app.services.mail.rescan()
        await until(pilot, lambda: len(screen.thread.document.parts) == 4)
        assert screen.thread.document.at == 2
        await pilot.press("n")
        await on_screen(pilot, "Fourth, just now.")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MessageGoneError("gone"), "This message is no longer there."),
        (StoreError("The disk is broken.", remedy="Mend it."), "The disk is broken. Mend it."),
    ],
)
async def test_a_message_that_cannot_be_read_says_why(profile, mailbox, monkeypatch, error, words):
    async def fail(_mail, _row, **_how):
        raise error

    async with at_desk(profile) as (_app, pilot):
        await on_screen(pilot, "Reading list")
        monkeypatch.setattr(Mail, "read", fail)
        await opened(pilot, "Re: Notes")
        await on_screen(pilot, words)


async def test_a_reply_quotes_the_selected_lines(profile, mailbox):
    async with at_desk(profile) as (app, pilot):
        screen = await opened(pilot, "Reading list")
        await on_screen(pilot, "Last words.")
        line = next(number for number, text in enumerate(shown(app).splitlines()) if "• one" in text)
        await pilot.mouse_down(offset=(5, line - 1))
        await pilot.hover(offset=(9, line))
        await pilot.mouse_up(offset=(9, line))
        await until(pilot, lambda: screen.thread.selected_lines())
        assert screen.thread.selected_lines() == "> quoted words\n* one"
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, ComposeScreen) and app.screen._opened is not None)
        first, _, quoted = app.screen._opened.body.partition("\n")
        assert first.endswith("UTC, Dave wrote:")
        assert quoted == "> > quoted words\n> * one\n\n"


async def test_in_a_wide_window_the_date_of_a_message_ends_where_its_text_may(profile, mailbox):
    mailbox.put(gemmail(f"# Long\n\n{'words ' * 100}"))
    async with at_desk(profile, (200, 50)) as (app, pilot):
        screen = await opened(pilot, "Long")
        await on_screen(pilot, "words words")
        rows = screen.thread.layout_rows.rows
        assert cell_len(rows[0].text) == 100
        assert 90 < max(cell_len(row.text) for row in rows if "words words" in row.text) <= 100
        assert shown(app).splitlines()[2].rstrip("│ ").endswith(rows[0].text.split()[-1])


async def test_of_messages_that_are_folded_it_is_not_said_that_they_have_no_links(profile, mailbox):
    async with at_desk(profile) as (app, pilot):
        await opened(pilot, "Re: Notes")
        await on_screen(pilot, "Third.")
        await pilot.press("o")
        await until(pilot, lambda: "There is no link in the messages that are open." in notices(app))
        await pilot.press("H", "H")
        await until(pilot, lambda: all(part.open for part in app.screen.thread.document.parts))
        await pilot.press("o")
        await until(pilot, lambda: "There is no link in this conversation." in notices(app))


async def test_the_details_name_the_servers_known_of_the_senders_host(profile, mailbox):
    with PinBook(profile.trust_db) as pins:
        for name, age in (("hive.test:1960", 100), ("hive.test:1958", 200), ("hive.test.evil:1958", 50)):
            pins.record(PinKind.HOST, name, identity("bob@hive.test").info, now=NOW.timestamp() - age)
    async with at_desk(profile, (100, 40)) as (app, pilot):
        await opened(pilot, "Re: Notes")
        await on_screen(pilot, "Third.")
        await pilot.press("i")
        await on_screen(pilot, "hive.test:1960, pinned ")
        line = next(line for line in shown(app).splitlines() if "hive.test:1960" in line)
        assert line.index("hive.test:1960") < line.index("hive.test:1958")
        assert "evil" not in shown(app)


async def test_a_held_message_can_be_let_in(profile, mailbox):
    shutil.rmtree(mailbox.path("Held"), ignore_errors=True)
    mailbox.put(gemmail("# Held up\n\nIt is me."), folder="Held")
    async with at_desk(profile) as (app, pilot):
        await opened(pilot, "Held up")
        await pilot.press("A")
        await until(pilot, lambda: isinstance(app.screen, (ConfirmDialog, CertificateDialog)))
        await pilot.click("#yes")
        await until(pilot, lambda: "The message is now in the inbox." in notices(app))
        assert len(mailbox.files("Held")) == 0


async def test_a_refused_message_in_the_trash_is_not_offered_to_be_accepted(profile, mailbox):
    mailbox.put(gemmail("# Held up\n\nIt is me.", verification={"sender": "changed"}), folder="Trash")
    async with at_desk(profile, (160, 30)) as (app, pilot):
        app.screen.search.open_view(View(ALICE, "Trash"))
        await opened(pilot, "Held up")
        await on_screen(pilot, "It is me.")
        assert app.screen.thread.document.current.row.evidence is Evidence.DIFFERS
        assert "A Decide" not in shown(app)
        await pilot.press("A")
        await until(pilot, lambda: "This message is not held." in notices(app))


# ---- links to other messages, attachments


def with_files(*parts: tuple[str, bytes], body: str = "See the files.\n", **fields: str) -> bytes:
    """Ordinary mail from Bob with attachments; the first has the content id ``one@x``."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Bob <bob@x.example>", ALICE, "Files"
    message["Date"] = NOW + timedelta(hours=2)
    message["X-Hidden"] = "not so\x07hidden"
    message.set_content(body, **fields)
    for name, content in parts:
        message.add_attachment(
            content, maintype="application", subtype="pdf", filename=name, cid="<one@x>" if content else None
        )
    return message.as_bytes()


async def answered(pilot, screen, text: str) -> str:
    """Wait for the question at the bottom and answer it; returns what was suggested."""
    await until(pilot, lambda: screen.prompts.prompt is not None and screen.prompts.prompt.line.has_focus)
    suggested = screen.prompts.prompt.line.value
    screen.prompts.prompt.line.value = text
    await pilot.press("enter")
    return suggested


async def test_a_mid_link_leads_to_the_message_it_names(profile, mailbox):
    first = read_message(mailbox.files()[0].read_bytes(), AddressKind.MISFIN)
    mid = first.message_id.strip("<>").replace("@", "%40")
    links = f"# Index\n\n=> mid:{mid} The first\n=> mid:nobody@x.test Gone\n"
    mailbox.put(gemmail(links, senders=("erin@cove.test",), at=NOW + timedelta(hours=3)))
    async with at_desk(profile) as (app, pilot):
        await opened(pilot, "Index")
        await on_screen(pilot, "[2]")
        await pilot.press("o", "2", "enter")
        await until(pilot, lambda: "The message this link refers to is not here." in notices(app))
        await pilot.press("o", "1", "enter")
        await until(pilot, lambda: len(app.screen_stack) == 3 and len(app.screen.thread.document.parts) == 3)
        await on_screen(pilot, "First thoughts.")
        assert app.screen.thread.document.at == 0
        await pilot.press("q")
        await on_screen(pilot, "[2] Gone")


async def test_a_mid_link_within_the_conversation_stays_in_it(profile):
    made = Mailbox(profile.mail, ALICE)
    made.put(gemmail("# Plan\n\nThe beginning."), flags="S")
    mid = read_message(made.files()[0].read_bytes(), AddressKind.MISFIN).message_id.strip("<>")
    made.put(gemmail(f"# Re: Plan\n\nSee above.\n\n=> mid:{mid} In reply to\n", at=NOW + timedelta(hours=1)))
    async with at_desk(profile) as (app, pilot):
        screen = await opened(pilot, "Re: Plan")
        await on_screen(pilot, "See above.")
        assert [part.open for part in screen.thread.document.parts] == [False, True]
        await pilot.press("o")
        await on_screen(pilot, "The beginning.")
        assert app.screen is screen
        assert screen.thread.document.at == 0


async def test_links_of_ordinary_mail_are_numbered_and_open(profile, mailbox):
    mailbox.put(
        with_files(("a.pdf", b"%PDF"), body="Look at https://x.test/a.\nOr cid:one@x and cid:two@x\n")
    )
    async with at_desk(profile) as (app, pilot):
        await opened(pilot, "Files")
        await on_screen(pilot, "[1] https://x.test/a.")
        await pilot.press("o", "1", "enter")
        await until(pilot, lambda: isinstance(app.screen, LinkDialog))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ThreadScreen))
        await pilot.press("o", "3", "enter")
        await until(pilot, lambda: any("refers to is not in this message" in each for each in notices(app)))
        await pilot.press("o", "2", "enter")
        await until(pilot, lambda: isinstance(app.screen, AttachmentsDialog))


async def test_an_attachment_is_saved_by_key_and_asked_for_again_when_that_fails(profile, mailbox, tmp_path):
    mailbox.put(with_files(("../evil\u202e.pdf", b"%PDF-1")))
    (tmp_path / "taken").touch()
    async with at_desk(profile) as (app, pilot):
        screen = await opened(pilot, "Files")
        await on_screen(pilot, "+ ../evil⇄.pdf  application/pdf, 6 bytes")
        await on_screen(pilot, "v Attachments")
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.screen, AttachmentsDialog))
        await on_screen(pilot, "1 attachment")
        await pilot.press("enter")
        assert await answered(pilot, screen, str(tmp_path / "taken")) == "~/evil_.pdf"
        await until(pilot, lambda: any("already exists" in each for each in notices(app)))
        assert await answered(pilot, screen, str(tmp_path / "mine.pdf")) == str(tmp_path / "taken")
        await until(pilot, lambda: f"Saved to {tmp_path / 'mine.pdf'}." in notices(app))
        assert (tmp_path / "mine.pdf").read_bytes() == b"%PDF-1"
        assert (tmp_path / "taken").read_bytes() == b""
        await until(pilot, lambda: screen.prompts.prompt is None)


async def test_attachments_are_saved_and_opened_by_letters(profile, mailbox, tmp_path):
    mailbox.put(with_files(("a.pdf", b"one"), ("b.pdf", b"two")))
    async with at_desk(profile) as (app, pilot):
        screen = await opened(pilot, "Files")
        await on_screen(pilot, "+ b.pdf")
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.screen, AttachmentsDialog))
        await on_screen(pilot, "s saves, a saves all, o opens")
        await pilot.press("j", "s")
        assert await answered(pilot, screen, str(tmp_path / "mine")) == "~/b.pdf"
        await until(pilot, lambda: f"Saved to {tmp_path / 'mine'}." in notices(app))
        await pilot.press("v", "a")
        assert await answered(pilot, screen, str(tmp_path)) == str(tmp_path)  # where the last one went
        await until(pilot, lambda: f"Saved 2 files in {tmp_path}." in notices(app))
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.screen, AttachmentsDialog))
        await pilot.press("j", "k", "o")
        await until(pilot, lambda: isinstance(app.screen, OpenFileDialog))
        await on_screen(pilot, "a.pdf")


async def test_one_attachment_has_no_letter_for_all(profile, mailbox):
    mailbox.put(with_files(("a.pdf", b"one")))
    async with at_desk(profile) as (app, pilot):
        await opened(pilot, "Files")
        await on_screen(pilot, "+ a.pdf")
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.screen, AttachmentsDialog))
        await pilot.press("a")
        await on_screen(pilot, "s saves, o opens")
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, ThreadScreen))


async def test_all_attachments_are_saved_by_mouse(profile, mailbox, tmp_path):
    mailbox.put(with_files(("a.pdf", b"one"), ("a.pdf", b"two")))
    async with at_desk(profile) as (app, pilot):
        screen = await opened(pilot, "Files")
        await on_screen(pilot, "+ a.pdf")
        line = max(number for number, text in enumerate(shown(app).splitlines()) if "+ a.pdf" in text)
        await pilot.click(offset=(8, line))
        await until(pilot, lambda: isinstance(app.screen, AttachmentsDialog))
        assert app.screen.query_one("OptionList").highlighted == 1
        await pilot.click("#all")
        assert await answered(pilot, screen, str(tmp_path / "none")) == "~"
        await until(pilot, lambda: any("is not a folder" in each for each in notices(app)))
        await answered(pilot, screen, str(tmp_path))
        await until(pilot, lambda: f"Saved 2 files in {tmp_path}." in notices(app))
        assert [(tmp_path / name).read_bytes() for name in ("a.pdf", "a-2.pdf")] == [b"one", b"two"]


async def test_an_attachment_is_opened_only_after_a_question(profile, mailbox, tmp_path):
    log, opener = tmp_path / "log", tmp_path / "opener"
    opener.write_text(f'#!/bin/sh\ncat "$1" > {log}.new\nmv {log}.new {log}\n')
    opener.chmod(0o755)
    profile.config.write_text(profile.config.read_text() + f'[ui]\nopener = "{opener}"\n')
    mailbox.put(with_files(("run me.sh", b"echo hi")))
    async with at_desk(profile) as (app, pilot):
        await opened(pilot, "Files")
        await on_screen(pilot, "+ run me.sh")
        for answer in ("escape", "#open"):
            await pilot.press("v")
            await until(pilot, lambda: isinstance(app.screen, AttachmentsDialog))
            await pilot.pause()
            await pilot.click("#open")
            await until(pilot, lambda: isinstance(app.screen, OpenFileDialog))
            await on_screen(pilot, "A file that ends in .sh may run as a program")
            assert not log.exists()
            await (pilot.click(answer) if answer.startswith("#") else pilot.press(answer))
            await until(pilot, lambda: isinstance(app.screen, ThreadScreen))
        await until(pilot, log.exists)
        assert log.read_bytes() == b"echo hi"


async def test_without_attachments_the_key_says_so_and_the_line_of_keys_is_silent(profile, mailbox):
    async with at_desk(profile, (160, 30)) as (app, pilot):
        await opened(pilot, "Re: Notes")
        await on_screen(pilot, "Third.")
        for label in ("Attachments", "A Decide", "Open link"):
            assert label not in shown(app)
        await pilot.press("v")
        await until(pilot, lambda: "This message has no attachments." in notices(app))


async def test_the_header_of_ordinary_mail_is_one_key_away(profile, mailbox):
    mailbox.put(with_files())
    async with at_desk(profile, (100, 40)) as (app, pilot):
        await opened(pilot, "Files")
        await on_screen(pilot, "See the files.")
        await pilot.press("i")
        await on_screen(pilot, "X-Hidden: not so␇hidden")
        assert "\x07" not in shown(app)


async def test_paths_complete_while_a_place_to_save_is_typed(profile, mailbox, tmp_path):
    (tmp_path / "messages").mkdir()
    (tmp_path / ".hidden").touch()
    async with at_desk(profile) as (_app, pilot):
        screen = await opened(pilot, "Re: Notes")
        await pilot.press("S")
        await until(pilot, lambda: screen.prompts.prompt is not None and screen.prompts.prompt.line.has_focus)
        screen.prompts.prompt.line.value = f"{tmp_path}/me"
        screen.prompts.prompt.line.cursor_position = len(screen.prompts.prompt.line.value)
        await on_screen(pilot, "⇥ messages/")
        await pilot.press("tab")
        await until(pilot, lambda: screen.prompts.prompt.line.value == f"{tmp_path}/messages/")
        await pilot.pause()
        await pilot.press("tab")  # nothing more to complete: nothing happens
        assert screen.prompts.prompt is not None
        await pilot.press("escape")
        await until(pilot, lambda: screen.prompts.prompt is None)


async def test_the_right_button_offers_what_can_be_done_with_a_message(profile, mailbox):
    async with at_desk(profile, (100, 40)) as (app, pilot):
        screen = await opened(pilot, "Re: Notes")
        await on_screen(pilot, "Third.")
        await pilot.click("#thread", offset=(20, 2), button=3)
        await until(pilot, lambda: isinstance(app.screen, MenuDialog))
        assert screen.thread.document.at == 1
        assert [part.open for part in screen.thread.document.parts] == [False, False, True]
        await on_screen(pilot, "Reply all")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        await pilot.click("#thread", offset=(20, 2), button=3)
        await on_screen(pilot, "Star")
        line = next(number for number, text in enumerate(shown(app).splitlines()) if "Star  " in text)
        column = shown(app).splitlines()[line].index("Star  ")
        await pilot.click(offset=(column + 1, line))
        await until(pilot, lambda: any("starred" in each for each in notices(app)))


async def test_space_turns_the_page_and_escape_leads_back(profile, mailbox):
    mailbox.put(gemmail("# Long\n\n" + "line\n" * 200 + "The end.\n", at=NOW + timedelta(hours=3)))
    async with at_desk(profile, (80, 24)) as (app, pilot):
        screen = await opened(pilot, "Long")
        await on_screen(pilot, "line")
        await pilot.press(*["space"] * 12)
        await on_screen(pilot, "The end.")
        assert screen.thread.document.parts[-1].open
        await pilot.press("slash", *"end", "enter")
        await until(pilot, lambda: screen.thread.found == "end")
        await until(pilot, lambda: screen.prompts.prompt is None)
        await pilot.press("escape")
        await until(pilot, lambda: screen.thread.found == "")
        assert app.screen is screen
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, InboxScreen))


async def test_a_long_text_scrolls_by_key_at_once_and_closes_by_key(profile):
    async with at_desk(profile, (80, 24)) as (app, pilot):
        for closing in ("q", "enter", "escape"):
            app.push_screen(
                FactsDialog("Long", [("", "\n".join(f"line {number}." for number in range(100)))])
            )
            await on_screen(pilot, "line 0.")
            await pilot.press("j", "pagedown", "space")
            await until(pilot, lambda: "line 0." not in shown(app))
            await pilot.press("G")
            await on_screen(pilot, "line 99.")
            await pilot.press("g")
            await on_screen(pilot, "line 0.")
            await pilot.press(closing)
            await until(pilot, lambda: len(app.screen_stack) == 1)


async def test_a_draft_in_its_conversation_is_gone_on_with(profile, mailbox):
    async with at_desk(profile, (120, 30)) as (app, pilot):
        screen = await opened(pilot, "Re: Notes")
        await on_screen(pilot, "Third.")
        draft = await app.services.sending.answer(screen.thread.document.current.row, How.REPLY)
        await app.services.sending.save(draft)
        await until(pilot, lambda: len(screen.thread.document.parts) == 4)
        await pilot.press("E")
        await until(pilot, lambda: "This is not a draft." in notices(app))
        await pilot.press("n")
        await on_screen(pilot, "E Edit draft")
        await pilot.press("E")
        await until(pilot, lambda: isinstance(app.screen, ComposeScreen))
        await on_screen(pilot, "bob@hive.test")


async def test_the_line_of_keys_follows_what_is_unfolded(profile):
    made = Mailbox(profile.mail, ALICE)
    made.put(gemmail("# Plan\n\n=> gemini://hive.test/ A link"), flags="S")
    made.put(gemmail("# Re: Plan\n\nNo link.", at=NOW + timedelta(hours=1)))
    made.put(gemmail("# Re: Plan\n\nNone either.", at=NOW + timedelta(hours=2)), flags="S")
    async with at_desk(profile, (120, 30)) as (app, pilot):
        screen = await opened(pilot, "Re: Plan")
        await until(pilot, lambda: all(part.message for part in screen.thread.document.parts))
        assert "Open link" not in shown(app)
        await pilot.press("p", "p", "enter")
        await on_screen(pilot, "o Open link")
        await pilot.press("enter")
        await until(pilot, lambda: "Open link" not in shown(app))
