"""Versions of the program that are open on one profile leave each other's index alone."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from mailboxes import ME, Mailbox, mail, subjects

from misfin.store import index_file as module
from misfin.store.index import MailIndex, schema
from misfin.store.index_file import UNUSED_AFTER, index_file, remove_unused
from misfin.store.rows import View

NOW = time.time()


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    folder = tmp_path / "cache"
    folder.mkdir()
    return folder


def file(cache: Path, name: str, *, days: float, read_days: float | None = None) -> Path:
    path = cache / name
    path.write_bytes(b"x")
    read = days if read_days is None else read_days
    os.utime(path, (NOW - read * 86400, NOW - days * 86400))
    return path


def test_the_name_bears_the_version(cache):
    assert index_file(cache).name == f"index-{schema.VERSION}.db"


def test_two_versions_on_one_profile_keep_their_indexes(tmp_path, monkeypatch):
    box = Mailbox(tmp_path / "mail", ME)
    box.put(mail("one"))
    cache, inbox = tmp_path / "cache", View(ME, "Inbox")
    with MailIndex(cache / "index.db", box.root) as released:  # the name that version 0.1 gave it
        released.scan()
        with MailIndex(index_file(cache), box.root) as ours:
            ours.scan()
            monkeypatch.setattr(module, "VERSION", schema.VERSION + 1)
            with MailIndex(index_file(cache), box.root) as later:
                later.scan()
                box.put(mail("two"))
                assert remove_unused(cache, NOW) == []
                for index in (released, ours, later):
                    before = index._database.path.stat().st_ino
                    index.scan()
                    assert sorted(subjects(index.conversations(inbox, 0, 9))) == ["one", "two"]
                    assert index._database.path.stat().st_ino == before
                    assert index._database.serial == 0


def test_an_index_that_no_version_has_used_for_a_month_is_removed_whole(cache):
    old = [file(cache, name, days=31) for name in ("index.db", "index.db-wal", "index.db-shm", "index-3.db")]
    assert remove_unused(cache, NOW) == [cache / "index-3.db", cache / "index.db"]
    assert not any(path.exists() for path in old)


def test_an_index_that_was_used_in_the_last_month_stays(cache):
    written = file(cache, "index-3.db", days=29)
    read = file(cache, "index-4.db", days=400, read_days=29)
    busy = file(cache, "index-9.db", days=400)
    log = file(cache, "index-9.db-wal", days=1)
    assert remove_unused(cache, NOW) == []
    assert all(path.exists() for path in (written, read, busy, log))


def test_ones_own_index_and_other_files_stay_however_old(cache):
    names = (
        index_file(cache).name,
        "undo.db",
        "index-x.db",
        "index-1.db.bak",
        "myindex-1.db",
        "verification.db",
    )
    kept = [file(cache, name, days=400) for name in names]
    assert remove_unused(cache, NOW + UNUSED_AFTER) == []
    assert all(path.exists() for path in kept)


def test_no_folder_and_a_folder_in_the_place_of_an_index_are_no_error(cache, tmp_path):
    assert remove_unused(tmp_path / "nothing", NOW) == []
    (cache / "index-1.db").mkdir()
    os.utime(cache / "index-1.db", (0, 0))
    remove_unused(cache, NOW)
    assert (cache / "index-1.db").is_dir()
