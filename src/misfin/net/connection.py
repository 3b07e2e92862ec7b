"""Opens trusted connections: dial, TLS handshake, trust decision; only then can bytes be sent.

Every client connection is made by :func:`open_trusted`: first attempts, fallbacks, redirects, retries and
probes. The decision is made inside the TLS handshake, so a host whose certificate changed sees neither our
certificate nor a byte of the message (docs/trust.md §1, docs/decisions.md §4).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from misfin.errors import (
    ConnectError,
    DeliveryTimeoutError,
    HandshakeError,
    IdentityError,
    StoreError,
    TlsError,
)
from misfin.net.dialing import Endpoint, Lookup, Timeouts, dial
from misfin.net.tls import TlsResumption, TlsSession, client_session
from misfin.trust.certificate import CertificateInfo, read_certificate
from misfin.trust.refusal import CertificateChangedError, FirstUseRefusedError, TrustError
from misfin.trust.tofu import Decision, PinKind, Verdict, decide

if TYPE_CHECKING:
    from misfin.trust.identity import Identity
    from misfin.trust.pins import PinBook

# An answer of Misfin has at most 2048 bytes; anything a peer sends beyond this before we read is dropped.
_MAX_UNREAD = 4096
_CLOSE_TIMEOUT = 2.0


class Connection(asyncio.Protocol):
    """A TLS connection to a trusted host; made only by :func:`open_trusted`."""

    certificate: CertificateInfo
    verdict: Verdict

    def __init__(self, endpoint: Endpoint, session: TlsSession, max_unread: int = _MAX_UNREAD) -> None:
        self.endpoint = endpoint
        self._session = session
        self._max_unread = max_unread
        self._transport: asyncio.Transport | None = None
        self._arrived = b""
        self._ended = False
        self._failure: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._lost = asyncio.get_running_loop().create_future()

    @property
    def tls_version(self) -> str:
        """``"TLSv1.3"`` or ``"TLSv1.2"``."""
        return self._session.version

    @property
    def resumption(self) -> TlsResumption | None:
        """What saves the next connection most of its handshake; ask once an answer has come."""
        return self._session.resumption

    @property
    def over(self) -> bool:
        """Whether the other side has ended the connection."""
        return self._ended or self._failure is not None

    @property
    def cut_off(self) -> bool:
        """Whether TCP ended without TLS's close_notify: somebody in between may have cut the connection."""
        return self._ended and not self._session.peer_closed and not self._session.failed

    def send(self, data: bytes) -> None:
        """Encrypt and write; never blocks. Raises :class:`~misfin.errors.TlsError`."""
        self._session.send(data)
        self.flush()

    def flush(self) -> None:
        """Write pending TLS data; otherwise the end of the handshake waits for the first :meth:`send`."""
        data = self._session.outgoing()
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def take(self) -> bytes:
        """The bytes that have arrived since the last call, perhaps ``b""``."""
        data, self._arrived = self._arrived, b""
        return data

    async def receive(self) -> bytes:
        """Wait for bytes; ``b""`` means that no more will come.

        Raises :class:`~misfin.errors.TlsError` for a broken connection or an alert, after everything received
        before it has been returned.
        """
        while not self._arrived and not self._ended and self._failure is None:
            await self._change()
        if not self._arrived and self._failure is not None:
            raise self._failure
        return self.take()

    async def handshake(self) -> None:
        """Wait until the TLS handshake is done; raises whatever ended it early."""
        while not self._session.handshake_done:
            if self._failure is not None:
                raise self._failure
            if self._ended:
                raise EOFError
            await self._change()

    async def close(self) -> None:
        """Send close_notify and close, without waiting for the other side's."""
        transport = self._transport
        if transport is None:
            return
        if not transport.is_closing():
            self._session.close_notify()
            self.flush()
            transport.close()
            await asyncio.sleep(0)  # usually everything is written, and this iteration of the loop closes it
            if self._lost.done():
                return
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT):
                await asyncio.shield(self._lost)
        except TimeoutError:
            transport.abort()
        except asyncio.CancelledError:
            transport.abort()
            raise

    def abort(self) -> None:
        """Drop the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    # ---- called by asyncio ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.flush()

    def data_received(self, data: bytes) -> None:
        if self.over:
            return
        session = self._session
        in_handshake = not session.handshake_done
        try:
            plain = session.receive(data)
        except Exception as failure:  # TLS, trust or store: raised where receive() or handshake() waits
            self._failure = failure
        else:
            self._arrived += plain[: self._max_unread - len(self._arrived)]
            self._ended = session.peer_closed or session.failed
        # The end of our handshake is sent together with the request, which saves a packet and a wake-up.
        # Everything else is sent at once, especially alerts.
        if not (in_handshake and session.handshake_done):
            self.flush()
        self._wake()

    def eof_received(self) -> bool:
        self._ended = True
        self._wake()
        return True  # our direction stays open until we close it

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        if not self._lost.done():
            self._lost.set_result(None)
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _change(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        await self._waiter


async def open_trusted(
    endpoint: Endpoint,
    *,
    identity: Identity | None,
    pins: PinBook,
    now: Callable[[], float],
    timeouts: Timeouts,
    trust_on_first_use: bool = True,
    same_as: CertificateInfo | None = None,
    public_only: bool = False,
    max_unread: int = _MAX_UNREAD,
    resume: TlsResumption | None = None,
) -> Connection:
    """Connect to a host and return only if its certificate is trusted; by then the pin is written.

    ``same_as`` requires the certificate of an earlier attempt (docs/protocol.md §8). ``public_only`` refuses
    hosts whose address is private or this machine, for connections that a stranger triggered
    (docs/protocol.md §6). ``max_unread`` is how many bytes are kept for a caller that does not read them yet:
    one more than an answer may have, so that what is dropped is never missed. ``resume`` is from an earlier
    connection of the same identity to the same host (:attr:`Connection.resumption`).

    Raises :class:`~misfin.errors.HostUnknownError`, :class:`~misfin.errors.ConnectError`,
    :class:`~misfin.errors.HandshakeError`, :class:`~misfin.errors.DeliveryTimeoutError`,
    :class:`~misfin.errors.CertificateChangedError`, :class:`~misfin.errors.FirstUseRefusedError`, or
    :class:`~misfin.errors.StoreError`. In every case no application byte was sent, and if trust was refused,
    no client certificate either. :class:`~misfin.errors.IdentityError` is about our own identity.
    """
    judge = _Judge(endpoint, pins, now, trust_on_first_use, same_as)
    lookup = Lookup(endpoint)
    try:
        # Generates its keys while the lookup runs.
        session = client_session(identity, endpoint.hostname, judge, resume)
    except BaseException:
        lookup.cancel()
        raise
    addresses = await lookup.addresses(timeouts.lookup, public_only=public_only)
    stream = await dial(endpoint, addresses, timeouts.connect)
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(
        lambda: Connection(endpoint, session, max_unread), sock=stream
    )
    try:
        await _shake_hands(connection, timeouts.handshake, has_identity=identity is not None)
        connection.certificate = judge.shown()
        # Only now has the host proved that it has the private key of its certificate.
        connection.verdict = await _write_down(endpoint, connection.certificate, judge.verdict, pins, now())
    except TrustError as refusal:
        await connection.close()
        with suppress(StoreError):  # a failure to record it must not hide the refusal
            await asyncio.to_thread(pins.offer, PinKind.HOST, endpoint.name, refusal.certificate, now=now())
        raise
    except Exception:
        await connection.close()
        raise
    except BaseException:  # cancelled: there is no time to say goodbye
        connection.abort()
        raise
    return connection


# ---- trust ----------------------------------------------------------------------------------------


class _Judge:
    """Judges the server's certificate inside the handshake; raises to refuse it."""

    def __init__(
        self,
        endpoint: Endpoint,
        pins: PinBook,
        now: Callable[[], float],
        trust_on_first_use: bool,
        same_as: CertificateInfo | None,
    ) -> None:
        self.endpoint = endpoint
        self.pins = pins
        self.now = now
        self.trust_on_first_use = trust_on_first_use
        self.same_as = same_as
        self.verdict = Verdict(Decision.CHANGED)
        self._shown: CertificateInfo | None = None

    def __call__(self, der: bytes) -> None:
        endpoint, shown = self.endpoint, read_certificate(der)
        # A cached pin costs microseconds; any other is one read by key and waits for no writer.
        pin = self.pins.get(PinKind.HOST, endpoint.name)
        self.verdict = decide(pin, shown, self.now(), host=endpoint.hostname)
        moved = self.same_as is not None and self.same_as.fingerprints.cert != shown.fingerprints.cert
        if pin is not None and (moved or self.verdict.decision is Decision.CHANGED):
            raise CertificateChangedError(**endpoint.facts, pin=pin, certificate=shown, now=self.now())
        if pin is None and not self.trust_on_first_use:
            raise FirstUseRefusedError(**endpoint.facts, certificate=shown)
        if moved:  # the pin was forgotten between two attempts: there is nothing to compare with
            raise FirstUseRefusedError(**endpoint.facts, certificate=shown)
        self._shown = shown

    def shown(self) -> CertificateInfo:
        assert self._shown is not None  # the handshake does not finish without a verdict
        return self._shown


