"""A Dovecot of a test's own: IMAP and POP3 on free ports of loopback, with TLS and one user, ada.

For a Postfix (postfix.py) it also takes mail by LMTP, and checks passwords; then there is a second user, bea.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from freeports import free_ports

USER, PASSWORD = "ada", 'pass word"\\'
_NOBODY = 65534
_CONFIG = """
base_dir = {base}/run
state_dir = {base}/state
log_path = {base}/dovecot.log
instance_name = {name}
listen = 127.0.0.1
protocols = {protocols}
ssl = yes
ssl_cert = <{base}/cert.pem
ssl_key = <{base}/key.pem
disable_plaintext_auth = no
auth_mechanisms = {mechanisms}
mail_location = maildir:{base}/mail/%u
mail_uid = {uid}
mail_gid = {uid}
first_valid_uid = 0
first_valid_gid = 0
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {base}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={uid} home={base}/home/%u
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {ports[0]}
  }}
  inet_listener imaps {{
    port = {ports[1]}
    ssl = yes
  }}
}}
{more}namespace inbox {{
  inbox = yes
  separator = /
  mailbox Sent {{
    auto = create
    special_use = \\Sent
  }}
  mailbox Trash {{
    auto = create
    special_use = \\Trash
  }}
}}
"""
_POP3 = """
service pop3-login {{
  inet_listener pop3 {{
    port = {ports[2]}
  }}
  inet_listener pop3s {{
    port = {ports[3]}
    ssl = yes
  }}
}}
"""
_BEHIND_POSTFIX = """
auth_username_format = %Ln
service lmtp {{
  unix_listener {base}/lmtp {{
    mode = 0666
  }}
}}
service auth {{
  unix_listener {base}/auth {{
    mode = 0666
  }}
}}
"""


@dataclass
class Dovecot:
    """A running server; ``cert`` is the certificate to trust for ``localhost``."""

    base: Path
    imap: int
    imaps: int
    pop3: int
    pop3s: int
    process: subprocess.Popen[bytes] | None = None
    made: int = 0

    def start(self) -> None:
        """Run it; also after :meth:`stop`, with the mail it had."""
        command = ["/usr/sbin/dovecot", "-F", "-c", self.base / "dovecot.conf"]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        _wait(self.imap, self.process)

    def stop(self) -> None:
        """End it and all its connections."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=60)

    @property
    def cert(self) -> Path:
        return self.base / "cert.pem"

    def messages(self, user: str = USER) -> list[Path]:
        """The files of a user's inbox, in the order in which they were delivered."""
        inbox = self.base / "mail" / user
        return sorted([*inbox.glob("new/*"), *inbox.glob("cur/*")], key=_delivered)

    def put(self, *messages: bytes, counted: bool = False) -> None:
        """Put messages into the inbox, which nobody may have opened yet.

        Their names differ as those of deliveries do. ``counted``: only by a number, for which Dovecot's hash
        of ten thousand has a thousand values; each opening of the folder then takes half a second.
        """
        inbox = self.base / "mail" / USER
        for name in ("cur", "new", "tmp"):
            (inbox / name).mkdir(parents=True, exist_ok=True)
        ours = [self.base / "mail", inbox, inbox / "cur", inbox / "new", inbox / "tmp"]
        for number, message in enumerate(messages, self.made):
            varied = number if counted else random.Random(number).randrange(1_000_000)
            # Named at last where a running server looks, when it may read it.
            name = f"{1_000_000_000 + number}.M{varied}P{varied % 32768}.test:2,"
            fresh = inbox / "tmp" / name
            fresh.write_bytes(message)
            os.chown(fresh, _NOBODY, _NOBODY)
            fresh.rename(inbox / "cur" / name)
        self.made += len(messages)
        for path in ours:
            os.chown(path, _NOBODY, _NOBODY)


def _delivered(path: Path) -> tuple[int, int]:
    """When a file was delivered, by its name: seconds, and millionths of one, without leading zeros."""
    seconds, _, rest = path.name.partition(".M")
    return int(seconds), int(rest.partition("P")[0])


def why_not(*, pop3: bool = False, lmtp: bool = False) -> str:
    """Why there can be no server here, or ""."""
    program = shutil.which("dovecot", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if program is None or not Path("/usr/lib/dovecot/imap").exists():
        return "dovecot-imapd is not installed"
    if pop3 and not Path("/usr/lib/dovecot/pop3").exists():
        return "dovecot-pop3d is not installed"
    if lmtp and not Path("/usr/lib/dovecot/lmtp").exists():
        return "dovecot-lmtpd is not installed"
    if os.geteuid() != 0:
        return "Dovecot gives its mail to another user, which takes root"
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return (
        ""
        if version.startswith("2.3.")
        else f"Dovecot {version.split()[0]} is configured in another language"
    )


@contextlib.contextmanager
def running(*, pop3: bool = False, lmtp: bool = False, more: str = "") -> Iterator[Dovecot]:
    """A fresh server, for as long as the block lasts; skips the test where there can be none.

    With ``lmtp`` it is what a Postfix needs: sockets ``lmtp`` and ``auth`` in its base directory. ``more``
    are lines for its settings.
    """
    if reason := why_not(pop3=pop3, lmtp=lmtp):
        pytest.skip(reason)
    base = Path(tempfile.mkdtemp(prefix="misfin-dovecot-"))
    base.chmod(0o755)  # the login processes come in as another user
    try:
        ports = free_ports(4)
        for name in ("mail", "home"):
            (base / name).mkdir()
            os.chown(base / name, _NOBODY, _NOBODY)
        users = (USER, "bea") if lmtp else (USER,)
        (base / "users").write_text("".join(f"{user}:{{PLAIN}}{PASSWORD}\n" for user in users))
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-keyout", base / "key.pem", "-out", base / "cert.pem", "-days", "2", "-subj", "/CN=localhost",
             "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
            check=True, capture_output=True,
        )  # fmt: skip
        config = base / "dovecot.conf"
        config.write_text(
            _CONFIG.format(
                base=base,
                name=base.name,
                uid=_NOBODY,
                ports=ports,
                protocols=" ".join(["imap", *["pop3"] * pop3, *["lmtp"] * lmtp]),
                mechanisms="plain login scram-sha-256" if lmtp else "plain login",
                more=(_POP3 * pop3 + _BEHIND_POSTFIX * lmtp).format(base=base, ports=ports) + more,
            )
        )
        server = Dovecot(base, *ports)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(base, ignore_errors=True)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=20) as sock:
            if sock.recv(100).startswith(b"* OK"):
                return
        time.sleep(0.05)
    raise RuntimeError(f"Dovecot does not answer on port {port}.")
