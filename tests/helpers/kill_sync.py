"""Kill a process at a step of a pass against a real IMAP server, again and again, and look at what it left.

Run as a program (a test process with threads may not fork): ``kill_sync.py FOLDER PORT ROUNDS STRIDE``. Each
round changes both sides, begins a pass and kills it at the next step, then lets passes end. Prints how many
rounds there were and how many steps a pass had; whatever is wrong ends it with a traceback.
"""

from __future__ import annotations

import asyncio
import imaplib
import json
import os
import re
import signal
import ssl
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from dovecot import PASSWORD, USER

from misfin.email.account import EmailAccount, MailProtocol, MailServer, Protection
from misfin.email.incoming import IncomingClient
from misfin.email.sasl import Credentials
from misfin.post.fetching.mailbox import SyncedMailbox, settings_of
from misfin.post.imap.remote import ImapRemote
from misfin.post.imap.session import ImapSession
from misfin.post.inbox import LocalInbox
from misfin.store.mail.maildir import MailStore

_NUMBER = re.compile(rb"^Subject: number (\d+)", re.MULTILINE)
_REMOTE = {"folders", "look", "heads", "search", "append", "move", "flag", "remove", "create"}
_INBOX = {"write", "deliver_many", "flag", "move", "remove", "to_attic", "from_attic", "create", "new_paths"}


class Steps:
    """Counts the steps of a pass, and kills this process at one of them (0: at none)."""

    def __init__(self, last: int) -> None:
        self.count, self._last = 0, last

    def step(self) -> None:
        self.count += 1
        if self.count == self._last:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, target: object, names: set[str]) -> Any:
        """``target``, with a step before and after each call of these methods."""
        return _Stepping(target, names, self.step)


class _Stepping:
    def __init__(self, target: object, names: set[str], step: Callable[[], None]) -> None:
        self._target, self._names, self._step = target, names, step

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        if name not in self._names:
            return found
        if asyncio.iscoroutinefunction(found):

            async def called(*arguments: Any, **more: Any) -> Any:
                self._step()
                result = await found(*arguments, **more)
                self._step()
                return result

            return called

        def plain(*arguments: Any, **more: Any) -> Any:
            self._step()
            result = found(*arguments, **more)
            self._step()
            return result

        return plain


