"""A mailbox fetched from our server of mailboxes by our client, over real TLS on loopback.

    python tests/benchmarks/bench_gmap.py [MESSAGES [ROUNDS]]

10,000 messages of 1 KiB are fetched for the first time: listed, read one by one with a connection for each,
as the protocol wants, at most four at a time, and stored durably and sealed, as ``misfin-tui fetch`` does.
The rate is from the first request to the last file on the disk; with two processors, server and client have
one each. Goals: 500 messages a second; two requests for a poll of a mailbox that has not changed.
"""

from __future__ import annotations

import asyncio
import contextlib
import cProfile
import os
import pstats
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "helpers"), str(HERE.parents[1] / "src"), str(HERE)]

from bench_receiver import LOAD_CPU, SERVER_CPU, pinned, unspoilt  # noqa: E402 - to be found on that path

MESSAGES, GOAL, POLL_GOAL = 10_000, 500, 2
BOX = "ada@mail.test"
LINE = "What grows in the garden this week, and what eats it, row by row.\n"


def make_mailbox(root: Path, count: int) -> None:
    """A profile with one mailbox, full of messages that nobody has read."""
    from misfin.model.address import MisfinAddress
    from misfin.model.gemmail import Version
    from misfin.store.identities import IdentityStore
    from misfin.store.mail.maildir import MailStore
    from misfin.store.message.envelope import wrap
    from misfin.trust.identity import generate

    now = datetime.now(UTC)
    address = MisfinAddress.parse(f"{BOX} Ada")
    IdentityStore(root / "identities").save(generate(address, now=now))
    store = MailStore(root / "mail")
    store.create(BOX)
    folder = store.folder(BOX)
    for start in range(0, count, 500):
        folder.deliver_many(
            [
                wrap(
                    f"bea@hive.test Bea\n\n2026-03-02T10:00:00Z\n# Message {number}\n\n{LINE * 15}".encode(),
                    version=Version.C,
                    account=address,
                    now=now,
                )
                for number in range(start, min(start + 500, count))
            ]
        )


async def serve(root: Path) -> None:
    from misfin.net.limits import LimitSettings
    from misfin.post.gmap.host import MailboxHost, MailboxHostSettings

    host = MailboxHost(
        MailboxHostSettings(
            (("127.0.0.1", 0),), root / "identities", root / "mail", limits=LimitSettings(enable=False)
        )
    )
    ((_, port),) = await host.start()
    print(port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await host.stop()


@contextlib.contextmanager
def server(root: Path) -> Iterator[tuple[int, int]]:
    """The server of mailboxes in a process of its own, until its standard input ends; its port and its id."""
    command = [*pinned(SERVER_CPU), sys.executable, __file__, "--serve", str(root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline()), process.pid
        finally:
            process.stdin.close()


def processor_seconds(process: int) -> float:
    """What a process has used; 0 where the system does not say."""
    try:
        words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


async def fetch(root: Path, port: int, here: Path) -> dict[str, float]:
    """Fetch everything into a new profile, then ask if there is anything new."""
    from misfin.gmap.client import GmapClient
    from misfin.model.account import Account, Kind
    from misfin.model.address import MisfinAddress
    from misfin.post.gmap.remote import GmapRemote
    from misfin.post.gmap.stamping import stamper
    from misfin.post.inbox import LocalInbox
    from misfin.post.sync.passes import run_pass
    from misfin.post.sync.settings import SyncMemory, SyncSettings
    from misfin.post.sync.state import SyncState
    from misfin.store.identities import IdentityStore
    from misfin.store.mail.maildir import MailStore
    from misfin.store.seals import Seals
    from misfin.trust.pins import PinBook

    identity = IdentityStore(root / "identities").load(BOX)
    directory = Account("away", Kind.GMAP, BOX).directory
    store, seals = MailStore(here / "mail"), Seals(here / "mail")
    store.create(directory)
    seals.open()
    state, memory = SyncState(here / "sync" / "away.db"), SyncMemory()
    client = GmapClient("mail.test", port, identity, PinBook(here / "trust.db"), connect=("127.0.0.1", port))
    remote = GmapRemote(client, stamper(MisfinAddress.parse(BOX), "mail.test", seals))
    inbox, settings = LocalInbox(store), SyncSettings(directory)
    begun, cpu, arrived = time.perf_counter(), time.process_time(), 0
    while True:
        result = await run_pass(remote, state, inbox, settings, memory, now=time.time)
        arrived += result.arrived
        if not (result.again or result.again_in or result.arrived):
            break
        took, used = time.perf_counter() - begun, time.process_time() - cpu
    before = client.requests
    assert not await remote.changed()
    state.close()
    files = len(store.folder(directory).list())
    assert files == arrived, (files, arrived)
    return {"messages": files, "seconds": took, "cpu": used, "poll": client.requests - before}


def main(count: int = MESSAGES, rounds: int = 3, profile: bool = False) -> int:
    """Print what was measured; 0 unless something broke."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        root = unspoilt(home)
        make_mailbox(root, count)
        if LOAD_CPU is not None:
            os.sched_setaffinity(0, {LOAD_CPU})
        found = []
        with server(root) as (port, process):
            for _ in range(rounds):
                before = processor_seconds(process)
                profiler = cProfile.Profile() if profile else contextlib.nullcontext()
                with profiler:
                    found.append(asyncio.run(fetch(root, port, unspoilt(home))))
                found[-1]["server"] = processor_seconds(process) - before
                if profile:
                    pstats.Stats(profiler).sort_stats("tottime").print_stats(30)
        assert all(each["messages"] == count for each in found), found
        rate = statistics.median(each["messages"] / each["seconds"] for each in found)
        cpu, theirs = (
            statistics.median(each[who] / each["messages"] for each in found) * 1000
            for who in ("cpu", "server")
        )
        poll = max(each["poll"] for each in found)
        print(f"first fetch of {count:,} messages {rate:7.0f} messages/s")
        print(f"             processor time for each: client {cpu:.2f} ms, server {theirs:.2f} ms")
        print(f"             goal {GOAL}: {'reached' if rate >= GOAL else 'MISSED'}")
        print(f"poll of an unchanged mailbox {poll:4.0f} requests   goal {POLL_GOAL}")
    return 0


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if arguments[:1] == ["--serve"]:
        asyncio.run(serve(Path(arguments[1])))
    else:
        profiled = "--profile" in arguments
        numbers = [int(each) for each in arguments if each != "--profile"]
        sys.exit(main(*numbers, profile=profiled))
