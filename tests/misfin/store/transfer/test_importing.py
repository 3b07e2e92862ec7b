"""Mail of other programs comes in whole, where it belongs, once; what cannot is named with its reason."""

import json
import mailbox
import os
import shutil
import subprocess
import sys
import textwrap
from datetime import UTC, datetime
from email.message import EmailMessage
from functools import partial
from pathlib import Path

import pytest

from misfin.errors import StoreError
from misfin.model.account import AddressKind
from misfin.model.address import MisfinAddress
from misfin.model.gemmail import Version
from misfin.store.mail.keywords import read_keywords, tags_of
from misfin.store.mail.maildir import Entry, Maildir, MailStore
from misfin.store.message.envelope import wrap, wrap_sent
from misfin.store.message.mime import ParsedMessage, read_message
from misfin.store.seals import Seals
from misfin.store.transfer import importing, sources
from misfin.store.transfer.exporting import export_mbox
from misfin.store.transfer.importing import RECORD, SourceKind, detect, import_mail

ADA = MisfinAddress("ada", "mail.example", "Ada Example")
NOW = datetime(2026, 11, 19, 14, 2, tzinfo=UTC)


@pytest.fixture
def store(tmp_path) -> MailStore:
    return MailStore(tmp_path / "mail")


def bring(source: Path, store: MailStore, **more) -> importing.ImportReport:
    return import_mail(source, store, ADA, now=NOW, **more)


IMPORTED = {"sender": "unproven", "imported": "yes"}


def messages(store: MailStore, folder: str = "Inbox", *, seals: Seals | None = None) -> list[ParsedMessage]:
    return [
        read_message(
            entry.path.read_bytes(),
            AddressKind.MISFIN,
            counts=partial(seals.counts, os.fsencode(entry.name)) if seals else None,
        )
        for entry in store.folder(ADA.address, folder).list()
    ]


def flags(store: MailStore, folder: str = "Inbox") -> list[str]:
    return [f"{entry.subdir}:{entry.flags}" for entry in store.folder(ADA.address, folder).list()]


