"""A backup holds every message once whatever happens meanwhile, and appears whole or not at all."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing

import pytest

from misfin.errors import StoreError
from misfin.store import backup
from misfin.store.backup import back_up
from misfin.store.mail.maildir import MailStore

ADA = "ada@mail.example"


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "profile"
    store = MailStore(root / "mail")
    store.create(ADA)
    for number in range(5):
        store.folder(ADA).deliver(f"Subject: {number}\n\nText.\n".encode())
    (root / "identities").mkdir(mode=0o700)
    (root / "identities" / "ada.pem").write_text("KEY")
    (root / "cache").mkdir()
    (root / "cache" / "index.db").write_text("x")
    with closing(sqlite3.connect(root / "trust.db")) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE pins (name TEXT)")
        database.execute("INSERT INTO pins VALUES ('bea')")
        database.commit()
    return root


def messages(folder) -> list[bytes]:
    store = MailStore(folder / "mail")
    found = [
        entry.path.read_bytes() for name in store.folders(ADA) for entry in store.folder(ADA, name).list()
    ]
    return sorted(found)


def test_everything_is_copied_but_what_can_be_made_again(root, tmp_path):
    kept = tmp_path / "kept"
    with closing(sqlite3.connect(root / "trust.db")) as database:  # still open, and ahead in its log
        database.execute("INSERT INTO pins VALUES ('cal')")
        database.commit()
        report = back_up(root, kept, leave_out=[root / "cache"])
    assert (report.messages, report.databases) == (5, 1)
    assert messages(kept) == messages(root)
    assert (kept / "identities" / "ada.pem").read_text() == "KEY"
    assert not (kept / "cache").exists()
    with closing(sqlite3.connect(kept / "trust.db")) as database:
        assert database.execute("SELECT name FROM pins").fetchall() == [("bea",), ("cal",)]
    assert not [each for each in (kept, *kept.rglob("*")) if each.stat().st_mode & 0o077]


def test_times_of_messages_are_kept(root, tmp_path):
    (first, *_) = MailStore(root / "mail").folder(ADA).list()
    os.utime(first.path, (1_000_000_000, 1_000_000_000))
    back_up(root, tmp_path / "kept")
    copy = tmp_path / "kept" / first.path.relative_to(root)
    assert copy.stat().st_mtime == 1_000_000_000


@pytest.mark.parametrize("to", ["cur", "archive"])
def test_a_message_that_moves_while_its_folder_is_read_is_there_once(root, tmp_path, monkeypatch, to):
    store = MailStore(root / "mail")
    entries, moved = backup._entries, []

    def meanwhile(folder):
        found = entries(folder)
        if folder.parent == store.folder(ADA).path and folder.name == "new" and not moved:
            for entry in store.folder(ADA).list():
                moved.append(entry)
                if to == "cur":
                    store.folder(ADA).set_flags(entry.key, "S")
                else:
                    store.folder(ADA).move(entry.key, store.folder(ADA, "Archive"))
        return found

    monkeypatch.setattr(backup, "_entries", meanwhile)
    back_up(root, tmp_path / "kept")
    assert moved
    assert messages(tmp_path / "kept") == messages(root)


def test_a_message_that_is_marked_after_it_was_copied_is_there_once(root, tmp_path, monkeypatch):
    folder = MailStore(root / "mail").folder(ADA)
    entries, done = backup._entries, []

    def meanwhile(place):
        if place == folder.path / "cur" and not done:  # after "new"
            done.extend(folder.set_flags(entry.key, "S") for entry in folder.list())
        return entries(place)

    monkeypatch.setattr(backup, "_entries", meanwhile)
    back_up(root, tmp_path / "kept")
    assert messages(tmp_path / "kept") == messages(root)


def test_what_an_earlier_backup_has_takes_no_room_and_stays_when_that_is_deleted(root, tmp_path):
    store = MailStore(root / "mail")
    back_up(root, tmp_path / "one")
    (first, *_) = store.folder(ADA).list()
    store.folder(ADA).set_flags(first.key, "S")
    store.folder(ADA).deliver(b"Subject: new\n\nText.\n")
    back_up(root, tmp_path / "two", earlier=tmp_path / "one")
    files = [each for each in (tmp_path / "two" / "mail").rglob("*") if each.is_file() and "cur" in str(each)]
    assert [each.stat().st_nlink for each in files] == [2]
    for each in sorted((tmp_path / "one").rglob("*"), reverse=True):
        each.rmdir() if each.is_dir() else each.unlink()
    assert messages(tmp_path / "two") == messages(root)


def test_a_file_of_another_size_is_not_taken_from_the_earlier_backup(root, tmp_path):
    back_up(root, tmp_path / "one")
    (copy, *_) = MailStore(tmp_path / "one" / "mail").folder(ADA).list()
    copy.path.write_bytes(b"cut")
    back_up(root, tmp_path / "two", earlier=tmp_path / "one")
    assert messages(tmp_path / "two") == messages(root)


def test_links_are_named_and_left_out_and_other_databases_are_files(root, tmp_path):
    (root / "themes").symlink_to(tmp_path)
    (root / "notes.db").write_text("not SQLite")
    report = back_up(root, tmp_path / "kept")
    assert report.skipped == [root / "themes"]
    assert (tmp_path / "kept" / "notes.db").read_text() == "not SQLite"


@pytest.mark.parametrize("place", ["there", "profile/inside"])
def test_an_old_folder_and_one_in_the_profile_are_refused(root, tmp_path, place):
    (tmp_path / "there").mkdir()
    with pytest.raises(StoreError):
        back_up(root, tmp_path / place)


def test_a_backup_that_fails_leaves_nothing(root, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backup, "_copy", full)
    with pytest.raises(StoreError, match="No space left"):
        back_up(root, tmp_path / "kept")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["profile"]
