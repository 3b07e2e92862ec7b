"""The file that records what both sides had when they last agreed: folders and messages (docs/sync.md §3).

A row is written only after the file of its message is on disk, and before anything is deleted anywhere. If
the file is lost or damaged, it is built again by matching, without loss; the damaged one is put aside.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

from misfin.errors import StoreError
from misfin.post.sync.base import AskReason, BaseRow, FolderState, SyncedFolder
from misfin.post.sync.identify import Facts
from misfin.post.sync.schema import STEPS
from misfin.post.sync.values import FlagSet, RemoteFolder, Role, SyncPoint
from misfin.store.database import Database, Values

_T = TypeVar("_T")

logger = logging.getLogger("misfin.sync")

_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_MESSAGES: Final = (
    "SELECT id, folder, remote_id, key, flags, keywords, size, msgid, head, digest, stored, lasting"
    " FROM message"
)
_VALUES: Final = "(SELECT value FROM json_each(?))"
"""A list of any length as one parameter."""
_OPEN_ENDS: Final = (
    "SELECT 1 WHERE EXISTS (SELECT 1 FROM message WHERE remote_id IS NULL)"
    # What is left on the server, or was opened there, stays noted.
    " OR EXISTS (SELECT 1 FROM doing WHERE kind <> 'fetch' AND NOT (kind = 'open' AND key <> ''))"
)
_KNOWS_MESSAGES: Final = " UNION ALL ".join(
    f"SELECT 1 FROM (SELECT 1 FROM {table} LIMIT 1)"  # noqa: S608 - constants
    for table in ("message", "doing", "gone")
)
_SAME_BYTES: Final = "SELECT digest, id, stored FROM message WHERE remote_id IS NOT NULL AND digest IN"
_MANY: Final = 500
"""Parameters of one statement."""


class SyncState:
    """The file (None: in memory). Thread-safe. One ``read_only`` must exist, and is never changed.

    Every method, and the constructor, raises :class:`~misfin.errors.StoreError` if the file cannot be used or
    was written by a newer version of this program. Changes are made inside :meth:`write`.
    """

    def __init__(self, path: Path | None, *, read_only: bool = False) -> None:
        self.path = path
        self._db = Database(path, "The sync state", STEPS, read_only=read_only)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def write(self) -> AbstractContextManager[None]:
        """One transaction, durable when the block ends and rolled back if it raises."""
        return self._db.write()

    def read(self, sql: str, values: Values = ()) -> list[Any]:
        """All rows of a query."""
        return self._db.read(sql, values)

    def execute(self, sql: str, values: Values = ()) -> None:
        """Run one statement inside :meth:`write`."""
        self._db.execute(sql, values)

    def executemany(self, sql: str, rows: Iterable[Values]) -> None:
        """Run a statement for each row, inside :meth:`write`."""
        self._db.executemany(sql, rows)

    # ---- the account and its folders

    def home(self) -> str:
        """The identity of the account's mail at the last pass; empty before the first."""
        rows = self._db.read("SELECT home FROM account")
        return str(rows[0][0]) if rows else ""

    def set_home(self, identity: str) -> None:
        """Remember the identity of the account's mail."""
        self._db.execute("DELETE FROM account")
        self._db.execute("INSERT INTO account VALUES (?)", (identity,))

    def folders(self) -> list[SyncedFolder]:
        """All folders, the oldest row first."""
        return [_folder(row) for row in self._db.read(f"{_FOLDERS} ORDER BY id")]

    def folder(self, local: str) -> SyncedFolder | None:
        """The folder of this name here."""
        rows = self._db.read(f"{_FOLDERS} WHERE local = ?", (local,))
        return _folder(rows[0]) if rows else None

    def add_folder(self, local: str, remote: RemoteFolder) -> SyncedFolder:
        """Pair two folders."""
        new = SyncedFolder(0, local, remote)
        row = self._db.insert(_ADD_FOLDER, _folder_values(new))
        return replace(new, id=row)

    def save_folder(self, folder: SyncedFolder) -> None:
        """Write everything about a folder."""
        self._db.execute(_SAVE_FOLDER, (*_folder_values(folder), folder.id))

    def in_step(self) -> float:
        """When both sides were last in sync (Unix seconds); 0 before they ever were."""
        rows = self._db.read("SELECT at FROM in_step")
        return float(rows[0][0]) if rows else 0.0

    def set_in_step(self, at: float) -> None:
        """Remember that both sides are in sync. For people only, so it may be lost in a power cut."""
        with self._db.write_soon():
            self._db.execute("DELETE FROM in_step")
            self._db.execute("INSERT INTO in_step VALUES (?)", (at,))

    def has_open_ends(self) -> bool:
        """Whether something is left to do, or the id of a message on the server is not known."""
        return bool(self._db.read(_OPEN_ENDS))

    def knows_messages(self) -> bool:
        """Whether any message is known, or was once."""
        return bool(self._db.read(_KNOWS_MESSAGES))

    def has_gone(self) -> bool:
        """Whether anything is remembered that was deleted."""
        return bool(self._db.read("SELECT 1 FROM gone LIMIT 1"))

    # ---- messages: reading

    def counts(self) -> dict[int, int]:
        """How many messages each folder has here, without those that are on the server only."""
        return dict(
            self._db.read("SELECT folder, count(*) FROM message WHERE key IS NOT NULL GROUP BY folder")
        )

    def has_messages(self, folder: int) -> bool:
        """Whether a folder has any message here."""
        sql = "SELECT 1 FROM message WHERE folder = ? AND key IS NOT NULL LIMIT 1"
        return bool(self._db.read(sql, (folder,)))

    def plain_names(self, folder: int) -> frozenset[str]:
        """The file names in ``cur`` of all messages without tags, if nothing has changed."""
        return frozenset(
            name
            for (name,) in self._db.read(
                "SELECT key || ':2,' || flags FROM message"
                " WHERE folder = ? AND key IS NOT NULL AND keywords = ''",
                (folder,),
            )
        )

    def tagged(self, folder: int) -> list[tuple[str, str, frozenset[str]]]:
        """Key, flags and tags of each message with tags."""
        return [
            (key, flags, frozenset(tags.split(" ")))
            for key, flags, tags in self._db.read(
                "SELECT key, flags, keywords FROM message"
                " WHERE folder = ? AND key IS NOT NULL AND keywords <> ''",
                (folder,),
            )
        ]

    def rows(self, ids: Collection[int]) -> dict[int, BaseRow]:
        """Messages by number."""
        return {row.id: row for row in self._rows(f"WHERE id IN {_VALUES}", json.dumps(list(ids)))}

    def by_keys(self, keys: Collection[str]) -> dict[str, BaseRow]:
        """Messages by key."""
        return {row.key: row for row in self._rows(f"WHERE key IN {_VALUES}", json.dumps(list(keys)))}

    def by_remote_ids(self, folder: int, ids: Collection[str]) -> dict[str, BaseRow]:
        """The messages of a folder by their ids on the server."""
        found = self._rows(f"WHERE folder = ? AND remote_id IN {_VALUES}", folder, json.dumps(list(ids)))
        return {row.remote_id: row for row in found}

    def on_server(self, folder: int) -> dict[str, tuple[int, FlagSet]]:
        """Number and flags of every message of a folder by its id on the server."""
        return {
            remote_id: (row, FlagSet(flags, frozenset(tags.split(" "))) if tags else FlagSet(flags))
            for remote_id, row, flags, tags in self._db.read(
                "SELECT remote_id, id, flags, keywords FROM message"
                " WHERE folder = ? AND remote_id IS NOT NULL",
                (folder,),
            )
        }

    def unnumbered(self) -> list[BaseRow]:
        """Messages whose id on the server is not known."""
        return self._rows("WHERE remote_id IS NULL ORDER BY id")

    def of_folder(self, folder: int) -> list[BaseRow]:
        """Every message of a folder, in the order in which they came."""
        return self._rows("WHERE folder = ? ORDER BY id", folder)

    def same_bytes(self, digests: Collection[bytes]) -> dict[bytes, dict[int, float]]:
        """When each message on the server with these bytes came. Looks at every row: for few occasions."""
        found: dict[bytes, dict[int, float]] = {}
        for some in batched(sorted({digest for digest in digests if digest}), _MANY):
            sql = f"{_SAME_BYTES} ({', '.join('?' * len(some))})"
            for digest, row, stored in self._db.read(sql, some):
                found.setdefault(bytes(digest), {})[row] = stored
        return found

    def by_lasting(self, ids: Collection[str]) -> dict[str, list[BaseRow]]:
        """The messages with each of these lasting ids, in the order in which they came."""
        found: dict[str, list[BaseRow]] = {}
        where = f"WHERE lasting IN {_VALUES} AND lasting <> '' ORDER BY id"
        for row in self._rows(where, json.dumps(list(ids))):
            found.setdefault(row.facts.lasting, []).append(row)
        return found

    def without_lasting(self, folder: int) -> frozenset[str]:
        """The ids on the server of a folder's messages whose lasting ids are not known."""
        sql = "SELECT remote_id FROM message WHERE folder = ? AND remote_id IS NOT NULL AND lasting = ''"
        return frozenset(remote_id for (remote_id,) in self._db.read(sql, (folder,)))

    def stored_before(self, time: float) -> frozenset[int]:
        """The numbers of messages that are on the server and came before a time."""
        sql = "SELECT id FROM message WHERE stored <= ? AND remote_id IS NOT NULL"
        return frozenset(row for (row,) in self._db.read(sql, (time,)))

    def _rows(self, where: str, *values: object) -> list[BaseRow]:
        return [_row(row) for row in self._db.read(f"{_MESSAGES} {where}", values)]

    # ---- messages: writing

    def add(self, rows: Iterable[BaseRow]) -> None:
        """Add messages; their numbers are given here, and those they come with ignored.

        What was known of the same id on the server, or of the same key, is replaced: it is this message.
        """
        self._db.executemany(
            "INSERT OR REPLACE INTO message (folder, remote_id, key, flags, keywords, size, msgid, head,"
            " digest, stored, lasting) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            map(_row_values, rows),
        )

    def save(self, rows: Iterable[BaseRow]) -> None:
        """Write everything about messages that are known."""
        self._db.executemany(
            "UPDATE OR REPLACE message SET folder = ?, remote_id = ?, key = ?, flags = ?, keywords = ?,"
            " size = ?, msgid = ?, head = ?, digest = ?, stored = ?, lasting = ? WHERE id = ?",
            ((*_row_values(row), row.id) for row in rows),
        )

    def set_flags(self, changes: Iterable[tuple[int, FlagSet]]) -> None:
        """Write the flags of messages."""
        self._db.executemany(
            "UPDATE message SET flags = ?, keywords = ? WHERE id = ?",
            ((flags.chars, _joined(flags.tags), row) for row, flags in changes),
        )

    def set_lasting(self, ids: Iterable[tuple[tuple[int, str], str]]) -> None:
        """Write the lasting ids of messages, by folder and id on the server.

        Not by their numbers here: a draft may have been uploaded again since the server said its id.
        """
        self._db.executemany(
            "UPDATE message SET lasting = ? WHERE folder = ? AND remote_id = ?",
            ((lasting, *there) for there, lasting in ids),
        )

    def unnumber(self, folder: int) -> None:
        """Forget the ids on the server of all messages of a folder, and what was only there."""
        self._db.execute("DELETE FROM message WHERE folder = ? AND key IS NULL", (folder,))
        self._db.execute("UPDATE message SET remote_id = NULL WHERE folder = ?", (folder,))
        self._db.execute("DELETE FROM doing WHERE folder = ? AND remote_id <> ''", (folder,))
        self._db.execute("DELETE FROM piece WHERE folder = ?", (folder,))

    def forget(self, ids: Iterable[int]) -> None:
        """Forget messages."""
        self._db.executemany("DELETE FROM message WHERE id = ?", ((row,) for row in ids))


