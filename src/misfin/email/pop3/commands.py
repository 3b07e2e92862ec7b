"""Every command the POP3 engine can send; an argument that cannot be sent safely is a CommandError."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from misfin.email.challenge import initial_word
from misfin.email.pop3 import states
from misfin.email.pop3.limits import MAX_MESSAGE, SIZE_MARGIN
from misfin.email.pop3.states import Pop3State, Pop3Step
from misfin.errors import CommandError

_MECHANISM: Final = re.compile(r"[A-Z0-9_-]{1,20}\Z")
_MOST_LINES: Final = 1 << 31


class Reply(Enum):
    """What follows the first line of an answer, if that is OK."""

    NOTHING = "nothing"
    DROP = "STAT"
    OFFERS = "CAPA"
    SIZES = "LIST"
    SIZE = "LIST of one"
    IDS = "UIDL"
    ID = "UIDL of one"
    MESSAGE = "message"


@dataclass(frozen=True, slots=True)
class Pop3Command:
    """One command."""

    name: str
    line: bytes = field(repr=False)
    """What is written, without the line end. It is not shown: it may hold a password."""
    states: frozenset[Pop3State]
    reply: Reply = Reply.NOTHING
    alone: bool = False
    """True when no other command may be in flight before or behind it (RFC 2449 §6.6)."""
    success: Pop3Step | None = None
    needs: str = ""
    """The capability without which the server does not understand it."""
    number: int = 0
    max_bytes: int = 0
    initial: str = field(default="", repr=False)


def capa() -> Pop3Command:
    """Ask what the server offers, again after TLS."""
    return Pop3Command("CAPA", b"CAPA", states.EITHER, Reply.OFFERS)


def stls() -> Pop3Command:
    """Go over to TLS (RFC 2595). After its OK no byte may be read or written before the handshake is done."""
    return Pop3Command(
        "STLS", b"STLS", states.AUTHORIZATION, alone=True, success=Pop3Step.TLS_AGREED, needs="STLS"
    )


def user(name: str) -> Pop3Command:
    """Say who we are; PASS follows its OK."""
    return Pop3Command("USER", b"USER " + _argument(name), states.AUTHORIZATION, alone=True)


def password(secret: str) -> Pop3Command:
    """The password, which travels as it is: only inside TLS."""
    return Pop3Command(
        "PASS", b"PASS " + _argument(secret), states.AUTHORIZATION, alone=True, success=Pop3Step.LOGGED_IN
    )


def apop(name: str, secret: str, timestamp: str) -> Pop3Command:
    """Log in with a digest by MD5 over the greeting's ``timestamp``: broken, and no substitute for TLS."""
    digest = hashlib.md5((timestamp + secret).encode("utf-8"), usedforsecurity=False).hexdigest()
    line = b"APOP " + _argument(name) + b" " + digest.encode("ascii")
    return Pop3Command("APOP", line, states.AUTHORIZATION, alone=True, success=Pop3Step.LOGGED_IN)


def auth(mechanism: str, initial: str = "") -> Pop3Command:
    """Log in by a SASL mechanism (RFC 5034); ``initial`` is its first response in base64, or ``""``."""
    if not _MECHANISM.match(mechanism):
        raise CommandError(f"{mechanism!r} cannot be a SASL mechanism.")
    initial_word(initial)  # raises for what is not base64
    return Pop3Command(
        "AUTH",
        b"AUTH " + mechanism.encode("ascii"),
        states.AUTHORIZATION,
        alone=True,
        success=Pop3Step.LOGGED_IN,
        initial=initial,
    )


def stat() -> Pop3Command:
    """How many messages there are."""
    return Pop3Command("STAT", b"STAT", states.TRANSACTION, Reply.DROP)


def sizes(number: int | None = None) -> Pop3Command:
    """LIST: the sizes of all messages, or of one."""
    if number is None:
        return Pop3Command("LIST", b"LIST", states.TRANSACTION, Reply.SIZES)
    return Pop3Command("LIST", b"LIST " + _number(number), states.TRANSACTION, Reply.SIZE)


def unique_ids(number: int | None = None) -> Pop3Command:
    """UIDL: the unique ids of all messages, or of one. Servers without CAPA may have it all the same."""
    if number is None:
        return Pop3Command("UIDL", b"UIDL", states.TRANSACTION, Reply.IDS)
    return Pop3Command("UIDL", b"UIDL " + _number(number), states.TRANSACTION, Reply.ID)


def retr(number: int, *, size: int | None = None, max_bytes: int = MAX_MESSAGE) -> Pop3Command:
    """A message, in pieces.

    One that is longer than ``max_bytes``, or much longer than the ``size`` that LIST said, ends the
    connection.
    """
    if size is not None:
        max_bytes = min(max_bytes, size + size // 5 + SIZE_MARGIN)
    return Pop3Command(
        "RETR",
        b"RETR " + _number(number),
        states.TRANSACTION,
        Reply.MESSAGE,
        number=number,
        max_bytes=max_bytes,
    )


def top(number: int, lines: int = 0, *, max_bytes: int = MAX_MESSAGE) -> Pop3Command:
    """The header of a message and the first lines of its body, in pieces."""
    if not 0 <= lines < _MOST_LINES:
        raise CommandError(f"{lines} cannot be a number of lines.")
    return Pop3Command(
        "TOP",
        b"TOP %b %d" % (_number(number), lines),
        states.TRANSACTION,
        Reply.MESSAGE,
        number=number,
        max_bytes=max_bytes,
    )


def dele(number: int) -> Pop3Command:
    """Mark a message: the OK of QUIT deletes it. A connection that ends before deletes nothing."""
    return Pop3Command("DELE", b"DELE " + _number(number), states.TRANSACTION)


def rset() -> Pop3Command:
    """Take all marks away."""
    return Pop3Command("RSET", b"RSET", states.TRANSACTION)


def noop() -> Pop3Command:
    """Nothing, to keep the connection."""
    return Pop3Command("NOOP", b"NOOP", states.TRANSACTION)


def quit_() -> Pop3Command:
    """End the connection and delete what is marked."""
    return Pop3Command("QUIT", b"QUIT", states.EITHER, alone=True)


def _argument(text: str) -> bytes:
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError:
        raise CommandError("The text holds characters that cannot be encoded.") from None
    if not data or len(data) > 4096 or {0, 10, 13} & set(data):
        raise CommandError("A name or password cannot be empty, longer than 4,096 bytes or hold line breaks.")
    return data


def _number(number: int) -> bytes:
    if not 0 < number < 1 << 31:
        raise CommandError(f"{number} cannot be the number of a message.")
    return b"%d" % number
