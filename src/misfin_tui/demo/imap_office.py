"""The incoming half of the demo's e-mail provider: an IMAP server on loopback, with TLS and a log-in."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Collection, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from misfin_tui.demo.imap.mailboxes import Mailboxes, NewHosted
from misfin_tui.demo.listening import PATIENCE, TLSListener
from misfin_tui.demo.stories import MAIL_ME
from misfin_tui.demo.world import World

if TYPE_CHECKING:
    from misfin.email.imap import Answer
    from misfin_tui.demo.imap.session import ImapSession

_READ: Final = 64 * 1024
_AT_ONCE: Final = 20  # parts of an answer, such as messages, that are read before they are written
_IDLE_FOR: Final = 1800.0  # seconds, RFC 2177


class ImapOffice:
    """Listens on the world's IMAP port until it is closed; :meth:`deliver` is how mail arrives."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._mailboxes: Mailboxes | None = None
        self._password = ""
        self._news: set[asyncio.Event] = set()
        self._listener = TLSListener(world.imap_port, world.imap_certificate, self._session)

    async def start(self) -> None:
        """Listen. Raises :class:`OSError`."""
        self._password = self._world.mail_server_password.read_text("utf-8")
        self._mailboxes = await asyncio.to_thread(Mailboxes, self._world.mailboxes)
        await self._listener.start()

    async def stop(self) -> None:
        """Stop listening, and end what is under way."""
        await self._listener.stop()
        if self._mailboxes is not None:
            await asyncio.to_thread(self._mailboxes.close)

    async def deliver(self, messages: Collection[NewHosted]) -> None:
        """File messages durably, and tell whoever waits for news. Raises :class:`sqlite3.Error`."""
        assert self._mailboxes is not None
        await asyncio.to_thread(self._mailboxes.add, messages)
        self._changed()

    def _changed(self) -> None:
        for event in self._news:
            event.set()

    def _is_player(self, user: str, password: str) -> bool:
        return user == MAIL_ME.address and hmac.compare_digest(password.encode(), self._password.encode())

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from misfin_tui.demo.imap.session import ImapSession  # late: the demo waits until all of us listen

        assert self._mailboxes is not None
        imap = ImapSession(self._mailboxes, self._is_player)
        writer.write(imap.greeting())
        news = asyncio.Event()
        self._news.add(news)
        try:
            while not imap.over:
                async with asyncio.timeout(PATIENCE):
                    await writer.drain()
                command = imap.take()
                if command is not None:
                    await self._answer(imap, command, writer)
                    continue
                writer.write(imap.consents())
                data = await self._read(reader, writer, imap, news)
                if not data:
                    return
                imap.feed(data)
        finally:
            self._news.discard(news)

    async def _answer(self, imap: ImapSession, command: Answer, writer: asyncio.StreamWriter) -> None:
        parts: Iterator[bytes] = imap.answer(command)
        while some := await asyncio.to_thread(lambda: list(islice(parts, _AT_ONCE))):
            writer.writelines(some)
            async with asyncio.timeout(PATIENCE):
                await writer.drain()
        self._changed()

    async def _read(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        imap: ImapSession,
        news: asyncio.Event,
    ) -> bytes:
        """What the client says next; while it is idle, it hears what happens."""
        reading = asyncio.ensure_future(reader.read(_READ))
        try:
            async with asyncio.timeout(_IDLE_FOR if imap.idling else PATIENCE):
                while imap.idling and not reading.done():
                    await _first(reading, news)
                    if news.is_set():
                        news.clear()
                        writer.write(await asyncio.to_thread(imap.news))
                        await writer.drain()
                return await reading
        finally:
            reading.cancel()


async def _first(reading: asyncio.Future[bytes], news: asyncio.Event) -> None:
    waiting = asyncio.ensure_future(news.wait())
    both: set[asyncio.Future[Any]] = {reading, waiting}
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
