"""A mail in its other versions, on the screen and in a browser; and mail that many programs read wrong."""

from __future__ import annotations

import os
import stat

import pytest
from desk import SETTINGS, at_desk, make_profile, notices, on_screen, shown, until
from mailboxes import Mailbox
from readingcases import CASES

from misfin_tui.screens.thread import ThreadScreen
from misfin_tui.screentext import plain
from misfin_tui.services.attached import page_of

WORK = '[accounts.work]\nkind = "email"\naddress = "ada@example.org"\nsmtp = "smtps://smtp.example.org"\n'
BOTH = (
    b"From: Bob <bob@hive.test>\nTo: ada@example.org\nSubject: Two ways\nMessage-ID: <1@hive.test>\n"
    b"Content-Type: multipart/alternative; boundary=x\n\n--x\nContent-Type: text/plain\n\nPlainly said.\n"
    b"--x\nContent-Type: text/html\n\n<p>Richly <b>said</b>.<img src=https://track.example/o.gif>\n--x--\n"
)
ONE = BOTH.partition(b"--x\nContent-Type: text/html")[0] + b"--x--\n"


@pytest.fixture
def profile(profile_root, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    return make_profile(profile_root, settings=SETTINGS + WORK)


async def opened(app, pilot, subject: str) -> None:
    await until(pilot, lambda: subject in shown(app))
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app.screen, ThreadScreen))


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
async def test_a_key_changes_between_text_and_html(profile, size):
    Mailbox(profile.mail, "work").put(BOTH, flags="S")
    async with at_desk(profile, size) as (app, pilot):
        await opened(app, pilot, "Two ways")
        await on_screen(pilot, "Plainly said.")
        await pilot.press("x")
        await on_screen(pilot, "Richly said.")
        assert "shown as HTML" in shown(app)
        await until(pilot, lambda: "Shown as HTML (2 of 2)." in notices(app))
        await pilot.press("x")
        await on_screen(pilot, "Plainly said.")
        assert "shown as HTML" not in shown(app)
        await pilot.press("i")
        await on_screen(pilot, "plain text, HTML")


async def test_a_mail_with_one_version_says_so(profile):
    Mailbox(profile.mail, "work").put(ONE, flags="S")
    async with at_desk(profile) as (app, pilot):
        await opened(app, pilot, "Two ways")
        await on_screen(pilot, "Plainly said.")
        await pilot.press("x")
        await until(pilot, lambda: "The sender sent only one version of this text." in notices(app))


async def test_a_browser_gets_a_private_file_that_is_removed_at_the_end(profile, tmp_path, monkeypatch):
    opener = tmp_path / "opener"
    opener.write_text('#!/bin/sh\ncp "$1" "$HOME/seen.html"; echo "$1" > "$HOME/path"\n')
    opener.chmod(0o700)
    profile.config.write_text(f'{SETTINGS}{WORK}[ui]\nopener = "{opener}"\n')
    Mailbox(profile.mail, "work").put(BOTH, flags="S")
    async with at_desk(profile) as (app, pilot):
        await opened(app, pilot, "Two ways")
        await on_screen(pilot, "Plainly said.")
        await pilot.press("W")
        await until(pilot, lambda: (tmp_path / "path").exists() and (tmp_path / "path").read_text())
        path = (tmp_path / "path").read_text().strip()
        made = profile.runtime / path.split("/")[-2] / path.split("/")[-1]
        assert path == str(made)
        assert stat.S_IMODE(made.stat().st_mode) == 0o400
        assert stat.S_IMODE(made.parent.stat().st_mode) == 0o700
        page = (tmp_path / "seen.html").read_text()
        assert "Richly <b>said</b>." in page
        assert "track.example" not in page
        await until(pilot, lambda: any("Opened in your browser" in each for each in notices(app)))
    assert not made.exists()


def test_html_that_takes_too_long_becomes_a_page_of_its_text():
    data = b"From: a@b\nContent-Type: text/html\n\n<p>Seen &lt;" + b"<div>" * 100_000
    began = sum(os.times()[:4])  # its processor time and that of what it started, however busy the machine is
    page = page_of(data, len(data), seconds=1).decode()
    assert "<pre>Seen &lt;\n</pre>" in page
    assert "too deeply nested" in page
    assert sum(os.times()[:4]) - began < 10


async def test_mail_that_many_programs_read_wrong_is_right_on_the_screen(profile):
    mailbox = Mailbox(profile.mail, "work")
    for case in CASES:
        mailbox.put(case.data, name=case.name)
    wrong = []
    async with at_desk(profile, (120, 60)) as (app, pilot):
        await until(pilot, lambda: "CASE" in shown(app))
        await until(pilot, lambda: app.services.mail.scanned)
        await pilot.press("g", "enter")
        await until(pilot, lambda: isinstance(app.screen, ThreadScreen))
        seen: set[str] = set()
        for _ in CASES:
            await until(pilot, lambda: _read(app) not in {"", *seen})
            case = next(each for each in CASES if each.name == _read(app))
            seen.add(case.name)
            wanted = [line for line in plain(case.text, one_line=False).split("\n") if line]
            wanted += [plain(name, one_line=True) for name in case.files]
            wanted.append(case.subject or f"CASE {case.name}")
            try:
                await until(pilot, lambda wanted=wanted: all(line in shown(app) for line in wanted))
            except AssertionError:
                wrong.append((case.name, [line for line in wanted if line not in shown(app)]))
            await pilot.press("J")
    assert wrong == []
    assert len(seen) == len(CASES)


def _read(app) -> str:
    """The file of the message that is shown; nothing while it is being read."""
    part = app.screen.thread.document.current if isinstance(app.screen, ThreadScreen) else None
    return part.row.id if part is not None and part.message is not None else ""
