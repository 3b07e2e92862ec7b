"""Drives the IMAP engine over a connection with asyncio: one command after another, or several at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import Final

from misfin.email import imap
from misfin.email.challenge import Challenge
from misfin.email.connection import MailConnection
from misfin.email.imap import commands
from misfin.email.mailline import EngineConnection, MailServerError, Trace, refusal
from misfin.email.sasl import Conversation
from misfin.errors import DeliveryTimeoutError, MisfinError, RemoteProtocolError

Taker = Callable[[imap.ImapEvent], object]
_SECRET: Final = frozenset({"LOGIN", "AUTHENTICATE"})
_DONE_WITHIN: Final = 10.0
"""Seconds to wait for the answer to DONE; then the connection counts as lost."""


def _ignore(_event: imap.ImapEvent) -> None:
    pass


class ImapLine(EngineConnection):
    """A connection to an IMAP server.

    Methods raise :class:`~misfin.errors.DeliveryError` when it is lost or silent, and
    :class:`~misfin.errors.RemoteProtocolError` when the server cannot be understood; it is of no use after
    either. A refusal by the server is a result.
    """

    def __init__(self, connection: MailConnection, trace: Trace | None = None) -> None:
        super().__init__(connection, trace)
        self.engine = imap.IMAPClientProtocol()
        self.alerts: list[str] = []
        """Texts the server wants a person to see, not yet reported: a stranger's text."""
        self._events: deque[imap.ImapEvent] = deque()
        self._failure: RemoteProtocolError | None = None

    # ---- events

    async def events(self, patience: float | None = None) -> Sequence[imap.ImapEvent]:
        """What has come, at least one event; ``patience`` in seconds instead of the engine's own.

        Nothing as soon as the engine wants data of an upload.
        """
        while not self._take():
            if self.engine.data_wanted:
                return ()
            wait = self.engine.patience if patience is None else patience
            self.engine.feed_bytes(await self.read(wait))
        events = tuple(self._events)
        self._events.clear()
        return events

    def _take(self) -> bool:
        """Have the engine say what came; what it says before it fails counts."""
        if self._failure is not None and not self._events:
            raise self._failure
        try:
            for event in self.engine.events():
                self._events.append(event)
                self._note(event)
        except RemoteProtocolError as error:
            self._failure = error
            self.connection.abort()
            if not self._events:
                raise
        self.flush()
        return bool(self._events)

    def _note(self, event: imap.ImapEvent) -> None:
        if isinstance(event, imap.StatusNotice) and event.code and event.code.name == "ALERT":
            self.alerts.append(event.text)
        if self.trace is None:
            return
        match event:
            case imap.Completed(tag, command, status, code, text):
                self.say(f"S: {tag} {status.value} {command} {code.name if code else ''} {text}")
            case imap.StatusNotice(status, code, text):
                self.say(f"S: * {status.value} {code.name if code else ''} {text}")
            case imap.Bye(text=text):
                self.say(f"S: * BYE {text}")
            case imap.SkippedLine(reason=reason):
                self.say(f"S: a line was skipped: {reason}")

    # ---- commands

    def send(self, command: imap.ImapCommand) -> str:
        """Send a command, or have it wait for those before; returns its tag."""
        tag = self.engine.send(command)
        self.say(f"C: {tag} {_shown(command)}")
        self.flush()
        return tag

    def flush(self) -> None:
        """Write what the engine has to say."""
        self.connection.write(self.engine.get_outgoing_data())

    async def call(self, command: imap.ImapCommand, take: Taker = _ignore) -> imap.Completed:
        """Send one command and wait for its end; ``take`` gets every other event until then."""
        (done,) = await self.calls([command], take)
        return done

    async def calls(
        self, wanted: Sequence[imap.ImapCommand], take: Taker = _ignore
    ) -> Sequence[imap.Completed]:
        """Send commands at once, and wait for their ends."""
        tags = [self.send(command) for command in wanted]
        done: dict[str, imap.Completed] = {}
        while len(done) < len(tags):
            for event in await self.events():
                if isinstance(event, imap.Completed) and event.tag in tags:
                    done[event.tag] = event
                else:
                    take(event)
        return [done[tag] for tag in tags]

    async def upload(self, command: imap.ImapCommand, pieces: AsyncIterator[bytes]) -> imap.Completed:
        """Send an APPEND with its message, and wait for its end."""
        tag = self.send(command)
        held, ended = b"", False
        while True:
            while (room := self.engine.data_wanted) and not ended:
                if not held:
                    held = await anext(pieces, b"")
                    ended = not held
                if ended:
                    break
                self.engine.send_data(held[:room])
                held = held[room:]
                self.flush()
                await self.connection.drain()
            if ended and self.engine.data_wanted:
                self.connection.abort()  # the message is shorter than was announced: nothing else can follow
                raise RemoteProtocolError("The message changed while it was being uploaded.")
            for event in await self.events():
                if isinstance(event, imap.Completed) and event.tag == tag:
                    return event

    async def watch(self, seconds: float) -> Sequence[imap.ImapEvent]:
        """Whatever the server says by itself within a time; nothing at the end of it."""
        with suppress(DeliveryTimeoutError):
            return await self.events(seconds)
        return ()

    async def end_idle(self) -> Sequence[imap.ImapEvent]:
        """End IDLE; returns what else came. Raises if the connection turns out to be lost."""
        self.engine.done()
        self.flush()
        came: list[imap.ImapEvent] = []
        async with asyncio.timeout(_DONE_WITHIN):
            while True:
                for event in await self.events(_DONE_WITHIN):
                    if isinstance(event, imap.Completed) and event.command == "IDLE":
                        return came
                    came.append(event)

    def offers(self, name: str) -> bool:
        """Whether the server offers this."""
        return self.engine.offers(name)

    async def known(self) -> frozenset[str]:
        """The capabilities, asked for where they are not known."""
        if self.engine.capabilities is None:
            await self.call(commands.capability())
        return self.engine.capabilities or frozenset()

    # ---- what a line does

    async def greeting(self) -> None:
        while True:
            for event in await self.events():
                if isinstance(event, imap.Bye):
                    code = event.code.name if event.code else ""
                    raise MailServerError("The server is not available", event.text, code=code)
                if isinstance(event, imap.Greeting):
                    return

    async def begin_tls(self) -> None:
        if self.engine.state is not imap.ImapState.NOT_AUTHENTICATED:
            raise MailServerError("The server does not offer TLS", remedy="Try imaps:// on port 993.")
        await self.known()
        if not self.offers("STARTTLS"):
            raise MailServerError("The server does not offer TLS", remedy="Try imaps:// on port 993.")
        done = await self.call(commands.starttls())
        if not done.ok:
            raise MailServerError("The server refused TLS", done.text)

    def begun_tls(self) -> None:
        self.engine.tls_established()

    async def offered(self) -> frozenset[str]:
        names = await self.known()
        return frozenset(name.removeprefix("AUTH=") for name in names if name.startswith("AUTH="))

    async def by(self, conversation: Conversation, detail: str) -> None:
        first = await conversation.start()
        tag = self.send(commands.authenticate(conversation.mechanism, first))
        while True:
            for event in await self.events():
                match event:
                    case Challenge(data):
                        self.engine.respond(await conversation.answer(data))
                        self.flush()
                    case imap.Completed() if event.tag == tag:
                        return self._logged_in(event, detail)

    async def plainly(self, user: str, password: str) -> None:
        if self.offers("LOGINDISABLED"):
            raise MailServerError("The server takes no passwords here")
        self._logged_in(await self.call(commands.login(user, password)))

    def _logged_in(self, done: imap.Completed, detail: str = "") -> None:
        if not done.ok:
            raise refusal(done.code.name if done.code else "", done.text or detail)

    async def goodbye(self) -> None:
        """Nothing depends on the answer, so it is not waited for."""
        with suppress(MisfinError):
            self.send(commands.logout())
            await self.connection.leave()


def _shown(command: imap.ImapCommand) -> str:
    if command.name in _SECRET:
        return f"{command.name} …"
    return " ".join(part.decode("ascii", "replace") for part in command.parts if isinstance(part, bytes))
