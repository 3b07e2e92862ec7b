"""Kill the receiver of a list's host while it sends, again and again, and count what the subscribers got.

``kill_list.py FOLDER ROUNDS``: each round posts a message and kills the program once some copies have gone;
then it runs to the end. Prints what was found as JSON; whatever is lost or doubled ends it with a traceback.
A copy that was cut off between its first byte and its answer is uncertain: it is there once or not at all,
and the outbox says so.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import AsyncExitStack, closing
from pathlib import Path

from freeports import free_port
from listhost import FAR, HIVE, LIST, LISTS, ListHost, make_hosts, until

from misfin.post.reception import serve
from misfin.store.hosting.posts import PostState
from misfin.store.mail.maildir import MailStore
from misfin.store.outgoing.outbox import DeliveryState, Outbox

READERS = 30
"""On each of two hosts."""


def host_in(folder: Path, ports: dict[str, int]) -> dict[str, ListHost]:
    return make_hosts(folder, ports)


def program(folder: Path, ports: dict[str, int]) -> None:
    """The host of the list, until it is killed."""
    settings = host_in(folder, ports)[LISTS].settings
    asyncio.run(serve(settings, ready=lambda _addresses: print("ready", flush=True)))


def start(folder: Path, ports: dict[str, int]) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, "--serve", str(folder), json.dumps(ports)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def gone(child: subprocess.Popen[str]) -> None:
    """Wait until a program that was killed is gone."""
    child.wait()
    assert child.stdout is not None
    child.stdout.close()


def arrived(hosts: dict[str, ListHost]) -> int:
    """How many copies lie in the inboxes of the readers."""
    count = 0
    for name in (HIVE, FAR):
        store = MailStore(hosts[name].root / "mail")
        count += sum(len(store.folder(each).list()) for each in hosts[name].people)
    return count


def open_rows(outbox: Outbox) -> list[DeliveryState]:
    wanted = (DeliveryState.WAITING, DeliveryState.SENDING, DeliveryState.DEFERRED, DeliveryState.UNCERTAIN)
    return [row.state for row in outbox.rows(wanted)]


async def rounds(folder: Path, count: int) -> dict[str, int]:
    ports = {name: free_port() for name in (LISTS, HIVE, FAR)}
    hosts = host_in(folder, ports)
    readers = [f"r{number:02d}@{name}" for name in (HIVE, FAR) for number in range(READERS)]
    for each in readers:
        hosts[each.partition("@")[2]].add(each)
    author = hosts[HIVE].add("ann@hive.test Ann")
    lists = hosts[LISTS]
    lists.add_list(LIST, *readers, "ann@hive.test")
    chance, killed = random.Random(count), 0
    async with AsyncExitStack() as stack:
        for name in (HIVE, FAR):
            await stack.enter_async_context(hosts[name].running())
        for number in range(count):
            before = arrived(hosts)
            child = await asyncio.to_thread(start, folder, ports)
            assert (await lists.post(author, f"# Post {number}\n\nround {number}")).startswith("20 ")
            some = before + chance.randrange(len(readers) - 10)
            await until(lambda some=some: arrived(hosts) >= some)
            child.send_signal(signal.SIGKILL)  # before this loop, which runs the readers, takes another copy
            await asyncio.to_thread(gone, child)
            killed += arrived(hosts) < before + len(readers)
        child = await asyncio.to_thread(start, folder, ports)
        with closing(Outbox(lists.root / "outbox.db")) as outbox:
            waiting = {DeliveryState.WAITING, DeliveryState.SENDING, DeliveryState.DEFERRED}
            await until(
                lambda: (
                    not lists.books.posts.posts(PostState.ACCEPTED) and not waiting & set(open_rows(outbox))
                ),
                300,
            )
            uncertain = len(open_rows(outbox))
        child.send_signal(signal.SIGKILL)
        await asyncio.to_thread(gone, child)
    got: Counter[tuple[str, str | None]] = Counter()
    for each in readers:
        for message in hosts[each.partition("@")[2]].mail(each):
            got[each, message.subject] += 1
    assert set(got.values()) == {1}, "something came twice"
    wanted = count * len(readers)
    assert wanted - len(got) <= uncertain, "something is lost"
    archive = Counter(each.subject for each in lists.mail(LIST))
    assert archive == Counter(f"Post {number}" for number in range(count)), archive
    lists.books.close()
    return {
        "copies": len(got),
        "wanted": wanted,
        "uncertain": uncertain,
        "uncertain and not there": wanted - len(got),
        "killed while sending": killed,
    }


if __name__ == "__main__":
    if sys.argv[1] == "--serve":
        program(Path(sys.argv[2]), json.loads(sys.argv[3]))
    else:
        began = time.monotonic()
        found = asyncio.run(rounds(Path(sys.argv[1]), int(sys.argv[2])))
        print(json.dumps(found | {"seconds": round(time.monotonic() - began)}))
