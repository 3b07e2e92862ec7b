"""A snapshot of a Maildir: a stamp that can be relied upon saves listing it again."""

from __future__ import annotations

import os

import pytest

from misfin.store.mail.keywords import name_keywords
from misfin.store.mail.maildir import Maildir
from misfin.store.mail.snapshot import Snapshot, take_snapshot

LATER = 60.0


@pytest.fixture
def maildir(tmp_path):
    return Maildir(tmp_path / "box").create()


def now(maildir):
    return max(os.stat(maildir.path / part).st_mtime for part in ("cur", "new"))


def test_it_holds_the_names_of_both_directories_and_the_tags(maildir):
    new, seen = maildir.deliver(b"a"), maildir.deliver(b"b", flags="S")
    name_keywords(maildir.path, ["work"], lambda: ())
    snapshot = take_snapshot(maildir, 0.0)
    assert (snapshot.new, snapshot.cur, dict(snapshot.tags)) == ({new.name}, {seen.name}, {"a": "work"})
    assert len(snapshot) == 2


def test_a_folder_that_does_not_exist_holds_nothing(tmp_path):
    assert take_snapshot(Maildir(tmp_path / "none"), 0.0) == Snapshot(exists=False)


def test_what_has_just_changed_has_no_stamp(maildir):
    maildir.deliver(b"a")
    assert take_snapshot(maildir, now(maildir) + 1).stamp == ""
    assert take_snapshot(maildir, now(maildir) + LATER).stamp != ""
    assert take_snapshot(maildir, now(maildir) - LATER).stamp == ""  # the clock was set back


@pytest.mark.parametrize("change", ["deliver", "flag", "remove", "tag"])
def test_every_change_of_a_name_changes_the_stamp(maildir, change):
    entry = maildir.deliver(b"a", flags="S")
    old = now(maildir) - LATER
    for part in ("cur", "new"):
        os.utime(maildir.path / part, (old, old))
    stamp = take_snapshot(maildir, now(maildir) + LATER).stamp
    assert take_snapshot(maildir, now(maildir) + LATER, stamp) is None
    match change:
        case "deliver":
            maildir.deliver(b"b")
        case "flag":
            maildir.set_flags(entry.key, "FS")
        case "remove":
            maildir.remove(entry.key)
        case "tag":
            name_keywords(maildir.path, ["work"], lambda: ())
    assert take_snapshot(maildir, now(maildir) + LATER, stamp) is not None


def test_a_change_while_it_is_listed_leaves_no_stamp(maildir, monkeypatch):
    maildir.deliver(b"a", flags="S")
    names = Maildir.names

    def and_meanwhile(self, part):
        found = names(self, part)
        if part == "new":
            self.deliver(b"b")
        return found

    monkeypatch.setattr(Maildir, "names", and_meanwhile)
    assert take_snapshot(maildir, now(maildir) + LATER).stamp == ""
