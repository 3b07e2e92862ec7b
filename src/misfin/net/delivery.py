"""Delivers one message to one host: which version to use, when to try again, and which answer counts.

The rules are docs/protocol.md §8 (B or C, and the one fallback between them), docs/protocol.md §3.3 (the
sender line some servers require) and docs/protocol.md §2 (when the outcome is unknown). A second attempt
always goes to the same host and port, and requires the same certificate as the first.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import field
from typing import TYPE_CHECKING

from misfin.errors import (
    DeliveryError,
    HandshakeError,
    LocalError,
    StoreError,
)
from misfin.model.gemmail import Form, GemmailMessage, Version
from misfin.model.status import StatusCode
from misfin.net.connection import Connection, open_trusted
from misfin.net.dialing import Endpoint, Timeouts
from misfin.net.handover import Hook, answer_by_alert, call, hand_over
from misfin.trust.refusal import TrustError
from misfin.trust.tofu import Decision, Remark
from misfin.valueclass import dataclass
from misfin.wire import ClientProtocol, MisfinRequest, MisfinResponse

if TYPE_CHECKING:
    from misfin.model.address import MisfinAddress
    from misfin.trust.identity import CertificateInfo, Identity
    from misfin.trust.pins import PinBook
    from misfin.trust.records import HostMemory

_WANTS_SENDER = re.compile(r"sender required", re.IGNORECASE)
# A server may answer these without having understood the version of the request (docs/protocol.md §8).
_INCONCLUSIVE = {StatusCode.TEMPORARY_FAILURE, StatusCode.PERMANENT_FAILURE, StatusCode.BAD_REQUEST}


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt: a request and its outcome, for a transcript.

    ``response`` is None if none came; ``failure`` says why in one sentence. Times are Unix seconds.
    """

    version: Version
    request: bytes = field(repr=False)
    started: float
    ended: float
    response: MisfinResponse | None = None
    certificate: CertificateInfo | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """The answer of one hop, and everything worth knowing about how it came about.

    ``response``, ``version``, ``certificate`` (of the server), ``decision``, ``remarks`` and ``request`` (the
    bytes sent) are those of the last attempt, except that of two refusals, 40 to C and then 59 to B, the
    first counts; ``started`` and ``ended`` (Unix seconds) span all ``tries``.
    ``notes`` are sentences for the log. ``b_impossible`` is set if the host seems to speak only Misfin(B)
    and says why the message cannot be sent that way; the answer is then the refusal of the C attempt (a 40
    may also be a real temporary failure). ``tls_version`` is ``"TLSv1.2"``, under which anyone on the network
    path could read our certificate, or ``"TLSv1.3"`` (docs/protocol.md §5).
    """

    response: MisfinResponse
    version: Version
    hostname: str
    port: int
    certificate: CertificateInfo | None
    decision: Decision | None
    remarks: frozenset[Remark]
    request: bytes = field(repr=False)
    started: float
    ended: float
    notes: tuple[str, ...] = ()
    tries: tuple[Try, ...] = ()
    b_impossible: LocalError | None = None
    tls_version: str = ""


@dataclass(frozen=True, slots=True)
class Sender:
    """The identity, pins, time limits and options that are the same for every hop of a client."""

    identity: Identity | None
    pins: PinBook
    now: Callable[[], float]
    timeouts: Timeouts
    trust_on_first_use: bool = True
    b_fallback: bool = True
    public_only: bool = False


def next_version(tried: Version, status: int, *, known: Version | None, forced: bool) -> Version | None:
    """The version of a second attempt by the table of docs/protocol.md §8, or None for no second attempt.

    ``known`` is the version remembered for the host; ``forced`` means that the user chose the version.
    """
    if forced:
        return None
    if tried is Version.C and status in {59, 40} and known is not Version.C:
        return Version.B
    if tried is Version.B and status == 59:
        return Version.C
    return None


def shows_version(status: int) -> bool:
    """Whether this status proves that the server understood the version (docs/protocol.md §8)."""
    return 20 <= status <= 69 and status not in _INCONCLUSIVE


