"""The transport of an accepted connection: does what asyncio's own does, with less work.

asyncio begins a connection with a task and several turns of its loop, for each message
(docs/decisions.md §24). This one begins at once, reads what fits two TLS records, and ends like
asyncio's: nothing is closed while the protocol is at work, and ``connection_lost`` comes in a later turn.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import Any, Final

_MOST_READ: Final = 32 * 1024


class AcceptedTransport(asyncio.Transport):
    """One connection over ``stream``, which it closes in the end. ``protocol`` is connected on return."""

    __slots__ = ("_buffer", "_closing", "_eof", "_file", "_loop", "_protocol", "_reading", "_stream")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, stream: socket.socket, protocol: asyncio.Protocol
    ) -> None:
        self._loop = loop
        self._stream = stream
        self._file = stream.fileno()  # a number, because asyncio formats a socket as text to look it up
        self._protocol = protocol
        self._buffer = b""
        self._eof = False
        self._closing = False
        self._reading = True
        stream.setblocking(False)
        with suppress(OSError):  # not TCP, or it has ended already
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        loop.add_reader(self._file, self._read)
        protocol.connection_made(self)

    # ---- in

    def _read(self) -> None:
        try:
            data = self._stream.recv(_MOST_READ)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._end(error)
            return
        try:
            if data:
                self._protocol.data_received(data)
            elif self._protocol.eof_received():
                self.pause_reading()
            else:
                self.close()
        except Exception:
            self.abort()
            raise  # the loop logs it

    def pause_reading(self) -> None:
        """See :meth:`asyncio.ReadTransport.pause_reading`."""
        if self._reading and not self._closing:
            self._reading = False
            self._loop.remove_reader(self._file)

    def resume_reading(self) -> None:
        """See :meth:`asyncio.ReadTransport.resume_reading`."""
        if not self._reading and not self._closing:
            self._reading = True
            self._loop.add_reader(self._file, self._read)

    def is_reading(self) -> bool:
        """See :meth:`asyncio.ReadTransport.is_reading`."""
        return self._reading and not self._closing

    # ---- out

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """See :meth:`asyncio.WriteTransport.write`; what comes once it is closing is dropped."""
        if self._closing or not data:
            return
        if self._buffer:
            self._buffer += data
            return
        try:
            sent = self._stream.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as error:
            self._end(error)
            return
        if sent < len(data):
            self._buffer = bytes(data[sent:])
            self._loop.add_writer(self._file, self._write)

    def _write(self) -> None:
        try:
            sent = self._stream.send(self._buffer)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._end(error)
            return
        self._buffer = self._buffer[sent:]
        if self._buffer:
            return
        self._loop.remove_writer(self._file)
        if self._closing:
            self._loop.call_soon(self._lose, None)
        elif self._eof:
            with suppress(OSError):  # the peer has reset the connection, which reading will find out
                self._stream.shutdown(socket.SHUT_WR)

    def get_write_buffer_size(self) -> int:
        """See :meth:`asyncio.WriteTransport.get_write_buffer_size`."""
        return len(self._buffer)

    def can_write_eof(self) -> bool:
        """See :meth:`asyncio.WriteTransport.can_write_eof`."""
        return True

    def write_eof(self) -> None:
        """End our direction once everything is written. Raises :class:`OSError` if it was reset."""
        if self._closing or self._eof:
            return
        self._eof = True
        if not self._buffer:
            self._stream.shutdown(socket.SHUT_WR)

    # ---- the end

    def is_closing(self) -> bool:
        """See :meth:`asyncio.BaseTransport.is_closing`."""
        return self._closing

    def close(self) -> None:
        """See :meth:`asyncio.BaseTransport.close`: what was written is still sent."""
        if self._closing:
            return
        self.pause_reading()
        self._closing = True
        if not self._buffer:
            self._loop.call_soon(self._lose, None)

    def abort(self) -> None:
        """See :meth:`asyncio.WriteTransport.abort`: what was not sent is dropped."""
        self._end(None)

    def _end(self, error: OSError | None) -> None:
        if self._closing and not self._buffer:
            return  # it is on its way
        if self._buffer:
            self._buffer = b""
            self._loop.remove_writer(self._file)
        self.pause_reading()
        self._closing = True
        self._loop.call_soon(self._lose, error)

    def _lose(self, error: OSError | None) -> None:
        try:
            self._protocol.connection_lost(error)
        finally:
            self._stream.close()
