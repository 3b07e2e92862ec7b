"""Messages out: an mbox the standard library reads and an import takes back, and gemtext files for people."""

import errno
import mailbox
import os
from contextlib import closing
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from misfin.errors import InputError, StoreError
from misfin.model.address import MisfinAddress
from misfin.model.gemmail import Version
from misfin.store.mail.keywords import read_keywords, tags_of
from misfin.store.mail.maildir import Maildir, MailStore
from misfin.store.message.envelope import to_gemmail, wrap
from misfin.store.transfer.exporting import export_gemtext, export_mbox
from misfin.store.transfer.importing import import_mail

ADA = MisfinAddress("ada", "mail.example", "Ada Example")
NOW = datetime(2026, 11, 19, 14, 2, tzinfo=UTC)


def gemmail(body: str, sender: str = "bea@hive.test Bea Wörker") -> bytes:
    data = f"{sender}\n\n2026-11-19T13:00:00Z\n{body}".encode()
    return wrap(data, version=Version.C, account=ADA, now=NOW)


@pytest.fixture
def box(tmp_path) -> Maildir:
    return Maildir(tmp_path / "box").create()


# ---- mbox -----------------------------------------------------------------------------------------


def test_the_standard_library_reads_the_mbox(box, tmp_path):
    box.deliver(gemmail("# One\n\nFrom here\n>From there\n"), flags="FRS")
    box.deliver(gemmail("# Two\n"))
    report = export_mbox(box.list(), tmp_path / "out.mbox")
    assert (report.written, report.skipped) == (2, ())
    read = mailbox.mbox(tmp_path / "out.mbox", create=False)
    by_subject = {message["subject"]: message for message in read}
    assert sorted(by_subject) == ["One", "Two"]
    assert by_subject["One"].get_flags() == "ROFA"
    assert by_subject["Two"].get_flags() == "O"
    assert by_subject["One"].get_from() == "bea@hive.test Thu Nov 19 13:00:00 2026"
    assert by_subject["One"].get_payload(decode=True) == b"# One\n\n>From here\n>>From there\n"
    read.close()


_lines = st.lists(
    st.one_of(
        st.sampled_from(["From a", ">From b", "", "From x Thu Nov 19 15:02:00 2026", "# S"]),
        st.text(max_size=9),
    ),
    max_size=8,
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(_lines, st.sampled_from(["", "S", "FS", "RT"])), min_size=1, max_size=4))
def test_what_goes_out_comes_back_as_it_was(tmp_path_factory, messages):
    tmp_path = tmp_path_factory.mktemp("trip")
    box = Maildir(tmp_path / "box").create()
    sent = []
    for number, (lines, flags) in enumerate(messages):
        body = "".join(line.replace("\r", "") + "\n" for line in [*lines, str(number)])
        sent.append((body.encode(), flags))
        box.deliver(gemmail(body), flags=flags)
    export_mbox(box.list(), tmp_path / "out")
    store = MailStore(tmp_path / "mail")
    import_mail(tmp_path / "out", store, ADA, now=NOW)
    back = [
        (to_gemmail(entry.path.read_bytes()).split(b"\n", 3)[3], entry.flags)
        for entry in store.folder(ADA.address).list()
    ]
    assert sorted(back) == sorted(sent)


def test_tags_go_out_and_come_back_and_a_status_of_another_program_gives_way_to_what_is_true(tmp_path, box):
    (box.path / "dovecot-keywords").write_text("0 honey\n1 b&APw-ro\n")
    box.deliver(b"From: a@b.test\nStatus: RO\nX-Mozilla-Status: 0001\nSubject: x\n\ntext\n", flags="Fab")
    export_mbox(box.list(), tmp_path / "out")
    with closing(mailbox.mbox(tmp_path / "out", create=False)) as read:
        [message] = read
    assert (message["Status"], message["X-Status"]) == ("O", "F")
    store = MailStore(tmp_path / "mail")
    import_mail(tmp_path / "out", store, ADA, now=NOW)
    [entry] = store.folder(ADA.address).list()
    assert tags_of(entry.flags, read_keywords(entry.folder)) == ("büro", "honey")
    assert (entry.flags[0], entry.path.read_bytes()) == ("F", b"From: a@b.test\nSubject: x\n\ntext\n")


def test_files_that_are_no_mail_and_crlf_mail_survive_the_trip(box, tmp_path):
    contents = [b"just text\n", b"Subject: x\r\n\r\nbody\r\n", b"Subject: no body\n", b""]
    for content in contents:
        box.deliver(content, flags="S")
    export_mbox(box.list(), tmp_path / "out")
    store = MailStore(tmp_path / "mail")
    assert import_mail(tmp_path / "out", store, ADA, now=NOW).added == 4
    back = {entry.path.read_bytes() for entry in store.folder(ADA.address).list()}
    assert back == {b"just text\n", b"Subject: x\r\n\r\nbody\r\n", b"Subject: no body\n", b"\n"}


