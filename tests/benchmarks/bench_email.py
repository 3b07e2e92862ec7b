"""Sending e-mail from outbox to Postfix: against smtplib on one connection, and against msmtp as a program.

100 messages of 2 KB through one account, each queued durably first; one message from the key that sends it
to the server's 250, with the program open; and one with a file of 25 MB. Postfix writes each to disk before
it accepts it. All log in over TLS. smtplib builds each message first, as a program would; the ratio to one
built before is printed too. Goals: 1.2 times smtplib's time for the 100, 1.5 times msmtp's for the one, 1.3
times smtplib's for the large one and at most 40 MB more memory than at rest.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "helpers"))

import postfix  # noqa: E402

SOURCE = HERE.parents[1] / "src"
HELPERS = HERE.parent / "helpers"
ROUNDS = 3
LARGE = 25_000_000

SENDER = r"""
import asyncio, gc, json, os, shutil, smtplib, ssl, subprocess, sys, tempfile, time
from email.message import EmailMessage
from pathlib import Path
name, port, cert, large = sys.argv[1], int(sys.argv[2]), sys.argv[3], Path(sys.argv[4])
from dovecot import PASSWORD, USER
ADA, BEA = "ada@example.org", "bea@example.org"
TEXT = ("x" * 69 + "\n") * 25

