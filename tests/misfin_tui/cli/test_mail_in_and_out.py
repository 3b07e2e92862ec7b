"""Mail of other programs comes in once, and goes out again whole."""

from __future__ import annotations

import contextlib
import mailbox
import os
import pty
import subprocess
import sys
from email.message import EmailMessage
from pathlib import Path

from .conftest import Shell


def foreign_mbox(path: Path, count: int) -> Path:
    box = mailbox.mbox(path)
    for number in range(count):
        message = EmailMessage()
        message["From"], message["To"] = "Zoe <zoe@mail.example>", "ada@harbour.test"
        message["Subject"], message["Message-ID"] = f"Message {number}", f"<{number}@mail.example>"
        message["Date"] = "Mon, 16 Nov 2026 10:00:00 +0000"
        message.set_content(f"Text {number}\nFrom the sea\n")
        box.add(message)
    box.close()
    return path


def test_an_mbox_comes_in_once_and_goes_out_again(shell: Shell, tmp_path: Path) -> None:
    shell.run("identity", "new", "ada@harbour.test")
    source = foreign_mbox(tmp_path / "old.mbox", 5)
    (report,) = shell.json("import", str(source))
    assert (report["kind"], report["added"], report["skipped"]) == ("mbox", 5, 0)
    (again,) = shell.json("import", str(source))
    assert (again["added"], again["known"]) == (0, 5)
    assert len(shell.json("search", "from:zoe")) == 5
    target = tmp_path / "out.mbox"
    assert shell.json("export", str(target))[0]["written"] == 5
    box = mailbox.mbox(target)
    texts = sorted(str(message.get_payload()) for message in box)
    box.close()
    assert texts[0] == "Text 0\n>From the sea\n"  # the standard library quotes, and never takes it back
    assert "exists" in shell.run("export", str(target), check=2).stderr


def test_a_person_at_a_terminal_sees_at_once_that_it_works(shell: Shell, tmp_path: Path) -> None:
    shell.run("identity", "new", "ada@harbour.test")
    source = foreign_mbox(tmp_path / "old.mbox", 5)
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "misfin_tui", "--profile", str(shell.root), "import", str(source)]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=theirs, text=True, check=True)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # the end: the kernel may hand it over in pieces
        while data := os.read(ours, 65536):
            shown += data
    os.close(ours)
    shown = shown.decode()
    assert shown.startswith("\rcomparing with existing mail …")
    assert shown.endswith("\r")  # and it is gone before the answer comes
    assert done.stdout == "5 added to ada@harbour.test, 0 already there, 0 skipped\n"


def test_a_search_goes_out_as_gemtext_files(shell: Shell, tmp_path: Path) -> None:
    shell.run("identity", "new", "ada@harbour.test")
    shell.run("import", str(foreign_mbox(tmp_path / "old.mbox", 3)))
    shell.run("export", str(tmp_path / "gmi"), "--format", "gmi", "--query", "subject:2")
    (file,) = (tmp_path / "gmi").glob("*.gmi")
    assert "Text 2" in file.read_text()


def test_a_place_that_is_not_there_is_said_and_is_no_empty_answer(shell: Shell, tmp_path: Path) -> None:
    shell.run("identity", "new", "ada@harbour.test")
    shell.run("import", str(foreign_mbox(tmp_path / "old.mbox", 1)))
    assert len(shell.json("list", "--account", "ada@harbour.test", "--folder", "Inbox")) == 1
    assert shell.json("list", "--folder", "Archive") == []
    told = shell.run("list", "--folder", "Nix", check=2).stderr
    assert "no folder 'Nix'" in told
    assert "Archive" in told
    assert "ada@harbour.test" in shell.run("list", "--account", "eve@x.test", check=2).stderr


def test_accounts_and_folders_are_known_in_any_case(shell: Shell, tmp_path: Path) -> None:
    shell.run("identity", "new", "ada@harbour.test")
    shell.run("import", str(foreign_mbox(tmp_path / "old.mbox", 1)), "--folder", "archive")
    shell.run("import", str(foreign_mbox(tmp_path / "new.mbox", 2)), "--folder", "Boats")
    (message,) = shell.json("list", "--account", "Ada@Harbour.test", "--folder", "ARCHIVE")
    assert message["folder"] == "Archive"
    assert len(shell.json("list", "--folder", "boats")) == 2 - 1, "one of them was there already"
    shell.run("import", str(foreign_mbox(tmp_path / "third.mbox", 3)), "--folder", "BOATS")
    assert len(shell.json("list", "--folder", "boats")) == 2
    (shell.root / "mail/ada@harbour.test/.boats/cur").mkdir(parents=True)
    assert shell.json("list", "--folder", "boats") == [], "what is there as it is written"
    told = shell.run("list", "--folder", "BoAtS", check=2).stderr
    assert "Boats and boats" in told


def test_what_is_no_mailbox_is_said_in_one_line(shell: Shell, tmp_path: Path) -> None:
    shell.run("identity", "new", "ada@harbour.test")
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0" * 50)
    assert shell.run("import", str(tmp_path / "photo.jpg"), check=2).stderr.count("\n") == 1
    assert "cannot be read" in shell.run("import", str(tmp_path / "nothing"), check=2).stderr
    assert "into itself" in shell.run("import", str(shell.root / "mail"), check=2).stderr
    assert "identity" in shell.run("import", "x", "--profile", str(tmp_path / "empty"), check=2).stderr
