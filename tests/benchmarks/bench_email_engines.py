"""The engines for incoming e-mail against poplib and imaplib: the same bytes, nothing stored.

The server is a child process that answers from memory, so a rate is that of the client. Times are of this
machine: the ratios count. ``python tests/benchmarks/bench_email_engines.py [--messages N] [--rounds N]``
"""

from __future__ import annotations

import argparse
import imaplib
import multiprocessing
import poplib
import resource
import socket
import time
from collections.abc import Callable

from misfin.email.imap import Completed, Fetch, FetchPiece, IMAPClientProtocol, UidSet
from misfin.email.imap import commands as imap
from misfin.email.pop3 import Answered, MessagePiece, POP3ClientProtocol
from misfin.email.pop3 import commands as pop3

READ = 256 << 10
AHEAD = 128  # commands handed to the engine before their answers; it writes 32 of them
LINE = b"A line of sixty-two bytes as they are in most of the messages.\r\n"
MESSAGE = b"From: Ada <ada@mail.example>\r\nSubject: Bees\r\n\r\n" + LINE * 30  # 2 KB
FLAGS = (b"\\Seen", b"\\Seen \\Answered", b"", b"\\Flagged $Work")
POP3_GOAL = 2.0  # times poplib
IMAP_GOAL = 0.2  # of imaplib's rate: it leaves reading the lines to its caller, the engine reads them all


def serve(
    ready: multiprocessing.connection.Connection, answer: Callable[[bytes], bytes], greeting: bytes
) -> None:
    """Answer lines from a table until killed."""
    listening = socket.create_server(("127.0.0.1", 0))
    ready.send(listening.getsockname()[1])
    while True:
        sock, _ = listening.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(greeting)
        rest = b""
        while data := sock.recv(READ):
            *lines, rest = (rest + data).split(b"\r\n")
            sock.sendall(b"".join(map(answer, lines)))
        sock.close()


def pop3_answer(line: bytes) -> bytes:
    """What a POP3 server says."""
    if line.startswith(b"RETR"):
        return b"+OK\r\n" + MESSAGE + b".\r\n"
    return b"+OK\r\nPIPELINING\r\nUIDL\r\n.\r\n" if line == b"CAPA" else b"+OK\r\n"


def imap_answer(count: int) -> Callable[[bytes], bytes]:
    """What an IMAP server with so many messages says."""
    bodies = b"".join(
        b"* %d FETCH (UID %d FLAGS (%b) BODY[] {%d}\r\n%b)\r\n" % (n, n, FLAGS[n % 4], len(MESSAGE), MESSAGE)
        for n in range(1, count + 1)
    )
    flags = b"".join(
        b"* %d FETCH (UID %d FLAGS (%b) MODSEQ (%d))\r\n" % (n, n, FLAGS[n % 4], n)
        for n in range(1, count + 1)
    )

    def answer(line: bytes) -> bytes:
        tag, _, rest = line.partition(b" ")
        end = tag + b" OK done\r\n"
        if rest == b"CAPABILITY":
            return b"* CAPABILITY IMAP4rev1\r\n" + end
        if rest.startswith(b"SELECT"):
            return b"* %d EXISTS\r\n" % count + end
        if b"FETCH" in rest:
            return (bodies if b"BODY" in rest else flags) + end
        return end

    return answer


def poplib_whole(port: int, count: int) -> int:
    """Fetch every message with poplib."""
    client = poplib.POP3("127.0.0.1", port)
    got = sum(len(client.retr(number)[1]) > 0 for number in range(1, count + 1))
    client.close()
    return got


def engine_pop3_whole(port: int, count: int) -> int:
    """Fetch every message with the engine, as far ahead as it goes."""
    with socket.create_connection(("127.0.0.1", port)) as sock:
        client, got = POP3ClientProtocol(), 0
        client.feed_bytes(sock.recv(READ))
        list(client.events())
        for command in (pop3.capa(), pop3.user("ada"), pop3.password("x")):
            client.send(command)
            sock.sendall(client.get_outgoing_data())
            while client.pending:
                client.feed_bytes(sock.recv(READ))
                list(client.events())
        sent = 0
        while got < count:
            for number in range(sent + 1, min(count, got + AHEAD) + 1):
                client.send(pop3.retr(number))
                sent = number
            sock.sendall(client.get_outgoing_data())
            client.feed_bytes(sock.recv(READ))
            for event in client.events():
                if isinstance(event, Answered):
                    got += event.value == len(MESSAGE)
                else:
                    assert isinstance(event, MessagePiece)
    return got


