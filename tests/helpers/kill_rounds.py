"""Kill a program that delivers, files, tags and rebuilds, many times over, and look at what it left.

Run as a program (a test process with threads may not fork): ``kill_rounds.py FOLDER ROUNDS LEAST SEED``.
Whatever is wrong ends it with a traceback. On a busy machine a killed program may not have got far: there are
more than ``ROUNDS`` rounds if ``LEAST`` messages whose delivery was acknowledged are not there yet.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path

from mailboxes import ME, Mailbox, mail, miscounted, whole_view

from misfin.store.filing import Action, Filing
from misfin.store.index import MailIndex, scan
from misfin.store.mail.keywords import read_keywords
from misfin.store.mail.maildir import split_name
from misfin.store.rows import View

ACTIONS = [
    (Action.ARCHIVE, ""),
    (Action.TRASH, ""),
    (Action.MOVE, "Inbox"),
    (Action.TAG, "work"),
    (Action.TAG, "later"),
    (Action.UNTAG, "work"),
    (Action.STAR, ""),
    (Action.UNREAD, ""),
    (Action.READ, ""),
]


def work(root: Path, path: Path, acknowledge: int, seed: int) -> None:
    """What is killed: goes on for ever."""
    rng = random.Random(seed)
    scan.FIRST_BLOCK = scan.BLOCK = 7  # so that a rebuild can be killed between two blocks, too
    box = Mailbox(root)
    index = MailIndex(path, root)
    filing = Filing(index, box.store)
    number = 0
    while True:
        choice = rng.random()
        if choice < 0.3:
            name = f"{seed}-{number}"
            number += 1
            box.store.folder(ME).deliver(mail(f"message {name}", message_id=f"<{name}@x>"))
            os.write(acknowledge, f"{name}\n".encode())
        elif choice < 0.35:
            index.build()
        elif choice < 0.6:
            index.scan()
        else:
            action, argument = rng.choice(ACTIONS)
            undo = filing.apply(action, View(query=rng.choice(["", f"{rng.randrange(9)}*"])), argument)
            if rng.random() < 0.3:
                filing.undo(undo)


def check(box: Mailbox, index: MailIndex, acknowledged: set[str], tmp: Path, thorough: bool) -> None:
    bodies = Counter(
        file.read_bytes().partition(b"Subject: message ")[2].split()[0].decode() for file in box.files()
    )
    assert not acknowledged - bodies.keys(), acknowledged - bodies.keys()
    assert set(bodies.values()) <= {1}, bodies
    for folder in box.store.folders(ME):
        named = read_keywords(box.path(folder)).keys()
        borne = {flag for file in box.files(folder) for flag in split_name(file.name)[1] if flag.islower()}
        assert borne <= named, f"tags in {folder} have lost their names: {borne - named}"
    index.scan()
    assert not (wrong := index._database.read(miscounted)), wrong
    assert len(index.messages(View(), 10_000)) == len(bodies)
    if thorough:
        with MailIndex(tmp / "fresh.db", box.root) as fresh:
            fresh.build()
            assert whole_view(fresh) == whole_view(index)


def main() -> None:
    tmp, rounds, least, seed = Path(sys.argv[1]), *map(int, sys.argv[2:])
    rng = random.Random(seed)
    box = Mailbox(tmp / "mail")
    index = MailIndex(tmp / "index.db", box.root)
    acknowledged: set[str] = set()
    for number in itertools.count():
        if number >= rounds and len(acknowledged) >= least:
            break
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            try:
                work(box.root, tmp / "index.db", writing, seed * 1000 + number)
            finally:
                os._exit(1)
        os.close(writing)
        time.sleep(rng.uniform(0.001, 0.03))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), "the work ended by itself"
        with os.fdopen(reading) as told:
            acknowledged.update(told.read().split("\n")[:-1])
        check(box, index, acknowledged, tmp, thorough=number % 20 == 19)
        for file in box.files()[60:]:  # a mailbox that only grew would slow the rounds down
            acknowledged.discard(file.read_bytes().partition(b"Subject: message ")[2].split()[0].decode())
            file.unlink()


if __name__ == "__main__":
    main()
