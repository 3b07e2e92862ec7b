"""Sends one request over one connection and reads the answer; says when the outcome is unknown."""

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
"""Called at some point of a delivery, and awaited if it returns an awaitable."""

# A server that refuses our certificate in a TLS 1.3 handshake can say so only afterwards, with an alert
# instead of an answer; it has not read the request then (docs/protocol.md §5).
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
    """Write the request of ``wire`` and read one response line; ``timeout`` (seconds) is for the answer.

    ``before_write`` is called once the host is trusted, just before the first byte is sent. Raises
    :class:`~misfin.errors.OutcomeUnknownError` if the request was sent and no answer came;
    :class:`~misfin.errors.ConnectError` or, if our certificate is refused,
    :class:`~misfin.errors.HandshakeError` if the server has not read the request.
    """
    name, facts = connection.endpoint.name, connection.endpoint.facts
    if before_write is not None:
        connection.flush()  # so that the server can finish its handshake in the meantime
        await call(before_write)
    try:
        # A refusal (busy, time-out) may have come before we began; then the request is not sent.
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
            raise HandshakeError(f"{name} does not accept our certificate: {error}", **facts) from error
        cause: Exception = error
    except (RemoteProtocolError, TimeoutError) as error:
        cause = error
    why = str(cause) or f"There was no answer within {timeout:g} seconds."
    if wire.request_sent:
        raise OutcomeUnknownError(
            f"{name} got the message but gave no usable answer: {why} It may or may not be delivered.",
            **facts,
        ) from cause
    raise ConnectError(f"{name} ended the connection before the message was sent: {why}", **facts) from cause


async def call(hook: Hook | None) -> None:
    """Call a hook, if there is one, and await its result if it is awaitable."""
    waiting = None if hook is None else hook()
    if waiting is not None:
        await waiting


def answer_by_alert(error: HandshakeError) -> MisfinResponse | None:
    """The status equivalent to a TLS alert about our certificate; None for others (docs/decisions.md §4)."""
    alert = error.__cause__.alert if isinstance(error.__cause__, TlsError) else ""
    return MisfinResponse(_ALERTS[alert], f"TLS alert: {alert}") if alert in _ALERTS else None
