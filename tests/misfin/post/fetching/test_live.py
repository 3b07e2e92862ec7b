"""An account is kept in sync with a real Dovecot, through what happens to connections."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from dovecot import PASSWORD, USER, Dovecot, running
from imapdesk import other_client, texts
from scriptedmail import imap_answers, scripted_mail

from misfin.email.account import EmailAccount, MailProtocol, MailServer, Protection, SecretPlace, SecretRef
from misfin.post.fetching import localchanges
from misfin.post.fetching.emailsource import EmailSource
from misfin.post.inbox import LocalInbox
from misfin.post.source import SourceState, SourceStatus
from misfin.store.mail.maildir import MailStore
from misfin.trust.pins import PinBook


class Follower:
    """A source that runs, and what it says."""

    def __init__(self, root: Path, server: MailServer) -> None:
        self.store = MailStore(root / "mail")
        self.store.create("work")
        self.said: list[SourceStatus] = []
        secret = SecretRef(SecretPlace.ENV, "WORK_PASSWORD")
        account = EmailAccount("work", f"{USER}@localhost", incoming=server, password=secret)
        self.source = EmailSource(account, root / "sync", root / "mail" / "work", PinBook(root / "trust.db"))
        self.stop = asyncio.Event()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Follower]:
        task = asyncio.create_task(self.source.run(LocalInbox(self.store, self.said.append), self.stop))
        try:
            yield self
        finally:
            self.stop.set()
            await asyncio.wait_for(task, 20)

    def here(self, folder: str = "Inbox") -> int:
        return len(self.store.folder("work", folder).list())

    async def until(self, what: Callable[[], object]) -> None:
        async with asyncio.timeout(30):
            while not await asyncio.to_thread(what):
                await asyncio.sleep(0.02)

    def last(self) -> SourceStatus:
        return self.said[-1]


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
            subprocess.run(
                ["/usr/bin/doveadm", "-c", dovecot.base / "dovecot.conf", "kick", USER],
                check=False,
                capture_output=True,
            )
            with other_client(dovecot) as client:
                client.append("INBOX", "", None, b"Subject: new\r\n\r\nnew\r\n")
            await follower.until(lambda: follower.here() == 2)


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
