"""The IMAP engine over an ordinary blocking socket: log in, list, fetch, append, move, wait for news.

    python docs/examples/imap_blocking.py imap.mail.example ada

asks for the password, shows the newest ten messages of the inbox and says when another comes. ``Mailbox`` is
the whole loop between a socket and the engine; it works with any socket, an ``ssl.SSLSocket`` included.
"""

from __future__ import annotations

import getpass
import socket
import ssl
import sys
import time
from email.parser import BytesHeaderParser
from email.policy import default

from misfin.email.imap import (
    Challenge,
    Completed,
    Exists,
    Fetch,
    Idling,
    IMAPClientProtocol,
    ImapCommand,
    ImapEvent,
    ImapState,
    SearchResult,
    UidSet,
    commands,
)
from misfin.email.sasl import Authenticator, Conversation

READ = 64 << 10  # bytes asked for at once; any number works
PIECE = 64 << 10  # of a message that is uploaded
SHOWN = 10
SUBJECT = "BODY[HEADER.FIELDS (SUBJECT)]"  # how the server names what was asked for


class RefusedError(Exception):
    """The server said NO or BAD."""


class Mailbox:
    """One connection. Raises OSError, RemoteProtocolError, or :class:`RefusedError`."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.engine = IMAPClientProtocol()
        while self.engine.state is ImapState.GREETING:
            self.receive()

    def receive(self, timeout: float | None = None) -> list[ImapEvent]:
        """Write all that is to be written, read once, and say what came."""
        if data := self.engine.get_outgoing_data():
            self.sock.sendall(data)
        self.sock.settimeout(self.engine.patience if timeout is None else timeout)
        if data := self.sock.recv(READ):
            self.engine.feed_bytes(data)
        else:
            self.engine.receive_eof()
        return list(self.engine.events())

    def run(self, command: ImapCommand, message: bytes = b"") -> list[ImapEvent]:
        """Send a command and wait for its end: what came until then, its :class:`Completed` last."""
        tag, came = self.engine.send(command), []
        while True:
            while wanted := min(self.engine.data_wanted, PIECE):
                self.engine.send_data(message[:wanted])
                self.sock.sendall(self.engine.get_outgoing_data())
                message = message[wanted:]
            for event in self.receive():
                came.append(event)
                if isinstance(event, Completed) and event.tag == tag:
                    if not event.ok:
                        raise RefusedError(f"{event.command}: {event.text}")
                    return came

    def starttls(self, context: ssl.SSLContext, host: str) -> None:
        """Go over to TLS on a connection that began without."""
        self.run(commands.starttls())
        self.sock = context.wrap_socket(self.sock, server_hostname=host)
        self.engine.tls_established()

    def login(self, user: str, password: str) -> None:
        """Log in with a password, and learn what is offered from then on."""
        self.run(commands.login(user, password))
        self._learn()

    async def authenticate(self, authenticator: Authenticator) -> None:
        """Log in by a SASL mechanism."""
        steps = Conversation(authenticator)
        try:
            tag = self.engine.send(commands.authenticate(steps.mechanism, await steps.start()))
            while tag in self.engine.pending:
                for event in self.receive():
                    if isinstance(event, Challenge):
                        self.engine.respond(await steps.answer(event.data))
                    elif isinstance(event, Completed) and not event.ok:
                        raise RefusedError(event.text)
            await steps.accepted()
        finally:
            await steps.close()
        self._learn()

    def _learn(self) -> None:
        if self.engine.capabilities is None:
            self.run(commands.capability())

    def idle(self, seconds: float) -> list[ImapEvent]:
        """Wait for news, at most so long; what came by the time the server has ended IDLE."""
        self.engine.send(commands.idle())
        came: list[ImapEvent] = []
        until, asked = time.monotonic() + seconds, False
        while True:
            try:
                events = self.receive(None if asked else max(0.01, until - time.monotonic()))
            except TimeoutError:
                if asked:
                    raise  # the line is dead
                events = []
            for event in events:
                if isinstance(event, Completed):
                    return came
                if not isinstance(event, Idling):
                    came.append(event)
            if came or time.monotonic() >= until:
                self.engine.done()
                asked = True


def open_mailbox(host: str, port: int = 993, *, context: ssl.SSLContext | None = None) -> Mailbox:
    """A connection inside TLS from its first byte."""
    plain = socket.create_connection((host, port), timeout=30)
    return Mailbox((context or ssl.create_default_context()).wrap_socket(plain, server_hostname=host))


def newest(mailbox: Mailbox, count: int = SHOWN) -> list[tuple[int, str]]:
    """UID and subject of the newest messages of the selected mailbox, the newest first."""
    found: list[tuple[int, str]] = []
    uids = UidSet()
    for event in mailbox.run(commands.search()):
        if isinstance(event, SearchResult):
            uids |= event.uids
    if not uids:
        return found
    wanted = UidSet(sorted(uids)[-count:])
    for event in mailbox.run(commands.fetch(wanted, ["UID", commands.body("HEADER.FIELDS (SUBJECT)")])):
        # An answer may lack anything, and others than those that were asked for may come.
        if isinstance(event, Fetch) and event.uid in wanted and (part := event.part(SUBJECT)) and part.data:
            header = BytesHeaderParser(policy=default).parsebytes(part.data)
            found.append((event.uid, str(header["Subject"] or "")))
    return sorted(found, reverse=True)


def main(host: str, user: str) -> None:
    """Show the newest messages, then wait for another."""
    mailbox = open_mailbox(host)
    mailbox.login(user, getpass.getpass())
    mailbox.run(commands.select("INBOX", read_only=True))
    for uid, subject in newest(mailbox):
        print(f"{uid:8} {subject!a}")  # a stranger's text: nothing of it may reach the terminal as it is
    while True:
        for event in mailbox.idle(540):
            if isinstance(event, Exists):
                print(f"now {event.count} messages")


if __name__ == "__main__":
    main(*sys.argv[1:3])
