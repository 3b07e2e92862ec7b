"""The pin book: who presented which certificate, and how it came to be trusted (docs/protocol.md §5.2).

Valuable data in one SQLite file. Changes of trust are on disk before the call returns; uses are counted in
memory and written now and then.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from misfin.trust import pinfile
from misfin.trust.pinaccess import PinAccess
from misfin.trust.pinexport import as_json
from misfin.trust.records import HostMemory, LogEntry, LogEvent, MailServerFacts, Offer
from misfin.trust.tofu import Decision, MailboxKey, Pin, PinKind, Verdict, decide, pin_name

if TYPE_CHECKING:
    from misfin.model.gemmail import Version
    from misfin.trust.identity import CertificateInfo


class PinBook:
    """Pins of hosts and senders, and what is known about hosts, in one SQLite file. Thread-safe.

    ``path`` None keeps the book in memory. Several processes may have the same file open; changes by others
    are seen at once. With a ``clock`` (seconds, never set back), :meth:`get` checks for changes by others
    only every ``look_again`` seconds; this book's own changes are still seen at once.
    Every method raises :class:`StoreError` if the file cannot be read or written.
    """

    def __init__(
        self, path: Path | None, *, clock: Callable[[], float] | None = None, look_again: float = 0.1
    ) -> None:
        self.path = path
        self._file = PinAccess(path, clock, look_again)

    # ---- pins -----------------------------------------------------------------------------------

    def get(self, kind: PinKind, name: str) -> Pin | None:
        """The pin of ``host:port`` or ``mailbox@host``. Cheap: a cached one costs microseconds."""
        return self._file.pin(kind, name)

    def all(self, kind: PinKind | None = None) -> list[Pin]:
        """Every pin, or those of one kind, by name."""
        return [pin for each in (PinKind if kind is None else [kind]) for pin in self._file.pins(each)]

    def used(self, kind: PinKind, name: str, *, now: float) -> None:
        """Count one more use of a pin that was just read and matched; judges and writes nothing."""
        self._file.count(kind, name, now)

    def same_host_trusted(self, kind: PinKind, name: str, info: CertificateInfo) -> Pin | None:
        """The pin of another port of the host of ``name`` (``host:port``) that is this very certificate."""
        host, wanted = name.rpartition(":")[0], info.fingerprints.cert
        pins = (pin for pin in self.all(kind) if pin.cert_sha256 == wanted and pin.name != name)
        return next((pin for pin in pins if pin.name.rpartition(":")[0] == host), None)

    def record(
        self, kind: PinKind, name: str, info: CertificateInfo, *, now: float, how: str = "first use"
    ) -> Verdict:
        """Decide about a certificate and store the result, in one step.

        A first use and a renewal are durable on return; an ordinary use is only counted. A changed key does
        not change the pin: the certificate is kept as an offer, and the verdict is CHANGED.
        """
        verdict = _judge(self.get(kind, name), kind, name, info, now)
        if verdict.decision is Decision.TRUSTED:
            self._file.count(kind, name, now)
            return verdict
        if verdict.decision is Decision.CHANGED:
            self.offer(kind, name, info, now=now)
            return verdict
        with self._file.writing(durable=True) as database:
            # Another process may have been faster: the decision inside the transaction counts.
            pin = pinfile.load_pin(database, kind, name)
            verdict = _judge(pin, kind, name, info, now)
            if verdict.decision is Decision.CHANGED:
                _offer(database, kind, name, info, now)
            elif pin is None:
                pinfile.put_pin(database, pinfile.new_pin(kind, name, info, how=how, now=now, uses=1))
                _keep_whole(database, kind, name, info)
                _log(database, now, kind, name, LogEvent.FIRST_USE, info, how)
            elif verdict.decision is Decision.RENEWED:
                pinfile.move_to_past(database, kind, name, now)
                renewed = pinfile.new_pin(kind, name, info, how=pin.how, now=now, uses=pin.uses + 1)
                pinfile.put_pin(database, replace(renewed, first_seen=pin.first_seen))
                _keep_whole(database, kind, name, info)
                _log(database, now, kind, name, LogEvent.RENEWED, info, "same key, new certificate")
            else:
                self._file.count(kind, name, now)
        return verdict

    def replace(self, kind: PinKind, name: str, info: CertificateInfo, *, how: str, now: float) -> None:
        """Trust this certificate from now on, because the user said so; the old pin moves to the history."""
        with self._file.writing(durable=True) as database:
            old = pinfile.load_pin(database, kind, name)
            pin = pinfile.new_pin(kind, name, info, how=how, now=now, uses=0)
            if old is not None and old.cert_sha256 == pin.cert_sha256:
                pin = replace(pin, first_seen=old.first_seen, uses=old.uses)
            elif old is not None:
                pinfile.move_to_past(database, kind, name, now)
            pinfile.put_pin(database, pin)
            _keep_whole(database, kind, name, info)
            pinfile.drop_offer(database, kind, name)
            _log(database, now, kind, name, LogEvent.APPROVED, info, how)

    def forget(self, kind: PinKind, name: str, *, now: float | None = None) -> bool:
        """Remove a pin with its history and any offer, and log it; False if there was neither.

        ``now`` is Unix seconds, by default the system's clock.
        """
        at = datetime.now(UTC).timestamp() if now is None else now
        with self._file.writing(durable=True) as database:
            pin = pinfile.load_pin(database, kind, name)
            offered = pinfile.drop_offer(database, kind, name)
            pinfile.drop_pin(database, kind, name)
            if kind is PinKind.MAIL:
                pinfile.drop_anchor(database, name)
            if pin is not None:
                hashes = (pin.cert_sha256, pin.spki_sha256)
                pinfile.add_log(database, at, kind, name, LogEvent.FORGOTTEN, hashes, "")
        return pin is not None or offered

    # ---- certificates waiting for a decision ------------------------------------------------------

    def offer(self, kind: PinKind, name: str, info: CertificateInfo, *, now: float) -> None:
        """Keep the certificate last presented and not accepted, so that the user can look at it."""
        with self._file.writing(durable=False) as database:
            _offer(database, kind, name, info, now)

    def offered(self, kind: PinKind, name: str) -> Offer | None:
        """The certificate waiting for a decision about this host or sender."""
        with self._file.reading() as database:
            row = pinfile.load_offer(database, kind, name)
        return None if row is None else _offer_of(*row)

    def offers(self) -> list[Offer]:
        """Every certificate waiting for a decision, newest first."""
        with self._file.reading() as database:
            rows = pinfile.load_offers(database)
        return [_offer_of(*row) for row in rows]

    def withdraw(self, kind: PinKind, name: str) -> bool:
        """Drop an offer, because the user refused it; False if there was none."""
        with self._file.writing(durable=True) as database:
            return pinfile.drop_offer(database, kind, name)

    # ---- the log ----------------------------------------------------------------------------------

    def log(self, limit: int = 100) -> list[LogEntry]:
        """The latest events, newest first."""
        with self._file.reading() as database:
            return pinfile.load_log(database, limit)

    def export(self) -> str:
        """All pins with their history, and recipients' keys, as JSON text; times in ISO 8601, UTC."""
        return as_json(self.all(), self.all_mailbox_keys())

    # ---- memory of hosts --------------------------------------------------------------------------

    def recall(self, host: str, port: int) -> HostMemory:
        """What is known about the server at ``host:port``; empty if nothing is."""
        return self._file.host(pin_name(host, port))

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
        """Store what was learnt about a server; None leaves a value unchanged."""
        old = self.recall(host, port)
        new = HostMemory(
            speaks=speaks or old.speaks,
            since=now if speaks else old.since,
            sender_line=old.sender_line if sender_line is None else sender_line,
            size_limit=old.size_limit if size_limit is None else size_limit,
        )
        fresh = speaks is None or old.knows(speaks, now)
        if not fresh or replace(new, since=old.since) != old:
            self._put_host(pin_name(host, port), new)

    def unlearn(self, host: str, port: int) -> None:
        """Forget which version a host speaks, because it answered otherwise; the rest stays."""
        old = self.recall(host, port)
        if old.speaks is not None:
            self._put_host(pin_name(host, port), replace(old, speaks=None, since=0.0))

    def _put_host(self, name: str, memory: HostMemory) -> None:
        with self._file.writing(durable=False) as database:
            pinfile.put_host(database, name, memory)

    # ---- mail servers -----------------------------------------------------------------------------

    def anchor(self, name: str) -> bytes | None:
        """The certificate (DER) that is pinned for the mail server ``host:port``, or None."""
        with self._file.reading() as database:
            return pinfile.load_anchor(database, name)

    def recall_mail_server(self, account: str, server: str) -> MailServerFacts:
        """What the mail server ``host:port`` said about itself when ``account`` last used it."""
        with self._file.reading() as database:
            return pinfile.load_mail_server(database, account, server)

    def remember_mail_server(self, account: str, server: str, facts: MailServerFacts) -> None:
        """Store that; nothing is written where it is known already."""
        if self.recall_mail_server(account, server) != facts:
            with self._file.writing(durable=False) as database:
                pinfile.put_mail_server(database, account, server, facts)

    # ---- recipients -------------------------------------------------------------------------------

    def note_mailbox_key(self, address: str, fingerprint: str, *, now: float) -> MailboxKey | None:
        """Record the fingerprint (64 hex digits) a server gave for a mailbox in the META of a 20.

        Returns the previous value if it belongs to another key, else None. A certificate has more than one
        fingerprint, and a renewed one has new ones: if the person's own certificates are known, two
        fingerprints of the same key are not a change (docs/protocol.md §4.4). Not synced: a change lost in a
        power cut is found, and reported, again.
        """
        with self._file.writing(durable=False) as database:
            known = pinfile.load_mailbox_keys(database, address)
            pinfile.put_mailbox_key(database, address, fingerprint, now)
            before = known[-1] if known else None
            if before is None or before.fingerprint == fingerprint:
                return None
            pin = pinfile.load_pin(database, PinKind.SENDER, address)
            if pin is not None and _of_one_key(pin, before.fingerprint, fingerprint):
                return None
            hashes = (fingerprint, "")
            how = f"before: {before.fingerprint}"
            pinfile.add_log(database, now, PinKind.SENDER, address, LogEvent.MAILBOX_KEY, hashes, how)
            return before

    def mailbox_keys(self, address: str) -> list[MailboxKey]:
        """Every fingerprint servers have given for a mailbox (``mailbox@host``), the current one last."""
        with self._file.reading() as database:
            return pinfile.load_mailbox_keys(database, address)

    def all_mailbox_keys(self) -> dict[str, list[MailboxKey]]:
        """The same for every known mailbox, by address."""
        with self._file.reading() as database:
            return pinfile.load_all_mailbox_keys(database)

    def forget_mailbox_keys(self, address: str, *, now: float) -> bool:
        """Forget a mailbox's fingerprints, so that the next is the first; False if there was none."""
        with self._file.writing(durable=True) as database:
            known = pinfile.load_mailbox_keys(database, address)
            if not known:
                return False
            pinfile.drop_mailbox_keys(database, address)
            hashes = (known[-1].fingerprint, "")
            how = "recipient's key"
            pinfile.add_log(database, now, PinKind.SENDER, address, LogEvent.FORGOTTEN, hashes, how)
            return True

    # ---- what was reported ------------------------------------------------------------------------

    def already_reported(self, what: str, *, now: float) -> bool:
        """Whether ``what`` was reported to the user before; from now on it counts as reported."""
        with self._file.reading() as database:
            if pinfile.was_reported(database, what):
                return True
        with self._file.writing(durable=False) as database:
            return not pinfile.put_reported(database, what, now)

    # ---- life -------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Write the use counters that are only in memory."""
        self._file.flush()

    def close(self) -> None:
        """Write pending counters and close the file. The book cannot be used afterwards."""
        self._file.close()

    def __enter__(self) -> PinBook:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _judge(pin: Pin | None, kind: PinKind, name: str, info: CertificateInfo, now: float) -> Verdict:
    host = None if kind is PinKind.SENDER else name.rpartition(":")[0]
    return decide(pin, info, now, host=host)


def _keep_whole(database: sqlite3.Connection, kind: PinKind, name: str, info: CertificateInfo) -> None:
    if kind is PinKind.MAIL:
        pinfile.put_anchor(database, name, info.der)


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


def _offer_of(kind: PinKind, name: str, der: bytes, shown: float) -> Offer:
    from misfin.trust.certificate import read_certificate  # slow to import, and start-up lists only pins

    return Offer(kind, name, read_certificate(der), shown)


def _of_one_key(pin: Pin, *fingerprints: str) -> bool:
    """Whether all fingerprints belong to one key, judging by the pin and its history."""
    keys = {pin.spki_sha256: {pin.spki_sha256, pin.cert_sha256}}
    for past in pin.history:
        keys.setdefault(past.spki_sha256, {past.spki_sha256}).add(past.cert_sha256)
    return any(known.issuperset(fingerprints) for known in keys.values())
