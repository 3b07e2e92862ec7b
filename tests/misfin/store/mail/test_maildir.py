"""Messages as files: what is delivered is durable, keyed for good, and read alike by the standard library."""

import errno
import itertools
import mailbox
import os
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from misfin.errors import MessageGoneError, StoreError
from misfin.model.folders import FOLDERS
from misfin.store.mail import maildir_writing as module
from misfin.store.mail.maildir import Maildir, MailStore, NewMessage, split_name, unique_name


@pytest.fixture
def box(tmp_path) -> Maildir:
    return Maildir(tmp_path / "box").create()


def stdlib(box: Maildir) -> mailbox.Maildir:
    return mailbox.Maildir(box.path, create=False)


# ---- delivery -------------------------------------------------------------------------------------


def test_a_delivered_message_is_new_and_the_standard_library_reads_it(box):
    entry = box.deliver(b"Subject: hi\n\nbody\n")
    assert (entry.subdir, entry.flags) == ("new", "")
    [(key, message)] = stdlib(box).items()
    assert key == entry.key
    assert message["subject"] == "hi"
    assert message.get_subdir() == "new"


def test_a_message_with_flags_lies_in_cur_with_its_flags_in_order(box):
    entry = box.deliver(b"x", flags="SRF")
    assert entry.path.name == f"{entry.key}:2,FRS"
    assert stdlib(box)[entry.key].get_flags() == "FRS"


def test_a_batch_keeps_its_order_and_syncs_the_folder_once(box, monkeypatch):
    synced = []
    monkeypatch.setattr(module, "sync_folder", lambda path: synced.append(Path(path)))
    entries = box.deliver_many([b"one", b"two", NewMessage(b"three")])
    assert [entry.path.read_bytes() for entry in entries] == [b"one", b"two", b"three"]
    assert synced == [box.path / "new"]
    assert [entry.key for entry in box.list()] == [entry.key for entry in entries]


def test_the_files_are_synced_before_they_are_renamed_and_the_folder_after(box, monkeypatch):
    steps = []
    monkeypatch.setattr(module.os, "fsync", lambda handle: steps.append("file"))
    monkeypatch.setattr(module, "sync_folder", lambda path: steps.append("folder"))
    rename = module.os.rename
    monkeypatch.setattr(module.os, "rename", lambda old, new: steps.append("rename") or rename(old, new))
    box.deliver_many([b"a", b"b"])
    assert steps == ["file", "file", "rename", "rename", "folder"]


def test_an_imported_message_keeps_its_time(box):
    assert box.deliver(b"x", flags="S", received=981173106.0).path.stat().st_mtime == 981173106.0


@pytest.mark.parametrize("time", [0.0, -1.0, 4102444800.0, 1e18])
def test_a_clock_in_1970_or_2100_or_beyond_does_not_stop_delivery(box, time):
    entry = box.deliver(b"x", received=time, now=time)
    assert entry.path.read_bytes() == b"x"


def test_messages_are_for_the_owner_only(tmp_path):
    box = Maildir(tmp_path / "a" / "box").create()
    assert box.deliver(b"x").path.stat().st_mode & 0o777 == 0o600
    assert {path.stat().st_mode & 0o777 for path in (box.path, box.path / "new", box.path / "tmp")} == {0o700}


def test_when_the_disk_is_full_nothing_of_the_batch_stays_and_the_error_says_so(box, monkeypatch):
    calls = []

    def full(handle):
        calls.append(handle)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module.os, "fsync", full)
    with pytest.raises(StoreError, match="No space left") as caught:
        box.deliver_many([b"one", b"two", b"three"])
    assert "free some space" in caught.value.remedy
    assert [path.name for path in box.path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("size", [7, 8, 100])
def test_a_large_batch_is_on_disk_whole_or_not_at_all(box, monkeypatch, size):
    messages = [b"%d" % n for n in range(size)]
    synced = []
    with monkeypatch.context() as patch:
        patch.setattr(module.os, "fsync", lambda handle: synced.append(handle))
        assert [entry.path.read_bytes() for entry in box.deliver_many(messages)] == messages
    assert len(synced) == size + 1

    def full(handle):
        synced.append(handle)
        if len(synced) % size == 0:
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module.os, "fsync", full)
        with pytest.raises(StoreError):
            box.deliver_many(messages)
    assert len(box.list()) == size
    assert list((box.path / "tmp").iterdir()) == []


