"""What a POP3 server says, as values. Text may hold any character but line ends: it is a stranger's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Welcome:
    """The first line. ``timestamp`` is what APOP would be about; we never offer it by ourselves."""

    text: str
    timestamp: str | None


@dataclass(frozen=True, slots=True)
class Dropped:
    """The server says by itself that it has had enough; it is about to close the connection."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Drop:
    """The answer to STAT: how many messages there are, and their bytes."""

    count: int
    size: int


Listing: TypeAlias = Mapping[int, int]
"""Sizes by number, the answer to LIST. Numbers hold for this connection only."""

UniqueIds: TypeAlias = Mapping[int, bytes]
"""Unique ids by number, the answer to UIDL, as the server spells them: empty and repeated ones exist."""

Offers: TypeAlias = Mapping[str, str]
"""Capabilities in capitals with their arguments, the answer to CAPA."""


Value: TypeAlias = Drop | Listing | UniqueIds | Offers | int | None
"""What an answer gives, by the kind of the command."""


@dataclass(frozen=True, slots=True)
class MessagePiece:
    """Some bytes of a message, without the dots of the protocol; its :class:`Answered` follows."""

    tag: int
    number: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Answered:
    """A command has been answered.

    ``code`` is the extended code of a refusal (``IN-USE``, ``LOGIN-DELAY``, ``SYS/TEMP``, ``SYS/PERM``,
    ``AUTH``) or ``""``; ``value`` what was asked for: a :class:`Drop`, :data:`Listing`, :data:`UniqueIds` or
    :data:`Offers`, for RETR and TOP the number of bytes, else None.
    """

    tag: int
    command: str
    ok: bool
    code: str
    text: str
    value: Value = None
