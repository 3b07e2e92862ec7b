"""The linear mode through pipes: reading, filing, writing and sending, decisions, hostile mail, the end."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from desk import ALICE, identity, make_profile
from mailboxes import Mailbox, mail
from peers import person
from plainlines import Pipes, acting, piped
from post import gemmail
from receiving import serving

from misfin.net.directory import Directory
from misfin.store.mail.maildir import MailStore
from misfin.store.outgoing.drafts import DraftBox
from misfin.trust.pins import PinBook
from misfin.trust.tofu import PinKind
from misfin_tui.paths import Profile

QUIET = """
[receive]
enabled = false
[send]
undo_send_seconds = {hold}
timeout = 5
[hosts."hive.test"]
connect = "127.0.0.1:{port}"
"""
EVIL = (
    "\x1b]0;owned\x07 \x1b[2J\x1b[6n \x9b31m \x85 \x00 \x7f \u202egnp.exe\u202c \u2066x\u2069 \u200b"
    " \U000e0041 \u2028 \r \b\b\b end"
)


def furnished(root: Path, *, port: int = 9, hold: int = 3600) -> tuple[Profile, Mailbox]:
    profile = make_profile(root, settings=QUIET.format(port=port, hold=hold))
    return profile, Mailbox(profile.mail, ALICE)


async def begin(lines: Pipes) -> None:
    """Begin a message to Bob, with a subject."""
    await lines.send("compose bob@hive.test", "Greetings")
    await lines.until("Write the text.")


async def test_messages_are_listed_read_and_filed(tmp_path):
    profile, box = furnished(tmp_path / "profile")
    box.put(mail("Boat", "See https://harbour.test/boat today.\n\n> yes\n> no\nFine.", date=time.time() - 50))
    box.put(mail("Soup", "Hot.", date=time.time()))
    async with piped(profile.root) as lines:
        await lines.until("Inbox: 2 conversations, 2 unread messages.")
        await lines.until("1. Unread. Bob: Soup.")
        await lines.do("1", "Hot. End of message.")
        await lines.do("next", "End of message.")
        assert "Subject: Boat" in lines.text
        assert "See link 1: https://harbour.test/boat today. Quote: yes no End of quote. Fine." in lines.text
        assert "With 1 link." in lines.text
        assert "Sender unproven." in lines.text
        await lines.do("next", "This was the last message here.")
        await lines.do("archive", "archived. Type undo to undo.")
        await lines.do("inbox", "Inbox: 1 conversation.")
        await lines.do("undo", "Undone: ")
        await lines.do("i", "Inbox: 2 conversations.")
        await lines.do("search soup", "Search for soup: 1 conversation.")
        await lines.do("folder arch", "Archive: 0 conversations.")
        await lines.do("nonsense", "There is no command nonsense.")
        assert await lines.end() == 0
        assert acting(lines.written) == []


async def test_a_reply_goes_to_a_real_receiver_and_its_outcome_is_told(tmp_path):
    async with serving(Directory([person("bob@hive.test Bob")])) as post:
        profile, _ = furnished(tmp_path / "profile", port=post.port, hold=0)
        async with piped(profile.root) as lines:
            await begin(lines)
            assert "To bob@hive.test: unproven, host not contacted yet." in lines.text
            await lines.send("Hello Bob.", "..", "Bye.")
            await lines.do(".", "Type send to send it")
            await lines.do("send", "The message is being sent.")
            await lines.until("Delivered to bob@hive.test.")
            await lines.do("outbox", "1. To bob@hive.test: ")
            assert await lines.end() == 0
    assert len(post.messages) == 1
    assert b"Hello Bob.\n.\nBye." in post.messages[0].request.message


async def test_a_reply_is_written_above_what_it_quotes(tmp_path):
    profile, box = furnished(tmp_path / "profile")
    box.put(gemmail("# Plans\nWhat about Friday?"))
    async with piped(profile.root) as lines:
        await lines.do("1", "End of message.")
        await lines.do("reply", "Below your text 1 line is quoted.")
        assert "Subject: Re: Plans" in lines.text
        await lines.send("Yes.")
        await lines.do(".", "Type send to send it")
        await lines.do(
            "print",
            "Subject: Re: Plans Yes. On 20 Nov 2026 at 12:00 UTC, Bob Jones wrote: > What about Friday?",
        )
        await lines.do("keep", "Kept as a draft.")
        assert await lines.end() == 0


async def test_undo_makes_a_draft_of_what_is_not_sent_yet(tmp_path):
    profile, _ = furnished(tmp_path / "profile")
    async with piped(profile.root) as lines:
        await begin(lines)
        await lines.send("One", ".")
        await lines.do("send", "will be sent in 3600 s; type undo to undo.")
        await lines.do("undo", "Not sent. It is a draft again.")
        await lines.do("keep", "Kept as a draft.")
        assert await lines.end() == 0
    assert [draft.body for draft in DraftBox(MailStore(profile.mail)).all()] == ["One"]


@pytest.mark.parametrize("trusted", [True, False], ids=["trusted", "not now"])
async def test_a_changed_certificate_is_asked_about_in_the_words_of_the_dialog(tmp_path, trusted):
    async with serving(Directory([person("bob@hive.test Bob")])) as post:
        profile, _ = furnished(tmp_path / "profile", port=post.port, hold=0)
        with PinBook(profile.trust_db) as pins:
            old = identity("bob@hive.test")
            pins.record(PinKind.HOST, "hive.test:1958", old.info, how="first use", now=time.time())
        async with piped(profile.root) as lines:
            await begin(lines)
            await lines.send("Hello.", ".")
            await lines.do("send", "is being sent.")
            await lines.until("The certificate of hive.test:1958 needs your decision. Type decide.")
            await lines.do("decide", "Keep waiting (enter)")
            assert "The certificate of hive.test:1958 has changed." in lines.text
            assert "Nothing of your message has been sent." in lines.text
            if not trusted:
                await lines.do("", "Nothing was decided.")
                assert await lines.end() == 0
                assert post.messages == []
                return
            await lines.do("trust", "type its first 4 characters")
            await lines.do("zzzz", "These are not its first characters.")
            with PinBook(profile.trust_db) as pins:
                offer = pins.offered(PinKind.HOST, "hive.test:1958")
            assert offer is not None
            await lines.do(offer.certificate.fingerprints.cert[:4], "hive.test:1958 is trusted.")
            await lines.until("Delivered to bob@hive.test.")
            assert await lines.end() == 0
    assert len(post.messages) == 1


@pytest.mark.parametrize("width", [20, 40, 80])
async def test_hostile_mail_writes_nothing_that_acts_at_any_width(tmp_path, width):
    profile, box = furnished(tmp_path / "profile")
    subject = EVIL.replace("\r", "").replace("\x00", "").replace("\u2028", "")
    box.put(
        mail(subject, f"{EVIL}\n> {EVIL}\nhttps://evil.test/{EVIL}", sender=f'"{subject}" <eve@evil.test>')
    )
    async with piped(profile.root, environ={"COLUMNS": str(width)}) as lines:
        await lines.do("1", "End of message.")
        for command in ("details", "link", "link 1", "", "attachments", "folder", "contacts", "block"):
            await lines.send(command)
        await lines.send("search " + EVIL.replace("\n", "").replace("\r", ""))
        assert await lines.end() == 0
    assert acting(lines.written) == []
    assert b"\x1b" not in lines.written
    assert max(map(len, lines.said.splitlines())) < width


async def test_new_mail_is_told_while_nobody_types(tmp_path):
    profile, box = furnished(tmp_path / "profile")
    async with piped(profile.root) as lines:
        await lines.until("Inbox: 0 conversations.")
        box.put(mail("Fresh", date=time.time()))
        await lines.until("New mail from Bob: Fresh")
        assert await lines.end() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["term", "hup"])
async def test_a_signal_keeps_what_is_being_written(tmp_path, number):
    profile, _ = furnished(tmp_path / "profile")
    async with piped(profile.root) as lines:
        await begin(lines)
        await lines.send("Precious words.", "More of them.")
        deadline = time.monotonic() + 30
        while not any("More" in draft.body for draft in DraftBox(MailStore(profile.mail)).all()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        lines.process.send_signal(number)
        assert await lines.end() == 128 + number
    assert [draft.body for draft in DraftBox(MailStore(profile.mail)).all()] == [
        "Precious words.\nMore of them."
    ]


async def test_the_end_of_the_input_keeps_what_is_being_written(tmp_path):
    profile, _ = furnished(tmp_path / "profile")
    async with piped(profile.root) as lines:
        await begin(lines)
        await lines.send("Half a message")
        assert await lines.end() == 0
    assert [draft.body for draft in DraftBox(MailStore(profile.mail)).all()] == ["Half a message"]


async def test_an_attachment_is_listed_and_saved(tmp_path):
    from email.message import EmailMessage

    profile, box = furnished(tmp_path / "profile")
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Bob <bob@remote.host>", ALICE, "Files"
    message.set_content("Here.")
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="report.pdf")
    box.put(message.as_bytes())
    async with piped(profile.root) as lines:
        await lines.do("1", "Attachment 1: report.pdf, application/pdf, 4 bytes.")
        await lines.do(f"save 1 {tmp_path / 'here.pdf'}", "Saved to ")
        await lines.do(f"save 1 {tmp_path / 'here.pdf'}", "exists")
        await lines.do("save 9", "There is no attachment 9.")
        assert await lines.end() == 0
    assert (tmp_path / "here.pdf").read_bytes() == b"%PDF"


def test_a_profile_without_an_account_says_how_to_add_one(tmp_path):
    make_profile(tmp_path / "profile", settings="[receive]\nenabled = false\n", address="")
    done = subprocess.run(
        [sys.executable, "-m", "misfin_tui", "--profile", tmp_path / "profile", "--linear"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "You have no account yet." in done.stdout


def test_the_linear_mode_loads_no_textual(tmp_path):
    make_profile(tmp_path / "profile", settings="[receive]\nenabled = false\n")
    script = (
        "import sys\n"
        "from misfin_tui.cli import main\n"
        f"status = main(['--profile', {str(tmp_path / 'profile')!r}, '--linear'])\n"
        "assert not {'textual', 'rich'} & set(sys.modules), 'a screen was imported'\n"
        "sys.exit(status)\n"
    )
    looking = ("inbox", "folder", "contacts", "accounts", "outbox", "decide")
    writing = ("compose bob@hive.test", "", "Hi", ".", "print", "send", "undo", "quit")
    done = subprocess.run(
        [sys.executable, "-c", script],
        input="\n".join([*looking, *writing]),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "will be sent in" in done.stdout


def test_an_output_that_was_closed_ends_it_as_every_program(tmp_path):
    profile, _ = furnished(tmp_path / "profile")
    process = subprocess.Popen(
        [sys.executable, "-m", "misfin_tui", "--profile", profile.root, "--linear"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        assert process.stdout.readline()
        process.stdout.close()
        with suppress(BrokenPipeError):  # it may have noticed already
            process.stdin.write(b"help\n")
        assert process.wait(60) == 128 + signal.SIGPIPE
        assert process.stderr.read() == b""
