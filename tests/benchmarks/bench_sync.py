"""Keeping a Maildir in sync with Dovecot: against mbsync and offlineimap3 as programs, in one run.

``bench_sync.py [MESSAGES [DELAY [ROUNDS [COUNTED]]]]``: messages of 2 KB (default 2,000), and with a delay
TLS through a relay that holds each direction back so many milliseconds. Each program has a server and a
Maildir of its own, filled alike: everything is new; nothing has changed; flags of 100 messages changed there
and of 100 others here; 10 messages are new; 10 are gone. The last four are done in rounds (default 5), one
program after the other in each, and the shortest counts. Times are those of whole processes. Goals: 0.7 times
mbsync's time for the first, as long for nothing, 1.1 times for the rest, and at most 60 MB.

The names of the server's files differ as those of deliveries do; with COUNTED (1) only by a number. Dovecot
then needs half a second to open ten thousand, which hides what the programs take.

"sync" is the library alone; "fetch" is the command ``misfin-tui fetch``, which also updates the index: the
others have none. (offlineimap3: up to 2,000 only.)
"""

from __future__ import annotations

import compileall
import contextlib
import imaplib
import json
import os
import queue
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "helpers"))

import dovecot  # noqa: E402
from mailprofile import make_mail_profile  # noqa: E402

SOURCE = HERE.parents[1] / "src"
LIMIT = 280.0
OURSELVES = ("sync", "fetch")
GOALS = {"first": 0.7, "nothing": 1.0, "flags": 1.1, "new": 1.1, "gone": 1.1}
OURS = r"""
import asyncio, sys
from pathlib import Path
from misfin.email.account import EmailAccount, MailProtocol, MailServer, Protection, SecretPlace, SecretRef
from misfin.post.fetching.emailsource import EmailSource
from misfin.post.inbox import LocalInbox
from misfin.store.mail.maildir import MailStore
from misfin.trust.pins import PinBook
root, port, cert = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
protection = Protection.TLS if cert else Protection.NONE
server = MailServer(MailProtocol.IMAP, "localhost", port, protection, "ada")
password = SecretRef(SecretPlace.ENV, "ADA_PASSWORD")
account = EmailAccount("work", "ada@localhost", incoming=server, password=password, ca_file=cert)
source = EmailSource(account, root / "sync", root / "mail" / "work", PinBook(root / "trust.db"))
report = asyncio.run(source.once(LocalInbox(MailStore(root / "mail"))))
sys.exit(bool(report.problems or report.asking))
"""


def message(number: int) -> bytes:
    head = (
        f"Return-Path: <writer@example.net>\nFrom: Writer <writer{number % 97}@example.net>\n"
        f"To: ada@example.org\nSubject: Message {number}\nDate: Mon, 2 Mar 2026 10:00:00 +0000\n"
        f"Message-ID: <{number}.bench@example.net>\nMIME-Version: 1.0\nContent-Type: text/plain\n\n"
    )
    return (head + "the harbour crew meets at the stone window again\n" * 36).encode()


class Relay:
    """Copies bytes both ways, each so many seconds late: latency without less bandwidth."""

    def __init__(self, target: int, delay: float) -> None:
        self._target, self._delay = target, delay
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            near, _ = self._listener.accept()
            far = socket.create_connection(("127.0.0.1", self._target))
            for source, sink in ((near, far), (far, near)):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                line: queue.Queue[tuple[float, bytes]] = queue.Queue(64)
                threading.Thread(target=self._read, args=(source, line), daemon=True).start()
                threading.Thread(target=self._write, args=(sink, line), daemon=True).start()

    def _read(self, source: socket.socket, line: queue.Queue[tuple[float, bytes]]) -> None:
        data = b"x"
        while data:
            try:
                data = source.recv(262144)
            except OSError:
                data = b""
            line.put((time.monotonic() + self._delay, data))

    def _write(self, sink: socket.socket, line: queue.Queue[tuple[float, bytes]]) -> None:
        with contextlib.suppress(OSError):
            while True:
                due, data = line.get()
                time.sleep(max(0.0, due - time.monotonic()))
                if not data:
                    return sink.shutdown(socket.SHUT_WR)
                sink.sendall(data)