class Desk:
    """Both sides: the account's mail below ``root``, and the server through another client."""

    def __init__(self, root: Path, port: int) -> None:
        self.root, self.port = root, port
        self.store = MailStore(root / "mail")
        self.client = imaplib.IMAP4("127.0.0.1", port)
        self.client.login(USER, PASSWORD)
        self.clock = time.time()
        self.next = 0
        self.deleted: set[int] = set()

    def text(self) -> bytes:
        self.next += 1
        head = b"Message-ID: <%d@x.example>\r\nSubject: number %d\r\n\r\n" % (self.next, self.next)
        return head + b"hello\r\n" * (self.next % 50)

    # ---- changes

    def change(self) -> None:
        """A little of everything on both sides."""
        client = self.client
        for _ in range(3):
            client.append("INBOX", "", None, self.text())
        _, (count,) = client.select("INBOX")
        if int(count) > 6:
            client.store("1", "+FLAGS", "(\\Flagged)")
            client.store("2", "+FLAGS", "(\\Seen work)")
            client.copy("3", "Sent")
            client.store("3", "+FLAGS", "\\Deleted")
            client.expunge()
        inbox = self.store.folder("work", "Inbox")
        entries = sorted(inbox.list(), key=lambda each: each.key)
        if len(entries) > 6:
            inbox.change_flags(entries[-1].key, add="S")
            inbox.move(entries[-2].key, self.store.folder("work", "Archive"))
            inbox.move(entries[-3].key, self.store.folder("work", "Trash"))
        trash = self.store.folder("work", "Trash").list()
        if len(trash) > 3:
            victim = min(trash, key=lambda each: each.key)
            self.deleted.add(number_of(victim.path.read_bytes()))
            victim.path.unlink()
        self.store.folder("work", "Sent").deliver(self.text().replace(b"\r\n", b"\n"))

    # ---- passes, each in a process of its own

    def passes(self, last: int = 0) -> int:
        """Passes until all is in sync, or until the step ``last``; the steps, or 0 where it was killed."""
        reading, writing = os.pipe()
        if (child := os.fork()) == 0:
            os.close(reading)
            steps = Steps(last)
            status = 1
            try:
                asyncio.run(self._passes(steps))
                os.write(writing, b"%d" % steps.count)
                status = 0
            finally:
                os._exit(status)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            said = pipe.read()
        _, ended = os.waitpid(child, 0)
        status = os.waitstatus_to_exitcode(ended)
        assert status in (0, -signal.SIGKILL), status
        assert status == 0 or last
        return int(said or 0)

    async def _passes(self, steps: Steps) -> None:
        server = MailServer(MailProtocol.IMAP, "localhost", self.port, Protection.NONE)
        account = EmailAccount("work", "ada@localhost", incoming=server)
        offset = 0.0

        def now() -> float:
            return time.time() + offset

        mailbox = SyncedMailbox(self.root / "sync", account.name, settings_of(account), now)
        write = mailbox.state.write

        def stepping() -> Any:
            steps.step()
            return write()

        mailbox.state.write = stepping  # type: ignore[method-assign]
        inbox = steps.around(LocalInbox(self.store), _INBOX)
        credentials = Credentials(USER, PASSWORD)
        async with IncomingClient(
            server, context=ssl.create_default_context(), credentials=credentials
        ) as client:
            await client.log_in()
            remote = ImapRemote(ImapSession(client.line), {})
            await remote.begin()
            for _ in range(20):
                offset += 20.0
                result = await mailbox.once(steps.around(remote, _REMOTE), inbox)
                assert not result.problems, result.problems
                assert not result.asking, result.asking
                busy = result.arrived or result.here or result.there
                if not (busy or result.again or result.again_in is not None):
                    break
            else:
                raise AssertionError(f"never in sync: {result}")
        mailbox.close()

    # ---- what is where

    def here(self) -> dict[str, Counter[int]]:
        return {
            folder: Counter(
                number_of(each.path.read_bytes()) for each in self.store.folder("work", folder).list()
            )
            for folder in self.store.folders("work")
        }

    def there(self) -> dict[str, Counter[int]]:
        found = {}
        _, listed = self.client.list()
        for line in listed:
            raw = line.decode().rpartition('"/" ')[2]
            _, (count,) = self.client.select(raw, readonly=True)
            numbers: list[int] = []
            if int(count):
                _, parts = self.client.fetch("1:*", "BODY.PEEK[]")
                numbers = [number_of(part[1]) for part in parts if isinstance(part, tuple)]
            found["Inbox" if raw == "INBOX" else raw] = Counter(numbers)
        return found

    def check(self) -> None:
        """Both sides are equal; each message is in one place, but for those that were deleted for good."""
        here = {folder: each for folder, each in self.here().items() if each}
        there = {folder: each for folder, each in self.there().items() if each}
        assert here == there, SimpleNamespace(here=here, there=there)
        everything = sum(here.values(), Counter())
        assert set(everything.values()) <= {1}, everything
        assert set(everything) == set(range(1, self.next + 1)) - self.deleted
        attic = self.root / "attic" / "work"
        assert not [each for part in ("new", "cur") for each in (attic / part).glob("*")]


def number_of(data: bytes) -> int:
    found = _NUMBER.search(data)
    assert found is not None, data[:200]
    return int(found[1])


def main() -> None:
    root, port, rounds, stride = Path(sys.argv[1]), *(int(each) for each in sys.argv[2:5])
    desk = Desk(root, port)
    desk.store.create("work")
    for _ in range(4):
        desk.change()
        steps = desk.passes()
        desk.check()
    last, killed = 1, 0
    for _ in range(rounds):
        desk.change()
        if desk.passes(last) == 0:
            killed += 1
            last += stride
        else:
            last = 1 + last % stride  # the pass was shorter: begin again, at other steps
        desk.passes()
        desk.check()
    print(json.dumps({"rounds": rounds, "killed": killed, "steps": steps, "messages": desk.next}))


if __name__ == "__main__":
    main()
