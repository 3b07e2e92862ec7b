"""Bringing an outbox of release 0.1 up to date: in one step or not at all."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from misfin.errors import StoreError
from misfin.store.mail.maildir import MailStore
from misfin.store.outgoing.outbox import DeliveryState, Outbox
from misfin.store.owners import process_token

TESTS = next(each for each in Path(__file__).parents if (each / "fixtures").is_dir())
FIXTURE = TESTS / "fixtures" / "sending-0.1"
NOW = 1_700_000_000.0


@pytest.fixture
def old(tmp_path):
    """A copy of what release 0.1 left."""
    profile = Path(shutil.copytree(FIXTURE, tmp_path / "profile"))
    MailStore(profile / "mail").create("ada@mail.example")  # its empty folders, which git does not keep
    return profile


def test_what_a_running_old_program_is_sending_is_left_to_it(old):
    with closing(sqlite3.connect(old / "outbox.db")) as database, database:
        database.execute("UPDATE letter SET owner = ? WHERE leaving", (f"{process_token()}/old",))
    before = sqlite3.connect(old / "outbox.db", isolation_level=None)
    outbox = Outbox(old / "outbox.db")
    outbox.recover(NOW + 100)
    (row,) = [row for row in outbox.rows() if row.subject == "leaving"]
    assert row.state is DeliveryState.SENDING
    assert outbox.claim(NOW + 100, only=[row.id]) is None
    # The old one cannot mark anything any more, and sends nothing without its mark.
    with pytest.raises(sqlite3.OperationalError):
        before.execute("UPDATE letter SET leaving = 1 WHERE id = 1")
    before.close()
    outbox.close()


# ---- what cannot be upgraded ----------------------------------------------------------------------


def content(path):
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database, database:
        found = list(database.iterdump()), database.execute("PRAGMA user_version").fetchone()
    database.close()
    return found


def test_an_outbox_of_a_later_version_is_left_alone(old):
    path = old / "outbox.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("PRAGMA user_version = 77")
    database.close()
    before = content(path)
    with pytest.raises(StoreError, match="newer version"):
        Outbox(path)
    assert content(path) == before


def test_an_outbox_that_is_half_of_each_version_is_named_and_left_alone(old):
    path = old / "outbox.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("ALTER TABLE letter RENAME TO delivery")
    database.close()
    before = content(path)
    with pytest.raises(StoreError, match="does not have the tables") as caught:
        Outbox(path)
    assert "Nothing was changed" in str(caught.value)
    assert content(path) == before


def test_a_disk_that_is_full_in_the_middle_of_the_upgrade_changes_nothing(old, monkeypatch):
    path = old / "outbox.db"
    with (
        closing(sqlite3.connect(path)) as database,
        database,
    ):  # enough of it that the upgrade needs more room than it frees
        database.execute(
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 3000)"
            " INSERT INTO message SELECT 'm' || n, 'a', '[]', 's', zeroblob(900), '', '', 0, 1 FROM n"
        )
    database.close()
    before = content(path)
    real = sqlite3.connect

    def small(*args, **options):
        database = real(*args, **options)
        database.execute(f"PRAGMA max_page_count = {database.execute('PRAGMA page_count').fetchone()[0]}")
        return database

    monkeypatch.setattr(sqlite3, "connect", small)
    with pytest.raises(StoreError, match="full") as caught:
        Outbox(path)
    assert "Nothing was changed" in str(caught.value)
    monkeypatch.undo()
    assert content(path) == before
    Outbox(path).close()
