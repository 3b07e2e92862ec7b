"""Reads windows of the index: a page of a list, a conversation, a message. Costs depend only on the page.

Every function works inside the caller's read transaction, so that its results are consistent.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from misfin.errors import MessageGoneError, StoreError
from misfin.model.folders import BINS, FOLDERS, WRITTEN, is_written
from misfin.store.evidence import ORDER, Evidence
from misfin.store.index.file_place import SEPARATOR, KnownFolder, message_id, split_key
from misfin.store.rows import ConversationRow, FolderRow, MessageRow, View

MAX_GRAVES: Final = 20_000
"""Removed messages allowed, in addition to a quarter of those present, before the index is rebuilt."""

AUTHORS_FROM: Final = 12
"""The number of newest messages from which a conversation's participants are taken."""

_WRITTEN: Final = json.dumps(sorted(WRITTEN))


class _Message(NamedTuple):
    """A message in the index: the columns of ``_MESSAGE``, in that order."""

    row: int
    file: bytes
    account: str
    folder: str
    path: bytes
    sender: str
    address: str
    recipients: str
    subject: str
    date: float
    unread: int
    starred: int
    tags: str
    evidence: int
    thread: int
    size: int
    own: int


_MESSAGE: Final = (
    "SELECT l.row, l.file, f.account, f.name AS folder, f.path, l.sender, l.address, l.recipients, l.subject,"
    " l.date, l.unread, l.starred, l.tags, l.evidence, l.thread, l.size, l.own"
    " FROM messages l JOIN folders f USING (folder) "
)


class _Conversation(NamedTuple):
    """A conversation in the index: the columns of ``_CONVERSATIONS``, in that order.

    The first are those of its newest message in the view. ``box_`` counts are those in the view's folder,
    None in a search; ``authors`` is None for a conversation of one message.
    """

    thread: int
    row: int
    file: bytes
    subject: str
    snippet: str
    date: float
    evidence: int
    sender: str
    address: str
    own: int
    recipients: str
    account: str
    folder: str
    outgoing: int
    in_bin: int | None
    total: int
    unread: int
    starred: int
    attachments: int
    tagged: int
    held: int
    box_total: int | None
    box_unread: int | None
    box_starred: int | None
    authors: str | None
    tags: str


_CONVERSATIONS: Final = """
    SELECT l.thread, l.row, l.file, l.subject, l.snippet, l.date, l.evidence, l.sender, l.address, l.own,
        l.recipients, f.account, f.name AS folder, f.name IN (SELECT value FROM json_each(?4)) AS outgoing,
        b.bin AS in_bin,
        t.total, t.unread, t.starred, t.attachments, t.tagged, t.held,
        c.total AS box_total, c.unread AS box_unread, c.starred AS box_starred,
        CASE WHEN t.messages > 1 THEN (SELECT group_concat(name, char(31)) FROM
            (SELECT CASE own WHEN 0 THEN coalesce(nullif(sender, ''), address) END AS name
             FROM messages WHERE thread = l.thread ORDER BY date DESC, tiebreak DESC, row DESC LIMIT ?3)) END
            AS authors,
        CASE WHEN t.tagged THEN (SELECT group_concat(tags, '') FROM
            (SELECT tags FROM messages WHERE thread = l.thread LIMIT 256)) ELSE '' END AS tags
    FROM json_each(?1) page
        CROSS JOIN messages l ON l.row = page.value
        JOIN folders f ON f.folder = l.folder
        JOIN threads t ON t.thread = l.thread
        LEFT JOIN folders b ON b.folder = ?2
        LEFT JOIN conversations c ON c.box = ?2 AND c.thread = l.thread
    ORDER BY page.key
"""

_WINDOW: Final = {  # (unread only, from the oldest)
    (False, False): "SELECT newest FROM conversations WHERE box = ?"
    " ORDER BY date DESC, tiebreak DESC, newest DESC LIMIT ? OFFSET ?",
    (False, True): "SELECT newest FROM conversations WHERE box = ?"
    " ORDER BY date, tiebreak, newest LIMIT ? OFFSET ?",
    (True, False): "SELECT newest FROM conversations WHERE box = ? AND unread > 0"
    " ORDER BY date DESC, tiebreak DESC, newest DESC LIMIT ? OFFSET ?",
    (True, True): "SELECT newest FROM conversations WHERE box = ? AND unread > 0"
    " ORDER BY date, tiebreak, newest LIMIT ? OFFSET ?",
}
_ABOVE: Final = {
    False: "SELECT count(*) FROM conversations WHERE box = ? AND (date, tiebreak, newest) > (?, ?, ?)",
    True: "SELECT count(*) FROM conversations WHERE box = ? AND (date, tiebreak, newest) > (?, ?, ?)"
    " AND unread > 0",
}


class FileLocation(NamedTuple):
    """Where a message is: its row, its folder with the path of its Maildir, and ``cur/NAME`` below that."""

    row: int
    account: str
    folder: str
    root: Path
    file: bytes


