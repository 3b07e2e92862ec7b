"""Cuts what an IMAP client sends into commands: lines that may hold literals. Bounded."""

from __future__ import annotations

import re
from typing import Final

from misfin.email.imap import Answer
from misfin.errors import RemoteProtocolError

MAX_LINE: Final = 16_384
"""Bytes of a command without its literals."""
_LITERAL: Final = re.compile(rb"\{(\d{1,10})(\+?)\}\Z")


class CommandReader:
    """:meth:`feed`, then :meth:`take` until it returns None; ``literals`` bounds those of one command."""

    def __init__(self, literals: int) -> None:
        self.literals = literals
        self.consents = 0
        """Literals a client waits to be allowed to send: answer each with a ``+`` and count down."""
        self._held = bytearray()
        self._parts: Answer = []
        self._length = 0
        self._size = 0
        self._left = -1  # bytes of the literal that is being read, -1 outside

    def feed(self, data: bytes) -> None:
        """Take bytes."""
        self._held += data

    def take(self) -> Answer | None:
        """The next command as line, literal, line, ..., line; raises RemoteProtocolError beyond a limit."""
        while True:
            if self._left >= 0:
                if len(self._held) < self._left:
                    return None
                self._parts.append(bytes(self._held[: self._left]))
                del self._held[: self._left]
                self._left = -1
            end = self._held.find(b"\r\n")
            if self._length + max(end, 0 if end >= 0 else len(self._held)) > MAX_LINE:
                raise RemoteProtocolError("The command is too long.")
            if end < 0:
                return None
            line = bytes(self._held[:end])
            del self._held[: end + 2]
            if marker := _LITERAL.search(line):
                self._length += len(line)
                self._left = int(marker[1])
                self._size += self._left
                if self._size > self.literals:
                    raise RemoteProtocolError("The command holds too much.")
                self._parts.append(line[: marker.start()])
                self.consents += not marker[2]
                continue
            parts = [*self._parts, line]
            self._parts, self._length, self._size = [], 0, 0
            return parts
