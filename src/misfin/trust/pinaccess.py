"""Shared access to the pin file for threads and processes: cached reads, one writer, uses counted in memory.

Changes of trust are on disk before a write returns; use counters are written now and then, because sending
must not wait for an fsync. Reads use their own connection, so that they never wait for a write.
"""

from __future__ import annotations

import math
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Final

from misfin.errors import StoreError
from misfin.sqlite import connect, impatient, transaction, translated
from misfin.trust import pinfile
from misfin.trust.records import HostMemory
from misfin.trust.tofu import Pin, PinKind

_FLUSH_AFTER: Final = 60.0  # seconds between writes of the use counters
_MAX_CACHED: Final = 4096
_REMEDY: Final = "Check the disk and the permissions of the file; it is never replaced by an empty one."


class PinAccess:
    """Reads and writes of one file (None: in memory); changes by other processes are seen at once.

    With a ``clock`` (seconds, never set back), cached pins are used for ``look_again`` seconds before the
    file is checked for changes by others; our own writes are still seen at once. Every method raises
    :class:`StoreError` if the file cannot be read or written.
    """

    def __init__(self, path: Path | None, clock: Callable[[], float] | None, look_again: float) -> None:
        self.path = path
        self._clock = clock
        self._look_again = look_again
        self._looked_until = -math.inf  # on that clock: until then cached pins are used
        # Order of locks: writing before reading, never the other way round.
        self._write_lock = threading.RLock()
        self._read_lock = self._write_lock if path is None else threading.RLock()
        self._pins: dict[tuple[PinKind, str], Pin | None] = {}
        self._hosts: dict[str, HostMemory] = {}
        self._data_version = -1
        self._pending: dict[tuple[PinKind, str], tuple[int, float]] = {}
        self._flushed: float | None = None
        self._closed = False
        self._called = f"The trust data in {path or 'memory'}"
        with self._translated():
            self._writer = pinfile.open_writer(path, self._called)
            self._reader = self._writer if path is None else connect(path)

    # ---- cached answers ---------------------------------------------------------------------------

    def pin(self, kind: PinKind, name: str) -> Pin | None:
        """A pin, including uses not yet written, or None."""
        key = (kind, name)
        if self._clock is not None and self._clock() < self._looked_until:
            with self._read_lock:
                if (known := self._pins.get(key)) is not None:
                    return self._with_pending(known)
        with self.reading() as database:
            if key not in self._pins:
                if len(self._pins) >= _MAX_CACHED:
                    self._pins.clear()
                self._pins[key] = pinfile.load_pin(database, kind, name)
            pin = self._pins[key]
            return None if pin is None else self._with_pending(pin)

    def pins(self, kind: PinKind) -> list[Pin]:
        """All pins of one kind by name, including uses not yet written."""
        with self.reading() as database:
            return [self._with_pending(pin) for pin in pinfile.load_pins(database, kind)]

    def host(self, name: str) -> HostMemory:
        """What is known about the server ``host:port``; empty if nothing is."""
        with self.reading() as database:
            if name not in self._hosts:
                if len(self._hosts) >= _MAX_CACHED:
                    self._hosts.clear()
                self._hosts[name] = pinfile.load_host(database, name)
            return self._hosts[name]

    # ---- transactions -----------------------------------------------------------------------------

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection to read from; clears the cache first if another connection changed the file."""
        with self._read_lock, self._translated():
            self._check_open()
            if self._reader is not self._writer:
                # Changes with every write through another connection, including our own writer.
                (version,) = self._reader.execute("PRAGMA data_version").fetchone()
                if version != self._data_version:
                    self._data_version = version
                    self._forget_cached()
                if self._clock is not None:
                    self._looked_until = self._clock() + self._look_again
            yield self._reader

    @contextmanager
    def writing(self, *, durable: bool) -> Iterator[sqlite3.Connection]:
        """One write transaction; without ``durable`` a power cut may undo it as a whole."""
        with self._write_lock, self._translated():
            self._check_open()
            database = self._writer
            database.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            with self._read_lock:
                pending, self._pending = self._pending, {}
            try:
                with transaction(database):
                    pinfile.add_uses(database, pending)
                    yield database
            except BaseException:
                with self._read_lock:
                    for key, (count, last) in pending.items():
                        self._add_pending(key, count, last)
                raise
            with self._read_lock:
                self._looked_until = -math.inf
            if self._reader is database:
                self._forget_cached()

    # ---- uses -------------------------------------------------------------------------------------

    def count(self, kind: PinKind, name: str, now: float) -> None:
        """Count one use in memory; write now and then, without waiting for other writers."""
        with self._read_lock:
            self._add_pending((kind, name), 1, now)
        if self._flushed is None:
            self._flushed = now
        if 0 <= now - self._flushed < _FLUSH_AFTER or not self._write_lock.acquire(blocking=False):
            return
        try:
            self._flushed = now
            if self._writer.in_transaction:
                return
            with suppress(StoreError), self._translated(), impatient(self._writer):
                self.flush()  # if another process is writing, the counters stay in memory
        finally:
            self._write_lock.release()

    def flush(self) -> None:
        """Write the uses that are only in memory."""
        if self._pending:
            with self.writing(durable=False):
                pass  # every write transaction includes them

    def close(self) -> None:
        """Write pending counters and close the file."""
        with self._write_lock, self._read_lock:
            if self._closed:
                return
            try:
                self.flush()
            finally:
                self._closed = True
                self._looked_until = -math.inf
                self._reader.close()
                self._writer.close()

    # ---- inside -----------------------------------------------------------------------------------

    def _translated(self) -> AbstractContextManager[None]:
        return translated(self._called, _REMEDY)

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("The pin book is closed.")

    def _forget_cached(self) -> None:
        self._pins.clear()
        self._hosts.clear()

    def _add_pending(self, key: tuple[PinKind, str], count: int, last: float) -> None:
        before, previous = self._pending.get(key, (0, 0.0))
        self._pending[key] = (before + count, max(previous, last))

    def _with_pending(self, pin: Pin) -> Pin:
        pending = self._pending.get((pin.kind, pin.name))
        return pin if pending is None else pin.used(*pending)
