"""The record of unfinished steps, deleted messages, partial fetches, and changes made on the server."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from misfin.post.sync.base import GoneRow, OperationKind, PendingOperation
from misfin.post.sync.identify import Facts
from misfin.post.sync.state import SyncState
from misfin.valueclass import dataclass

REMEMBERED: Final = 30 * 86400.0
"""Seconds for which changes on the server, and what was deleted, are remembered."""
_PENDING: Final = (
    'SELECT id, kind, folder, key, remote_id, "to", msgid, head, size, digest, begun FROM doing'
    " WHERE kind IN (SELECT value FROM json_each(?)) ORDER BY id"
)


@dataclass(frozen=True, slots=True)
class ServerChange:
    """A change made on the server, for people: ``what`` was done to which message, and ``detail`` how."""

    at: float
    folder: str
    what: str
    remote_id: str = ""
    key: str = ""
    detail: str = ""


# ---- being done


def pending(
    state: SyncState, kinds: Collection[OperationKind] = tuple(OperationKind)
) -> list[PendingOperation]:
    """Everything begun of these kinds, the oldest first."""
    return [_pending(row) for row in state.read(_PENDING, (json.dumps([kind.value for kind in kinds]),))]


def begin(state: SyncState, steps: Iterable[PendingOperation]) -> None:
    """Write down what is about to be done; inside ``state.write()``. Their numbers are given here."""
    state.executemany(
        'INSERT INTO doing (kind, folder, key, remote_id, "to", msgid, head, size, digest, begun)'
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (
                *(step.kind.value, step.folder, step.key, step.remote_id, step.to),
                *(step.facts.msgid, step.facts.head, step.facts.size, step.facts.digest, step.begun),
            )
            for step in steps
        ),
    )


def ended(state: SyncState, ids: Iterable[int]) -> None:
    """Forget steps, in the transaction that records their result."""
    state.executemany("DELETE FROM doing WHERE id = ?", ((row,) for row in ids))


def ended_for(state: SyncState, kind: OperationKind, keys: Iterable[str]) -> None:
    """Forget the steps of a kind by the keys of their messages."""
    state.executemany("DELETE FROM doing WHERE kind = ? AND key = ?", ((kind.value, key) for key in keys))


def ended_there(state: SyncState, kind: OperationKind, folder: int, remote_ids: Iterable[str]) -> None:
    """Forget the steps of a kind by the ids of their messages on the server."""
    state.executemany(
        "DELETE FROM doing WHERE kind = ? AND folder = ? AND remote_id = ?",
        ((kind.value, folder, remote_id) for remote_id in remote_ids),
    )


def _pending(row: Sequence[Any]) -> PendingOperation:
    number, kind, folder, key, remote_id, to, msgid, head, size, digest, begun = row
    facts = Facts(bytes(msgid), bytes(head), size, bytes(digest))
    return PendingOperation(number, OperationKind(kind), folder, key, remote_id, to, facts, begun)


# ---- gone


def gone(state: SyncState) -> list[GoneRow]:
    """What was deleted by the other side, the latest first."""
    sql = "SELECT id, folder, remote_id, msgid, head, size, at, attic FROM gone ORDER BY at DESC, id DESC"
    return [
        GoneRow(number, folder, remote_id, Facts(bytes(msgid), bytes(head), size), at, attic)
        for number, folder, remote_id, msgid, head, size, at, attic in state.read(sql)
    ]


def remember_deleted(state: SyncState, rows: Iterable[GoneRow]) -> None:
    """Remember deleted messages; inside ``state.write()``."""
    state.executemany(
        "INSERT INTO gone (folder, remote_id, msgid, head, size, at, attic) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            (row.folder, row.remote_id, row.facts.msgid, row.facts.head, row.facts.size, row.at, row.attic)
            for row in rows
        ),
    )


def forget_deleted(state: SyncState, ids: Iterable[int]) -> None:
    """Forget that messages were deleted."""
    state.executemany("DELETE FROM gone WHERE id = ?", ((row,) for row in ids))


# ---- half fetched


def pieces(state: SyncState, folder: int) -> dict[str, tuple[str, int]]:
    """The path of each half fetched message of a folder, and how many bytes of it are on disk."""
    sql = "SELECT remote_id, path, bytes FROM piece WHERE folder = ?"
    return {remote_id: (path, size) for remote_id, path, size in state.read(sql, (folder,))}


def save_piece(state: SyncState, folder: int, remote_id: str, path: str, size: int) -> None:
    """Remember how many bytes of a message are on disk; inside ``state.write()``."""
    state.execute("INSERT OR REPLACE INTO piece VALUES (?, ?, ?, ?)", (folder, remote_id, path, size))


def forget_pieces(state: SyncState, folder: int, remote_ids: Iterable[str]) -> None:
    """Forget half fetched messages."""
    state.executemany(
        "DELETE FROM piece WHERE folder = ? AND remote_id = ?", ((folder, each) for each in remote_ids)
    )


# ---- changed on the server


def record(state: SyncState, changes: Iterable[ServerChange]) -> None:
    """Record changes made on the server; inside ``state.write()``."""
    state.executemany(
        "INSERT INTO change (at, folder, what, remote_id, key, detail) VALUES (?, ?, ?, ?, ?, ?)",
        ((each.at, each.folder, each.what, each.remote_id, each.key, each.detail) for each in changes),
    )


def changes_made(state: SyncState, since: float = 0.0) -> list[ServerChange]:
    """The changes made on the server, the oldest first."""
    sql = "SELECT at, folder, what, remote_id, key, detail FROM change WHERE at >= ? ORDER BY id"
    return [ServerChange(*row) for row in state.read(sql, (since,))]


def forget_old(state: SyncState, now: float) -> None:
    """Drop what has been remembered for long enough; inside ``state.write()``."""
    state.execute("DELETE FROM change WHERE at < ?", (now - REMEMBERED,))
    state.execute("DELETE FROM gone WHERE at < ? AND attic = ''", (now - REMEMBERED,))
