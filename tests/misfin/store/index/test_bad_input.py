"""Files that are not mail, folders that cannot be read, clocks gone wrong: each shown as what it is."""

from __future__ import annotations

import os
import socket

import pytest
from mailboxes import ME, NOW, Mailbox, mail, scanned, subjects, whole_view

from misfin.errors import MessageGoneError, StoreError
from misfin.store.index import MailIndex
from misfin.store.index.digest import MAX_READ
from misfin.store.rows import View

INBOX = View(ME, "Inbox")
DAY = 86400.0


def put_bytes(box, name: bytes, data: bytes) -> None:
    with open(os.fsencode(box.path()) + b"/cur/" + name, "wb") as file:
        file.write(data)


def test_files_that_are_no_mail_are_messages_all_the_same(index, box):
    contents = {
        b"1.empty": b"",
        b"2.nul": b"\0" * 1000,
        b"3.random": bytes(range(256)) * 20,
        b"4.body-only": b"just text\nand more\n",
        b"5.header-only": b"From: x@y\nSubject: only a header",
        b"6.broken": "Subject: =?utf-8?B?äöü?=\nFrom: <<<>>>;,@\nDate: yesterday\n\n".encode("latin-1"),
        b"7.surrogate": b"Subject: \xed\xa0\x80 \xff\xfe\nFrom: a\xffb <x@y>\n\n\xed\xa0\x80",
        b"8.folded": b"Subject: " + b"x\n " * 5000 + b"\n\n",
        b"9.long": b"Subject: " + b"y" * 300_000 + b"\nFrom: z@z\n\nb",
        b"10.refs": b"References: " + b" ".join(b"<%d@x>" % n for n in range(5000)) + b"\nFrom: a@b\n\nx",
        b"11.multi": b'Content-Type: multipart/mixed; boundary="q"\n\n--q\n--q\n--q--',
    }
    for name, data in contents.items():
        put_bytes(box, name, data)
    box.put(mail("a real one"))
    scanned(index)
    assert len(index.messages(View(), 100)) == len(contents) + 1
    for row in index.messages(View(), 100):
        index.read(row)
    assert subjects(index.conversations(View(query='"a real one"'), 0, 9)) == ["a real one"]
    for name, data in contents.items():
        assert index.raw(index.message(name.decode())) == data


def test_what_is_no_mail_is_called_so_in_the_list(index, box):
    put_bytes(box, b"1.empty", b"")
    put_bytes(box, b"2.noise", bytes(range(256)) * 20)
    put_bytes(box, b"3.text", b"just text\nand more\n")
    box.put(mail(""), name="4.mail")
    scanned(index)
    assert {row.id: row.subject for row in index.messages(View(), 9)} == {
        "1.empty": "(this file is empty)",
        "2.noise": "(this file is not mail)",
        "3.text": "(this file is not mail)",
        "4.mail": "",
    }
    assert index.count(View()) == 4  # what they are called makes no conversation of them


def test_a_very_large_file_is_read_in_part(index, box, tmp_path):
    path = box.path() / "cur" / "1.huge:2,S"
    path.write_bytes(mail("Huge", "findable"))
    os.truncate(path, 100 * 1024 * 1024)  # sparse: the rest is zeros
    scanned(index)
    (row,) = index.messages(View(query="findable"), 5)
    assert row.size == 100 * 1024 * 1024 > MAX_READ
    assert index.read(row).subject == "Huge"


def test_what_is_no_regular_file_is_left_alone(index, box, monkeypatch):
    cur = box.path() / "cur"
    os.mkfifo(cur / "1.pipe")
    (cur / "2.folder").mkdir()
    (cur / "3.dangling").symlink_to("nowhere")
    (cur / "4.device").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(cur)  # the path of a socket must be short
        server.bind("5.socket")
    (cur / ".hidden").write_bytes(mail("hidden"))
    box.put(mail("one"))
    scanned(index)
    assert subjects(index.messages(View(), 10))[0] == "one"
    assert {row.id for row in index.messages(View(), 10)} <= {row.id for row in index.messages(INBOX, 10)}
    assert "hidden" not in subjects(index.messages(View(), 10))
    assert {path.name for path in cur.iterdir()} >= {
        "1.pipe",
        "2.folder",
        "3.dangling",
        "4.device",
        "5.socket",
    }


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_shown_and_read_later(index, box):
    box.put(mail("secret"), name="1.x", flags="S")
    path = box.files("Inbox")[0]
    path.chmod(0)
    scanned(index)
    assert "cannot be read" in index.messages(INBOX, 1)[0].subject
    path.chmod(0o600)
    box.put(mail("other"))
    scanned(index)
    assert sorted(subjects(index.messages(INBOX, 5))) == ["other", "secret"]


@pytest.mark.parametrize("part", ["", "cur"])
def test_a_folder_that_may_not_be_read_is_named_and_all_else_goes_on(index, box, part):
    other = Mailbox(box.root, "other@mail.example")
    box.put(mail("known"), flags="S")
    scanned(index)
    folder = box.path() / part
    folder.chmod(0)
    try:
        if os.access(folder, os.R_OK):
            pytest.skip("root may read everything")
        other.put(mail("news"))
        changes = index.scan()
        assert (changes.added, changes.unreadable) == (1, (box.path(),))
        assert subjects(index.messages(View(), 5)) == ["news", "known"]
    finally:
        folder.chmod(0o700)
    box.put(mail("later"))
    changes = index.scan()
    assert (changes.added, changes.unreadable) == (1, ())


