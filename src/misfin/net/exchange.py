"""One incoming message, from its first byte to the answer: the header, the checks, the handler.

The connection around it is net/served.py's.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from misfin.errors import IdentityError, RemoteProtocolError
from misfin.model.gemmail import Version
from misfin.model.status import StatusCode
from misfin.net.checks import judge_recipient, judge_sender
from misfin.net.incoming import Incoming
from misfin.net.limits import Admission
from misfin.net.served import ConnectionPhase, ServedConnection, logger
from misfin.trust.certificate import read_certificate
from misfin.wire import MisfinResponse, ServerProtocol

if TYPE_CHECKING:
    import asyncio

    from misfin.net.service import Service
    from misfin.net.tls import TlsSession
    from misfin.trust.identity import CertificateInfo, Identity
    from misfin.wire import MisfinRequest

# Not 40: some clients take 40 to mean "does not speak C" and send the message again, garbled, as B.
_UNAVAILABLE = MisfinResponse(StatusCode.SERVER_UNAVAILABLE, "Nothing was stored; try again later")
_TOO_SLOW = MisfinResponse(StatusCode.SERVER_UNAVAILABLE, "The request took too long; nothing was stored")


class Exchange(ServedConnection):
    """The protocol object of one connection to a receiver."""

    __slots__ = ("_current", "_protocol", "_receiver", "_recipient")

    # A handshake with a chain of 100 KiB and the longest request in records of one byte each fit.
    max_received = 1024 * 1024

    def __init__(self, receiver: Service, loop: asyncio.AbstractEventLoop, address: str) -> None:
        super().__init__(receiver, loop, address)
        self._receiver = receiver
        self._protocol = ServerProtocol()
        self._recipient: Identity | None = None
        self._current = False

    def _feed(self, plaintext: bytes, session: TlsSession) -> None:
        if self.admission is Admission.SLOW_DOWN:
            self._slow_down()
            return
        if not self._current:
            self._current = True
            outdated = self._receiver.outdated
            if outdated is not None and (news := outdated()) is not None:
                self._wait_for(news, plaintext)
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
            self._judge(request, self._recipient, session)
        elif protocol.header_done and not had_header:
            self._enter(ConnectionPhase.REQUEST, self._receiver.settings.body_timeout)

    def _slow_down(self, wait: float = 0.0) -> None:
        seconds = self._receiver.limits.retry_after(wait)
        self._respond(MisfinResponse(StatusCode.SLOW_DOWN, f"Slow down. Retry after {seconds}s"))

    def _judge(self, request: MisfinRequest, recipient: Identity, session: TlsSession) -> None:
        receiver = self._receiver
        if request.is_probe:
            # Answered before the sender is checked, so that two servers cannot query each other endlessly.
            self._respond(MisfinResponse(StatusCode.SUCCESS, recipient.info.fingerprints.cert))
            return
        der = session.peer_der
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
        self._work(partial(self._deliver, incoming))

    async def _deliver(self, incoming: Incoming) -> None:
        begun = self._loop.time()
        try:
            response = await self._receiver.deliver(incoming)
        except Exception:  # whatever it is, the sender gets an answer, and this server goes on
            logger.exception("A message from %s could not be stored.", self._peer_address)
            response = _UNAVAILABLE
        self._receiver.figures.took(self._loop.time() - begun)
        self._respond(response)

    def _respond(self, response: MisfinResponse) -> None:
        if self._may_answer():
            self._receiver.figures.answered(response.status)
            self._protocol.send_response(response)
            self._answer(self._protocol.get_outgoing_data())

    def _too_slow(self) -> None:
        if self._recipient is not None:
            self._respond(_TOO_SLOW)
        else:
            self._give_up()

    def _promised(self) -> bool:
        return self._recipient is not None
