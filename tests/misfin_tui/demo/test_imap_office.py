"""The demo's IMAP server on its port: real TLS, a log-in, news for who waits, another program's client."""

from __future__ import annotations

import asyncio
import contextlib
import imaplib
import ssl
import time
from collections.abc import AsyncIterator

import pytest

from misfin_tui.demo.email_stories import email_count
from misfin_tui.demo.imap.mailboxes import INBOX, NewHosted
from misfin_tui.demo.imap_office import ImapOffice
from misfin_tui.demo.stories import MAIL_ME
from misfin_tui.demo.world import World, open_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return open_world(tmp_path_factory.mktemp("demo") / "world", now=time.time())


@pytest.fixture
async def office(world: World) -> AsyncIterator[ImapOffice]:
    office = ImapOffice(world)
    await office.start()
    yield office
    await office.stop()


def context(world: World) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=world.imap_certificate.read_text().partition("-----BEGIN P")[0])


def as_imaplib(world: World) -> dict[str, object]:
    """What another program's client sees and does."""
    client = imaplib.IMAP4_SSL("localhost", world.imap_port, ssl_context=context(world), timeout=60)
    with pytest.raises(imaplib.IMAP4.error):
        client.login(MAIL_ME.address, "wrong")
    client.login(MAIL_ME.address, world.mail_server_password.read_text())
    counts = [int(client.select(name)[1][0] or b"0") for name in ("Sent", "INBOX")]
    _, (text, *_) = client.uid("FETCH", "1", "(BODY.PEEK[])")
    _, (found,) = client.uid("SEARCH", "SUBJECT", "boat")
    client.append("Sent", "(\\Seen)", None, b"Subject: x\r\n\r\nhi\r\n")
    _, (moved,) = client.uid("COPY", "1", "Archive")
    client.logout()
    return {"counts": counts, "text": text, "found": found, "moved": moved}


async def test_another_programs_client_reads_and_writes(world: World, office: ImapOffice) -> None:
    seen = await asyncio.to_thread(as_imaplib, world)
    assert sum(seen["counts"]) == email_count()  # type: ignore[call-overload]
    assert b"Subject: The boat on Saturday" in seen["text"][1]  # type: ignore[index]
    assert seen["found"]


async def test_who_waits_is_told_of_new_mail_at_once(world: World, office: ImapOffice) -> None:
    reader, writer = await asyncio.open_connection("localhost", world.imap_port, ssl=context(world))
    word = world.mail_server_password.read_text()
    writer.write(f'a LOGIN "{MAIL_ME.address}" "{word}"\r\nb SELECT INBOX\r\nc IDLE\r\n'.encode())
    async with asyncio.timeout(60):
        await reader.readuntil(b"+ idling\r\n")
        await office.deliver([NewHosted(INBOX, b"Subject: news\r\n\r\nhi\r\n")])
        assert (await reader.readuntil(b" EXISTS\r\n")).startswith(b"* ")
        writer.write(b"DONE\r\nd LOGOUT\r\n")
        assert (await reader.read()).endswith(b"d OK done\r\n")
    writer.close()


async def test_what_is_not_imap_harms_nobody_else(world: World, office: ImapOffice) -> None:
    for data in (b"\0" * 1_000_000, b"GET / HTTP/1.1\r\n\r\n", b"a LOGIN {4000000000}\r\n", b""):
        _, writer = await asyncio.open_connection("localhost", world.imap_port, ssl=context(world))
        writer.write(data)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()
    await asyncio.to_thread(as_imaplib, world)
