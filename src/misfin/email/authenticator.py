"""What the engines ask of a SASL mechanism (RFC 4422), and how a server's challenge reaches it.

All that passes between the two is base64, as it stands on the wire.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Final, Protocol

from misfin.errors import CommandError

_BASE64: Final = re.compile(r"[A-Za-z0-9+/]*={0,2}\Z")


class Authenticator(Protocol):
    """One way to log in: any object with these two members, such as those of :mod:`misfin.email.sasl`."""

    @property
    def mechanism(self) -> str:
        """Its name as servers list it: ``PLAIN``."""

    def authenticate(self) -> AsyncGenerator[str, str]:
        """First yield what may go out with the mechanism's name, or ``""``; then, for each challenge, the
        answer."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """The server waits for an answer of the mechanism: give it to the engine's ``respond``."""

    data: str


def challenge_of(text: bytes) -> Challenge:
    """What follows the ``+`` of a server. Whether it is base64 is for the mechanism to see: some servers
    chat."""
    return Challenge(text.decode("utf-8", "replace").strip())


def response_line(data: str | None) -> bytes:
    """A response as it is written, with its line end; ``None`` gives the attempt up.

    Raises :class:`~misfin.errors.CommandError` for what is not base64.
    """
    if data is None:
        return b"*\r\n"
    if not _BASE64.match(data):
        raise CommandError("A response of a SASL mechanism has to be in base64.")
    return (b"" if data == "=" else data.encode("ascii")) + b"\r\n"


def initial_word(data: str) -> bytes:
    """A first response as it stands behind the name of the mechanism; one of no bytes is ``=`` (RFC 4959
    §3)."""
    return response_line(data).rstrip(b"\r\n") or b"="
