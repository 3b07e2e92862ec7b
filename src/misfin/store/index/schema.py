"""The index file: its tables, the triggers that maintain all counts, and how it is opened or replaced.

The index is a cache (docs/mail-on-disk.md §6): everything in it can be rebuilt from the Maildirs. So nothing
here is migrated or repaired; a file of another version, a damaged one, one that stays locked and one whose
folder cannot be written are replaced by a new one.

Two decisions shape the tables:

*A message's row number is its place in time*: the first free number from its Unix second upwards. FTS5
walks its matches in row order, so the newest matches of any word come first without sorting, and a window of
a list is a range of one integer. The largest displacement by messages of the same second is stored in
``facts.displaced``; the order of such messages depends on their content (``tiebreak``), not on which of them
came first, so that a rebuilt index shows the same.

*Counts are maintained by triggers*, so that they always match the messages, in whatever order deliveries,
flag changes, moves and thread merges happen.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final

from misfin.errors import StoreError
from misfin.files import private_folder
from misfin.store.index_file import PARTS, VERSION

APPLICATION_ID: Final = 0x6D697378  # "misx": so that no other program's database is mistaken for ours
BUSY_MS: Final = 5000

TABLES: Final = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE folders (
    folder INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    path BLOB NOT NULL,
    bin INTEGER NOT NULL,                   -- Trash, Junk: not counted in conversations elsewhere
    held INTEGER NOT NULL,
    total INTEGER NOT NULL DEFAULT 0,
    unread INTEGER NOT NULL DEFAULT 0,
    conversations INTEGER NOT NULL DEFAULT 0,
    unread_conversations INTEGER NOT NULL DEFAULT 0,
    new_state TEXT NOT NULL DEFAULT '',     -- new/ and cur/ as last listed; '' = list again
    cur_state TEXT NOT NULL DEFAULT '',
    keywords TEXT NOT NULL DEFAULT '',      -- same for dovecot-keywords
    UNIQUE (account, name)
);

-- The lists a folder's messages are in: its own, and for held mail the Inbox too
-- (docs/mail-on-disk.md §2).
CREATE TABLE boxes (folder INTEGER NOT NULL, box INTEGER NOT NULL, PRIMARY KEY (folder, box)) WITHOUT ROWID;

CREATE TABLE messages (
    row INTEGER PRIMARY KEY,
    folder INTEGER NOT NULL,
    file BLOB NOT NULL,                     -- "new/NAME" or "cur/NAME", bytes as on disk
    thread INTEGER NOT NULL,
    unread INTEGER NOT NULL,
    starred INTEGER NOT NULL,
    own INTEGER NOT NULL,                   -- written by the account itself
    evidence INTEGER NOT NULL,              -- its place in evidence.ORDER
    attachment INTEGER NOT NULL,
    link INTEGER NOT NULL,
    faulty INTEGER NOT NULL,                -- could not be read; tried again at the next listing
    date REAL NOT NULL,
    tiebreak INTEGER NOT NULL,              -- order of messages of one second: a hash of their content
    size INTEGER NOT NULL,
    mtime INTEGER NOT NULL,
    subject_key INTEGER,                    -- threading, see misfin.store.index.threads
    unlinked INTEGER NOT NULL,
    own_token INTEGER NOT NULL,
    parent INTEGER,
    tokens BLOB NOT NULL,
    people BLOB NOT NULL,
    tags TEXT NOT NULL,                     -- " a b " or ""
    sender TEXT NOT NULL,
    address TEXT NOT NULL,
    recipients TEXT NOT NULL,
    subject TEXT NOT NULL,
    snippet TEXT NOT NULL
);
CREATE UNIQUE INDEX messages_file ON messages (folder, file);
CREATE INDEX messages_folder ON messages (folder, row, thread);
CREATE INDEX messages_thread ON messages (thread, date, tiebreak, row, folder);
CREATE INDEX messages_subject ON messages (subject_key, date, unlinked, own_token)
    WHERE subject_key IS NOT NULL;
CREATE INDEX messages_unlinked ON messages (subject_key, date, own_token) WHERE unlinked;
CREATE INDEX messages_unread ON messages (row, thread, folder) WHERE unread;
CREATE INDEX messages_starred ON messages (row, thread, folder) WHERE starred;
CREATE INDEX messages_tagged ON messages (row, thread, folder, tags) WHERE tags <> '';
CREATE INDEX messages_faulty ON messages (folder) WHERE faulty;

-- Rows of removed messages: their words stay in the contentless search table until the next rebuild, so
-- their numbers must not be reused.
CREATE TABLE removed_rows (row INTEGER PRIMARY KEY);

CREATE TABLE tokens (token INTEGER PRIMARY KEY, thread INTEGER NOT NULL);

-- Senders with the name they last used, for completion.
CREATE TABLE people (
    address TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    named INTEGER NOT NULL,                 -- row of the message the name is from
    messages INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE conversations (
    box INTEGER NOT NULL,
    thread INTEGER NOT NULL,
    newest INTEGER NOT NULL,
    date REAL NOT NULL,                     -- of the newest, as in messages
    tiebreak INTEGER NOT NULL,
    total INTEGER NOT NULL,
    unread INTEGER NOT NULL,
    starred INTEGER NOT NULL,
    PRIMARY KEY (box, thread)
) WITHOUT ROWID;
CREATE INDEX conversations_newest ON conversations (box, date, tiebreak, newest);
CREATE INDEX conversations_unread ON conversations (box, date, tiebreak, newest) WHERE unread > 0;

CREATE TABLE threads (
    thread INTEGER PRIMARY KEY,
    messages INTEGER NOT NULL,              -- all of them; the row is deleted with the last
    total INTEGER NOT NULL,                 -- those outside the bins
    unread INTEGER NOT NULL,
    starred INTEGER NOT NULL,
    attachments INTEGER NOT NULL,
    tagged INTEGER NOT NULL,
    held INTEGER NOT NULL
);

CREATE VIRTUAL TABLE words USING fts5 (
    subject, sender, recipients, body, files, list,
    content='', columnsize=0, prefix='2 3', tokenize="unicode61 remove_diacritics 2 categories 'L* N* M* Co'"
);
"""

