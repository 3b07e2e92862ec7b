"""Several processes that receive for one profile: as one for whoever sends, and none needs the others.

A process is stopped (SIGSTOP) where a test needs to know which one serves.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
import time
import urllib.request
from collections import Counter

import pytest
from freeports import free_port
from gmapclient import PlainClient
from peers import ask, message, person
from processes import alive, busy, children, ends

from misfin.errors import TlsError
from misfin.store.hosting.file import open_hosting
from misfin.store.hosting.lists import ListBook
from misfin.store.identities import IdentityStore
from misfin.store.mail.maildir import MailStore

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="several processes receive on Linux only")

ADA, BEA = "ada@mail.example", person("bea@hive.test Bea")
RESTED = 5
"""Looks in a row that find no process at work, after which all have begun."""
OPEN = "[rate_limit]\nenable = false\n[verification]\nmode = 'off'\n"


def received(shell, address: str = ADA) -> list[str]:
    folder = MailStore(shell.root / "mail").folder(address)
    return [entry.path.read_text().rpartition("\n\n")[2].strip() for entry in folder.list()]


class Processes:
    """A receiver with several processes, all of which run."""

    def __init__(self, shell, count: int, *words: str) -> None:
        if not (shell.root / "identities").exists():
            IdentityStore(shell.root / "identities").save(person(f"{ADA} Ada"))
        self.count = count
        self.process = shell.receive("--listen", "127.0.0.1:0", "--processes", str(count), *words)
        (note,) = (shell.root / "run").glob("receiver.json")
        self.port = int(re.search(r"127\.0\.0\.1:(\d+)", note.read_text())[1])
        self.wait()

    def wait(self, without: int = 0, looks: int = RESTED) -> list[int]:
        """Their process ids, oldest first, once all run and ``without`` is not one of them.

        None may have been at work in so many looks in a row: one that is stopped while it starts could hold
        what the others wait for.
        """
        latest, rested = time.monotonic() + 60, 0
        while True:
            with contextlib.suppress(OSError):  # one that was killed is gone between two looks
                pids = sorted(children(self.process.pid), key=began)
                there = len(pids) == self.count and without not in pids
                rested = rested + 1 if there and not any(map(busy, pids)) else 0
                if there and rested >= looks:
                    return pids
            assert time.monotonic() < latest
            time.sleep(0.02)

    @contextlib.contextmanager
    def only(self, number: int):
        """Only that one of them serves meanwhile; those that are stopped go on afterwards."""
        others = [pid for at, pid in enumerate(self.wait()) if at != number]
        for pid in others:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in others:
                os.kill(pid, signal.SIGCONT)

    def send(self, text: str, to: str = ADA, sender=BEA) -> bytes:
        return asyncio.run(send(self.port, text, to, sender))

    def end(self) -> str:
        """Let it end; what it wrote to its log."""
        pids = self.wait(looks=0)
        self.process.terminate()
        _, log = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, log
        assert not any(map(alive, pids))
        return log


def began(pid: int) -> int:
    with open(f"/proc/{pid}/stat") as file:
        return int(file.read().rpartition(")")[2].split()[19])


async def send(port: int, text: str, to: str = ADA, sender=BEA) -> bytes:
    """The answer; nothing where the connection ended without one."""
    with contextlib.suppress(OSError, TlsError, TimeoutError):
        return await ask(port, message(to, text), sender)
    return b""


async def flood(port: int, clients: int, texts: list[str]) -> dict[str, bytes]:
    """Send these messages by so many clients at once; the answers."""
    waiting, answers = iter(texts), {}

    async def client() -> None:
        for text in waiting:
            answers[text] = await send(port, text)

    await asyncio.gather(*(client() for _ in range(clients)))
    return answers


# ---- one receiver


def test_every_process_takes_messages_and_the_figures_are_of_all(shell):
    metrics = free_port()
    shell.settings(f'[operation]\nmetrics = "127.0.0.1:{metrics}"\n' + OPEN)
    running = Processes(shell, 3)
    for number in range(3):
        with running.only(number):
            assert running.send(f"to {number}").startswith(b"20 ")
            assert running.send("x", to="nobody@mail.example").startswith(b"51 ")
    assert sorted(received(shell)) == ["to 0", "to 1", "to 2"]
    with urllib.request.urlopen(f"http://127.0.0.1:{metrics}/metrics", timeout=60) as answer:
        lines = dict(line.rsplit(" ", 1) for line in answer.read().decode().splitlines())
    assert lines['misfin_answers_total{status="20"}'] == "3"
    assert lines['misfin_answers_total{status="51"}'] == "3"
    assert lines["misfin_keeping_seconds_count"] == "3"
    assert lines["misfin_processes"] == "3"
    running.end()


def test_the_setting_counts_where_it_runs_alone_and_not_in_the_program(shell):
    shell.settings("[receive]\nprocesses = 2\n" + OPEN)
    IdentityStore(shell.root / "identities").save(person(f"{ADA} Ada"))
    alone = shell.receive("--listen", "127.0.0.1:0")
    assert children(alone.pid) != []
    alone.terminate()
    assert alone.wait(60) == 0
    child = shell.receive("--listen", "127.0.0.1:0", "--until-eof")
    assert children(child.pid) == []


def test_what_is_wrong_is_said_once_and_ends_it(shell):
    shell.settings(OPEN)
    done = shell.run("receive", "--listen", "127.0.0.1:0", "--processes", "3", check=2)
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""
    done = shell.run("receive", "--processes", "0", check=2)
    assert "0 is not a possible number of processes" in done.stderr
    done = shell.run("receive", "--processes", "65", check=2)
    assert "Use 1 to 64" in done.stderr


def test_a_second_receiver_is_refused_however_many_processes_it_has(shell):
    shell.settings(OPEN)
    Processes(shell, 2)
    for words in ((), ("--processes", "2")):
        done = shell.run("receive", "--listen", "127.0.0.1:0", *words, check=2)
        assert "already running" in done.stderr


# ---- limits


def test_what_one_process_grants_the_others_do_not_grant_again(shell):
    shell.settings("[rate_limit]\ncapacity = 10\nrefill_rate = 0.001\n[verification]\nmode = 'off'\n")
    running = Processes(shell, 2)
    with running.only(0):
        assert [running.send(f"first {each}")[:2] for each in range(6)] == [b"20"] * 6
    with running.only(1):
        assert [running.send(f"second {each}")[:2] for each in range(6)] == [b"20"] * 4 + [b"44"] * 2
    with running.only(0):
        assert running.send("third")[:2] == b"44"


async def test_limits_hold_within_a_tenth_when_all_processes_are_busy(shell):
    shell.settings("[rate_limit]\ncapacity = 60\nrefill_rate = 0.001\n[verification]\nmode = 'off'\n")
    running = await asyncio.to_thread(Processes, shell, 3)
    answers = await flood(running.port, 12, [f"message {each}" for each in range(180)])
    granted = sum(each.startswith(b"20 ") for each in answers.values())
    assert 60 <= granted <= 66
    assert len(received(shell)) == granted


def test_a_mailbox_that_is_full_is_full_for_all(shell):
    shell.settings("[receive]\nmailbox_quota = 1\n" + OPEN)
    running = Processes(shell, 2)
    large = "x" * 15_000
    for number in (0, 1, 0):
        with running.only(number):
            answers = [running.send(f"{number} {each} {large}")[:2] for each in range(25)]
    assert set(answers) == {b"20", b"45"}
    stored = sum(each.stat().st_size for each in (shell.root / "mail" / ADA / "new").iterdir())
    assert stored < 1_100_000


async def test_a_message_that_comes_twice_in_a_second_is_one_whichever_process_gets_it(shell):
    shell.settings(OPEN)
    running = await asyncio.to_thread(Processes, shell, 3)
    answers = await asyncio.gather(*(send(running.port, "the same") for _ in range(24)))
    assert {each[:2] for each in answers} == {b"20"}
    seconds = Counter(each.name.partition(".")[0] for each in (shell.root / "mail" / ADA / "new").iterdir())
    assert set(seconds.values()) == {1}


# ---- ends


async def test_a_process_that_is_killed_loses_and_doubles_nothing_and_another_takes_its_place(shell):
    shell.settings(OPEN)
    running = await asyncio.to_thread(Processes, shell, 3)
    for turn in range(3):
        victim = running.wait()[turn]
        texts = [f"{turn} {each}" for each in range(60)]
        sending = asyncio.create_task(flood(running.port, 8, texts))
        before = len(received(shell))
        while len(received(shell)) < before + 10:
            await asyncio.sleep(0.01)
        os.kill(victim, signal.SIGKILL)
        answers = await sending
        answered = {text for text, answer in answers.items() if answer.startswith(b"20 ")}
        # Eight clients have a connection each: whoever talked to another process noticed nothing.
        assert len(answered) >= len(texts) - 8
        assert {answer[:2] for answer in answers.values()} <= {b"20", b""}
        found = Counter(each for each in received(shell) if each.startswith(f"{turn} "))
        assert answered <= set(found)
        assert set(found.values()) == {1}
        await asyncio.to_thread(running.wait, victim)
    log = await asyncio.to_thread(running.end)
    assert "ended (signal 9); it is started again" in log


def test_all_end_with_the_one_that_started_them_and_then_another_can_receive(shell):
    shell.settings(OPEN)
    running = Processes(shell, 3)
    pids = running.wait()
    running.process.kill()
    assert all(ends(pid) for pid in pids)
    assert Processes(shell, 2).send("Hello").startswith(b"20 ")


async def test_sigterm_lets_every_process_answer_what_has_begun(shell):
    shell.settings(OPEN)
    running = await asyncio.to_thread(Processes, shell, 3)
    sending = asyncio.create_task(flood(running.port, 8, [f"{each}" for each in range(100)]))
    while len(received(shell)) < 10:
        await asyncio.sleep(0.01)
    await asyncio.to_thread(running.end)
    answered = {text for text, answer in (await sending).items() if answer.startswith(b"20 ")}
    assert set(received(shell)) == answered
    assert len(received(shell)) == len(answered)


# ---- what only one may do


def test_a_list_sends_each_post_once(shell):
    port, the_list = free_port(), "garden@mail.example"
    shell.settings(
        f'[rate_limit]\nenable = false\n[verification]\nallow_private = true\n[hosts."mail.example"]\n'
        f'connect = "127.0.0.1:{port}"\n'
    )
    identities = IdentityStore(shell.root / "identities")
    for address in (ADA, "bea@mail.example"):
        identities.save(person(address))
    shell.run("identity", "new", "postmaster@mail.example", "--ca")
    shell.run("mailing-list", "create", the_list)
    shell.run("mailing-list", "subscribe", the_list, ADA, "bea@mail.example")
    running = Processes(shell, 3, "--listen", f"127.0.0.1:{port}")
    author = identities.load("bea@mail.example")
    for number in range(3):
        with running.only(number):
            assert running.send(f"post {number}", to=the_list, sender=author).startswith(b"20 ")
    latest = time.monotonic() + 60
    while len(received(shell)) < 3:
        assert time.monotonic() < latest
        time.sleep(0.05)
    running.end()
    assert sorted(received(shell)) == ["post 0", "post 1", "post 2"]
    with contextlib.closing(open_hosting(shell.root / "hosting.db")) as database:
        assert len(ListBook(database).lists()) == 1


def test_mailboxes_are_served_by_the_first_and_by_the_one_that_takes_its_place(shell):
    shell.settings('[gmap]\nenable = true\nlisten = ["127.0.0.1:0"]\n' + OPEN)
    running = Processes(shell, 2)
    line = running.process.stdout.readline()
    assert line.startswith("Mailboxes can be opened on 127.0.0.1:")
    owner = IdentityStore(shell.root / "identities").load(ADA)
    client = PlainClient(int(line.rsplit(":", 1)[1]), owner, "mail.example")
    assert running.send("Hello").startswith(b"20 ")
    assert len(client.ids("Inbox")) == 1
    victim = running.wait()[0]
    os.kill(victim, signal.SIGKILL)
    assert len(client.ids("Inbox")) == 1  # it waited for the next one, and was not refused
    running.wait(victim)
    running.process.terminate()
    rest, _ = running.process.communicate(timeout=60)
    assert rest == "", "addresses are said once"


def test_each_line_of_the_log_says_which_process_writes_it(shell):
    shell.settings('[operation]\nlog = "json"\n' + OPEN)
    running = Processes(shell, 2)
    for number in range(2):
        with running.only(number):
            assert running.send("this imports what serves").startswith(b"20 ")
    IdentityStore(shell.root / "identities").save(person("cleo@other.example Cleo"))
    for number in range(2):
        with running.only(number):
            latest = time.monotonic() + 60
            while not running.send("Hello", to="cleo@other.example").startswith(b"20 "):
                assert time.monotonic() < latest
    lines = [json.loads(line) for line in running.end().splitlines()]
    noticed = [line["process"] for line in lines if line["message"].startswith("Receiving for ")]
    assert sorted(noticed) == [1, 2]
