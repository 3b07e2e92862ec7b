"""An e-mail account for the pictures, its mail on a model server: in sync, with a question and an attic."""

from __future__ import annotations

import sys
import time
from email.utils import formatdate
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))

from modelserver import ModelFolder
from syncdesk import SyncDesk

from misfin_tui.paths import Profile

NAMES = ("Bea Hive", "Otto Stone", "June Press", "Sam Tide", "Dora Garden")
SUBJECTS = ("Tide tables", "Minutes of Friday", "The lamp oil bill", "Snapdragons", "Proofs of the almanac")


def message(number: int, now: float) -> bytes:
    """One of many messages."""
    name = NAMES[number % len(NAMES)]
    sender = f"{name} <{name.split()[0].lower()}@{name.split()[1].lower()}.example>"
    return (
        f"Message-ID: <{number}@example>\r\nDate: {formatdate(now - number * 40_000)}\r\nFrom: {sender}\r\n"
        f"To: Ada Harbour <ada@harbour.example>\r\nSubject: {SUBJECTS[number * 7 % len(SUBJECTS)]}\r\n\r\n"
        f"Dear Ada,\r\n\r\nhere is what you asked for; the rest follows on Monday.\r\n\r\n{name}\r\n"
    ).encode()


async def fill(profile: Profile) -> None:
    """Keep the account in sync, then lose what servers lose: some messages, and most of a folder."""
    now = time.time()
    desk = SyncDesk(profile.root)
    desk.now = now - 90_000
    server = desk.server
    for name in (b"Crew", b"Lists/Almanac"):
        server.folders[name] = ModelFolder(name)
    for number in range(140):
        server.inbox.add(message(number, now), received=now - number * 40_000)
    for number in range(140, 240):
        server[b"archive"].add(message(number, now), received=now - number * 40_000)
    for number in range(240, 300):
        server[b"Crew"].add(message(number, now), received=now - number * 40_000)
    await desk.settle()
    for uid in (3, 9, 14):
        server.inbox.remove(uid)
    await desk.settle()
    desk.now = now - 2000
    for entry in desk.files("Archive")[:2]:
        desk.store.folder("work", "Archive").move(entry.key, desk.store.folder("work", "Crew"))
    for uid in list(server[b"Crew"].messages)[:48]:
        server[b"Crew"].remove(uid)
    await desk.settle()
    for entry in desk.files()[:3]:
        desk.store.folder("work").change_flags(entry.key, add="S")
    desk.state.close()
