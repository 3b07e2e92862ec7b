"""Gmail through whole passes: labels as folders, All Mail as the archive, and nothing there twice or lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from gmailbox import ALL, SENT, TRASH, GmailMailboxes, GmailSession
from hostedmail import Hosted, ProviderDesk, client_of
from syncdesk import text

from misfin.post.imap import finding
from misfin.post.meant_deletions import MeantDeletions
from misfin.post.sync.values import Role


@pytest.fixture(params=[False, True], ids=["labels do not count as changes", "labels count as changes"])
async def gmail(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ProviderDesk]:
    hosted = Hosted(GmailMailboxes(["Work"], counts_labels=request.param), GmailSession)
    async with hosted.listening():
        yield ProviderDesk(tmp_path, hosted)


def stored(desk: ProviderDesk, data: bytes):  # type: ignore[no-untyped-def]
    mailboxes = desk.hosted.mailboxes
    assert isinstance(mailboxes, GmailMailboxes)
    return next((each for each in mailboxes.stored if each.data == data), None)


def labels(desk: ProviderDesk, data: bytes) -> set[str] | None:
    found = stored(desk, data)
    return None if found is None else found.labels


async def test_a_message_is_once_in_each_of_its_folders_and_archived_only_without_any(gmail: ProviderDesk):
    gmail.put("INBOX", text(1))
    gmail.put("Work", text(1), text(2))
    gmail.put(SENT, text(3))
    gmail.put("[Gmail]/Important", text(1))
    gmail.put(ALL, text(4))
    await gmail.settle()
    assert gmail.here() == {text(1): 1}
    assert gmail.here("Work") == {text(1): 1, text(2): 1}
    assert gmail.here("Sent") == {text(3): 1}
    assert gmail.here("Archive") == {text(4): 1}
    folders = set(gmail.store.folders("work"))
    assert not {name for name in folders if "Gmail" in name or name in ("Important", "Starred")}


async def test_archiving_here_takes_the_message_out_of_the_inbox_there(gmail: ProviderDesk):
    gmail.put("INBOX", text(1), text(2))
    await gmail.settle()
    gmail.move(text(1), "Inbox", "Archive")
    await gmail.settle()
    assert labels(gmail, text(1)) == set()
    assert gmail.on_server("INBOX") == {text(2): 1}
    assert gmail.on_server(ALL) == {text(1): 1, text(2): 1}
    assert (gmail.here(), gmail.here("Archive")) == ({text(2): 1}, {text(1): 1})
    assert not gmail.attic()


async def test_archiving_there_files_the_message_here_without_fetching_it_again(gmail: ProviderDesk):
    gmail.put("INBOX", text(1), text(2))
    await gmail.settle()
    key = gmail.key_of("Inbox", text(1))
    gmail.hosted.mailboxes.remove("INBOX", [1])
    gmail.hosted.lines.clear()
    await gmail.settle()
    assert gmail.key_of("Archive", text(1)) == key
    assert gmail.here() == {text(2): 1}
    assert not gmail.attic()
    assert not [line for line in gmail.hosted.lines if "BODY.PEEK[])" in line]


async def test_moving_from_the_archive_to_the_inbox_is_giving_a_label(gmail: ProviderDesk):
    gmail.put(ALL, text(1), text(2))
    await gmail.settle()
    gmail.move(text(1), "Archive", "Inbox")
    await gmail.settle()
    assert labels(gmail, text(1)) == {"INBOX"}
    assert (gmail.here(), gmail.here("Archive")) == ({text(1): 1}, {text(2): 1})
    mailboxes = gmail.hosted.mailboxes
    assert isinstance(mailboxes, GmailMailboxes)
    mailboxes.label(stored(gmail, text(2)), "INBOX")  # and the other one on another device
    await gmail.settle()
    assert (gmail.here(), gmail.here("Archive")) == ({text(1): 1, text(2): 1}, {})
    assert not gmail.attic()


@pytest.mark.parametrize(("there", "here"), [("INBOX", "Inbox"), ("Work", "Work"), (ALL, "Archive")])
async def test_deleting_here_moves_to_the_trash_there(gmail: ProviderDesk, there: str, here: str):
    gmail.put(there, text(1), text(2))
    await gmail.settle()
    gmail.move(text(1), here, "Trash")
    await gmail.settle()
    assert labels(gmail, text(1)) == {TRASH}
    assert gmail.on_server(ALL) == {text(2): 1}
    assert (gmail.here(here), gmail.here("Trash")) == ({text(2): 1}, {text(1): 1})


@pytest.mark.parametrize(("there", "here"), [("INBOX", "Inbox"), (ALL, "Archive"), (TRASH, "Trash")])
async def test_what_a_person_deletes_for_good_is_gone_there_and_nothing_else(
    gmail: ProviderDesk, there: str, here: str
):
    gmail.put(there, text(1), text(2))
    await gmail.settle()
    key = gmail.key_of(here, text(1))
    MeantDeletions(gmail.root / "sync")("work", here, [key])
    gmail.store.folder("work", here).remove(key)
    await gmail.settle()
    assert stored(gmail, text(1)) is None
    assert labels(gmail, text(2)) is not None


async def test_a_message_removed_by_another_program_goes_to_the_trash(gmail: ProviderDesk):
    gmail.put("INBOX", text(1), text(2))
    await gmail.settle()
    gmail.store.folder("work").remove(gmail.key_of("Inbox", text(1)))
    await gmail.settle()
    assert labels(gmail, text(1)) == {TRASH}
    assert gmail.here("Trash") == {text(1): 1}


async def test_flags_are_the_same_in_every_folder_a_message_is_in(gmail: ProviderDesk):
    gmail.put("INBOX", text(1))
    gmail.put("Work", text(1))
    await gmail.settle()
    gmail.store.folder("work").set_flags(gmail.key_of("Inbox", text(1)), "S")
    await gmail.settle()
    assert stored(gmail, text(1)).flags == {"\\Seen"}
    assert [entry.flags for entry in gmail.files("Work")] == ["S"]


async def test_nothing_changed_is_not_read_again(gmail: ProviderDesk):
    gmail.put("INBOX", *map(text, range(1, 30)))
    gmail.put(ALL, *map(text, range(30, 60)))
    await gmail.settle()
    gmail.hosted.lines.clear()
    result = await gmail.once()
    assert (result.again, result.arrived, result.here, result.there) == (False, 0, 0, 0)
    fetches = [line for line in gmail.hosted.lines if "UID FETCH" in line]
    assert len(fetches) == 1, "only the labels, once for a connection"
    assert "X-GM-LABELS" in fetches[0]


def transfers(desk: ProviderDesk) -> list[str]:
    return [line for line in desk.hosted.lines if "BODY.PEEK[" in line]


def mailboxes_of(desk: ProviderDesk) -> GmailMailboxes:
    assert isinstance(desk.hosted.mailboxes, GmailMailboxes)
    return desk.hosted.mailboxes


async def test_a_label_given_elsewhere_is_a_copy_here_that_is_not_fetched(gmail: ProviderDesk):
    gmail.put("INBOX", text(1), text(2))
    await gmail.settle()
    gmail.hosted.lines.clear()
    mailboxes_of(gmail).label(stored(gmail, text(1)), "Work")
    await gmail.settle()
    assert (gmail.here(), gmail.here("Work")) == ({text(1): 1, text(2): 1}, {text(1): 1})
    assert not transfers(gmail)
    (one,) = gmail.files("Work")
    assert one.path.stat().st_mtime == next(
        each.path.stat().st_mtime for each in gmail.files() if each.path.read_bytes() == one.path.read_bytes()
    )


async def test_a_copy_here_is_not_made_of_a_file_that_has_other_bytes_by_now(gmail: ProviderDesk):
    gmail.put("INBOX", text(1))
    await gmail.settle()
    (entry,) = gmail.files()
    entry.path.write_bytes(b"Subject: something else\n\nby another program\n")
    mailboxes_of(gmail).label(stored(gmail, text(1)), "Work")
    await gmail.settle()
    assert gmail.here("Work") == {text(1): 1}


async def test_what_moves_between_labels_there_is_known_without_reading_its_header(gmail: ProviderDesk):
    gmail.put("INBOX", text(1), text(2))
    await gmail.settle()
    key = gmail.key_of("Inbox", text(1))
    gmail.hosted.lines.clear()
    mailboxes = mailboxes_of(gmail)
    mailboxes.label(stored(gmail, text(1)), "Work")
    mailboxes.unlabel(stored(gmail, text(1)), "INBOX")
    mailboxes.unlabel(stored(gmail, text(2)), "INBOX")
    await gmail.settle()
    assert gmail.key_of("Work", text(1)) == key
    assert (gmail.here(), gmail.here("Archive")) == ({}, {text(2): 1})
    assert not transfers(gmail)
    assert not gmail.attic()


async def test_two_messages_with_one_header_are_told_apart_by_their_numbers(gmail: ProviderDesk):
    mailboxes = mailboxes_of(gmail)
    head = b"Subject: the same\r\n\r\n"
    gmail.put("INBOX", head + b"One.\r\n", head + b"Two.\r\n")
    await gmail.settle()
    keys = {data: gmail.key_of("Inbox", data) for data in (head + b"One.\r\n", head + b"Two.\r\n")}
    for data, label in ((head + b"Two.\r\n", "Work"), (head + b"One.\r\n", "[Gmail]/Sent Mail")):
        mailboxes.label(stored(gmail, data), label)
        mailboxes.unlabel(stored(gmail, data), "INBOX")
    await gmail.settle()
    assert gmail.key_of("Work", head + b"Two.\r\n") == keys[head + b"Two.\r\n"]
    assert gmail.key_of("Sent", head + b"One.\r\n") == keys[head + b"One.\r\n"]


async def test_a_message_filed_here_and_archived_there_gets_the_label_and_loses_no_other(gmail: ProviderDesk):
    gmail.put("INBOX", text(1), text(2))
    gmail.put("Work", text(1))
    await gmail.settle()
    gmail.move(text(1), "Inbox", "Sent")
    mailboxes_of(gmail).unlabel(stored(gmail, text(1)), "INBOX")
    await gmail.settle()
    assert labels(gmail, text(1)) == {"Work", SENT}
    assert (gmail.here("Work"), gmail.here("Sent")) == ({text(1): 1}, {text(1): 1})


async def test_numbers_become_known_after_an_upgrade_and_of_what_was_uploaded(gmail: ProviderDesk):
    gmail.put("INBOX", text(1))
    gmail.put(ALL, text(2))
    await gmail.settle()
    with gmail.state.write():  # as version 4 of the file begins
        gmail.state.execute("UPDATE message SET lasting = ''")
        gmail.state.execute("UPDATE folder SET modseq = 0")
    gmail.store.folder("work", "Sent").deliver(text(3).replace(b"\r\n", b"\n"), flags="S")
    await gmail.settle()
    numbers = {str(each.number) for each in mailboxes_of(gmail).stored}
    assert {number for (number,) in gmail.state.read("SELECT lasting FROM message")} == numbers


async def test_a_search_finds_archived_messages_behind_many_that_have_labels(
    gmail: ProviderDesk, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(finding, "LABELS_READ", 3)
    monkeypatch.setattr(finding, "MOST", 2)
    gmail.put(ALL, *map(text, range(1, 5)))
    gmail.put("INBOX", *map(text, range(5, 12)))
    async with client_of(gmail.hosted) as remote:
        folders = {folder.role: folder for folder in await remote.folders()}
        found = await finding.search(remote.session, folders[Role.ARCHIVE], [], (), gmail=remote.gmail)
    assert found == [4, 3]
    monkeypatch.setattr(finding, "LABELS_READ_AT_MOST", 6)
    async with client_of(gmail.hosted) as remote:
        folders = {folder.role: folder for folder in await remote.folders()}
        assert not await finding.search(remote.session, folders[Role.ARCHIVE], [], (), gmail=remote.gmail)
