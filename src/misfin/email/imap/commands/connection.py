"""Commands about the connection: what is offered, login, the end."""

from __future__ import annotations

from collections.abc import Mapping

from misfin.email.challenge import initial_word
from misfin.email.imap import states
from misfin.email.imap.command import ImapCommand
from misfin.email.imap.states import ImapStep
from misfin.email.imap.writer import (
    CommandPart,
    atom,
    text,
)


def capability() -> ImapCommand:
    """Ask what the server offers: again after TLS and after login, where it does not say so itself."""
    return ImapCommand("CAPABILITY", (b"CAPABILITY",), states.ANY)


def noop() -> ImapCommand:
    """Nothing, but the server uses the occasion to say what has changed."""
    return ImapCommand("NOOP", (b"NOOP",), states.ANY)


def logout() -> ImapCommand:
    """Say goodbye. Answers of commands in flight still come."""
    return ImapCommand("LOGOUT", (b"LOGOUT",), states.ANY)


def identify(fields: Mapping[str, str] | None = None) -> ImapCommand:
    """Say who we are, and ask who the server is (RFC 2971); some servers want it before SELECT."""
    parts: list[CommandPart] = [b"ID "]
    for number, (key, value) in enumerate((fields or {}).items()):
        parts += [b" " if number else b"(", text(key), b" ", text(value)]
    parts.append(b")" if fields else b"NIL")
    return ImapCommand("ID", tuple(parts), states.ANY, frozenset({"ID"}))


def starttls() -> ImapCommand:
    """Go over to TLS. After its OK no byte may be read or written before the handshake is done."""
    return ImapCommand(
        "STARTTLS",
        (b"STARTTLS",),
        states.BEFORE_LOGIN,
        frozenset({"STARTTLS"}),
        alone=True,
        success=ImapStep.TLS_AGREED,
    )


def login(user: str, password: str) -> ImapCommand:
    """Log in with a password, which travels as it is: only inside TLS."""
    return ImapCommand(
        "LOGIN",
        (b"LOGIN ", text(user), b" ", text(password)),
        states.BEFORE_LOGIN,
        alone=True,
        success=ImapStep.LOGGED_IN,
    )


def authenticate(mechanism: str, initial: str = "") -> ImapCommand:
    """Log in by a SASL mechanism; ``initial`` is its first response in base64, ``""`` where the server
    begins.

    A first response of no bytes is ``"="``.
    """
    initial_word(initial)  # raises for what is not base64
    return ImapCommand(
        "AUTHENTICATE",
        (b"AUTHENTICATE ", atom(mechanism)),
        states.BEFORE_LOGIN,
        frozenset({f"AUTH={mechanism.upper()}"}),
        alone=True,
        success=ImapStep.LOGGED_IN,
        initial=initial,
    )
