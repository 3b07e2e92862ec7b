"""From the composer and from the shell through Postfix and Dovecot, and back byte for byte."""

from __future__ import annotations

import json

import postfix
import pytest
from desk import at_desk, type_text, until
from mailprofile import PASSWORD_VARIABLE, make_mail_profile
from postfix import ADDRESS, OTHER, PASSWORD, body_of

from misfin.store.outgoing.drafts import Draft
from misfin_tui.paths import profile_at
from misfin_tui.screens.compose import ComposeScreen

TEXT = "# Grüße\n\n.\nFrom here\n=> https://example.org A link\ntrailing \n"


@pytest.fixture(scope="module")
def server():
    with postfix.running() as running:
        yield running


@pytest.fixture
def profile(tmp_path, server, monkeypatch):
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    return make_mail_profile(
        tmp_path,
        f"smtps://ada@localhost:{server.smtps}",
        password=PASSWORD,
        ca_file=server.cert,
        more="[send]\nundo_send_seconds = 0\n[receive]\nenabled = false\n",
    )


def in_sent(profile) -> list[bytes]:
    """The copies in Sent as they went out."""
    folder = profile.root / "mail" / "work" / ".Sent" / "cur"
    files = sorted(folder.iterdir()) if folder.exists() else []
    return [path.read_bytes().replace(b"\n", b"\r\n") for path in files]


def test_from_the_shell(profile, server, tmp_path):
    before = server.count(), server.count("bea")
    file = tmp_path / "Übersicht.bin"
    file.write_bytes(bytes(range(256)) * 1000)
    words = (
        "send",
        f"Ada <{ADDRESS}>",
        "--account",
        "work",
        "--bcc",
        "bea@example.org",
        "--subject",
        "Größe",
    )
    done = profile.run(*words, "--attach", str(file), "--json", data=TEXT.encode())
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["state"] for line in done.stdout.splitlines()] == ["accepted"] * 2
    arrived = body_of(server.arrived(before[0] + 1)[-1])
    hidden = body_of(server.arrived(before[1] + 1, "bea")[-1])
    assert arrived == hidden
    (copy,) = in_sent(profile)
    assert copy.replace(b"Bcc: bea@example.org\r\n", b"") == arrived


def test_what_the_shell_refuses(profile):
    done = profile.run("send", "boxed@example.org", "--account", "work", "--body", "x")
    assert done.returncode == 1
    done = profile.run("send", "later@example.org", "--account", "work", "--body", "x")
    assert done.returncode == 4
    assert (
        profile.run("send", ADDRESS, "--account", "work", "--attach", "/nowhere", "--body", "x").returncode
        == 2
    )


async def test_from_the_composer(profile, server, tmp_path):
    before = server.count("bea")
    async with at_desk(profile_at(profile.root), courier=True) as (app, pilot):
        app.open_composer(Draft(account="work", to=(OTHER,), subject="From the composer"))
        await until(pilot, lambda: isinstance(app.screen, ComposeScreen) and app.screen._opened is not None)
        app.screen.query_one("#body").focus()
        await type_text(pilot, "Hello from a key\n.\n")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not isinstance(app.screen, ComposeScreen))
        await until(pilot, lambda: len(server.dovecot.messages("bea")) > before)
        await until(pilot, lambda: in_sent(profile))
    arrived = body_of(server.arrived(before + 1, "bea")[-1])
    assert b"\r\n\r\nHello from a key\r\n.\r\n" in arrived
    assert in_sent(profile) == [arrived]
