"""What the state of sync says to people: how many messages are in doubt, what waits, since when."""

from __future__ import annotations

import sqlite3

import pytest
from syncdesk import SyncDesk, text

from misfin.errors import StoreError
from misfin.post.sync.answering import SyncAnswer, answer
from misfin.post.sync.base import AskReason, FolderState, OperationKind, PendingOperation
from misfin.post.sync.identify import Facts
from misfin.post.sync.journal import begin, ended, pending
from misfin.post.sync.schema import STEPS
from misfin.post.sync.state import SyncState
from misfin.post.sync.waiting import changes_waiting
from misfin.store.database import Database


@pytest.fixture
def desk(tmp_path):
    return SyncDesk(tmp_path)


def waiting(desk):
    reader = SyncState(desk.state.path, read_only=True)
    try:
        return changes_waiting(reader, desk.inbox, "work", {})
    finally:
        reader.close()


async def test_a_folder_says_how_many_messages_it_asks_about(desk):
    desk.fill(100)
    await desk.settle()
    for uid in list(desk.server.inbox.messages)[:30]:
        desk.server.inbox.remove(uid)
    (asking,) = (await desk.settle()).asking
    assert (asking.reason, asking.asked_about) == (AskReason.MANY_THERE, 30)


async def test_a_folder_without_its_files_asks_about_all_of_them(desk):
    desk.fill(7)
    await desk.settle()
    for entry in desk.files():
        entry.path.unlink()
    (asking,) = (await desk.settle()).asking
    assert (asking.reason, asking.asked_about) == (AskReason.EMPTY_HERE, 7)


async def test_a_folder_that_is_gone_on_the_server_asks_about_all_its_messages(desk):
    desk.store.create("work", ["Crew"])
    await desk.settle()
    desk.fill(4, b"Crew")
    await desk.settle()
    del desk.server.folders[b"Crew"]
    (asking,) = (await desk.settle()).asking
    assert (asking.local, asking.reason, asking.asked_about) == ("Crew", AskReason.GONE_THERE, 4)


async def test_what_was_changed_here_waits_until_a_pass_has_sent_it(desk):
    desk.fill(5)
    await desk.settle()
    assert not waiting(desk)
    first, second, *_ = desk.files()
    desk.store.folder("work").set_flags(first.key, "FS")
    desk.store.folder("work").move(second.key, desk.store.folder("work", "Archive"))
    desk.store.folder("work", "Drafts").deliver(b"Subject: a draft\n\ntext\n")
    assert waiting(desk) == {"Inbox": 2, "Drafts": 1}
    await desk.settle()
    assert not waiting(desk)


async def test_it_is_in_step_once_a_pass_found_nothing_left_to_do(desk):
    assert desk.state.in_step() == 0.0
    desk.fill(3)
    await desk.settle()
    then = desk.state.in_step()
    assert then == desk.now
    await desk.settle()
    assert desk.state.in_step() > then


async def test_a_state_that_is_read_only_cannot_be_changed(desk):
    desk.fill(1)
    await desk.settle()
    reader = SyncState(desk.state.path, read_only=True)
    with pytest.raises(StoreError):
        reader.set_in_step(1.0)
    reader.close()


async def test_one_to_be_read_sees_what_is_written_meanwhile(desk):
    await desk.settle()
    reader = SyncState(desk.state.path, read_only=True)
    desk.fill(2)
    await desk.settle()
    assert sum(reader.counts().values()) == 2
    reader.close()


def test_a_state_that_is_missing_is_not_created_by_reading(tmp_path):
    with pytest.raises(StoreError):
        SyncState(tmp_path / "work.db", read_only=True)
    assert not list(tmp_path.iterdir())


def test_a_state_of_the_first_version_is_brought_up_to_date(tmp_path):
    path = tmp_path / "work.db"
    db = sqlite3.connect(path)
    for statement in STEPS[0]:
        db.execute(statement)
    db.execute("PRAGMA user_version = 1")
    db.close()
    with pytest.raises(StoreError, match="another version"):
        SyncState(path, read_only=True)
    state = SyncState(path)
    assert state.in_step() == 0.0
    assert state.folders() == []
    state.close()


def test_what_was_begun_with_the_second_version_is_finished_with_this_one(tmp_path):
    path = tmp_path / "work.db"
    old = Database(path, "The sync state", STEPS[:2])
    with old.write():
        old.execute(
            "INSERT INTO folder (id, local, remote, name, remote_id, role, uploads)"
            " VALUES (1, 'Inbox', x'41', 'A', '', 'inbox', 1)"
        )
        old.execute("INSERT INTO doing VALUES (7, 'append', 1, 'key', '', 0, x'01', x'02', 3, 4.0)")
    old.close()
    state = SyncState(path)
    assert pending(state) == [
        PendingOperation(7, OperationKind.APPEND, 1, "key", facts=Facts(b"\x01", b"\x02", 3, b""), begun=4.0)
    ]
    with state.write():
        ended(state, [7])
        begin(state, [PendingOperation(0, OperationKind.APPEND, 1, "other")])
    assert [each.id for each in pending(state)] == [8]  # no number is given twice
    state.close()


@pytest.mark.parametrize("choice", [SyncAnswer.KEEP, SyncAnswer.PAUSE])
async def test_an_answer_given_while_a_pass_runs_is_not_lost(desk, choice):
    desk.fill(100)
    await desk.settle()
    for uid in list(desk.server.inbox.messages)[:30]:
        desk.server.inbox.remove(uid)
    assert (await desk.settle()).asking

    def answered_meanwhile(_count: int) -> None:
        person = SyncState(desk.state.path)
        answer(person, "Inbox", choice)
        person.close()

    desk.server[b"archive"].add(text(999))
    await desk.once(on_plan=answered_meanwhile)
    state = desk.state.folder("Inbox").state
    assert state is {SyncAnswer.KEEP: FolderState.KEEPING, SyncAnswer.PAUSE: FolderState.PAUSED}[choice]
    await desk.settle()
    assert sum(desk.there().values()) == (100 if choice is SyncAnswer.KEEP else 70)
    assert sum(desk.here().values()) == 100
