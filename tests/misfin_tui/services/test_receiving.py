"""The receiver beside the app: started, adopted, ended, and its death is told."""

from __future__ import annotations

import asyncio
import os
import signal
import socket

import pytest
from desk import ALICE, at_desk, make_profile, notices, on_screen, until
from freeports import free_port

from misfin.post.source import SourceState, SourceStatus
from misfin_tui import config
from misfin_tui.messages import Problem, SourceChanged
from misfin_tui.services import Services, receiving
from misfin_tui.services.receiving import Receiving

SETTINGS = """
[receive]
listen = ["127.0.0.1:0"]
"""


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """However busy the machine is, a child has the time to start."""
    monkeypatch.setattr(receiving, "READY_WITHIN", 60.0)


@pytest.fixture
def profile(profile_root):
    return make_profile(profile_root, settings=SETTINGS)


@pytest.fixture
def told() -> list[object]:
    return []


@pytest.fixture
def services(profile, told):
    made = Services(profile, config.load(profile.config), told.append)
    yield made
    made.close()


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def eventually(holds) -> None:
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.02)


async def test_the_child_listens_until_it_is_stopped(services, told):
    state = await services.receiving.start()
    try:
        assert state.running, state
        assert not state.adopted
        (address,) = state.addresses
        assert await asyncio.to_thread(listens, port_of(address))
        assert (await services.receiving.start()) == state
    finally:
        await services.receiving.stop()
    assert not (await services.receiving.state()).running
    assert not await asyncio.to_thread(listens, port_of(address))
    assert sum(isinstance(message, SourceChanged) for message in told) == 2


async def test_a_child_that_is_killed_is_missed(services, told):
    await services.receiving.start()
    told.clear()
    os.kill(services.receiving._child.pid, signal.SIGKILL)
    await eventually(lambda: told)
    state = await services.receiving.state()
    assert not state.running
    assert "signal 9" in state.error
    (problem,) = [message for message in told if isinstance(message, Problem)]
    assert "signal 9" in problem.text
    assert (await services.receiving.start()).running
    await services.receiving.stop()


async def test_a_receiver_that_runs_already_is_adopted_and_left_alone(services, profile, told):
    await services.receiving.start()
    other = Receiving(services)
    state = await other.start()
    assert state.adopted
    assert state.addresses == (await services.receiving.state()).addresses
    await other.stop()
    assert listens(port_of(state.addresses[0]))
    await services.receiving.stop()


async def test_why_it_cannot_start_is_said(profile, told):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        profile.config.write_text(f'[receive]\nlisten = ["127.0.0.1:{port}"]\n')
        services = Services(profile, config.load(profile.config), told.append)
        state = await services.receiving.start()
        services.close()
    assert not state.running
    assert str(port) in state.error


async def test_the_status_line_follows_the_receiver(profile):
    async with at_desk(profile, (120, 30)) as (app, pilot):
        await on_screen(pilot, "● receiving on :")
        os.kill(app.services.receiving._child.pid, signal.SIGKILL)
        await on_screen(pilot, "○ not receiving")
        await pilot.press("f9")
        await on_screen(pilot, "● receiving on :")
        await pilot.press("f9")
        await until(pilot, lambda: "Mail is no longer being received here." in notices(app))
        await on_screen(pilot, "○ not receiving")


async def test_other_settings_start_it_again(profile):
    async with at_desk(profile, (120, 30)) as (app, pilot):
        await on_screen(pilot, "● receiving on :")
        first = app.services.receiving._child.pid
        port = free_port()
        profile.config.write_text(f'[receive]\nlisten = ["127.0.0.1:{port}"]\n')
        await on_screen(pilot, f"● receiving on :{port}")
        assert app.services.receiving._child.pid != first
        profile.config.write_text("[receive]\nlisten = 7\n")
        await until(pilot, lambda: any("config.toml, line 2" in each for each in notices(app)))
        await on_screen(pilot, f"● receiving on :{port}")
    assert ALICE


async def test_whether_a_first_use_is_asked_about_reaches_the_receiver_too(profile):
    async with at_desk(profile, (120, 30)) as (app, pilot):
        await on_screen(pilot, "● receiving on :")
        first = app.services.receiving._child.pid
        app.use_config(config.parse(f'{SETTINGS}[trust]\nfirst_use = "ask"\n'))
        await until(
            pilot, lambda: (child := app.services.receiving._child) is not None and child.pid != first
        )
        await on_screen(pilot, "● receiving on :")


async def test_the_status_line_shows_the_source_that_is_worst_off(profile):
    async with at_desk(profile, (120, 30)) as (app, pilot):
        await on_screen(pilot, "● receiving on :")
        sources = app.services.sources
        sources.report(SourceStatus("work", SourceState.RUNNING, "in sync"))
        sources.report(SourceStatus("home", SourceState.WAITING, "offline, tries again in 1 min"))
        await on_screen(pilot, "○ home: offline, tries again in 1 min")
        sources.report(SourceStatus("work", SourceState.FAILED, "the password was refused"))
        await on_screen(pilot, "○ work: the password was refused")
        sources.report(SourceStatus("work", SourceState.RUNNING, "in sync"))
        await on_screen(pilot, "○ home: offline")
        sources.report(SourceStatus("home", SourceState.RUNNING, "in sync"))
        await on_screen(pilot, "● receiving on :")


def test_news_of_one_source_does_not_replace_that_of_another():
    first = SourceChanged("work", SourceState.WAITING, "offline")
    assert first.can_replace(SourceChanged("work", SourceState.RUNNING, "in sync"))
    assert not first.can_replace(SourceChanged("", SourceState.RUNNING, "receiving"))


async def test_what_is_said_twice_is_news_once(services, told):
    status = SourceStatus("work", SourceState.WAITING, "offline")
    services.sources.report(status)
    services.sources.report(status)
    assert [(each.account, each.state, each.sentence) for each in told] == [
        ("work", SourceState.WAITING, "offline")
    ]
