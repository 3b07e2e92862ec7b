"""The book of pins: who showed which certificate, and how it came to be trusted (protocol.md §5.2).

Precious data in one SQLite file. What changes trust is on disk before the call returns; mere uses
are counted in memory and written now and then, because a send must not pay for an fsync. Reads go
through a connection of their own, so that they never wait for a write.
"""

from __future__ import annotations

import json
import math
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from misfin.errors import StoreError
from misfin.model.gemmail import Version
from misfin.trust import pinfile
from misfin.trust.tofu import Decision, MailboxKey, Pin, PinKind, Verdict, decide, pin_name

if TYPE_CHECKING:
    from misfin.trust.identity import CertificateInfo

# A remembered protocol version is asked for again after a month (protocol.md §8).
VERSION_MEMORY = 30 * 86400.0
_FRESH = 86400.0
_FLUSH_AFTER = 60.0  # seconds between writes of the use counters
_MAX_CACHED = 4096


class LogEvent(StrEnum):
    """What happened to a pin."""

    FIRST_USE = "first use"
    RENEWED = "renewed"
    REFUSED = "refused"  # a certificate was shown and not accepted
    APPROVED = "approved"
    FORGOTTEN = "forgotten"
    MAILBOX_KEY = "recipient's key changed"  # after a letter; nothing was refused


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of the trust log; ``at`` is Unix seconds."""

    at: float
    kind: PinKind
    name: str
    event: LogEvent
    cert_sha256: str
    spki_sha256: str
    how: str


@dataclass(frozen=True, slots=True)
class Offer:
    """A certificate that was shown and not accepted; a person may still approve it."""

    kind: PinKind
    name: str
    certificate: CertificateInfo
    shown: float


@dataclass(frozen=True, slots=True)
class HostMemory:
    """What was learnt about the server of a host (protocol.md §3.3, §8).

    ``speaks`` is the version it answered in at ``since`` (Unix seconds); ``sender_line`` says that
    it wants our address on line 1; ``size_limit`` is its limit for a message in bytes, if known.
    """

    speaks: Version | None = None
    since: float = 0.0
    sender_line: bool = False
    size_limit: int | None = None

    def version(self, now: float) -> Version | None:
        """The remembered version, or None once the memory is too old, or from a clock that was put back."""
        return self.speaks if -_FRESH <= now - self.since <= VERSION_MEMORY else None

    def knows(self, speaks: Version, now: float) -> bool:
        """Whether this version is remembered so freshly that writing it down again is not worth it."""
        return self.speaks is speaks and -_FRESH <= now - self.since <= _FRESH


class PinBook:
    """Pins of hosts and senders, and memory of hosts, in one SQLite file; safe to share by threads.

    ``path`` None keeps the book in memory. Several processes may have the same file open; what another
    one changed is seen at once. With a ``clock`` (seconds, never set back) :meth:`get` looks only after
    ``look_again`` seconds: what this book wrote itself it still sees at once.
    Every method raises :class:`StoreError` when the file cannot be read or written.
    """

    def __init__(
        self, path: Path | None, *, clock: Callable[[], float] | None = None, look_again: float = 0.1
    ) -> None:
        self.path = path
        self._clock = clock
        self._look_again = look_again
        self._looked_until = -math.inf  # on that clock: till then, what is cached counts
        # Order of locks: writing before reading, never the other way round.
        self._write_lock = threading.RLock()
        self._read_lock = self._write_lock if path is None else threading.RLock()
        self._pins: dict[tuple[PinKind, str], Pin | None] = {}
        self._hosts: dict[str, HostMemory] = {}
        self._data_version = -1
        self._pending: dict[tuple[PinKind, str], tuple[int, float]] = {}
        self._flushed: float | None = None
        self._closed = False
        with self._translated():
            self._writer = pinfile.open_writer(path)
            self._reader = self._writer if path is None else pinfile.connect(path)

    # ---- pins -----------------------------------------------------------------------------------

    def get(self, kind: PinKind, name: str) -> Pin | None:
        """The pin of ``host:port`` or ``mailbox@host``. Cheap: a cached one costs microseconds."""
        key = (kind, name)
        if self._clock is not None and self._clock() < self._looked_until:
            with self._read_lock:
                if (known := self._pins.get(key)) is not None:
                    return self._with_pending(known)
        with self._reading() as database:
            if key not in self._pins:
                if len(self._pins) >= _MAX_CACHED:
                    self._pins.clear()
                self._pins[key] = pinfile.load_pin(database, kind, name)
            pin = self._pins[key]
            return None if pin is None else self._with_pending(pin)

    def all(self, kind: PinKind | None = None) -> list[Pin]:
        """Every pin, or those of one kind, by name."""
        with self._reading() as database:
            pins = [
                pin
                for each in (PinKind if kind is None else [kind])
                for pin in pinfile.load_pins(database, each)
            ]
            return [self._with_pending(pin) for pin in pins]

    def used(self, kind: PinKind, name: str, *, now: float) -> None:
        """Count one more use of a pin that was just read and found to match; nothing is judged or written."""
        self._count(kind, name, now)

    def record(
        self, kind: PinKind, name: str, info: CertificateInfo, *, now: float, how: str = "first use"
    ) -> Verdict:
        """Decide about a certificate and write the result down, in one step.

        A first use and a renewal are durable on return; a mere use is only counted. A changed key
        alters nothing: the certificate is kept as an offer, and the verdict says CHANGED.
        """
        verdict = _judge(self.get(kind, name), kind, name, info, now)
        if verdict.decision is Decision.TRUSTED:
            self._count(kind, name, now)
            return verdict
        if verdict.decision is Decision.CHANGED:
            self.offer(kind, name, info, now=now)
            return verdict
        with self._writing(durable=True) as database:
            # Another process may have been quicker: what is decided inside the transaction counts.
            pin = pinfile.load_pin(database, kind, name)
            verdict = _judge(pin, kind, name, info, now)
            if verdict.decision is Decision.CHANGED:
                _offer(database, kind, name, info, now)
            elif pin is None:
                pinfile.put_pin(database, pinfile.new_pin(kind, name, info, how=how, now=now, uses=1))
                _log(database, now, kind, name, LogEvent.FIRST_USE, info, how)
            elif verdict.decision is Decision.RENEWED:
                pinfile.move_to_past(database, kind, name, now)
                renewed = pinfile.new_pin(kind, name, info, how=pin.how, now=now, uses=pin.uses + 1)
                pinfile.put_pin(database, replace(renewed, first_seen=pin.first_seen))
                _log(database, now, kind, name, LogEvent.RENEWED, info, "same key, new certificate")
            else:
                self._count(kind, name, now)
        return verdict

    def replace(self, kind: PinKind, name: str, info: CertificateInfo, *, how: str, now: float) -> None:
        """Trust this certificate from now on, because a person said so; the old pin becomes history."""
        with self._writing(durable=True) as database:
            old = pinfile.load_pin(database, kind, name)
            pin = pinfile.new_pin(kind, name, info, how=how, now=now, uses=0)
            if old is not None and old.cert_sha256 == pin.cert_sha256:
                pin = replace(pin, first_seen=old.first_seen, uses=old.uses)
            elif old is not None:
                pinfile.move_to_past(database, kind, name, now)
            pinfile.put_pin(database, pin)
            pinfile.drop_offer(database, kind, name)
            _log(database, now, kind, name, LogEvent.APPROVED, info, how)

    def forget(self, kind: PinKind, name: str, *, now: float | None = None) -> bool:
        """Remove a pin with its history and any offer; False if there was none. The log keeps a line.

        ``now`` is Unix seconds, the system's clock by default.
        """
        at = datetime.now(UTC).timestamp() if now is None else now
        with self._writing(durable=True) as database:
            pin = pinfile.load_pin(database, kind, name)
            pinfile.drop_pin(database, kind, name)
            if pin is not None:
                hashes = (pin.cert_sha256, pin.spki_sha256)
                pinfile.add_log(database, at, kind, name, LogEvent.FORGOTTEN, hashes, "")
        return pin is not None

    # ---- certificates waiting for a decision ------------------------------------------------------

    def offer(self, kind: PinKind, name: str, info: CertificateInfo, *, now: float) -> None:
        """Keep the certificate last shown and not accepted, so that a person can look at it."""
        with self._writing(durable=False) as database:
            _offer(database, kind, name, info, now)

    def offered(self, kind: PinKind, name: str) -> Offer | None:
        """The certificate waiting for a decision about this host or sender."""
        with self._reading() as database:
            row = database.execute(
                "SELECT der, shown FROM offers WHERE kind = ? AND name = ?", (kind, name)
            ).fetchone()
        return None if row is None else _read_offer(kind, name, *row)

    def offers(self) -> list[Offer]:
        """Every certificate waiting for a decision, the newest first."""
        with self._reading() as database:
            rows = database.execute(
                "SELECT kind, name, der, shown FROM offers ORDER BY shown DESC"
            ).fetchall()
        return [_read_offer(PinKind(kind), name, der, shown) for kind, name, der, shown in rows]

    def withdraw(self, kind: PinKind, name: str) -> bool:
        """Drop an offer, because a person refused it; False if there was none."""
        with self._writing(durable=True) as database:
            return pinfile.drop_offer(database, kind, name)

    # ---- the log ----------------------------------------------------------------------------------

    def log(self, limit: int = 100) -> list[LogEntry]:
        """The latest events, newest first."""
        with self._reading() as database:
            rows = database.execute(
                "SELECT at, kind, name, event, cert_sha256, spki_sha256, how FROM log"
                " ORDER BY id DESC LIMIT ?",
                (limit,),
            ).fetchall()
        return [LogEntry(at, PinKind(kind), name, LogEvent(e), *rest) for at, kind, name, e, *rest in rows]

    def export(self) -> str:
        """All pins with their history, and recipients' keys, as JSON text; times in ISO 8601, UTC."""
        records = [asdict(pin) for pin in self.all()]
        for address, keys in self.all_mailbox_keys().items():
            records.append({"kind": "recipient", "name": address, "keys": [asdict(key) for key in keys]})
        return json.dumps([_readable(record) for record in records], indent=2, ensure_ascii=False) + "\n"

    # ---- memory of hosts --------------------------------------------------------------------------

    def recall(self, host: str, port: int) -> HostMemory:
        """What is known about the server at ``host:port``; an empty memory if nothing is."""
        name = pin_name(host, port)
        with self._reading() as database:
            memory = self._hosts.get(name)
            if memory is None:
                row = database.execute(
                    "SELECT speaks, since, sender_line, size_limit FROM hosts WHERE name = ?", (name,)
                ).fetchone()
                memory = HostMemory() if row is None else _read_memory(*row)
                if len(self._hosts) >= _MAX_CACHED:
                    self._hosts.clear()
                self._hosts[name] = memory
            return memory

    def remember(
        self,
        host: str,
        port: int,
        *,
        now: float,
        speaks: Version | None = None,
        sender_line: bool | None = None,
        size_limit: int | None = None,
    ) -> None:
        """Write down what a server showed about itself; None leaves a value as it is."""
        old = self.recall(host, port)
        new = HostMemory(
            speaks=speaks or old.speaks,
            since=now if speaks else old.since,
            sender_line=old.sender_line if sender_line is None else sender_line,
            size_limit=old.size_limit if size_limit is None else size_limit,
        )
        fresh = speaks is None or old.knows(speaks, now)
        if not fresh or replace(new, since=old.since) != old:
            self._store_memory(pin_name(host, port), new)

    def unlearn(self, host: str, port: int) -> None:
        """Forget which version a host speaks (it contradicted our memory); the rest stays."""
        old = self.recall(host, port)
        if old.speaks is not None:
            self._store_memory(pin_name(host, port), replace(old, speaks=None, since=0.0))

    # ---- recipients -------------------------------------------------------------------------------

    def note_mailbox_key(self, address: str, fingerprint: str, *, now: float) -> MailboxKey | None:
        """Write down what a server called a mailbox's fingerprint (64 hex digits) in the META of a 20.

        Returns the value before when it is another key, else None. A certificate has more than one
        fingerprint: where the person's own certificate is known, two that it has are no change
        (protocol.md §4.4). Not synced: what a power cut undoes is found, and told, once more.
        """
        with self._writing(durable=False) as database:
            known = pinfile.load_mailbox_keys(database, address)
            pinfile.put_mailbox_key(database, address, fingerprint, now)
            before = known[-1] if known else None
            if before is None or before.fingerprint == fingerprint:
                return None
            pin = pinfile.load_pin(database, PinKind.SENDER, address)
            if pin is not None and {before.fingerprint, fingerprint} <= {pin.cert_sha256, pin.spki_sha256}:
                return None
            hashes = (fingerprint, "")
            how = f"before: {before.fingerprint}"
            pinfile.add_log(database, now, PinKind.SENDER, address, LogEvent.MAILBOX_KEY, hashes, how)
            return before

    def mailbox_keys(self, address: str) -> list[MailboxKey]:
        """Every fingerprint a mailbox (``mailbox@host``) was said to have, the present one last."""
        with self._reading() as database:
            return pinfile.load_mailbox_keys(database, address)

    def all_mailbox_keys(self) -> dict[str, list[MailboxKey]]:
        """The same for every mailbox that has one, by address."""
        with self._reading() as database:
            return pinfile.load_all_mailbox_keys(database)

    def forget_mailbox_keys(self, address: str, *, now: float) -> bool:
        """Forget a mailbox's fingerprints: the next is the first. False if there was none."""
        with self._writing(durable=True) as database:
            known = pinfile.load_mailbox_keys(database, address)
            if not known:
                return False
            pinfile.drop_mailbox_keys(database, address)
            hashes = (known[-1].fingerprint, "")
            how = "recipient's key"
            pinfile.add_log(database, now, PinKind.SENDER, address, LogEvent.FORGOTTEN, hashes, how)
            return True

    # ---- what was told ----------------------------------------------------------------------------

    def told(self, what: str, *, now: float) -> bool:
        """Whether a person was told ``what`` before; from now on it counts as told."""
        with self._reading() as database:
            if database.execute("SELECT 1 FROM told WHERE what = ?", (what,)).fetchone():
                return True
        with self._writing(durable=False) as database:
            return not database.execute("INSERT OR IGNORE INTO told VALUES (?, ?)", (what, now)).rowcount

    # ---- life -------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Write the use counters that are only in memory."""
        if self._pending:
            with self._writing(durable=False):
                pass  # every write transaction carries them along

    def close(self) -> None:
        """Write what is pending and close the file. The book cannot be used afterwards."""
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

    def __enter__(self) -> PinBook:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- inside -----------------------------------------------------------------------------------

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except StoreError:
            raise
        except (sqlite3.Error, OSError) as error:
            raise StoreError(
                f"The trust data in {self.path or 'memory'} cannot be used: {error}.",
                remedy="Check the disk and the rights on the file; it is never replaced by an empty one.",
            ) from error

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._read_lock, self._translated():
            self._check_open()
            if self._reader is not self._writer:
                # Moves with every change made through another connection, our own writer included.
                (version,) = self._reader.execute("PRAGMA data_version").fetchone()
                if version != self._data_version:
                    self._data_version = version
                    self._forget_cached()
                if self._clock is not None:
                    self._looked_until = self._clock() + self._look_again
            yield self._reader

    @contextmanager
    def _writing(self, *, durable: bool) -> Iterator[sqlite3.Connection]:
        """One write transaction; without ``durable`` a power cut may undo it, but never tear it."""
        with self._write_lock, self._translated():
            self._check_open()
            database = self._writer
            database.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            database.execute("BEGIN IMMEDIATE")
            with self._read_lock:
                pending, self._pending = self._pending, {}
            try:
                _add_uses(database, pending)
                yield database
                database.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    database.execute("ROLLBACK")
                with self._read_lock:
                    for key, (count, last) in pending.items():
                        self._add_pending(key, count, last)
                raise
            with self._read_lock:
                self._looked_until = -math.inf
            if self._reader is database:
                self._forget_cached()

    def _forget_cached(self) -> None:
        self._pins.clear()
        self._hosts.clear()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("The pin book is closed.")

    def _count(self, kind: PinKind, name: str, now: float) -> None:
        """Note one use in memory; write now and then, but never wait for it."""
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
            self._writer.execute("PRAGMA busy_timeout = 0")
            with suppress(StoreError):  # another process is writing; the counters wait in memory
                self.flush()
            self._writer.execute("PRAGMA busy_timeout = 5000")
        finally:
            self._write_lock.release()

    def _add_pending(self, key: tuple[PinKind, str], count: int, last: float) -> None:
        before, previous = self._pending.get(key, (0, 0.0))
        self._pending[key] = (before + count, max(previous, last))

    def _with_pending(self, pin: Pin) -> Pin:
        if (pin.kind, pin.name) not in self._pending:
            return pin
        count, last = self._pending[pin.kind, pin.name]
        return replace(pin, uses=pin.uses + count, last_seen=max(pin.last_seen, last))

    def _store_memory(self, name: str, memory: HostMemory) -> None:
        with self._writing(durable=False) as database:
            database.execute(
                "INSERT OR REPLACE INTO hosts (name, speaks, since, sender_line, size_limit)"
                " VALUES (?, ?, ?, ?, ?)",
                (name, memory.speaks, memory.since, memory.sender_line, memory.size_limit),
            )


