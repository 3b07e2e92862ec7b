"""The file under the outbox and the contacts: private, durable, versioned, one transaction a change."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing

import pytest

from misfin.errors import StoreError
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


def test_the_version_is_a_plain_number_other_programs_can_read(path):
    Database(path, "The file", (FIRST, SECOND)).close()
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (2,)
