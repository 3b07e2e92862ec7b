"""The receiver beside the app: started, adopted, watched, and never left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from misfin.model.address import MisfinAddress
from misfin.post.presence import running
from misfin.store.identities import IdentityStore
from misfin.trust.identity import generate
from misfin_tui.config import parse
from misfin_tui.paths import Profile, profile_at
from misfin_tui.services import Services

SETTINGS = '[receive]\nlisten = ["127.0.0.1:0"]\n'


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    made = profile_at(tmp_path / "profile")
    identity = generate(MisfinAddress.parse("ada@mail.example Ada"), now=datetime.now(UTC))
    IdentityStore(made.identities).save(identity)
    made.config.write_text(SETTINGS)
    return made


async def test_a_child_listens_and_ends_with_us(profile: Profile) -> None:
    told: list[object] = []
    services = Services(profile, parse(SETTINGS), told.append)
    state = await services.receiving.start()
    assert state.running
    assert not state.adopted
    assert state.addresses[0].startswith("127.0.0.1:")
    assert running(profile.runtime) is not None
    await services.receiving.stop()
    assert running(profile.runtime) is None
    assert len(told) == 2
    services.close()


async def test_one_that_runs_already_is_adopted_and_left_running(profile: Profile) -> None:
    command = [sys.executable, "-m", "misfin_tui", "--profile", str(profile.root), "receive"]
    other = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    assert other.stdout is not None
    await other.stdout.readline()
    services = Services(profile, parse(SETTINGS))
    state = await services.receiving.start()
    assert state.running
    assert state.adopted
    await services.receiving.stop()
    assert other.returncode is None
    other.terminate()
    assert await other.wait() == 0
    services.close()


async def test_a_child_that_dies_is_said_to_be_dead(profile: Profile) -> None:
    died = asyncio.Event()
    loop = asyncio.get_running_loop()
    services = Services(profile, parse(SETTINGS), lambda _message: loop.call_soon_threadsafe(died.set))
    await services.receiving.start()
    child = running(profile.runtime)
    assert child is not None
    os.kill(child.pid, signal.SIGKILL)
    async with asyncio.timeout(10):
        while (state := await services.receiving.state()).running:
            await died.wait()
            died.clear()
    assert state.error
    await services.receiving.stop()
    services.close()


async def test_why_it_does_not_start_is_said_in_words(tmp_path: Path) -> None:
    services = Services(profile_at(tmp_path / "nobody"), parse(SETTINGS))
    state = await services.receiving.start()
    assert not state.running
    assert "identity" in state.error
    services.close()


def test_a_killed_app_leaves_no_receiver_behind(profile: Profile) -> None:
    code = (
        "import asyncio, os, signal, sys\n"
        "from misfin_tui.paths import find_profile\n"
        "from misfin_tui.config import load\n"
        "from misfin_tui.services import Services\n"
        "async def main():\n"
        "    profile = find_profile(sys.argv[1])\n"
        "    await Services(profile, load(profile.config)).receiving.start()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(profile.root)], check=False)
    assert done.returncode == -signal.SIGKILL
    for _ in range(100):
        if running(profile.runtime) is None:
            return
        subprocess.run(["sleep", "0.1"], check=True)
    pytest.fail("the receiver outlived the app that started it")
