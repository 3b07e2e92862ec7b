"""Drafts with files: whole for other programs, the same for us, and changed elsewhere without a loss."""

from __future__ import annotations

import email
import email.policy
import re
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest
from dovecot import Dovecot, running
from imapdesk import imap_remote, other_client
from syncdesk import SyncDesk

from misfin.post.email import whole_drafts
from misfin.post.email.whole_drafts import complete_drafts
from misfin.store.mail.maildir import MailStore
from misfin.store.outgoing.attachments import AttachedFile
from misfin.store.outgoing.drafts import Draft, DraftBox, Purpose, SendProtection

ADA = ("Ada Example", "ada@example.org")
PICTURE = bytes(range(256)) * 300


def box_of(root: Path) -> DraftBox:
    return DraftBox(MailStore(root / "mail"), author=lambda _: ADA)


def attached(box: DraftBox, name: str = "picture.bin", data: bytes = PICTURE) -> AttachedFile:
    return AttachedFile(box.files.add_bytes(data), name, len(data))


def written(box: DraftBox) -> Draft:
    return Draft(
        account="work",
        to=("bob@example.org", "half an addr"),
        cc=("Cäcilia <c@example.org>",),
        bcc=("hidden@example.org",),
        subject="Grüße",
        body="A text\n\nwith – dashes.\n--boundary?\n",
        attachments=(attached(box), attached(box, "note.txt", b"text \xff\n")),
        send_at=5e9,
        protection=SendProtection.SIGN,
        purpose=Purpose.REPLY,
    )


def complete(box: DraftBox, root: Path) -> int:
    return complete_drafts(MailStore(root / "mail"), box.files, "work", ADA)


def the_file(root: Path) -> Path:
    (entry,) = MailStore(root / "mail").folder("work", "Drafts").list()
    return entry.path


def read(data: bytes) -> EmailMessage:
    found = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def files_of(message: EmailMessage) -> dict[str, bytes]:
    return {
        part.get_filename() or "": part.get_payload(decode=True)  # type: ignore[misc]
        for part in message.iter_attachments()
    }


def test_a_draft_with_files_is_whole_for_other_programs_and_the_same_for_us(tmp_path):
    box = box_of(tmp_path)
    saved = box.save(written(box), now=1000.0)
    assert complete(box, tmp_path) == 1
    assert box.load(saved.id) == saved
    shown = read(the_file(tmp_path).read_bytes())
    assert (shown["From"], shown["Subject"]) == ("Ada Example <ada@example.org>", "Grüße")
    assert shown["To"] == "bob@example.org"
    assert shown.get_body().get_content().splitlines() == saved.body.splitlines()
    assert files_of(shown) == {"picture.bin": PICTURE, "note.txt": b"text \xff\n"}
    assert complete(box, tmp_path) == 0
    again = box.save(replace(saved, body="Newer"), now=1010.0)
    assert (box.load(saved.id), complete(box, tmp_path), box.load(saved.id)) == (again, 1, again)


def test_a_save_made_while_a_draft_is_written_whole_is_the_newer_one(tmp_path, monkeypatch):
    box = box_of(tmp_path)
    saved = box.save(written(box), now=1000.0)
    real, newer = whole_drafts._write, []

    def meanwhile(*args):  # type: ignore[no-untyped-def]
        real(*args)
        newer.append(box.save(replace(saved, body="Newer"), now=1000.5))

    monkeypatch.setattr(whole_drafts, "_write", meanwhile)
    complete(box, tmp_path)
    assert box.load(saved.id) == newer[0]