class Program:
    """One program with its server, its Maildir, and what it took."""

    def __init__(self, name: str, server: dovecot.Dovecot, port: int, cert: str, home: Path) -> None:
        self.name, self.server, self.home = name, server, home
        self.times: dict[str, float] = {}
        self.work: dict[str, float] = {}
        self.peak = 0.0
        self.maildir = home / "mail" / "work"
        home.mkdir()
        self.command = getattr(self, f"_{name}")(port, cert)

    def _sync(self, port: int, cert: str) -> list[str]:
        return [sys.executable, "-c", OURS, str(self.home), str(port), cert]

    def _fetch(self, port: int, cert: str) -> list[str]:
        scheme, more = ("imaps", "") if cert else ("imap", "plaintext = true\n")
        lines = f'imap = "{scheme}://{dovecot.USER}@localhost:{port}"\n{more}'
        ca_file = Path(cert) if cert else None
        made = make_mail_profile(
            self.home, "smtps://ada@localhost:1", password=dovecot.PASSWORD, ca_file=ca_file, more=lines
        )
        self.maildir = made.root / "mail" / "work"
        start = "import sys; from misfin_tui.cli import main; sys.exit(main())"
        return [sys.executable, "-c", start, "--profile", str(made.root), "fetch"]

    def _mbsync(self, port: int, cert: str) -> list[str]:
        secret = dovecot.PASSWORD.replace("\\", "\\\\").replace('"', '\\"')
        secure = f"SSLType IMAPS\nCertificateFile {cert}" if cert else "SSLType None\nAuthMechs LOGIN"
        (self.home / "rc").write_text(
            f'IMAPAccount a\nHost localhost\nPort {port}\nUser {dovecot.USER}\nPass "{secret}"\n{secure}\n\n'
            f"IMAPStore far\nAccount a\n\nMaildirStore near\nPath {self.home}/\nInbox {self.home}/mail\n\n"
            "Channel c\nFar :far:\nNear :near:\nPatterns INBOX Sent Trash\nCreate Near\nExpunge Both\n"
            f"SyncState {self.home}/state/\n"
        )
        (self.home / "state").mkdir()
        self.maildir = self.home / "mail"
        return ["mbsync", "-q", "-c", str(self.home / "rc"), "c"]

    def _offlineimap(self, port: int, cert: str) -> list[str]:
        secure = f"ssl = yes\nsslcacertfile = {cert}" if cert else "ssl = no\nstarttls = no"
        (self.home / "rc").write_text(
            f"[general]\naccounts = a\nmetadata = {self.home}/meta\nmaxsyncaccounts = 1\n[Account a]\n"
            f"localrepository = near\nremoterepository = far\n[Repository near]\ntype = Maildir\n"
            f"localfolders = {self.home}/box\n[Repository far]\ntype = IMAP\nremotehost = localhost\n"
            f"remoteport = {port}\nremoteuser = {dovecot.USER}\nremotepass = {dovecot.PASSWORD}\n{secure}\n"
            "maxconnections = 2\n"
        )
        self.maildir = self.home / "box" / "INBOX"
        return ["offlineimap", "-o", "-c", str(self.home / "rc"), "-u", "quiet"]

    def run(self) -> tuple[float, float]:
        """The seconds it took, and those of the processor: on a busy machine they say more."""
        environment = {
            **os.environ,
            "HOME": str(self.home),
            "ADA_PASSWORD": dovecot.PASSWORD,
            "PYTHONPATH": str(SOURCE) if self.name in OURSELVES else "",
        }
        started = time.perf_counter()
        process = subprocess.Popen(
            self.command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        killer = threading.Timer(LIMIT, process.kill)
        killer.start()
        ended = threading.Event()
        threading.Thread(target=self._watch_memory, args=(process.pid, ended), daemon=True).start()
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        killer.cancel()
        ended.set()
        if process.returncode:
            print(f"{self.name} ended with {process.returncode}: {said.decode(errors='replace')[-300:]}")
        return time.perf_counter() - started, usage.ru_utime + usage.ru_stime

    def _watch_memory(self, pid: int, ended: threading.Event) -> None:
        """The most memory it takes. ``wait4`` would include what this process had as it started it."""
        while not ended.wait(0.01):
            with contextlib.suppress(OSError):
                found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
                self.peak = max(self.peak, int(found[1]) / 1000 if found else 0.0)

    def here(self) -> int:
        """How many messages are here."""
        return sum(1 for part in ("new", "cur") for _ in (self.maildir / part).iterdir())

    def client(self) -> imaplib.IMAP4:
        found = imaplib.IMAP4("127.0.0.1", self.server.imap)
        found.login(dovecot.USER, dovecot.PASSWORD)
        found.select("INBOX")
        return found


def prepare(step: str, program: Program, count: int, turn: int) -> None:
    """Change something before a step."""
    client = program.client()
    sign = "+" if turn % 2 == 0 else "-"
    if step == "flags":
        client.store(f"1:{min(100, count)}", f"{sign}FLAGS", "\\Flagged")
        reflag(program.maildir, 100, count, replied=turn % 2 == 0)
        time.sleep(1.1)  # mbsync waits for the end of a second in which a folder changed
    elif step == "new":
        for number in range(10):
            text = message(count + 10 * turn + number)
            client.append("INBOX", "", None, text.replace(b"\n", b"\r\n"))
    elif step == "gone":
        client.store("1:10", "+FLAGS", "\\Deleted")
        client.expunge()
    client.logout()


def reflag(maildir: Path, first: int, count: int, *, replied: bool) -> None:
    """Mark a hundred messages as answered here, or take that back."""
    wanted = {f"Message-ID: <{number}.bench@".encode() for number in range(first, min(first + 100, count))}
    for path in [*(maildir / "cur").iterdir(), *(maildir / "new").iterdir()]:
        with path.open("rb") as file:
            found = re.search(rb"Message-ID: <\d+\.bench@", file.read(400))
        if found and found[0] in wanted:
            bare, _, flags = path.name.partition(":2,")
            left = set(flags) | {"R"} if replied else set(flags) - {"R"}
            path.rename(maildir / "cur" / f"{bare}:2,{''.join(sorted(left))}")


def main(count: int = 2000, delay: int = 0, rounds: int = 5, counted: int = 0) -> int:
    """Measure and print; nothing here can fail because a machine is slow."""
    if reason := dovecot.why_not():
        print(f"not measured: {reason}")
        return 0
    compileall.compile_dir(SOURCE, quiet=1)  # as an installer does; some shells keep Python from doing it
    names = [*OURSELVES, *(name for name in ("mbsync", "offlineimap") if shutil.which(name))]
    if count > 2000 and "offlineimap" in names:
        names.remove("offlineimap")
    texts = [message(number) for number in range(count)]
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        programs = []
        for name in names:
            server = stack.enter_context(dovecot.running())
            server.put(*texts, counted=bool(counted))
            port = Relay(server.imaps, delay / 1000).port if delay else server.imap
            cert = str(server.cert) if delay else ""
            programs.append(Program(name, server, port, cert, Path(folder) / name))
            client = programs[-1].client()  # the server reads its own mailbox once
            client.fetch("1:*", "(FLAGS RFC822.SIZE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")
            client.logout()
        for step in GOALS:
            for turn in range(1 if step == "first" else rounds):
                for program in programs:
                    if step not in ("first", "nothing"):
                        prepare(step, program, count, turn)
                    if step != "first":
                        time.sleep(1.1)
                    took, work = program.run()
                    program.times[step] = min(took, program.times.get(step, took))
                    program.work[step] = min(work, program.work.get(step, work))
        wrong = [each.name for each in programs if each.here() != count]
    how = f"TLS, {2 * delay} ms round trip" if delay else "no TLS"
    print(f"{count:,} messages of 2 KB, {how}; seconds, and in brackets times mbsync")
    peer = next((each for each in programs if each.name == "mbsync"), None)
    for step, goal in GOALS.items():
        line = f"{step:8}"
        for each in programs:
            ratio = f" ({each.times[step] / peer.times[step]:.2f})" if peer not in (None, each) else ""
            line += f"  {each.name} {each.times[step]:.3f}{ratio} cpu {each.work[step]:.2f}"
        print(f"{line} (goal {goal})")
    if wrong:
        print("NOT IN SYNC at the end: " + ", ".join(wrong))
    print("memory: " + ", ".join(f"{each.name} {each.peak:.0f} MB" for each in programs) + " (goal 60 MB)")
    print(json.dumps({each.name: each.times for each in programs}))
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:5])))
