"""Logging in to a real Dovecot by IMAP and POP3 with the mechanisms of misfin.email.sasl."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest
from freeports import free_port

from misfin.email.sasl import Conversation, Credentials, SASLServerError, ranked, without_waiting

USER, PASSWORD = "ada", "søcret, with=signs"
NOBODY = 65534


def can_run() -> bool:
    """Its master wants to be root, and users of its own."""
    try:
        return os.getuid() == 0 and bool(shutil.which("dovecot")) and bool(pwd.getpwnam("dovenull"))
    except KeyError:
        return False


pytestmark = pytest.mark.skipif(not can_run(), reason="Dovecot is not installed, or this is not root")


@pytest.fixture(scope="module")
def ports():
    """Ports of IMAP and POP3, and Dovecot's folder; all its mechanisms for passwords are offered."""
    folder = Path(tempfile.mkdtemp(prefix="dovecot"))
    folder.chmod(0o755)  # its unprivileged processes have to come through
    home = folder / "home"
    home.mkdir()
    os.chown(home, NOBODY, NOBODY)
    (folder / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n", "utf-8")
    (folder / "users").chmod(0o644)
    imap, pop3 = free_port(), free_port()
    services = "".join(
        f"service {name}-login {{\n  chroot =\n  inet_listener {name} {{\n    port = {port}\n  }}\n"
        f"  inet_listener {name}s {{\n    port = 0\n  }}\n}}\n"
        for name, port in (("imap", imap), ("pop3", pop3))
    )
    config = folder / "dovecot.conf"
    config.write_text(
        f"base_dir = {folder}/run\nstate_dir = {folder}/state\nlog_path = {folder}/log\n"
        "protocols = imap pop3\nlisten = 127.0.0.1\nssl = no\nfirst_valid_uid = 1\n"
        "disable_plaintext_auth = no\nauth_failure_delay = 0\n"
        "auth_mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256\n"
        f"mail_location = maildir:{home}/Maildir\nservice anvil {{\n  chroot =\n"
        # nobody is made to wait after a wrong password
        f"  unix_listener anvil-auth-penalty {{\n    mode = 0\n  }}\n}}\n{services}"
        f"passdb {{\n  driver = passwd-file\n  args = scheme=PLAIN {folder}/users\n}}\n"
        f"userdb {{\n  driver = static\n  args = uid={NOBODY} gid={NOBODY} home={home}\n}}\n",
        "utf-8",
    )
    server = subprocess.Popen(["dovecot", "-F", "-c", str(config)])
    try:
        for port in (imap, pop3):
            _greeted(port)
        yield {"imap": imap, "pop3": pop3}, folder
    finally:
        server.terminate()
        server.wait(60)
        shutil.rmtree(folder)


def _greeted(port: int) -> None:
    """Wait until a server answers on a port."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 20) as sock:
            if sock.recv(100):
                return
        time.sleep(0.05)
    raise RuntimeError(f"Dovecot does not answer on port {port}.")


class Login:
    """A connection by which one can log in; the lines of either protocol."""

    def __init__(self, kind, port) -> None:
        self.kind = kind
        self.sock = socket.create_connection(("127.0.0.1", port), 60)
        self.file = self.sock.makefile("rwb")
        self.file.readline()

    def close(self):
        self.file.close()
        self.sock.close()

    def say(self, line):
        self.file.write(line.encode() + b"\r\n")
        self.file.flush()

    def hear(self):
        line = self.file.readline().decode().rstrip("\r\n")
        assert line, "the server hung up"
        return line

    def offered(self):
        if self.kind == "imap":
            self.say("c CAPABILITY")
            words = self.hear().split()
            assert self.hear().startswith("c OK")
            return [word[5:] for word in words if word.startswith("AUTH=")]
        self.say("CAPA")
        found = []
        while (line := self.hear()) != ".":
            if line.startswith("SASL "):
                found = line.split()[1:]
        return found

    def log_in(self, authenticator):
        """Whether the server let us in."""
        conversation = Conversation(authenticator)
        first = without_waiting(conversation.start())
        self.say(f"{'a AUTHENTICATE' if self.kind == 'imap' else 'AUTH'} {authenticator.mechanism}")
        pending = first
        try:
            while (line := self.hear()).startswith(("+ ", "* ")) or line == "+":
                if line.startswith("* "):
                    continue
                challenge = line[2:]
                if pending:  # sent after the first, empty challenge, as an answer of its own
                    answer, pending = pending, ""
                else:
                    answer = without_waiting(conversation.answer(challenge))
                self.say(answer)
            good = line.startswith(("a OK", "+OK"))
            if good:
                without_waiting(conversation.accepted())
            return good
        finally:
            without_waiting(conversation.close())


MECHANISMS = ["SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN", "CRAM-MD5"]


@pytest.mark.parametrize("kind", ["imap", "pop3"])
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_each_mechanism_logs_in_and_is_refused_with_a_wrong_password(ports, kind, mechanism):
    numbers, folder = ports
    for password, good in ((PASSWORD, True), ("wrong", False)):
        login = Login(kind, numbers[kind])
        offered = login.offered()
        made = ranked(offered, Credentials(USER, password, cram_md5=True))
        assert [each.mechanism for each in made] == MECHANISMS
        (authenticator,) = (each for each in made if each.mechanism == mechanism)
        try:
            assert login.log_in(authenticator) is good, Path(folder / "log").read_text()
        finally:
            login.close()


def test_the_example_of_scram_is_checked_by_dovecot_too(ports):
    numbers, _ = ports
    login = Login("imap", numbers["imap"])
    made = ranked(["SCRAM-SHA-256"], Credentials(USER, PASSWORD))[0]
    conversation = Conversation(made)
    login.say("a AUTHENTICATE SCRAM-SHA-256")
    assert login.hear().startswith("+")
    login.say(without_waiting(conversation.start()))
    without_waiting(conversation.answer(login.hear()[2:]))
    with pytest.raises(SASLServerError):  # a server that let us in now would not have proved anything
        without_waiting(conversation.accepted())
    login.close()
