"""One request and its answer over one connection: what left, what came, and what nobody knows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from misfin.errors import (
    ConnectError,
    HandshakeError,
    OutcomeUnknownError,
    RemoteProtocolError,
    TlsError,
)
from misfin.model.status import StatusCode
from misfin.wire import ClientProtocol, MisfinResponse

if TYPE_CHECKING:
    from misfin.net.connection import Connection

Hook = Callable[[], Awaitable[None] | None]
"""Called at a moment of a delivery, and awaited where there is something to wait for."""

# A server that refuses our certificate in the handshake of TLS 1.3 can say so only afterwards, by an alert
# that comes instead of an answer; it has not read the request then (docs/protocol.md §5).
_ALERTS = {
    "certificate required": StatusCode.CERTIFICATE_REQUIRED,
    "bad certificate": StatusCode.CERTIFICATE_INVALID,
    "unsupported certificate": StatusCode.CERTIFICATE_INVALID,
    "certificate revoked": StatusCode.CERTIFICATE_INVALID,
    "certificate expired": StatusCode.CERTIFICATE_INVALID,
    "certificate unknown": StatusCode.CERTIFICATE_INVALID,
    "unknown ca": StatusCode.CERTIFICATE_INVALID,
}


async def hand_over(
    connection: Connection, wire: ClientProtocol, before_write: Hook | None, timeout: float
) -> MisfinResponse:
    """Write the request of ``wire``, read one response line; ``timeout`` (seconds) is for the answer.

    ``before_write`` is called once trust is settled, just before the first byte leaves. Raises
    :class:`~misfin.errors.OutcomeUnknownError` when the request left and no answer came; a
    :class:`~misfin.errors.ConnectError` or, where our certificate is refused, a
    :class:`~misfin.errors.HandshakeError` says that nothing was read of it.
    """
    name, facts = connection.endpoint.name, connection.endpoint.facts
    if before_write is not None:
        connection.flush()  # the server finishes its handshake meanwhile
        await call(before_write)
    try:
        # A refusal (busy, time-out) may have come before we began; then the request stays at home.
        response = wire.feed_bytes(connection.take())
        if response is not None:
            return response
        if not connection.over:
            connection.send(wire.get_outgoing_data())
        async with asyncio.timeout(timeout):
            while response is None:
                data = await connection.receive()
                response = wire.feed_bytes(data) if data else wire.receive_eof()
        return response
    except TlsError as error:
        if error.alert in _ALERTS:
            raise HandshakeError(f"{name} does not take our certificate: {error}", **facts) from error
        cause: Exception = error
    except (RemoteProtocolError, TimeoutError) as error:
        cause = error
    why = str(cause) or f"There was no answer within {timeout:g} seconds."
    if wire.request_sent:
        raise OutcomeUnknownError(
            f"{name} has the message but gave no usable answer: {why} It may or may not be delivered.",
            **facts,
        ) from cause
    raise ConnectError(f"{name} ended the connection before the message left: {why}", **facts) from cause


async def call(hook: Hook | None) -> None:
    """Call a hook, if there is one, and wait for it, if it has something to wait for."""
    waiting = None if hook is None else hook()
    if waiting is not None:
        await waiting


def answer_by_alert(error: HandshakeError) -> MisfinResponse | None:
    """The answer a TLS alert about our certificate stands for, if it was one (docs/decisions.md §4)."""
    alert = error.__cause__.alert if isinstance(error.__cause__, TlsError) else ""
    return MisfinResponse(_ALERTS[alert], f"TLS alert: {alert}") if alert in _ALERTS else None