@pytest.mark.parametrize("why", ["no files", "missing", "large", "to be encrypted", "of another program"])
def test_other_drafts_stay_as_they_are(tmp_path, monkeypatch, why):
    box = box_of(tmp_path)
    draft = written(box)
    if why == "no files":
        draft = replace(draft, attachments=())
    elif why == "missing":
        draft = replace(draft, attachments=(AttachedFile("0" * 64, "x", 1),))
    elif why == "large":
        monkeypatch.setattr(whole_drafts, "LARGEST", 10)
    elif why == "to be encrypted":
        draft = replace(draft, protection=SendProtection.ENCRYPT)
    box.save(draft, now=1000.0)
    if why == "of another program":
        the_file(tmp_path).rename(the_file(tmp_path).with_name("1000.foreign.host:2,DS"))
    before = the_file(tmp_path).read_bytes()
    assert complete(box, tmp_path) == 0
    assert the_file(tmp_path).read_bytes() == before


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("crlf", [True, False])
def test_a_draft_of_ours_changed_by_another_program_is_continued_with_the_changes(tmp_path, whole, crlf):
    box = box_of(tmp_path)
    saved = box.save(written(box), now=1000.0)
    if whole:
        complete(box, tmp_path)
    path = the_file(tmp_path)
    data = path.read_bytes().replace(b"with", b"without")
    data = re.sub(rb"Subject: [^\n]*\n", b"Subject: Changed\n", data, count=1)
    path.write_bytes(data.replace(b"\n", b"\r\n") if crlf else data)
    found = box.load(saved.id)
    assert (found.subject, found.to, found.send_at) == ("Changed", ("bob@example.org",), 5e9)
    assert (found.protection, found.attachments) == (saved.protection, saved.attachments)
    assert "without" in found.body


def test_stored_with_other_line_ends_or_more_fields_it_is_not_changed(tmp_path):
    box = box_of(tmp_path)
    saved = box.save(written(box), now=1000.0)
    complete(box, tmp_path)
    path = the_file(tmp_path)
    path.write_bytes(b"X-Server: added\r\n" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert box.load(saved.id) == saved


def test_a_whole_draft_brings_its_files_to_another_profile(tmp_path):
    box = box_of(tmp_path / "one")
    saved = box.save(written(box), now=1000.0)
    complete(box, tmp_path / "one")
    other = box_of(tmp_path / "two")
    store = MailStore(tmp_path / "two" / "mail")
    store.create("work")
    entry = store.folder("work", "Drafts").deliver(the_file(tmp_path / "one").read_bytes(), flags="DS")
    found = other.load(entry.key)
    assert [other.files.read(each.key) for each in found.attachments] == [PICTURE, b"text \xff\n"]
    assert (found.subject, found.send_at) == (saved.subject, 5e9)


# ---- with a real server and another program


@pytest.fixture(scope="module")
def server() -> Dovecot:  # type: ignore[misc]
    with running() as found:
        yield found


async def test_a_draft_with_files_goes_to_the_server_and_comes_back_edited(server, tmp_path):
    desk = SyncDesk(tmp_path)
    box = DraftBox(desk.store, author=lambda _: ADA)
    saved = box.save(written(box), now=1000.0)
    complete_drafts(desk.store, box.files, "work", ADA)
    async with imap_remote(server) as remote:
        desk.remote = remote
        remote.calls = []
        await desk.settle()
        with other_client(server) as client:
            client.select("Drafts")
            data = client.fetch("1", "(BODY.PEEK[])")[1][0][1]
            shown = read(data)
            assert files_of(shown) == {"picture.bin": PICTURE, "note.txt": b"text \xff\n"}
            assert shown["From"] == "Ada Example <ada@example.org>"
            body = shown.get_body()
            body.set_content("Edited elsewhere\n")
            shown.add_attachment(b"more", maintype="application", subtype="x-more", filename="more.bin")
            client.append("Drafts", "\\Draft \\Seen", None, shown.as_bytes(policy=email.policy.SMTP))
            client.store("1", "+FLAGS", "\\Deleted")
            client.expunge()
    async with imap_remote(server) as remote:
        desk.remote = remote
        remote.calls = []
        await desk.settle()
    (entry,) = desk.store.folder("work", "Drafts").list()
    found = box.load(entry.key)
    assert found.body.strip() == "Edited elsewhere"
    assert [each.name for each in found.attachments] == ["picture.bin", "note.txt", "more.bin"]
    assert [box.files.read(each.key) for each in found.attachments] == [PICTURE, b"text \xff\n", b"more"]
    assert (found.subject, found.bcc, found.send_at) == ("Grüße", ("hidden@example.org",), saved.send_at)
