"""Sources hand messages over through one inbox: durable when it returns, whole or not at all."""

from __future__ import annotations

import asyncio
import os
import stat
from contextlib import suppress
from pathlib import Path

import pytest

from misfin.errors import StoreError
from misfin.model.account import Account, Kind
from misfin.model.folders import FOLDERS, HELD, INBOX
from misfin.post.inbox import LocalInbox
from misfin.post.source import (
    WORST_FIRST,
    Arrival,
    Inbox,
    Report,
    SourceState,
    SourceStatus,
    worst,
)
from misfin.store.mail import maildir_writing
from misfin.store.mail.maildir import MailStore

ME = "ada@mail.example"


@pytest.fixture
def store(tmp_path: Path) -> MailStore:
    return MailStore(tmp_path / "mail")


@pytest.fixture
def inbox(store: MailStore) -> LocalInbox:
    return LocalInbox(store)


def contents(store: MailStore, folder: str, account: str = ME) -> list[bytes]:
    return sorted(entry.path.read_bytes() for entry in store.folder(account, folder).list())


def unfinished(store: MailStore) -> list[Path]:
    return [path for path in store.root.rglob("tmp/*") if path.is_file()]


class Spool:
    """The source in the documentation of misfin.post.source, as it stands there."""

    def __init__(self, account: Account, folder: Path) -> None:
        self.account, self.folder = account, folder

    async def once(self, inbox: Inbox) -> Report:
        return await asyncio.to_thread(self._collect, inbox)

    async def run(self, inbox: Inbox, stop: asyncio.Event) -> None:
        inbox.report(SourceStatus(self.account.name, SourceState.RUNNING, "watching the spool"))
        while not stop.is_set():
            await self.once(inbox)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 60)
        inbox.report(SourceStatus(self.account.name, SourceState.STOPPED, "not watching"))

    def _collect(self, inbox: Inbox) -> Report:
        waiting = sorted(self.folder.iterdir())
        for file in waiting:
            inbox.file(self.account.directory, INBOX, [file.read_bytes()])
            file.unlink()  # only now: the message is safe
        return Report(len(waiting))


def test_the_example_in_the_documentation_is_the_one_tested_here():
    import inspect

    from misfin.post import source

    shown = inspect.cleandoc(source.__doc__ or "")
    lines = inspect.getsource(Spool).splitlines()
    for line in lines[3:]:
        assert line.strip() in shown, line


async def test_the_example_delivers_and_says_how_it_is(store, tmp_path):
    told: list[SourceStatus] = []
    inbox, spool = LocalInbox(store, told.append), tmp_path / "spool"
    spool.mkdir()
    (spool / "1").write_bytes(b"Subject: one\n\n")
    source = Spool(Account("work", Kind.EMAIL, "ada@example.org"), spool)
    stop = asyncio.Event()
    running = asyncio.create_task(source.run(inbox, stop))
    while list(spool.iterdir()):
        await asyncio.sleep(0.01)
    stop.set()
    await running
    assert contents(store, INBOX, "work") == [b"Subject: one\n\n"]
    assert [(status.account, status.state) for status in told] == [
        ("work", SourceState.RUNNING),
        ("work", SourceState.STOPPED),
    ]
    (spool / "2").write_bytes(b"Subject: two\n\n")
    assert await source.once(inbox) == Report(1)


def test_a_message_written_piece_by_piece_is_filed_with_its_flags(store, inbox):
    (path,) = inbox.new_paths(ME, "Lists/Crew")
    with path.open("wb") as file:
        for _ in range(3):
            file.write(b"x" * 1000)
        os.fsync(file.fileno())
    key = inbox.deliver(Arrival(ME, "Lists/Crew", path, flags="S"))
    entry = store.folder(ME, "Lists/Crew").find(key)
    assert entry is not None
    assert (entry.flags, entry.subdir) == ("S", "cur")
    assert entry.path.stat().st_size == 3000
    assert set(store.folders(ME)) == {*FOLDERS, "Lists/Crew"}