def test_when_the_folder_cannot_be_synced_the_message_was_not_delivered(box, monkeypatch):
    def fail(path):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(module, "sync_folder", fail)
    with pytest.raises(StoreError):
        box.deliver(b"x")
    assert box.list() == []


def test_a_folder_removed_by_another_program_is_made_again(box):
    for part in ("tmp", "new", "cur"):
        (box.path / part).rmdir()
    box.path.rmdir()
    assert box.deliver(b"x").path.exists()


def test_two_hundred_names_from_threads_are_all_different(box):
    names: list[str] = []
    threads = [
        threading.Thread(target=lambda: names.extend(unique_name(1.0) for _ in range(50))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(names)) == 200
    assert not any("/" in name or ":" in name for name in names)


# ---- flags and moves ------------------------------------------------------------------------------


def test_flags_set_here_are_seen_there_and_the_other_way_round(box):
    key = box.deliver(b"x").key
    box.set_flags(key, "SF")
    assert stdlib(box)[key].get_flags() == "FS"
    other = stdlib(box)
    message = other[key]
    message.set_flags("RS")
    other[key] = message
    found = box.find(key)
    assert found is not None
    assert found.flags == "RS"


def test_changing_one_flag_keeps_the_others_even_unknown_ones(box):
    key = box.deliver(b"x", flags="Sab").key
    assert box.change_flags(key, add="F", remove="S").flags == "Fab"


def test_no_flags_at_all_is_seen_but_not_read(box):
    key = box.deliver(b"x").key
    entry = box.set_flags(key, "")
    assert (entry.subdir, entry.path.name) == ("cur", f"{key}:2,")


def test_what_is_no_flag_is_refused(box):
    key = box.deliver(b"x").key
    with pytest.raises(StoreError):
        box.set_flags(key, "S/../x")


def test_a_move_keeps_key_flags_and_bytes(box, tmp_path):
    trash = Maildir(tmp_path / "trash")
    key = box.deliver(b"x", flags="S").key
    moved = box.move(key, trash)
    assert (moved.key, moved.flags, moved.path.read_bytes()) == (key, "S", b"x")
    assert box.keys() == set()
    assert trash.move(key, box, flags="").path.name == f"{key}:2,"


def test_an_unread_message_moved_is_still_new(box, tmp_path):
    key = box.deliver(b"x").key
    assert box.move(key, Maildir(tmp_path / "held")).subdir == "new"


def test_a_move_never_writes_over_a_message(box, tmp_path):
    other = Maildir(tmp_path / "other").create()
    key = box.deliver(b"mine", flags="S").key
    (other.path / "cur" / f"{key}:2,S").write_bytes(b"theirs")
    moved = box.move(key, other)
    assert moved.key != key
    assert sorted(entry.path.read_bytes() for entry in other.list()) == [b"mine", b"theirs"]


def test_a_flag_never_writes_over_a_message(box):
    key = box.deliver(b"one", flags="S").key
    (box.path / "cur" / f"{key}:2,FS").write_bytes(b"two")
    box.change_flags(key, add="F")
    assert sorted(entry.path.read_bytes() for entry in box.list()) == [b"one", b"two"]


def test_a_move_to_another_file_system_copies_first(box, tmp_path, monkeypatch):
    other = Maildir(tmp_path / "other").create()
    key = box.deliver(b"x", flags="S", received=1000.0).key
    rename = Path.rename

    def across(self, target):
        if self.parent.parent != Path(target).parent.parent:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", across)
    moved = box.move(key, other)
    assert (moved.path.read_bytes(), moved.path.stat().st_mtime) == (b"x", 1000.0)
    assert box.keys() == set()
    assert list((other.path / "tmp").iterdir()) == []


def test_a_message_renamed_by_another_program_is_found_again(box, monkeypatch):
    key = box.deliver(b"x").key
    find = Maildir.find
    answers = []

    def late(self, key, seen=""):
        entry = find(self, key, seen)
        if not answers:  # between our look and our rename, another program marks it read
            answers.append(entry)
            entry.path.rename(self.path / "cur" / f"{key}:2,S")
        return entry

    monkeypatch.setattr(Maildir, "find", late)
    assert box.change_flags(key, add="F").flags == "FS"


def test_a_message_that_is_gone_is_said_to_be_gone(box, tmp_path):
    for act in (
        lambda: box.set_flags("1.x.host", "S"),
        lambda: box.move("1.x.host", Maildir(tmp_path / "t")),
        lambda: box.remove("1.x.host"),
        lambda: box.read("1.x.host"),
    ):
        with pytest.raises(MessageGoneError):
            act()


def test_a_message_is_read_up_to_a_limit(box):
    key = box.deliver(b"0123456789").key
    assert (box.read(key, 4), box.read(key)) == (b"0123", b"0123456789")


def test_many_hands_on_the_same_messages_lose_none(box, tmp_path):
    other = Maildir(tmp_path / "other").create()
    keys = [box.deliver(b"%d" % n).key for n in range(6)]
    faults: list[Exception] = []

    def work(number: int) -> None:
        try:
            for turn in range(60):
                key = keys[(number + turn) % len(keys)]
                here, there = (box, other) if turn % 2 else (other, box)
                with suppress(MessageGoneError):  # somebody has just moved it
                    here.change_flags(key, add="FS"[number % 2], remove="RT", sync=False)
                with suppress(MessageGoneError):
                    here.move(key, there, flags="RST"[turn % 3], sync=False)
        except StoreError as error:
            faults.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    left = sorted(entry.path.read_bytes() for each in (box, other) for entry in each.list())
    assert left == [b"%d" % n for n in range(6)]


def test_a_message_whose_name_keeps_changing_is_not_given_up_for_gone(box):
    key = box.deliver(b"x").key
    done = threading.Event()

    def rename() -> None:
        names = itertools.cycle([f"cur/{key}:2,{flags}" for flags in ("DF", "FRT", "DRT", "PT")])
        now = f"new/{key}"
        while not done.is_set():
            later = next(names)
            (box.path / now).rename(box.path / later)
            now = later
            done.wait(0.0005)

    other = threading.Thread(target=rename)
    other.start()
    try:
        assert all(box.find(key) is not None for _ in range(200))
        assert all(box.read(key) == b"x" for _ in range(200))
    finally:
        done.set()
        other.join()


# ---- names of other programs ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "key", "flags"),
    [
        ("1204680122.27c448.host", "1204680122.27c448.host", ""),
        ("1204680122.27c448.host:2,", "1204680122.27c448.host", ""),
        ("1204680122.27c448.host,S=12,W=13:2,RSab", "1204680122.27c448.host,S=12,W=13", "RSab"),
        ("1204680122.27c448.host:1,weird", "1204680122.27c448.host", ""),
        ("12:34:56.host", "12:34:56.host", ""),
        ("12:34:56.host:2,S", "12:34:56.host", "S"),
        ("plain letter.eml", "plain letter.eml", ""),
        (":2,S", "", "S"),
    ],
)
def test_names_divide_into_key_and_flags(name, key, flags):
    assert split_name(name) == (key, flags)


