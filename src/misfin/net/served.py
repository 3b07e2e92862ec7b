"""One connection to a server of ours, from accept to close: TLS, one request, one answer, a clean close.

What a request is, and who answers it, is for the subclasses: net/exchange.py and gmap/connection.py.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Protocol

from misfin.errors import TlsError
from misfin.net.limits import Admission
from misfin.net.shares import Stage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from misfin.net.limits import Limits
    from misfin.net.server_tls import ServerTls
    from misfin.net.tls import TlsSession

logger = logging.getLogger("misfin.receiver")

# Read and discarded after the request, so that closing does not destroy the answer (docs/decisions.md §4.7).
_MAX_DISCARDED = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ServingTimes:
    """How long a server waits, in seconds.

    ``handshake_timeout`` and ``header_timeout`` limit these phases of a connection as a whole,
    ``idle_timeout`` any silence during the request, ``linger`` the wait for the peer to close after the
    answer, ``stop_timeout`` the wait for requests in progress when stopping. ``grace`` is how long
    connections that have not begun a request may still do so then.
    """

    handshake_timeout: float = 10.0
    header_timeout: float = 20.0
    idle_timeout: float = 15.0
    linger: float = 2.0
    stop_timeout: float = 10.0
    grace: float = 0.0


class ConnectionPhase(Enum):
    """The phase of a connection."""

    HANDSHAKE = "handshake"
    REQUEST = "request"
    WORKING = "working"  # the request is complete: anything after it is ignored
    LINGER = "linger"  # the answer was sent: read and discard until the peer closes
    CLOSED = "closed"


_STAGES = {
    ConnectionPhase.REQUEST: Stage.REQUEST,
    ConnectionPhase.WORKING: Stage.COMPLETE,
    ConnectionPhase.LINGER: Stage.ANSWERED,
}


class Serving(Protocol):
    """A server as its connections see it; :class:`~misfin.net.server.TlsServer` has each part."""

    limits: Limits[ServedConnection]
    tls: ServerTls
    settings: ServingTimes

    def closed(self, connection: ServedConnection) -> None:
        """Note that a connection has ended."""
        ...

    def spawn(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        """Run the handling of one request, even if its connection ends."""
        ...


class ServedConnection(asyncio.Protocol, ABC):
    """The protocol object of one connection; it depends only on its server.

    ``address`` is the IP address of the other side, ``admission`` the server's decision about it.
    """

    __slots__ = (
        "_discarded",
        "_heard",
        "_loop",
        "_noted",
        "_peer_address",
        "_peer_ended",
        "_phase_ends",
        "_received",
        "_server",
        "_session",
        "_timer",
        "_transport",
        "_waiting",
        "admission",
        "phase",
    )

    max_received: ClassVar[int]
    """Bytes of a handshake and a request; there is no reason to send more."""

    def __init__(self, server: Serving, loop: asyncio.AbstractEventLoop, address: str) -> None:
        self._server = server
        self._loop = loop
        self._peer_address = address
        self.admission = Admission.SERVE
        self._session: TlsSession | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._peer_ended = False
        self._waiting = False
        self._received = 0
        self._discarded = 0
        self.phase = self._noted = ConnectionPhase.HANDSHAKE

    # ---- for each kind of server ------------------------------------------------------------------

    @abstractmethod
    def _feed(self, plaintext: bytes, session: TlsSession) -> None:
        """Read a piece of the request: :meth:`_answer` it, :meth:`_work` on it, or wait for more."""

    @abstractmethod
    def _slow_down(self) -> None:
        """Answer that the client has to wait."""

    def _too_slow(self) -> None:
        """End a request that took too long."""
        self._give_up()

    def _promised(self) -> bool:
        """Whether a request that has begun is read to its end although the server is stopping."""
        return False

    # ---- called by the event loop -----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._heard = self._loop.time()
        self._enter(ConnectionPhase.HANDSHAKE, self._server.settings.handshake_timeout)

    def data_received(self, data: bytes) -> None:
        if self.phase is not ConnectionPhase.REQUEST and self.phase is not ConnectionPhase.HANDSHAKE:
            self._discarded += len(data)
            if self._discarded > _MAX_DISCARDED:
                self._transport.abort()
            return
        self._received += len(data)
        if self._received > self.max_received:
            self._transport.abort()
            return
        self._heard = self._loop.time()
        session = self._session
        if session is None:
            # Created only now: a client that connects and sends nothing costs no TLS memory.
            session = self._session = self._server.tls.session()
        try:
            plaintext = session.receive(data)
        except TlsError as error:
            logger.debug("%s: %s", self._peer_address, error)
            self._transport.write(session.outgoing())
            self._linger()
            return
        if self.phase is ConnectionPhase.HANDSHAKE and session.handshake_done:
            self._enter(ConnectionPhase.REQUEST, self._server.settings.header_timeout)
        self._take(plaintext, session)

    def _take(self, plaintext: bytes, session: TlsSession) -> None:
        if plaintext:
            self._feed(plaintext, session)
        self._note_stage()
        # After a complete request the answer follows soon, so pending TLS data is sent together with it.
        if self.phase is ConnectionPhase.REQUEST or self.phase is ConnectionPhase.HANDSHAKE:
            outgoing = session.outgoing()
            if outgoing:
                self._transport.write(outgoing)
            if (session.peer_closed or session.failed) and not self._waiting:
                self._give_up()

    def eof_received(self) -> bool:
        self._peer_ended = True
        if self.phase is ConnectionPhase.WORKING:
            # The answer can still be sent: only the peer's direction has ended (docs/decisions.md §4.6)
            return True
        if self.phase is not ConnectionPhase.LINGER:
            self._give_up()  # half a handshake or half a request: nothing was asked, no answer is needed
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.phase = ConnectionPhase.CLOSED
        self._stop_timer()
        self._session = None
        self._server.closed(self)

    def _wait_for(self, news: Awaitable[None], plaintext: bytes) -> None:
        """Read nothing until ``news`` has come, then go on with this piece; the time of the phase goes on."""
        self._waiting = True
        self._transport.pause_reading()
        self._server.spawn(partial(self._go_on, news, plaintext))

    async def _go_on(self, news: Awaitable[None], plaintext: bytes) -> None:
        await news
        self._waiting = False
        if self._transport.is_closing():  # the server stops: nothing begins that has no answer
            return
        self._transport.resume_reading()
        if self.phase is ConnectionPhase.REQUEST and self._session is not None:
            self._take(plaintext, self._session)

    # ---- answer and end ---------------------------------------------------------------------------

    def _work(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        """Begin what takes time and ends with an answer; it takes as long as it takes."""
        self.phase = ConnectionPhase.WORKING
        self._stop_timer()
        self._server.spawn(work)

    def _may_answer(self) -> bool:
        """Whether there is anybody left to answer."""
        return self._session is not None and self.phase is not ConnectionPhase.CLOSED

    def _answer(self, data: bytes, seconds: float | None = None) -> None:
        """Send an answer, close our direction in TLS and TCP, then wait for the peer to do the same.

        Only if :meth:`_may_answer`. The peer has ``seconds`` to take it, or as long as a connection lingers
        (docs/decisions.md §4.7).
        """
        session = self._session
        assert session is not None
        try:
            session.send(data)
        except TlsError:
            self._transport.abort()
            return
        session.close_notify()
        self._transport.write(session.outgoing())
        self._linger(seconds)

    def _give_up(self) -> None:
        """End without an answer."""
        session = self._session
        if session is None:
            self._transport.abort()
            return
        session.close_notify()
        self._transport.write(session.outgoing())
        self._linger()

    def _linger(self, seconds: float | None = None) -> None:
        self._enter(ConnectionPhase.LINGER, self._server.settings.linger if seconds is None else seconds)
        self._note_stage()
        if self._peer_ended:
            self._transport.close()
            return
        try:
            self._transport.write_eof()
        except OSError:  # the peer has reset the connection, and the event loop has not noticed yet
            self._transport.abort()

    def stop(self) -> None:
        """The server is stopping: without a request, close now; with one, finish it."""
        if self.phase is ConnectionPhase.HANDSHAKE or (
            self.phase is ConnectionPhase.REQUEST and not self._promised()
        ):
            if self._session is not None:
                self._session.close_notify()
                self._transport.write(self._session.outgoing())
            self._transport.close()  # no answer is in transit that closing could destroy

    def abort(self) -> None:
        """Close now, even in the middle of something."""
        if self.phase is not ConnectionPhase.CLOSED:
            self._transport.abort()

    def give_way(self) -> None:
        """Close now to make room for another connection; a client that has begun its request gets 44."""
        if self.phase is ConnectionPhase.HANDSHAKE:
            self.abort()
            return
        if self.phase is ConnectionPhase.REQUEST:
            self._slow_down()
        if self._transport.get_write_buffer_size():
            self._transport.abort()  # a peer that does not read would keep occupying the slot
        else:
            self._transport.close()  # the answer is in the system's hands, which will deliver it

    def _note_stage(self) -> None:
        """Report a new stage to the server, which decides by it which connection to evict."""
        if self.phase is self._noted:
            return
        self._noted = self.phase
        stage = _STAGES.get(self.phase)
        if stage is not None:
            self._server.limits.moved(self, stage)

    # ---- time -------------------------------------------------------------------------------------

    def _enter(self, phase: ConnectionPhase, seconds: float) -> None:
        """Enter a phase that may take ``seconds`` in all.

        One timer serves all phases: it is rescheduled only to fire earlier, and if it fires too early, it is
        armed again. So a quick exchange sets it only once or twice.
        """
        self.phase = phase
        self._phase_ends = self._loop.time() + seconds
        self._arm()

    def _deadline(self) -> float:
        if self.phase is ConnectionPhase.REQUEST:
            return min(self._phase_ends, self._heard + self._server.settings.idle_timeout)
        return self._phase_ends

    def _arm(self) -> None:
        deadline = self._deadline()
        if self._timer is not None:
            if self._timer.when() <= deadline:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(deadline, self._time_is_up)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _time_is_up(self) -> None:
        self._timer = None
        if self.phase is ConnectionPhase.WORKING or self.phase is ConnectionPhase.CLOSED:
            return
        if self._loop.time() < self._deadline():
            self._arm()
        elif self.phase is ConnectionPhase.REQUEST:
            self._too_slow()
        else:
            self._transport.abort()
