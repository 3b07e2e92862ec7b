"""The account's own server is proposed from its mail, asked about, and written into the settings."""

from __future__ import annotations

import subprocess
import sys

import pytest
from desk import SETTINGS, at_desk, make_profile, on_screen, shown, until
from mailsigning import MESSAGE, ScriptedDns, rsa_key, rsa_record, sign
from ratedmail import ACCOUNT, signs

from misfin.store.evidence import Evidence
from misfin.store.mail.maildir import MailStore
from misfin_tui.dialogs.confirm import ConfirmDialog

SERVER = b"mx.example.net"
OWN = b"Received: from a.example by mx.example.net with ESMTPS; x\r\n"
NAMES = [b"a.example", b"b.example", b"c.example", b"d.example", b"e.example"]
KEYS = {f"s._domainkey.{name.decode()}": [rsa_record(rsa_key())] for name in NAMES}


def results(server: bytes, method: bytes = b"dkim=pass header.d=") -> bytes:
    return b"Authentication-Results: " + server + b"; " + method + b"example.org\r\n"


def fill(profile, head: bytes) -> None:
    """Signed messages from several domains, and one that only the server vouches for."""
    store = MailStore(profile.mail)
    store.create("work")
    for at in range(12):
        name = NAMES[at % len(NAMES)]
        text = MESSAGE.replace(b"example.org", name).replace(b"Notes", b"Notes %d" % at)
        text = text.replace(b"<1@", b"<%d@" % at)
        store.folder("work").deliver((head + sign(text, name.decode())).replace(b"\r\n", b"\n"))
    spf = results(SERVER, b"spf=pass smtp.mailfrom=") if head else b""
    text = MESSAGE.replace(b"Notes", b"Invoice").replace(b"20 Nov", b"21 Nov")
    store.folder("work").deliver((spf + OWN + text).replace(b"\r\n", b"\n"))


@pytest.fixture
def profile(profile_root):
    return make_profile(profile_root, settings=SETTINGS + "# a comment\n" + ACCOUNT)


def shell(profile, *words: str) -> str:
    command = [sys.executable, "-m", "misfin_tui", "--profile", str(profile.root), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout


async def checked(app, pilot, profile) -> None:
    await until(pilot, lambda: list(signs(profile).values()).count(Evidence.VERIFIED) == 12)
    app.services.mail.authorship._proposals.clear()
    await on_screen(pilot, "Invoice")


async def test_a_proposed_server_counts_once_a_person_accepts_it(profile):
    fill(profile, results(SERVER) + OWN)
    async with at_desk(profile, dns=ScriptedDns(KEYS)) as (app, pilot):
        await checked(app, pilot, profile)
        assert signs(profile)["Invoice"] is Evidence.UNPROVEN
        for command, said in (
            ("doctor", "your server mx.example.net writes down what it found out"),
            ("account show work", '# authserv_id = "mx.example.net" would count'),
        ):
            assert said in shell(profile, *command.split())
        await pilot.press("enter")
        await until(pilot, lambda: len(app.screen_stack) > 1)
        await pilot.press("i")
        await on_screen(pilot, "Accept server")
        await pilot.press("ctrl+w")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        await pilot.press("escape")
        assert "authserv_id" not in profile.config.read_text()
        await pilot.press("ctrl+w")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        await pilot.press("right", "enter")
        await on_screen(pilot, "counts for work from now on")
        assert app.config.accounts["work"].authserv_id == "mx.example.net"
        await until(pilot, lambda: signs(profile)["Invoice"] is Evidence.UNCONFIRMED)
        await pilot.press("ctrl+w")
        await on_screen(pilot, "counts already")
    text = profile.config.read_text()
    assert 'authserv_id = "mx.example.net"' in text
    assert "# a comment" in text
    assert "what mx.example.net found out about senders counts" in shell(profile, "doctor")


async def test_what_senders_forged_is_neither_proposed_nor_counted(profile):
    fill(profile, b"")
    store = MailStore(profile.mail)
    for at in range(20):
        text = MESSAGE.replace(b"Notes", b"Forged %d" % at).replace(b"<1@", b"<f%d@" % at)
        for head in (OWN + results(SERVER), OWN + results(b"evil.example"), results(SERVER)):
            store.folder("work").deliver((head + text).replace(b"\r\n", b"\n"))
    async with at_desk(profile, dns=ScriptedDns(KEYS)) as (app, pilot):
        await checked(app, pilot, profile)
        await pilot.press("ctrl+w")
        await on_screen(pilot, "No server is known")
        await pilot.press("enter", "i")
        await on_screen(pilot, "Checked")
        await until(pilot, lambda: "···" not in shown(app))
        assert "Accept server" not in shown(app)
    assert "authserv_id" not in shell(profile, "account", "show", "work")
