"""The local side of a source: what it files, moves and puts away is safe; what is gone is passed over."""

from __future__ import annotations

import pytest

from misfin.post.inbox import LocalInbox
from misfin.store.mail.keywords import FLAGS, name_keywords
from misfin.store.mail.maildir import MailStore


@pytest.fixture
def store(tmp_path):
    store = MailStore(tmp_path / "mail")
    store.create("work")
    return store


@pytest.fixture
def inbox(store):
    return LocalInbox(store)


def test_a_message_written_gets_the_time_it_was_received(inbox):
    (path,) = inbox.write("work", "Inbox", [b"Subject: s\n\n"], [1_600_000_000.0])
    assert path.stat().st_mtime == 1_600_000_000.0


def test_the_identity_stays_until_the_directory_is_another_one(inbox, store):
    assert inbox.identity("work") == ""
    identity = inbox.identity("work", create=True)
    assert identity == inbox.identity("work", create=True) == LocalInbox(store).identity("work")
    home = store.root / "work"
    home.rename(store.root / "old")
    assert inbox.identity("work") == ""
    assert inbox.identity("work", create=True) != identity


def test_flags_are_changed_and_what_is_gone_is_passed_over(inbox, store):
    entry = store.folder("work").deliver(b"a", flags="S")
    assert inbox.flag("work", "Inbox", [(entry.key, "F", "S"), ("none", "F", "")]) == {entry.key}
    assert store.folder("work").find(entry.key).flags == "F"


def test_messages_move_to_another_folder_to_the_attic_and_back(inbox, store):
    entry = store.folder("work").deliver(b"a", flags="S")
    assert inbox.move("work", "Inbox", "Lists", [(entry.key, None), ("none", None)]) == {entry.key: entry.key}
    assert inbox.to_attic("work", "Lists", [entry.key]) == {entry.key: entry.key}
    assert [each.key for each in inbox.attic("work")] == [entry.key]
    assert store.folder("work", "Lists").list() == []
    assert inbox.from_attic("work", "Inbox", entry.key, "F") == entry.key
    assert inbox.from_attic("work", "Inbox", entry.key, "F") == ""
    assert store.folder("work").find(entry.key).flags == "F"


def test_the_attic_is_no_account(inbox, store):
    entry = store.folder("work").deliver(b"a", flags="S")
    inbox.to_attic("work", "Inbox", [entry.key])
    assert store.accounts() == ["work"]
    inbox.remove_from_attic("work", [entry.key, "none"])
    assert inbox.attic("work") == []


def test_a_tag_is_given_the_flag_it_has_in_other_folders_and_none_when_all_are_taken(inbox, store):
    name_keywords(store.folder("work", "Archive").path, ["x", "home"], lambda: ())
    assert inbox.tag_flags("work", "Inbox", ["home"]) == {"home": "a"}
    full = store.folder("work", "Sent")
    name_keywords(full.path, [f"t{char}" for char in FLAGS], lambda: ())
    full.deliver(b"a", flags=FLAGS)
    assert inbox.tag_flags("work", "Sent", ["ta", "home"]) == {"ta": "a"}


def test_a_file_gets_a_key_of_its_own_and_keeps_its_flags(inbox, store):
    entry = store.folder("work").deliver(b"a", flags="FS")
    key = inbox.renew("work", "Inbox", f"cur/{entry.name}")
    (now,) = store.folder("work").list()
    assert (now.key, now.flags) == (key, "FS")
    assert key != entry.key
    assert inbox.renew("work", "Inbox", f"cur/{entry.name}") == ""
