"""A TLS port of the demo's e-mail provider: who may connect, how long, and how it ends."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from misfin.errors import MisfinError

PATIENCE: Final = 300.0
"""Seconds for a client's next command, RFC 5321 §4.5.3.2.7."""
_MAX_CONNECTIONS: Final = 8
Session = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class TLSListener:
    """Runs ``session`` for everyone who connects to ``port`` on loopback. What a session raises ends it."""

    def __init__(self, port: int, certificate: Path, session: Session) -> None:
        self._port = port
        self._certificate = certificate
        self._session = session
        self._server: asyncio.Server | None = None
        self._sessions: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def start(self) -> None:
        """Listen. Raises :class:`OSError`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._certificate)
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port, ssl=context)

    async def stop(self) -> None:
        """Stop listening, and end what is under way."""
        if self._server is not None:
            self._server.close()
        for writer in self._sessions.values():
            writer.transport.abort()
        await asyncio.gather(*self._sessions, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._sessions[task] = writer
        try:
            if len(self._sessions) <= _MAX_CONNECTIONS:
                await self._session(reader, writer)
        except (OSError, MisfinError):  # a time-out is an OSError; whoever breaks the rules is sent away
            pass
        finally:
            del self._sessions[task]
            writer.close()
