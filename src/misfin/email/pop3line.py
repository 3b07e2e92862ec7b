"""Drives the POP3 engine over a connection with asyncio."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from misfin.email import pop3
from misfin.email.challenge import Challenge
from misfin.email.connection import MailConnection
from misfin.email.mailline import GOODBYE, EngineConnection, MailServerError, Trace, refusal
from misfin.email.pop3 import commands
from misfin.email.sasl import Conversation
from misfin.errors import MisfinError, RemoteProtocolError

_SECRET: Final = frozenset({"AUTH", "USER", "PASS", "APOP"})


class Pop3Line(EngineConnection):
    """A connection to a POP3 server. Raises as :class:`~misfin.email.imapline.ImapLine`."""

    def __init__(self, connection: MailConnection, trace: Trace | None = None) -> None:
        super().__init__(connection, trace)
        self.engine = pop3.POP3ClientProtocol()
        self._events: deque[pop3.Pop3Event] = deque()
        self._failure: RemoteProtocolError | None = None

    async def events(self) -> Sequence[pop3.Pop3Event]:
        """What has come, at least one event."""
        while not self._take():
            self.engine.feed_bytes(await self.read(self.engine.patience))
        events = tuple(self._events)
        self._events.clear()
        return events

    def _take(self) -> bool:
        if self._failure is not None and not self._events:
            raise self._failure
        try:
            for event in self.engine.events():
                self._events.append(event)
                if isinstance(event, pop3.Answered):
                    self.say(f"S: {'+OK' if event.ok else '-ERR'} {event.command} {event.text}")
        except RemoteProtocolError as error:
            self._failure = error
            self.connection.abort()
            if not self._events:
                raise
        self.flush()
        return bool(self._events)

    def send(self, command: pop3.Pop3Command, *, soon: bool = False) -> int:
        """Send a command, or have it wait for those before; returns its tag.

        ``soon``: it is written with the next flush, together with others.
        """
        tag = self.engine.send(command)
        shown = command.name + " …" if command.name in _SECRET else command.line.decode("ascii", "replace")
        self.say(f"C: {shown}")
        if not soon:
            self.flush()
        return tag

    def flush(self) -> None:
        """Write what the engine has to say."""
        self.connection.write(self.engine.get_outgoing_data())

    async def call(self, command: pop3.Pop3Command) -> pop3.Answered:
        """Send one command and wait for its answer. Not for a message: its pieces are dropped."""
        (done,) = await self.calls([command])
        return done

    async def calls(self, wanted: Sequence[pop3.Pop3Command]) -> Sequence[pop3.Answered]:
        """Send commands at once, and wait for their answers."""
        tags = [self.send(command) for command in wanted]
        done: dict[int, pop3.Answered] = {}
        while len(done) < len(tags):
            for event in await self.events():
                if isinstance(event, pop3.Answered):
                    done[event.tag] = event
                elif isinstance(event, pop3.Dropped):
                    raise self.dropped(event)
        return [done[tag] for tag in tags]

    def dropped(self, event: pop3.Dropped) -> MailServerError:
        """The error for a server that has had enough."""
        return MailServerError("The server closed the connection", event.text, code=event.code)

    async def known(self) -> dict[str, str]:
        """The capabilities, asked for where they are not known; empty where the server has no CAPA."""
        if self.engine.capabilities is None:
            await self.call(commands.capa())
        return self.engine.capabilities or {}

    # ---- what a line does

    async def greeting(self) -> None:
        while True:
            for event in await self.events():
                if isinstance(event, pop3.Dropped):
                    raise MailServerError("The server is not available", event.text, code=event.code)
                if isinstance(event, pop3.Welcome):
                    return

    async def begin_tls(self) -> None:
        if "STLS" not in await self.known():
            raise MailServerError("The server does not offer TLS", remedy="Try pop3s:// on port 995.")
        done = await self.call(commands.stls())
        if not done.ok:
            raise MailServerError("The server refused TLS", done.text)

    def begun_tls(self) -> None:
        self.engine.tls_established()

    async def offered(self) -> frozenset[str]:
        return frozenset((await self.known()).get("SASL", "").split())

    async def by(self, conversation: Conversation, detail: str) -> None:
        first = await conversation.start()
        tag = self.send(commands.auth(conversation.mechanism, first))
        while True:
            for event in await self.events():
                match event:
                    case Challenge(data):
                        self.engine.respond(await conversation.answer(data))
                        self.flush()
                    case pop3.Dropped():
                        raise self.dropped(event)
                    case pop3.Answered() if event.tag == tag:
                        if not event.ok:
                            raise refusal(event.code, event.text or detail)
                        return

    async def plainly(self, user: str, password: str) -> None:
        for command in (commands.user(user), commands.password(password)):
            done = await self.call(command)
            if not done.ok:
                raise refusal(done.code, done.text)

    async def goodbye(self) -> None:
        with suppress(MisfinError, TimeoutError):
            async with asyncio.timeout(GOODBYE):
                await self.call(commands.quit_())