def now_and_peak():
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return [int(status[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM")]

def idle():
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins again
    return now_and_peak()[0]

def message(large_one=False):
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = ADA, BEA, "A message"
    made["Date"], made["Message-ID"] = "Sun, 29 Nov 2026 17:00:00 +0000", "<1@example.org>"
    made.set_content(TEXT)
    if large_one:
        kind = {"maintype": "application", "subtype": "octet-stream", "filename": "large"}
        made.add_attachment(large.read_bytes(), **kind)
    return made

class Smtplib:
    def connect(self, how):
        self.smtp = smtplib.SMTP_SSL("localhost", port, context=ssl.create_default_context(cafile=cert))
        self.smtp.login(USER, PASSWORD)
    def close(self):
        self.smtp.quit()
    def small(self):
        for _ in range(100):
            self.smtp.send_message(message())
    def built(self):
        data = message().as_bytes()
        for _ in range(100):
            self.smtp.sendmail(ADA, [BEA], data)
    def large(self):
        self.smtp.send_message(message(True))

class Msmtp:
    def connect(self, how):
        self.folder = Path(tempfile.mkdtemp())
        settings = self.folder / "msmtprc"
        settings.write_text(
            f"account a\nhost localhost\nport {port}\ntls on\ntls_starttls off\ntls_trust_file {cert}\n"
            f"auth plain\nuser {USER}\npasswordeval cat {self.folder}/password\nfrom {ADA}\n"
        )
        (self.folder / "password").write_text(PASSWORD)
        settings.chmod(0o600)
        self.command = ["msmtp", "-C", settings, "-a", "a", BEA]
        self.data = message().as_bytes()
    def close(self):
        shutil.rmtree(self.folder)
    def one(self):
        subprocess.run(self.command, input=self.data, check=True)

class Ours:
    def connect(self, how):
        from emailpost import PATIENT, EmailDesk
        from misfin.email.account import Login, Protection
        self.folder = Path(tempfile.mkdtemp())
        self.desk = EmailDesk(self.folder, port, protection=Protection.TLS, login=Login.PASSWORD,
            password=PASSWORD, host="localhost", ca_file=cert, timeouts=PATIENT)
        self.runner = asyncio.Runner()
        self.done = asyncio.Event()
        self.runner.run(self.start())
        if how != "one":
            self.runner.run(self.send(1))  # the connection is there then, as it is for smtplib
    async def start(self):
        import misfin.post.email.connecting  # an open program has it in memory
        from misfin.post.courier import Courier
        from misfin.post.events import TakenOn
        desk = self.desk
        self.left = 0
        def ended(event):
            if isinstance(event, TakenOn):
                self.left -= 1
                if not self.left:
                    self.done.set()
        self.courier = Courier(desk.outbox, [desk.transport], desk.store, on_event=ended)
        desk.now = 0
        self.task = asyncio.create_task(self.courier.run())
    async def send(self, count, **draft):
        self.left, self.desk.now = count, time.time()
        self.done.clear()
        for _ in range(count):
            await asyncio.to_thread(self.desk.put, BEA, body=TEXT, **draft)
            self.courier.wake()
        async with asyncio.timeout(120):
            await self.done.wait()
    def close(self):
        self.runner.run(self.courier.stop())
        self.runner.close()
        self.desk.close()
        shutil.rmtree(self.folder)
    def small(self):
        self.runner.run(self.send(100))
    def one(self):
        self.runner.run(self.send(1))
    def large(self):
        self.runner.run(self.send(1, attachments=(self.desk.files.add(large),)))

sender = {"smtplib": Smtplib, "msmtp": Msmtp, "ours": Ours}[name]()
for line in sys.stdin:
    how = line.strip()
    sender.connect(how)
    before, start = idle(), time.perf_counter()
    getattr(sender, how)()
    seconds, grown = time.perf_counter() - start, now_and_peak()[1] - before
    sender.close()
    print(json.dumps([seconds, grown]), flush=True)
"""


class Sender:
    """A sending program that takes its orders by lines."""

    def __init__(self, name: str, server: postfix.Postfix, large: Path) -> None:
        self.name = name
        self.times: dict[str, list[float]] = {}
        self.memory = 0.0
        self.process = subprocess.Popen(
            [sys.executable, "-c", SENDER, name, str(server.smtps), str(server.cert), str(large)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": f"{SOURCE}{os.pathsep}{HELPERS}"},
        )

    def send(self, how: str) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{how}\n")
        self.process.stdin.flush()
        seconds, grown = json.loads(self.process.stdout.readline())
        self.times.setdefault(how, []).append(seconds)
        if how == "large":
            self.memory = max(self.memory, grown / 1e6)

    def median(self, how: str) -> float:
        return statistics.median(self.times[how][1:]) * 1000


def main() -> int:
    """Measure and print; nothing here can fail because a machine is slow."""
    if reason := postfix.why_not():
        print(f"not measured: {reason}")
        return 0
    programs = {"ours": ("small", "large", "one"), "smtplib": ("small", "built", "large"), "msmtp": ("one",)}
    if not shutil.which("msmtp"):
        print("msmtp is not installed; no ratio for one message")
        del programs["msmtp"]
    with tempfile.TemporaryDirectory() as folder, postfix.running() as server:
        large = Path(folder) / "large.bin"
        large.write_bytes(os.urandom(LARGE))
        senders = {name: Sender(name, server, large) for name in programs}
        for number in range(ROUNDS + 1):
            for how in ("small", "built", "one", "large"):
                those = [senders[name] for name in programs if how in programs[name]]
                for turn in range(len(those)):  # each comes first once in a while
                    those[(turn + number) % len(those)].send(how)
                server.settled()
                for path in server.dovecot.messages("bea"):
                    path.unlink()
        for sender in senders.values():
            sender.process.communicate()
    ours = senders["ours"]
    goals = {"small": ("smtplib", 1.2), "large": ("smtplib", 1.3), "one": ("msmtp", 1.5)}
    for how, (name, goal) in goals.items():
        if name in senders:
            mine, theirs = ours.median(how), senders[name].median(how)
            print(f"{how:6} ours {mine:7.1f} ms, {name} {theirs:7.1f} ms: {mine / theirs:.2f} (goal {goal})")
    built = senders["smtplib"].median("built")
    print(f"small  smtplib with one message built before {built:.1f} ms: {ours.median('small') / built:.2f}")
    print(f"memory for the large one: {ours.memory:.1f} MB more than at rest (goal 40)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
