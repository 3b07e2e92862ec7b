"""What other programs do is seen at once."""

from __future__ import annotations

import os
import queue
import shutil
import sys
import threading
import time

import pytest
from mailboxes import ME, Mailbox, mail, subjects

from misfin.store.filing import Action, Filing
from misfin.store.index import MailIndex
from misfin.store.index import watch as watching
from misfin.store.rows import View

INBOX = View(ME, "Inbox")
SOON = 60.0


class News:
    """A thread that scans when it is time to, and what its scans found."""

    def __init__(self, index) -> None:
        self.index = index
        self.told = queue.Queue()
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.follow)
        self.thread.start()

    def follow(self):
        for _ in watching.watch(self.index.mail_root, self.stop):
            if changes := self.index.scan():
                self.told.put(changes)

    def until(self, condition):
        end = time.monotonic() + SOON
        while not condition():
            self.told.get(timeout=max(0.0, end - time.monotonic()))

    def end(self):
        self.stop.set()
        self.thread.join(SOON)
        assert not self.thread.is_alive()


@pytest.fixture
def follow():
    """Begin to follow the mail of an index; ended with the test."""
    begun = []
    yield lambda index: begun.append(News(index)) or begun[-1]
    for news in begun:
        news.end()


@pytest.fixture
def watched(index, box, follow):
    box.put(mail("first"), name="1.x", flags="S")
    news = follow(index)
    news.until(lambda: index.count(INBOX) == 1)
    return news


def test_a_delivery_a_flag_a_move_and_a_removal_are_told(watched, index, box):
    box.put(mail("second"), name="2.x")
    watched.until(lambda: index.count(INBOX) == 2)
    box.flag(next(file for file in box.files() if file.name == "2.x"), "FS")
    watched.until(lambda: index.message("2.x").starred)
    moved = box.move(next(file for file in box.files() if file.name.startswith("2.x")), "Archive")
    watched.until(lambda: index.message("2.x").folder == "Archive")
    moved.unlink()
    watched.until(lambda: not index.count(View(ME, "Archive")))


def test_new_folders_and_accounts_are_watched_too(watched, index, box):
    other = Mailbox(box.root, "other@mail.example")
    other.put(mail("theirs"), "Lists/Crew")
    watched.until(lambda: index.count(View("other@mail.example", "Lists/Crew")) == 1)
    other.put(mail("more"), "Lists/Crew")
    watched.until(lambda: index.count(View("other@mail.example", "Lists/Crew")) == 2)


def test_a_folder_put_in_the_place_of_another_is_watched_on(watched, index, box, tmp_path):
    shutil.copytree(box.path("Archive"), tmp_path / "copy")
    shutil.rmtree(box.path("Archive"))
    (tmp_path / "copy").rename(box.path("Archive"))
    box.put(mail("second"), "Archive")
    watched.until(lambda: index.count(View(ME, "Archive")) == 1)


def test_what_another_program_put_into_the_index_is_told(watched, index, box, tmp_path):
    with MailIndex(tmp_path / "cache" / "index.db", box.root) as other:
        Filing(other, box.store).apply(Action.STAR, ["1.x"])
    watched.until(lambda: index.message("1.x").starred)


def test_tags_named_again_are_told(watched, index, box):
    box.flag(box.files()[0], "Sa")
    (box.path() / "dovecot-keywords").write_text("0 work\n")
    watched.until(lambda: subjects(index.messages(View(query="tag:work"), 9)) == ["first"])


def test_a_mail_root_that_does_not_exist_yet_is_waited_for(tmp_path, monkeypatch, follow):
    monkeypatch.setattr(watching, "POLL", 0.05)
    with MailIndex(tmp_path / "index.db", tmp_path / "later") as index:
        news = follow(index)
        Mailbox(tmp_path / "later").put(mail("one"))
        news.until(lambda: index.count(INBOX) == 1)
        news.end()


def test_a_mail_root_that_is_replaced_is_watched_on(watched, index, box, tmp_path):
    shutil.copytree(box.root, tmp_path / "copy")
    box.root.rename(tmp_path / "old")
    (tmp_path / "copy").rename(box.root)
    (box.root / "wake").touch()
    box.put(mail("second"))
    watched.until(lambda: index.count(INBOX) == 2)
    box.put(mail("third"))
    watched.until(lambda: index.count(INBOX) == 3)