def test_a_file_that_could_not_be_read_is_tried_again(index, box, monkeypatch):
    box.put(mail("secret"), name="1.x", flags="S")
    box.age()  # nothing in the folder changes when the file can be read
    real_open = os.open

    def refusing(path, *args, **kwargs):
        if b"1.x" in os.fsencode(path):
            raise PermissionError(13, "Permission denied")
        return real_open(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", refusing)
    scanned(index)
    assert subjects(index.messages(INBOX, 1)) == ["(this file cannot be read: Permission denied)"]
    with pytest.raises(StoreError, match="Permission denied"):
        index.raw(index.message("1.x"))
    monkeypatch.undo()
    scanned(index)
    assert subjects(index.messages(INBOX, 1)) == ["secret"]


@pytest.mark.parametrize(
    "name",
    [
        b"1",
        b"with space",
        b"r\xc3\xa9sum\xc3\xa9:2,S",
        b"not-\xff-utf8:2,S",
        b"new\nline:2,",
        b"esc\x1b[31m",
        b"colon:in:the:middle:2,FS",
        b"no-comma:2",
        b"odd:1,info",
        b"percent%41",
        b"?5",
        b"x" * 240 + b":2,RS",
        b"-dash",
        b"[glob]*",
    ],
)
def test_names_outside_the_rules(index, box, name):
    put_bytes(box, name, mail("odd name"))
    scanned(index)
    (row,) = index.conversations(INBOX, 0, 9)
    assert row.id.isprintable()
    assert row.id.isascii() or row.id == "résumé"
    message = index.message(row.id)
    assert index.raw(message) == index.raw(message.row)
    assert index.read(message).subject == "odd name"
    assert not index.scan()


def test_the_same_key_twice_is_two_messages(index, box):
    put_bytes(box, b"1.x:2,S", mail("one"))
    put_bytes(box, b"1.x:2,FS", mail("two"))
    box.put(mail("three"), name="1.x")
    box.put(mail("four"), "Archive", name="1.x")
    scanned(index)
    assert sorted(subjects(index.messages(View(), 9))) == ["four", "one", "three", "two"]
    assert index.message("1.x").subject in {"one", "two", "three", "four"}


def test_clocks_of_1970_and_2100(index, box):
    for subject, date in {"epoch": 0.0, "before": -3e9, "far": 4.1e9, "now": NOW}.items():
        box.put(mail(subject, date=date), flags="S")
    box.put(mail("year 9999").replace(b"2026", b"9999"), flags="S")
    box.put(mail("none", date=None), name="1600000000.x", flags="S")
    scanned(index)
    shown = subjects(index.conversations(INBOX, 0, 9))
    assert shown[3:] == ["none", "epoch", "before"]
    assert set(shown[:3]) == {"year 9999", "far", "now"}  # the future counts as the time of arrival
    assert subjects(index.messages(View(query="before:1980-01-01"), 9)) == ["epoch", "before"]
    assert subjects(index.messages(View(query="after:2090-01-01"), 9)) == []
    assert {row.subject: row.date for row in index.conversations(INBOX, 0, 9)}["none"] == 1_600_000_000.0


@pytest.mark.parametrize("clock", [0.0, 4.1e9])
def test_a_clock_gone_wrong_loses_no_change(tmp_path, box, clock):
    with MailIndex(tmp_path / "index.db", box.root, now=lambda: clock) as index:
        for number in range(3):
            box.put(mail(f"{number}"))
            os.utime(box.path() / "new", (clock, clock))
            index.scan()
        box.put(mail("last"))
        scanned(index)
        assert len(index.messages(View(), 9)) == 4


def test_a_message_gone_from_the_index_says_so(index):
    for act in (index.read, index.raw):
        with pytest.raises(MessageGoneError):
            act(12345)
    assert index.thread(12345) == []


def test_no_mail_at_all(tmp_path):
    with MailIndex(tmp_path / "index.db", tmp_path / "nothing") as index:
        scanned(index)
        assert not any(whole_view(index).values())
        assert index.conversations(INBOX, 0, 10) == []
        assert index.count(INBOX) == 0
        assert index.conversations(View(), 0, 10) == []


def test_mail_that_cannot_be_reached_is_said_and_nothing_forgotten(index, box):
    box.put(mail("one"))
    scanned(index)
    box.root.rename(box.root.with_name("away"))
    box.root.write_text("a file in the place of the mail")
    with pytest.raises(StoreError, match="could not be read") as caught:
        index.scan()
    assert caught.value.remedy
    assert subjects(index.conversations(INBOX, 0, 9)) == ["one"]


def test_nothing_is_ever_removed_from_disk(index, box):
    put_bytes(box, b"1.junk", b"\0\xff")
    put_bytes(box, b"2.empty:2,T", b"")
    before = {path: path.read_bytes() for path in box.files()}
    scanned(index)
    index.build()
    assert {path: path.read_bytes() for path in box.files()} == before
