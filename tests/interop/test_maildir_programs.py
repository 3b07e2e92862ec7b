"""mutt and notmuch on the very same Maildir: they read our messages rightly, and we see what they change."""

import json
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import mailprograms
import pytest
from mailprograms import environment, mutt_command, needs_notmuch

from misfin.model.address import MisfinAddress
from misfin.model.gemmail import Version
from misfin.store.mail.maildir import Maildir
from misfin.store.message.envelope import to_gemmail, wrap

ADA = MisfinAddress("ada", "mail.example", "Ada Example")
NOW = datetime(2026, 11, 19, 14, 2, tzinfo=UTC)
GEMMAIL = (
    "bea@hive.test Bea Wörker, the second\nada@mail.example, cal@x.test\n2026-11-19T13:00:00Z\n"
    "# Grüße aus dem Stock 台北\n\nHonig für alle.\n=> gemini://hive.test/ the hive\nFrom here on\n"
)
ODD = "bea@hive.test Bea\n\n2026-11-19T13:00:00Z\n# Odd\n\nbare\rreturns and nul\0 too\n"


@pytest.fixture
def box(tmp_path) -> Maildir:
    return Maildir(tmp_path / "mail" / "ada@mail.example").create()


def stored(gemmail: str) -> bytes:
    return wrap(gemmail.encode(), version=Version.C, account=ADA, now=NOW, verification={"pin": "match"})


# ---- mutt -----------------------------------------------------------------------------------------


def mutt(home: Path, box: Maildir, keys: str) -> None:
    """Run mutt in a terminal of its own on the folder and press keys."""
    command = [*mutt_command("mutt", home, box.path), "-e", f'push "{keys}"']
    # script gives it the terminal it insists on
    subprocess.run(
        ["script", "-qec", " ".join(f"'{word}'" for word in command), "/dev/null"],
        env=environment(home),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=mailprograms.WAIT,
        check=True,
    )


needs_mutt = pytest.mark.skipif(
    not (shutil.which("mutt") and shutil.which("script")), reason="mutt or script is not installed"
)


@needs_mutt
def test_mutt_shows_sender_date_subject_and_text(box, tmp_path):
    box.deliver(stored(GEMMAIL))
    mutt(tmp_path, box, "<print-message><exit>")
    printed = (tmp_path / "printed").read_text()
    head, _, body = printed.partition("\n\n")
    shown = dict(line.split(": ", 1) for line in head.splitlines() if ": " in line)
    assert shown["From"] in (
        '"Bea Wörker, the second" <bea@hive.test>',
        "Bea Wörker, the second <bea@hive.test>",
    )
    assert shown["To"] == "ada@mail.example, cal@x.test"
    assert shown["Date"] == "Thu, 19 Nov 2026 13:00:00 +0000"
    assert shown["Subject"] == "Grüße aus dem Stock 台北"
    assert body.rstrip() == GEMMAIL.split("\n", 3)[3].rstrip()


@needs_mutt
def test_mutt_shows_a_text_with_bare_carriage_returns_to_its_end(box, tmp_path):
    box.deliver(stored(ODD))
    mutt(tmp_path, box, "<print-message><exit>")
    assert "too" in (tmp_path / "printed").read_text()


@needs_mutt
def test_what_mutt_flags_is_seen_here(box, tmp_path):
    key = box.deliver(stored(GEMMAIL)).key
    mutt(tmp_path, box, "<flag-message><quit>")
    entry = box.find(key)
    assert entry is not None
    assert "F" in entry.flags
    mutt(tmp_path, box, "<display-message><exit><quit>")
    entry = box.find(key)
    assert entry is not None
    assert entry.flags == "FS"
    assert to_gemmail(entry.path.read_bytes()) == GEMMAIL.encode()


