"""A receiver with 1,000 mailboxes against one with a single mailbox: the rate, and how soon its port is open.

    python tests/benchmarks/bench_mailboxes.py [ROUNDS [SECONDS]]

As bench_receiver.py does it: 1 KiB each, no two alike, a new TLS connection for each, 8 clients, receiver and
load on a processor each. The two receivers take turns; with 1,000 mailboxes each message goes to another one.
Goals: at least 0.9 of the rate of one mailbox; the port open within 1 s of the start of the process, once the
identities are known from an earlier start.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "helpers"), str(HERE.parents[1] / "src"), str(HERE)]

from bench_receiver import LOAD_CPU, SERVER_CPU, pinned, unspoilt  # noqa: E402 - to be found on that path

MANY, CLIENTS = 1000, 8
RATE_GOAL, OPEN_GOAL = 0.9, 1.0
HOST = "localhost"


def make_host(root: Path, mailboxes: int) -> None:
    """A profile with a host's identity and mailboxes that it signed."""
    from misfin.model.address import MisfinAddress
    from misfin.trust.identity import generate

    now = datetime.now(UTC)
    (root / "identities").mkdir()
    signer = generate(MisfinAddress("postmaster", HOST), now=now, ca=True)
    (root / "identities" / "postmaster.pem").write_bytes(signer.pem)
    for number in range(mailboxes):
        one = generate(MisfinAddress(f"m{number}", HOST), now=now, signed_by=signer)
        (root / "identities" / f"m{number}@{HOST}.pem").write_bytes(one.pem)


async def serve(profile: Path) -> None:
    from misfin.net.limits import LimitSettings
    from misfin.post.reception import ReceptionSettings
    from misfin.post.reception import serve as receive

    settings = ReceptionSettings(
        listen=(("127.0.0.1", 0),),
        identities=profile / "identities",
        remembered=profile / "cache" / "identities.json",
        mail=profile / "mail",
        trust_db=profile / "trust.db",
        contacts_db=profile / "contacts.db",
        runtime=profile / "run",
        limits=LimitSettings(enable=False),
    )
    await receive(settings, ready=lambda addresses: print(addresses[0][1], flush=True))


@contextlib.contextmanager
def receiver(profile: Path) -> Iterator[tuple[int, float]]:
    """A receiver in a process of its own: its port, and the seconds until it was open."""
    begun = time.perf_counter()
    command = [*pinned(SERVER_CPU), sys.executable, __file__, "--serve", str(profile)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline()), time.perf_counter() - begun
        finally:
            process.terminate()


def load(port: int, sender: Path, mailboxes: int, seconds: float) -> dict[str, float]:
    """Send for some seconds, to one mailbox after the other."""
    command = [*pinned(LOAD_CPU), sys.executable, str(HERE / "message_load.py"), str(port), str(CLIENTS)]
    command += [str(seconds), str(sender), f"m{{}}@{HOST}", "1024", str(mailboxes)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main(rounds: int = 5, seconds: float = 3.0) -> int:
    """Print what was measured; 0 unless something broke."""
    from misfin.model.address import MisfinAddress
    from misfin.trust.identity import generate

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        sender = home / "sender.pem"
        sender.write_bytes(generate(MisfinAddress.parse("bea@hive.invalid Bea"), now=datetime.now(UTC)).pem)
        one, many = unspoilt(home), unspoilt(home)
        make_host(one, 1)
        make_host(many, MANY)
        with receiver(many) as (_, first):
            pass
        opened = []
        for _ in range(rounds):
            with receiver(many) as (_, took):
                opened.append(took)
        with receiver(one) as (single, _), receiver(many) as (host, _):
            for port, mailboxes in ((single, 1), (host, MANY)):
                load(port, sender, mailboxes, seconds)
            rates: dict[int, list[float]] = {1: [], MANY: []}
            for _ in range(rounds):
                for port, mailboxes in ((single, 1), (host, MANY)):
                    rates[mailboxes].append(load(port, sender, mailboxes, seconds)["rate"])
    ratio = statistics.median(b / a for a, b in zip(rates[1], rates[MANY], strict=True))
    for mailboxes, found in rates.items():
        print(f"{CLIENTS} clients, {mailboxes:5,} mailboxes {statistics.median(found):7.0f} messages/s")
    verdict = "reached" if ratio >= RATE_GOAL else "MISSED"
    print(f"             ratio {ratio:.2f} (goal {RATE_GOAL}): {verdict}")
    soon = statistics.median(opened)
    print(f"port open with {MANY:,} mailboxes {soon:.2f} s after the start, {first:.2f} s the first time")
    print(f"             goal {OPEN_GOAL} s: {'reached' if soon <= OPEN_GOAL else 'MISSED'}")
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        asyncio.run(serve(Path(sys.argv[2])))
    else:
        sys.exit(main(*(kind(word) for kind, word in zip((int, float), sys.argv[1:], strict=False))))
