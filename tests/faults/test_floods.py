"""Strangers open more connections than the system has files for; honest messages get through all the same."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import resource
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from flood import flooding
from peers import Peer, message, person

from misfin.store.identities import IdentityStore
from misfin.store.mail.maildir import MailStore

ADA = person("ada@localhost Ada")
TAKEN = f"20 {ADA.info.fingerprints.cert}\r\n".encode()
PATIENCE = 120.0
MOST = 100
"""Handshakes that a flood waits for at once: with those that need none, half of the system's queue."""
# The program, patient with clients that connected before a flood: a busy machine may let them wait long.
PROGRAM = """
import sys
from misfin.net.service import ReceiverSettings
from misfin_tui.cli import main

made = ReceiverSettings.__init__
patient = {"header_timeout": 600.0, "idle_timeout": 600.0}
ReceiverSettings.__init__ = lambda self, *args, **how: made(self, *args, **{**how, **patient})
sys.exit(main())
"""
_numbers = itertools.count()


@dataclass
class Child:
    """A whole receiver in a process with a file limit of its own."""

    port: int
    process: asyncio.subprocess.Process
    complaints: Path
    profile: Path

    def lines(self) -> list[str]:
        return self.complaints.read_text().splitlines()

    def stored(self) -> int:
        return len(MailStore(self.profile / "mail").folder("ada@localhost", "Inbox").list())

    def files(self) -> int:
        return int(Path(f"/proc/{self.process.pid}/limits").read_text().split("Max open files")[1].split()[0])


async def start(profile: Path, soft: int, hard: int) -> tuple[asyncio.subprocess.Process, Path]:
    IdentityStore(profile / "identities").save(ADA)
    (profile / "config.toml").write_text('[verification]\nmode = "off"\n')
    complaints = profile / "stderr"
    with complaints.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", PROGRAM, "--profile", str(profile)),
            *("receive", "--listen", "127.0.0.1:0", "--json"),
            stdout=subprocess.PIPE,
            stderr=stderr,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard)),
        )
    return process, complaints


@asynccontextmanager
async def receiver(profile: Path, files: int, hard: int | None = None) -> AsyncIterator[Child]:
    process, complaints = await start(profile, files, hard or files)
    try:
        assert process.stdout is not None
        ready = await asyncio.wait_for(process.stdout.readline(), PATIENCE)
        (address,) = json.loads(ready)["listening"]
        yield Child(int(address.rpartition(":")[2]), process, complaints, profile)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.communicate()


async def knock(child: Child, sender: int) -> Peer:
    """A handshake from a network that nobody has come from before."""
    number = next(_numbers)
    source = f"127.{200 + number // 250}.{number % 250}.1"
    identity = person(f"bea{sender}@hive.test Bea")
    peer = await asyncio.wait_for(Peer.connect(child.port, identity, source=source), PATIENCE)
    peer.flush()  # or the end of the handshake would wait for the request
    return peer


async def say(peer: Peer) -> bytes:
    return await asyncio.wait_for(peer.ask(message("ada@localhost", f"Message {next(_numbers)}")), PATIENCE)


async def say_later(peer: Peer) -> bytes:
    """As somebody who is slow to begin, but not as slow as all the answers of others together."""
    await asyncio.sleep(0.2)
    return await say(peer)


@pytest.mark.parametrize(("files", "rounds"), [(256, 8), (1024, 8), (8192, 4)])
async def test_every_honest_message_is_taken_during_a_flood(tmp_path, files, rounds):
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < files:
        pytest.skip(f"the system lets nobody have {files} files")
    async with receiver(tmp_path / "profile", files) as child:
        before = [await knock(child, 0) for _ in range(2 * rounds)]
        with flooding(child.port, most=MOST) as flood:
            answers = []
            for turn in range(rounds):
                fresh = await asyncio.gather(*(knock(child, turn) for _ in range(4)))
                meanwhile = [before.pop(), before.pop(), *fresh[:2]]
                answers += await asyncio.gather(*map(say, meanwhile), *map(say_later, fresh[2:]))
            after = flood.report()
        assert answers == [TAKEN] * 6 * rounds
        assert child.stored() == len(answers)
        assert len(child.lines()) < 100
        assert after["opened"] >= 2000


async def test_a_flood_from_two_thousand_networks_keeps_neither_newcomers_nor_earlier_ones_out(tmp_path):
    async with receiver(tmp_path / "profile", 1024) as child:
        before = [await knock(child, 0) for _ in range(8)]
        with flooding(child.port, networks=2000, most=MOST):
            answers = []
            for turn in range(8):
                answers.append(await say(before.pop()))
                answers.append(await say(await knock(child, turn)))
        assert answers == [TAKEN] * 16


async def test_the_soft_limit_is_raised_as_far_as_the_hard_one(tmp_path):
    async with receiver(tmp_path / "profile", 256, 1024) as child:
        assert child.files() == 1024


async def test_with_64_files_receiving_is_refused_in_one_sentence_that_says_what_to_do(tmp_path):
    process, complaints = await start(tmp_path / "profile", 64, 64)
    out, _ = await process.communicate()
    assert (process.returncode, out) == (2, b"")
    (line,) = complaints.read_text().splitlines()
    assert "needs 160 open files at once, but the system allows this process 64." in line
    assert "`ulimit -n 1024`" in line
