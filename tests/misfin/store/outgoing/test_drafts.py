"""Drafts: what was typed comes back exactly, saves are whole, and other programs see a message."""

from __future__ import annotations

import email
import email.policy
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.compose.writing import gemmail_of, recipients_of
from misfin.errors import AddressError, GemmailError, MessageGoneError, StoreError
from misfin.store.mail.maildir import MailStore
from misfin.store.outgoing import drafts
from misfin.store.outgoing.attachments import AttachedFile, key_of
from misfin.store.outgoing.drafts import Draft, DraftBox

NOW = 1_800_000_000.0
ADA = "ada@mail.example"


@pytest.fixture
def store(tmp_path):
    return MailStore(tmp_path / "mail")


@pytest.fixture
def box(store):
    return DraftBox(store)


def draft(**changes):
    facts = {"account": ADA, "to": ("bob@hive.test",), "subject": "Plans", "body": "# Hi\n\nText\n"}
    return Draft(**facts | changes)


def files(store, account=ADA):
    return store.folder(account, "Drafts").list()


texts = st.text(max_size=200)


@given(
    to=st.lists(texts, max_size=4).map(tuple),
    subject=texts,
    body=st.text(max_size=500),
    in_reply_to=texts,
    references=st.lists(texts, max_size=3).map(tuple),
    forwards=st.none() | st.binary(max_size=300),
    modified=st.floats(0, 4e9),
    cc=st.lists(texts, max_size=2).map(tuple),
    bcc=st.lists(texts, max_size=2).map(tuple),
    attachments=st.lists(
        st.builds(AttachedFile, st.binary().map(key_of), texts, st.integers(0, 10**12)), max_size=2
    ).map(tuple),
)
def test_whatever_was_typed_comes_back_exactly(**facts):
    one = Draft(id="0123456789abcdef", account=ADA, **facts)
    files = {key_of(one.forwards or b""): one.forwards}
    assert drafts.from_bytes(drafts.to_bytes(one), files.__getitem__) == one


def test_any_other_message_is_no_draft_of_ours():
    for data in (
        b"",
        b"\n\n",
        b"Misfin-Draft: {}\n\n",
        b"Misfin-Draft: [1\n\nx",
        b"Subject: x\n\nMisfin-Draft: {}",
    ):
        assert drafts.from_bytes(data) is None


def test_a_draft_stored_again_with_crlf_is_still_ours():
    one = draft(id="0123456789abcdef")
    assert drafts.from_bytes(drafts.to_bytes(one).replace(b"\n", b"\r\n")) == one


def test_other_programs_see_a_message(box, store):
    box.save(draft(to=("bob@hive.test Bob Jones", "hal"), in_reply_to="<a@misfin>"), now=NOW)
    (entry,) = files(store)
    assert (entry.subdir, entry.flags) == ("cur", "DS")
    message = email.message_from_bytes(entry.path.read_bytes(), policy=email.policy.default)
    assert message["From"] == ADA
    assert message["To"] == "Bob Jones <bob@hive.test>"
    assert message["Subject"] == "Plans"
    assert message["In-Reply-To"] == "<a@misfin>"
    assert message.get_content_type() == "text/gemini"
    assert message.get_payload() == "# Hi\n\nText\n"


def test_a_draft_keeps_its_id_through_all_saves_and_is_one_file(box, store):
    first = box.save(draft(), now=NOW)
    second = box.save(draft(id=first.id, body="more"), now=NOW + 2)
    assert second.id == first.id
    assert second.modified == NOW + 2
    assert len(files(store)) == 1
    assert box.load(first.id) == second
    assert box.load(files(store)[0].key) == second  # a row of the index knows only the key


def test_after_a_crash_between_two_saves_the_newer_counts_and_the_next_save_tidies_up(box, store):
    saved = box.save(draft(), now=NOW)
    (entry,) = files(store)
    old = entry.path.read_bytes()
    newer = box.save(draft(id=saved.id, body="newer"), now=NOW + 1)
    entry.path.write_bytes(old)
    assert len(files(store)) == 2
    assert box.load(saved.id) == newer
    assert box.all() == [newer]
    box.save(newer, now=NOW + 2)
    assert len(files(store)) == 1


def test_what_two_windows_write_into_one_draft_stays_both(box, store):
    opened = box.save(draft(body="as both opened it"), now=NOW)
    mine = box.save(replace(opened, body="mine"), now=NOW + 1)
    theirs = box.save(replace(opened, body="theirs"), now=NOW + 2)
    assert mine.id == opened.id != theirs.id
    assert {each.body for each in box.all()} == {"mine", "theirs"}
    mine = box.save(replace(mine, body="mine again"), now=NOW + 3)
    theirs = box.save(replace(theirs, body="theirs again"), now=NOW + 4)
    assert {each.body for each in box.all()} == {"mine again", "theirs again"}
    assert len(files(store)) == 2


def test_a_draft_that_was_sent_from_another_window_is_saved_all_the_same(box):
    opened = box.save(draft(body="as both opened it"), now=NOW)
    box.discard(opened.id)
    box.save(replace(opened, body="mine"), now=NOW + 1)
    assert [each.body for each in box.all()] == ["mine"]


