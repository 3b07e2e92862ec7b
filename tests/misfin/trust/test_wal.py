"""Several programs may open a new file at once, and all of them get it."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing

import pytest

from misfin.trust.pins import PinBook
from misfin.trust.wal import log_ahead


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