_ADD = """
    UPDATE folders SET total = total + 1, unread = unread + NEW.unread WHERE folder = NEW.folder;
    INSERT INTO conversations (box, thread, newest, date, tiebreak, total, unread, starred)
        SELECT box, NEW.thread, NEW.row, NEW.date, NEW.tiebreak, 1, NEW.unread, NEW.starred
        FROM boxes WHERE folder = NEW.folder
        ON CONFLICT (box, thread) DO UPDATE SET
            total = total + 1, unread = unread + excluded.unread, starred = starred + excluded.starred;
    UPDATE conversations SET newest = NEW.row, date = NEW.date, tiebreak = NEW.tiebreak
        WHERE thread = NEW.thread AND box IN (SELECT box FROM boxes WHERE folder = NEW.folder)
            AND (NEW.date, NEW.tiebreak, NEW.row) > (date, tiebreak, newest);
    INSERT INTO threads (thread, messages, total, unread, starred, attachments, tagged, held)
        SELECT NEW.thread, 1, NOT bin, NEW.unread AND NOT bin, NEW.starred AND NOT bin, NEW.attachment,
            NEW.tags <> '', held
        FROM folders WHERE folder = NEW.folder
        ON CONFLICT (thread) DO UPDATE SET
            messages = messages + 1, total = total + excluded.total, unread = unread + excluded.unread,
            starred = starred + excluded.starred, attachments = attachments + excluded.attachments,
            tagged = tagged + excluded.tagged, held = held + excluded.held;
"""

_TAKE = """
    UPDATE folders SET total = total - 1, unread = unread - OLD.unread WHERE folder = OLD.folder;
    UPDATE conversations SET
            total = total - 1, unread = unread - OLD.unread, starred = starred - OLD.starred
        WHERE thread = OLD.thread AND box IN (SELECT box FROM boxes WHERE folder = OLD.folder);
    DELETE FROM conversations WHERE thread = OLD.thread AND total = 0
        AND box IN (SELECT box FROM boxes WHERE folder = OLD.folder);
    UPDATE conversations SET (newest, date, tiebreak) = (
            SELECT row, messages.date, messages.tiebreak FROM messages WHERE thread = OLD.thread
                AND folder IN (SELECT folder FROM boxes WHERE box = conversations.box)
            ORDER BY messages.date DESC, messages.tiebreak DESC, row DESC LIMIT 1)
        WHERE thread = OLD.thread AND newest = OLD.row
            AND box IN (SELECT box FROM boxes WHERE folder = OLD.folder);
    UPDATE threads SET (messages, total, unread, starred, attachments, tagged, held) = (
        SELECT messages - 1, threads.total - NOT bin, threads.unread - (OLD.unread AND NOT bin),
            starred - (OLD.starred AND NOT bin), attachments - OLD.attachment,
            tagged - (OLD.tags <> ''), threads.held - folders.held
        FROM folders WHERE folder = OLD.folder) WHERE thread = OLD.thread;
    DELETE FROM threads WHERE thread = OLD.thread AND messages = 0;
"""

