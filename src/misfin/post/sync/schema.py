"""The tables of a sync state in each version; losing the file loses no message (docs/sync.md §3)."""

from __future__ import annotations

from typing import Final

_VERSION_1: Final = (
    # home: the identity of the account's mail here.
    "CREATE TABLE account (home TEXT NOT NULL)",
    # remote: bytes as the server spells them. remote_id: MAILBOXID. epoch: UIDVALIDITY as text.
    """CREATE TABLE folder (
        id INTEGER PRIMARY KEY AUTOINCREMENT, local TEXT NOT NULL UNIQUE, remote BLOB NOT NULL UNIQUE,
        name TEXT NOT NULL, remote_id TEXT NOT NULL, role TEXT NOT NULL, uploads INTEGER NOT NULL,
        epoch TEXT NOT NULL DEFAULT '', next INTEGER NOT NULL DEFAULT 0, modseq INTEGER NOT NULL DEFAULT 0,
        count INTEGER NOT NULL DEFAULT 0, synced_at REAL NOT NULL DEFAULT 0,
        state TEXT NOT NULL DEFAULT 'ok', why TEXT NOT NULL DEFAULT '', stamp TEXT NOT NULL DEFAULT '',
        kept REAL NOT NULL DEFAULT 0, epoch_since REAL NOT NULL DEFAULT 0)""",
    # One row: both sides had this message with these flags. key: the file name before ":2,".
    """CREATE TABLE message (
        id INTEGER PRIMARY KEY, folder INTEGER NOT NULL REFERENCES folder(id), remote_id TEXT, key TEXT,
        flags TEXT NOT NULL, keywords TEXT NOT NULL, size INTEGER NOT NULL, msgid BLOB NOT NULL,
        head BLOB NOT NULL, digest BLOB NOT NULL, stored REAL NOT NULL)""",
    "CREATE UNIQUE INDEX message_remote ON message(folder, remote_id) WHERE remote_id IS NOT NULL",
    "CREATE UNIQUE INDEX message_key ON message(key) WHERE key IS NOT NULL",
    "CREATE INDEX message_folder ON message(folder, key)",
    "CREATE INDEX message_unnumbered ON message(id) WHERE remote_id IS NULL",
    # Written before the step; removed in the transaction that records its result.
    """CREATE TABLE doing (
        id INTEGER PRIMARY KEY, kind TEXT NOT NULL, folder INTEGER NOT NULL REFERENCES folder(id),
        key TEXT NOT NULL, remote_id TEXT NOT NULL, "to" INTEGER NOT NULL, msgid BLOB NOT NULL,
        head BLOB NOT NULL, size INTEGER NOT NULL, begun REAL NOT NULL)""",
    # What was deleted by the other side: a message that reappears is recognized; the list of the attic.
    """CREATE TABLE gone (
        id INTEGER PRIMARY KEY, folder INTEGER NOT NULL REFERENCES folder(id), remote_id TEXT NOT NULL,
        msgid BLOB NOT NULL, head BLOB NOT NULL, size INTEGER NOT NULL, at REAL NOT NULL,
        attic TEXT NOT NULL)""",
    "CREATE INDEX gone_at ON gone(at)",
    # A large message of which the first bytes are here.
    """CREATE TABLE piece (
        folder INTEGER NOT NULL REFERENCES folder(id), remote_id TEXT NOT NULL, path TEXT NOT NULL,
        bytes INTEGER NOT NULL, PRIMARY KEY (folder, remote_id)) WITHOUT ROWID""",
    # Every change made on the server, for people to read.
    """CREATE TABLE change (
        id INTEGER PRIMARY KEY, at REAL NOT NULL, folder TEXT NOT NULL, what TEXT NOT NULL,
        remote_id TEXT NOT NULL, key TEXT NOT NULL, detail TEXT NOT NULL)""",
    "CREATE INDEX change_at ON change(at)",
)

_VERSION_2: Final = (
    # How many messages a folder asks about.
    "ALTER TABLE folder ADD COLUMN doubted INTEGER NOT NULL DEFAULT 0",
    # When both sides were last found to be equal, or made so: for people.
    "CREATE TABLE in_step (at REAL NOT NULL)",
)

_VERSION_3: Final = (
    # digest: SHA-256 of the stored bytes: an interrupted upload is recognized under another file name.
    # No number is given twice: a plan ends a step by it that another may have ended before.
    "ALTER TABLE doing RENAME TO doing_before",
    """CREATE TABLE doing (
        id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL,
        folder INTEGER NOT NULL REFERENCES folder(id), key TEXT NOT NULL, remote_id TEXT NOT NULL,
        "to" INTEGER NOT NULL, msgid BLOB NOT NULL, head BLOB NOT NULL, size INTEGER NOT NULL,
        digest BLOB NOT NULL, begun REAL NOT NULL)""",
    """INSERT INTO doing SELECT id, kind, folder, key, remote_id, "to", msgid, head, size, x'', begun
        FROM doing_before""",
    "DROP TABLE doing_before",
)

_VERSION_4: Final = (
    # lasting: the server's id for the message in whatever folder (X-GM-MSGID); empty where it has none.
    "ALTER TABLE message ADD COLUMN lasting TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX message_lasting ON message(lasting) WHERE lasting <> ''",
    # The next look at each folder lists everything, so that those ids become known.
    "UPDATE folder SET modseq = 0",
)

STEPS: Final = (_VERSION_1, _VERSION_2, _VERSION_3, _VERSION_4)
