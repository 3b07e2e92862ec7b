"""The demo's e-mail provider is a real server: it asks for the password, keeps what it takes, and answers."""

from __future__ import annotations

import asyncio
import contextlib
import email
import ssl
import time
from collections.abc import AsyncIterator
from email import policy

import pytest

from misfin.email.sasl import Credentials
from misfin.email.smtp.client import SMTPClient, SubmissionResult
from misfin.email.smtp.response import SMTPLoginError
from misfin.errors import HandshakeError
from misfin.store.mail.maildir import Maildir
from misfin.store.rows import View
from misfin_tui.config import load
from misfin_tui.demo import post_office
from misfin_tui.demo.email_stories import email_count, mail_people
from misfin_tui.demo.imap.mailboxes import INBOX, Mailboxes
from misfin_tui.demo.imap_office import ImapOffice
from misfin_tui.demo.post_office import PostOffice
from misfin_tui.demo.stories import MAIL_ACCOUNT, MAIL_ME
from misfin_tui.demo.world import World, open_world
from misfin_tui.services import Services

MESSAGE = (
    b"From: ada@seamail.test\r\nTo: lena@wharf.test\r\nSubject: The lantern\r\n"
    b"Message-ID: <one@seamail.test>\r\n\r\n.Does it leak?\r\n"
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return open_world(tmp_path_factory.mktemp("demo") / "world", now=time.time())


@pytest.fixture
async def incoming(world: World) -> AsyncIterator[ImapOffice]:
    incoming = ImapOffice(world)
    await incoming.start()
    yield incoming
    await incoming.stop()


@pytest.fixture
async def office(world: World, incoming: ImapOffice) -> AsyncIterator[PostOffice]:
    office = PostOffice(world, incoming)
    await office.start()
    yield office
    await office.stop()


def delivered(world: World) -> list[bytes]:
    """What the player has in the inbox at the provider."""
    mailboxes = Mailboxes(world.mailboxes)
    try:
        return [mailboxes.data(INBOX, each.uid) for each in mailboxes.messages(INBOX)]
    finally:
        mailboxes.close()


def client(world: World, password: str | None = None) -> SMTPClient:
    context = ssl.create_default_context(
        cadata=world.mail_certificate.read_text().partition("-----BEGIN P")[0]
    )
    known = world.mail_server_password.read_text()
    return SMTPClient(
        "localhost",
        world.mail_port,
        credentials=Credentials(MAIL_ME.address, password or known),
        context=context,
    )


def arrived(box: Maildir) -> list[bytes]:
    return [entry.path.read_bytes() for entry in box.list()] if box.exists() else []


async def test_what_it_takes_is_kept_and_answered(
    world: World, office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post_office, "ANSWER_AFTER", 0)
    before = delivered(world)
    to = ["lena@wharf.test", "tomas@wharf.test", "otis@wharf.test"]
    async with client(world) as smtp:
        results = await smtp.send(MAIL_ME.address, to, MESSAGE)
        await office._file(post_office._Transaction())  # nobody's message goes nowhere
    accepted, refused = SubmissionResult.ACCEPTED, SubmissionResult.PERMANENT
    assert [each.result for each in results] == [accepted, accepted, refused]
    for name in ("lena", "tomas"):
        assert arrived(world.mailbox_of(name)) == [MESSAGE.replace(b"\r\n", b"\n")]
    while len(delivered(world)) == len(before):
        await asyncio.sleep(0.02)
    answer = email.message_from_bytes(delivered(world)[-1], policy=policy.default)
    assert (answer["From"], answer["To"]) == (
        "Lena Mooring <lena@wharf.test>",
        "Ada Harbour <ada@seamail.test>",
    )
    assert (answer["Subject"], answer["In-Reply-To"]) == ("Re: The lantern", "<one@seamail.test>")


async def test_what_is_for_the_player_is_in_the_players_mailbox_as_it_was_sent(
    world: World, office: PostOffice
) -> None:
    before = len(delivered(world))
    async with client(world) as smtp:
        results = await smtp.send(MAIL_ME.address, [MAIL_ME.address], MESSAGE)
    assert [each.result for each in results] == [SubmissionResult.ACCEPTED]
    assert delivered(world)[before:] == [MESSAGE]


async def test_a_wrong_password_and_another_sender_are_refused(world: World, office: PostOffice) -> None:
    with pytest.raises(SMTPLoginError):
        await client(world, "wrong").connect()
    async with client(world) as smtp:
        (result,) = await smtp.send("eve@seamail.test", ["lena@wharf.test"], MESSAGE)
    assert result.result is SubmissionResult.PERMANENT


async def test_nobody_who_vouches_is_found_for_its_certificate(world: World, office: PostOffice) -> None:
    with pytest.raises(HandshakeError):
        await SMTPClient("localhost", world.mail_port).connect()


async def test_what_is_not_smtp_harms_nobody_else(world: World, office: PostOffice) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for data in (b"\0" * 1_000_000, b"GET / HTTP/1.1\r\n" * 500, b"AUTH PLAIN \r\n*\r\n", b""):
        _, writer = await asyncio.open_connection("127.0.0.1", world.mail_port, ssl=context)
        writer.write(data)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()
    async with client(world):
        pass


async def test_a_full_disk_is_a_temporary_refusal(
    world: World, office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(office, "_deliver", full)
    async with client(world) as smtp:
        (result,) = await smtp.send(MAIL_ME.address, ["tomas@wharf.test"], MESSAGE)
    assert result.result is SubmissionResult.TEMPORARY


async def test_the_account_begins_with_mail_of_every_kind(world: World) -> None:
    services = Services(world.profile, load(world.profile.config))
    try:
        account = services.account_book.find(MAIL_ACCOUNT)
        assert account.address == MAIL_ME.address
        services.index.scan()
        rows = [row for row in services.index.messages(View(), 1000) if row.account == account.directory]
        assert len(rows) >= email_count()
        known = {person.address for person in mail_people().values()} | {MAIL_ME.address}
        assert {row.sender_address for row in rows} <= known
        conversation = {row.thread for row in rows if "boat on Saturday" in row.subject}
        assert len(conversation) == 1
    finally:
        services.close()


def test_a_world_of_before_there_was_e_mail_still_opens(tmp_path) -> None:
    root = tmp_path / "world"
    root.mkdir()
    (root / "world.json").write_text('{"port": 1, "ports": {}}')
    world = open_world(root, now=0.0)
    assert (world.mail_port, world.imap_port) == (0, 0)