def test_a_mail_root_that_is_removed_and_made_again_at_once_is_watched_on(watched, index, box, monkeypatch):
    monkeypatch.setattr(watching, "LOOK_ANYWAY", 600.0)
    shutil.rmtree(box.root)
    box.root.mkdir()  # the system gives it the number of the old one
    Mailbox(box.root).put(mail("second"))
    watched.until(lambda: index.count(INBOX) == 1)
    for count in (2, 3):
        box.put(mail("later"))
        watched.until(lambda count=count: index.count(INBOX) == count)


def test_a_mail_root_that_goes_and_comes_back_is_seen_both_times(watched, index, box, monkeypatch):
    monkeypatch.setattr(watching, "POLL", 0.05)
    away = box.root.rename(box.root.with_name("away"))
    watched.until(lambda: index.count(INBOX) == 0)
    time.sleep(0.2)  # until the absence is what is watched
    away.rename(box.root)
    watched.until(lambda: index.count(INBOX) == 1)


def test_without_notices_from_the_system_it_is_time_now_and_then(index, box, monkeypatch, follow):
    monkeypatch.setattr(watching, "POLL", 0.05)
    monkeypatch.setitem(sys.modules, "watchfiles._rust_notify", _NoWatchesLeft)
    news = follow(index)
    box.put(mail("one"))
    news.until(lambda: index.count(INBOX) == 1)


class _NoWatchesLeft:
    @staticmethod
    def RustNotify(*args) -> None:
        raise OSError(28, "No space left on device")


def test_it_is_time_once_watching_has_begun_and_never_after_the_stop(tmp_path):
    stop = threading.Event()
    times = watching.watch(tmp_path, stop)
    next(times)
    stop.set()
    assert list(times) == []


def test_only_directories_that_mean_something_are_watched(watched, index, box):
    box.put(mail("two"), "Work")
    (box.path() / "cur" / "a directory").mkdir()
    root = str(index.mail_root)
    found = watching.directories(index.mail_root)
    assert len(found) == len(set(found))
    inside = {path.removeprefix(root) for path in found}
    assert {"", f"/{ME}", f"/{ME}/new", f"/{ME}/cur", f"/{ME}/.Work", f"/{ME}/.Work/cur"} <= inside
    assert not [path for path in inside if "/tmp" in path or "/cur/" in path]


@pytest.mark.skipif(sys.platform == "darwin", reason="names are UTF-8 there")
def test_a_folder_whose_name_is_no_utf8_is_watched_as_well(index, box, follow):
    folder = os.fsencode(box.path("Work").parent) + b"/.caf\xe9"
    for part in (b"", b"/new", b"/cur", b"/tmp"):
        os.mkdir(folder + part)
    box.put(mail("first"))
    news = follow(index)
    news.until(lambda: index.count(INBOX) == 1)
    with open(folder + b"/new/1700000000.a", "wb") as file:
        file.write(mail("latin"))
    news.until(lambda: "latin" in subjects(index.messages(View(), 9)))


def test_a_folder_that_is_moved_in_is_watched_whole(watched, index, box, tmp_path):
    other = Mailbox(tmp_path / "elsewhere")
    other.put(mail("moved in"), "Project")
    other.path("Project").rename(box.path("Project"))
    watched.until(lambda: index.count(View(ME, "Project")) == 1)
    box.put(mail("later"), "Project")
    watched.until(lambda: index.count(View(ME, "Project")) == 2)


def test_a_folder_that_was_renamed_is_watched_under_its_new_name(watched, index, box):
    box.put(mail("one"), "Old")
    watched.until(lambda: index.count(View(ME, "Old")) == 1)
    box.path("Old").rename(box.path("New"))
    watched.until(lambda: index.count(View(ME, "New")) == 1 and not index.count(View(ME, "Old")))
    box.put(mail("two"), "New")
    watched.until(lambda: index.count(View(ME, "New")) == 2)
