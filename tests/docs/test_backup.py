"""The commands of docs/server.md §8: a host is copied while it receives, then lost, then restored."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
from pathlib import Path

from peers import ask, message, person

from misfin.store.identities import IdentityStore
from misfin.store.mail.maildir import MailStore
from misfin.store.message import envelope
from misfin.store.seals import Seals
from misfin.trust.pins import PinBook
from misfin.trust.tofu import PinKind

ROOT = Path(__file__).parents[2]
ADA, BEA = person("ada@mail.example Ada"), person("bea@hive.test Bea")
PAGE = (ROOT / "docs/server.md").read_text("utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE.partition("## 8.")[2].partition("## 9.")[0], re.DOTALL)
(OPTIONS,) = re.findall(r'^m\(\) \{ sudo -u misfin \S+/misfin-tui (.*) "\$@"; \}$', PAGE, re.MULTILINE)
"""What the page's abbreviation `m` gives to the program."""


def run(script: str, profile: Path, backups: Path) -> None:
    told = re.sub(r"^m ", f"{sys.executable} -m misfin_tui {OPTIONS} ", script, flags=re.MULTILINE)
    told = told.replace("/var/lib/misfin/profile", str(profile)).replace("/backup/", f"{backups}/")
    assert told.count(str(profile)) == 1
    done = subprocess.run(["/bin/sh", "-ec", told], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done


def receive(root: Path) -> tuple[subprocess.Popen[str], int]:
    command = [sys.executable, "-m", "misfin_tui", "--profile", str(root)]
    process = subprocess.Popen(
        [*command, "receive", "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline().rpartition(":")[2])


def texts(root: Path) -> list[str]:
    """The last line of each message, all of them sealed by this profile."""
    seals = Seals(root / "mail")
    found = []
    for entry in MailStore(root / "mail").folder("ada@mail.example").list():
        data = entry.path.read_bytes()
        assert seals.is_sealed(data)
        found.append(envelope.to_gemmail(data).decode().strip().rpartition("\n")[2])
    return sorted(found)


async def test_what_was_answered_before_the_backup_is_there_after_the_host_was_lost(tmp_path):
    backup_it, restore_it = BLOCKS
    root, backups = tmp_path / "profile", tmp_path / "backups"
    backups.mkdir()
    IdentityStore(root / "identities").save(ADA)
    (root / "config.toml").write_text("[rate_limit]\nenable = false\n[verification]\nmode = 'off'\n")
    process, port = await asyncio.to_thread(receive, root)
    first = backup_it.partition(" --since")[0].replace("today", "yesterday")
    await asyncio.to_thread(run, first, root, backups)
    answered: list[str] = []
    enough = asyncio.Event()

    async def send(name: int) -> None:
        number = 0
        while not enough.is_set():
            number += 1
            text = f"{name} {number}"
            assert (await ask(port, message("ada@mail.example", text), BEA))[:2] == b"20"
            answered.append(text)

    async def read() -> None:
        """An owner who reads: names change while they are copied."""
        folder = MailStore(root / "mail").folder("ada@mail.example")
        while not enough.is_set():
            for entry in await asyncio.to_thread(folder.list):
                if entry.subdir == "new":
                    await asyncio.to_thread(folder.set_flags, entry.key, "S")
            await asyncio.sleep(0.01)

    tasks = [asyncio.create_task(each) for each in (send(1), send(2), read())]
    async with asyncio.timeout(300):
        while len(answered) < 60:
            await asyncio.sleep(0.01)
    before = list(answered)
    await asyncio.to_thread(run, backup_it, root, backups)
    enough.set()
    await asyncio.gather(*tasks)
    process.kill()  # the machine is lost
    process.communicate()
    shutil.rmtree(root)
    assert not (backups / "today" / "run").exists()
    assert not (backups / "today" / "cache").exists()
    await asyncio.to_thread(run, restore_it, root, backups)
    assert not [each for each in root.rglob("*") if each.stat().st_mode & 0o077]
    restored = texts(root)
    assert set(before) <= set(restored)
    assert len(restored) == len(set(restored))
    with PinBook(root / "trust.db") as pins:
        assert pins.get(PinKind.SENDER, "bea@hive.test").cert_sha256 == BEA.info.fingerprints.cert
    process, port = await asyncio.to_thread(receive, root)
    answer = await ask(port, message("ada@mail.example", "after"), BEA)
    process.terminate()
    process.communicate()
    assert answer == f"20 {ADA.info.fingerprints.cert}\r\n".encode()
    assert "after" in texts(root)
