"""Attached files: copied whole or not at all, kept once, and gone only when nothing needs them."""

from __future__ import annotations

import errno
import os
import time
import tracemalloc

import pytest

from misfin.errors import InputError, StoreError
from misfin.store.mail.maildir import MailStore
from misfin.store.outgoing.attachments import AttachmentFiles, key_of
from misfin.store.outgoing.drafts import Draft, DraftBox

ADA = "ada@mail.example"
DAY = 86400.0


@pytest.fixture
def files(tmp_path):
    return AttachmentFiles(tmp_path / "profile" / "attachments")


@pytest.fixture
def report(tmp_path):
    path = tmp_path / "report.pdf"
    path.write_bytes(b"%PDF" * 1000)
    return path


def age(files, days=2.0):
    for path in files.folder.iterdir():
        os.utime(path, (time.time() - days * DAY,) * 2)


def test_a_file_is_copied_and_stays_when_the_original_changes(files, report):
    attached = files.add(report)
    report.write_bytes(b"other")
    assert (attached.name, attached.size) == ("report.pdf", 4000)
    assert files.read(attached.key) == b"%PDF" * 1000
    assert files.path(attached.key).stat().st_mode & 0o777 == 0o600
    assert files.folder.stat().st_mode & 0o777 == 0o700


def test_the_same_content_lies_there_once_under_any_name(files, report):
    first, second = files.add(report), files.add(report, "other name.pdf")
    assert (first.key, second.name) == (second.key, "other name.pdf")
    assert len(list(files.folder.iterdir())) == 1


def test_a_large_file_takes_little_memory(files, tmp_path):
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    tracemalloc.start()
    attached = files.add(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert attached.size == 64 * 1024 * 1024
    assert peak < 8 * 1024 * 1024


def test_what_is_not_a_readable_file_is_refused_at_once(files, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name in ("missing", ".", "pipe"):
        with pytest.raises(InputError):
            files.add(tmp_path / name)


def test_a_full_disk_leaves_nothing(files, report, monkeypatch):
    def full(_handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space") as caught:
        files.add(report)
    assert "free some space" in caught.value.remedy
    assert list(files.folder.iterdir()) == []


@pytest.mark.parametrize("key", ["", "../../outbox.db", "a" * 63, "A" * 64])
def test_a_key_from_outside_reaches_no_other_file(files, key):
    with pytest.raises(StoreError):
        files.path(key)


def test_a_missing_file_is_named(files):
    with pytest.raises(StoreError, match="missing"):
        files.read(key_of(b"x"))


def test_only_what_is_old_and_not_needed_is_swept_away(files, report, tmp_path):
    needed, other = files.add(report), files.add_bytes(b"other")
    assert files.sweep(lambda: pytest.fail("nothing is old"), time.time()) == 0
    (files.folder / ".misfin-1234.part").touch()
    age(files)
    young = files.add_bytes(b"young")
    assert files.sweep(lambda: {needed.key}, time.time()) == 2
    assert {path.name for path in files.folder.iterdir()} == {needed.key, young}
    assert other != needed.key


def test_attaching_an_old_file_again_keeps_it(files):
    key = files.add_bytes(b"x")
    age(files)
    files.add_bytes(b"x")
    assert files.sweep(set, time.time()) == 0
    assert files.read(key) == b"x"


# ---- beside drafts --------------------------------------------------------------------------------


@pytest.fixture
def box(tmp_path):
    return DraftBox(MailStore(tmp_path / "profile" / "mail"))


def test_a_draft_holds_names_of_files_and_never_their_bytes(box, report):
    draft = Draft(
        account=ADA, cc=("cal@x.example",), bcc=("dan@x.example",), attachments=(box.files.add(report),)
    )
    saved = box.save(draft, now=1.0)
    assert box.load(saved.id) == saved
    (entry,) = MailStore(box.files.folder.parent / "mail").folder(ADA, "Drafts").list()
    assert entry.path.stat().st_size < 1000
    assert b"Cc: cal@x.example" in entry.path.read_bytes()


def test_saving_a_forward_again_writes_it_no_second_time(box, monkeypatch):
    received = b"zoe@far.test\n\n2023-11-14T22:13:20Z\n# Flowers\n"
    saved = box.save(Draft(account=ADA, forwards=received), now=1.0)
    (file,) = box.files.folder.iterdir()
    before = file.stat()
    again = box.save(saved, now=2.0)
    assert file.stat().st_ino == before.st_ino
    assert box.load(again.id).forwards == received


def test_a_draft_whose_forwarded_message_is_missing_says_so_and_hides_no_other(box):
    saved = box.save(Draft(account=ADA, forwards=b"zoe@far.test\n\n\n# Flowers\n"), now=1.0)
    other = box.save(Draft(account=ADA, subject="Other"), now=2.0)
    for file in box.files.folder.iterdir():
        file.unlink()
    with pytest.raises(StoreError, match="missing"):
        box.load(saved.id)
    assert box.all() == [other]


def test_the_files_of_every_draft_are_known_wherever_it_was_moved(box, report):
    store = MailStore(box.files.folder.parent / "mail")
    attached = box.files.add(report)
    box.save(Draft(account=ADA, attachments=(attached,), forwards=b"x"), now=1.0)
    drafts = store.folder(ADA, "Drafts")
    (entry,) = drafts.list()
    drafts.move(entry.key, store.folder(ADA, "Trash"))
    assert box.attachments() == {attached.key, key_of(b"x")}


def test_a_draft_from_outside_cannot_name_another_file(box, tmp_path):
    from misfin.store.outgoing import drafts

    evil = drafts.to_bytes(Draft(account=ADA, forwards=b"x")).replace(
        key_of(b"x").encode(), b"../../" + b"a" * 58
    )
    store = MailStore(box.files.folder.parent / "mail")
    store.create(ADA)
    store.folder(ADA, "Drafts").deliver(evil, flags="DS")
    (entry,) = store.folder(ADA, "Drafts").list()
    with pytest.raises(StoreError, match="does not name"):
        box.load(entry.key)
