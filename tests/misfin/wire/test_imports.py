"""The protocol rooms are light: what they import decides how soon the program is there."""

import subprocess
import sys

HEAVY = {
    "asyncio",
    "cryptography",
    "email",
    "ipaddress",
    "OpenSSL",
    "socket",
    "sqlite3",
    "ssl",
    "textual",
    "urllib",
}
PROBE = """
import sys
before = set(sys.modules)
import misfin.wire, misfin.model.replies, misfin.model.status
print(*set(sys.modules) - before)
"""


def test_the_protocol_rooms_import_nothing_heavy():
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    assert not HEAVY & {name.partition(".")[0] for name in done.stdout.split()}
