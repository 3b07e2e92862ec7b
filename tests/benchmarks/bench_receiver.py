"""Messages a receiver takes per second, ours against Titlani as installed, and the memory of idle
connections.

Each message is 1 KiB, over a new TLS 1.3 connection with a client certificate. Ours is all of
``misfin-tui receive`` with its default settings but without the rate limit (Titlani's is off as installed):
20 means written, fsynced, renamed, folder fsynced. Server and load have a processor each; the two servers
take turns, so that what else the machine does hits both. Goals: rate at least 1.1, 1.9 and 2 times Titlani's
with 1, 8 and 32 clients; with 8 clients 99 % time at most 0.8 and processor time at most 0.5 times its;
1,000 idle connections in less than 120 MB. Then ``receive --processes 2``, where server and load share both
processors: at least 2.5 times Titlani's rate with 32 clients, and at most 1.1 times the processor time for a
message of one process.

    python tests/benchmarks/bench_receiver.py [ROUNDS [SECONDS]]
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "helpers"), str(HERE.parents[1] / "src")]

from processes import children  # noqa: E402 - only to be found on the path just made
from titlani import titlani_server, why_not  # noqa: E402 - as above

CLIENTS = (1, 8, 32)
GOALS = {1: 1.1, 8: 1.9, 32: 2.0}
P99_GOAL, CPU_GOAL = 0.8, 0.5
PROCESSES, PROCESSES_GOAL, PROCESSES_CPU_GOAL = 2, 2.5, 1.1
IDLE = 1000
IDLE_GOAL_MB = 120
SERVER_CPU, LOAD_CPU = (0, 1) if len(os.sched_getaffinity(0)) > 1 else (None, None)


def unspoilt(folder: Path) -> Path:
    """A new folder with room of its own on the disk.

    Where files were deleted moments ago, by an earlier run say, ext4 looks at each of their places before it
    makes a new file, which can cost more than all else about a message. Folders inside a "top" one start
    elsewhere; on other systems this changes nothing.
    """
    with contextlib.suppress(OSError):
        subprocess.run(["chattr", "+T", str(folder)], capture_output=True, check=False)
    return Path(tempfile.mkdtemp(dir=folder))


def make_people(home: Path) -> tuple[Path, Path]:
    """The recipient's profile and the sender's identity."""
    from misfin.model.address import MisfinAddress
    from misfin.trust.identity import generate

    now = datetime.now(UTC)
    profile, sender = home / "profile", home / "sender.pem"
    (profile / "identities").mkdir(parents=True)
    alice = profile / "identities" / "alice.pem"
    alice.write_bytes(generate(MisfinAddress.parse("alice@localhost Alice"), now=now).pem)
    alice.chmod(0o600)
    sender.write_bytes(generate(MisfinAddress.parse("bea@hive.invalid Bea"), now=now).pem)
    return profile, sender


async def serve(profile: Path) -> None:
    """Our server: what `misfin-tui receive` runs, on a free port, without a limit on the rate."""
    from misfin.net.limits import LimitSettings
    from misfin.post.reception import ReceptionSettings
    from misfin.post.reception import serve as receive

    settings = ReceptionSettings(
        listen=(("127.0.0.1", 0),),
        identities=profile / "identities",
        mail=profile / "mail",
        trust_db=profile / "trust.db",
        contacts_db=profile / "contacts.db",
        runtime=profile / "run",
        limits=LimitSettings(enable=False, max_connections=IDLE + 200, max_per_network=IDLE + 200),
    )
    await receive(settings, ready=lambda addresses: print(addresses[0][1], flush=True))


@contextlib.contextmanager
def our_server(profile: Path) -> Iterator[tuple[int, int]]:
    """Run it in a process; its port and process id."""
    command = [*pinned(SERVER_CPU), sys.executable, __file__, "--serve", str(profile)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline()), process.pid
    finally:
        process.terminate()
        process.wait(15)
        assert process.stdout is not None
        process.stdout.close()


@contextlib.contextmanager
def our_processes(profile: Path, count: int, cpu: int | None) -> Iterator[tuple[int, list[int]]]:
    """The command with so many processes; its port and those of its processes that receive."""
    (profile / "config.toml").write_text("[rate_limit]\nenable = false\n")
    command = [*pinned(cpu), sys.executable, "-m", "misfin_tui", "--profile", str(profile), "receive"]
    process = subprocess.Popen(
        [*command, "--listen", "127.0.0.1:0", "--processes", str(count)],
        env={**os.environ, "PYTHONPATH": str(HERE.parents[1] / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline().rpartition(":")[2])
        pids = [process.pid]
        while count > 1 and len(pids := children(process.pid)) < count:
            time.sleep(0.02)
        yield port, pids
    finally:
        process.terminate()
        process.wait(30)
        assert process.stdout is not None
        process.stdout.close()


def pinned(cpu: int | None) -> list[str]:
    return [] if cpu is None else ["taskset", "-c", str(cpu)]


def load(
    port: int, clients: int, seconds: float, sender: Path, cpu: int | None = LOAD_CPU
) -> dict[str, float]:
    """Put a load on a server, from a process of its own."""
    command = [*pinned(cpu), sys.executable, str(HERE / "message_load.py")]
    command += [str(port), str(clients), str(seconds), str(sender), "alice@localhost"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def cpu_seconds(pid: int) -> float:
    """What a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError


def measure(
    pids: Iterable[int], port: int, clients: int, seconds: float, sender: Path, cpu: int | None = LOAD_CPU
) -> dict[str, float]:
    """One round; with the server's processor time per message, which other programs disturb least."""
    before = sum(map(cpu_seconds, pids))
    result = load(port, clients, seconds, sender, cpu)
    return {**result, "server_cpu": (sum(map(cpu_seconds, pids)) - before) / result["messages"]}


def median(rounds: list[dict[str, float]], what: str) -> float:
    return statistics.median(one[what] for one in rounds)


def compare(profile: Path, sender: Path, home: Path, rounds: int, seconds: float) -> bool:
    """Both servers, by turns; True when every goal is reached."""
    good = True
    with (
        our_server(profile) as (our_port, our_pid),
        titlani_server(home, mailboxes=("alice",), pinned_to=SERVER_CPU) as theirs,
    ):
        for port in (our_port, theirs.port):
            load(port, 4, 0.5, sender)  # warm-up
        for clients in CLIENTS:
            ours, peers = [], []
            for _ in range(rounds):
                ours.append(measure((our_pid,), our_port, clients, seconds, sender))
                peers.append(measure((theirs.process.pid,), theirs.port, clients, seconds, sender))
            for name, results in (("ours", ours), ("Titlani", peers)):
                print(
                    f"{clients:3} clients  {name:8}{median(results, 'rate'):7.0f} messages/s"
                    f"   median {median(results, 'median') * 1000:6.1f} ms"
                    f"   99 % {median(results, 'p99') * 1000:6.1f} ms"
                    f"   server CPU {median(results, 'server_cpu') * 1000:5.2f} ms/message"
                )
            ratios = [one["rate"] / other["rate"] for one, other in zip(ours, peers, strict=True)]
            ratio, p99 = statistics.median(ratios), median(ours, "p99") / median(peers, "p99")
            cpu = median(ours, "server_cpu") / median(peers, "server_cpu")
            reached = ratio >= GOALS[clients] and (clients != 8 or (p99 <= P99_GOAL and cpu <= CPU_GOAL))
            good &= reached
            print(
                f"             ratio {ratio:.2f} (goal {GOALS[clients]}, rounds {min(ratios):.2f} to"
                f" {max(ratios):.2f}), 99 % {p99:.2f}, CPU {cpu:.2f}: {'reached' if reached else 'MISSED'}"
            )
        stored = sum(1 for _ in (profile / "mail" / "alice@localhost" / "new").iterdir())
    print(f"             {stored:,} messages are in our Maildir")
    return good