def mail(subject: str, body: str = "text\n", **more: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Zoë <zoe@hive.test>"
    message["Subject"] = subject
    message["Date"] = "Thu, 19 Nov 2026 15:02:00 +0100"
    message["Message-ID"] = f"<{subject.encode().hex()}@x>"
    for name, value in more.items():
        message[name.replace("_", "-")] = value
    message.set_content(body)
    return message


# ---- Titlani --------------------------------------------------------------------------------------


@pytest.fixture
def titlani(tmp_path) -> Path:
    """A mailbox as docs/protocol.md §9.1 describes it."""
    box = tmp_path / "titlani" / "mail" / "ada"
    box.mkdir(parents=True)

    def put(name: str, time: str, body: str) -> None:
        (box / name).write_bytes(f"bea@hive.test Bea Worker\n\n{time}\n{body}".encode())

    put("20240501T100000Z-00aa11bb.gemmail.new", "2024-05-01T10:00:00Z", "# Unread\n\nText ü\n")
    put("20240502T100000Z-00aa11bc.gemmail", "2024-05-02T10:00:00Z", "# Read\n")
    put("20240503T100000Z-00aa11bd.gemmail", "2024-05-03T10:00:00Z", "# Old\n")
    put("20240504T100000Z-00aa11be.gemmail", "2024-05-04T10:00:00Z", "# Mine\n")
    put("20240505T100000Z-00aa11bf.gemmail.new", "", "untimed\n")
    (box / "20240506T100000Z-00aa11c0.gemmail.enc").write_bytes(os.urandom(80))
    messages = {
        "20240501T100000Z-00aa11bb": {"tags": ["Inbox", "Unread", "List"]},
        "20240502T100000Z-00aa11bc": {"tags": ["Inbox"]},
        "20240503T100000Z-00aa11bd": {"tags": ["Inbox", "Archive", "Trash"]},
        "00aa11be": {"tags": ["Sent", "Work:Now"]},
    }
    (box / ".gmap.json").write_text(json.dumps({"version": 1, "messages": messages}))
    (box / ".meta.json").write_text("{}")
    (box / ".blocked").write_text("mallory@evil.test\n# a note\n\n")
    (box / "notes.txt").write_text("not mail")
    return box


def test_a_titlani_mailbox_comes_in_with_its_folders_states_and_tags(titlani, store):
    report = bring(titlani, store)
    assert (report.kind, report.added, report.known, report.skipped_count) == (SourceKind.TITLANI, 5, 0, 1)
    assert [message.subject for message in messages(store)] == ["Unread", "Read", ""]
    assert [state[:4] for state in flags(store)] == ["cur:", "cur:", "new:"]
    assert messages(store)[0].sender.address == "bea@hive.test"
    assert messages(store)[0].text == "# Unread\n\nText ü\n"
    assert messages(store)[2].date == datetime(2024, 5, 5, 10, tzinfo=UTC)
    assert [message.subject for message in messages(store, "Trash")] == ["Old"]
    assert [message.sender.address for message in messages(store, "Sent")] == ["ada@mail.example"]
    inbox, sent = store.folder(ADA.address), store.folder(ADA.address, "Sent")
    [unread, read, _] = inbox.list()
    assert tags_of(unread.flags, read_keywords(inbox.path)) == ("list",)
    assert ("S" in unread.flags, "S" in read.flags) == (False, True)
    assert tags_of(sent.list()[0].flags, read_keywords(sent.path)) == ("work:now",)
    assert report.blocked == ("mallory@evil.test",)


def test_a_block_list_with_a_line_that_is_no_address_is_taken_over_but_for_that(titlani, store):
    (titlani / ".blocked").write_text("a@b.test\nno address\n@c.test\n")
    report = bring(titlani, store)
    assert report.blocked == ("a@b.test", "@c.test")
    assert [(one.where, one.why) for one in report.skipped][-1] == (
        ".blocked",
        "“no address” is not an address that can be blocked.",
    )
    assert report.skipped_count == 2


def test_a_tag_of_two_words_becomes_one(titlani, store):
    messages = {"20240502T100000Z-00aa11bc": {"tags": ["Inbox", "To  Do"]}}
    (titlani / ".gmap.json").write_text(json.dumps({"messages": messages}))
    bring(titlani, store)
    assert set(read_keywords(store.folder(ADA.address).path).values()) == {"to_do"}


def test_an_encrypted_message_is_named_with_what_to_do(titlani, store):
    [skipped] = bring(titlani, store).skipped
    assert skipped.where == "20240506T100000Z-00aa11c0.gemmail.enc"
    assert "decrypt" in skipped.why


def test_nothing_imported_claims_to_be_verified(titlani, store):
    bring(titlani, store)
    for message in messages(store):
        assert message.misfin is not None
        assert (message.misfin.verification, message.misfin.certificate) == (IMPORTED, {})


@pytest.mark.parametrize(
    "tags", ["not json", "[]", '{"messages": 5}', '{"messages": {"x": 1}}', "[" * 100_000]
)
def test_broken_tags_leave_the_messages(titlani, store, tags):
    (titlani / ".gmap.json").write_text(tags)
    report = bring(titlani, store)
    assert report.added == 5
    assert len(messages(store)) == 5
    assert any(skipped.where == ".gmap.json" for skipped in report.skipped)


def test_what_is_unreadable_too_large_or_no_file_is_skipped(titlani, store, monkeypatch):
    monkeypatch.setattr(sources, "MAX_GEMMAIL", 1000)
    (titlani / "20240601T100000Z-00000001.gemmail").write_bytes(b"x" * 1001)
    (titlani / "20240601T100000Z-00000002.gemmail").mkdir()
    os.mkfifo(titlani / "20240601T100000Z-00000003.gemmail")
    (titlani / "20240601T100000Z-00000004.gemmail").symlink_to("/nonexistent")
    report = bring(titlani, store)
    assert (report.added, report.skipped_count) == (5, 5)


def test_a_folder_of_several_titlani_mailboxes_is_named_as_that(titlani):
    with pytest.raises(StoreError, match="several Titlani mailboxes: ada") as caught:
        detect(titlani.parent)
    assert "one by one" in caught.value.remedy


# ---- gembox ---------------------------------------------------------------------------------------

GEMBOX = """\
Mailbox: ada@mail.example Ada
Description: mine
Fingerprint: abc
CreatedTags: Work
[1]
Senders: bea@hive.test Bea Worker,cal@x.test Cal
Recipients: ada@mail.example,dan@x.test
Timestamps: 2024-05-01T10:00:00Z,2024-04-30T10:00:00Z
Inbox: 2024-05-01T10:00:00Z true
Unread: 2024-05-01T10:00:00Z true
Work: 2024-05-01T10:00:00Z false
# Hello

\\[not an id]
text
[2]
Archive: 2024-05-02T10:00:00Z true
Work: 2024-05-02T10:00:00Z true
#
no subject
[3]
Senders: bea@hive.test
## only a heading
"""


def test_a_gembox_comes_in_with_its_tags(tmp_path, store):
    path = tmp_path / "ada.gembox"
    path.write_text(GEMBOX)
    report = bring(path, store)
    assert (report.kind, report.added, report.skipped) == (SourceKind.GEMBOX, 3, ())
    [third, first] = messages(store)
    assert (first.subject, first.text) == ("Hello", "# Hello\n\n[not an id]\ntext")
    assert first.misfin is not None
    assert [hop.sender.address for hop in first.misfin.hops] == ["bea@hive.test", "cal@x.test"]
    assert [person.address for person in first.to] == ["ada@mail.example", "dan@x.test"]
    assert first.date == datetime(2024, 5, 1, 10, tzinfo=UTC)
    assert (third.subject, third.date) == ("only a heading", datetime(1970, 1, 1, tzinfo=UTC))
    [archived] = messages(store, "Archive")
    assert (archived.subject, archived.text.strip()) == ("", "no subject")
    archive = store.folder(ADA.address, "Archive")
    assert tags_of(archive.list()[0].flags, read_keywords(archive.path)) == ("work",)
    assert flags(store) == ["cur:S", "new:"]


@pytest.mark.parametrize(
    "piece",
    [
        "bea@hive.test Bea\nada@mail.example,dan@x.test\n2024-05-01T10:00:00Z\n# Hi\n",
        "< bea@hive.test Bea\nada@mail.example,dan@x.test\n@ 2024-05-01T10:00:00Z\n# Hi\n",
        "< bea@hive.test Bea\n: ada@mail.example dan@x.test\n@ 2024-05-01T10:00:00Z\n# Hi\n",
    ],
)
def test_an_old_gembox_comes_in_in_both_its_forms(tmp_path, store, piece):
    path = tmp_path / "old.gembox"
    path.write_text(f"{piece}<=====\n< cal@x.test\n\n@ 2024-05-02T10:00:00Z\n# Two\n")
    assert detect(path) is SourceKind.GEMBOX
    assert bring(path, store).added == 2
    [one, two] = messages(store)
    assert (one.subject, one.sender.address, two.sender.address) == ("Hi", "bea@hive.test", "cal@x.test")
    assert [person.address for person in one.to] == ["ada@mail.example", "dan@x.test"]
    assert two.text == "# Two\n"


# ---- mbox -----------------------------------------------------------------------------------------


@pytest.fixture
def mbox(tmp_path) -> Path:
    path = tmp_path / "mbox"
    box = mailbox.mbox(path)
    for number, status in enumerate(["", "RO", "O", "RO"]):
        message = mailbox.mboxMessage(mail(f"m{number}", f"From the start\n>From quoted\nend {number}\n"))
        message.set_flags(status + ("AF" if number == 3 else ""))
        box.add(message)
    box.flush()
    box.close()
    return path


def test_an_mbox_of_the_standard_library_comes_in_with_its_flags(mbox, store):
    report = bring(mbox, store)
    assert (report.kind, report.added) == (SourceKind.MBOX, 4)
    found = {message.subject: message for message in messages(store)}
    assert sorted(found) == ["m0", "m1", "m2", "m3"]
    assert found["m0"].text == "From the start\n>From quoted\nend 0\n".replace("\n>From", "\nFrom")
    states = {message.subject: state for message, state in zip(messages(store), flags(store), strict=True)}
    assert states == {"m0": "new:", "m1": "cur:S", "m2": "new:", "m3": "cur:FRS"}
    assert store.folder(ADA.address).list()[0].path.stat().st_mtime == NOW.timestamp()


def test_a_from_line_inside_a_text_does_not_cut_the_message(tmp_path, store):
    path = tmp_path / "mbox"
    path.write_bytes(
        b"From a@b Thu Nov 19 15:02:00 2026\nFrom: a@b\nSubject: one\n\n\nFrom here it goes on\n"
        b"From 12:00 on\n\n"
        b"From a@b Thu Nov 19 15:02:00 2026\r\nFrom: a@b\r\nSubject: two\r\n\r\ntext\r\n\r\n"
    )
    assert bring(path, store).added == 2
    one, two = sorted(messages(store), key=lambda message: message.subject)
    assert "goes on\nFrom 12:00 on" in one.text
    assert two.text == "text\n"


def test_a_message_smuggled_in_by_the_text_of_another_is_not_believed(tmp_path, store):
    forged = wrap(
        b"boss@work.test Boss\n\n\n# Pay\n",
        version=Version.C,
        account=ADA,
        now=NOW,
        verification={"pin": "match"},
    ).replace(b"Misfin-Verification: pin=match\n", b"Misfin-Verification: pin=match;\n certificate=pass\n")
    path = tmp_path / "mbox"
    start = b"From a@b Thu Nov 19 15:02:00 2026\n"
    path.write_bytes(start + b"From: a@b\n\nhello\n\n" + start + forged)
    bring(path, store)
    [boss] = [message for message in messages(store) if message.misfin]
    assert boss.misfin is not None
    assert (boss.subject, boss.misfin.verification) == ("Pay", IMPORTED)


FROM = "From a@b Thu Nov 19 15:02:00 2026\n"


def written(number: int, body: str = "text\n", head: str = "") -> str:
    return f"{head}From: a@b\nSubject: s{number}\nDate: Thu, 19 Nov 2026 14:02:00 +0000\n\n{body}"


@pytest.mark.parametrize(
    "start",
    [
        "From a@b\n",
        "From a@b Thu Nov 19 15:02 2026\n",
        "From a@b Thu Nov 19 15:02:00 CET 2026\n",
        "From a@b Thu Nov 19 15:02:00 +0000 2026\n",
        "From a@b Thu Nov 19 15:02:00 2026 +0100\n",
        "From a@b Thu Nov 19 15:02:00 2026 remote from c\n",
        "From - Thu Nov 19 15:02:00 2026\n",
        "From ???@??? Thu Nov 19 15:02:00 2026\n",
        "From a@b Thu, 19 Nov 2026 15:02:00 +0000\n",
        "From a@b 2026-11-19 15:02:00\n",
    ],
)
@pytest.mark.parametrize("before", ["", "\ufeff", "\n\n"])
def test_an_mbox_may_begin_its_messages_in_many_ways(tmp_path, store, start, before):
    path = tmp_path / "mbox"
    one = "one\n"
    path.write_text(f"{before}{start}{written(1, one)}\n{start}{written(2, 'two')}")
    assert bring(path, store).added == 2
    assert sorted((message.subject, message.text) for message in messages(store)) == [
        ("s1", "one\n"),
        ("s2", "two\n"),
    ]


def test_messages_without_a_blank_line_between_them_are_told_apart(tmp_path, store):
    path = tmp_path / "mbox"
    path.write_text(f"{FROM}{written(1)}{FROM}{written(2)}{FROM}>{FROM}{written(3)}")
    assert bring(path, store).added == 3
    assert {message.text for message in messages(store)} == {"text\n"}


def test_text_that_was_not_quoted_stays_in_its_message(tmp_path, store):
    text = "text\n\nFrom here at 10:30 it went until 2026\nend\n\nFrom Bob\nHello: you\n"
    (tmp_path / "mbox").write_text(f"{FROM}{written(1, text)}\n{FROM}{written(2)}")
    assert bring(tmp_path / "mbox", store).added == 2
    assert [message.text for message in messages(store) if message.subject == "s1"] == [text]


def test_a_message_without_a_date_came_when_its_from_line_says(tmp_path, store):
    (tmp_path / "mbox").write_text(f"{FROM}Subject: x\n\ntext\n")
    bring(tmp_path / "mbox", store)
    came = datetime(2026, 11, 19, 15, 2, tzinfo=UTC).timestamp()
    assert store.folder(ADA.address).list()[0].path.stat().st_mtime == came


def test_what_is_only_left_in_an_mbox_is_no_mail_and_is_named(tmp_path, store):
    note = (
        "From: Mail System Internal Data <MAILER-DAEMON@host>\n"
        "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nX-IMAP: 1 2\n\nThis text\n"
    )
    deleted = written(2, head="X-Mozilla-Status: 0009\n")
    (tmp_path / "mbox").write_text(f"{FROM}{note}\n{FROM}{written(1)}\n{FROM}{deleted}")
    report = bring(tmp_path / "mbox", store)
    assert (report.added, report.skipped_count) == (1, 2)
    assert [skipped.where for skipped in report.skipped] == ["message 1", "message 3"]
    assert "internal data" in report.skipped[0].why
    assert "deleted" in report.skipped[1].why


def test_an_mbox_with_line_ends_of_old_macs_is_refused_with_a_way_out(tmp_path, store):
    (tmp_path / "mbox").write_bytes((FROM + written(1)).replace("\n", "\r").encode())
    with pytest.raises(StoreError, match="old Macs") as caught:
        bring(tmp_path / "mbox", store)
    assert "tr " in caught.value.remedy


def test_a_hostile_from_line_is_read_in_linear_time(tmp_path, store):
    hostile = "From " + "1:11 " * 200_000 + "\n"
    (tmp_path / "mbox").write_text(f"{FROM}{written(1)}\n{hostile * 3}\n{FROM}{written(2)}")
    assert bring(tmp_path / "mbox", store).added == 2


def test_a_message_larger_than_memory_should_hold_is_skipped(mbox, store, monkeypatch):
    monkeypatch.setattr(sources, "MAX_MESSAGE_FILE", 5000)
    with mbox.open("ab") as file:
        file.write(b"\nFrom a@b Thu Nov 19 15:02:00 2026\nSubject: big\n\n" + b"x" * 6000 + b"\n")
        file.write(b"\nFrom a@b Thu Nov 19 15:02:00 2026\nSubject: last\n\nx\n")
    report = bring(mbox, store)
    assert (report.added, report.skipped_count) == (5, 1)
    assert report.skipped[0].where == "message 5"


# ---- Maildirs -------------------------------------------------------------------------------------


def test_maildirs_of_both_layouts_come_in_as_folders(tmp_path, store):
    root = tmp_path / "Mail"
    for name in ("", ".Lists.Crew", ".B&APw-ro", "Work/Bees"):
        Maildir(root / name).create()
    Maildir(root).deliver(bytes(mail("unread")), received=1e9)
    Maildir(root).deliver(bytes(mail("read")), flags="FSab")
    (root / "dovecot-keywords").write_text("0 honey\n1 $Forwarded\n")
    Maildir(root / ".Lists.Crew").deliver(b"no mail at all", flags="S")
    Maildir(root / ".B&APw-ro").deliver(bytes(mail("büro")))
    Maildir(root / "Work" / "Bees").deliver(bytes(mail("bees")))
    report = bring(root, store)
    assert (report.kind, report.added) == (SourceKind.MAILDIR, 5)
    assert set(store.folders(ADA.address)) > {"Lists/Crew", "Büro", "Work/Bees"}
    unread, read = store.folder(ADA.address).list()
    assert (unread.subdir, unread.path.stat().st_mtime) == ("new", 1e9)
    assert read.flags.startswith("FS")
    keywords = read_keywords(store.folder(ADA.address).path)
    assert tags_of(read.flags, keywords) == ("$forwarded", "honey")
    assert [message.text for message in messages(store, "Lists/Crew")] == ["no mail at all\n"]


def test_a_single_maildir_can_go_to_a_folder_of_ones_choice(tmp_path, store):
    Maildir(tmp_path / "box").create().deliver(bytes(mail("x")))
    bring(tmp_path / "box", store, folder="Archive")
    assert len(messages(store, "Archive")) == 1


def test_a_maildir_proves_nothing_and_keeps_what_it_says_under_another_name(tmp_path, store):
    data = wrap(b"b@x.test\n\n\nx", version=Version.C, account=ADA, now=NOW, verification={"pin": "match"})
    Maildir(tmp_path / "box").create().deliver(data)
    bring(tmp_path / "box", store)
    (message,) = messages(store)
    assert message.misfin is not None
    assert (message.misfin.verification, message.misfin.written_here) == (IMPORTED, False)
    assert (
        b"\nX-Unproven-Misfin-Verification: pin=match\n"
        in store.folder(ADA.address).list()[0].path.read_bytes()
    )


def test_an_account_is_not_imported_into_itself(store):
    store.create(ADA.address)
    home = store.folder(ADA.address).path
    for source in (home, home / ".Sent", store.root):
        with pytest.raises(StoreError, match="itself"):
            bring(source, store, kind=SourceKind.MAILDIR)


# ---- once -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(SourceKind))
def test_a_second_import_adds_nothing(kind, titlani, mbox, tmp_path, store, monkeypatch):
    (tmp_path / "box").write_text(GEMBOX)
    Maildir(tmp_path / "maildir").create().deliver_many([bytes(mail(f"x{n}")) for n in range(5)])
    source = {
        SourceKind.TITLANI: titlani,
        SourceKind.MBOX: mbox,
        SourceKind.GEMBOX: tmp_path / "box",
        SourceKind.MAILDIR: tmp_path / "maildir",
    }[kind]
    first = bring(source, store)
    assert first.added > 0
    second = import_mail(source, store, ADA, now=datetime(2030, 1, 1, tzinfo=UTC))
    assert (second.added, second.known) == (0, first.added)


def test_read_moved_or_deleted_messages_do_not_come_back(mbox, store):
    bring(mbox, store)
    inbox, trash = store.folder(ADA.address), store.folder(ADA.address, "Trash")
    first, second, third, _ = inbox.list()
    inbox.change_flags(first.key, add="S")
    inbox.move(second.key, trash)
    inbox.remove(third.key)
    assert bring(mbox, store).added == 0
    assert len(inbox.list()) == 2


def test_without_the_record_the_file_names_still_know(mbox, store):
    bring(mbox, store)
    (store.folder(ADA.address).path / RECORD).unlink()
    assert bring(mbox, store).added == 0


def test_a_torn_record_is_read_and_continued(mbox, store):
    bring(mbox, store)
    record = store.folder(ADA.address).path / RECORD
    record.write_bytes(record.read_bytes()[:-10])
    with mbox.open("ab") as file:
        file.write(b"\nFrom a@b Thu Nov 19 15:02:00 2026\nSubject: later\n\nx\n")
    assert bring(mbox, store).added == 1
    for entry in store.folder(ADA.address).list():
        store.folder(ADA.address).remove(entry.key)
    assert bring(mbox, store).added == 1  # the one whose line was torn; all others are on record


def test_the_same_text_in_another_folder_is_another_message(tmp_path, store):
    root = Maildir(tmp_path / "Mail").create()
    Maildir(root.path / ".Sent").create().deliver(bytes(mail("to myself")), flags="S")
    root.deliver(bytes(mail("to myself")))
    assert bring(root.path, store).added == 2


def everything(store: MailStore) -> list[Entry]:
    return [entry for name in store.folders(ADA.address) for entry in store.folder(ADA.address, name).list()]


def own_messages(store: MailStore) -> None:
    """An account with messages that never came by an import, in several folders and forms."""
    store.create(ADA.address)
    inbox, sent = store.folder(ADA.address), store.folder(ADA.address, "Sent")
    received = b"bea@hive.test Bea\n\n2026-11-19T13:00:00Z\n# Hi\n\nFrom here\n>From there\n\n\n"
    proof = {"pin": "match"}
    inbox.deliver(wrap(received, version=Version.C, account=ADA, now=NOW, verification=proof), flags="RS")
    inbox.deliver(received.replace(b"\n", b"\r\n"))
    sent.deliver(
        wrap_sent(b"\n\n\nMine \xc3\xbc", version=Version.C, account=ADA, to=[ADA], now=NOW), flags="S"
    )
    inbox.deliver(b"From: a@b.test\r\nSubject: crlf\r\n\r\nFrom x\r\n\r\nend", flags="S")
    inbox.deliver(b"From: a@b.test\nSubject: \xe4\xf6 8 bit\nStatus: RO\n\n\xff\xfe\x00\n")
    inbox.deliver(b"Subject: no body, no name\nX-Status: F\n folded\nX-Mozilla-Status: 0001\n")
    inbox.deliver(b"Status: RO\n")
    inbox.deliver(b"From: a@b.test\nSubject: " + b"long" * 100_000 + b"\n\ntext\n")
    inbox.deliver(b"no mail at all")
    inbox.deliver(b"")
    inbox.deliver_many([b"From: a@b.test\n\nok\n"] * 3, now=NOW.timestamp())


def test_ones_own_export_adds_nothing(tmp_path, store):
    own_messages(store)
    before = everything(store)
    export_mbox(before, tmp_path / "out")
    report = bring(tmp_path / "out", store)
    assert (report.added, report.known) == (0, len(before))
    assert everything(store) == before


def test_messages_that_were_in_another_profile_add_nothing_when_they_come_back(tmp_path, store):
    own_messages(store)
    export_mbox(everything(store), tmp_path / "there")
    other = MailStore(tmp_path / "other")
    assert bring(tmp_path / "there", other).added == len(everything(store))
    export_mbox(everything(other), tmp_path / "back")
    assert bring(tmp_path / "back", store).added == 0
    assert bring(tmp_path / "back", other).added == 0


def test_a_copy_of_ones_own_mail_adds_nothing_wherever_its_messages_lie_now(tmp_path, store):
    own_messages(store)
    home, inbox = store.folder(ADA.address).path, store.folder(ADA.address)
    shutil.copytree(home, tmp_path / "copy")
    count = len(everything(store))
    moved, *_ = inbox.list()
    inbox.move(moved.key, store.folder(ADA.address, "Archive"))
    report = bring(tmp_path / "copy", store, kind=SourceKind.MAILDIR)
    assert (report.added, report.known) == (0, count)


def test_messages_that_say_the_same_are_as_many_here_as_at_the_source(tmp_path, store):
    source = Maildir(tmp_path / "source").create()
    source.deliver_many([b"From: a@b.test\n\nok\n"] * 3)
    store.create(ADA.address)
    store.folder(ADA.address, "Archive").deliver(b"From: a@b.test\n\nok\n")
    report = bring(source.path, store)
    assert (report.added, report.known, len(everything(store))) == (2, 1, 3)
    assert bring(source.path, store).added == 0
    for entry in everything(store):
        Maildir(entry.folder).remove(entry.key)
    assert bring(source.path, store).added == 1  # what an import brought and a person deleted stays away


def test_a_message_to_oneself_comes_into_both_its_folders_after_a_crash_between_them(tmp_path, store):
    root = Maildir(tmp_path / "Mail").create()
    root.deliver(bytes(mail("to myself")))
    bring(root.path, store)
    Maildir(root.path / ".Sent").create().deliver(bytes(mail("to myself")), flags="S")
    assert bring(root.path, store).added == 1
    assert len(messages(store, "Sent")) == 1


def test_a_status_written_by_another_program_does_not_make_it_another_message(mbox, store):
    bring(mbox, store)
    mbox.write_bytes(mbox.read_bytes().replace(b"Status: RO", b"Status: O"))
    assert bring(mbox, store).added == 0


def test_a_full_disk_stops_the_import_and_the_next_one_ends_it(mbox, store, monkeypatch):
    def full(self, batch, **more):
        raise StoreError("No space left on device.")

    with monkeypatch.context() as patch:
        patch.setattr(Maildir, "deliver_many", full)
        with pytest.raises(StoreError, match="No space"):
            bring(mbox, store)
    assert bring(mbox, store).added == 4


def test_two_imports_into_one_account_do_not_run_at_once(mbox, store):
    store.create(ADA.address)
    with importing._record(store.folder(ADA.address).path), pytest.raises(StoreError, match="Another import"):
        bring(mbox, store)


def test_killed_at_any_point_nothing_is_lost_and_nothing_comes_twice(tmp_path, store):
    source = Maildir(tmp_path / "source").create()
    source.deliver_many([bytes(mail(f"x{n}")) for n in range(60)])
    code = textwrap.dedent(
        f"""
        import os, sys
        from datetime import datetime, UTC
        from pathlib import Path
        from misfin.model.address import MisfinAddress
        from misfin.store import importing
        from misfin.store.mail.maildir import MailStore
        importing._BATCH_MESSAGES = 7
        left = int(sys.argv[1])
        fsync, rename, write = os.fsync, Path.rename, os.write
        def step():
            global left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), 9)
        os.fsync = lambda handle: (step(), fsync(handle))[1]
        Path.rename = lambda self, to: (step(), rename(self, to))[1]
        importing.import_mail(Path({str(source.path)!r}), MailStore(Path({str(store.root)!r})),
            MisfinAddress("ada", "mail.example"), now=datetime.now(UTC))
        """
    )
    for point in (3, 20, 37, 52, 71, 100):
        subprocess.run([sys.executable, "-c", code, str(point)], check=False, capture_output=True)
    assert bring(source.path, store).skipped == ()
    found = [message.subject for message in messages(store)]
    assert sorted(found) == sorted(f"x{n}" for n in range(60))


# ---- what else ------------------------------------------------------------------------------------


def test_progress_is_told_and_an_import_can_be_stopped(tmp_path, store, monkeypatch):
    monkeypatch.setattr(importing, "_BATCH_MESSAGES", 10)
    source = Maildir(tmp_path / "source").create()
    source.deliver_many([bytes(mail(f"x{n}")) for n in range(45)])
    steps: list[tuple[int, int]] = []
    report = bring(
        source.path, store, progress=lambda *step: steps.append(step), stop=lambda: len(steps) == 2
    )
    assert (report.added, report.stopped, steps) == (20, True, [(10, 45), (20, 45)])
    report = bring(source.path, store, progress=lambda *step: steps.append(step))
    assert (report.added, report.known, steps[-1]) == (25, 20, (45, 45))


@pytest.mark.parametrize("content", [b"", b"plain text", b"\x7fELF\0\0", b"{}"])
def test_what_is_no_mail_is_refused_with_what_would_be(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="not mail this program can import") as caught:
        detect(path)
    assert "mbox" in caught.value.remedy


def test_a_source_that_is_not_there_or_empty_is_an_error(tmp_path, store):
    (tmp_path / "empty").mkdir()
    for source in (tmp_path / "none", tmp_path / "empty"):
        with pytest.raises(StoreError):
            bring(source, store)


def test_more_tags_than_a_folder_can_name_lose_only_tags(tmp_path, store):
    path = tmp_path / "box"
    tags = "".join(f"T{n}: 2024-05-02T10:00:00Z true\n" for n in range(40))
    path.write_text(f"[1]\nSenders: a@b.test\n{tags}# x\n[2]\nT1: 2024-05-02T10:00:00Z true\n# y\n")
    assert bring(path, store).added == 2
    box = store.folder(ADA.address)
    tagged = {
        read_message(entry.path.read_bytes(), AddressKind.MISFIN).subject: entry.flags for entry in box.list()
    }
    assert len(tagged["x"]) == 1 + 26
    assert tags_of(tagged["y"], read_keywords(box.path)) == ("t1",)


def test_what_this_profile_sealed_keeps_its_proof_and_nothing_else_does(store, tmp_path):
    seals = Seals(store.root)
    stored = wrap(
        b"zoe@hive.test\n\n2026-11-19T13:00:00Z\n# Hi\n\ntext\n",
        version=Version.C,
        account=ADA,
        now=NOW,
        verification={"sender": "verified", "confirmed": "host"},
    )
    other = stored.replace(b"# Hi", b"# Ho")
    mine, foreign = seals.seal(stored), Seals(tmp_path / "elsewhere" / "mail").seal(other)
    source = Maildir(tmp_path / "source").create()
    for data in (mine, foreign, mine.replace(b"# Hi", b"# Hu")):
        source.deliver(data)
    target = tmp_path / "mail.mbox"
    export_mbox(source.list(), target)
    for path in (source.path, target):
        bring(path, store)
        kept = {message.subject: message for message in messages(store, seals=seals)}
        proven = {subject for subject, message in kept.items() if "confirmed" in message.misfin.verification}
        assert (set(kept), proven) == ({"Hi", "Ho", "Hu"}, {"Hi"})
        for entry in store.folder(ADA.address).list():
            entry.path.unlink()
        (store.root / ADA.address / RECORD).unlink()
