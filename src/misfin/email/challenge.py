"""How the challenges of a SASL log-in reach an engine's caller, and the responses the server (RFC 4422).

All that passes is base64, as it stands on the wire; :mod:`misfin.email.sasl` has the mechanisms.
"""

from __future__ import annotations

import re
from typing import Final

from misfin.errors import CommandError
from misfin.valueclass import dataclass

_BASE64: Final = re.compile(r"[A-Za-z0-9+/]*={0,2}\Z")


@dataclass(frozen=True, slots=True)
class Challenge:
    """The server waits for an answer of the mechanism: give it to the engine's ``respond``."""

    data: str


def challenge_of(text: bytes) -> Challenge:
    """What follows the ``+`` of a server. Whether it is base64 is for the mechanism to see."""
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
    """A first response as it stands behind the mechanism's name; one of no bytes is ``=`` (RFC 4959 §3)."""
    return response_line(data).rstrip(b"\r\n") or b"="