def _judge(pin: Pin | None, kind: PinKind, name: str, info: CertificateInfo, now: float) -> Verdict:
    host = name.rpartition(":")[0] if kind is PinKind.HOST else None
    return decide(pin, info, now, host=host)


def _offer(database: sqlite3.Connection, kind: PinKind, name: str, info: CertificateInfo, now: float) -> None:
    if pinfile.put_offer(database, kind, name, info, now):
        _log(database, now, kind, name, LogEvent.REFUSED, info, "waits for a decision")


def _log(
    database: sqlite3.Connection,
    at: float,
    kind: PinKind,
    name: str,
    event: LogEvent,
    info: CertificateInfo,
    how: str,
) -> None:
    hashes = (info.fingerprints.cert, info.fingerprints.spki)
    pinfile.add_log(database, at, kind, name, event, hashes, how)


def _add_uses(database: sqlite3.Connection, pending: dict[tuple[PinKind, str], tuple[int, float]]) -> None:
    database.executemany(
        "UPDATE pins SET uses = uses + ?, last_seen = max(last_seen, ?) WHERE kind = ? AND name = ?",
        [(count, last, *key) for key, (count, last) in pending.items()],
    )


def _read_offer(kind: PinKind, name: str, der: bytes, shown: float) -> Offer:
    from misfin.trust.certificate import read_certificate  # slow to import; a start-up lists pins only

    return Offer(kind, name, read_certificate(der), shown)


def _read_memory(speaks: str | None, since: float, sender_line: int, size_limit: int | None) -> HostMemory:
    return HostMemory(Version(speaks) if speaks else None, since, bool(sender_line), size_limit)


def _readable(value: object) -> object:
    """The same value with every Unix time in it written as ISO 8601."""
    times = {"not_before", "not_after", "first_seen", "last_seen", "replaced"}
    if isinstance(value, dict):
        return {k: _iso(v) if k in times else _readable(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_readable(item) for item in value]
    return value


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
