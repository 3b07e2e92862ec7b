"""A mailing list of 1,000 subscribers, against as many single messages (target: at least 0.5 of their rate).

Both leave through the same kind of outbox and courier, with TLS, to one receiver of ours in a process of its
own that stores nothing; by turns. What is timed of the list begins with the post, so queueing counts;
single messages are in the outbox before.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "helpers"), str(HERE.parents[1])]

from listhost import HIVE, LIST, LISTS, ListHost, make_hosts  # noqa: E402 - only to be found on that path
from peers import person  # noqa: E402

from misfin.post.hosting.sending import HostSending  # noqa: E402
from misfin.post.inbox import LocalInbox  # noqa: E402
from misfin.store.hosting.posts import NewPost, PostTaken  # noqa: E402
from misfin.store.identities import IdentityStore  # noqa: E402
from misfin.store.mail.maildir import MailStore  # noqa: E402
from misfin.store.outgoing.outbox import DeliveryState  # noqa: E402
from misfin.trust.pins import PinBook  # noqa: E402

TARGET = 0.5
SUBSCRIBERS = 1000
ROUNDS = 2
TEXT = "x" * 1000

RECEIVER = """
import asyncio, sys
from peers import person
from misfin.net.directory import Directory
from misfin.net.incoming import accepted
from misfin.net.limits import LimitSettings, Limits
from misfin.net.receiver import Receiver, ReceiverSettings

async def main(count):
    people = [person("r0@hive.test")]
    async def take(incoming):
        return accepted(incoming)
    aliases = {"*@hive.test": "r0@hive.test"}
    settings = ReceiverSettings(listen=(("127.0.0.1", 0),))
    receiver = Receiver(take, Directory(people, aliases=aliases), settings,
                        limits=Limits(LimitSettings(enable=False)))
    print((await receiver.start())[0][1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await receiver.stop()

asyncio.run(main(int(sys.argv[1])))
"""


@contextmanager
def receiver():
    """The port of a running receiver."""
    child = subprocess.Popen(
        [sys.executable, "-c", f"import sys\nsys.path[:0] = {sys.path[:2]!r}\n{RECEIVER}", str(SUBSCRIBERS)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield int(child.stdout.readline())
    finally:
        child.communicate()


class Side:
    """One way to send; ``seconds`` of each round."""

    def __init__(self, host: ListHost) -> None:
        store = MailStore(host.root / "mail")
        self.host = host
        self.seconds: list[float] = []
        self.sending = HostSending(
            host.settings.hosting,
            host.books,
            IdentityStore(host.root / "identities"),
            PinBook(host.root / "trust.db"),
            store,
            LocalInbox(store),
        )

    def sent(self) -> int:
        """How many copies have been delivered."""
        return len(self.sending._outbox.rows([DeliveryState.DELIVERED]))

    async def round(self, put, *, timed: bool) -> None:
        """Put something in, which may be ``timed``, and send all of it, which is."""
        before, began = self.sent(), time.perf_counter()
        put()
        if not timed:
            began = time.perf_counter()
        await self.sending.run_once()
        self.seconds.append(time.perf_counter() - began)
        assert self.sent() - before == SUBSCRIBERS, self.sent() - before


async def main() -> None:
    """Measure both by turns, and print them."""
    people = [f"r{number}@{HIVE}" for number in range(SUBSCRIBERS)]
    with tempfile.TemporaryDirectory() as folder, receiver() as port:
        sides = []
        for name in ("list", "single"):
            host = make_hosts(Path(folder) / name, {LISTS: 1, HIVE: port})[LISTS]
            host.add_list(LIST, *(people if name == "list" else ()))
            sides.append(Side(host))
        author = person("bea@far.test Bea")
        message = f"{author.address}\n\n2026-03-02T10:00:00Z\n{TEXT}\n".encode()

        def to_the_list() -> None:
            number = len(sides[0].seconds)
            post = NewPost(LIST, "bea@far.test", time.time(), str(number), "Hi", message, message)
            taken = sides[0].host.books.posts.take(post, hold=False, most_an_hour=1000)
            assert taken is PostTaken.ACCEPTED

        def one_by_one() -> None:
            for number, each in enumerate(people):
                token = f"{len(sides[1].seconds)}:{number}"
                sides[1].sending._put(LIST, (each,), message, "Hi", token)

        for _ in range(ROUNDS):
            await sides[0].round(to_the_list, timed=True)
            await sides[1].round(one_by_one, timed=False)
        listed, single = (SUBSCRIBERS / min(each.seconds) for each in sides)
        ratio = listed / single
        print(f"  list of {SUBSCRIBERS:,}     {listed:7.0f} copies/s")
        print(f"  one by one        {single:7.0f} messages/s")
        print(f"  list / single     {ratio:7.2f} (target: at least {TARGET})")


if __name__ == "__main__":
    asyncio.run(main())
