"""What one ``MisfinClient.send`` costs, against Titlani's client (target: 0.8 of its time).

Both send the same 1 KiB message to the same receiver (ours, storing nothing, in a process of its own), over a
new TLS connection each time, by turns. "One client" is a program that sends many messages; "a client each"
makes a new client with its trust file for every message. Ours runs in this interpreter, and in Titlani's too.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "helpers")]

from titlani import titlani_python, why_not  # noqa: E402 - only to be found on the path just made

TARGET = 0.8
ROUNDS = 6
SENDS = 60
SOURCE = HERE.parents[1] / "src"

RECEIVER = """
import asyncio, datetime, sys
from pathlib import Path
from misfin.model.address import MisfinAddress
from misfin.net.directory import Directory
from misfin.net.incoming import accepted
from misfin.net.limits import LimitSettings, Limits
from misfin.net.receiver import Receiver, ReceiverSettings
from misfin.trust.identity import generate

async def main(folder):
    now = datetime.datetime.now(datetime.UTC)
    ada = generate(MisfinAddress.parse("ada@localhost Ada"), now=now)
    bea = generate(MisfinAddress.parse("bea@hive.test Bea"), now=now)
    (folder / "cert.pem").write_bytes(bea.cert_pem)
    (folder / "key.pem").write_bytes(bea.key_pem)

    async def take(incoming):
        return accepted(incoming)

    settings = ReceiverSettings(listen=(("127.0.0.1", 0),))
    receiver = Receiver(take, Directory([ada]), settings, limits=Limits(LimitSettings(enable=False)))
    print((await receiver.start())[0][1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await receiver.stop()

asyncio.run(main(Path(sys.argv[1])))
"""

SENDER = """
import asyncio, json, os, sys, time
from pathlib import Path
out, sys.stdout = sys.stdout, open(os.devnull, "w")
%s
folder, port, body = Path(sys.argv[1]), int(sys.argv[2]), "x" * 1000

def client():
    files = {"client_cert": folder / "cert.pem", "client_key": folder / "key.pem"}
    return MisfinClient(**files, tofu_db_path=folder / sys.argv[3], port=port)

async def one_client(count):
    times = []
    async with client() as sender:
        for _ in range(count):
            start = time.perf_counter()
            response = await sender.send(to="ada@localhost", body=body, subject="Hi")
            times.append(time.perf_counter() - start)
            assert response.status == 20, response
    return times

async def a_client_each(count):
    times = []
    for _ in range(count):
        start = time.perf_counter()
        async with client() as sender:
            response = await sender.send(to="ada@localhost", body=body, subject="Hi")
        times.append(time.perf_counter() - start)
        assert response.status == 20, response
    return times

async def main():
    print("ready", file=out, flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        how, count = line.split()
        times = await {"one": one_client, "each": a_client_each}[how](int(count))
        print(json.dumps(times), file=out, flush=True)

asyncio.run(main())
"""
OURS = "from misfin import MisfinClient"
# Its log is silenced: what is compared is sending.
THEIRS = """
import structlog
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
from titlani import MisfinClient
"""


def can(python: str, imports: str) -> bool:
    """Whether that interpreter has what it takes."""
    done = subprocess.run([python, "-c", imports], capture_output=True, env=environment(), check=False)
    return done.returncode == 0


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(SOURCE)}


class Sender:
    """A sending program that is told by lines how to send."""

    def __init__(self, name: str, python: str, imports: str, folder: Path, port: str) -> None:
        self.name = name
        self.times: dict[str, list[float]] = {"one": [], "each": []}
        self.process = subprocess.Popen(
            [python, "-c", SENDER % imports, str(folder), port, f"{name}.db"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        self.answer()

    def answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def send(self, how: str, count: int) -> list[float]:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{how} {count}\n")
        self.process.stdin.flush()
        return [float(t) for t in json.loads(self.answer())]

    def median(self, how: str) -> float:
        return statistics.median(self.times[how]) * 1000

    def stop(self) -> None:
        self.process.communicate()


def main() -> int:
    """Measure and print; nothing here can fail because a machine is slow."""
    titlani = None if why_not() else str(titlani_python())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        receiver = subprocess.Popen(
            [sys.executable, "-c", RECEIVER, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        assert receiver.stdout is not None
        port = receiver.stdout.readline().strip()
        senders = [Sender("ours", sys.executable, OURS, folder, port)]
        if titlani is not None:
            senders.append(Sender("titlani", titlani, THEIRS, folder, port))
            if can(titlani, OURS):
                senders.append(Sender("ours, titlani's python", titlani, OURS, folder, port))
        for how in ("one", "each"):
            for sender in senders:
                sender.send(how, 10)  # trust the receiver, warm up
        for _ in range(ROUNDS):
            for how in ("one", "each"):
                for sender in senders:
                    sender.times[how] += sender.send(how, SENDS)
        for sender in senders:
            sender.stop()
        receiver.communicate()
    for sender in senders:
        one, each = sender.median("one"), sender.median("each")
        print(f"{sender.name:24} one client {one:6.2f} ms   a client each {each:6.2f} ms")
    if titlani is None:
        print(f"{why_not()}; no ratio")
        return 0
    peer = senders[1]
    for sender in (senders[0], *senders[2:]):
        for how, words in (("one", "one client"), ("each", "a client each")):
            ratio = sender.median(how) / peer.median(how)
            print(f"{sender.name} / titlani, {words}: {ratio:.2f} (target {TARGET})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