def compare_processes(profile: Path, sender: Path, home: Path, rounds: int, seconds: float) -> bool:
    """Several processes against Titlani and against one process, by turns; server and load share all
    processors, but for the one process.
    """
    clients = CLIENTS[-1]
    with (
        our_processes(profile, PROCESSES, None) as (many_port, many_pids),
        our_processes(make_people(unspoilt(home))[0], 1, SERVER_CPU) as (one_port, one_pids),
        titlani_server(home, mailboxes=("alice",)) as theirs,
    ):
        for port in (many_port, one_port, theirs.port):
            load(port, 4, 0.5, sender)  # warm-up
        many, one, peers = [], [], []
        for _ in range(rounds):
            many.append(measure(many_pids, many_port, clients, seconds, sender, None))
            one.append(measure(one_pids, one_port, clients, seconds, sender))
            peers.append(measure((theirs.process.pid,), theirs.port, clients, seconds, sender, None))
    for name, results in ((f"{PROCESSES} processes", many), ("1 process", one), ("Titlani", peers)):
        print(
            f"{clients:3} clients  {name:12}{median(results, 'rate'):7.0f} messages/s"
            f"   99 % {median(results, 'p99') * 1000:6.1f} ms"
            f"   server CPU {median(results, 'server_cpu') * 1000:5.2f} ms/message"
        )
    ratio = statistics.median(ours["rate"] / other["rate"] for ours, other in zip(many, peers, strict=True))
    cpu = median(many, "server_cpu") / median(one, "server_cpu")
    reached = ratio >= PROCESSES_GOAL and cpu <= PROCESSES_CPU_GOAL
    print(
        f"             ratio {ratio:.2f} (goal {PROCESSES_GOAL}), CPU {cpu:.2f} of one process"
        f" (goal {PROCESSES_CPU_GOAL}): {'reached' if reached else 'MISSED'}"
    )
    return reached


def alone(profile: Path, sender: Path, rounds: int, seconds: float) -> None:
    """Ours without a peer to compare with."""
    with our_server(profile) as (port, pid):
        load(port, 4, 0.5, sender)
        for clients in CLIENTS:
            results = [measure((pid,), port, clients, seconds, sender) for _ in range(rounds)]
            print(
                f"{clients:3} clients  ours {median(results, 'rate'):7.0f} messages/s"
                f"   99 % {median(results, 'p99') * 1000:6.1f} ms"
                f"   server CPU {median(results, 'server_cpu') * 1000:5.2f} ms/message"
            )


async def hold_open(port: int, count: int) -> list[asyncio.StreamWriter]:
    """Open connections, finish the handshakes, and then say nothing."""
    from message_load import context_for

    context = context_for(str(HOLDER))
    writers = []
    for _ in range(count):
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
        writers.append(writer)
    return writers


def idle(profile: Path, sender: Path) -> bool:
    """The memory of a receiver with many connections that are established and silent."""
    global HOLDER
    HOLDER = sender
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    with our_server(profile) as (port, pid):
        load(port, 8, 1.0, sender)
        before = resident_mb(pid)

        async def run() -> float:
            writers = await hold_open(port, IDLE)
            used = resident_mb(pid)
            for writer in writers:
                writer.transport.abort()
            return used

        used = asyncio.run(run())
    reached = used < IDLE_GOAL_MB
    print(
        f"{IDLE:,} idle connections: {used:.0f} MB (before: {before:.0f} MB, goal: less than {IDLE_GOAL_MB}):"
        f" {'reached' if reached else 'MISSED'}"
    )
    return reached


HOLDER = Path()


def main(rounds: int = 5, seconds: float = 3.0) -> int:
    """Print what was measured; 0 unless something broke."""
    with tempfile.TemporaryDirectory() as folder:
        profile, sender = make_people(unspoilt(Path(folder)))
        missing = why_not()
        if missing:
            print(missing)
            alone(profile, sender, rounds, seconds)
        else:
            compare(profile, sender, unspoilt(Path(folder)), rounds, seconds)
            ours, _ = make_people(unspoilt(Path(folder)))
            compare_processes(ours, sender, unspoilt(Path(folder)), rounds, seconds)
        idle(profile, sender)
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        asyncio.run(serve(Path(sys.argv[2])))
    else:
        sys.exit(main(*(kind(value) for kind, value in zip((int, float), sys.argv[1:], strict=False))))
