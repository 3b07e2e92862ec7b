"""Messages a receiver hands over to a Dovecot per second, against what it files in its own Maildirs.

As bench_receiver.py does it: 1 KiB each, no two alike, a new TLS connection for each, load and receiver on a
processor each. Dovecot, whose processes have both, syncs each message itself before its 250. The two take
turns. Goal: at least half the rate of the Maildirs.

    python tests/benchmarks/bench_handover.py [ROUNDS [SECONDS]]
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "helpers"), str(HERE.parents[1] / "src"), str(HERE)]

from bench_receiver import LOAD_CPU, SERVER_CPU, pinned, unspoilt  # noqa: E402 - to be found on that path
from dovecot import running, why_not  # noqa: E402

CLIENTS = (1, 8, 32)
GOAL = 0.5


def make_people(home: Path) -> tuple[Path, Path]:
    """The identity of ada, for both receivers, and the sender's."""
    from misfin.model.address import MisfinAddress
    from misfin.trust.identity import generate

    now = datetime.now(UTC)
    ada, sender = home / "ada.pem", home / "sender.pem"
    ada.write_bytes(generate(MisfinAddress.parse("ada@localhost Ada"), now=now).pem)
    sender.write_bytes(generate(MisfinAddress.parse("bea@hive.invalid Bea"), now=now).pem)
    return ada, sender


async def serve(profile: Path, lmtp: str) -> None:
    from misfin.net.limits import LimitSettings
    from misfin.post.reception import HandOverSettings, ReceptionSettings
    from misfin.post.reception import serve as receive

    settings = ReceptionSettings(
        listen=(("127.0.0.1", 0),),
        identities=profile / "identities",
        mail=profile / "mail",
        trust_db=profile / "trust.db",
        contacts_db=profile / "contacts.db",
        runtime=profile / "run",
        limits=LimitSettings(enable=False),
        hand_over=HandOverSettings(lmtp) if lmtp else None,
    )
    await receive(settings, ready=lambda addresses: print(addresses[0][1], flush=True))


@contextlib.contextmanager
def receiver(home: Path, ada: Path, lmtp: str = "") -> Iterator[int]:
    """A receiver in a process of its own; its port."""
    profile = unspoilt(home)
    (profile / "identities").mkdir()
    (profile / "identities" / "ada.pem").write_bytes(ada.read_bytes())
    command = [*pinned(SERVER_CPU), sys.executable, __file__, "--serve", str(profile), lmtp]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.communicate()


def load(port: int, clients: int, seconds: float, sender: Path) -> dict[str, float]:
    import json

    command = [*pinned(LOAD_CPU), sys.executable, str(HERE / "message_load.py")]
    command += [str(port), str(clients), str(seconds), str(sender), "ada@localhost"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def main(rounds: int = 5, seconds: float = 3.0) -> int:
    """Print what was measured; 0 unless something broke."""
    if reason := why_not(lmtp=True):
        print(f"skipped: {reason}")
        return 0
    with tempfile.TemporaryDirectory() as folder, running(lmtp=True) as server:
        home = Path(folder)
        ada, sender = make_people(home)
        with receiver(home, ada) as here, receiver(home, ada, f"{server.base}/lmtp") as there:
            for port in (here, there):
                load(port, 4, 0.5, sender)
            sent = 0.0
            for clients in CLIENTS:
                kept, handed = [], []
                for _ in range(rounds):
                    kept.append(load(here, clients, seconds, sender))
                    handed.append(load(there, clients, seconds, sender))
                sent += sum(each["messages"] for each in handed)
                ratio = statistics.median(
                    other["rate"] / one["rate"] for one, other in zip(kept, handed, strict=True)
                )
                for name, results in (("Maildir", kept), ("Dovecot", handed)):
                    rate = statistics.median(each["rate"] for each in results)
                    p99 = statistics.median(each["p99"] for each in results) * 1000
                    print(f"{clients:3} clients  {name:8}{rate:7.0f} messages/s   99 % {p99:7.1f} ms")
                reached = "reached" if ratio >= GOAL else "MISSED"
                print(f"             ratio {ratio:.2f} (goal {GOAL}): {reached}")
        print(f"             {len(server.messages()):,} messages are with Dovecot, {sent:,.0f} were counted")
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        asyncio.run(serve(Path(sys.argv[2]), sys.argv[3]))
    else:
        numbers = [float(word) for word in sys.argv[1:]]
        sys.exit(main(*[int(numbers[0]), *numbers[1:]] if numbers else []))
