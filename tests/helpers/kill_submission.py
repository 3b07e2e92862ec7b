"""Kill a program at every step of a submission, and look at what the server got and the outbox says.

Run as a program (a test process with threads may not fork):

- ``kill_submission.py FOLDER EVERY`` kills at every EVERY-th step: of the client, between any two
statements of
  SQLite, files made durable or renamed, and writes to the socket; of the server, before and after each reply.
- ``kill_submission.py FOLDER ROUNDS PORT MAILDIR QUEUE`` kills at random moments, with a real server as the
  judge; once its queue is empty, everything has arrived.

Prints what it found as JSON; whatever is lost or doubled ends it with a traceback.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import selectors
import signal
import socket
import sys
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from emailpost import PATIENT, EmailDesk
from postfix import settled

import misfin.post.email.connecting  # noqa: F401 - not to be imported again by each fork
from misfin.store import database
from misfin.store.outgoing.outbox import DeliveryState

TO = ("ada@example.org", "bea@example.org")
IN_A_ROW = 3
"""Messages queued at once: the next one is begun while the one before is written down."""
TEXT = "A line that is sent.\n" * 2000
"""Long enough for the message to leave in several writes."""
STEPS = ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "body", "end"]
NEVER = 10**9


# ---- the program that is killed


def count_steps(dies_at: int) -> Callable[[], int]:
    """Count what this process does to disk and network, and kill it before step ``dies_at``."""
    done = 0

    def step(*_: object) -> None:
        nonlocal done
        if done == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
        done += 1

    def counted(act: Callable[..., Any]) -> Callable[..., Any]:
        def acting(*args: Any, **options: Any) -> Any:
            step()
            return act(*args, **options)

        return acting

    for name in ("fsync", "replace", "rename", "link", "unlink"):
        setattr(os, name, counted(getattr(os, name)))
    transport = asyncio.selector_events._SelectorSocketTransport  # type: ignore[attr-defined]
    transport.write = counted(transport.write)
    connect = database.connect

    def connected(path: Path | None) -> Any:
        made = connect(path)
        made.set_trace_callback(step)
        return made

    database.connect = connected
    return lambda: done


def named(token: str) -> list[str]:
    """The subjects of the messages of a round."""
    return [f"{token}.{number}" for number in range(IN_A_ROW)]


def program(folder: Path, port: int, token: str, told: int, dies_at: int = NEVER) -> None:
    """Queue the messages of ``token`` (nothing if empty) and send what is due."""
    steps = count_steps(dies_at)
    desk = EmailDesk(folder, port, timeouts=PATIENT)
    desk.now = time.time()
    if token:
        file = folder / "file.txt"
        file.write_text(token)
        attached = desk.files.add(file)
        for subject in named(token):
            desk.put(*TO, subject=subject, body=TEXT, attachments=(attached,))
            os.write(told, f"queued {subject} {steps()}\n".encode())
    asyncio.run(desk.courier().run_once())
    desk.close()
    os.write(told, f"ended {steps()}\n".encode())


def start(folder: Path, port: int, token: str, dies_at: int = NEVER) -> tuple[int, int]:
    """Fork the program; its process id and where it reports."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            os.close(reading)
            program(folder, port, token, writing, dies_at)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writing)
    return child, reading


# ---- the server that kills