def test_names_outside_the_rules_are_listed_and_can_be_flagged(box):
    for name in ("no info", "12:34:56", "näme:2,S", "x\n:2,FS", os.fsdecode(b"\xff\xfe:2,S")):
        (box.path / "cur" / name).write_bytes(name.encode("utf-8", "surrogateescape"))
    for key in sorted(box.keys()):
        assert "T" in box.change_flags(key, add="T").flags
    assert len(box.list()) == 5


def test_what_is_no_message_is_not_listed(box):
    (box.path / "cur" / ".hidden").write_bytes(b"x")
    (box.path / "cur" / "folder").mkdir()
    (box.path / "new" / "nowhere").symlink_to("/nonexistent")
    os.mkfifo(box.path / "new" / "pipe")
    assert box.list() == []


def test_only_old_leftovers_are_cleaned_away(box):
    old, fresh = box.path / "tmp" / "old", box.path / "tmp" / "fresh"
    old.write_bytes(b"x")
    fresh.write_bytes(b"x")
    now = fresh.stat().st_ctime
    assert box.clean(now + 35 * 3600) == 0
    os.utime(fresh, (now + 3 * 3600, now + 3 * 3600))
    assert box.clean(now + 37 * 3600) == 1
    assert [path.name for path in (box.path / "tmp").iterdir()] == ["fresh"]


