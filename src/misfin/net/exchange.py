"""One incoming connection from accept to close: TLS, one request, the checks, one answer, a clean close."""

from __future__ import annotations

import asyncio
import logging
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING

from misfin.errors import IdentityError, RemoteProtocolError, TlsError
from misfin.model.gemmail import Version
from misfin.model.status import StatusCode
from misfin.net.checks import judge_recipient, judge_sender
from misfin.net.incoming import Incoming
from misfin.net.limits import Admission
from misfin.net.shares import Stage
from misfin.trust.certificate import read_certificate
from misfin.wire import MisfinResponse, ServerProtocol

if TYPE_CHECKING:
    from misfin.net.service import Service
    from misfin.net.tls import TlsSession
    from misfin.trust.identity import CertificateInfo, Identity
    from misfin.wire import MisfinRequest

logger = logging.getLogger("misfin.receiver")

# A handshake with a chain of 100 KiB and the longest request in records of one byte each fit; there is no
# reason to send more.
_MAX_RECEIVED = 1024 * 1024
# Read and discarded after the answer, so that closing does not destroy it (docs/decisions.md §4.7).
_MAX_DISCARDED = 4 * 1024 * 1024

# Not 40: some clients take 40 to mean "does not speak C" and send the message again, garbled, as B.
_UNAVAILABLE = MisfinResponse(StatusCode.SERVER_UNAVAILABLE, "Nothing was stored; try again later")
_TOO_SLOW = MisfinResponse(StatusCode.SERVER_UNAVAILABLE, "The request took too long; nothing was stored")


class ExchangePhase(Enum):
    """The phase of a connection."""

    HANDSHAKE = "handshake"
    REQUEST = "request"
    WORKING = "working"  # the request is complete: anything after it is ignored
    LINGER = "linger"  # the answer was sent: read and discard until the peer closes
    CLOSED = "closed"


_STAGES = {
    ExchangePhase.REQUEST: Stage.REQUEST,
    ExchangePhase.WORKING: Stage.COMPLETE,
    ExchangePhase.LINGER: Stage.ANSWERED,
}


