"""The index file is a cache: unusable ones are replaced, and whoever has it open notices."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from contextlib import closing
from dataclasses import replace

import pytest
from mailboxes import ME, mail, scanned, subjects

from misfin.errors import StoreError
from misfin.store.index import MailIndex, folders, read, schema
from misfin.store.rows import Changes, View

INBOX = View(ME, "Inbox")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cache" / "index.db"


def build(path, box):
    with MailIndex(path, box.root) as index:
        return subjects(scanned(index).conversations(INBOX, 0, 10))


def test_the_file_and_its_folder_are_private(path, box):
    build(path, box)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_second_start_finds_everything_there(path, box, monkeypatch):
    box.put(mail("one"))
    box.age()
    assert build(path, box) == ["one"]
    with MailIndex(path, box.root) as index:
        assert subjects(index.conversations(INBOX, 0, 10)) == ["one"]
        assert not index.scan()


def test_memory_can_be_released_at_any_time(path, box):
    box.put(mail("one"))
    with MailIndex(path, box.root) as index:
        scanned(index)
        enough = threading.Event()

        def release():
            while not enough.is_set():
                index.release_memory()

        releasing = threading.Thread(target=release)
        releasing.start()
        try:
            for number in range(20):
                box.put(mail(f"more {number}"))
                scanned(index)
                assert len(index.conversations(INBOX, 0, 100)) == number + 2
        finally:
            enough.set()
            releasing.join()
    index.release_memory()  # also when it is closed


def test_a_file_that_is_no_database_is_closed_again(path, monkeypatch):
    closed = []

    class Watched(sqlite3.Connection):
        def close(self) -> None:
            closed.append(self)
            super().close()

    real = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *given, **named: real(*given, factory=Watched, **named))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"not a database" * 500)
    with pytest.raises(sqlite3.DatabaseError):
        schema.connect(path)
    assert len(closed) == 1


def test_a_folder_without_a_path_means_damage_that_sqlite_did_not_see():
    with closing(sqlite3.connect(":memory:")) as db:
        columns = "folder, account, name, path, new_state, cur_state, keywords"
        db.execute(f"CREATE TABLE folders ({columns})")
        db.execute("INSERT INTO folders VALUES (1, 'ada', 'Inbox', NULL, '', '', '')")
        with pytest.raises(sqlite3.DatabaseError):
            folders.load(db)


def other_program(path):
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE theirs (x)")
    db.close()


def future_version(path):
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version=999")
    db.commit()
    db.close()


def flipped(path):
    data = bytearray(path.read_bytes())
    for place in range(100, len(data), 97):
        data[place] ^= 0x55
    path.write_bytes(data)


def no_tables(path):
    db = sqlite3.connect(path)
    db.execute("DROP TABLE messages")
    db.commit()
    db.close()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b"this is not a database at all" * 1000),
        lambda path: path.write_bytes(b""),
        lambda path: os.truncate(path, 5000),
        lambda path: path.unlink(),
        flipped,
        future_version,
        no_tables,
        lambda path: (schema.remove(path), other_program(path)),
        lambda path: schema.remove(path),
    ],
    ids=["garbage", "empty", "cut", "gone", "flipped", "future", "no-tables", "foreign", "all-gone"],
)
def test_an_unusable_file_is_replaced(path, box, spoil):
    box.put(mail("one"))
    assert build(path, box) == ["one"]
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    spoil(path)
    assert build(path, box) == ["one"]


@pytest.mark.parametrize("spoil", [flipped, no_tables], ids=["flipped", "no-tables"])
def test_a_file_spoilt_while_open_is_replaced(path, box, spoil):
    for number in range(300):
        box.put(mail(f"message {number}"))
    with MailIndex(path, box.root) as index:
        scanned(index)
        with closing(sqlite3.connect(path)) as db, db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.close()
        generation = index.generation()
        spoil(path)
        for reader in index._database._idle:
            reader.execute("PRAGMA shrink_memory")
        rows = index.conversations(View(query="message"), 0, 400)
        box.put(mail("one more"))
        scanned(index)
        assert len(index.messages(View(), 400)) == 301
        assert len(rows) in (0, 300)  # all of it as it was, or nothing yet
        assert index.generation() != generation


@pytest.mark.parametrize("parts", [["-wal"], ["-shm"], ["-wal", "-shm"]], ids=" ".join)
def test_an_index_whose_log_is_removed_while_open_is_made_again(path, box, parts):
    """Another program that replaces the file removes these by name, perhaps those of the new file."""
    box.put(mail("one"))
    with MailIndex(path, box.root) as index:
        scanned(index)
        box.put(mail("two"))
        scanned(index)
        for part in parts:
            path.with_name(path.name + part).unlink()
        for reader in index._database._idle:
            reader.close()
        index._database._idle.clear()  # as when more threads read than before
        index.folders()
        scanned(index)
        assert len(index.messages(View(), 10)) == 2
    assert sorted(build(path, box)) == ["one", "two"]


def test_a_locked_file_is_left_to_its_owner_and_replaced(path, box, monkeypatch):
    monkeypatch.setattr(schema, "BUSY_MS", 50)
    box.put(mail("one"))
    build(path, box)
    owner = sqlite3.connect(path, isolation_level=None)
    owner.execute("PRAGMA locking_mode=EXCLUSIVE")
    owner.execute("PRAGMA journal_mode=DELETE")
    owner.execute("BEGIN EXCLUSIVE")
    try:
        assert build(path, box) == ["one"]
    finally:
        owner.close()
    assert build(path, box) == ["one"]


def test_a_file_replaced_by_another_program_is_followed(path, box):
    box.put(mail("one"))
    with MailIndex(path, box.root) as index, MailIndex(path, box.root) as other:
        scanned(index)
        before = index.generation()
        other.build()
        box.put(mail("two"))
        scanned(other)
        assert sorted(subjects(index.conversations(INBOX, 0, 10))) == ["one", "two"]
        assert index.generation() != before


def test_rebuilding_gives_the_same(path, box):
    box.put(mail("one"))
    box.put(mail("two"), "Archive", flags="FS")
    with MailIndex(path, box.root) as index:
        scanned(index)
        [before], folders = index.conversations(INBOX, 0, 10), index.folders()
        told = []
        index.build(lambda done, total: told.append((done, total)))
        assert told == [(2, 2)]
        [after] = index.conversations(INBOX, 0, 10)
        assert after.thread != before.thread  # the numbers of one index mean nothing in the next
        assert (replace(after, thread=before.thread), index.folders()) == (before, folders)


def test_where_no_file_can_be_made_the_index_lives_for_a_while(tmp_path, box):
    (tmp_path / "blocked").write_text("a file where the cache folder should be")
    box.put(mail("one"))
    with MailIndex(tmp_path / "blocked" / "index.db", box.root) as index:
        assert subjects(scanned(index).conversations(INBOX, 0, 10)) == ["one"]
        shelter = index._database.path
        assert shelter.exists()
    assert not shelter.exists()


def test_a_full_disk_is_said_and_reading_goes_on(path, box):
    box.put(mail("one"))
    with MailIndex(path, box.root) as index:
        scanned(index)
        index._database._writer.execute("PRAGMA max_page_count=1")
        for number in range(300):
            box.put(mail(f"{number}", "x" * 5000))
        with pytest.raises(StoreError, match="index") as caught:
            index.scan()
        assert "disk is full" in caught.value.remedy
        assert subjects(index.conversations(INBOX, 0, 10))[-1] == "one"
        index._database._writer.execute("PRAGMA max_page_count=1000000")
        scanned(index)
        assert len(index.messages(View(), 400)) == 301


def test_an_index_that_lost_many_messages_is_made_again(path, box, monkeypatch):
    monkeypatch.setattr(read, "MAX_GRAVES", 3)
    box.put(mail("stays"))
    with MailIndex(path, box.root) as index:
        removed = []
        for number in range(12):
            box.put(mail(f"goes {number}"), name="0.goes", flags="S")
            scanned(index)
            box.files("Inbox")[0].unlink()
            scanned(index)
            removed.append(
                index._database.read(lambda db: db.execute("SELECT count(*) FROM removed_rows").fetchone()[0])
            )
        assert max(removed) == 4
        assert subjects(index.conversations(INBOX, 0, 10)) == ["stays"]


def test_what_others_did_to_the_index_is_told_by_the_next_scan(path, box):
    box.put(mail("one"))
    with MailIndex(path, box.root) as index, MailIndex(path, box.root) as other:
        assert scanned(index).scan() == Changes()
        box.put(mail("two"))
        assert other.scan()
        assert index.scan() == Changes(elsewhere=True)
        assert not index.scan()


def test_after_closing_it_opens_again_when_asked(path, box):
    box.put(mail("one"))
    index = MailIndex(path, box.root)
    scanned(index)
    index.close()
    assert subjects(index.conversations(INBOX, 0, 10)) == ["one"]
    index.close()
