"""The POP3 engine over an ordinary blocking socket: every message of a mailbox into a folder, none deleted.

    python docs/examples/pop3_blocking.py pop.mail.example ada folder

Messages are written piece by piece, so one of any size needs no memory; where the server offers PIPELINING
(ask with ``capa``) many are asked for at once.
"""

from __future__ import annotations

import getpass
import socket
import ssl
import sys
from pathlib import Path
from typing import BinaryIO

from misfin.email.pop3 import (
    Answered,
    MessagePiece,
    POP3ClientProtocol,
    Pop3Command,
    Pop3Event,
    Pop3State,
    commands,
)

READ = 64 << 10  # bytes asked for at once; any number works


class RefusedError(Exception):
    """The server said -ERR."""


class Maildrop:
    """One connection. Raises OSError, RemoteProtocolError, or :class:`RefusedError`."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.engine = POP3ClientProtocol()
        while self.engine.state is Pop3State.GREETING:
            self.receive()

    def receive(self) -> list[Pop3Event]:
        """Write all that is to be written, read once, and say what came."""
        if data := self.engine.get_outgoing_data():
            self.sock.sendall(data)
        self.sock.settimeout(self.engine.patience)
        if data := self.sock.recv(READ):
            self.engine.feed_bytes(data)
        else:
            self.engine.receive_eof()
        return list(self.engine.events())

    def run(self, command: Pop3Command) -> Answered:
        """Send a command that brings no message, and wait for its answer."""
        tag = self.engine.send(command)
        while True:
            for event in self.receive():
                if isinstance(event, Answered) and event.tag == tag:
                    if not event.ok:
                        raise RefusedError(f"{event.command}: {event.text}")
                    return event

    def starttls(self, context: ssl.SSLContext, host: str) -> None:
        """Go over to TLS on a connection that began without."""
        self.run(commands.stls())
        self.sock = context.wrap_socket(self.sock, server_hostname=host)
        self.engine.tls_established()

    def login(self, user: str, password: str) -> None:
        """Log in with a password."""
        self.run(commands.user(user))
        self.run(commands.password(password))

    def save_all(self, folder: Path) -> list[Path]:
        """Every message as a file, in the order of the server."""
        sizes = self.run(commands.sizes()).value
        assert isinstance(sizes, dict)
        asked = {self.engine.send(commands.retr(number, size=size)): number for number, size in sizes.items()}
        saved: list[Path] = []
        file: BinaryIO | None = None
        while len(saved) < len(asked):
            for event in self.receive():
                if file is None and isinstance(event, MessagePiece | Answered):
                    file = (folder / f"{asked[event.tag]}.eml").open("xb")
                if isinstance(event, MessagePiece):
                    file.write(event.data)
                elif isinstance(event, Answered):
                    file.close()
                    if not event.ok:
                        raise RefusedError(event.text)
                    saved.append(Path(file.name))
                    file = None
        return saved


def open_maildrop(host: str, port: int = 995, *, context: ssl.SSLContext | None = None) -> Maildrop:
    """A connection inside TLS from its first byte."""
    plain = socket.create_connection((host, port), timeout=30)
    return Maildrop((context or ssl.create_default_context()).wrap_socket(plain, server_hostname=host))


def main(host: str, user: str, folder: str) -> None:
    """Save every message."""
    maildrop = open_maildrop(host)
    maildrop.run(commands.capa())
    maildrop.login(user, getpass.getpass())
    saved = maildrop.save_all(Path(folder))
    maildrop.run(commands.quit_())
    print(f"{len(saved)} messages")


if __name__ == "__main__":
    main(*sys.argv[1:4])
