"""A Postfix of a test's own, with a Dovecot behind it: submission, SMTPS and plain SMTP on loopback.

What is sent through it arrives in the Maildirs of ada and bea at example.org. Passwords are Dovecot's.
``boxed@example.org`` is refused for good, ``later@example.org`` for now; everybody else for good.
Nothing ever leaves the machine.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import smtplib
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dovecot
import pytest
from dovecot import PASSWORD, USER, Dovecot
from freeports import free_ports

__all__ = ["ADDRESS", "OTHER", "PASSWORD", "USER", "Postfix", "running", "why_not"]

ADDRESS, OTHER = "ada@example.org", "bea@example.org"
DAEMONS = Path("/usr/lib/postfix/sbin")
_MAIN = """
compatibility_level = 3.6
queue_directory = {base}/queue
data_directory = {base}/data
daemon_directory = {daemons}
mail_owner = postfix
maillog_file = {base}/log
maillog_file_prefixes = {base}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.example.org
mydestination =
local_recipient_maps =
alias_maps =
relayhost =
default_transport = error:5.7.1 this server keeps everything to itself
virtual_mailbox_domains = example.org
virtual_mailbox_maps = inline:{{{{ada@example.org=ada}},{{bea@example.org=bea}},{{later@example.org=x}},
    {{boxed@example.org=x}}}}
virtual_transport = lmtp:unix:{dovecot}/lmtp
smtpd_tls_cert_file = {dovecot}/cert.pem
smtpd_tls_key_file = {dovecot}/key.pem
smtpd_sasl_type = dovecot
smtpd_sasl_path = {dovecot}/auth
smtpd_sasl_security_options = noanonymous
smtpd_recipient_restrictions = check_recipient_access
    inline:{{{{later@example.org=450 4.2.1 come back later}}, {{boxed@example.org=550 5.7.1 not you}}}},
    reject_unauth_destination
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_peername_lookup = no
smtpd_client_connection_rate_limit = 0
smtpd_error_sleep_time = 0
smtpd_hard_error_limit = 1000
local_header_rewrite_clients =
message_size_limit = {size}
mailbox_size_limit = 0
virtual_mailbox_limit = 0
lmtp_connection_cache_on_demand = yes
notify_classes =
"""
_SUBMISSION = "-o smtpd_sasl_auth_enable=yes -o smtpd_client_restrictions=permit_sasl_authenticated,reject"
_SERVICES = """
127.0.0.1:{ports[0]} inet n - n - - smtpd -o smtpd_tls_security_level=encrypt {submission}
127.0.0.1:{ports[1]} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes {submission}
127.0.0.1:{ports[2]} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 discard
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True)
class Postfix:
    """A running server: its ports, and the Dovecot that has the mail and the certificate."""

    base: Path
    submission: int
    smtps: int
    smtp: int
    dovecot: Dovecot

    @property
    def cert(self) -> Path:
        """The certificate to trust for ``localhost``."""
        return self.dovecot.cert

    @property
    def log(self) -> str:
        """What Postfix wrote down so far."""
        return (self.base / "log").read_text(errors="replace")

    def arrived(self, count: int, user: str = USER, within: float = 60.0) -> list[bytes]:
        """The messages of a user once there are so many, or as many as came in time; oldest first."""
        deadline = time.monotonic() + within
        while len(found := self.dovecot.messages(user)) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        return [path.read_bytes() for path in found]

    def count(self, user: str = USER) -> int:
        """How many messages a user has, once the queue is empty."""
        assert self.settled()
        return len(self.dovecot.messages(user))

    def settled(self, within: float = 120.0) -> bool:
        """Wait until nothing is in the queue any more; False if something stays there."""
        return settled(self.base / "queue", within)


def settled(queue: Path, within: float = 120.0) -> bool:
    """Wait until nothing is in a queue any more; False if something stays there."""
    deadline = time.monotonic() + within
    folders = [queue / name for name in ("incoming", "active", "deferred")]  # as a message passes them
    while any(path.is_file() for folder in folders for path in folder.rglob("*")):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def body_of(delivered: bytes) -> bytes:
    """A message as it was sent: without the trace fields that Postfix and Dovecot put above it.

    Both write line ends of the system, and so do Maildirs; they come back as CRLF.
    """
    lines = delivered.replace(b"\r\n", b"\n").split(b"\n")
    trace = (b"return-path:", b"delivered-to:", b"received:", b" ", b"\t")
    first = next(number for number, line in enumerate(lines) if not line.lower().startswith(trace))
    return b"\r\n".join(lines[first:])


def why_not() -> str:
    """Why there can be no server here, or ""."""
    if not (DAEMONS / "master").exists():
        return "postfix is not installed"
    return dovecot.why_not(lmtp=True)


@contextlib.contextmanager
def running(*, size: int = 60_000_000) -> Iterator[Postfix]:
    """A fresh Postfix and a fresh Dovecot, for as long as the block lasts; skips where there can be none.

    ``size`` is the largest message it takes, in bytes.
    """
    if reason := why_not():
        pytest.skip(reason)
    base = Path(tempfile.mkdtemp(prefix="misfin-postfix-"))
    base.chmod(0o755)
    with dovecot.running(lmtp=True) as behind:
        ports = free_ports(3)
        facts = {"base": base, "daemons": DAEMONS, "dovecot": behind.base, "size": size, "ports": ports}
        (base / "main.cf").write_text(_MAIN.format(**facts))
        (base / "master.cf").write_text(_SERVICES.format(**facts, submission=_SUBMISSION))
        for name in ("queue", "data"):
            (base / name).mkdir()
        shutil.chown(base / "data", "postfix")
        with (base / "errors").open("wb") as errors:
            process = subprocess.Popen(
                ["/usr/sbin/postfix", "-c", base, "start-fg"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env={"PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"},
            )
        try:
            server = Postfix(base, *ports, behind)
            _wait(server, process)
            yield server
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)
            shutil.rmtree(base, ignore_errors=True)


def _wait(server: Postfix, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError, smtplib.SMTPException):
            smtplib.SMTP("127.0.0.1", server.smtp, timeout=30).quit()
            return
        time.sleep(0.05)
    said = (server.base / "errors").read_text(errors="replace")
    raise RuntimeError(f"Postfix does not answer on port {server.smtp}: {said}")
