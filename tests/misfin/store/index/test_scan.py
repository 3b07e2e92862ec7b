"""The index follows the mail, whoever changes it."""

from __future__ import annotations

import os
import shutil
import threading

import pytest
from mailboxes import ME, NOW, Mailbox, mail, scanned, subjects, whole_view

from misfin.errors import MessageGoneError
from misfin.store.evidence import Evidence
from misfin.store.index import MailIndex, diff, listing
from misfin.store.index import scan as scanning
from misfin.store.index.file_place import FilePlace
from misfin.store.rows import Changes, View

INBOX = View(ME, "Inbox")


def folder(index, name, account=ME):
    return next(row for row in index.folders() if (row.account, row.folder) == (account, name))


def test_new_mail_comes_in_with_what_it_is(index, box):
    key = box.put(
        mail("Meeting notes", "Here are the notes\nfrom today", sender="Bob Jones <bob@remote.host>")
    )
    changes = index.scan()
    assert changes == Changes(added=1, folders=frozenset({(ME, "Inbox")}))
    (row,) = index.conversations(INBOX, 0, 10)
    assert (row.id, row.participants, row.subject) == (key, "Bob Jones", "Meeting notes")
    assert (row.snippet, row.count, row.unread) == ("Here are the notes from today", 1, 1)
    assert (row.date, row.evidence, row.starred, row.tags) == (NOW, Evidence.UNPROVEN, False, ())
    (message,) = index.thread(row.thread)
    assert (message.sender, message.sender_address, message.to) == ("Bob Jones", "bob@remote.host", (ME,))
    assert message.path.read_bytes() == index.raw(message)
    assert index.read(message).subject == "Meeting notes"


def test_an_account_with_a_name_of_its_own_wrote_what_bears_its_address(tmp_path):
    box = Mailbox(tmp_path / "mail", "work")
    box.put(mail("mine", sender=f"Me <{ME}>"), "Sent", flags="S")
    box.put(mail("theirs", sender="Bob <bob@remote.host>"), "Sent", flags="S")
    addresses = {"work": ME}
    with MailIndex(
        tmp_path / "index.db", box.root, address_of=lambda name: addresses.get(name, name)
    ) as index:
        index.scan()
        rows = index.messages(View("work", "Sent"), 9)
        assert {row.subject: row.evidence for row in rows} == {
            "mine": Evidence.VERIFIED,
            "theirs": Evidence.UNPROVEN,
        }
        (mine,) = (row for row in index.conversations(View("work", "Sent"), 0, 9) if row.subject == "mine")
        assert mine.participants == f"To: {ME}"


def test_nothing_changed_means_nothing_is_listed(index, box, monkeypatch):
    box.put(mail("one"))
    box.age()
    scanned(index)
    monkeypatch.setattr(listing, "names", lambda path: pytest.fail(f"{path} was listed"))
    assert not index.scan()


def test_a_change_within_the_same_moment_is_not_missed(index, box):
    box.put(mail("one"))
    scanned(index)
    time = (box.path() / "new").stat().st_mtime_ns
    box.put(mail("two"))
    os.utime(box.path() / "new", ns=(time, time))  # as if the clock of the file system stood still
    scanned(index)
    assert folder(index, "Inbox").total == 2


def test_flags_of_other_programs_are_seen(index, box):
    box.put(mail("one"))
    scanned(index)
    box.flag(box.files("Inbox")[0], "FS")
    assert index.scan() == Changes(flagged=1, folders=frozenset({(ME, "Inbox")}))
    (row,) = index.conversations(INBOX, 0, 10)
    assert (row.starred, row.unread, folder(index, "Inbox").unread) == (True, 0, 0)


def test_moves_of_other_programs_keep_the_row(index, box):
    box.put(mail("one"))
    scanned(index)
    before = index.messages(INBOX, 1)[0]
    box.move(box.files("Inbox")[0], "Archive")
    changes = index.scan()
    assert (changes.moved, changes.added, changes.removed) == (1, 0, 0)
    after = index.message(before.id)
    assert (after.row, after.thread, after.folder) == (before.row, before.thread, "Archive")
    assert [row.folder for row in index.folders() if row.total] == ["Archive"]


def test_a_message_of_the_same_name_in_another_folder_is_not_taken_for_a_moved_one(index, box):
    box.put(mail("first"), name="1")
    scanned(index)
    box.files("Inbox")[0].unlink()
    box.put(mail("another message altogether"), "Archive", name="1")
    changes = index.scan()
    assert (changes.moved, changes.added, changes.removed) == (0, 1, 1)
    assert index.message("1").subject == "another message altogether"


def test_removed_files_go(index, box):
    box.put(mail("one"))
    box.put(mail("two"))
    scanned(index)
    box.files("Inbox")[0].unlink()
    assert index.scan() == Changes(removed=1, folders=frozenset({(ME, "Inbox")}))
    assert subjects(index.conversations(INBOX, 0, 10)) == ["two"]


def test_a_folder_that_is_replaced_is_read_again(index, box, tmp_path, monkeypatch):
    monkeypatch.setattr(diff, "SMALL", 0)
    for number in range(4):
        box.put(mail(f"old {number}"), name=f"1700000000.{number}.x", flags="S")
    box.age()
    scanned(index)
    old = box.path()
    shutil.copytree(old, tmp_path / "copy", copy_function=shutil.copy2)
    (tmp_path / "copy" / "cur" / "1700000000.1.x:2,S").write_bytes(mail("new one"))
    (tmp_path / "copy" / "cur" / "1700000000.2.x:2,S").unlink()
    shutil.rmtree(old)
    (tmp_path / "copy").rename(old)
    scanned(index)
    assert sorted(subjects(index.conversations(INBOX, 0, 10))) == ["new one", "old 0", "old 3"]