def test_a_named_message_delivered_again_is_one_file(store, inbox):
    for _ in range(2):
        (path,) = inbox.write(ME, INBOX, [b"same"])
        assert inbox.deliver(Arrival(ME, INBOX, path, key="1795958824.UID7")) == "1795958824.UID7"
    assert contents(store, INBOX) == [b"same"]


def test_messages_for_several_folders_come_back_in_their_order(store, inbox):
    (held,) = inbox.write(ME, HELD, [b"held"])
    one, two = inbox.write(ME, INBOX, [b"one", b"two"])
    arrivals = [Arrival(ME, INBOX, one), Arrival(ME, HELD, held), Arrival(ME, INBOX, two)]
    keys = inbox.deliver_many(arrivals)
    found = [store.folder(ME, each.folder).read(key) for each, key in zip(arrivals, keys, strict=True)]
    assert found == [b"one", b"held", b"two"]
    assert unfinished(store) == []


def test_messages_in_memory_are_filed_in_one_go(store, inbox):
    keys = inbox.file(ME, HELD, [b"one", b"two"])
    assert [store.folder(ME, HELD).read(key) for key in keys] == [b"one", b"two"]
    assert unfinished(store) == []


@pytest.mark.parametrize("step", ["write_new", "sync_folder"])
def test_of_messages_in_memory_all_are_filed_or_none(step, store, inbox, monkeypatch):
    def full(*_args):
        raise OSError(28, "No space left on device")

    inbox.new_paths(ME, INBOX)
    monkeypatch.setattr(maildir_writing, step, full)
    with pytest.raises(StoreError, match="No space"):
        inbox.file(ME, INBOX, [b"one", b"two"])
    assert contents(store, INBOX) == unfinished(store) == []


def test_files_are_private_and_nothing_is_seen_before_it_is_delivered(store, inbox):
    (path,) = inbox.write(ME, INBOX, [b"secret"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert contents(store, INBOX) == []


def test_a_disk_that_refuses_leaves_nothing_of_the_messages(store, inbox, monkeypatch):
    paths = inbox.write(ME, INBOX, [b"one", b"two"]) + inbox.write(ME, HELD, [b"three"])
    arrivals = [Arrival(ME, folder, path) for folder, path in zip((INBOX, INBOX, HELD), paths, strict=True)]
    real, done = os.rename, []

    def full(source, target):
        if done:
            raise OSError(28, "No space left on device")
        done.append(target)
        real(source, target)

    monkeypatch.setattr(maildir_writing.os, "rename", full)
    with pytest.raises(StoreError, match="No space"):
        inbox.deliver_many(arrivals)
    monkeypatch.undo()
    assert contents(store, INBOX) == contents(store, HELD) == unfinished(store) == []


def test_messages_that_cannot_be_written_leave_nothing(store, inbox, monkeypatch):
    def full(_files):
        list(_files)
        raise OSError(28, "No space left on device")

    inbox.new_paths(ME, INBOX)
    monkeypatch.setattr(maildir_writing, "write_new", full)
    with pytest.raises(StoreError, match="No space"):
        inbox.write(ME, INBOX, [b"one"])
    assert unfinished(store) == []


def test_an_account_whose_mail_was_moved_away_gets_its_folders_again(store, inbox):
    inbox.new_paths(ME, INBOX)
    (store.root / ME).rename(store.root.parent / "elsewhere")
    (path,) = inbox.write(ME, INBOX, [b"one"])
    inbox.deliver(Arrival(ME, INBOX, path))
    assert store.folders(ME) == list(FOLDERS)
    (store.root / ME).rename(store.root.parent / "elsewhere too")
    inbox.file(ME, INBOX, [b"two"])
    assert store.folders(ME) == list(FOLDERS)
    assert contents(store, INBOX) == [b"two"]


def test_the_worst_state_is_shown():
    states = [SourceStatus(state.value, state, "") for state in SourceState]
    for at, expected in enumerate(WORST_FIRST):
        found = worst(reversed(states[at:]))
        assert found is not None
        assert found.state is expected
    assert worst([]) is None