def generation(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT value FROM facts WHERE name = 'generation'").fetchone()[0])


def worn_out(db: sqlite3.Connection) -> bool:
    """Whether so many messages were removed that the index should be rebuilt without their words."""
    gone = db.execute("SELECT count(*) FROM removed_rows").fetchone()[0]
    return bool(gone > MAX_GRAVES + (db.execute("SELECT total(total) FROM folders").fetchone()[0]) / 4)


def folders(db: sqlite3.Connection) -> list[FolderRow]:
    """All folders by account; the standard ones in their fixed order, then the others by name."""
    rows = db.execute("SELECT account, name, total, unread, conversations FROM folders")
    return sorted((FolderRow(*row) for row in rows), key=_folder_order)


def _folder_order(row: FolderRow) -> tuple[str, int, str]:
    standard = FOLDERS.index(row.folder) if row.folder in FOLDERS else len(FOLDERS)
    return row.account, standard, row.folder


def known_folders(db: sqlite3.Connection) -> list[KnownFolder]:
    return [
        KnownFolder(*row) for row in db.execute("SELECT folder, account, name FROM folders ORDER BY folder")
    ]


def box_of(view: View, known: Sequence[KnownFolder]) -> int | None:
    """The folder whose stored list is this view, or None if the view needs a search."""
    if view.query.strip() or view.folder is None:
        return None
    boxes = [
        folder.number
        for folder in known
        if folder.name == view.folder and view.account in (None, folder.account)
    ]
    return boxes[0] if len(boxes) == 1 else None


# ---- the list of a folder -------------------------------------------------------------------------


def box_count(db: sqlite3.Connection, box: int, unread_only: bool) -> int:
    asked = "SELECT conversations, unread_conversations FROM folders WHERE folder = ?"
    found = db.execute(asked, (box,)).fetchone()
    return int(found[unread_only]) if found else 0


def box_window(db: sqlite3.Connection, box: int, unread_only: bool, offset: int, limit: int) -> list[int]:
    """The newest messages (rows) of the conversations from ``offset`` on, newest first."""
    count = box_count(db, box, unread_only)
    offset, limit = max(offset, 0), min(limit, count - max(offset, 0))
    if limit <= 0:
        return []
    # Each skipped row costs a little: skip from the nearer end.
    backwards = offset > count // 2
    skip = count - offset - limit if backwards else offset
    rows = [row for (row,) in db.execute(_WINDOW[unread_only, backwards], (box, limit, skip))]
    return rows[::-1] if backwards else rows


def box_position(db: sqlite3.Connection, box: int, unread_only: bool, thread: int) -> int | None:
    """How many conversations are above this one."""
    asked = "SELECT unread, date, tiebreak, newest FROM conversations WHERE box = ? AND thread = ?"
    unread, *position = db.execute(asked, (box, thread)).fetchone() or (None,)
    if unread is None or (unread_only and not unread):
        return None
    return int(db.execute(_ABOVE[unread_only], (box, *position)).fetchone()[0])


# ---- rows -----------------------------------------------------------------------------------------


def conversations(db: sqlite3.Connection, newest: Sequence[int], box: int | None) -> list[ConversationRow]:
    """The conversations whose newest messages (in the view) are these rows, in this order."""
    rows = db.execute(_CONVERSATIONS, (json.dumps(newest), box, AUTHORS_FROM, _WRITTEN))
    return [_conversation(found) for found in map(_Conversation._make, rows)]


def _conversation(found: _Conversation) -> ConversationRow:
    in_bin, box_total = found.in_bin, found.box_total
    return ConversationRow(
        thread=found.thread,
        message=found.row,
        id=message_id(found.file),
        participants=_participants(found),
        subject=found.subject,
        snippet=found.snippet,
        count=box_total if in_bin and box_total is not None else max(found.total, 1),
        unread=found.unread if found.box_unread is None else found.box_unread,
        starred=bool(found.box_starred if in_bin else found.starred),
        date=found.date,
        evidence=_evidence(found),
        tags=tuple(sorted(set(found.tags.split()))) if found.tagged else (),
        attachment=found.attachments > 0,
        held=found.held > 0,
        folder=found.folder,
    )


def _evidence(found: _Conversation | _Message) -> Evidence:
    """What was proven on arrival, unless the user wrote it (docs/trust.md §8)."""
    if found.own and is_written(found.account, found.folder):
        return Evidence.VERIFIED
    return ORDER[found.evidence]


def _participants(found: _Conversation) -> str:
    """The newest authors other than oneself; if there are none, the recipients."""
    sender = found.sender or found.address
    if found.authors is not None:
        if names := ", ".join(dict.fromkeys(filter(None, found.authors.split(SEPARATOR)))):
            return names
    elif sender and not found.own:
        return sender
    if not (found.outgoing and found.recipients):
        return sender
    return "To: " + ", ".join(part.partition(" <")[0] for part in found.recipients.split(SEPARATOR))


def messages(db: sqlite3.Connection, rows: Sequence[int]) -> list[MessageRow]:
    """These messages, in this order; those that are gone are left out."""
    found = db.execute(
        _MESSAGE + "JOIN json_each(?) page ON page.value = l.row ORDER BY page.key", (json.dumps(rows),)
    )
    return [_message(each) for each in map(_Message._make, found)]


def thread(db: sqlite3.Connection, thread: int, seen_from: str | None) -> list[MessageRow]:
    """A conversation, oldest first, across folders.

    Leaves out bins other than the one it is seen from, unless there is nothing else.
    """
    asked = _MESSAGE + "WHERE l.thread = ? ORDER BY l.date, l.tiebreak, l.row"
    rows = [_message(found) for found in map(_Message._make, db.execute(asked, (thread,)))]
    shown = [row for row in rows if row.folder not in BINS or row.folder == seen_from]
    return shown or rows


def message(db: sqlite3.Connection, spelled: str) -> MessageRow:
    """The message with this id, or whose id begins with it.

    Raises:
        MessageGoneError: there is none.
        StoreError: several ids begin with it.
    """
    rows = rows_with_id(db, spelled)
    if not rows:
        matching = _with_prefix(db, spelled)
        if len(set(matching.values())) > 1:
            raise StoreError(
                f"Several messages have ids that begin with {spelled!r}.",
                remedy="Give more characters of the id.",
            )
        rows = list(matching)
    for found in messages(db, rows[:1]):
        return found
    raise MessageGoneError(f"There is no message {spelled!r}.", remedy="Take an id from `misfin-tui list`.")


def rows_with_id(db: sqlite3.Connection, spelled: str) -> list[int]:
    """Messages with exactly this id: usually one, but a program may have copied a file with its name."""
    return [
        row
        for folder, name in _spellings(db, spelled)
        for asked, end in ((_NAMED, ()), (_FLAGGED, (name + b"<",)))
        for row, file in db.execute(asked, (folder, name if not end else name + b"!", *end))
        if split_key(file[4:]) == name[4:]
    ]


def _with_prefix(db: sqlite3.Connection, spelled: str) -> dict[int, str]:
    """A few of the messages whose id begins with ``spelled``."""
    return {
        row: message_id(file)
        for folder, name in _spellings(db, spelled)
        for row, file in db.execute(f"{_FLAGGED} LIMIT 3", (folder, name, name + b"\xff"))
    }


def _spellings(db: sqlite3.Connection, spelled: str) -> Iterator[tuple[int, bytes]]:
    """Where a message with this id could be: (folder, ``cur/KEY`` or ``new/KEY``)."""
    from urllib.parse import unquote_to_bytes  # not before the first frame

    folders = [number for number, *_ in known_folders(db)] if spelled else []
    for key in dict.fromkeys((os.fsencode(spelled), unquote_to_bytes(spelled))):
        for folder in folders:
            yield folder, b"new/" + key
            yield folder, b"cur/" + key


_NAMED: Final = "SELECT row, file FROM messages WHERE folder = ? AND file = ?"
_FLAGGED: Final = "SELECT row, file FROM messages WHERE folder = ? AND file >= ? AND file < ?"


def find(db: sqlite3.Connection, row: int, shown: MessageRow | None = None) -> FileLocation | None:
    """Where the message of a row was last seen.

    With its row as ``shown``, it is also found if it has another row or id now.
    """
    found = _found(db, row)
    if shown is None or (found is not None and message_id(found.file) == shown.id):
        return found
    named = next((other for row in rows_with_id(db, shown.id) if (other := _found(db, row))), None)
    asked = "SELECT 1 FROM messages WHERE row = ? AND date = ? AND size = ? AND subject = ?"
    if named is None and db.execute(asked, (row, shown.date, shown.size, shown.subject)).fetchone():
        return found
    return named


def _found(db: sqlite3.Connection, row: int) -> FileLocation | None:
    found = db.execute(
        "SELECT account, name, path, file FROM messages JOIN folders USING (folder) WHERE row = ?", (row,)
    ).fetchone()
    return FileLocation._make((row, *found[:2], Path(os.fsdecode(found[2])), found[3])) if found else None


def _message(found: _Message) -> MessageRow:
    return MessageRow(
        row=found.row,
        id=message_id(found.file),
        account=found.account,
        folder=found.folder,
        sender=found.sender,
        sender_address=found.address,
        to=tuple(found.recipients.split(SEPARATOR)) if found.recipients else (),
        subject=found.subject,
        date=found.date,
        unread=bool(found.unread),
        starred=bool(found.starred),
        tags=tuple(found.tags.split()),
        evidence=_evidence(found),
        thread=found.thread,
        size=found.size,
        path=Path(os.fsdecode(found.path)) / os.fsdecode(found.file),
    )
