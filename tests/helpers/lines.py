"""A line to a server on loopback that can be cut, go silent, or be held up, as lines between people are."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from types import TracebackType


class BadLine:
    """Copies bytes between those who connect to ``port`` and a server on ``target``. For ``with``."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._pairs: list[_Pair] = []
        self._open = threading.Event()
        self._open.set()

    def __enter__(self) -> BadLine:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """End every connection."""
        for pair in self._present():
            pair.close()

    def reset(self) -> None:
        """End every connection on both sides with a reset: nothing that is on its way arrives."""
        for pair in self._present():
            pair.close(reset=True)

    def silence(self) -> None:
        """Nothing more comes through the present connections, which stay open; new ones work."""
        for pair in self._present():
            pair.silent.set()

    def hold(self, seconds: float) -> None:
        """Nothing comes through for so long, and then all of it."""
        self._open.clear()
        time.sleep(seconds)
        self._open.set()

    def _present(self) -> list[_Pair]:
        with self._lock:
            return list(self._pairs)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                try:
                    far = socket.create_connection(("127.0.0.1", self._target), 5)
                    far.settimeout(None)
                except OSError:
                    near.close()
                    continue
                pair = _Pair(near, far, self._open)
                with self._lock:
                    self._pairs = [each for each in self._pairs if not each.closed.is_set()] + [pair]
                pair.start()


class _Pair:
    def __init__(self, near: socket.socket, far: socket.socket, through: threading.Event) -> None:
        self._ends = (near, far)
        self._through = through
        self.silent = threading.Event()
        self.closed = threading.Event()

    def start(self) -> None:
        near, far = self._ends
        for source, sink in ((near, far), (far, near)):
            source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._copy, args=(source, sink), daemon=True).start()

    def close(self, *, reset: bool = False) -> None:
        self.closed.set()
        for end in self._ends:
            with contextlib.suppress(OSError):
                if reset:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                # A reset leaves when the last one who reads has let go; an end of file would leave before.
                end.shutdown(socket.SHUT_RD if reset else socket.SHUT_RDWR)
            end.close()

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._through.wait()
                if not self.silent.is_set():
                    sink.sendall(data)
        if (
            not self.silent.is_set() and not self.closed.is_set()
        ):  # an end is not heard on a silent line either
            self.close()
