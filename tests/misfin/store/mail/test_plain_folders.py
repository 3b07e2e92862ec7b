"""Folders that mbsync and offlineimap keep as plain directories are read and changed in place."""

from __future__ import annotations

from pathlib import Path

import pytest
from mailboxes import mail, scanned

from misfin.errors import StoreError
from misfin.store.index import MailIndex
from misfin.store.mail.folder_changes import remove_folder, rename_folder
from misfin.store.mail.maildir import Maildir, MailStore
from misfin.store.mail.plain_folders import plain_path
from misfin.store.rows import View

WORK = "work"


def maildirs(home: Path, *names: str) -> None:
    for name in names:
        Maildir(home / name).create().deliver(mail(f"In {name}"))


@pytest.fixture
def store(tmp_path: Path) -> MailStore:
    (tmp_path / "mail" / WORK).mkdir(parents=True)
    return MailStore(tmp_path / "mail")


def test_mbsync_verbatim_with_an_inbox_of_its_own(store: MailStore) -> None:
    maildirs(store.root / WORK, "INBOX", "Sent", "Lists/Crew", "Lists", "[Gmail]/All Mail")
    assert store.accounts() == [WORK]
    assert store.folders(WORK) == ["Inbox", "Sent", "Lists", "Lists/Crew", "[Gmail]/All Mail"]
    assert store.folder(WORK).path == store.root / WORK / "INBOX"
    for name in store.folders(WORK):
        assert len(store.folder(WORK, name).list()) == 1
    store.create(WORK)
    assert not (store.root / WORK / ".Sent").exists()
    assert not (store.root / WORK / "cur").exists()


def test_mbsync_legacy_and_offlineimap_names(store: MailStore) -> None:
    maildirs(store.root / WORK, "INBOX", "Lists/.Crew", "INBOX.Old", "Entw&APw-rfe", ".Lists.Other")
    assert store.folders(WORK) == ["Inbox", "Entwürfe", "INBOX.Old", "Lists/Crew", "Lists/Other"]
    for name in store.folders(WORK):
        assert len(store.folder(WORK, name).list()) == 1


def test_two_folders_of_one_name_are_both_there(store: MailStore) -> None:
    store.create(WORK)
    maildirs(store.root / WORK, "Sent", "INBOX", "a/b", "a/.b")
    names = store.folders(WORK)
    assert {"Sent", "/Sent", "/INBOX", "a/b", "/a/.b"} <= set(names)
    assert len({store.folder(WORK, name).path for name in names}) == len(names)
    assert store.folder(WORK, "Sent").path.name == ".Sent"


def test_messages_are_indexed_moved_and_folders_changed(store: MailStore, tmp_path: Path) -> None:
    maildirs(store.root / WORK, "Inbox", "Lists/Crew")
    index = MailIndex(tmp_path / "index.db", store.root)
    scanned(index)
    rows = {row.folder: row for row in index.messages(View(), 10)}
    assert set(rows) == {"Inbox", "Lists/Crew"}
    store.folder(WORK, "Lists/Crew").move(rows["Lists/Crew"].id, store.folder(WORK, "Inbox"))
    scanned(index)
    assert {row.folder for row in index.messages(View(), 10)} == {"Inbox"}
    index.close()
    rename_folder(store, WORK, "Lists/Crew", "Friends")
    assert store.folders(WORK) == ["Inbox", "Friends"]
    remove_folder(store, WORK, "Friends")
    assert store.folders(WORK) == ["Inbox"]


@pytest.mark.parametrize(
    "name", ["..", "/..", "/../other", "/a/../../b", "cur", "/new/x", "/", "//", "/.ssh", "a\0"]
)
def test_no_name_leads_out_of_the_account_or_into_a_folders_parts(store: MailStore, name: str) -> None:
    maildirs(store.root / WORK, "Inbox", "cur/x")
    maildirs(store.root, "other", ".ssh")
    assert plain_path(store.root / WORK, name) is None
    if name.startswith(("/", "..")) or "\0" in name:
        with pytest.raises(StoreError):
            store.folder(WORK, name)


def test_links_that_lead_round_end(store: MailStore) -> None:
    maildirs(store.root / WORK, "Inbox", "a")
    (store.root / WORK / "a" / "again").symlink_to(store.root / WORK)
    assert store.folders(WORK) == ["Inbox", "a"]
