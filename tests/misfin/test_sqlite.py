"""A file that several programs open at once is private, whole, and all of them get it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from contextlib import closing

import pytest

from misfin.errors import StoreError
from misfin.sqlite import (
    bring_up_to_date,
    connect,
    impatient,
    log_ahead,
    open_to_read,
    transaction,
    translated,
)
from misfin.trust.pins import PinBook


def test_a_file_keeps_a_log_from_then_on(tmp_path):
    with closing(sqlite3.connect(tmp_path / "a.db")) as database:
        log_ahead(database)
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_lock_that_ends_is_waited_for(tmp_path):
    path = tmp_path / "a.db"
    holder = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    holder.execute("CREATE TABLE t (a)")
    holder.execute("BEGIN EXCLUSIVE")
    other = sqlite3.connect(path, timeout=0, isolation_level=None)
    later = threading.Timer(0.1, holder.execute, ["COMMIT"])
    later.start()
    log_ahead(other)
    later.join()
    assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    other.close()
    holder.close()


def test_what_is_no_lock_is_said_at_once(tmp_path):
    path = tmp_path / "a.db"
    path.write_bytes(b"no database" * 1000)
    with (
        closing(sqlite3.connect(path)) as database,
        pytest.raises(sqlite3.DatabaseError, match="not a database"),
    ):
        log_ahead(database)


def test_the_pin_book_may_be_made_by_several_at_once(tmp_path):
    for number in range(20):
        made: list[PinBook] = []
        ready = threading.Barrier(6)

        def make(path=tmp_path / f"{number}.db", ready=ready, made=made) -> None:
            ready.wait()
            made.append(PinBook(path))

        threads = [threading.Thread(target=make) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(made) == 6
        for book in made:
            book.close()


def test_one_more_connection_leaves_the_locks_of_the_others_alone(tmp_path):
    path = tmp_path / "a.db"
    with closing(connect(path)) as holder:
        holder.execute("CREATE TABLE t (a)")
        holder.execute("BEGIN EXCLUSIVE")
        connect(path).close()
        # Locks are a process's own: only another one can tell whether they still hold.
        script = (
            f"import sqlite3; sqlite3.connect({str(path)!r}, timeout=0).execute('INSERT INTO t VALUES (1)')"
        )
        other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert "database is locked" in other.stderr
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_change_that_fails_is_undone_and_so_is_the_impatience(tmp_path):
    with closing(connect(tmp_path / "a.db")) as database:
        database.execute("CREATE TABLE t (a)")

        def fail() -> None:
            with transaction(database), impatient(database):
                database.execute("INSERT INTO t VALUES (1)")
                assert database.execute("PRAGMA busy_timeout").fetchone() == (0,)
                raise KeyError

        with pytest.raises(KeyError):
            fail()
        assert database.execute("SELECT * FROM t").fetchall() == []
        assert database.execute("PRAGMA busy_timeout").fetchone() == (5000,)


def test_a_database_of_another_program_is_left_alone(tmp_path):
    with closing(connect(tmp_path / "a.db")) as database:
        database.execute("CREATE TABLE theirs (a)")
        with pytest.raises(StoreError, match="The file belongs to another program") as caught:
            bring_up_to_date(database, "The file", (("CREATE TABLE ours (a)",),))
        assert caught.value.remedy
        assert database.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]


def test_a_file_that_is_being_created_is_not_of_another_version(tmp_path):
    path = tmp_path / "some.db"
    with closing(connect(path)) as database:
        log_ahead(database)
        with pytest.raises(StoreError, match="only just being created"):
            open_to_read(path, "The file", 1)
        database.execute("PRAGMA user_version = 2")
        with pytest.raises(StoreError, match="another version"):
            open_to_read(path, "The file", 1)


def test_errors_of_sqlite_and_of_the_disk_are_told_as_ours():
    for error in (sqlite3.OperationalError("no such table"), OSError("no room")):
        with (
            pytest.raises(StoreError, match="The file cannot be used: no .*\\.$") as caught,
            translated("The file", "Mend it."),
        ):
            raise error
        assert caught.value.remedy == "Mend it."
        assert caught.value.__cause__ is error
    ours = StoreError("closed")
    with pytest.raises(StoreError) as caught, translated("The file", ""):
        raise ours
    assert caught.value is ours


def test_a_commit_reaches_the_disk_also_where_fsync_alone_does_not_do_it(tmp_path):
    with closing(connect(tmp_path / "some.db")) as database:
        assert database.execute("PRAGMA fullfsync").fetchone() == (1,)
