"""The file under the outbox and the contacts: private, durable, versioned, one transaction a change."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from misfin.errors import StoreError
from misfin.store import database as module
from misfin.store.database import Database

FIRST = ("CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",)
SECOND = ("ALTER TABLE things ADD COLUMN size INTEGER NOT NULL DEFAULT 7",)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "new" / "things.db"


def test_the_file_and_its_folder_are_private(path):
    database = Database(path, "The file", (FIRST,))
    with database.write():
        assert database.insert("INSERT INTO things (name) VALUES (?)", ("a",)) == 1
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert {each.stat().st_mode & 0o777 for each in path.parent.iterdir()} == {0o600}
    database.close()


def test_a_change_that_fails_half_way_leaves_nothing(path):
    database = Database(path, "The file", (FIRST,))
    with pytest.raises(StoreError, match="The file .* cannot be used: UNIQUE"), database.write():
        database.executemany("INSERT INTO things (name) VALUES (?)", [("a",), ("a",)])
    assert database.read("SELECT * FROM things") == []
    database.close()


def test_an_older_file_is_brought_up_to_date_and_keeps_its_rows(path):
    old = Database(path, "The file", (FIRST,))
    with old.write():
        old.execute("INSERT INTO things (name) VALUES ('a')")
    old.close()
    new = Database(path, "The file", (FIRST, SECOND))
    assert new.read("SELECT name, size FROM things") == [("a", 7)]
    new.close()


def test_a_file_of_a_newer_version_is_left_alone(path):
    Database(path, "The file", (FIRST, SECOND)).close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="The file .* was written by a newer version") as caught:
        Database(path, "The file", (FIRST,))
    assert caught.value.remedy
    assert path.read_bytes() == before


def test_what_is_no_database_is_said_and_not_replaced(path):
    path.parent.mkdir()
    path.write_bytes(b"something else entirely" * 100)
    with pytest.raises(StoreError, match="The file .* cannot be used"):
        Database(path, "The file", (FIRST,))
    assert path.read_bytes() == b"something else entirely" * 100


def test_two_may_make_the_file_at_once(path):
    path.parent.mkdir()
    made: list[Database] = []
    ready = threading.Barrier(4)

    def make() -> None:
        ready.wait()
        made.append(Database(path, "The file", (FIRST, SECOND)))

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 4
    for each in made:
        each.close()


def test_the_generation_moves_with_every_change_of_anybody(path):
    one, other = Database(path, "The file", (FIRST,)), Database(path, "The file", (FIRST,))
    before = one.generation()
    assert one.generation() == before
    with other.write():
        other.execute("INSERT INTO things (name) VALUES ('a')")
    seen = one.generation()
    assert seen != before
    with one.write():
        one.execute("INSERT INTO things (name) VALUES ('b')")
    assert one.generation() != seen
    one.close()
    other.close()


def test_a_function_of_ours_can_be_called_in_a_question():
    database = Database(None, "The file", (FIRST,))
    database.add_function("half", lambda value: value / 2)
    assert database.read("SELECT half(5)") == [(2.5,)]
    database.close()
    with pytest.raises(StoreError):
        database.read("SELECT 1")


def test_memory_can_be_released_at_any_time(path):
    with closing(Database(path, "The file", (FIRST,))) as database:
        with database.write():
            database.executemany("INSERT INTO things (name) VALUES (?)", ((f"{n}",) for n in range(1000)))
            database.release_memory()
        database.release_memory()
        assert database.read("SELECT count(*) FROM things") == [(1000,)]
    database.release_memory()  # also when it is closed


def test_the_version_is_a_plain_number_other_programs_can_read(path):
    Database(path, "The file", (FIRST, SECOND)).close()
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (2,)


# ---- durable later ----------------------------------------------------------------------------------


class Disk:
    """Notes what would be left after a power cut: the files as they were when they were synced last."""

    def __init__(self, path, monkeypatch) -> None:
        self.path, self.left = path, path.parent.parent / "left"
        self.syncs, self.fails, self.real = 0, 0, module.sync_file
        self.may = threading.Event()
        self.may.set()
        self.begun, self.looking = threading.Event(), threading.Lock()
        monkeypatch.setattr(module, "sync_file", self.sync)

    def sync(self, handle):
        self.begun.set()
        assert self.may.wait(60)
        if self.fails:
            self.fails -= 1
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self.real(handle)
        with self.looking:
            shutil.copytree(self.path.parent, self.left, dirs_exist_ok=True)
        self.syncs += 1

    def names(self):
        with self.looking, closing(sqlite3.connect(self.left / self.path.name)) as after:
            return [name for (name,) in after.execute("SELECT name FROM things ORDER BY name")]


@pytest.fixture
def things(path):
    with closing(Database(path, "The file", (FIRST,))) as database:
        yield database


def add(database, name):
    with database.write_soon():
        database.execute("INSERT INTO things (name) VALUES (?)", (name,))


def test_what_was_written_soon_is_on_disk_once_that_was_waited_for(things, path, monkeypatch):
    disk = Disk(path, monkeypatch)
    add(things, "a")
    add(things, "b")
    assert disk.syncs == 0
    things.sync()
    things.sync()
    assert disk.syncs == 1
    assert disk.names() == ["a", "b"]


def test_others_read_and_write_while_one_waits_for_the_disk(things, path, monkeypatch):
    disk = Disk(path, monkeypatch)
    disk.may.clear()
    add(things, "a")
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(things.sync)
        assert disk.begun.wait(60)
        add(things, "b")
        assert things.read("SELECT count(*) FROM things") == [(2,)]
        assert not waiting.done()
        disk.may.set()
        waiting.result(60)
        things.sync()  # what came while the first one waited is not taken for synced
    assert disk.syncs == 2
    assert disk.names() == ["a", "b"]


def test_those_that_wait_at_the_same_time_share_a_sync(things, path, monkeypatch):
    disk = Disk(path, monkeypatch)
    disk.may.clear()
    written = threading.Semaphore(0)

    def write(number):
        add(things, f"{number}")
        written.release()
        things.sync()
        return f"{number}" in disk.names()

    with ThreadPoolExecutor(9) as threads:
        first = threads.submit(write, 0)
        assert disk.begun.wait(60)
        others = [threads.submit(write, number) for number in range(1, 9)]
        for _ in range(9):
            assert written.acquire(timeout=60)
        disk.may.set()
        assert all(each.result(60) for each in (first, *others))
    assert disk.syncs <= 3


def test_a_sync_that_fails_is_reported_and_tried_again(things, path, monkeypatch):
    disk = Disk(path, monkeypatch)
    disk.fails = 1
    add(things, "a")
    with pytest.raises(StoreError, match="The file .* cannot be used: .*Input/output error"):
        things.sync()
    with closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as alone:
        assert alone.execute("SELECT name FROM things").fetchall() == [("a",)]  # not only in the log
    add(things, "b")
    things.sync()
    assert disk.names() == ["a", "b"]


def test_where_there_is_no_log_what_was_written_soon_is_synced_with_a_commit(things, path, monkeypatch):
    add(things, "a")
    monkeypatch.setattr(module, "Path", lambda _path: path.parent / "none")
    before = things.generation()
    things.sync()
    assert things.generation() == before
    assert things.read("SELECT name FROM things") == [("a",)]
    assert things.read("PRAGMA user_version") == [(1,)]


def test_nothing_is_synced_in_memory():
    database = Database(None, "The file", (FIRST,))
    add(database, "a")
    database.sync()
    assert database.read("SELECT name FROM things") == [("a",)]
    database.close()
