"""The app has e-mail fetched by a child process, or by one that runs already, and hears its states."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from dovecot import PASSWORD, Dovecot, running
from imapdesk import other_client, texts
from mailprofile import make_mail_profile

from misfin.post.fetching.lock import FetchLock, fetcher
from misfin.post.source import SourceState, SourceStatus
from misfin_tui.config import load
from misfin_tui.paths import profile_at
from misfin_tui.services import Services


@pytest.fixture
def dovecot() -> Iterator[Dovecot]:
    with running() as found:
        found.put(*texts(3))
        yield found


@pytest.fixture
def services(tmp_path, dovecot, monkeypatch) -> Iterator[Services]:
    made = make_mail_profile(
        tmp_path,
        "smtps://ada@localhost:1",
        password=PASSWORD,
        ca_file=dovecot.cert,
        more=f'imap = "imaps://ada@localhost:{dovecot.imaps}"\n',
    )
    monkeypatch.setenv("ADA_PASSWORD", PASSWORD)
    profile = profile_at(made.root)
    services = Services(profile, load(profile.config))
    yield services
    services.close()


async def until(services: Services, sentence: str) -> SourceStatus:
    async with asyncio.timeout(60):
        while True:
            worst = services.sources.worst()
            if worst is not None and worst.sentence == sentence:
                return worst
            await asyncio.sleep(0.05)


async def test_a_child_fetches_reports_and_ends_with_the_app(services, dovecot):
    await services.fetching.start()
    status = await until(services, "in sync")
    assert (status.account, status.state) == ("work", SourceState.RUNNING)
    inbox = services.profile.mail / "work"
    assert len([*(inbox / "new").iterdir(), *(inbox / "cur").iterdir()]) == 3
    with other_client(dovecot) as client:
        client.append("INBOX", "", None, b"Subject: new\r\n\r\nnew\r\n")
    services.fetching.look_now()
    async with asyncio.timeout(60):
        while len([*(inbox / "new").iterdir(), *(inbox / "cur").iterdir()]) < 4:
            await asyncio.sleep(0.05)
    await services.fetching.stop()
    assert fetcher(services.profile.runtime) is None


async def test_a_process_that_fetches_already_is_used_and_stays(services):
    lock = FetchLock(services.profile.runtime)
    try:
        lock.note([SourceStatus("work", SourceState.WAITING, "the server is away")])
        await services.fetching.start()
        status = await until(services, "the server is away")
        assert status.state is SourceState.WAITING
        await services.fetching.stop()
        assert fetcher(services.profile.runtime) is not None
    finally:
        lock.release()


async def test_without_an_account_to_fetch_nothing_is_started(tmp_path):
    services = Services(profile_at(tmp_path), load(tmp_path / "config.toml"))
    await services.fetching.start()
    services.fetching.look_now()
    assert services.sources.worst() is None
    await services.fetching.stop()