def test_a_draft_moves_with_its_sender(box, store):
    saved = box.save(draft(), now=NOW)
    moved = box.save(draft(id=saved.id, account="ada@other.example"), now=NOW + 1)
    assert files(store) == []
    assert box.all() == [moved]


def test_drafts_are_listed_last_saved_first_and_discarded_for_good(box):
    old = box.save(draft(subject="old"), now=NOW)
    new = box.save(draft(subject="new", account="bea@hive.example"), now=NOW + 1)
    assert box.all() == [new, old]
    box.discard(new.id)
    box.discard("0000000000000000")
    assert box.all() == [old]
    with pytest.raises(MessageGoneError):
        box.load(new.id)
    with pytest.raises(MessageGoneError):
        box.load("")


def test_a_disk_that_refuses_leaves_the_last_save(box, store, monkeypatch):
    saved = box.save(draft(), now=NOW)

    def disk_full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("misfin.store.mail.maildir.os.fsync", disk_full)
    with pytest.raises(StoreError, match="stored"):
        box.save(draft(id=saved.id, body="more"), now=NOW + 1)
    monkeypatch.undo()
    assert box.load(saved.id) == saved


def test_recipients_are_each_mailbox_once_and_never_nobody():
    one = draft(to=("bob@hive.test Bob", "", "bob@HIVE.test", "Bob@hive.test"))
    assert [address.address for address in recipients_of(one)] == ["bob@hive.test", "Bob@hive.test"]
    for to in ((), ("", "  "), ("bob@hive.test", "hal")):
        with pytest.raises(AddressError):
            recipients_of(draft(to=to))


def test_the_gemmail_of_a_message_to_one_has_three_blank_lines():
    assert gemmail_of(draft()) == b"\n\n\n# Plans\n\n# Hi\n\nText\n"


def test_the_gemmail_of_a_message_to_several_names_them_all():
    message = Draft(to=("ada@mail.example", "cal@x.example:1960"), subject="Plan", body="Meet?")
    assert gemmail_of(message) == b"\nada@mail.example, cal@x.example\n\n# Plan\n\nMeet?\n"


def test_a_forwarded_message_is_not_touched():
    stored = b"bea@hive.example Bea\nada@mail.example\n2024-05-01T10:00:00Z\n# FYI\n  odd   spaces\n"
    assert gemmail_of(draft(forwards=stored, subject="ignored")) == stored


def test_half_a_character_is_kept_as_a_draft_and_refused_as_a_message(box):
    saved = box.save(draft(body="a\ud800b"), now=NOW)
    assert box.load(saved.id).body == "a\ud800b"
    with pytest.raises(GemmailError):
        gemmail_of(saved)


def test_emptiness_is_what_a_person_would_not_miss():
    assert Draft(account=ADA, body=" \n").empty
    assert not draft(to=()).empty
    assert not Draft(forwards=b"x").empty


MIME = b"""\
From: Ada <ada@mail.example>
To: Bea <bea@hive.example>
Cc: crew@hive.example
Bcc: eve@hive.example
Subject: =?utf-8?q?Pl=C3=A4ne?=
In-Reply-To: <a@hive.example>
References: <0@hive.example> <a@hive.example>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain; charset=utf-8

Written elsewhere.
--b
Content-Type: application/pdf
Content-Disposition: attachment; filename="../plan.pdf"
Content-Transfer-Encoding: base64

JVBERi0=
--b--
"""


def test_a_draft_of_another_program_is_continued_with_all_its_fields_and_files(box, store):
    store.create(ADA)
    entry = store.folder(ADA, "Drafts").deliver(MIME, flags="DS")
    found = box.load(entry.key)
    assert (found.to, found.cc, found.bcc) == (
        ("Bea <bea@hive.example>",),
        ("crew@hive.example",),
        ("eve@hive.example",),
    )
    assert (found.subject, found.body.strip()) == ("Pläne", "Written elsewhere.")
    assert (found.in_reply_to, found.references) == (
        "<a@hive.example>",
        ("<0@hive.example>", "<a@hive.example>"),
    )
    assert [(each.name, box.files.read(each.key)) for each in found.attachments] == [("plan.pdf", b"%PDF-")]
    saved = box.save(replace(found, body="Continued here."), now=NOW)
    assert [each.key for each in files(store)] != [entry.key]
    assert len(files(store)) == 1
    assert box.load(saved.id).attachments == found.attachments
    again = box.save(replace(saved, body="And again."), now=NOW + 1)
    assert (again.id, len(files(store))) == (saved.id, 1)


def test_programs_for_email_can_edit_the_text_of_a_draft_of_an_email_account(box, store):
    box.save(draft(account="work"), now=NOW)
    (entry,) = files(store, "work")
    message = email.message_from_bytes(entry.path.read_bytes(), policy=email.policy.default)
    assert message.get_content_type() == "text/plain"
    assert box.load(entry.key).body == "# Hi\n\nText\n"
