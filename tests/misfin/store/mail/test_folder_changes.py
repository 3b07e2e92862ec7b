"""Folders made, renamed and removed by a person: nothing is lost, and what cannot be done is said."""

from __future__ import annotations

import pytest

from misfin.errors import StoreError
from misfin.store.mail.folder_changes import can_change, create_folder, remove_folder, rename_folder
from misfin.store.mail.maildir import MailStore


@pytest.fixture
def store(tmp_path):
    store = MailStore(tmp_path / "mail")
    store.create("work")
    return store


def test_a_folder_is_made_once(store):
    create_folder(store, "work", "Lists/Crew")
    assert "Lists/Crew" in store.folders("work")
    with pytest.raises(StoreError, match="already"):
        create_folder(store, "work", "lists/crew")


def test_a_renamed_folder_keeps_its_messages_and_their_names(store):
    create_folder(store, "work", "Crew")
    entry = store.folder("work", "Crew").deliver(b"Subject: x\n\ny\n")
    rename_folder(store, "work", "Crew", "Boat")
    assert [each.key for each in store.folder("work", "Boat").list()] == [entry.key]
    assert "Crew" not in store.folders("work")


def test_an_empty_folder_is_removed(store):
    create_folder(store, "work", "Crew")
    remove_folder(store, "work", "Crew")
    assert "Crew" not in store.folders("work")
    assert not store.folder("work", "Crew").path.exists()


def test_a_folder_with_messages_is_not_removed(store):
    create_folder(store, "work", "Crew")
    store.folder("work", "Crew").deliver(b"Subject: x\n\ny\n")
    with pytest.raises(StoreError, match="still holds messages"):
        remove_folder(store, "work", "Crew")
    assert len(store.folder("work", "Crew").list()) == 1


def test_a_folder_into_which_a_message_is_being_written_stays_whole(store):
    create_folder(store, "work", "Crew")
    crew = store.folder("work", "Crew")
    (path,) = crew.new_paths(1, now=0.0)
    path.write_bytes(b"Subject: half")
    with pytest.raises(StoreError):
        remove_folder(store, "work", "Crew")
    assert path.exists()
    assert crew.exists()


@pytest.mark.parametrize("name", ["Inbox", "inbox", "INBOX", "Trash", "Outbox", "Sent"])
def test_a_standard_folder_is_neither_renamed_nor_removed(store, name):
    assert not can_change(name)
    with pytest.raises(StoreError):
        remove_folder(store, "work", name)
    with pytest.raises(StoreError):
        rename_folder(store, "work", name, "Other")
    with pytest.raises(StoreError):
        create_folder(store, "work", name)


@pytest.mark.parametrize("name", ["", "a.b", "../x", " x", "x\x1b[2J", "a//b", "x" * 300])
def test_what_cannot_be_a_name_is_refused(store, name):
    before = store.folders("work")
    with pytest.raises(StoreError):
        create_folder(store, "work", name)
    assert store.folders("work") == before


def test_a_folder_with_others_inside_stays_as_it_is(store):
    create_folder(store, "work", "Lists")
    create_folder(store, "work", "Lists/Crew")
    with pytest.raises(StoreError, match="inside"):
        rename_folder(store, "work", "Lists", "Groups")
    with pytest.raises(StoreError, match="inside"):
        remove_folder(store, "work", "Lists")
