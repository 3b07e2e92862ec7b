"""The SQLite file of the pin book: its tables and the statements on them."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from misfin.files import private_folder
from misfin.sqlite import bring_up_to_date, connect, log_ahead
from misfin.trust.records import HostMemory, LogEntry, LogEvent, MailServerFacts
from misfin.trust.tofu import MailboxKey, PastPin, Pin, PinKind

if TYPE_CHECKING:
    from misfin.trust.identity import CertificateInfo

# Strangers can make us renew and log (a sender with a new certificate on the same key each time),
# so both are limited; the oldest entries are dropped.
MAX_HISTORY = 50
MAX_LOG = 10_000

_TABLES = """
CREATE TABLE pins (
    kind TEXT NOT NULL, name TEXT NOT NULL, cert_sha256 TEXT NOT NULL, spki_sha256 TEXT NOT NULL,
    not_before REAL NOT NULL, not_after REAL NOT NULL, first_seen REAL NOT NULL, last_seen REAL NOT NULL,
    uses INTEGER NOT NULL, how TEXT NOT NULL, PRIMARY KEY (kind, name)
) WITHOUT ROWID;
CREATE TABLE past (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL,
    cert_sha256 TEXT NOT NULL, spki_sha256 TEXT NOT NULL,
    not_before REAL NOT NULL, not_after REAL NOT NULL, first_seen REAL NOT NULL, last_seen REAL NOT NULL,
    uses INTEGER NOT NULL, how TEXT NOT NULL, replaced REAL NOT NULL
);
CREATE INDEX past_of ON past (kind, name, id);
CREATE TABLE offers (
    kind TEXT NOT NULL, name TEXT NOT NULL, der BLOB NOT NULL, shown REAL NOT NULL, PRIMARY KEY (kind, name)
);
CREATE TABLE log (
    id INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, event TEXT NOT NULL,
    cert_sha256 TEXT NOT NULL, spki_sha256 TEXT NOT NULL, how TEXT NOT NULL
);
CREATE TABLE hosts (
    name TEXT PRIMARY KEY, speaks TEXT, since REAL NOT NULL,
    sender_line INTEGER NOT NULL, size_limit INTEGER
) WITHOUT ROWID
"""
_MAILBOX_KEYS = """
CREATE TABLE mailbox_keys (
    id INTEGER PRIMARY KEY, address TEXT NOT NULL, fingerprint TEXT NOT NULL,
    first_seen REAL NOT NULL, last_seen REAL NOT NULL
);
CREATE INDEX mailbox_keys_of ON mailbox_keys (address, id);
CREATE TABLE told (what TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID
"""
_MAIL_SERVERS = """
CREATE TABLE anchors (name TEXT PRIMARY KEY, der BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE mail_servers (
    account TEXT NOT NULL, server TEXT NOT NULL, size_limit INTEGER, extensions TEXT NOT NULL,
    PRIMARY KEY (account, server)
) WITHOUT ROWID
"""
_STEPS = (_TABLES.split(";"), _MAILBOX_KEYS.split(";"), _MAIL_SERVERS.split(";"))
"""The statements from each schema version to the next, starting with an empty file."""


def open_writer(path: Path | None, called: str) -> sqlite3.Connection:
    """Open the file for writing, WAL and durable; creates it in a folder of mode 0700 if missing.

    ``called`` is how errors name the file.
    """
    if path is not None:
        private_folder(path.parent)
    database = connect(path)
    try:
        log_ahead(database)
        database.execute("PRAGMA synchronous = FULL")
        bring_up_to_date(database, called, _STEPS)
    except BaseException:
        database.close()
        raise
    return database


def load_pin(database: sqlite3.Connection, kind: PinKind, name: str) -> Pin | None:
    """One pin with its history, or None."""
    row = database.execute(
        "SELECT cert_sha256, spki_sha256, not_before, not_after, first_seen, last_seen, uses, how"
        " FROM pins WHERE kind = ? AND name = ?",
        (kind, name),
    ).fetchone()
    if row is None:
        return None
    past = database.execute(
        "SELECT cert_sha256, spki_sha256, not_before, not_after, first_seen, last_seen, uses, how, replaced"
        " FROM past WHERE kind = ? AND name = ? ORDER BY id",
        (kind, name),
    )
    values = (*row, tuple(PastPin(*old) for old in past))
    return Pin(kind, name, *values)


def load_pins(database: sqlite3.Connection, kind: PinKind) -> list[Pin]:
    """All pins of one kind by name, each with its history."""
    history: dict[str, list[PastPin]] = {}
    for name, *values in database.execute(
        "SELECT name, cert_sha256, spki_sha256, not_before, not_after, first_seen, last_seen, uses, how,"
        " replaced FROM past WHERE kind = ? ORDER BY id",
        (kind,),
    ):
        history.setdefault(name, []).append(PastPin(*values))
    rows = database.execute(
        "SELECT name, cert_sha256, spki_sha256, not_before, not_after, first_seen, last_seen, uses, how"
        " FROM pins WHERE kind = ? ORDER BY name",
        (kind,),
    )
    return [Pin(kind, name, *(*values, tuple(history.get(name, ())))) for name, *values in rows]


def put_pin(database: sqlite3.Connection, pin: Pin) -> None:
    """Write the current values of a pin; :func:`move_to_past` keeps its history."""
    database.execute(
        "INSERT OR REPLACE INTO pins (kind, name, cert_sha256, spki_sha256, not_before, not_after,"
        " first_seen, last_seen, uses, how) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            pin.kind,
            pin.name,
            pin.cert_sha256,
            pin.spki_sha256,
            pin.not_before,
            pin.not_after,
            pin.first_seen,
            pin.last_seen,
            pin.uses,
            pin.how,
        ),
    )


def new_pin(kind: PinKind, name: str, info: CertificateInfo, *, how: str, now: float, uses: int) -> Pin:
    """A new pin for a certificate seen now."""
    return Pin(
        kind=kind,
        name=name,
        cert_sha256=info.fingerprints.cert,
        spki_sha256=info.fingerprints.spki,
        not_before=info.not_before.timestamp(),
        not_after=info.not_after.timestamp(),
        first_seen=now,
        last_seen=now,
        uses=uses,
        how=how,
    )


def move_to_past(database: sqlite3.Connection, kind: PinKind, name: str, now: float) -> None:
    """Copy the current values of a pin to its history, which keeps the latest :data:`MAX_HISTORY`."""
    database.execute(
        "INSERT INTO past (kind, name, cert_sha256, spki_sha256, not_before, not_after, first_seen,"
        " last_seen, uses, how, replaced)"
        " SELECT kind, name, cert_sha256, spki_sha256, not_before, not_after, first_seen, last_seen, uses,"
        " how, ? FROM pins WHERE kind = ? AND name = ?",
        (now, kind, name),
    )
    database.execute(
        "DELETE FROM past WHERE kind = ? AND name = ? AND id NOT IN"
        " (SELECT id FROM past WHERE kind = ? AND name = ? ORDER BY id DESC LIMIT ?)",
        (kind, name, kind, name, MAX_HISTORY),
    )


def drop_pin(database: sqlite3.Connection, kind: PinKind, name: str) -> None:
    """Remove a pin and its history."""
    database.execute("DELETE FROM pins WHERE kind = ? AND name = ?", (kind, name))
    database.execute("DELETE FROM past WHERE kind = ? AND name = ?", (kind, name))


def add_uses(database: sqlite3.Connection, uses: Mapping[tuple[PinKind, str], tuple[int, float]]) -> None:
    """Add uses: for each pin how many, and the time of the last one."""
    database.executemany(
        "UPDATE pins SET uses = uses + ?, last_seen = max(last_seen, ?) WHERE kind = ? AND name = ?",
        [(count, last, *key) for key, (count, last) in uses.items()],
    )


def load_offer(
    database: sqlite3.Connection, kind: PinKind, name: str
) -> tuple[PinKind, str, bytes, float] | None:
    """The certificate offered under a pin's name: kind, name, DER, and when it was presented."""
    row = database.execute(
        "SELECT der, shown FROM offers WHERE kind = ? AND name = ?", (kind, name)
    ).fetchone()
    return None if row is None else (kind, name, *row)


def load_offers(database: sqlite3.Connection) -> list[tuple[PinKind, str, bytes, float]]:
    """All offered certificates, newest first."""
    rows = database.execute("SELECT kind, name, der, shown FROM offers ORDER BY shown DESC")
    return [(PinKind(kind), *rest) for kind, *rest in rows]


def put_offer(
    database: sqlite3.Connection, kind: PinKind, name: str, info: CertificateInfo, now: float
) -> bool:
    """Keep the certificate last presented; False if it is already kept."""
    row = database.execute("SELECT der FROM offers WHERE kind = ? AND name = ?", (kind, name)).fetchone()
    database.execute(
        "INSERT OR REPLACE INTO offers (kind, name, der, shown) VALUES (?, ?, ?, ?)",
        (kind, name, info.der, now),
    )
    return row is None or row[0] != info.der


def drop_offer(database: sqlite3.Connection, kind: PinKind, name: str) -> bool:
    """Remove an offer; False if there was none."""
    gone = database.execute("DELETE FROM offers WHERE kind = ? AND name = ?", (kind, name))
    return gone.rowcount > 0


def add_log(
    database: sqlite3.Connection,
    at: float,
    kind: PinKind,
    name: str,
    event: str,
    hashes: tuple[str, str],
    how: str,
) -> None:
    """Append to the log, which keeps the latest :data:`MAX_LOG` lines."""
    database.execute(
        "INSERT INTO log (at, kind, name, event, cert_sha256, spki_sha256, how) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (at, kind, name, event, *hashes, how),
    )
    database.execute("DELETE FROM log WHERE id <= (SELECT max(id) FROM log) - ?", (MAX_LOG,))


def load_log(database: sqlite3.Connection, limit: int) -> list[LogEntry]:
    """The latest log lines, newest first."""
    rows = database.execute(
        "SELECT at, kind, name, event, cert_sha256, spki_sha256, how FROM log ORDER BY id DESC LIMIT ?",
        (limit,),
    )
    return [LogEntry(at, PinKind(kind), name, LogEvent(e), *rest) for at, kind, name, e, *rest in rows]


def load_host(database: sqlite3.Connection, name: str) -> HostMemory:
    """What is known about the server ``host:port``; empty if nothing is."""
    row = database.execute(
        "SELECT speaks, since, sender_line, size_limit FROM hosts WHERE name = ?", (name,)
    ).fetchone()
    if row is None:
        return HostMemory()
    speaks, since, sender_line, size_limit = row
    from misfin.model.gemmail import Version  # late: only hosts of Misfin speak one

    return HostMemory(Version(speaks) if speaks else None, since, bool(sender_line), size_limit)


def put_host(database: sqlite3.Connection, name: str, memory: HostMemory) -> None:
    """Store what is known about a server."""
    database.execute(
        "INSERT OR REPLACE INTO hosts (name, speaks, since, sender_line, size_limit) VALUES (?, ?, ?, ?, ?)",
        (name, memory.speaks, memory.since, memory.sender_line, memory.size_limit),
    )


def was_reported(database: sqlite3.Connection, what: str) -> bool:
    """Whether ``what`` was reported to the user."""
    return database.execute("SELECT 1 FROM told WHERE what = ?", (what,)).fetchone() is not None


def put_reported(database: sqlite3.Connection, what: str, now: float) -> bool:
    """Record that ``what`` was reported; False if it was recorded before."""
    return bool(database.execute("INSERT OR IGNORE INTO told VALUES (?, ?)", (what, now)).rowcount)


def load_mailbox_keys(database: sqlite3.Connection, address: str) -> list[MailboxKey]:
    """The fingerprints servers have given for a mailbox, in order, the current one last."""
    rows = database.execute(
        "SELECT fingerprint, first_seen, last_seen FROM mailbox_keys WHERE address = ? ORDER BY id",
        (address,),
    )
    return [MailboxKey(*row) for row in rows]


def load_all_mailbox_keys(database: sqlite3.Connection) -> dict[str, list[MailboxKey]]:
    """The same for every mailbox, by address."""
    found: dict[str, list[MailboxKey]] = {}
    for address, *key in database.execute(
        "SELECT address, fingerprint, first_seen, last_seen FROM mailbox_keys ORDER BY address, id"
    ):
        found.setdefault(address, []).append(MailboxKey(*key))
    return found


def drop_mailbox_keys(database: sqlite3.Connection, address: str) -> None:
    """Remove all fingerprints of a mailbox."""
    database.execute("DELETE FROM mailbox_keys WHERE address = ?", (address,))


def put_mailbox_key(database: sqlite3.Connection, address: str, fingerprint: str, now: float) -> None:
    """Add a fingerprint, or update the current one if unchanged; keeps the latest :data:`MAX_HISTORY`."""
    seen_again = database.execute(
        "UPDATE mailbox_keys SET last_seen = max(last_seen, ?) WHERE fingerprint = ?"
        " AND id = (SELECT max(id) FROM mailbox_keys WHERE address = ?)",
        (now, fingerprint, address),
    )
    if seen_again.rowcount:
        return
    database.execute(
        "INSERT INTO mailbox_keys (address, fingerprint, first_seen, last_seen) VALUES (?, ?, ?, ?)",
        (address, fingerprint, now, now),
    )
    database.execute(
        "DELETE FROM mailbox_keys WHERE address = ? AND id NOT IN"
        " (SELECT id FROM mailbox_keys WHERE address = ? ORDER BY id DESC LIMIT ?)",
        (address, address, MAX_HISTORY),
    )


def put_anchor(database: sqlite3.Connection, name: str, der: bytes) -> None:
    """Keep the certificate that is pinned for a mail server, whole: TLS needs more than its hash."""
    database.execute("INSERT OR REPLACE INTO anchors (name, der) VALUES (?, ?)", (name, der))


def load_anchor(database: sqlite3.Connection, name: str) -> bytes | None:
    """The certificate (DER) pinned for a mail server, or None."""
    row = database.execute("SELECT der FROM anchors WHERE name = ?", (name,)).fetchone()
    return None if row is None else bytes(row[0])


def drop_anchor(database: sqlite3.Connection, name: str) -> None:
    """Forget it."""
    database.execute("DELETE FROM anchors WHERE name = ?", (name,))


def load_mail_server(database: sqlite3.Connection, account: str, server: str) -> MailServerFacts:
    """What is known about a mail server of an account; empty where nothing is."""
    row = database.execute(
        "SELECT size_limit, extensions FROM mail_servers WHERE account = ? AND server = ?", (account, server)
    ).fetchone()
    return MailServerFacts() if row is None else MailServerFacts(row[0], frozenset(row[1].split()))


def put_mail_server(database: sqlite3.Connection, account: str, server: str, facts: MailServerFacts) -> None:
    """Replace what is known about a mail server of an account."""
    database.execute(
        "INSERT OR REPLACE INTO mail_servers (account, server, size_limit, extensions) VALUES (?, ?, ?, ?)",
        (account, server, facts.size_limit, " ".join(sorted(facts.extensions))),
    )
