"""Memory of the app with three accounts: Misfin and twice e-mail, with receiver and fetching process.

``bench_accounts.py [MESSAGES]``: messages in the three accounts together (default 100,000). The e-mail
accounts have a Dovecot each, over TLS; what they hold is fetched first. Goal: 90 MB for the app and all its
processes, each page of memory counted once.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "helpers"))

import dovecot  # noqa: E402
from bench_app import MARK, Terminal, environment, held, ours, prepare  # noqa: E402
from bench_sync import message  # noqa: E402

MESSAGES = 100_000
GOAL = 90.0
SETTLED = 20.0


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


def main(messages: int) -> int:
    """Measure and print; nothing here can fail because a machine is slow."""
    if reason := dovecot.why_not():
        print(f"not measured: {reason}")
        return 0
    if not Path("/proc/self/smaps_rollup").exists():
        print("only Linux says what several processes hold together")
        return 0
    os.environ["ADA_PASSWORD"] = dovecot.PASSWORD
    each = messages // 3
    with tempfile.TemporaryDirectory(prefix="bench-accounts-") as folder, contextlib.ExitStack() as stack:
        profile = prepare(Path(folder) / "profile", messages - 2 * each)
        servers = {name: stack.enter_context(dovecot.running()) for name in ("work", "home")}
        for server in servers.values():
            server.put(*map(message, range(each)))
        profile.config.write_text(settings(servers))
        fetched = subprocess.run([*ours(), "--profile", str(profile.root), "fetch"], check=False)
        print(f"app with receiver and fetching process, three accounts, {messages:,} messages in all")
        if fetched.returncode:
            print(f"NOT ALL FETCHED: status {fetched.returncode}")
        terminal = Terminal(ours(), environment(profile))
        try:
            terminal.wait_for(MARK)
            held(terminal, "settled", SETTLED, GOAL, processes=3)
            terminal.write(b"j" * 30 + b"\r")
            held(terminal, "  with a conversation", 3.0, GOAL, processes=3)
        finally:
            terminal.end()
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else MESSAGES))