# ---- accounts and folders -------------------------------------------------------------------------


def test_an_account_is_a_maildir_plus_plus(tmp_path):
    store = MailStore(tmp_path / "mail")
    store.create("ada@mail.example")
    assert store.accounts() == ["ada@mail.example"]
    assert store.folders("ada@mail.example") == list(FOLDERS)
    assert store.folder("ada@mail.example", "Inbox").path == tmp_path / "mail" / "ada@mail.example"
    assert sorted(mailbox.Maildir(tmp_path / "mail" / "ada@mail.example").list_folders()) == sorted(
        FOLDERS[1:]
    )
    assert (store.folder("ada@mail.example", "Sent").path / "maildirfolder").exists()


@settings(max_examples=60, deadline=None)
@given(
    st.text(
        st.characters(exclude_characters="/.\0", exclude_categories=["C", "Zl", "Zp"]),
        min_size=1,
        max_size=20,
    )
)
def test_any_folder_name_comes_back_as_it_was(tmp_path_factory, name):
    store = MailStore(tmp_path_factory.mktemp("mail"))
    if name.upper() != "INBOX":
        for each in (name, f"{name}/sub"):
            (store.folder("a@b", each).path / "cur").mkdir(parents=True)
        assert set(store.folders("a@b")) == {name, f"{name}/sub"}


@pytest.mark.parametrize(
    ("name", "directory"), [("Entwürfe", ".Entw&APw-rfe"), ("A & B/C", ".A &- B.C"), ("台北", ".&U,BTFw-")]
)
def test_folder_names_are_written_as_imap_servers_write_them(tmp_path, name, directory):
    assert MailStore(tmp_path).folder("a@b", name).path.name == directory


def test_folders_made_by_others_against_the_rules_are_read(tmp_path):
    store = MailStore(tmp_path)
    store.create("a@b", ["Inbox"])
    for directory in (".Büro", ".R&D", "..odd", ".a..b"):
        Maildir(tmp_path / "a@b" / directory).create()
    names = store.folders("a@b")
    assert len(names) == 5
    assert {store.folder("a@b", name).path.name for name in names[1:]} == {".Büro", ".R&D", "..odd", ".a..b"}


@pytest.mark.parametrize("name", ["", ".", "..", "a/../b", "/etc", "a//b", "x.y", "nul\0", "x" * 300])
def test_no_folder_name_leads_out_of_the_account(tmp_path, name):
    with pytest.raises(StoreError):
        MailStore(tmp_path).folder("a@b", name)


@pytest.mark.parametrize("account", ["", ".", "..", "../x@y", "a/b@c", ".hidden@x", "a\0@b"])
def test_no_account_name_leads_out_of_the_mail_folder(tmp_path, account):
    with pytest.raises(StoreError):
        MailStore(tmp_path).folder(account)


def test_a_store_that_is_not_there_has_no_accounts(tmp_path):
    assert MailStore(tmp_path / "none").accounts() == []
    assert MailStore(tmp_path / "none").folders("a@b") == []