def test_an_existing_file_is_never_written_over_and_a_failure_leaves_none(box, tmp_path):
    box.deliver(gemmail("x"))
    target = tmp_path / "out"
    target.write_bytes(b"precious")
    with pytest.raises(StoreError, match="already exists"):
        export_mbox(box.list(), target)
    assert target.read_bytes() == b"precious"
    with pytest.raises(StoreError):
        export_mbox(box.list(), tmp_path / "no" / "such" / "folder")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["box", "out"]


def test_a_message_flagged_meanwhile_is_found_and_one_gone_is_named(box, tmp_path):
    flagged, gone = box.deliver(gemmail("a")), box.deliver(gemmail("b"))
    entries = box.list()
    box.set_flags(flagged.key, "S")
    box.remove(gone.key)
    report = export_mbox(entries, tmp_path / "out")
    assert (report.written, [skipped.where for skipped in report.skipped]) == (1, [gone.name])


# ---- gemtext --------------------------------------------------------------------------------------


def files(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir() if path.suffix != ".part"}


def test_a_gemmail_becomes_a_gemtext_file_named_by_date_and_subject(box, tmp_path):
    box.deliver(gemmail("# Grüße / ../und mehr!\n\n=> gemini://x.test link\n"))
    report = export_gemtext(box.list(), tmp_path / "out")
    assert report.written == 1
    assert files(tmp_path / "out") == {
        "2026-11-19_1300_grüße-und-mehr.gmi": (
            "From: Bea Wörker <bea@hive.test>\nTo: Ada Example <ada@mail.example>\n"
            "Date: 2026-11-19 13:00 UTC\n\n"
            "# Grüße / ../und mehr!\n\n=> gemini://x.test link\n"
        )
    }


def test_the_text_of_an_e_mail_is_preformatted(box, tmp_path):
    message = EmailMessage()
    message["From"], message["Subject"] = "zoe@hive.test", "Plain"
    message.set_content("# not a heading\n  indented\n")
    box.deliver(bytes(message))
    export_gemtext(box.list(), tmp_path / "out")
    assert files(tmp_path / "out") == {
        "plain.gmi": "From: zoe@hive.test\n\n# Plain\n\n```\n# not a heading\n  indented\n```\n"
    }


def test_a_second_export_writes_nothing_and_equal_names_get_numbers(box, tmp_path):
    box.deliver_many([gemmail("# Same\n\none\n"), gemmail("# Same\n\ntwo\n"), gemmail("")])
    assert export_gemtext(box.list(), tmp_path / "out").written == 3
    assert sorted(files(tmp_path / "out")) == [
        "2026-11-19_1300_bea-wörker-bea-hive-test.gmi",
        "2026-11-19_1300_same-2.gmi",
        "2026-11-19_1300_same.gmi",
    ]
    assert export_gemtext(box.list(), tmp_path / "out").written == 0


def test_no_header_of_a_stranger_adds_lines_or_leaves_the_folder(box, tmp_path):
    box.deliver(b"From: =?utf-8?q?a=0Ab?= <../x@y>\nSubject: =?utf-8?q?..=2F..=2Fetc=0A=1B=5B2J?=\n\nx\n")
    export_gemtext(box.list(), tmp_path / "out")
    [(name, text)] = files(tmp_path / "out").items()
    assert name == "etc-2j.gmi"
    assert text.startswith("From: a b <../x@y>\n\n# ../../etc  [2J\n")


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP])
def test_a_file_system_without_hard_links_takes_both_kinds(box, tmp_path, monkeypatch, number):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)
    box.deliver(gemmail("# one\n\ntext\n"))
    assert export_mbox(box.list(), tmp_path / "out.mbox").written == 1
    assert export_gemtext(box.list(), tmp_path / "out").written == 1
    with closing(mailbox.mbox(tmp_path / "out.mbox", create=False)) as read:
        assert len(read) == 1
    whole = (tmp_path / "out.mbox").read_bytes()
    with pytest.raises(InputError, match="already exists"):
        export_mbox(box.list(), tmp_path / "out.mbox")
    assert (tmp_path / "out.mbox").read_bytes() == whole
    assert export_gemtext(box.list(), tmp_path / "out").written == 0
    assert len(files(tmp_path / "out")) == 1
    assert not [*tmp_path.glob(".*.part"), *(tmp_path / "out").glob(".*")]


def test_what_is_exported_is_for_its_owner_alone_under_any_umask(box, tmp_path):
    box.deliver(gemmail("# one\n\ntext\n"))
    before = os.umask(0)
    try:
        export_mbox(box.list(), tmp_path / "out.mbox")
        export_gemtext(box.list(), tmp_path / "a" / "out")
    finally:
        os.umask(before)
    made = [tmp_path / "out.mbox", *(tmp_path / "a" / "out").iterdir()]
    assert {path.stat().st_mode & 0o777 for path in made} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "a", tmp_path / "a" / "out")} == {0o700}


def test_a_gemtext_file_is_whole_or_not_there(box, tmp_path, monkeypatch):
    box.deliver(gemmail("# one\n\ntext\n"))

    def full(_):
        assert files(tmp_path / "out") == {}
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space"):
        export_gemtext(box.list(), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