def with_sender_line(message: bytes, sender: MisfinAddress) -> bytes | None:
    """The C message with ``sender`` on its empty first line (docs/protocol.md §3.3).

    None for a message that already has a sender, or no metadata at all.
    """
    parsed = GemmailMessage.from_bytes(message)
    first, newline, rest = message.partition(b"\n")
    if parsed.form is not Form.C or parsed.senders or not newline or first.strip():
        return None
    return str(sender).encode() + b"\n" + rest


class RedirectHop:
    """One delivery to one endpoint; used once."""

    def __init__(
        self,
        sender: Sender,
        to: MisfinAddress,
        endpoint: Endpoint,
        *,
        version: Version | None = None,
        before_write: Hook | None = None,
        on_refused: Hook | None = None,
        on_attempt: Callable[[Try], object] | None = None,
    ) -> None:
        self._sender = sender
        self._to = to
        self._endpoint = endpoint
        self._forced = version
        self._before_write = before_write
        self._on_refused = on_refused
        self._on_attempt = on_attempt
        self._tries: list[Try] = []
        self._notes: list[str] = []
        self._connection: Connection | None = None

    async def deliver(self, message: bytes) -> Delivery:
        """Send ``message`` (in C form; empty for a probe), changing the version at most once.

        Raises what :func:`~misfin.net.connection.open_trusted` raises,
        :class:`~misfin.errors.OutcomeUnknownError`, or a :class:`~misfin.errors.LocalError` for a message
        that cannot be written.
        """
        endpoint, pins = self._endpoint, self._sender.pins
        memory = pins.recall(endpoint.hostname, endpoint.port)
        known = memory.version(self._sender.now())
        if not message:
            # The answer to an empty message implies nothing about real messages, nor the other way round.
            known = None
        if memory.sender_line:
            message = self._named(message) or message
        version = self._forced or known or Version.C
        response = await self._try(self._request(message, version))
        second = next_version(version, response.status, known=known, forced=self._forced is not None)
        if response.status == StatusCode.BAD_REQUEST and known is version:
            await self._unlearn()
        b_impossible = None
        if second is Version.C or (second is Version.B and self._sender.b_fallback):
            try:
                request = self._request(message, second)
            except LocalError as error:
                b_impossible = error
                self._notes.append(f"Not tried as Misfin({second}): {error}")
            else:
                first = len(self._tries[-1].request)
                self._notes.append(
                    f"Answered {response.status} to {first:,} bytes of Misfin({version});"
                    f" tried as Misfin({second})."
                )
                refusal = response
                version, response = second, await self._try(request)
                if (refusal.status, response.status) == (40, 59):
                    # It does not speak B, so it did understand C, and its failure is temporary.
                    self._notes.append("Refused as Misfin(B) too; the first answer counts.")
                    version, response = Version.C, refusal
        if response.status == StatusCode.UNAUTHORIZED_SENDER and _WANTS_SENDER.search(response.meta):
            response = await self._try_named(message, version) or response
        if message and self._forced is None:
            await self._learn(memory, version)
        return self._result(response, version, b_impossible)

    def _request(self, message: bytes, version: Version) -> MisfinRequest:
        request = MisfinRequest(self._to.mailbox, self._to.hostname, message, Version.C)
        request = request.as_b() if version is Version.B else request
        request.to_bytes()  # fail before a connection is opened
        return request

    # ---- the sender line --------------------------------------------------------------------------

    def _named(self, message: bytes) -> bytes | None:
        identity = self._sender.identity
        if not message or identity is None or identity.info.address is None:
            return None
        return with_sender_line(message, identity.info.address)

    async def _try_named(self, message: bytes, version: Version) -> MisfinResponse | None:
        """Try again with our address on line 1, which some servers require (docs/protocol.md §3.3)."""
        named = self._named(message)
        if named is None:
            return None
        try:
            request = self._request(named, version)
        except LocalError as error:
            self._notes.append(f"Not tried with a sender line: {error}")
            return None
        self._notes.append("The server requires the sender's address in the message; tried with it.")
        response = await self._try(request)
        if shows_version(response.status) and response.status != StatusCode.UNAUTHORIZED_SENDER:
            await self._remember(sender_line=True)
        return response

    # ---- one try ----------------------------------------------------------------------------------

    async def _try(self, request: MisfinRequest) -> MisfinResponse:
        if self._tries:  # only a refusal leads to another attempt
            await call(self._on_refused)
        started = self._sender.now()
        wire = ClientProtocol()
        wire.send_request(request)
        response, certificate, failure = None, None, ""
        try:
            connection = await self._open()
            certificate = connection.certificate
            try:
                patience = self._sender.timeouts.response
                response = await hand_over(connection, wire, self._before_write, patience)
                await self._note_ending(connection, response)
            except Exception:
                await connection.close()
                raise
            except BaseException:  # cancelled: there is no time to say goodbye
                connection.abort()
                raise
            await connection.close()
        except HandshakeError as error:
            failure = str(error)
            response = answer_by_alert(error)
            if response is None:
                raise
        except TrustError as error:
            failure, certificate = str(error), error.certificate
            raise
        except DeliveryError as error:
            failure = str(error)
            raise
        finally:
            written = request.to_bytes() if wire.request_sent else b""
            ended = self._sender.now()
            done = Try(request.version, written, started, ended, response, certificate, failure)
            self._tries.append(done)
            if self._on_attempt is not None:
                self._on_attempt(done)
        return response

    async def _note_ending(self, connection: Connection, response: MisfinResponse) -> None:
        """Note an improper end of the connection, if it has arrived already; do not wait for it."""
        await asyncio.sleep(0)  # the end often arrives together with the answer
        if response.truncated:
            self._notes.append("The answer did not end with CRLF; it was accepted anyway.")
        if connection.cut_off:
            self._notes.append("The server ended the connection without a TLS close_notify.")

    async def _open(self) -> Connection:
        sender = self._sender
        earlier = self._connection
        connection = await open_trusted(
            self._endpoint,
            identity=sender.identity,
            pins=sender.pins,
            now=sender.now,
            timeouts=sender.timeouts,
            trust_on_first_use=sender.trust_on_first_use,
            same_as=None if earlier is None else earlier.certificate,
            public_only=sender.public_only,
        )
        if earlier is not None and connection.tls_version < earlier.tls_version:
            await connection.close()
            raise HandshakeError(
                f"{self._endpoint.name} offers weaker TLS than a moment ago; nothing more was sent.",
                **self._endpoint.facts,
                remedy="The connection may have been intercepted; try again over another network.",
            )
        self._connection = connection
        if connection.tls_version == "TLSv1.2" and sender.identity is not None and earlier is None:
            self._notes.append("The server supports only TLS 1.2: our certificate could be read on the way.")
        return connection

    # ---- memory -----------------------------------------------------------------------------------

    async def _learn(self, memory: HostMemory, version: Version) -> None:
        """Remember the version if the last answer was really one to the request (docs/protocol.md §8)."""
        last = self._tries[-1]
        if last.response is None or not last.request or last.failure:
            return
        if shows_version(last.response.status) and not memory.knows(version, self._sender.now()):
            await self._remember(speaks=version)

    async def _remember(self, *, speaks: Version | None = None, sender_line: bool | None = None) -> None:
        pins, endpoint, now = self._sender.pins, self._endpoint, self._sender.now()
        with suppress(StoreError):  # we have the answer; a full disk must not hide it
            await asyncio.to_thread(
                pins.remember,
                endpoint.hostname,
                endpoint.port,
                now=now,
                speaks=speaks,
                sender_line=sender_line,
            )

    async def _unlearn(self) -> None:
        with suppress(StoreError):  # as above
            await asyncio.to_thread(self._sender.pins.unlearn, self._endpoint.hostname, self._endpoint.port)

    def _result(
        self, response: MisfinResponse, version: Version, b_impossible: LocalError | None
    ) -> Delivery:
        connection = self._connection
        verdict = None if connection is None else connection.verdict
        return Delivery(
            response=response,
            version=version,
            hostname=self._endpoint.hostname,
            port=self._endpoint.port,
            certificate=None if connection is None else connection.certificate,
            decision=None if verdict is None else verdict.decision,
            remarks=frozenset() if verdict is None else verdict.remarks,
            request=self._tries[-1].request,
            started=self._tries[0].started,
            ended=self._tries[-1].ended,
            notes=tuple(self._notes),
            tries=tuple(self._tries),
            b_impossible=b_impossible,
            tls_version="" if connection is None else connection.tls_version,
        )