class Server:
    """Takes one connection at a time in this thread, and kills the client at a step of its own."""

    def __init__(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.complete: Counter[str] = Counter()
        """How often a whole message with a subject came in, final dot and all."""

    def serve(self, child: int, kill: str = "", *, after: bool = False) -> int:
        """Talk with the program until it ends; returns its wait status."""
        self._kill, self._after, self._child = kill, after, child
        with selectors.DefaultSelector() as waiting:
            waiting.register(self.listening, selectors.EVENT_READ)
            while True:
                found, status = os.waitpid(child, os.WNOHANG)
                if found:
                    return status
                if waiting.select(0.005):
                    connection, _ = self.listening.accept()
                    with connection, suppress(OSError):
                        self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        connection.settimeout(60)
        self._say(connection, "greeting", "220 mx.example")
        file = connection.makefile("rb")
        while line := file.readline():
            verb = line[:4].decode().upper().strip()
            if verb == "EHLO":
                self._say(connection, verb, "250-mx.example\r\n250-PIPELINING\r\n250 8BITMIME")
            elif verb == "DATA":
                self._say(connection, verb, "354 go ahead")
                if not self._message(connection, file):
                    return
            elif verb == "QUIT":
                self._say(connection, verb, "221 bye")
                return
            else:
                self._say(connection, verb, "250 ok")

    def _message(self, connection: socket.socket, file: Any) -> bool:
        token, number = "", 0
        while line := file.readline():
            number += 1
            if line.startswith(b"Subject: ") and not token:
                token = line[9:].decode().strip()
            if number == 500 and self._kill == "body":
                os.kill(self._child, signal.SIGKILL)
            if line == b".\r\n":
                self.complete[token] += 1
                self._say(connection, "end", "250 taken")
                return True
        return False

    def _say(self, connection: socket.socket, step: str, reply: str) -> None:
        if step == self._kill and not self._after:
            os.kill(self._child, signal.SIGKILL)
        connection.sendall(reply.encode() + b"\r\n")
        if step == self._kill and self._after:
            time.sleep(0.0005)
            os.kill(self._child, signal.SIGKILL)


# ---- the judge


def states(folder: Path, *, recover: bool = False) -> defaultdict[str, set[DeliveryState]]:
    """What the outbox says about each message, as the next process to open it sees that."""
    desk = EmailDesk(folder)
    found: defaultdict[str, set[DeliveryState]] = defaultdict(set)
    try:
        if recover:
            desk.outbox.recover(time.time())
        for row in desk.outbox.rows():
            found[row.subject].add(row.state)
        return found
    finally:
        desk.close()


def copies(folder: Path) -> Counter[str]:
    """How often each message lies in Sent."""
    desk = EmailDesk(folder)
    found = (data.partition(b"\nSubject: ")[2].split(b"\n")[0].decode() for data in desk.sent())
    counted = Counter(found)
    desk.close()
    return counted


def one_round(folder: Path, server: Server, token: str, dies_at: int, kill: str, after: bool) -> list[str]:
    """Kill, look, let the next process finish, look again. Returns how the kill left each message."""
    child, reading = start(folder, server.port, token, dies_at)
    status = server.serve(child, kill, after=after)
    with os.fdopen(reading) as told:
        said = told.read().split()
    assert os.WIFSIGNALED(status) or "ended" in said, f"{token} failed by itself"
    found = states(folder, recover=True)
    left = {
        subject: left_as(found[subject], server.complete[subject], subject, queued=subject in said)
        for subject in named(token)
    }
    child, reading = start(folder, server.port, "")
    assert server.serve(child) == 0
    os.close(reading)
    now, in_sent = states(folder), copies(folder)
    for subject, (state, got) in left.items():
        wanted = {DeliveryState.ACCEPTED} if state is DeliveryState.WAITING else found[subject]
        assert now[subject] == wanted, f"{subject} was {state} and is {now[subject]}"
        expected = got if state in (None, DeliveryState.UNCERTAIN) else 1
        came = server.complete[subject]
        assert came == expected, f"{subject}: the server has {came}"
        filed = in_sent[subject]
        assert filed == (wanted == {DeliveryState.ACCEPTED}), f"{subject} lies {filed} times in Sent"
    return [state.value if state else "not queued" for state, _ in left.values()]


def left_as(
    found: set[DeliveryState], got: int, subject: str, *, queued: bool
) -> tuple[DeliveryState | None, int]:
    """What a kill made of a message: its state, and how often the server has it."""
    assert len(found) <= 1, f"{subject} is torn: {found}"
    assert found or not queued, f"{subject} was queued and is lost"
    assert got <= 1, f"{subject} came {got} times"
    state = next(iter(found), None)
    match state:
        case None:
            assert not got, f"{subject} was sent before it was queued"
        case DeliveryState.WAITING:
            assert not got, f"{subject} waits although the server has it: it would be doubled"
        case DeliveryState.ACCEPTED:
            assert got == 1, f"{subject} is said to be accepted and is not"
        case _:
            assert state is DeliveryState.UNCERTAIN, f"{subject} is {state}"
    return state, got


def at_every_step(folder: Path, every: int) -> Counter[str]:
    """A whole run to count the steps, then one kill at each."""
    server = Server()
    child, reading = start(folder, server.port, "whole")
    assert server.serve(child) == 0
    with os.fdopen(reading) as told:
        total = int(told.read().split()[-1])
    found: Counter[str] = Counter()
    for number in range(0, total, every):
        found.update(one_round(folder, server, f"client-{number}", number, "", False))
    for number, (step, after) in enumerate((step, after) for step in STEPS for after in (False, True)):
        if number % max(1, every // 8) == 0:
            found.update(one_round(folder, server, f"server-{step}-{after}", NEVER, step, after))
    found["steps of the client"] = total
    return found


def at_random(folder: Path, rounds: int, port: int, maildir: Path, queue: Path) -> Counter[str]:
    """Kills at random moments; a real server and its Maildir say what arrived."""
    rng = random.Random(rounds)
    began = time.monotonic()
    child, reading = start(folder, port, "whole")
    os.waitpid(child, 0)
    os.close(reading)
    whole = time.monotonic() - began
    left: dict[str, DeliveryState | None] = dict.fromkeys(named("whole"), DeliveryState.ACCEPTED)
    for number in range(rounds):
        token = f"random-{number}"
        child, reading = start(folder, port, token)
        time.sleep(rng.uniform(0.0, whole * 1.1))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with os.fdopen(reading) as told:
            said = told.read().split()
        found_now = states(folder, recover=True)
        for subject in named(token):
            left[subject] = next(iter(found_now[subject]), None)
            assert left[subject] is not None or subject not in said, f"{subject} was queued and is lost"
        child, reading = start(folder, port, "")
        assert os.waitpid(child, 0)[1] == 0
        os.close(reading)
    assert settled(queue), "the server keeps something"
    arrived, ended = in_maildir(maildir), states(folder)
    for token, state in left.items():
        assert ended[token] <= {DeliveryState.ACCEPTED, DeliveryState.UNCERTAIN}
        got = arrived[token]
        allowed = {DeliveryState.UNCERTAIN: (0, 1), None: (0,)}.get(state, (1,))
        assert got in allowed, f"{token} was {state} after the kill, and arrived {got} times"
    found = Counter(state.value if state else "not queued" for state in left.values())
    uncertain = [token for token, state in left.items() if state is DeliveryState.UNCERTAIN]
    found["uncertain that arrived"] = sum(arrived[token] for token in uncertain)
    return found


def in_maildir(maildir: Path) -> Counter[str]:
    """How many copies of each message are in a mailbox."""
    return Counter(
        file.read_bytes().replace(b"\r", b"").partition(b"\nSubject: ")[2].split(b"\n")[0].decode()
        for file in (*maildir.glob("new/*"), *maildir.glob("cur/*"))
    )


def main() -> None:
    folder, number = Path(sys.argv[1]), int(sys.argv[2])
    folder.mkdir(exist_ok=True)
    if len(sys.argv) > 3:
        found = at_random(folder, number, int(sys.argv[3]), Path(sys.argv[4]), Path(sys.argv[5]))
    else:
        found = at_every_step(folder, number)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