async def _write_down(
    endpoint: Endpoint, shown: CertificateInfo, verdict: Verdict, pins: PinBook, now: float
) -> Verdict:
    if verdict.decision is Decision.TRUSTED:
        recorded = pins.record(PinKind.HOST, endpoint.name, shown, now=now)  # only counted in memory
    else:
        recorded = await asyncio.to_thread(pins.record, PinKind.HOST, endpoint.name, shown, now=now)
    if recorded.decision is Decision.CHANGED:  # another process saw another certificate first
        pin = pins.get(PinKind.HOST, endpoint.name)
        if pin is not None:
            raise CertificateChangedError(**endpoint.facts, pin=pin, certificate=shown, now=now)
    return recorded


async def _shake_hands(connection: Connection, timeout: float, *, has_identity: bool) -> None:
    endpoint = connection.endpoint
    host = endpoint.facts
    try:
        async with asyncio.timeout(timeout):
            await connection.handshake()
    except EOFError:
        raise ConnectError(
            f"{endpoint.name} closed the connection during the TLS handshake.",
            **host,
            remedy="There may be no Misfin server, or it is overloaded; try again later.",
        ) from None
    except TimeoutError:
        raise DeliveryTimeoutError(
            f"{endpoint.name} did not finish the TLS handshake within {timeout:g} seconds.", **host
        ) from None
    except IdentityError as error:
        raise HandshakeError(
            f"{endpoint.name} presents a certificate that cannot be read: {error}", **host
        ) from error
    except TlsError as error:
        remedy = "Check host and port: there may be no Misfin server."
        if error.alert:
            remedy = "Check the identity: the server may not accept its certificate."
            if not has_identity:
                remedy = "The server may require a certificate: send with an identity."
        raise HandshakeError(f"{endpoint.name}: {error}", **host, remedy=remedy) from error
