"""What was found out about the senders of e-mails, kept in ``authors.db`` so that it is asked only once.

A result belongs to the bytes of a message and not to its file, so it survives moves, another program, and a
new index. A header alone says whether there may be one, which an index can afford for every message; it
counts only if the body is the same too. Messages with the same header, such as one before and after an
attachment was deleted from it, have a result each.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from misfin.files import private_folder
from misfin.model.authorship import MailFindings
from misfin.sqlite import bring_up_to_date, connect, log_ahead, transaction, translated
from misfin.store.blake2 import blake2b

if TYPE_CHECKING:
    import sqlite3

FILE: Final = "authors.db"
MAX_MESSAGE: Final = 4 * 1024 * 1024
"""Bytes of a message whose result is kept: as many as an index reads of one."""
_MAX_RESULTS: Final = 500_000
_STEPS: Final = (
    (
        "CREATE TABLE results (head BLOB PRIMARY KEY, body BLOB NOT NULL, at REAL NOT NULL,"
        " found TEXT NOT NULL) WITHOUT ROWID",
    ),
    (  # until then, a message took the place of every other one with its header
        "ALTER TABLE results RENAME TO one_per_header",
        "CREATE TABLE results (head BLOB NOT NULL, body BLOB NOT NULL, at REAL NOT NULL, found TEXT NOT NULL,"
        " PRIMARY KEY (head, body)) WITHOUT ROWID",
        "INSERT INTO results SELECT head, body, at, found FROM one_per_header",
        "DROP TABLE one_per_header",
    ),
)

_REMOVE_OLDEST: Final = (
    "DELETE FROM results WHERE (head, body) IN"
    " (SELECT head, body FROM results ORDER BY at DESC LIMIT -1 OFFSET ?)"
)


class AuthorResults:
    """The file beside the mail. Thread-safe; several processes may share it.

    It is created with the first result. Every method raises :class:`~misfin.errors.StoreError` if the file
    cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._called = f"The list of checked senders, {path},"
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None

    def get(self, data: bytes) -> MailFindings | None:
        """What was found out about a whole message."""
        with self._opened(create=False) as db:
            if db is None:
                return None
            head = _head(data)
            if db.execute("SELECT 1 FROM results WHERE head = ? LIMIT 1", (head,)).fetchone() is None:
                return None
            asked = "SELECT found FROM results WHERE head = ? AND body = ?"
            row = db.execute(asked, (head, _body(data))).fetchone()
        return None if row is None else _read(row[0])

    def put(self, data: bytes, found: MailFindings, now: float) -> None:
        """Keep a result; that of a message larger than :data:`MAX_MESSAGE` is not kept."""
        if len(data) > MAX_MESSAGE:
            return
        row = (_head(data), _body(data), now, json.dumps(asdict(found)))
        with self._opened(create=True) as db:
            assert db is not None
            with transaction(db):
                db.execute("INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?)", row)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    @contextmanager
    def _opened(self, *, create: bool) -> Iterator[sqlite3.Connection | None]:
        with self._lock, translated(self._called, "It may be deleted; senders are then checked again."):
            if self._db is None and (create or self._path.exists()):
                private_folder(self._path.parent)
                db = connect(self._path)
                try:
                    log_ahead(db)
                    db.execute("PRAGMA synchronous = NORMAL")  # a power cut may lose the last ones
                    bring_up_to_date(db, self._called, _STEPS)
                    db.execute(_REMOVE_OLDEST, (_MAX_RESULTS,))
                except BaseException:
                    db.close()
                    raise
                self._db = db
            yield self._db


def _read(text: str) -> MailFindings | None:
    try:
        said = json.loads(text)
        said["others"] = tuple(said["others"])
        said["bad"] = tuple((domain, state) for domain, state in said["bad"])
        if "listed" not in said and said["others"] and not said["aligned"]:
            return None  # written before lists could be accepted: whether one signed it is not known
        said["listed"] = tuple(said.get("listed", ()))
        return MailFindings(**said)
    except (ValueError, TypeError, KeyError):
        return None  # of another version: it is checked again


def _head(data: bytes) -> bytes:
    ends = [at for end in (b"\n\n", b"\r\n\r\n") if (at := data.find(end)) >= 0]
    return blake2b(data[: min(ends, default=len(data))], digest_size=16).digest()


def _body(data: bytes) -> bytes:
    return blake2b(data, digest_size=16).digest()