TRIGGERS: Final = """
CREATE TRIGGER message_added AFTER INSERT ON messages BEGIN
-- add
    INSERT INTO people VALUES (NEW.address, NEW.sender, NEW.row, 1) ON CONFLICT (address) DO UPDATE SET
        messages = messages + 1,
        (name, named) = (
            SELECT CASE WHEN newer THEN excluded.name ELSE people.name END,
                CASE WHEN newer THEN excluded.named ELSE people.named END
            FROM (SELECT excluded.name <> '' AND (people.name = '' OR excluded.named > people.named) AS newer)
        );
END;
CREATE TRIGGER message_taken AFTER DELETE ON messages BEGIN
-- take
    UPDATE people SET messages = messages - 1 WHERE address = OLD.address;
    DELETE FROM people WHERE address = OLD.address AND messages = 0;
END;
CREATE TRIGGER message_changed AFTER UPDATE OF folder, thread, unread, starred, tags ON messages
    WHEN (OLD.folder, OLD.thread, OLD.unread, OLD.starred, OLD.tags <> '')
        IS NOT (NEW.folder, NEW.thread, NEW.unread, NEW.starred, NEW.tags <> '') BEGIN
-- take
-- add
END;

CREATE TRIGGER conversation_added AFTER INSERT ON conversations BEGIN
    UPDATE folders SET conversations = conversations + 1,
        unread_conversations = unread_conversations + (NEW.unread > 0) WHERE folder = NEW.box;
END;
CREATE TRIGGER conversation_taken AFTER DELETE ON conversations BEGIN
    UPDATE folders SET conversations = conversations - 1,
        unread_conversations = unread_conversations - (OLD.unread > 0) WHERE folder = OLD.box;
END;
CREATE TRIGGER conversation_read AFTER UPDATE OF unread ON conversations
    WHEN (OLD.unread > 0) <> (NEW.unread > 0) BEGIN
    UPDATE folders SET unread_conversations = unread_conversations + (NEW.unread > 0) - (OLD.unread > 0)
        WHERE folder = NEW.box;
END;
""".replace("-- add", _ADD).replace("-- take", _TAKE)


def connect(path: Path) -> sqlite3.Connection:
    """Open the file as it is. Transactions are started explicitly; a lock is waited for ``BUSY_MS``."""
    db = sqlite3.connect(path, timeout=BUSY_MS / 1000, isolation_level=None, check_same_thread=False)
    try:
        # In WAL mode a power cut may lose the last commits, but never reorders them.
        db.execute("PRAGMA synchronous=NORMAL")
        db.execute("PRAGMA temp_store=MEMORY")
        db.execute(
            "PRAGMA cache_size=-1024"
        )  # kilobytes; several are open at once, and the system caches too
    except BaseException:
        db.close()
        raise
    return db


def usable(db: sqlite3.Connection) -> bool:
    """Whether the file is an index of exactly this version."""
    application = db.execute("PRAGMA application_id").fetchone()[0]
    version = db.execute("PRAGMA user_version").fetchone()[0]
    return bool(application == APPLICATION_ID and version == VERSION)


def create(db: sqlite3.Connection) -> None:
    """Create an empty index in an empty file, in one transaction, so that two programs may both try."""
    from misfin.sqlite import log_ahead  # late: only a new index needs it

    db.execute("PRAGMA page_size=8192")
    log_ahead(db)
    db.execute("BEGIN IMMEDIATE")
    try:
        if not usable(db):
            fill(db)
            db.execute(f"PRAGMA application_id={APPLICATION_ID}")
            db.execute(f"PRAGMA user_version={VERSION}")
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise


def fill(db: sqlite3.Connection) -> None:
    """Create the tables of an empty index."""
    for statement in _statements(TABLES + TRIGGERS):
        db.execute(statement)
    # A new file starts at a random generation, so that a number from the old file never matches.
    db.executemany(
        "INSERT INTO facts VALUES (?, ?)",
        [
            ("generation", int.from_bytes(os.urandom(6))),
            ("displaced", 0),
            # A number still on the screen must not mean another conversation in the new index.
            ("last_thread", int.from_bytes(os.urandom(4)) >> 2),
        ],
    )


def _statements(script: str) -> list[str]:
    """Split a script into statements; ``executescript`` would commit the transaction first."""
    found, part = [], ""
    for line in script.splitlines():
        part += line + "\n"
        if sqlite3.complete_statement(part):
            found.append(part)
            part = ""
    return found


def remove(path: Path) -> None:
    """Remove the index. Programs that still have it open keep the unlinked file and notice later."""
    for suffix in PARTS:
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def open_index(path: Path) -> sqlite3.Connection:
    """Open the index at ``path``; replaces it by an empty one if it is missing or unusable.

    Raises :class:`StoreError` only if no new file can be created there.
    """
    for last_try in (False, True):
        try:
            private_folder(path.parent)
            fresh = not path.exists()
            if fresh:
                os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            db = connect(path)
            try:
                if not usable(db):
                    if db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                        raise sqlite3.DatabaseError("an index of another version")
                    create(db)
                db.execute("SELECT value FROM facts WHERE name = 'generation'").fetchone()[0]
                return db
            except BaseException:
                db.close()
                raise
        except (sqlite3.Error, OSError, TypeError) as error:
            if last_try:
                raise StoreError(
                    f"The mail index {path} cannot be created: {error}.",
                    remedy="Make its folder writable, or set another cache folder.",
                ) from error
            try:
                remove(path)
            except OSError as hopeless:
                raise StoreError(
                    f"The mail index {path} is unusable and cannot be replaced: {hopeless}.",
                    remedy="Make its folder writable, or remove the file.",
                ) from hopeless
    raise AssertionError("unreachable")
