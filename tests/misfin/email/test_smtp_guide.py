"""The guide of smtpproto for I/O layers, followed step by step with its engine and with ours.

The programs below use only what that guide names; which engine they drive is an argument.
"""

import asyncio
import importlib
import socket
import ssl
from types import SimpleNamespace

import pytest
from smtppeers import Inbox, aiosmtpd, aiosmtpd_in_a_thread, check_password, contexts

from misfin.email import sasl, smtp

THEIRS = SimpleNamespace(
    **{
        name: getattr(importlib.import_module(f"smtpproto.{module}"), name)
        for module, names in {
            "protocol": "SMTPClientProtocol SMTPResponse ClientState SMTPMissingExtension SMTPException",
            "auth": "SMTPAuthenticator PlainAuthenticator LoginAuthenticator",
        }.items()
        for name in names.split()
    }
)
OURS = SimpleNamespace(
    SMTPClientProtocol=smtp.SMTPClientProtocol,
    SMTPResponse=smtp.SMTPResponse,
    ClientState=smtp.ClientState,
    SMTPMissingExtension=smtp.SMTPMissingExtension,
    SMTPException=smtp.SMTPException,
    SMTPAuthenticator=smtp.SMTPAuthenticator,
    PlainAuthenticator=sasl.PlainAuthenticator,
    LoginAuthenticator=sasl.LoginAuthenticator,
)
ENGINES = pytest.mark.parametrize("engine", [THEIRS, OURS], ids=["smtpproto", "ours"])


def message():
    from email.message import EmailMessage

    made = EmailMessage()
    made["From"], made["To"], made["Bcc"], made["Subject"] = "a@example.org", "b@example.org", "c@e.org", "Hi"
    made.set_content("Line\n.dot\n.\nend\n")
    return made


ARRIVED = (
    b"From: a@example.org\r\nTo: b@example.org\r\nSubject: Hi\r\n"
    b'Content-Type: text/plain; charset="utf-8"\r\n'
    b"Content-Transfer-Encoding: 7bit\r\nMIME-Version: 1.0\r\n\r\nLine\r\n.dot\r\n.\r\nend\r\n"
)


def over_a_blocking_socket(engine, port, context):
    protocol = engine.SMTPClientProtocol()
    sock = socket.create_connection(("127.0.0.1", port), 20)

    def receive():
        while protocol.needs_incoming_data:
            response = protocol.feed_bytes(sock.recv(65536))
            if response:
                if response.is_error():
                    response.raise_as_exception()
                return response
            sock.sendall(protocol.get_outgoing_data())
        return None

    def command(method, *args):
        method(*args)
        sock.sendall(protocol.get_outgoing_data())
        return receive()

    try:
        receive()
        command(protocol.send_greeting, "me.example")
        assert "STARTTLS" in protocol.extensions
        command(protocol.start_tls)
        sock = context.wrap_socket(sock, server_hostname="127.0.0.1")
        command(protocol.send_greeting, "me.example")
        assert "PLAIN" in protocol.auth_mechanisms
        command(protocol.authenticate, "PLAIN", "AGFkYQBzZWNyZXQ=")
        command(protocol.mail, "a@example.org")
        command(protocol.recipient, "b@example.org")
        command(protocol.start_data)
        assert command(protocol.data, message()).code == 250
        command(protocol.quit)
        assert protocol.state is engine.ClientState.finished
    finally:
        sock.close()


@ENGINES
def test_over_a_blocking_socket(engine):
    inbox = Inbox()
    how = {"tls_context": contexts()[0], "authenticator": check_password, "auth_required": True}
    with aiosmtpd_in_a_thread(inbox, **how) as port:
        over_a_blocking_socket(engine, port, contexts()[1])
    assert inbox.contents == [ARRIVED]


async def over_asyncio(engine, port, authenticator, context):
    protocol = engine.SMTPClientProtocol()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def receive():
        while protocol.needs_incoming_data:
            response = protocol.feed_bytes(await reader.read(65536))
            if response:
                return response
            writer.write(protocol.get_outgoing_data())
        return None

    async def command(method, *args):
        method(*args)
        writer.write(protocol.get_outgoing_data())
        await writer.drain()
        return await receive()

    await receive()
    await command(protocol.send_greeting, "me.example")
    await command(protocol.start_tls)
    await writer.start_tls(context, server_hostname="127.0.0.1")
    await command(protocol.send_greeting, "me.example")
    steps = authenticator.authenticate()
    response = await command(protocol.authenticate, authenticator.mechanism, await anext(steps))
    while protocol.state is engine.ClientState.authenticating:
        response = await command(protocol.send_authentication_data, await steps.asend(response.message))
    await steps.aclose()
    assert not response.is_error()
    for method, args in [
        (protocol.mail, ["a@example.org"]),
        (protocol.recipient, ["b@example.org"]),
        (protocol.start_data, []),
        (protocol.data, [message()]),
        (protocol.quit, []),
    ]:
        assert not (await command(method, *args)).is_error()
    writer.close()
    await writer.wait_closed()


def of_ones_own(engine):
    """The example of the guide: a class with a mechanism and a generator that yields once."""

    class MyAuthenticator(engine.SMTPAuthenticator):
        @property
        def mechanism(self):
            return "FOOBAR"

        async def authenticate(self):
            yield "mysecret"

    return MyAuthenticator()


class FoobarInbox(Inbox):
    """An inbox of a server that knows the mechanism FOOBAR."""

    async def auth_FOOBAR(self, server, args):
        from aiosmtpd.smtp import AuthResult

        return AuthResult(success=args[1:] == ["mysecret"], auth_data=b"ada")


@pytest.mark.parametrize(
    ("engine", "kind"),
    # smtpproto knows one wording of LOGIN's questions, and this server has another.
    [(THEIRS, "plain"), (THEIRS, "own"), (OURS, "plain"), (OURS, "login"), (OURS, "own")],
)
async def test_over_asyncio(engine, kind):
    inbox = FoobarInbox()
    how = {"tls_context": contexts()[0], "authenticator": check_password, "auth_required": True}
    made = {
        "plain": lambda: engine.PlainAuthenticator("ada", "secret"),
        "login": lambda: engine.LoginAuthenticator("ada", "secret"),
        "own": lambda: of_ones_own(engine),
    }[kind]()
    async with aiosmtpd(inbox, **how) as port:
        await over_asyncio(engine, port, made, contexts()[1])
    assert inbox.contents == [ARRIVED]


@ENGINES
def test_the_names_of_the_guide(engine):
    protocol = engine.SMTPClientProtocol()
    assert protocol.needs_incoming_data
    response = protocol.feed_bytes(b"220 mx\r\n")
    assert response == engine.SMTPResponse(220, "mx")
    assert protocol.state is engine.ClientState.greeting_received
    protocol.send_greeting("me.example")
    protocol.get_outgoing_data()
    protocol.feed_bytes(b"250 mx\r\n")
    with pytest.raises(engine.SMTPMissingExtension):
        protocol.start_tls()
    protocol.mail("a@example.org")
    protocol.get_outgoing_data()
    refused = protocol.feed_bytes(b"550 no\r\n")
    assert refused.is_error()
    with pytest.raises(engine.SMTPException):
        refused.raise_as_exception()
    assert {state.name for state in engine.ClientState} == {state.name for state in smtp.ClientState}
    for name in ("reset", "noop", "quit", "send_authentication_data", "authenticate", "start_data", "data"):
        assert callable(getattr(protocol, name))


def test_contexts_verify():
    assert contexts()[1].verify_mode is ssl.CERT_REQUIRED
