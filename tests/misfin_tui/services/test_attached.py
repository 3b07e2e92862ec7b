"""Attachments on their way out: safe names, nothing overwritten, whole or not at all."""

from __future__ import annotations

import os
import stat
import time
from email.message import EmailMessage
from pathlib import Path

import pytest
from mailboxes import ME, Mailbox, scanned

from misfin.errors import LocalError
from misfin.store.rows import View
from misfin_tui.config import Config, UiConfig
from misfin_tui.paths import profile_at
from misfin_tui.services import Services
from misfin_tui.services.newfile import MAX_NAME, free_path, safe_name

pytestmark = pytest.mark.usefixtures("patient_with_openers")

PARTS = (("report.pdf", b"%PDF-1 \x00\xff"), ("../../.bashrc", b"alias ls=rm\n"), ("report.pdf", b"second"))


def message(parts=PARTS) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Bob <bob@x.example>", ME, "Files"
    message.set_content("see attachments\n")
    for name, content in parts:
        message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()


@pytest.fixture
def services(tmp_path):
    profile = profile_at(tmp_path / "profile")
    Mailbox(profile.mail).put(message())
    made = Services(profile, Config(ui=UiConfig(opener=f"{tmp_path}/opener")))
    scanned(made.index)
    yield made
    made.close()


@pytest.fixture
def row(services):
    return services.index.messages(View(), 1)[0]


async def test_one_is_saved_byte_for_byte_and_never_over_another_file(services, row, tmp_path):
    path = await services.attached.save(row, 0, tmp_path / "mine.pdf")
    assert path.read_bytes() == PARTS[0][1]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(LocalError, match="already exists"):
        await services.attached.save(row, 1, path)
    assert path.read_bytes() == PARTS[0][1]
    assert services.attached.suggested("a/b.txt", "x") == f"{tmp_path}/b.txt"  # the next goes there too


async def test_all_are_saved_under_free_names_of_our_making(services, row, tmp_path):
    (tmp_path / "out").mkdir()
    paths = await services.attached.save_all(row, tmp_path / "out")
    assert [path.name for path in paths] == ["report.pdf", "bashrc", "report-2.pdf"]
    assert [path.read_bytes() for path in paths] == [content for _, content in PARTS]
    for folder in (tmp_path / "none", Path("/dev/null"), Path("\0")):
        with pytest.raises(LocalError, match="not a folder"):
            await services.attached.save_all(row, folder)


async def test_what_is_opened_is_private_cannot_be_changed_and_goes_with_the_program(services, row, tmp_path):
    log, opener = tmp_path / "log", tmp_path / "opener"
    opener.write_text(f'#!/bin/sh\nprintf "%s" "$1" > {log}\n')
    opener.chmod(0o755)
    await services.attached.open(row, 1)
    path = Path(log.read_text())
    assert path.name == "bashrc"
    assert path.read_bytes() == PARTS[1][1]
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    await services.attached.open(row, 1)
    assert Path(log.read_text()) != path
    services.close()
    assert not path.parent.exists()


async def test_what_a_killed_program_has_left_is_taken_away_in_time(services, row):
    runtime = services.profile.runtime
    for name, age in (("opened-old", 3 * 86400), ("opened-new", 60)):
        (runtime / name).mkdir(parents=True)
        (runtime / name / "file").touch()
        os.utime(runtime / name, (time.time() - age,) * 2)
    with pytest.raises(LocalError, match="could not be started"):  # there is no opener
        await services.attached.open(row, 0)
    assert not (runtime / "opened-old").exists()
    assert (runtime / "opened-new" / "file").exists()


async def test_an_attachment_that_is_not_there_is_told_of(services, row, tmp_path):
    with pytest.raises(LocalError, match="no longer there"):
        await services.attached.save(row, 3, tmp_path / "x")


async def test_one_that_was_cut_off_is_not_saved_as_if_it_were_whole(services, row, tmp_path, monkeypatch):
    from misfin.store.index import mailindex

    raw = services.index.raw(row)
    monkeypatch.setattr(mailindex, "MAX_RAW", len(raw) - 60)
    assert (await services.attached.save(row, 0, tmp_path / "a")).read_bytes() == PARTS[0][1]
    with pytest.raises(LocalError, match="too large"):
        await services.attached.save(row, 2, tmp_path / "b")
    assert not (tmp_path / "b").exists()


async def test_a_place_no_file_can_have_is_told_of(services, row):
    for name in ("~nobody-of-that-name/x", "/tmp/\0", "/dev/null/x", "x" * 300):
        with pytest.raises(LocalError):
            await services.attached.save(row, 0, Path(name))


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("Bericht über Köln.pdf", "Bericht über Köln.pdf"),
        ("写真.jpg", "写真.jpg"),
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("C:\\Windows\\system32\\evil.exe", "evil.exe"),
        (".bashrc", "bashrc"),
        ("-rf", "rf"),
        ("~root", "_root"),
        ("a\x00b\x1b[2J.txt", "a_b__2J.txt"),
        ("\u202egpj.exe", "_gpj.exe"),
        ("two\nlines.txt", "two_lines.txt"),
        ("  spaces   inside .txt ", "spaces inside.txt"),
        ("$(id)`id`;|&.sh", "__id__id____.sh"),
        ("", "other"),
        ("..", "other"),
        ("/", "other"),
        ("\u200b\u200b", "other"),
        ("a.tar.gz", "a.tar.gz"),
    ],
)
def test_a_name_from_a_stranger_becomes_a_harmless_one(name, safe):
    assert safe_name(name, "other") == safe


@pytest.mark.parametrize(
    "name",
    ["x" * 5000 + ".pdf", "写" * 5000 + ".pdf", "." * 5000, "a." + "b" * 5000],
    ids=["messages", "wide", "dots", "suffix"],
)
def test_a_long_name_is_cut_and_keeps_its_suffix(name, tmp_path):
    safe = safe_name(name, "other")
    assert len(safe) <= MAX_NAME
    (tmp_path / safe).touch()
    assert safe.endswith(".pdf") or not name.endswith(".pdf")


def test_a_free_path_is_one_that_does_not_exist(tmp_path):
    path = tmp_path / "a.txt"
    assert free_path(path) == path
    path.touch()
    os.symlink("nowhere", tmp_path / "a-2.txt")
    assert free_path(path) == tmp_path / "a-3.txt"
