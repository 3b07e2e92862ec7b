"""mutt, notmuch and Dovecot on a Maildir while it is kept in sync with a server: each message stays one."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import mailprograms
import pytest
from dovecot import running
from imapdesk import imap_remote, other_client, texts
from mailprograms import WAIT, environment, mutt_command, notmuch
from syncdesk import SyncDesk

FOLDERS = ("Inbox", "Archive", "Lists")
NUMBER = re.compile(rb"^Subject: (\d+)", re.MULTILINE)
PASSES = 3
ROUNDS = 2


class Program:
    """Another program at work on the mail: ``work`` once, then ``goes_on`` until it is enough."""

    def __init__(self, work: Callable[[], None], goes_on: Callable[[int], object]) -> None:
        self.rounds = 0
        self.enough = threading.Event()
        self._work, self._goes_on = work, goes_on

    def run(self) -> None:
        self._work()
        while not self.enough.is_set():
            self.rounds += 1
            self._goes_on(self.rounds)


def mutt(home: Path, box: Path, keys: str) -> None:
    command = [*mutt_command("mutt", home, box), "-e", f'push "{keys}"']
    subprocess.run(
        ["script", "-qec", " ".join(f"'{word}'" for word in command), "/dev/null"],
        env=environment(home),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=WAIT,
        check=True,
    )


def mutt_at_work(home: Path, box: Path, to: Path) -> Program:
    """mutt writes a copy under a new name, and removes the original when it ends; then it only looks."""
    save = f"<next-entry><save-message>{to}<enter><next-entry><flag-message><quit>"
    return Program(lambda: mutt(home, box, save), lambda _round: mutt(home, box, "<exit>"))


def notmuch_at_work(home: Path, mail: Path) -> Program:
    """notmuch renames files for their flags, and a script of the usual kind moves them by their names."""

    def tag(number: int) -> None:
        notmuch(home, mail, "tag", "-flagged" if number % 2 else "+flagged", "--", "subject:7 or subject:8")
        scan(home, mail)

    return Program(lambda: notmuch_tags(home, mail), tag)


def notmuch_tags(home: Path, mail: Path) -> None:
    scan(home, mail)
    notmuch(home, mail, "tag", "+flagged", "-unread", "--", "subject:7 or subject:8")
    moved = False
    while not moved:
        for line in notmuch(home, mail, "search", "--output=files", "subject:8").splitlines():
            with suppress(FileNotFoundError):  # renamed by another program meanwhile
                Path(line).rename(mail / ".Archive" / "cur" / Path(line).name)
                moved = True
        scan(home, mail)


def scan(home: Path, mail: Path) -> None:
    """notmuch asks to be started again where files were renamed beneath it."""
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        try:
            notmuch(home, mail, "new")
            return
        except subprocess.CalledProcessError as error:
            if error.returncode != os.EX_TEMPFAIL:
                raise
    raise AssertionError("notmuch never came to an end")


def dovecot_at_work(home: Path, mail: Path) -> Program:
    """Another mail server on the same files moves, flags and copies."""

    def flag(number: int) -> None:
        with mailprograms.dovecot(home, mail) as client:
            client.store("1:3", "-FLAGS" if number % 2 else "+FLAGS", "\\Answered")

    return Program(lambda: dovecot_moves(home, mail), flag)


def dovecot_moves(home: Path, mail: Path) -> None:
    with mailprograms.dovecot(home, mail) as client:
        client.store("1:3", "+FLAGS", "\\Answered")
        # By UID: numbers in sequence change while mutt takes messages away.
        found = client.uid("SEARCH", "SUBJECT", "11")[1][0].split()
        if found and client.uid("COPY", found[0], "Lists")[0] == "OK":
            client.uid("STORE", found[0], "+FLAGS", "\\Deleted")
            client.expunge()


@pytest.mark.skipif(
    not (shutil.which("mutt") and shutil.which("script") and shutil.which("notmuch") and mailprograms.IMAP)
    or mailprograms.namespace() is None,
    reason="mutt, script, notmuch or Dovecot's imap is not installed",
)
async def test_each_message_stays_one_while_other_programs_work_on_the_maildir(tmp_path):
    desk = SyncDesk(tmp_path / "profile")
    desk.store.create("work", ["Lists"])
    mail = desk.store.folder("work").path
    homes = [tmp_path / name for name in ("mutt", "notmuch", "dovecot")]
    for home in homes:
        home.mkdir()
    with running() as server:
        server.put(*texts(20))
        async with imap_remote(server) as remote:
            desk.remote = remote
            remote.calls = []
            await desk.settle()
            assert len(desk.files()) == 20
            programs = (
                mutt_at_work(homes[0], mail, mail / ".Archive"),
                notmuch_at_work(homes[1], mail),
                dovecot_at_work(homes[2], mail),
            )
            others = asyncio.gather(*(asyncio.to_thread(each.run) for each in programs))
            passes = 0
            while not others.done() and (passes < PASSES or min(each.rounds for each in programs) < ROUNDS):
                await desk.once()
                passes += 1
                await asyncio.sleep(0.05)
            for each in programs:
                each.enough.set()
            await others
            await desk.settle()
            assert passes >= PASSES
        here = {
            folder: numbers(entry.path.read_bytes() for entry in desk.files(folder)) for folder in FOLDERS
        }
        with other_client(server) as client:
            there = {folder: numbers(contents(client, folder)) for folder in FOLDERS}
    assert here == there
    assert sum(here.values(), Counter()) == Counter(range(1, 21))
    assert here["Archive"][8] == here["Lists"][11] == 1
    assert sum(here["Archive"].values()) == 2
    assert not desk.attic()


def numbers(found) -> Counter[int]:
    return Counter(int(NUMBER.search(data)[1]) for data in found)


def contents(client, folder: str) -> list[bytes]:
    _, (count,) = client.select("INBOX" if folder == "Inbox" else folder, readonly=True)
    return [client.fetch(str(number), "(BODY.PEEK[])")[1][0][1] for number in range(1, int(count) + 1)]
