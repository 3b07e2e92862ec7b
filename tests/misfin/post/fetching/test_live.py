"""An account is kept in sync with a real Dovecot, through what happens to connections."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from unittest.mock import Mock

import pytest
from dovecot import PASSWORD, USER, Dovecot, running
from imapdesk import other_client, texts
from lines import BadLine
from scriptedmail import imap_answers, scripted_mail

from misfin.email.account import EmailAccount, MailProtocol, MailServer, Protection, SecretPlace, SecretRef
from misfin.errors import LocalProtocolError
from misfin.post.fetching import emailsource, localchanges
from misfin.post.fetching.emailsource import EmailSource
from misfin.post.fetching.live import LiveAccount, Rhythm
from misfin.post.imap import watching
from misfin.post.inbox import LocalInbox
from misfin.post.source import SourceState, SourceStatus
from misfin.post.sync.lock import SyncLock
from misfin.store.mail.maildir import MailStore
from misfin.trust.pins import PinBook
from misfin.trust.refusal import TrustError


class Follower:
    """A source that runs, and what it says."""

    def __init__(self, root: Path, server: MailServer) -> None:
        self.store = MailStore(root / "mail")
        self.store.create("work")
        self.said: list[SourceStatus] = []
        secret = SecretRef(SecretPlace.ENV, "WORK_PASSWORD")
        account = EmailAccount("work", f"{USER}@localhost", incoming=server, password=secret)
        self.slept = 0.0
        """Seconds that only the clock on the wall has counted."""
        pins = PinBook(root / "trust.db")
        self.source = EmailSource(
            account, root / "sync", root / "mail" / "work", pins, now=lambda: time.time() + self.slept
        )
        self.stop = asyncio.Event()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Follower]:
        task = asyncio.create_task(self.source.run(LocalInbox(self.store, self.said.append), self.stop))
        try:
            yield self
        finally:
            self.stop.set()
            await asyncio.wait_for(task, 120)

    def here(self, folder: str = "Inbox") -> int:
        return len(self.store.folder("work", folder).list())

    async def until(self, what: Callable[[], object]) -> None:
        async with asyncio.timeout(120):
            while not await asyncio.to_thread(what):
                await asyncio.sleep(0.02)

    def last(self) -> SourceStatus:
        return self.said[-1]


@pytest.fixture
def watches(monkeypatch: pytest.MonkeyPatch) -> list[watching.ServerWatch]:
    """The watches that have begun: from then on a server can report changes."""
    begun: list[watching.ServerWatch] = []
    original = watching.ServerWatch.begin

    async def begin(self: watching.ServerWatch) -> None:
        await original(self)
        begun.append(self)

    monkeypatch.setattr(watching.ServerWatch, "begin", begin)
    return begun


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORK_PASSWORD", PASSWORD)
    monkeypatch.setattr(localchanges, "QUIET", 0.1)


def server_of(dovecot: Dovecot, user: str = USER) -> MailServer:
    return MailServer(MailProtocol.IMAP, "localhost", dovecot.imap, Protection.NONE, user)


async def test_changes_on_either_side_arrive_by_themselves(tmp_path):
    with running() as dovecot:
        dovecot.put(*texts(3))
        async with Follower(tmp_path, server_of(dovecot)).running() as follower:
            await follower.until(lambda: follower.here() == 3 and follower.last().sentence == "in sync")
            with other_client(dovecot) as client:
                client.append("INBOX", "", None, b"Subject: new\r\n\r\nnew\r\n")
                await follower.until(lambda: follower.here() == 4)
                client.append("Sent", "", None, b"Subject: sent\r\n\r\nsent\r\n")
                await follower.until(lambda: follower.here("Sent") == 1)
                entry = follower.store.folder("work", "Inbox").list()[0]
                follower.store.folder("work", "Inbox").move(entry.key, follower.store.folder("work", "Trash"))
                await follower.until(lambda: int(client.select("Trash")[1][0]) == 1)
        assert follower.last().state is SourceState.STOPPED


async def test_a_line_that_was_cut_is_made_again(tmp_path):
    with running() as dovecot:
        dovecot.put(*texts(1))
        async with Follower(tmp_path, server_of(dovecot)).running() as follower:
            await follower.until(lambda: follower.here() == 1 and follower.last().sentence == "in sync")
            kicked = subprocess.run(
                ["/usr/bin/doveadm", "-c", dovecot.base / "dovecot.conf", "kick", USER],
                check=False,
                capture_output=True,
                text=True,
            )
            assert (kicked.returncode, kicked.stderr) == (0, ""), kicked
            await follower.until(lambda: SourceState.WAITING in {each.state for each in follower.said})
            with other_client(dovecot) as client:
                client.append("INBOX", "", None, b"Subject: new\r\n\r\nnew\r\n")
            await follower.until(lambda: follower.here() == 2)


@pytest.mark.parametrize("slept", [3600.0, -7200.0], ids=["asleep for an hour", "put back two hours"])
async def test_a_silent_line_is_noticed_when_the_clock_has_jumped(tmp_path, monkeypatch, watches, slept):
    monkeypatch.setattr(watching, "ANSWERS_WITHIN", 0.5)
    monkeypatch.setitem(LiveAccount.__init__.__kwdefaults__, "rhythm", Rhythm(tick=0.1))
    with running() as dovecot, BadLine(dovecot.imap) as line:
        dovecot.put(*texts(1))
        server = MailServer(MailProtocol.IMAP, "localhost", line.port, Protection.NONE, USER)
        async with Follower(tmp_path, server).running() as follower:
            await follower.until(lambda: follower.here() == 1 and follower.last().sentence == "in sync")
            await follower.until(lambda: watches)
            line.silence()
            with other_client(dovecot) as client:
                client.append("INBOX", "", None, b"Subject: new\r\n\r\nnew\r\n")
            await asyncio.sleep(1)
            assert follower.here() == 1  # nobody can know
            follower.slept = slept
            await follower.until(lambda: follower.here() == 2)


async def test_a_certificate_is_looked_at_again_when_the_clock_has_been_set(tmp_path, monkeypatch):
    """One that is not valid yet may only be so because the clock was wrong; nothing was sent to anybody."""
    monkeypatch.setitem(LiveAccount.__init__.__kwdefaults__, "rhythm", Rhythm(tick=0.1))
    tries: list[float] = []
    original = emailsource.connect

    async def connect(*arguments: object, **more: object) -> object:
        tries.append(follower.slept)
        if not follower.slept:
            raise TrustError("not valid yet", hostname="localhost", port=1, certificate=Mock())
        return await original(*arguments, **more)

    monkeypatch.setattr(emailsource, "connect", connect)
    with running() as dovecot:
        dovecot.put(*texts(1))
        follower = Follower(tmp_path, server_of(dovecot))
        async with follower.running():
            await follower.until(lambda: follower.said and follower.last().state is SourceState.FAILED)
            await asyncio.sleep(0.5)
            assert tries == [0.0]
            follower.slept = 3600.0
            await follower.until(lambda: follower.here() == 1)


async def test_a_command_at_the_wrong_moment_costs_only_the_connection(tmp_path, monkeypatch):
    tries: list[int] = []
    original = emailsource.connect

    async def connect(*arguments: object, **more: object) -> object:
        tries.append(1)
        if len(tries) == 1:
            raise LocalProtocolError("NOOP is not possible in the state 'logging out'.")
        return await original(*arguments, **more)

    monkeypatch.setattr(emailsource, "connect", connect)
    with running() as dovecot:
        dovecot.put(*texts(1))
        async with Follower(tmp_path, server_of(dovecot)).running() as follower:
            await follower.until(lambda: follower.here() == 1)
    assert SourceState.WAITING in {each.state for each in follower.said}


async def test_a_message_is_here_at_once_and_those_that_follow_come_together(tmp_path, monkeypatch, watches):
    rhythm = Rhythm(gather=600.0)
    monkeypatch.setitem(LiveAccount.__init__.__kwdefaults__, "rhythm", rhythm)
    with running() as dovecot:
        dovecot.put(*texts(1))
        async with Follower(tmp_path, server_of(dovecot)).running() as follower:
            await follower.until(lambda: follower.here() == 1 and follower.last().sentence == "in sync")
            await follower.until(lambda: watches)
            with other_client(dovecot) as client:
                began = time.monotonic()
                client.append("INBOX", "", None, b"Subject: new\r\n\r\nnew\r\n")
                await follower.until(lambda: follower.here() == 2)  # long before the ten minutes are over
                object.__setattr__(rhythm, "gather", 2.0)
                client.append("INBOX", "", None, b"Subject: next\r\n\r\nnext\r\n")
                await follower.until(lambda: follower.here() == 3)
                assert time.monotonic() - began >= 2.0


async def test_an_account_that_another_program_syncs_waits_for_it(tmp_path, monkeypatch):
    monkeypatch.setattr("misfin.post.fetching.syncsource._ASK_AGAIN", 0.1)
    with running() as dovecot:
        dovecot.put(*texts(1))
        with SyncLock(tmp_path / "sync", "work"):
            follower = Follower(tmp_path, server_of(dovecot))
            task = asyncio.create_task(
                follower.source.run(LocalInbox(follower.store, follower.said.append), follower.stop)
            )
            await follower.until(lambda: follower.said)
            assert follower.last().state is SourceState.WAITING
            assert "Another" in follower.last().sentence
            assert follower.here() == 0
        await follower.until(lambda: follower.here() == 1)
        follower.stop.set()
        await asyncio.wait_for(task, 120)


async def test_a_wrong_password_is_not_tried_again_until_somebody_asks(tmp_path, monkeypatch):
    monkeypatch.setenv("WORK_PASSWORD", "wrong")
    answers = imap_answers(("LOGIN", b"%t NO [AUTHENTICATIONFAILED] no\r\n"))
    async with (
        scripted_mail(answers) as peer,
        Follower(tmp_path, peer.server).running() as follower,
    ):
        await follower.until(lambda: follower.said and follower.last().state is SourceState.FAILED)
        await asyncio.sleep(0.3)
        assert peer.connections == 1
        follower.source.look_now()
        await follower.until(lambda: peer.connections == 2)


async def test_a_server_that_is_busy_is_tried_again_and_is_not_a_failure(tmp_path):
    answers = imap_answers(("LOGIN", b"%t NO [UNAVAILABLE] later\r\n"))
    async with (
        scripted_mail(answers) as peer,
        Follower(tmp_path, peer.server).running() as follower,
    ):
        await follower.until(lambda: follower.said and follower.last().state is SourceState.WAITING)
        assert "later" in follower.last().sentence


async def test_a_drop_is_fetched_and_asked_again_when_somebody_asks(tmp_path):
    with running(pop3=True) as dovecot:
        dovecot.put(*texts(2))
        server = MailServer(MailProtocol.POP3, "localhost", dovecot.pop3, Protection.NONE, USER)
        async with Follower(tmp_path, server).running() as follower:
            await follower.until(lambda: follower.here() == 2 and follower.last().sentence == "in sync")
            with other_client(dovecot) as client:
                client.append("INBOX", "", None, b"Subject: new\r\n\r\nnew\r\n")
            follower.source.look_now()
            await follower.until(lambda: follower.here() == 3)
