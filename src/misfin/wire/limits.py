"""The size limits of the protocol, in bytes, each with its source."""

from __future__ import annotations

from misfin.model.gemmail import MAX_B_REQUEST, MAX_MESSAGE

MAX_C_HEADER = 1024
"""A Misfin(C) header with its CRLF (docs/protocol.md §1.3)."""

MAX_RESPONSE = 2048
"""A response line with its CRLF (docs/protocol.md §2)."""

MAX_REQUEST_BUFFER = max(MAX_B_REQUEST, MAX_C_HEADER + MAX_MESSAGE) + 1
"""The most a server buffers of one request: the longest legal one, and one byte to detect more."""

MAX_RESPONSE_BUFFER = MAX_RESPONSE + 1
"""The most a client buffers of one response."""

__all__ = [
    "MAX_B_REQUEST",
    "MAX_C_HEADER",
    "MAX_MESSAGE",
    "MAX_REQUEST_BUFFER",
    "MAX_RESPONSE",
    "MAX_RESPONSE_BUFFER",
]