def test_a_file_replaced_under_its_name_is_read_again_in_folders_of_ordinary_size(index, box):
    box.put(mail("before"), name="1.x", flags="S")
    box.age()
    scanned(index)
    path = box.files("Inbox")[0]
    path.with_name("2").write_bytes(mail("after, and longer"))
    path.with_name("2").rename(path)
    assert index.scan().flagged == 1
    assert subjects(index.conversations(INBOX, 0, 10)) == ["after, and longer"]


def test_a_folder_made_or_removed_by_another_program_comes_and_goes(index, box):
    box.put(mail("one"), "Lists/Crew")
    scanned(index)
    assert folder(index, "Lists/Crew").total == 1
    box.path("Lists/Crew").rename(box.path("Lists/Crew").with_name(".Lists.Others"))
    scanned(index)
    assert folder(index, "Lists/Others").total == 1
    assert "Lists/Crew" not in {row.folder for row in index.folders()}


def test_an_account_removed_takes_its_messages_along(index, box):
    other = Mailbox(box.root, "other@mail.example")
    other.put(mail("theirs"))
    box.put(mail("mine"))
    scanned(index)
    shutil.rmtree(box.root / "other@mail.example")
    scanned(index)
    assert subjects(index.messages(View(), 10)) == ["mine"]
    assert {row.account for row in index.folders()} == {ME}


def test_a_folder_that_cannot_be_listed_keeps_what_is_known_of_it(index, box, monkeypatch):
    box.put(mail("one"))
    scanned(index)
    names = listing.names

    def refused(path):
        if path == box.path() / "new":
            raise PermissionError(13, "Permission denied")
        return names(path)

    monkeypatch.setattr(listing, "names", refused)
    box.put(mail("two"))
    scanned(index)
    assert subjects(index.conversations(INBOX, 0, 10)) == ["one"]
    monkeypatch.undo()
    scanned(index)
    assert folder(index, "Inbox").total == 2


def test_a_message_that_moves_while_folders_are_looked_at_is_neither_lost_nor_doubled(
    index, box, monkeypatch
):
    box.put(mail("one"), "Archive")
    scanned(index)
    row = index.messages(View(), 1)[0].row
    names = listing.names
    moved = []

    def moving(path):
        """The Inbox has been listed; now the message leaves the Archive, which has not been, for the
        Inbox."""
        if path == box.path("Archive") / "new" and not moved:
            moved.append(box.move(box.files("Archive")[0], "Inbox"))
        return names(path)

    monkeypatch.setattr(listing, "names", moving)
    assert index.scan().moved == 1
    assert [(message.row, message.folder) for message in index.messages(View(), 10)] == [(row, "Inbox")]


def test_newest_messages_come_first_and_show_while_the_rest_is_read(index, box, monkeypatch):
    monkeypatch.setattr(scanning, "REPORT_EVERY", 0.0)
    for number in range(1300):
        box.put(mail(f"message {number}", date=NOW + number), name=f"{int(NOW) + number}.x", flags="S")
    seen = []

    def look(done, total):
        seen.append((done, total, index.conversations(INBOX, 0, 1)[0].subject, index.count(INBOX)))

    index.scan(look)
    assert [entry[:2] for entry in seen] == [(200, 1300), (1200, 1300), (1300, 1300)]
    assert {entry[2] for entry in seen} == {"message 1299"}
    assert [entry[3] for entry in seen] == [200, 1200, 1300]


def test_long_messages_come_in_smaller_blocks(index, box, monkeypatch):
    monkeypatch.setattr(scanning, "BLOCK_TEXT", 4000)
    monkeypatch.setattr(scanning, "REPORT_EVERY", 0.0)
    for _ in range(5):
        box.put(mail("long", "word " * 500), flags="S")
    seen = []
    index.scan(lambda done, total: seen.append((done, total)))
    assert seen == [(2, 5), (4, 5), (5, 5)]
    assert index.count(INBOX) == 5


def test_progress_is_told_first_and_last_however_fast_it_is(index, box, monkeypatch):
    monkeypatch.setattr(scanning, "BLOCK_TEXT", 4000)
    monkeypatch.setattr(scanning, "REPORT_EVERY", 3600.0)
    for _ in range(7):
        box.put(mail("long", "word " * 500), flags="S")
    seen = []
    index.scan(lambda done, total: seen.append((done, total)))
    assert seen == [(2, 7), (7, 7)]


def test_two_programs_may_build_the_same_index(index, box, tmp_path):
    from misfin.store.index import MailIndex

    for number in range(700):
        box.put(mail(f"message {number}"), flags="S")
    with MailIndex(tmp_path / "cache" / "index.db", box.root) as other:
        threads = [threading.Thread(target=each.scan) for each in (index, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert folder(other, "Inbox").total == 700
    assert len(whole_view(scanned(index))["messages"]) == 700


def test_what_another_scan_put_in_is_not_put_in_twice(index, box):
    box.put(mail("one"))
    other = scanning.Scan(index._database, box.store, lambda: NOW, None)
    found = other.look()
    scanned(index)
    assert other.apply(found).added == 0
    assert len(index.messages(View(), 10)) == 1


def test_a_message_is_found_where_another_program_put_it(index, box):
    box.put(mail("one"))
    scanned(index)
    row = index.messages(INBOX, 1)[0]
    box.move(box.flag(box.files("Inbox")[0], "RS"), "Archive")
    assert index.read(row).subject == "one"
    box.files("Archive")[0].unlink()
    with pytest.raises(MessageGoneError):
        index.raw(row)


def test_places_sort_as_folder_and_file():
    assert FilePlace(1, b"cur/a") < FilePlace(1, b"cur/b") < FilePlace(2, b"cur/a")