@needs_mutt
def test_what_mutt_saves_to_another_folder_is_there_with_every_byte(box, tmp_path):
    archive = Maildir(box.path / ".Archive").create()
    box.deliver(stored(GEMMAIL))
    mutt(tmp_path, box, f"<save-message>{archive.path}<enter><sync-mailbox><quit>")
    [entry] = archive.list()
    assert to_gemmail(entry.path.read_bytes()) == GEMMAIL.encode()


@needs_mutt
def test_a_flag_set_here_is_seen_by_mutt(box, tmp_path):
    one, two = box.deliver(stored(GEMMAIL)), box.deliver(stored(ODD))
    box.set_flags(one.key, "FS")
    box.set_flags(two.key, "S")
    mutt(tmp_path, box, "<limit>~F<enter><print-message><exit>")
    assert "Honig" in (tmp_path / "printed").read_text()
    assert "bare" not in (tmp_path / "printed").read_text()


# ---- notmuch --------------------------------------------------------------------------------------


def notmuch(home: Path, *arguments: str) -> str:
    return mailprograms.notmuch(home, home / "mail", *arguments)


@needs_notmuch
def test_notmuch_finds_and_shows_our_messages(box, tmp_path):
    box.deliver(stored(GEMMAIL))
    box.deliver(stored(ODD))
    notmuch(tmp_path, "new")
    for query in ("from:bea@hive.test", "subject:Stock", "Honig", "to:cal@x.test", "台北"):
        assert json.loads(notmuch(tmp_path, "search", "--format=json", "--output=messages", query)), query
    [[[message, _]]] = json.loads(
        notmuch(tmp_path, "show", "--format=json", "--entire-thread=false", "Honig")
    )
    headers = message["headers"]
    assert headers["From"] in (
        '"Bea Wörker, the second" <bea@hive.test>',
        "Bea Wörker, the second <bea@hive.test>",
    )
    assert headers["Date"] == "Thu, 19 Nov 2026 13:00:00 +0000"
    assert headers["Subject"] == "Grüße aus dem Stock 台北"
    assert message["timestamp"] == datetime(2026, 11, 19, 13, tzinfo=UTC).timestamp()
    [part] = message["body"]
    assert part["content-type"] == "text/gemini"
    assert notmuch(tmp_path, "show", "--part=1", "Honig").encode() == GEMMAIL.encode().split(b"\n", 3)[3]


@needs_notmuch
def test_what_notmuch_tags_is_seen_here(box, tmp_path):
    key = box.deliver(stored(GEMMAIL)).key
    notmuch(tmp_path, "new")
    notmuch(tmp_path, "tag", "+flagged", "-unread", "Honig")
    entry = box.find(key)
    assert entry is not None
    assert (entry.subdir, entry.flags) == ("cur", "FS")


@needs_notmuch
def test_what_is_flagged_or_moved_here_is_seen_by_notmuch(box, tmp_path):
    key = box.deliver(stored(GEMMAIL)).key
    notmuch(tmp_path, "new")
    box.set_flags(key, "FS")
    box.move(key, Maildir(box.path / ".Archive"))
    notmuch(tmp_path, "new")
    found = json.loads(notmuch(tmp_path, "search", "--format=json", "Honig"))
    assert "flagged" in found[0]["tags"]
    assert "unread" not in found[0]["tags"]
    [file] = notmuch(tmp_path, "search", "--output=files", "Honig").splitlines()
    assert "/.Archive/cur/" in file


@needs_notmuch
def test_notmuch_threads_a_reply_that_names_its_parent(box, tmp_path):
    from misfin.store.message.envelope import message_id

    parent = MisfinAddress.parse("bea@hive.test")
    name = message_id(parent, GEMMAIL.split("\n", 3)[3]).strip("<>")
    box.deliver(stored(GEMMAIL))
    box.deliver(
        stored(
            f"cal@x.test Cal\n\n2026-11-19T13:30:00Z\n# Something else\n\nyes\n=> mid:{name} In reply to\n"
        )
    )
    notmuch(tmp_path, "new")
    assert notmuch(tmp_path, "count", "--output=threads", "*").strip() == "1"
