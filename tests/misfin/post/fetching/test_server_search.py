"""Searching on a server for what is not here, and opening it: nothing is doubled, and it stays."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from gmailbox import ALL, GmailMailboxes, GmailSession
from hostedmail import PASSWORD, USER, Hosted, ProviderDesk, client_of
from syncdesk import text

from misfin.email.incoming import IncomingClient
from misfin.email.sasl import Credentials
from misfin.errors import ConnectError, MisfinError, QueryError, StoreError
from misfin.post.fetching.connecting import Connected
from misfin.post.fetching.server_search import FoundOnServer, OpenConnection, known_folders, search
from misfin.post.imap.remote import ImapRemote
from misfin.post.imap.session import ImapSession as ClientSession
from misfin.post.sync.opening import ask_for, opened
from misfin.post.sync.settings import SyncSettings
from misfin.store.search.query import parse
from misfin_tui.demo.imap.mailboxes import Mailboxes, NewHosted
from misfin_tui.demo.imap.opened import RefusedError
from misfin_tui.demo.imap.session import ImapSession

DAY = 86_400.0


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[ProviderDesk]:
    hosted = Hosted(Mailboxes(None))
    async with hosted.listening():
        yield ProviderDesk(tmp_path, hosted)


async def found(desk: ProviderDesk, query: str = "", folder: str | None = None) -> FoundOnServer:
    known = known_folders(desk.state)
    async with client_of(desk.hosted) as remote:
        node = parse(query, now=desk.now).root
        return await search(remote, known, node, account="work", folder=folder)


def large(number: int) -> bytes:
    return text(number, b"the boat " + b"x" * 5000)


async def open_there(desk: ProviderDesk, message) -> str | None:  # type: ignore[no-untyped-def]
    ask_for(desk.state, message.folder, message.epoch, message.id, message.size, desk.now)
    assert opened(desk.state, message.folder, message.id) == ""
    await desk.settle()
    return opened(desk.state, message.folder, message.id)


async def test_what_is_here_is_not_found_there(desk: ProviderDesk):
    desk.settings = SyncSettings("work", fetch_up_to=1000)
    desk.put("INBOX", text(1, b"a boat"), large(2), text(3), large(4))
    await desk.settle()
    result = await found(desk, "boat")
    assert [(each.subject, each.folder, each.unread) for each in result.messages] == [
        ("4", "Inbox", True),
        ("2", "Inbox", True),
    ]
    assert result.total == 2
    assert (await found(desk, "subject:4")).total == 1
    assert (await found(desk, "in:Sent boat")).total == 0
    assert not [line for line in desk.hosted.lines if "BODY.PEEK[])" in line and "UID FETCH 2" in line]


async def test_opening_fetches_and_stores_it_once(desk: ProviderDesk):
    desk.settings = SyncSettings("work", fetch_up_to=1000)
    desk.put("INBOX", large(1), large(2))
    await desk.settle()
    assert desk.here() == {}
    (_, message) = (await found(desk)).messages
    key = await open_there(desk, message)
    assert [entry.key for entry in desk.files()] == [key]
    assert desk.here() == {large(1): 1}
    assert (await found(desk)).total == 1
    await desk.settle()
    assert desk.on_server("INBOX") == {large(1): 1, large(2): 1}


async def test_an_old_message_that_was_opened_stays(desk: ProviderDesk):
    desk.settings = SyncSettings("work", keep=30 * DAY)
    desk.hosted.mailboxes.add(
        [NewHosted("INBOX", text(n), (), desk.now - age * DAY) for n, age in ((1, 400), (2, 300), (3, 1))]
    )
    await desk.settle()
    assert desk.here() == {text(3): 1}
    result = await found(desk, folder="Inbox")
    assert [each.subject for each in result.messages] == ["2", "1"]
    await open_there(desk, result.messages[0])
    desk.now += 10 * DAY
    await desk.settle()
    await desk.settle()
    assert desk.here() == {text(2): 1, text(3): 1}
    assert desk.on_server("INBOX") == {text(1): 1, text(2): 1, text(3): 1}


async def test_what_is_gone_meanwhile_is_said(desk: ProviderDesk):
    desk.settings = SyncSettings("work", fetch_up_to=1000)
    desk.put("INBOX", large(1))
    await desk.settle()
    (message,) = (await found(desk)).messages
    desk.hosted.mailboxes.remove("INBOX", [1])
    assert await open_there(desk, message) is None
    with pytest.raises(StoreError, match="changed"):
        ask_for(desk.state, "Inbox", "9", "1", 0, desk.now)


async def test_gmail_finds_each_message_once_and_nothing_that_is_here(tmp_path: Path):
    boxes = GmailMailboxes(["Work"])
    hosted = Hosted(boxes, GmailSession)
    async with hosted.listening():
        desk = ProviderDesk(tmp_path, hosted)
        desk.settings = SyncSettings("work", fetch_up_to=1000)
        desk.put("INBOX", text(1, b"boat"), large(2))
        desk.put(ALL, large(3))
        await desk.settle()
        result = await found(desk, "boat")
        assert sorted((each.subject, each.folder) for each in result.messages) == [
            ("2", "Inbox"),
            ("3", "Archive"),
        ]
        assert any("X-GM-RAW" in line for line in hosted.lines)


async def test_a_broad_search_at_gmail_reads_labels_piece_by_piece_and_not_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("misfin.post.imap.finding.LABELS_READ", 2)
    monkeypatch.setattr("misfin.post.imap.finding.LABELS_READ_AT_MOST", 4)
    hosted = Hosted(GmailMailboxes([]), GmailSession)
    async with hosted.listening():
        desk = ProviderDesk(tmp_path, hosted)
        desk.settings = SyncSettings("work", fetch_up_to=1000)
        desk.put(ALL, *map(large, range(1, 6)))
        await desk.settle()
        hosted.lines.clear()
        result = await found(desk, "boat")
        assert [each.subject for each in result.messages] == ["5", "4", "3", "2"]
        newest, older = [line for line in hosted.lines if "X-GM-LABELS" in line]
        assert "UID FETCH 4:5 " in newest
        assert "UID FETCH 2:3 " in older


async def test_a_folder_that_cannot_be_searched_does_not_hide_the_others(desk: ProviderDesk):
    desk.settings = SyncSettings("work", fetch_up_to=1000)
    desk.put("INBOX", large(1))
    await desk.settle()
    desk.hosted.make = _Refusing
    result = await found(desk)
    assert [each.subject for each in result.messages] == ["1"]
    assert any(each.startswith("Sent: ") for each in result.refused)


class _Refusing(ImapSession):
    def do_search(self, rest, tag):  # type: ignore[no-untyped-def]
        if self.open.folder.name == "Sent":
            raise RefusedError("[INUSE] not now")
        return super().do_search(rest, tag)


# ---- the connection


class Connections:
    """Counts, and says in which thread."""

    def __init__(self, hosted: Hosted) -> None:
        self.hosted = hosted
        self.clients: list[IncomingClient] = []
        self.threads: set[str] = set()

    async def connect(self) -> Connected:
        self.threads.add(threading.current_thread().name)
        client = IncomingClient(
            self.hosted.server,
            context=ssl.create_default_context(),
            credentials=Credentials(USER, PASSWORD),
        )
        await client.connect()
        await client.log_in()
        remote = ImapRemote(ClientSession(client.line), {})
        await remote.begin()
        self.clients.append(client)
        return Connected(client, remote)


async def names(remote: ImapRemote) -> list[str]:
    return [folder.name for folder in await remote.folders()]


async def test_a_connection_is_opened_once_off_the_loop_and_closed_after_a_rest(desk: ProviderDesk):
    made = Connections(desk.hosted)
    connection = OpenConnection(made.connect)
    assert "INBOX" in await connection.use(names)
    connection._rest = 0.2
    assert "INBOX" in await connection.use(names)
    assert len(made.clients) == 1
    assert made.threads == {"server search"}
    async with asyncio.timeout(60):
        while made.clients[0]._line is not None:
            await asyncio.sleep(0.02)
        while not desk.hosted.lines[-1].endswith("LOGOUT"):  # on its way: its answer is not waited for
            await asyncio.sleep(0.02)
    await connection.use(names)
    assert len(made.clients) == 2
    await connection.close()
    await connection.close()


async def test_a_use_that_is_cancelled_ends_the_connection_and_the_next_has_a_new_one(desk: ProviderDesk):
    made = Connections(desk.hosted)
    connection = OpenConnection(made.connect)
    began = threading.Event()

    async def forever(_remote: ImapRemote) -> None:
        began.set()
        await asyncio.sleep(60)

    task = asyncio.create_task(connection.use(forever))
    await asyncio.to_thread(began.wait, 60)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert "INBOX" in await connection.use(names)
    assert len(made.clients) == 2
    await connection.close()


async def test_a_search_that_cannot_be_understood_leaves_the_connection_alone(desk: ProviderDesk):
    made = Connections(desk.hosted)
    connection = OpenConnection(made.connect)
    await desk.settle()
    known = known_folders(desk.state)
    with pytest.raises(QueryError):
        await connection.use(lambda remote: search(remote, known, parse("is:held", now=0).root))
    await connection.use(names)
    assert len(made.clients) == 1
    await connection.close()


async def test_offline_is_an_error(desk: ProviderDesk):
    hosted = replace_port(desk.hosted)
    connection = OpenConnection(Connections(hosted).connect)
    with pytest.raises(MisfinError) as caught:
        await connection.use(names)
    assert isinstance(caught.value, ConnectError)
    await connection.close()


def replace_port(hosted: Hosted) -> Hosted:
    other = Hosted(hosted.mailboxes)
    other.port = 1
    return other
