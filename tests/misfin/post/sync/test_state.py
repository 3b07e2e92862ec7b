"""What is remembered, lost and damaged; large messages; the attic; deletions that were meant; a drop."""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from modelserver import Lies, ModelRemote
from syncdesk import SyncDesk, text

from misfin.errors import RemoteError, StoreError
from misfin.post.meant_deletions import MeantDeletions
from misfin.post.sync import attic
from misfin.post.sync.answering import SyncAnswer, answer
from misfin.post.sync.base import AskReason
from misfin.post.sync.journal import changes_made, gone, pending
from misfin.post.sync.settings import SyncMemory, SyncSettings
from misfin.post.sync.state import SyncState, open_state
from misfin.post.sync.values import Abilities, FlagSet, SyncPoint
from misfin.store.mail.maildir import MailStore

TESTS = next(each for each in Path(__file__).parents if (each / "fixtures").is_dir())
FIXTURE = TESTS / "fixtures" / "sync-3" / "work.db"


@pytest.fixture
def desk(tmp_path):
    return SyncDesk(tmp_path)


def state_path(desk):
    return desk.root / "sync" / "work.db"


# ---- the file


@pytest.mark.parametrize("damage", [b"this is no database", None])
async def test_a_lost_or_damaged_state_is_built_again_without_a_transfer(desk, damage):
    sent = Counter(desk.fill(30))
    desk.server.inbox.flag(3, FlagSet("F"))
    await desk.settle()
    desk.state.close()
    for path in state_path(desk).parent.iterdir():
        path.unlink()
    if damage:
        state_path(desk).write_bytes(damage * 100)
    desk.state, desk.memory = open_state(state_path(desk), desk.now), SyncMemory()
    await desk.once()
    assert not [call for call in desk.remote.calls if call.startswith(("fetch", "append"))]
    await desk.settle()
    assert desk.here() == desk.there() == sent
    assert desk.server.inbox.messages[3].flags == FlagSet("F")
    assert bool(list(state_path(desk).parent.glob("*.damaged-*"))) == bool(damage)


def test_a_state_damaged_in_the_middle_is_put_aside(tmp_path):
    path = tmp_path / "work.db"
    SyncState(path).close()
    state = open_state(path, 7.0, damaged=True)
    assert state.folders() == []
    assert (tmp_path / "work.db.damaged-7").exists()


def test_a_state_of_a_newer_version_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "work.db"
    SyncState(path).close()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(StoreError, match="newer version"):
        open_state(path, 0.0)
    assert path.exists()


def test_a_state_of_version_3_is_read_with_everything_in_it(tmp_path):
    path = tmp_path / "work.db"
    shutil.copyfile(FIXTURE, path)
    state = SyncState(path)
    try:
        inbox, archive, work = state.folders()
        assert [each.local for each in (inbox, archive, work)] == ["Inbox", "Archive", "Work"]
        # Everything is listed once more, so that lasting ids become known.
        assert {each.point for each in (inbox, archive, work)} == {SyncPoint("7", 4, 0, 2)}
        rows = [row for each in (inbox, archive, work) for row in state.of_folder(each.id)]
        assert [(row.key, row.remote_id) for row in rows] == [
            *(("1.a.host", "1"), ("2.b.host", "3"), ("3.c.host", "2"), ("4.d.host", "")),
        ]
        assert rows[1].flags == FlagSet("F", frozenset({"work"}))
        assert all(row.facts.digest and not row.facts.lasting for row in rows)
        (begun,), (deleted,), (change,) = pending(state), gone(state), changes_made(state)
        assert (begun.key, deleted.attic, change.what) == ("4.d.host", "5.e.host", "uploaded")
        with state.write():
            state.set_lasting([((rows[0].folder, rows[0].remote_id), "1500")])
        assert state.by_lasting(["1500", ""])["1500"][0].key == "1.a.host"
    finally:
        state.close()


async def test_flags_of_both_sides_are_united_where_nobody_knows_which_is_newer(desk):
    desk.server.inbox.add(text(1), FlagSet("F"))
    desk.store.folder("work").deliver(text(1).replace(b"\r\n", b"\n"), flags="S")
    await desk.settle()
    assert desk.server.inbox.messages[1].flags == FlagSet("FS")
    assert [entry.flags for entry in desk.files()] == ["FS"]


async def test_an_unchanged_folder_is_not_even_listed(desk, monkeypatch):
    desk.fill(3)
    await desk.settle()
    import os
    import time

    folder = desk.store.folder("work").path
    for part in ("cur", "new"):
        os.utime(folder / part, (time.time() - 10, time.time() - 10))
    await desk.once()
    listed = []
    names = type(desk.store.folder("work")).names
    monkeypatch.setattr(
        "misfin.store.mail.maildir.Maildir.names",
        lambda self, part: listed.append(self.path) or names(self, part),
    )
    await desk.once()
    assert folder not in listed
    desk.files()[0].path.unlink()
    listed.clear()
    await desk.once()
    assert folder in listed


# ---- large messages


class Cut(RemoteError):
    """The connection ends."""


async def test_a_large_message_goes_on_where_the_connection_was_lost(desk, monkeypatch):
    monkeypatch.setattr("misfin.post.sync.fetching._SAVED_EVERY", 1 << 20)
    large = text(1, b"line\r\n" * 900_000)
    desk.server.inbox.add(large)
    desk.fill(1, first=2)
    pieces = 0

    def tick(what):
        nonlocal pieces
        pieces += what == "piece"
        if pieces == 3:
            pieces = 100
            raise Cut("The connection was lost.")

    desk.remote.tick = tick
    with pytest.raises(Cut):
        await desk.once()
    assert desk.here() == Counter([text(2)])  # small messages come first
    pieces = 0
    desk.remote.tick = lambda what: None
    wanted = []
    fetch = ModelRemote.fetch
    monkeypatch.setattr(
        ModelRemote, "fetch", lambda self, folder, each: wanted.extend(each) or fetch(self, folder, each)
    )
    await desk.once()
    assert wanted[0].start >= 2 << 20
    assert desk.here() == desk.there()
    assert list((desk.store.folder("work").path / "tmp").iterdir()) == []


