"""A durable log of the last actions on messages, with what is needed to undo them.

An action is recorded before it touches the first message, as planned, and again when it is done, with its
actual result. Messages it had not reached when the program died are unchanged, and undo leaves them alone.
The file may be deleted: only undo is lost.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import fields
from operator import attrgetter
from pathlib import Path
from typing import Final

from misfin.errors import StoreError
from misfin.files import private_folder
from misfin.sqlite import bring_up_to_date, connect, log_ahead, transaction, translated
from misfin.store.filing import Action, Change, Undo
from misfin.store.filing_changes import RegroupAction
from misfin.store.owners import is_alive, process_token

FORGOTTEN_AFTER: Final = 86400.0
"""Seconds after which the actions of an earlier run can no longer be undone."""
MAX_ACTIONS: Final = 100
MAX_MESSAGES: Final = 200_000
"""The most messages in all actions together; the last action is kept regardless of its size."""
_FACTS: Final = attrgetter(*(field.name for field in fields(Change)))
_STEPS: Final = (
    (
        "CREATE TABLE undo (id INTEGER PRIMARY KEY AUTOINCREMENT, owner TEXT NOT NULL, at REAL NOT NULL,"
        " letters INTEGER NOT NULL, undo BLOB NOT NULL)",
    ),
    ("ALTER TABLE undo RENAME COLUMN letters TO messages",),
)


class UndoLog:
    """The file (None: in memory). Thread-safe; several processes may share it, each with its own actions.

    Opening it takes over the actions of processes that have ended. Every method raises :class:`StoreError`
    if the file cannot be used.
    """

    def __init__(self, path: Path | None, now: float) -> None:
        self._called = f"The list of what can be undone, {path or 'in memory'},"
        self._owner = process_token()
        self._lock = threading.Lock()
        with self._translated():
            if path is not None:
                private_folder(path.parent)
            self._db = connect(path)
            try:
                log_ahead(self._db)
                self._db.execute("PRAGMA synchronous = NORMAL")  # a power cut may lose the last ones
                bring_up_to_date(self._db, self._called, _STEPS)
                self._take_over(now)
            except BaseException:
                self._db.close()
                raise

    def _take_over(self, now: float) -> None:
        owners = [owner for (owner,) in self._db.execute("SELECT DISTINCT owner FROM undo")]
        ended = json.dumps([owner for owner in owners if owner != self._owner and not is_alive(owner)])
        with transaction(self._db):
            self._db.execute(
                "DELETE FROM undo WHERE owner IN (SELECT value FROM json_each(?)) AND at NOT BETWEEN ? AND ?",
                (ended, now - FORGOTTEN_AFTER, now + FORGOTTEN_AFTER),
            )
            self._db.execute(
                "UPDATE undo SET owner = ? WHERE owner IN (SELECT value FROM json_each(?))",
                (self._owner, ended),
            )

    def add(self, planned: Undo, now: float) -> int:
        """Record an action that is about to begin; returns its number."""
        with self._changing():
            number = self._db.execute(
                "INSERT INTO undo (owner, at, messages, undo) VALUES (?, ?, ?, ?)",
                (self._owner, now, planned.count, _packed(planned)),
            ).lastrowid
            assert number is not None
            self._db.execute(
                "DELETE FROM undo WHERE owner = ?1 AND id < ?2 AND id NOT IN (SELECT id FROM ("
                " SELECT id, count(*) OVER newest AS actions, sum(messages) OVER newest AS messages FROM undo"
                " WHERE owner = ?1 WINDOW newest AS (ORDER BY id DESC))"
                " WHERE actions <= ?3 AND messages <= ?4)",
                (self._owner, number, MAX_ACTIONS, MAX_MESSAGES),
            )
        return number

    def settle(self, number: int, undo: Undo) -> None:
        """Record the result of an action."""
        with self._changing():
            row = (undo.count, _packed(undo), number)
            self._db.execute("UPDATE undo SET messages = ?, undo = ? WHERE id = ?", row)

    def last(self) -> tuple[int, Undo] | None:
        """The last action, with its number."""
        asked = "SELECT id, undo FROM undo WHERE owner = ? ORDER BY id DESC LIMIT 1"
        with self._lock, self._translated():
            found = self._db.execute(asked, (self._owner,)).fetchone()
        return None if found is None else (found[0], _unpacked(found[1]))

    def newest(self) -> float:
        """When the last action began, in Unix seconds; 0 if there is none."""
        with self._lock, self._translated():
            asked = "SELECT coalesce(max(at), 0.0) FROM undo WHERE owner = ?"
            return float(self._db.execute(asked, (self._owner,)).fetchone()[0])

    def remove(self, number: int) -> None:
        """Remove an action that was undone or changed nothing."""
        with self._changing():
            self._db.execute("DELETE FROM undo WHERE id = ?", (number,))

    def close(self) -> None:
        """Close the file; its actions are kept for the next run."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with self._lock, self._translated(), transaction(self._db):
            yield

    def _translated(self) -> AbstractContextManager[None]:
        return translated(self._called, "It may be deleted; only undo is lost.")


def open_log(path: Path, now: float) -> UndoLog:
    """The log in this file; in a new file if it is damaged, in memory if it cannot be used."""
    try:
        return UndoLog(path, now)
    except StoreError as error:
        if type(error.__cause__) is not sqlite3.DatabaseError:  # locked, read-only, or of a newer version
            return UndoLog(None, now)
    for suffix in ("", "-wal", "-shm"):
        with suppress(OSError):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
    try:
        return UndoLog(path, now)
    except StoreError:
        return UndoLog(None, now)


def _packed(undo: Undo) -> bytes:
    # Names of files and folders may contain bytes that are not UTF-8: JSON keeps them, TEXT columns do not.
    facts = (undo.action, undo.argument, undo.missed, [_FACTS(change) for change in undo.done])
    return zlib.compress(json.dumps(facts, separators=(",", ":")).encode(), 1)


def _unpacked(data: bytes) -> Undo:
    action, argument, missed, done = json.loads(zlib.decompress(data))
    meant = RegroupAction(action) if action in set(RegroupAction) else Action(action)
    return Undo(meant, argument, tuple(Change(*facts) for facts in done), missed)