def open_state(path: Path, now: float, *, damaged: bool = False) -> SyncState:
    """Open the sync state of an account; a damaged file is put aside and a new one begun.

    Damage may show only later, as a :class:`~misfin.errors.StoreError` that :func:`is_damaged`: then close
    the state and open it with ``damaged``. Raises :class:`~misfin.errors.StoreError`, also for a file written
    by a newer version of this program.
    """
    if not damaged:
        try:
            return SyncState(path)
        except StoreError as error:
            if not is_damaged(error):
                raise
    aside = path.with_name(f"{path.name}.damaged-{int(now)}")
    logger.warning("The sync state %s is damaged. It was set aside as %s and is being rebuilt.", path, aside)
    try:
        path.rename(aside)
        for ending in ("-wal", "-shm"):
            path.with_name(path.name + ending).unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(
            f"The sync state {path} is damaged and could not be set aside: {error.strerror}."
        ) from error
    return SyncState(path)


def is_damaged(error: StoreError) -> bool:
    """Whether an error means that a file is not, or no longer, a database."""
    cause = error.__cause__
    code = getattr(cause, "sqlite_errorcode", 0) or 0
    return isinstance(cause, sqlite3.DatabaseError) and code & 0xFF in _DAMAGED


def batched(values: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    """The values, so many at a time."""
    return (values[at : at + size] for at in range(0, len(values), size))


# ---- rows and values ------------------------------------------------------------------------------

_FOLDER_COLUMNS: Final = (
    *("local", "remote", "name", "remote_id", "role", "uploads", "epoch", "next", "modseq", "count"),
    *("synced_at", "state", "why", "stamp", "kept", "epoch_since", "doubted"),
)
_NAMES: Final = ", ".join(_FOLDER_COLUMNS)
_FOLDERS: Final = f"SELECT id, {_NAMES} FROM folder"  # noqa: S608 - constants
_ADD_FOLDER: Final = f"INSERT INTO folder ({_NAMES}) VALUES ({', '.join('?' * len(_FOLDER_COLUMNS))})"  # noqa: S608 - as above
_SAVE_FOLDER: Final = f"UPDATE folder SET {' = ?, '.join(_FOLDER_COLUMNS)} = ? WHERE id = ?"  # noqa: S608


def _folder(row: Sequence[Any]) -> SyncedFolder:
    number, local, remote, name, remote_id, role, uploads, epoch, next_, modseq, count, *rest = row
    synced_at, state, why, stamp, kept, since, asked_about = rest
    there = RemoteFolder(bytes(remote), name, Role(role), remote_id, bool(uploads))
    point = SyncPoint(epoch, next_, modseq, count)
    return SyncedFolder(
        number,
        local,
        there,
        point,
        synced_at,
        FolderState(state),
        AskReason(why),
        stamp,
        kept,
        since,
        asked_about,
    )


def _folder_values(folder: SyncedFolder) -> tuple[object, ...]:
    there, point = folder.remote, folder.point
    return (
        *(folder.local, there.raw, there.name, there.id, there.role.value, there.uploads),
        *(point.epoch, point.next, point.modseq, point.count, folder.synced_at),
        *(folder.state.value, folder.reason.value, folder.stamp, folder.kept, folder.epoch_since),
        folder.asked_about,
    )


def _row(row: Sequence[Any]) -> BaseRow:
    number, folder, remote_id, key, flags, tags, size, msgid, head, digest, stored, lasting = row
    flag_set = FlagSet(flags, frozenset(tags.split(" "))) if tags else FlagSet(flags)
    facts = Facts(bytes(msgid), bytes(head), size, bytes(digest), lasting)
    return BaseRow(number, folder, remote_id or "", key or "", flag_set, facts, stored)


def _row_values(row: BaseRow) -> tuple[object, ...]:
    facts = row.facts
    return (
        *(row.folder, row.remote_id or None, row.key or None, row.flags.chars, _joined(row.flags.tags)),
        *(facts.size, facts.msgid, facts.head, facts.digest, row.stored, facts.lasting),
    )


def _joined(tags: Collection[str]) -> str:
    return " ".join(sorted(tags))
