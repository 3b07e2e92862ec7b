"""The whole program with a real Dovecot: mail is fetched, filed there, and a mass deletion is asked about."""

from __future__ import annotations

import imaplib
import ssl

import pytest
from desk import SETTINGS, at_desk, make_profile, on_screen, shown, until
from dovecot import PASSWORD, USER, running

from misfin_tui.dialogs.deletions import DeletionsDialog


def text(number: int) -> bytes:
    return (
        f"Message-ID: <{number}@x.example>\r\nFrom: bea@hive.example\r\nSubject: Tides {number}\r\n"
        "Date: Sun, 29 Nov 2026 10:00:00 +0000\r\n\r\nHigh water at noon.\r\n"
    ).encode()


@pytest.fixture
def server():
    with running() as found:
        found.put(*map(text, range(1, 61)))
        yield found


@pytest.fixture
def profile(profile_root, server, monkeypatch):
    monkeypatch.setenv("MISFIN_TEST_SECRET", PASSWORD)
    account = f"""
[accounts.work]
kind = "email"
address = "ada@example.org"
imap = "imaps://{USER}@localhost:{server.imaps}"
ca_file = "{server.cert}"
password = {{ env = "MISFIN_TEST_SECRET" }}
"""
    return make_profile(profile_root, settings=SETTINGS + account, address="")


def other_client(server) -> imaplib.IMAP4_SSL:
    """Another device of the same person."""
    context = ssl.create_default_context(cafile=str(server.cert))
    client = imaplib.IMAP4_SSL("localhost", server.imaps, ssl_context=context)
    client.login(USER, PASSWORD)
    return client


def count(client: imaplib.IMAP4_SSL, folder: str) -> int:
    client.noop()
    return int(client.select(folder)[1][0] or b"0")


async def test_mail_comes_moves_there_and_a_mass_deletion_there_is_asked_about(profile, server):
    client = other_client(server)
    async with at_desk(profile, (120, 36)) as (app, pilot):
        await on_screen(pilot, "60 conversations")
        await pilot.press("Y")
        await until(pilot, lambda: "in sync" in shown(app) and " 60 " in shown(app))
        await pilot.press("q")
        await pilot.press("e")  # to the archive, here and soon there
        await until(pilot, lambda: "59 conversations" in shown(app))
        await until(pilot, lambda: count(client, "INBOX") == 59, "it moved there")
        client.store("1:*", "+FLAGS", "\\Deleted")
        client.expunge()
        await until(pilot, lambda: isinstance(app.screen, DeletionsDialog), "it was asked")
        assert "All 59 messages are gone on the server and still here" in shown(app)
        await until(pilot, lambda: app.screen._seen is not None)
        app.screen._by_itself = False
        await pilot.press("right", "enter")
        await until(pilot, lambda: count(client, "INBOX") == 59, "they are there again")
        await until(pilot, lambda: "needs you" not in shown(app))
    client.logout()


async def test_a_draft_is_left_alone_while_its_composer_is_open(profile, server):
    client = other_client(server)
    inbox, drafts = profile.mail / "work", profile.mail / "work" / ".Drafts" / "cur"

    def here() -> int:
        return len([*(inbox / "new").iterdir(), *(inbox / "cur").iterdir()])

    async with at_desk(profile, (120, 36)) as (app, pilot):
        await on_screen(pilot, "60 conversations")
        await pilot.press("c")
        await on_screen(pilot, "New message")
        await until(pilot, lambda: app.screen._opened is not None)
        app.screen.subject.value = "Half a subject"
        app.screen.keep()
        await until(pilot, lambda: list(drafts.glob("*")), "the draft is on disk")
        server.put(text(61))  # once this has arrived, a pass has seen the draft
        app.services.fetching.look_now()
        await until(pilot, lambda: here() == 61, "61 arrived")
        server.put(text(62))
        app.services.fetching.look_now()
        await until(pilot, lambda: here() == 62, "62 arrived")
        assert "Drafts" not in str(client.list()[1])
        await pilot.press("escape")
        await until(pilot, lambda: "Drafts" in str(client.list()[1]) and count(client, "Drafts") == 1)
        assert b"Half a subject" in client.fetch("1", "(RFC822)")[1][0][1]
    client.logout()