def imaplib_fetch(what: str) -> Callable[[int, int], int]:
    """Fetch with imaplib, which leaves the lines as they are."""

    def run(port: int, count: int) -> int:
        client = imaplib.IMAP4("127.0.0.1", port)
        client.login("ada", "x")
        client.select("INBOX")
        _, answers = client.uid("FETCH", f"1:{count}", what)
        client.shutdown()
        return len(answers) // (2 if "BODY" in what else 1)

    return run


def engine_fetch(what: tuple[str, ...], *, stream: bool) -> Callable[[int, int], int]:
    """Fetch with the engine, which reads every item."""

    def run(port: int, count: int) -> int:
        with socket.create_connection(("127.0.0.1", port)) as sock:
            client, got = IMAPClientProtocol(), 0
            todo = [
                imap.login("ada", "x"),
                imap.select("INBOX"),
                imap.fetch(UidSet.of_ranges([(1, count)]), what, stream=stream),
            ]
            while True:
                client.feed_bytes(sock.recv(READ))
                for event in client.events():
                    match event:
                        case Fetch():
                            got += event.uid is not None and event.flags is not None
                        case FetchPiece():
                            pass
                        case Completed(command="UID FETCH"):
                            return got
                if todo and not client.pending:
                    client.send(todo.pop(0))
                    sock.sendall(client.get_outgoing_data())

    return run


def rate(run: Callable[[int, int], int], port: int, count: int, rounds: int) -> float:
    """Messages per second, the best of some rounds."""
    best = 0.0
    for _ in range(rounds):
        started = time.perf_counter()
        got = run(port, count)
        assert got == count, (got, count)
        best = max(best, count / (time.perf_counter() - started))
    return best


def compare(what: str, peer: str, theirs: float, ours: float, goal: float) -> bool:
    """One line; whether the goal was reached."""
    ratio = ours / theirs
    verdict = "reached" if ratio >= goal else "MISSED"
    rates = f"{peer} {theirs:9,.0f}/s   engine {ours:9,.0f}/s   {ratio:5.2f} x"
    print(f"  {what:34s} {rates}  goal {goal:g}: {verdict}")
    return ratio >= goal


def main() -> int:
    """Measure; exit status 1 when a goal was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    count, rounds = options.messages, options.rounds
    context = multiprocessing.get_context("fork")
    ports, servers = [], []
    for answer, greeting in ((pop3_answer, b"+OK hello\r\n"), (imap_answer(count), b"* OK hello\r\n")):
        ours, theirs = context.Pipe()
        server = context.Process(target=serve, args=(theirs, answer, greeting), daemon=True)
        server.start()
        servers.append(server)
        ports.append(ours.recv())
    pop, imap_port = ports
    reached = [
        compare(
            "POP3, 2 KB messages, PIPELINING",
            "poplib ",
            rate(poplib_whole, pop, count, rounds),
            rate(engine_pop3_whole, pop, count, rounds),
            POP3_GOAL,
        )
    ]
    for what, asked, wanted, stream in (
        ("IMAP, whole messages, in pieces", "(UID FLAGS BODY.PEEK[])", ("UID", "FLAGS", imap.body()), True),
        ("IMAP, whole messages, joined", "(UID FLAGS BODY.PEEK[])", ("UID", "FLAGS", imap.body()), False),
        ("IMAP, flags", "(UID FLAGS MODSEQ)", ("UID", "FLAGS", "MODSEQ"), False),
    ):
        theirs_rate = rate(imaplib_fetch(asked), imap_port, count, rounds)
        ours_rate = rate(engine_fetch(wanted, stream=stream), imap_port, count, rounds)
        reached.append(compare(what, "imaplib", theirs_rate, ours_rate, IMAP_GOAL))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  {'peak memory of this process':34s} {peak:.0f} MiB (imaplib holds all messages at once)")
    for server in servers:
        server.kill()
        server.join()
    return 0 if all(reached) else 1


if __name__ == "__main__":
    raise SystemExit(main())
