"""Each way in which programs have emptied people's mailboxes: nothing is deleted, and a person is asked."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import replace

import pytest
from modelserver import Lies
from syncdesk import SyncDesk, text

from misfin.errors import StoreError
from misfin.post.sync.answering import SyncAnswer, answer
from misfin.post.sync.base import AskReason, FolderState, OperationKind, PendingOperation
from misfin.post.sync.journal import begin
from misfin.post.sync.values import FlagSet


@pytest.fixture
def desk(tmp_path):
    return SyncDesk(tmp_path)


def asking(result):
    return {folder.local: folder.reason for folder in result.asking}


async def test_many_files_that_disappear_are_not_deleted_on_the_server(desk):
    sent = Counter(desk.fill(300))
    await desk.settle()
    for entry in desk.files()[:31]:
        entry.path.unlink()
    result = await desk.settle()
    assert asking(result) == {"Inbox": AskReason.MANY_HERE}
    assert desk.there() == sent
    answer(desk.state, "Inbox", SyncAnswer.KEEP)
    assert asking(await desk.settle()) == {}
    assert desk.here() == desk.there() == sent


async def test_a_tenth_of_a_folder_may_be_deleted_by_another_program_and_goes_to_the_trash(desk):
    sent = Counter(desk.fill(300))
    await desk.settle()
    for entry in desk.files()[:30]:
        entry.path.unlink()
    assert asking(await desk.settle()) == {}
    assert desk.there() + desk.there(b"trash") == sent
    assert sum(desk.here("Trash").values()) == 30


async def test_many_messages_that_disappear_on_the_server_are_not_removed_here(desk):
    sent = Counter(desk.fill(100))
    await desk.settle()
    for uid in list(desk.server.inbox.messages)[:21]:
        desk.server.inbox.remove(uid)
    assert asking(await desk.settle()) == {"Inbox": AskReason.MANY_THERE}
    assert desk.here() == sent
    answer(desk.state, "Inbox", SyncAnswer.DELETE)
    assert asking(await desk.settle()) == {}
    assert sum(desk.here().values()) == 79
    assert desk.here() + desk.attic() == sent


async def test_a_maildir_removed_to_start_afresh_deletes_nothing(desk):
    sent = Counter(desk.fill(5))
    await desk.settle()
    shutil.rmtree(desk.root / "mail" / "work" / "cur")
    shutil.rmtree(desk.root / "mail" / "work" / "new")
    desk.store.create("work")
    assert asking(await desk.settle()) == {"Inbox": AskReason.EMPTY_HERE}
    assert desk.there() == sent
    desk.fill(1, first=6)  # new mail is fetched meanwhile, and does not hide the sign
    assert asking(await desk.settle()) == {"Inbox": AskReason.EMPTY_HERE}
    assert sum(desk.there().values()) == 6
    answer(desk.state, "Inbox", SyncAnswer.KEEP)
    assert asking(await desk.settle()) == {}
    assert desk.here() == desk.there()


async def test_an_account_whose_directory_is_gone_is_left_alone(desk):
    sent = Counter(desk.fill(5))
    await desk.settle()
    (desk.root / "mail" / "work").rename(desk.root / "elsewhere")
    (desk.root / "mail" / "work").symlink_to(desk.root / "nowhere")
    with pytest.raises(StoreError, match="is missing"):
        await desk.once()
    assert desk.there() == sent


async def test_another_directory_in_its_place_deletes_nothing_even_from_the_trash(desk):
    sent = Counter(desk.fill(30, b"trash"))
    await desk.settle()
    (desk.root / "mail" / "work").rename(desk.root / "elsewhere")
    desk.store.create("work")
    desk.inbox.identity("work", create=True)
    assert asking(await desk.settle()) == {"Trash": AskReason.OTHER_HERE}
    assert desk.there(b"trash") == sent
    shutil.rmtree(desk.root / "mail" / "work")
    (desk.root / "elsewhere").rename(desk.root / "mail" / "work")
    assert asking(await desk.settle()) == {}
    assert desk.here("Trash") == sent


async def test_a_folder_that_loses_everything_on_the_server_is_kept_here(desk):
    sent = Counter(desk.fill(3, b"archive"))
    await desk.settle()
    for uid in list(desk.server[b"archive"].messages):
        desk.server[b"archive"].remove(uid)
    assert asking(await desk.settle()) == {"Archive": AskReason.GONE_THERE}
    assert desk.here("Archive") == sent
    answer(desk.state, "Archive", SyncAnswer.KEEP)
    assert asking(await desk.settle()) == {}
    assert desk.there(b"archive") == sent


@pytest.mark.parametrize("keep", [True, False])
async def test_a_folder_deleted_on_the_server_is_kept_here_until_a_person_decides(desk, keep):
    desk.store.create("work", ["Lists"])
    desk.store.folder("work", "Lists").deliver(text(1), flags="S")
    await desk.settle()
    del desk.server.folders[b"Lists"]
    assert asking(await desk.settle()) == {"Lists": AskReason.GONE_THERE}
    assert desk.here("Lists") == Counter([text(1)])
    answer(desk.state, "Lists", SyncAnswer.KEEP if keep else SyncAnswer.DELETE)
    assert asking(await desk.settle()) == {}
    if keep:
        assert desk.there(b"Lists") == desk.here("Lists") == Counter([text(1)])
    else:
        assert desk.attic() == Counter([text(1)])
        assert b"Lists" not in desk.server.folders


async def test_a_folder_removed_here_is_not_deleted_on_the_server(desk):
    desk.store.create("work", ["Lists"])
    desk.store.folder("work", "Lists").deliver(text(1), flags="S")
    await desk.settle()
    shutil.rmtree(desk.store.folder("work", "Lists").path)
    assert asking(await desk.settle()) == {"Lists": AskReason.MISSING_HERE}
    answer(desk.state, "Lists", SyncAnswer.DELETE)
    assert asking(await desk.settle()) == {}
    assert desk.there(b"Lists") == Counter([text(1)])
    assert desk.state.folder("Lists").state is FolderState.PAUSED


@pytest.mark.parametrize("moved", [True, False])
async def test_an_empty_folder_gone_on_the_server_is_made_there_again_for_what_is_put_into_it(desk, moved):
    desk.fill(2)
    desk.store.create("work", ["Lists"])
    await desk.settle()
    del desk.server.folders[b"Lists"]
    assert asking(await desk.settle()) == {}
    if moved:
        desk.store.folder("work").move(desk.files()[0].key, desk.store.folder("work", "Lists"))
    else:
        desk.store.folder("work", "Lists").deliver(text(3), flags="S")
    await desk.settle()
    assert desk.there(b"Lists") == desk.here("Lists")
    assert sum(desk.here("Lists").values()) == 1
    assert desk.there() == desk.here()


async def test_what_is_moved_there_out_of_a_folder_that_is_left_alone_is_fetched(desk):
    desk.fill(2)
    await desk.settle()
    for entry in desk.files():
        entry.path.unlink()
    assert asking(await desk.settle()) == {"Inbox": AskReason.EMPTY_HERE}
    answer(desk.state, "Inbox", SyncAnswer.PAUSE)
    await desk.settle()
    desk.server.move(1, b"INBOX", b"archive")
    await desk.settle()
    assert desk.here("Archive") == Counter([text(1)])
    assert desk.here() == Counter()


async def test_a_server_restored_from_a_backup_is_compared_message_by_message(desk):
    sent = desk.fill(10)
    await desk.settle()
    inbox = desk.server.inbox
    for uid in (9, 10):
        del inbox.messages[uid]
    inbox.next, inbox.modseq = 9, inbox.modseq + 1
    other = text(99)
    inbox.add(other)  # gets a number that was another message's
    result = await desk.settle()
    assert asking(result) == {"Inbox": AskReason.WENT_BACK}
    assert desk.here() == Counter([*sent, other])
    answer(desk.state, "Inbox", SyncAnswer.KEEP)
    await desk.settle()
    assert desk.there() == Counter([*sent, other])


async def test_a_server_that_leaves_out_its_next_number_has_not_gone_back(desk, monkeypatch):
    sent = Counter(desk.fill(3))
    await desk.settle()
    look = desk.remote.look

    async def without_next(folder, base, **options):
        seen = await look(folder, base, **options)
        return replace(seen, point=replace(seen.point, next=0))

    monkeypatch.setattr(desk.remote, "look", without_next)
    desk.server.inbox.flag(1, FlagSet("S"))
    await desk.settle()
    assert not [call for call in desk.remote.calls if call.startswith("heads")]
    monkeypatch.undo()
    desk.server.inbox.next = 2
    desk.server.inbox.flag(1, FlagSet("F"))
    await desk.once()
    assert [call for call in desk.remote.calls if call.startswith("heads")]
    assert desk.here() == sent


async def test_a_server_that_numbers_everything_again_costs_no_transfer(desk):
    sent = Counter(desk.fill(40))
    await desk.settle()
    keys = {entry.key for entry in desk.files()}
    desk.server.inbox.renumber(77)
    await desk.once()
    assert not [call for call in desk.remote.calls if call.startswith(("fetch", "append"))]
    assert asking(await desk.settle()) == {}
    assert {entry.key for entry in desk.files()} == keys
    assert desk.there() == desk.here() == sent


async def test_what_is_lost_when_everything_is_numbered_again_is_not_uploaded_without_asking(desk):
    sent = Counter(desk.fill(4))
    await desk.settle()
    desk.server.inbox.remove(2)
    desk.server.inbox.renumber(77)
    assert asking(await desk.settle()) == {"Inbox": AskReason.RENUMBERED}
    assert sum(desk.there().values()) == 3
    assert desk.here() == sent


async def test_an_id_that_stands_for_another_message_deletes_nothing(desk):
    first, second = desk.fill(2)
    await desk.settle()
    messages = desk.server.inbox.messages
    messages[1], messages[2] = messages[2], messages[1]  # no new epoch, and nothing says so
    entry = next(each for each in desk.files() if b"Subject: 1\n" in each.path.read_bytes())
    folder = desk.state.folder("Inbox")
    with desk.state.write():
        begin(desk.state, [PendingOperation(0, OperationKind.DELETE, folder.id, entry.key, begun=desk.now)])
    entry.path.unlink()
    await desk.once()
    assert desk.there() == Counter([first, second])
    await desk.settle()
    assert desk.there() == desk.here() == Counter([second])


async def test_filing_everything_and_emptying_the_trash_set_off_nothing(desk):
    sent = Counter(desk.fill(60))
    await desk.settle()
    inbox, trash = desk.store.folder("work"), desk.store.folder("work", "Trash")
    for entry in desk.files():
        inbox.move(entry.key, trash)
    assert asking(await desk.settle()) == {}
    assert desk.there(b"trash") == sent
    for entry in desk.files("Trash"):
        entry.path.unlink()
    assert asking(await desk.settle()) == {}
    assert desk.there(b"trash") == Counter()


async def test_the_only_draft_may_be_sent_elsewhere(desk):
    desk.fill(1, b"drafts")
    await desk.settle()
    desk.server[b"drafts"].remove(1)
    assert asking(await desk.settle()) == {}
    assert desk.here("Drafts") == Counter()
    assert desk.attic() == Counter([text(1)])


# ---- what has copied messages, or stopped a folder


async def test_a_server_that_does_not_say_the_id_of_an_upload_gets_it_once(desk):
    desk.remote.lies = Lies(no_append_id=True, no_search=True)
    desk.store.folder("work", "Sent").deliver(text(1), flags="S")
    for _ in range(3):
        await desk.settle()
    assert desk.there(b"sent") == desk.here("Sent") == Counter([text(1)])


async def test_a_message_the_server_does_not_hand_out_stops_no_other(desk):
    first, second, third = desk.fill(3)
    desk.remote.lies = Lies(never_fetched={second})
    result = await desk.once()
    assert "could not be fetched" in result.problems[0]
    assert desk.here() == Counter([first, third])
    assert (await desk.settle()).problems == ()


async def test_a_message_deleted_on_both_sides_is_forgotten(desk):
    desk.fill(2)
    await desk.settle()
    next(each for each in desk.files() if b"Subject: 1\n" in each.path.read_bytes()).path.unlink()
    desk.server.inbox.remove(1)
    await desk.settle()
    assert desk.state.read("SELECT count(*) FROM message") == [(1,)]


async def test_a_program_that_moves_under_the_same_name_makes_no_copy(desk):
    sent = Counter(desk.fill(1))
    await desk.settle()
    (entry,) = desk.files()
    target = desk.store.folder("work", "Archive").path / "cur" / f"{entry.key}:2,S"
    entry.path.rename(target)
    await desk.settle()
    assert (desk.there(), desk.there(b"archive")) == (Counter(), sent)
    assert desk.here("Archive") == sent


async def test_two_files_of_one_name_are_two_messages(desk):
    desk.fill(1)
    await desk.settle()
    (entry,) = desk.files()
    shutil.copy(entry.path, desk.store.folder("work", "Archive").path / "cur" / entry.name)
    await desk.settle()
    assert desk.there() == desk.there(b"archive") == Counter([text(1)])
    assert desk.files()[0].key != desk.files("Archive")[0].key


async def test_bytes_no_mail_program_should_write_come_and_go_unchanged(desk):
    odd = [
        b"Subject: bare\r\n\r\na\rb\nc\r\n",
        b"Subject: nul \x00\r\n\r\n\xff\xfe\r\n",
        b"Subject: long\r\n\r\n" + b"x" * 70_000,
        b"no header at all",
        b"\r\nno header either\r\n",
        b"",
    ]
    for each in odd:
        desk.server.inbox.add(each)
    await desk.settle()
    assert desk.here() == Counter(odd)
    inbox, archive = desk.store.folder("work"), desk.store.folder("work", "Archive")
    for entry in desk.files():  # uploaded, as a copy under another name
        archive.deliver(entry.path.read_bytes(), flags="S")
    assert inbox
    await desk.settle()
    assert desk.there(b"archive") == Counter(odd)
