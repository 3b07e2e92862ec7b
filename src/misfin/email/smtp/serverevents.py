"""What a client does, as a server sees it. Addresses and parameters are a stranger's text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """Base of the events; those that want an answer wait for :meth:`SMTPServerProtocol.respond`."""

    wants_answer: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class TlsStarts(ServerEvent):
    """STARTTLS was agreed to: write out what there is, do the handshake, go on with the session."""


@dataclass(frozen=True, slots=True)
class LoginStarts(ServerEvent):
    """A log-in by ``mechanism``; ``initial`` is what came with it in base64, or ``""``.

    Answer 235, a refusal, or 334 and a challenge in base64.
    """

    wants_answer = True
    mechanism: str
    initial: str


@dataclass(frozen=True, slots=True)
class LoginContinues(ServerEvent):
    """The answer to a challenge, in base64."""

    wants_answer = True
    data: str


@dataclass(frozen=True, slots=True)
class MailStarts(ServerEvent):
    """A message from ``sender`` (``""`` for a notification), with the parameters of MAIL in upper case."""

    wants_answer = True
    sender: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RecipientNamed(ServerEvent):
    """A recipient of the message; asked for one by one, even if they come together."""

    wants_answer = True
    address: str


@dataclass(frozen=True, slots=True)
class DataPiece(ServerEvent):
    """A piece of the message, as it was before it was made ready for the wire."""

    data: bytes


@dataclass(frozen=True, slots=True)
class MessageEnds(ServerEvent):
    """The message is whole, ``size`` bytes. A 2xx promises that it is safe: store it durably before.

    In LMTP answer once for each accepted recipient, in their order.
    """

    wants_answer = True
    size: int


@dataclass(frozen=True, slots=True)
class TransactionEnds(ServerEvent):
    """The message begun was given up, or refused for its size: forget what came of it."""


@dataclass(frozen=True, slots=True)
class SessionEnds(ServerEvent):
    """QUIT: write out what there is and close."""
