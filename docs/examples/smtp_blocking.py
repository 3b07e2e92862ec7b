"""Send a message with misfin.email.smtp over an ordinary blocking socket: no asyncio, no threads.

    python docs/examples/smtp_blocking.py HOST PORT SENDER RECIPIENT... < message

With SMTP_USER and SMTP_PASSWORD in the environment it logs in, which needs TLS: from the first byte on
port 465, by STARTTLS elsewhere. It follows the steps of docs/smtp-engine.md. What a real program also needs
is left out on purpose: limits on total time, noting durably that the message may have left, trying again.
"""

from __future__ import annotations

import os
import socket
import ssl
import sys
from collections.abc import Callable
from contextlib import closing

from misfin.email.sasl import Conversation, Credentials, strongest, without_waiting
from misfin.email.smtp import ClientState, SMTPClientProtocol, SMTPResponse, survey

READ = 65536  # bytes asked for at once; any number works
BLOCK = 65536  # bytes of the message sent at once; any number works
PATIENCE = 60.0  # seconds of silence that end a connection
IMPLICIT_TLS = 465


class Session:
    """A machine and a socket: every command goes through :meth:`do`."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext) -> None:
        self._host, self._context = host, context
        self.smtp = SMTPClientProtocol()
        self.sock = socket.create_connection((host, port), PATIENCE)
        if port == IMPLICIT_TLS:
            self.secure()

    def close(self) -> None:
        """Close the connection."""
        self.sock.close()

    def secure(self) -> None:
        """Go on over TLS."""
        self.sock = self._context.wrap_socket(self.sock, server_hostname=self._host)

    def response(self) -> SMTPResponse:
        """Read until the next response is whole."""
        response = self.smtp.feed_bytes(b"")
        while response is None:
            self.sock.sendall(self.smtp.get_outgoing_data())  # a reply can have queued a command
            if not (data := self.sock.recv(READ)):
                self.smtp.receive_eof()  # raises: something is awaited
            response = self.smtp.feed_bytes(data)
        return response

    def do(self, method: Callable[..., None], *args: object, **options: object) -> SMTPResponse:
        """Call a method of the machine, send what it queued, and wait for the response."""
        method(*args, **options)
        self.sock.sendall(self.smtp.get_outgoing_data())
        return self.response()

    def log_in(self, credentials: Credentials) -> SMTPResponse:
        """Log in by the strongest mechanism the server offers; its last response."""
        authenticator = strongest(self.smtp.auth_mechanisms, credentials)
        conversation = Conversation(authenticator)
        first = without_waiting(conversation.start())
        response = self.do(self.smtp.authenticate, authenticator.mechanism, first)
        while self.smtp.state is ClientState.authenticating:
            answer = without_waiting(conversation.answer(response.message))
            response = self.do(self.smtp.send_authentication_data, answer)
        if not response.is_error():
            without_waiting(conversation.accepted())
        return response


def must(response: SMTPResponse) -> None:
    """Stop at a refusal; a program with more to do looks at the response instead."""
    if response.is_error():
        response.raise_as_exception()


def send(
    host: str,
    port: int,
    sender: str,
    recipients: list[str],
    message: bytes,
    *,
    credentials: Credentials | None = None,
    context: ssl.SSLContext | None = None,
) -> dict[str, SMTPResponse]:
    """Send one message; the server's response for each recipient."""
    facts = survey([message])
    with closing(Session(host, port, context or ssl.create_default_context())) as session:
        smtp = session.smtp
        must(session.response())
        must(session.do(smtp.send_greeting, "[127.0.0.1]"))
        if credentials and port != IMPLICIT_TLS:
            must(session.do(smtp.start_tls))  # raises where it is not offered
            session.secure()
            must(session.do(smtp.send_greeting, "[127.0.0.1]"))
        if credentials:
            must(session.log_in(credentials))
        must(
            session.do(
                smtp.mail, sender, size=facts.size, eight_bit=facts.eight_bit, smtputf8=facts.utf8_header
            )
        )
        responses = {each: session.do(smtp.recipient, each) for each in recipients}
        if smtp.accepted_recipients:
            must(session.do(smtp.start_data))
            for at in range(0, len(message), BLOCK):
                smtp.data_chunk(message[at : at + BLOCK])
                session.sock.sendall(smtp.get_outgoing_data())
            # A crash between here and the answer leaves open whether the message was accepted.
            answer = session.do(smtp.end_data)
            responses |= dict.fromkeys(smtp.accepted_recipients, answer)
        if smtp.state is not ClientState.finished:
            session.do(smtp.quit)
    return responses


def main(host: str, port: str, sender: str, *recipients: str) -> int:
    """The command line; the exit status."""
    user, password = os.environ.get("SMTP_USER"), os.environ.get("SMTP_PASSWORD", "")
    credentials = Credentials(user, password) if user else None
    message = sys.stdin.buffer.read()
    responses = send(host, int(port), sender, list(recipients), message, credentials=credentials)
    for recipient, response in responses.items():
        print(f"{recipient}: {response.code} {response.message!a}")  # a stranger's text
    return int(any(response.is_error() for response in responses.values()))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
