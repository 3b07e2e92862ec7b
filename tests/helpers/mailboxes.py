"""Mailboxes for tests of the store: messages in a few words, and what an index shows as a whole."""

from __future__ import annotations

import itertools
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from email.utils import formatdate
from pathlib import Path

from misfin.store.index import MailIndex
from misfin.store.mail.maildir import MailStore
from misfin.store.rows import View

ME = "me@mail.example"
NOW = 1_790_000_000.0
_count = itertools.count(1)
_long_ago = itertools.count(1_000_000_000, 10)


def mail(
    subject: str = "",
    body: str = "Hello.",
    *,
    sender: str = "Bob <bob@remote.host>",
    to: str = ME,
    date: float | None = NOW,
    message_id: str | None = None,
    references: Sequence[str] = (),
    **fields: str,
) -> bytes:
    """One RFC 5322 message; ``message_id=""`` leaves it without one."""
    if message_id is None:
        message_id = f"<{next(_count)}@made.example>"
    head = [f"From: {sender}", f"To: {to}", f"Subject: {subject}"]
    if date is not None:
        head.append(f"Date: {formatdate(date)}")
    if message_id:
        head.append(f"Message-ID: {message_id}")
    if references:
        head.append(f"References: {' '.join(references)}")
    head += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    if not any(name.lower() == "content_type" for name in fields):
        head.append("Content-Type: text/plain; charset=utf-8")
    return ("\n".join(head) + "\n\n" + body + "\n").encode()


class Mailbox:
    """A mail root with one account, changed behind the index's back as other programs do."""

    def __init__(self, root: Path, account: str = ME) -> None:
        self.root = root
        self.account = account
        self.store = MailStore(root)
        self.store.create(account)

    def path(self, folder: str = "Inbox") -> Path:
        return self.store.folder(self.account, folder).path

    def put(self, data: bytes, folder: str = "Inbox", *, name: str = "", flags: str | None = None) -> str:
        """Another program delivers; returns the key. Not durable, as speed is all that counts here."""
        key = name or f"{int(NOW)}.M{next(_count):06d}P1.test"
        subdir, ending = ("new", "") if flags is None else ("cur", f":2,{flags}")
        path = self.path(folder)
        if not path.exists():
            self.store.folder(self.account, folder).create()
        draft = path / "tmp" / key
        draft.write_bytes(data)
        draft.rename(path / subdir / f"{key}{ending}")
        return key

    def files(self, *folders: str) -> list[Path]:
        """Every message of these folders (default: all), in a fixed order."""
        names = folders or tuple(self.store.folders(self.account))
        return sorted(
            file
            for name in names
            for subdir in ("new", "cur")
            for file in (self.path(name) / subdir).iterdir()
            if (self.path(name) / subdir).is_dir()
        )

    def flag(self, file: Path, flags: str) -> Path:
        """Another program sets flags."""
        target = file.parent.parent / "cur" / f"{file.name.partition(':')[0]}:2,{flags}"
        file.rename(target)
        return target

    def move(self, file: Path, folder: str) -> Path:
        """Another program files a message."""
        target = self.path(folder) / file.parent.name / file.name
        file.rename(target)
        return target

    def age(self) -> None:
        """Let the past seconds be long ago: whatever changed just now gets a time of its own back then."""
        for path in self.root.rglob("*"):
            watched = path.name in ("new", "cur", "dovecot-keywords")
            if watched and time.time() - path.stat().st_mtime < 1e6:
                moment = next(_long_ago)
                os.utime(path, (moment, moment))


def whole_view(index: MailIndex) -> dict[str, object]:
    """Everything an index shows, without the numbers that depend on how it came about."""
    shown: dict[str, object] = {}
    for folder in index.folders():
        view = View(folder.account, folder.folder)
        rows = index.conversations(view, 0, 10_000)
        shown[f"{folder.account}/{folder.folder}"] = (
            folder.total,
            folder.unread,
            folder.conversations,
            index.count(View(folder.account, folder.folder, unread_only=True)),
            [
                (
                    row.subject,
                    row.snippet,
                    row.count,
                    row.unread,
                    row.starred,
                    row.date,
                    row.evidence.name,
                    row.tags,
                    row.attachment,
                    row.held,
                    row.participants,
                    tuple(message.id for message in index.thread(row.thread, view)),
                )
                for row in rows
            ],
        )
    shown["everything"] = [(row.subject, row.snippet) for row in index.conversations(View(), 0, 10_000)]
    shown["found"] = [
        (row.subject, row.snippet) for row in index.conversations(View(query="body"), 0, 10_000)
    ]
    shown["messages"] = sorted(
        (row.id, row.account, row.folder, row.subject, row.unread, row.starred, row.tags, row.size)
        for row in index.messages(View(), 10_000)
    )
    shown["threads"] = partition(index)
    return shown


def partition(index: MailIndex) -> set[tuple[str, ...]]:
    """Which messages (by id) form a conversation."""
    found: dict[int, list[str]] = {}
    for row in index.messages(View(), 10_000):
        found.setdefault(row.thread, []).append(row.id)
    return {tuple(sorted(ids)) for ids in found.values()}


def miscounted(db: sqlite3.Connection) -> list[str]:
    """Kept counts that differ from what the messages say; empty when all is well."""
    checks = {
        "folders": (
            "SELECT folder, total, unread FROM folders WHERE total > 0",
            "SELECT folder, count(*), sum(unread) FROM messages GROUP BY folder",
        ),
        "conversations": (
            "SELECT box, thread, newest, total, unread, starred FROM conversations",
            "SELECT box, thread, (SELECT row FROM messages JOIN boxes b USING (folder)"
            " WHERE b.box = boxes.box AND thread = l.thread"
            " ORDER BY date DESC, tiebreak DESC, row DESC LIMIT 1),"
            " count(*), sum(unread), sum(starred)"
            " FROM messages l JOIN boxes USING (folder) GROUP BY box, thread",
        ),
        "lists": (
            "SELECT folder, conversations, unread_conversations FROM folders WHERE conversations > 0",
            "SELECT box, count(*), sum(unread > 0) FROM conversations GROUP BY box",
        ),
        "threads": (
            "SELECT thread, messages, total, unread, starred, attachments, tagged, held FROM threads",
            "SELECT thread, count(*), sum(NOT bin), sum(l.unread AND NOT bin), sum(starred AND NOT bin),"
            " sum(attachment), sum(tags <> ''), sum(held) FROM messages l JOIN folders USING (folder)"
            " GROUP BY thread",
        ),
        "people": (
            "SELECT address, messages FROM people",
            "SELECT address, count(*) FROM messages GROUP BY address",
        ),
    }
    return [
        f"{name}: {kept ^ counted}"
        for name, (kept_sql, counted_sql) in checks.items()
        for kept, counted in [(_rows(db, kept_sql), _rows(db, counted_sql))]
        if kept != counted
    ]


def _rows(db: sqlite3.Connection, sql: str) -> set[tuple[object, ...]]:
    return set(db.execute(sql).fetchall())


def scanned(index: MailIndex) -> MailIndex:
    """The index after a scan, its counts checked."""
    index.scan()
    wrong = index._database.read(miscounted)
    assert not wrong, wrong
    return index


def fresh_index(tmp: Path, root: Path) -> Iterator[MailIndex]:
    """An index of its own over the same mail, built from nothing."""
    path = tmp / f"fresh{next(_count)}.db"
    with MailIndex(path, root, now=lambda: NOW) as index:
        yield scanned(index)


def subjects(rows: Iterable[object]) -> list[str]:
    return [row.subject for row in rows]
