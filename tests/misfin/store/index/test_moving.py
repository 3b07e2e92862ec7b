"""A message that is renamed while somebody looks for it keeps its row, and can be read at every moment."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import threading
from pathlib import Path

import pytest
from mailboxes import ME, NOW, mail, scanned, subjects

from misfin.errors import MessageGoneError
from misfin.store.filing import Action, Filing
from misfin.store.index import MailIndex, diff, listing, scan
from misfin.store.index.located import Refiled
from misfin.store.rows import View

INBOX = View(ME, "Inbox")


@pytest.fixture
def row(index, box):
    box.put(mail("one"), name="1.x", flags="S")
    return scanned(index).messages(INBOX, 1)[0]


def places(index) -> list[tuple[int, str]]:
    return [(message.row, message.folder) for message in index.messages(View(), 10)]


@pytest.mark.parametrize("start", ["Inbox", "Archive"])
def test_a_message_that_is_never_where_the_scan_looks_keeps_its_row(index, box, row, monkeypatch, start):
    if start == "Archive":
        box.move(box.files()[0], start)
        scanned(index)
    names = listing.names

    def fleeing(path):
        """Whichever folder is listed next, the message has just left it."""
        (file,) = box.files()
        if path == file.parent:
            box.move(file, "Inbox" if file.parent.parent == box.path("Archive") else "Archive")
        return names(path)

    monkeypatch.setattr(listing, "names", fleeing)
    for _ in range(3):
        assert index.scan().removed == 0
        assert index.read(row).subject == "one"
        assert [number for number, _ in places(index)] == [row.row]
    monkeypatch.undo()
    assert not index.scan().unsure
    assert places(index) == [(row.row, "Archive" if box.files("Archive") else "Inbox")]


def test_messages_missed_by_one_walk_but_not_by_the_next_stay_until_it_is_certain(
    index, box, row, monkeypatch
):
    box.put(mail("two"), name="2.x", flags="S")
    before = places(scanned(index))
    hidden: list[tuple[Path, Path]] = []
    turns = itertools.cycle(box.files())
    learn_folders = scan.Scan.learn_folders

    def hiding(self):
        """In each walk another message is in a folder nobody has looked into."""
        for file, away in hidden:
            away.rename(file)
        file = next(turns)
        hidden[:] = [(file, box.root / file.name)]
        file.rename(box.root / file.name)
        learn_folders(self)

    monkeypatch.setattr(scan.Scan, "learn_folders", hiding)
    changes = index.scan()
    assert (changes.removed, changes.unsure) == (0, True)
    assert places(index) == before
    monkeypatch.undo()
    assert index.scan().removed == 1


def test_what_this_program_moves_is_not_taken_for_gone(index, box, row):
    (file,) = box.files()
    away = file.rename(box.root / "away")
    with index.filing():
        assert index.scan().unsure
        assert places(index) == [(row.row, "Inbox")]
    away.rename(file)
    assert index.scan().removed == 0
    file.unlink()
    assert index.scan().removed == 1


def test_a_message_renamed_between_walk_and_writing_keeps_its_row(index, box, row):
    other = scan.Scan(index._database, box.store, lambda: NOW, None)
    box.flag(box.files()[0], "FS")
    found = other.look()
    box.move(box.flag(box.files()[0], "RS"), "Archive")
    other.apply(found)
    assert [number for number, _ in places(index)] == [row.row]
    scanned(index)
    assert places(index) == [(row.row, "Archive")]


def test_a_message_filed_between_walk_and_writing_is_where_it_was_filed(index, box, row):
    other = scan.Scan(index._database, box.store, lambda: NOW, None)
    file = box.files()[0].rename(box.root / "away")
    found = other.look()
    assert [known.row for known in found.gone] == [row.row]
    file.rename(box.path() / "cur" / "1.x:2,S")
    Filing(index, box.store).apply(Action.ARCHIVE, [row.id])
    assert other.apply(found).removed == 0
    assert places(index) == [(row.row, "Archive")]
    scanned(index)
    assert places(index) == [(row.row, "Archive")]


def test_a_new_name_another_scan_took_for_a_new_message_is_the_known_one(index, box, row, monkeypatch):
    monkeypatch.setattr(diff.Walk, "pair", lambda walk: setattr(walk.found, "gone", []))
    with monkeypatch.context() as blind:
        blind.setattr(diff, "on_the_way", lambda *_: None)
        box.move(box.files()[0], "Archive")
        index.scan()
        assert len(places(index)) == 2
    index.refile([Refiled(row.row, ME, "Archive", b"cur/1.x:2,S")])
    assert places(index) == [(row.row, "Archive")]


def test_a_new_name_seen_before_the_old_one_was_missed_is_the_known_message(index, box, row, monkeypatch):
    monkeypatch.setattr(diff.Walk, "pair", lambda walk: setattr(walk.found, "gone", []))
    box.move(box.files()[0], "Archive")
    assert index.scan().moved == 1
    assert places(index) == [(row.row, "Archive")]


def test_filing_a_message_the_index_lost_meanwhile_brings_it_back(index, box, row):
    box.move(box.files()[0], "Archive")
    index._database.write(lambda db: db.execute("DELETE FROM messages"))
    index.refile([Refiled(row.row, ME, "Archive", b"cur/1.x:2,S")])
    assert [folder for _, folder in places(index)] == ["Archive"]


def test_a_file_that_is_read_again_is_in_the_index_meanwhile(index, box, row, monkeypatch):
    seen = []
    read_place = scan.read_place

    def looking(*args):
        seen.append(subjects(index.messages(INBOX, 9)))
        return read_place(*args)

    monkeypatch.setattr(scan, "read_place", looking)
    box.files()[0].write_bytes(mail("another text"))
    assert index.scan().flagged == 1
    assert seen == [["one"]]
    assert subjects(index.messages(INBOX, 9)) == ["another text"]


def test_a_file_that_still_cannot_be_read_stays_as_it_is(index, box, monkeypatch):
    box.put(mail("secret"), name="1.x", flags="S")
    digest = scan.read_place

    def refused(folder, place, account, keywords):
        with monkeypatch.context() as patch:
            patch.setattr(
                "os.open", lambda *_: (_ for _ in ()).throw(PermissionError(13, "Permission denied"))
            )
            return digest(folder, place, account, keywords)

    monkeypatch.setattr(scan, "read_place", refused)
    before = places(scanned(index))
    box.put(mail("secret too"), name="2.x", flags="S")
    scanned(index)
    assert set(before) < set(places(index))


def test_reading_follows_a_file_while_another_scan_runs(index, box, row):
    box.move(box.flag(box.files()[0], "FRS"), "Trash")
    with index._scanning:
        assert index.read(row).subject == "one"
        assert index.raw(row.row) == box.files()[0].read_bytes()
    box.files()[0].unlink()
    with pytest.raises(MessageGoneError):
        index.read(row)


def test_a_message_shown_before_the_index_was_made_again_is_still_read(index, box, row):
    index._database.replace(index._database.serial)
    assert index.read(row).subject == "one"
    box.put(mail("two"), name="0.x", flags="S")
    box.move(box.files()[1], "Archive")
    index.scan()
    index._database.write(lambda db: db.execute("UPDATE messages SET row = row + 10"))
    assert index.read(row).subject == "one"
    with pytest.raises(MessageGoneError):
        index.read(row.row)


@pytest.mark.parametrize("actions", [(Action.READ, Action.UNREAD), (Action.ARCHIVE, Action.MOVE)])
def test_filing_scanning_and_reading_at_once_never_miss_a_message(index, box, tmp_path, actions):
    """Two programs scan while one of them files: rows stay, and every message can be read all the time."""
    for number in range(12):
        box.put(mail(f"message {number}"), name=f"{number}.x", flags="S")
    rows = scanned(index).messages(View(), 20)
    filing, done, failures = Filing(index, box.store), threading.Event(), []

    def until_done(act):
        def run():
            try:
                while not done.is_set():
                    act()
            except Exception as error:
                failures.append(error)

        return threading.Thread(target=run)

    def look():
        shown = random.choice(rows)
        assert index.message(shown.id).row == shown.row
        assert index.read(shown).subject == shown.subject

    threads = [until_done(index.scan), until_done(look)]
    for thread in threads:
        thread.start()
    for turn in range(60):
        filing.apply(actions[turn % 2], [row.id for row in rows], "Inbox")
    done.set()
    for thread in threads:
        thread.join()
    assert not failures
    assert {row.row for row in scanned(index).messages(View(), 20)} == {row.row for row in rows}


def test_two_programs_looking_at_moving_mail_agree_in_the_end(index, box, tmp_path):
    for number in range(30):
        box.put(mail(f"message {number}"), name=f"{number}.x", flags="S")
    before = {row.row for row in scanned(index).messages(View(), 40)}
    with MailIndex(tmp_path / "cache" / "index.db", box.root) as other:
        stop = threading.Event()

        def scan_on():
            while not stop.is_set():
                other.scan()

        thread = threading.Thread(target=scan_on)
        thread.start()
        filing = Filing(index, box.store)
        for _ in range(10):
            filing.undo(filing.apply(Action.ARCHIVE, INBOX))
        stop.set()
        thread.join()
        assert {row.subject for row in scanned(other).messages(INBOX, 40)} == {
            f"message {number}" for number in range(30)
        }
        assert len(scanned(index).messages(View(), 40)) == len(before)


# ---- messages under another key, as sync tools name them


def renamed(file: Path, key: str) -> Path:
    return file.rename(file.with_name(key + file.name[file.name.find(":") :]))


@pytest.mark.parametrize("folder", ["Inbox", "Archive"])
def test_a_message_under_another_key_is_the_known_one(index, box, row, folder):
    (box.path() / "dovecot-keywords").write_text("0 work\n")
    (box.path("Archive") / "dovecot-keywords").write_text("0 work\n")
    box.flag(box.files()[0], "Sa")
    before = scanned(index).messages(INBOX, 1)[0]
    box.move(renamed(box.files()[0], "1.x,U=17"), folder)
    changes = index.scan()
    assert (changes.added, changes.removed, changes.moved) == (0, 0, int(folder != "Inbox"))
    (after,) = index.messages(View(), 9)
    assert (after.row, after.thread, after.tags) == (before.row, before.thread, ("work",))
    assert (after.id, after.folder) == ("1.x,U=17", folder)
    assert index.read(before).subject == index.read(after).subject == "one"


def test_of_messages_alike_in_size_and_time_each_is_known_by_what_it_says(index, box):
    for number in range(5):
        box.put(mail(f"message {number}"), name=f"{number}.x", flags="S")
        os.utime(box.path() / "cur" / f"{number}.x:2,S", (NOW, NOW))
    before = {row.subject: row.row for row in scanned(index).messages(View(), 9)}
    for number, file in enumerate(box.files()):
        renamed(file, f"{4 - number}.y")
    assert index.scan().added == 0
    assert {row.subject: row.row for row in index.messages(View(), 9)} == before


def test_another_message_in_the_place_of_one_that_went_is_a_new_one(index, box):
    box.put(mail("one"), name="1.x", flags="S")
    os.utime(box.files()[0], (NOW, NOW))
    scanned(index)
    box.files()[0].unlink()
    box.put(mail("two"), name="2.x", flags="S")
    os.utime(box.files()[0], (NOW, NOW))
    changes = index.scan()
    assert (changes.added, changes.removed) == (1, 1)
    assert subjects(index.messages(View(), 9)) == ["two"]


def test_a_copy_under_another_key_is_a_message_of_its_own(index, box, row):
    shutil.copy2(box.files()[0], box.path() / "cur" / "1.x,U=17:2,S")
    assert index.scan().added == 1
    assert len(scanned(index).messages(View(), 9)) == 2


def test_a_new_key_seen_before_the_old_one_was_missed_is_the_known_message(index, box, row, monkeypatch):
    monkeypatch.setattr(diff.Walk, "pair", lambda walk: setattr(walk.found, "gone", []))
    renamed(box.files()[0], "1.x,U=17")
    assert index.scan().added == 0
    assert places(index) == [(row.row, "Inbox")]


@pytest.mark.parametrize("key", ["", ",U=1"])
def test_a_folder_renamed_as_a_whole_keeps_its_rows_threads_and_tags(index, box, key):
    box.put(mail("one", message_id="<1@x>"), "Lists/Crew", name="1.x", flags="Sa")
    box.put(mail("two", references=["<1@x>"]), "Lists/Crew", name="2.x", flags="S")
    box.put(mail("three"), "Lists/Crew", name="3.x")
    (box.path("Lists/Crew") / "dovecot-keywords").write_text("0 work\n")

    def seen():
        return {(row.row, row.thread, row.subject, row.tags) for row in index.messages(View(), 9)}

    scanned(index)
    before = seen()
    box.path("Lists/Crew").rename(box.path("Lists/Crew").with_name(".Lists.Others"))
    for file in box.files("Lists/Others"):
        file.rename(file.with_name(file.name.replace(".x", f".x{key}")))
    changes = index.scan()
    assert (changes.added, changes.removed, changes.moved) == (0, 0, 3)
    assert seen() == before
    assert {row.folder for row in scanned(index).messages(View(), 9)} == {"Lists/Others"}
