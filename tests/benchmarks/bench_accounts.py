"""Memory of the app with three accounts: Misfin and twice e-mail, with receiver and fetching process.

``bench_accounts.py [MESSAGES]``: messages in each account (default 100,000). The e-mail
accounts have a Dovecot each, over TLS; what they hold is fetched first, which takes minutes. Goal: 90 MB for
the app and all its processes, each page of memory counted once.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "helpers"))

import dovecot  # noqa: E402
from bench_app import MARK, Terminal, as_installed, environment, held, ours, prepare  # noqa: E402
from make_mailbox import Generator  # noqa: E402

MESSAGES = 100_000
GOAL = 90.0
SETTLED = 20.0
AT_ONCE = 1000  # messages put into a mailbox at once
NAMES = ("app", "receiver", "fetching")


def settings(servers: dict[str, dovecot.Dovecot]) -> str:
    """The receiver, and an account for each server."""
    text = '[receive]\nlisten = ["127.0.0.1:0"]\n'
    for name, server in servers.items():
        text += (
            f'\n[accounts.{name}]\nkind = "email"\naddress = "{name}@example.org"\n'
            f'imap = "imaps://{dovecot.USER}@localhost:{server.imaps}"\n'
            f'ca_file = "{server.cert}"\npassword = {{ env = "ADA_PASSWORD" }}\n'
        )
    return text


def mails(messages: int, seed: int) -> Iterator[bytes]:
    """Ordinary e-mails of invented people, with conversations as in a mailbox."""
    generator = Generator(messages, seed, gemmails=0.0)
    for number, planned in enumerate(generator.plan(messages)):
        yield generator.write(number, planned, rare=False)[1]


def fill(server: dovecot.Dovecot, messages: int, seed: int) -> None:
    """Put so many e-mails into the inbox of a server."""
    made = mails(messages, seed)
    while some := list(itertools.islice(made, AT_ONCE)):
        server.put(*some)


def main(messages: int, folder: Path) -> int:
    """Measure and print; nothing here can fail because a machine is slow."""
    if reason := dovecot.why_not():
        print(f"not measured: {reason}")
        return 0
    if not Path("/proc/self/smaps_rollup").exists():
        print("only Linux says what several processes hold together")
        return 0
    as_installed()
    os.environ["ADA_PASSWORD"] = dovecot.PASSWORD
    with contextlib.ExitStack() as stack:
        profile = prepare(folder / "profile", messages)
        servers = {name: stack.enter_context(dovecot.running()) for name in ("work", "home")}
        for seed, server in enumerate(servers.values(), 2):
            fill(server, messages, seed)
        profile.config.write_text(settings(servers))
        fetched = subprocess.run([*ours(), "--profile", str(profile.root), "fetch"], check=False)
        print(f"app with receiver and fetching process, three accounts of {messages:,} messages")
        if fetched.returncode:
            print(f"NOT ALL FETCHED: status {fetched.returncode}")
        terminal = Terminal(ours(), environment(profile))
        try:
            terminal.wait_for(MARK)
            held(terminal, "settled", SETTLED, GOAL, NAMES)
            terminal.write(b"j" * 30 + b"\r")
            held(terminal, "  with a conversation", 3.0, GOAL, NAMES)
        finally:
            terminal.end()
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("messages", type=int, nargs="?", default=MESSAGES)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-accounts-") as temporary:
        sys.exit(main(given.messages, Path(temporary)))