class Exchange(asyncio.Protocol):
    """The protocol object of one connection; it depends only on its receiver.

    ``address`` is the IP address of the other side, ``admission`` the receiver's decision about it.
    """

    __slots__ = (
        "_begun",
        "_discarded",
        "_heard",
        "_loop",
        "_noted",
        "_peer_address",
        "_peer_ended",
        "_phase_ends",
        "_protocol",
        "_received",
        "_receiver",
        "_recipient",
        "_session",
        "_timer",
        "_transport",
        "admission",
        "phase",
    )

    def __init__(self, receiver: Service, loop: asyncio.AbstractEventLoop, address: str) -> None:
        self._receiver = receiver
        self._loop = loop
        self._peer_address = address
        self.admission = Admission.SERVE
        self._session: TlsSession | None = None
        self._protocol = ServerProtocol()
        self._timer: asyncio.TimerHandle | None = None
        self._begun = False
        self._peer_ended = False
        self._recipient: Identity | None = None
        self._received = 0
        self._discarded = 0
        self.phase = self._noted = ExchangePhase.HANDSHAKE

    # ---- called by the event loop -----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._begun = True
        if self.phase is ExchangePhase.CLOSED:  # it was evicted before it began
            transport.abort()
            return
        self._heard = self._loop.time()
        self._enter(ExchangePhase.HANDSHAKE, self._receiver.settings.handshake_timeout)

    def data_received(self, data: bytes) -> None:
        if self.phase is not ExchangePhase.REQUEST and self.phase is not ExchangePhase.HANDSHAKE:
            self._discarded += len(data)
            if self._discarded > _MAX_DISCARDED:
                self._transport.abort()
            return
        self._received += len(data)
        if self._received > _MAX_RECEIVED:
            self._transport.abort()
            return
        self._heard = self._loop.time()
        session = self._session
        if session is None:
            # Created only now: a client that connects and sends nothing costs no TLS memory.
            session = self._session = self._receiver.tls.session()
        try:
            plaintext = session.receive(data)
        except TlsError as error:
            logger.debug("%s: %s", self._peer_address, error)
            self._transport.write(session.outgoing())
            self._linger()
            return
        if self.phase is ExchangePhase.HANDSHAKE and session.handshake_done:
            self._enter(ExchangePhase.REQUEST, self._receiver.settings.header_timeout)
        if plaintext:
            self._feed(plaintext)
        self._note_stage()
        # After a complete request the answer follows soon, so pending TLS data is sent together with it.
        if self.phase is ExchangePhase.REQUEST or self.phase is ExchangePhase.HANDSHAKE:
            outgoing = session.outgoing()
            if outgoing:
                self._transport.write(outgoing)
            if session.peer_closed or session.failed:
                self._give_up()

    def eof_received(self) -> bool:
        self._peer_ended = True
        if self.phase is ExchangePhase.WORKING:
            # The answer can still be sent: only the peer's direction has ended (docs/decisions.md §4.6)
            return True
        if self.phase is ExchangePhase.LINGER:
            return False
        # Half a handshake or half a request: nothing was delivered, no answer is needed.
        self._protocol.receive_eof()
        self._give_up()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.phase = ExchangePhase.CLOSED
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._session = None
        self._receiver.closed(self)

    # ---- request ----------------------------------------------------------------------------------

    def _feed(self, plaintext: bytes) -> None:
        if self.admission is Admission.SLOW_DOWN:
            self._slow_down()
            return
        protocol = self._protocol
        had_header = protocol.header_done
        violation: RemoteProtocolError | None = None
        request: MisfinRequest | None = None
        try:
            request = protocol.feed_bytes(plaintext)
        except RemoteProtocolError as error:
            violation = error
        if (
            self._recipient is None
            and protocol.recipient is not None
            and (protocol.header_done or protocol.version is Version.B)
        ):
            # Known before the message arrives, so a message to an unknown mailbox need not be read. A
            # Misfin(C) header counts once it is complete: one that is too long gets 59 in any case.
            entry = judge_recipient(self._receiver.directory, protocol.recipient)
            if isinstance(entry, MisfinResponse):
                self._respond(entry)
                return
            self._recipient = entry
        if violation is not None:
            self._respond(MisfinResponse(violation.status_hint, str(violation)))
        elif request is not None and self._recipient is not None:
            self._judge(request, self._recipient)
        elif protocol.header_done and not had_header:
            self._enter(ExchangePhase.REQUEST, self._receiver.settings.body_timeout)

    def _slow_down(self, wait: float = 0.0) -> None:
        seconds = self._receiver.limits.retry_after(wait)
        self._respond(MisfinResponse(StatusCode.SLOW_DOWN, f"Slow down. Retry after {seconds}s"))

    def _judge(self, request: MisfinRequest, recipient: Identity) -> None:
        receiver = self._receiver
        self.phase = ExchangePhase.WORKING
        if request.is_probe:
            # Answered before the sender is checked, so that two servers cannot query each other endlessly.
            self._respond(MisfinResponse(StatusCode.SUCCESS, recipient.info.fingerprints.cert))
            return
        assert self._session is not None
        der = self._session.peer_der
        certificate: CertificateInfo | None = None
        if der is not None:
            try:
                certificate = read_certificate(der)
            except IdentityError as error:
                self._respond(MisfinResponse(StatusCode.CERTIFICATE_INVALID, str(error)))
                return
        now = receiver.now()
        verdict = judge_sender(
            request,
            certificate,
            now,
            directory=receiver.directory,
            require_certificate=receiver.settings.require_certificate,
            blocked=receiver.blocked,
        )
        if isinstance(verdict, MisfinResponse):
            self._respond(verdict)
            return
        if certificate is not None:
            wait = receiver.limits.sender_wait(certificate.fingerprints.cert, self._loop.time())
            if wait > 0.0:
                self._slow_down(wait)
                return
        incoming = Incoming(request, self._peer_address, certificate, recipient, now, verdict)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        receiver.spawn(partial(self._deliver, incoming))

    async def _deliver(self, incoming: Incoming) -> None:
        try:
            response = await self._receiver.deliver(incoming)
        except Exception:
            logger.exception("A message from %s could not be stored.", self._peer_address)
            response = _UNAVAILABLE
        self._respond(response)

    # ---- answer and end ---------------------------------------------------------------------------

    def _respond(self, response: MisfinResponse) -> None:
        """Answer, close our direction in TLS and TCP, then wait for the peer to do the same.

        See docs/decisions.md §4.7.
        """
        session = self._session
        if session is None or self.phase is ExchangePhase.CLOSED:
            return
        self._protocol.send_response(response)
        try:
            session.send(self._protocol.get_outgoing_data())
        except TlsError:
            self._transport.abort()
            return
        session.close_notify()
        self._transport.write(session.outgoing())
        self._linger()

    def _give_up(self) -> None:
        """End without an answer."""
        session = self._session
        if session is None:
            self._transport.abort()
            return
        session.close_notify()
        self._transport.write(session.outgoing())
        self._linger()

    def _linger(self) -> None:
        self._enter(ExchangePhase.LINGER, self._receiver.settings.linger)
        self._note_stage()
        if self._peer_ended:
            self._transport.close()
            return
        try:
            self._transport.write_eof()
        except OSError:  # the peer has reset the connection, and the event loop has not noticed yet
            self._transport.abort()

    def stop(self) -> None:
        """The receiver is stopping: without a request, close now; with one, finish it."""
        if not self._begun:
            self.phase = ExchangePhase.CLOSED
        elif self.phase is ExchangePhase.HANDSHAKE or (
            self.phase is ExchangePhase.REQUEST and self._recipient is None
        ):
            if self._session is not None:
                self._session.close_notify()
                self._transport.write(self._session.outgoing())
            self._transport.close()  # no answer is in transit that closing could destroy

    def abort(self) -> None:
        """Close now, even in the middle of something."""
        if not self._begun:
            self.phase = ExchangePhase.CLOSED
        elif self.phase is not ExchangePhase.CLOSED:
            self._transport.abort()

    def give_way(self) -> None:
        """Close now to make room for another connection; a client that has begun its request gets 44."""
        if not self._begun or self.phase is ExchangePhase.HANDSHAKE:
            self.abort()
            return
        if self.phase is ExchangePhase.REQUEST:
            self._slow_down()
        if self._transport.get_write_buffer_size():
            self._transport.abort()  # a peer that does not read would keep occupying the slot
        else:
            self._transport.close()  # the answer is in the system's hands, which will deliver it

    def _note_stage(self) -> None:
        """Report a new stage to the receiver, which decides by it which connection to evict."""
        if self.phase is self._noted:
            return
        self._noted = self.phase
        stage = _STAGES.get(self.phase)
        if stage is not None:
            self._receiver.limits.moved(self, stage)

    # ---- time -------------------------------------------------------------------------------------

    def _enter(self, phase: ExchangePhase, seconds: float) -> None:
        """Enter a phase that may take ``seconds`` in all.

        One timer serves all phases: it is rescheduled only to fire earlier, and if it fires too early, it is
        armed again. So a quick exchange sets it only once or twice.
        """
        self.phase = phase
        self._phase_ends = self._loop.time() + seconds
        self._arm()

    def _deadline(self) -> float:
        if self.phase is ExchangePhase.REQUEST:
            return min(self._phase_ends, self._heard + self._receiver.settings.idle_timeout)
        return self._phase_ends

    def _arm(self) -> None:
        deadline = self._deadline()
        if self._timer is not None:
            if self._timer.when() <= deadline:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(deadline, self._time_is_up)

    def _time_is_up(self) -> None:
        self._timer = None
        if self.phase is ExchangePhase.WORKING or self.phase is ExchangePhase.CLOSED:
            return
        if self._loop.time() < self._deadline():
            self._arm()
        elif self.phase is ExchangePhase.REQUEST and self._recipient is not None:
            self._respond(_TOO_SLOW)
        elif self.phase is ExchangePhase.REQUEST:
            self._give_up()
        else:
            self._transport.abort()
