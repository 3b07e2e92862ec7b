"""A peer that writes without end, until it is left."""

from __future__ import annotations

import asyncio
from typing import NoReturn


async def write_without_end(writer: asyncio.StreamWriter, data: bytes) -> NoReturn:
    """Write until the other side is gone, then raise :class:`ConnectionError`.

    The pause is needed: once the socket of a TLS connection has failed, ``drain`` returns without one, and
    the loop would never come to tell the writer that the connection is lost.
    """
    while True:
        writer.write(data)
        await writer.drain()
        await asyncio.sleep(0)
