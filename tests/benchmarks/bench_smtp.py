"""What sending e-mail costs, against smtplib and aiosmtplib, each in a process of its own, by turns.

100 messages of 2 KB over one connection, and one message of 25 MB from a file, to a server in a process of
its own. It writes each message to disk before it accepts it, as servers do, and offers PIPELINING, which
neither of the others uses; "without disk" is a server that keeps nothing, where only the clients count.
Goals: at most 1.2 times smtplib's time for the small ones, 1.3 times for the large one, and at most 40 MB
more memory while that is sent.
"""

from __future__ import annotations

import base64
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
SOURCE = HERE.parents[1] / "src"
ROUNDS = 9
SMALL = 100
LARGE = 25_000_000

SINK = r"""
import asyncio, os, sys

class Sink(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.held, self.body = transport, b"", False
        self.file = open(sys.argv[1], "wb", 0) if len(sys.argv) > 1 else None
        transport.write(b"220 sink\r\n")

    def data_received(self, data):
        out, data = [], self.held + data
        while data:
            if self.body:
                end = data.find(b"\r\n.\r\n")
                if self.file:
                    self.file.write(data[: end if end >= 0 else -4])
                if end < 0:
                    data = data[-4:]
                    break
                if self.file:
                    os.fsync(self.file.fileno())
                    self.file.seek(0)
                data, self.body = data[end + 5:], False
                out.append(b"250 2.0.0 taken\r\n")
                continue
            line, found, rest = data.partition(b"\r\n")
            if not found:
                break
            data, verb = rest, line[:4].upper()
            if verb == b"EHLO":
                out.append(b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 100000000\r\n")
            elif verb == b"DATA":
                out.append(b"354 go\r\n")
                data, self.body = b"\r\n" + data, True
            else:
                out.append(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
        self.held = data
        self.transport.write(b"".join(out))

async def main():
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()

asyncio.run(main())
"""

SENDER = r"""
import asyncio, gc, json, sys, time
from pathlib import Path
name, disk, memory, large = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
header = b"From: ada@example.org\r\nTo: bea@example.org\r\nSubject: A small one\r\n\r\n"
small = header + (b"x" * 70 + b"\r\n") * 27
ADA, BEA = "ada@example.org", "bea@example.org"

def now_and_peak():
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return [int(status[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM")]

def idle():
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins again
    return now_and_peak()[0]

def grown(before):
    return now_and_peak()[1] - before

def with_smtplib(how):
    import smtplib
    with smtplib.SMTP("127.0.0.1", port, local_hostname="me.example") as smtp:
        smtp.ehlo()
        before, start = idle(), time.perf_counter()
        if how != "large":
            for _ in range(%(small)d):
                smtp.sendmail(ADA, [BEA], small)
        else:
            with open(large, "rb") as file:
                smtp.sendmail(ADA, [BEA], file.read())
        return time.perf_counter() - start, grown(before)

async def with_aiosmtplib(how):
    import aiosmtplib
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, local_hostname="me.example") as smtp:
        before, start = idle(), time.perf_counter()
        if how != "large":
            for _ in range(%(small)d):
                await smtp.sendmail(ADA, [BEA], small)
        else:
            with open(large, "rb") as file:
                await smtp.sendmail(ADA, [BEA], file.read())
        return time.perf_counter() - start, grown(before)

async def with_ours(how):
    from misfin.email.smtp.client import Security, SMTPClient, SubmissionResult
    async with SMTPClient("127.0.0.1", port, security=Security.NONE) as smtp:
        before, start = idle(), time.perf_counter()
        if how != "large":
            for _ in range(%(small)d):
                (found,) = await smtp.send(ADA, [BEA], small)
                assert found.result is SubmissionResult.ACCEPTED
        else:
            with open(large, "rb") as file:
                (found,) = await smtp.send(ADA, [BEA], file)
            assert found.result is SubmissionResult.ACCEPTED, found
        return time.perf_counter() - start, grown(before)

for line in sys.stdin:
    how = line.strip()
    port = memory if how == "without disk" else disk
    if name == "smtplib":
        print(json.dumps(with_smtplib(how)), flush=True)
    else:
        send = with_aiosmtplib if name == "aiosmtplib" else with_ours
        print(json.dumps(asyncio.run(send(how))), flush=True)
"""


class Sender:
    """A sending program that takes its orders by lines."""

    def __init__(self, name: str, disk: str, memory: str, large: Path) -> None:
        self.name = name
        self.times: dict[str, list[float]] = {"small": [], "large": [], "without disk": []}
        self.memory = 0.0
        self.process = subprocess.Popen(
            [sys.executable, "-c", SENDER % {"small": SMALL}, name, disk, memory, str(large)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
        )

    def send(self, how: str) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{how}\n")
        self.process.stdin.flush()
        seconds, grown = json.loads(self.process.stdout.readline())
        self.times[how].append(seconds)
        if how == "large":
            self.memory = max(self.memory, grown / 1e6)

    def median(self, how: str) -> float:
        return statistics.median(self.times[how][1:]) * 1000


def sink(*spool: str) -> subprocess.Popen[str]:
    """A server; the first line it prints is its port."""
    command = [sys.executable, "-c", SINK, *spool]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def main() -> int:
    """Measure and print; nothing here can fail because a machine is slow."""
    with tempfile.TemporaryDirectory() as folder:
        large = Path(folder) / "large.eml"
        body = base64.encodebytes(os.urandom(LARGE * 3 // 4)).replace(b"\n", b"\r\n")
        large.write_bytes(b"Subject: large\r\nContent-Transfer-Encoding: base64\r\n\r\n" + body)
        sinks = [sink(str(Path(folder) / "spool")), sink()]
        ports = [line.readline().strip() for each in sinks if (line := each.stdout)]
        senders = [Sender(name, *ports, large) for name in ("ours", "smtplib", "aiosmtplib")]
        for number in range(ROUNDS + 1):
            for how in ("small", "without disk", "large"):
                for turn in range(len(senders)):  # each comes first once in a while
                    senders[(turn + number) % len(senders)].send(how)
        for each in (*(sender.process for sender in senders), *sinks):
            each.communicate()
    for sender in senders:
        small, bare, large_one = map(sender.median, ("small", "without disk", "large"))
        print(
            f"{sender.name:12} {SMALL} small {small:6.1f} ms, without disk {bare:6.1f} ms;"
            f"   one of 25 MB {large_one:7.1f} ms, {sender.memory:5.1f} MB more"
        )
    ours, *peers = senders
    goals = {"small": "goal for smtplib 1.2", "without disk": "no goal", "large": "goal for smtplib 1.3"}
    for how, goal in goals.items():
        ratios = [f"{peer.name} {ours.median(how) / peer.median(how):.2f}" for peer in peers]
        print(f"{how}: ours / {', ours / '.join(ratios)} ({goal})")
    print(f"memory for the large one: {ours.memory:.1f} MB (goal 40)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