# ---- the attic


async def test_what_is_in_the_attic_can_be_brought_back_and_goes_after_30_days(desk):
    desk.fill(3)
    await desk.settle()
    desk.server.inbox.remove(1)
    await desk.once()
    desk.server.inbox.remove(2)
    await desk.once()
    second, first = attic.messages(desk.state, desk.inbox, "work")
    assert (first.folder, second.at > first.at) == ("Inbox", True)
    assert attic.restore(desk.state, desk.inbox, "work", first.key) == "Inbox"
    with pytest.raises(StoreError):
        attic.restore(desk.state, desk.inbox, "work", first.key)
    await desk.settle()
    assert desk.there() == desk.here() == Counter([text(1), text(3)])
    assert attic.clean(desk.state, desk.inbox, "work", second.at + attic.KEPT - 1) == 0
    desk.now = second.at + attic.KEPT + 1
    desk.memory = SyncMemory()  # the program was started again
    desk.server.inbox.flag(3, FlagSet("S"))
    await desk.once()
    assert desk.attic() == Counter()
    assert gone(desk.state) == []


async def test_changes_on_the_server_are_remembered_for_30_days(desk):
    desk.store.folder("work", "Sent").deliver(text(1), flags="S")
    await desk.settle()
    assert [(each.what, each.folder, each.detail) for each in changes_made(desk.state)] == [
        ("uploaded", "Sent", "new here")
    ]
    desk.now += 31 * 86400
    desk.fill(1)
    await desk.once()
    assert changes_made(desk.state) == []


# ---- deletions that were meant


async def test_a_deletion_with_this_program_is_written_down_before_the_file_is_removed(desk):
    sent = desk.fill(2)
    await desk.settle()
    store = MailStore(desk.store.root, MeantDeletions(desk.root / "sync"))
    store.folder("work").remove(next(e for e in desk.files() if b"Subject: 1\n" in e.path.read_bytes()).key)
    assert [each.kind for each in pending(desk.state)] == ["delete"]
    await desk.once()
    assert desk.there() == Counter(sent[1:])


def test_a_deletion_in_an_account_without_a_server_is_written_down_nowhere(tmp_path):
    store = MailStore(tmp_path / "mail", MeantDeletions(tmp_path / "sync"))
    store.create("home")
    store.folder("home").remove(store.folder("home").deliver(b"Subject: s\n\n").key)
    assert not (tmp_path / "sync").exists()


# ---- a drop


@pytest.fixture
def drop(tmp_path):
    desk = SyncDesk(tmp_path)
    inbox = desk.server.folders.pop(b"INBOX")
    desk.server.folders = {b"INBOX": inbox}
    desk.remote.abilities = Abilities(removes=True)
    desk.remote.lies = Lies(no_status=True)
    return desk


async def test_a_drop_hands_out_each_message_once_and_keeps_it(drop):
    sent = Counter(drop.fill(3))
    await drop.settle()
    (first, *_) = drop.files()
    drop.store.folder("work").move(first.key, drop.store.folder("work", "Archive"))
    drop.files()[0].path.unlink()
    drop.store.folder("work", "Sent").deliver(text(9), flags="S")
    await drop.settle()
    assert list(drop.changed_there()) == []
    assert (sum(drop.here().values()), sum(drop.here("Archive").values())) == (1, 1)
    assert drop.there() == sent


async def test_a_drop_that_lists_a_message_no_longer_removes_nothing_here(drop):
    sent = Counter(drop.fill(3))
    await drop.settle()
    drop.server.inbox.messages.clear()
    await drop.settle()
    assert drop.here() == sent
    assert drop.state.read("SELECT count(*) FROM message") == [(0,)]


async def test_a_message_stored_just_before_a_crash_is_not_fetched_twice(drop):
    sent = Counter(drop.fill(3))
    await drop.once()
    with drop.state.write():
        drop.state.execute("DELETE FROM message")
    await drop.once()
    assert drop.here() == sent
    assert [call for call in drop.remote.calls if call.startswith("fetch")] == []


async def test_a_drop_is_emptied_by_the_policy_of_the_account(drop):
    sent = Counter(drop.fill(3))
    drop.settings = SyncSettings("work", leave=1000.0)
    await drop.once()
    assert drop.there() == sent
    drop.now += 1000
    await drop.settle()
    assert (drop.there(), drop.here()) == (Counter(), sent)


async def test_messages_that_disappeared_here_are_not_deleted_in_the_drop_either(drop):
    sent = Counter(drop.fill(40))
    drop.settings = SyncSettings("work", leave=1000.0)
    await drop.once()
    for entry in drop.files()[:25]:
        entry.path.unlink()
    drop.now += 1000
    (asking,) = (await drop.once()).asking
    assert (asking.local, asking.reason) == ("Inbox", AskReason.MANY_HERE)
    assert drop.there() == sent
    answer(drop.state, "Inbox", SyncAnswer.KEEP)
    await drop.once()
    assert drop.here() == drop.there() == sent


async def test_abilities_are_those_of_a_drop_unless_said_otherwise():
    assert replace(Abilities()) == Abilities(
        mirrors=False, flags="", keywords=False, appends=False, moves=False, removes=False
    )
