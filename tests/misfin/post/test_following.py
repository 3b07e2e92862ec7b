"""What a person's commands change counts for the very next message, and nothing is looked at for nothing."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from contextlib import closing

import pytest

from misfin.errors import StoreError
from misfin.post.following import FollowedFiles, Following, database_paths
from misfin.store.database import Database

LONG_AGO = time.time() - 3600


class Reader:
    """Counts how often the files were read, and can fail, or take its time."""

    def __init__(self, *paths) -> None:
        self.count = 0
        self.error: Exception | None = None
        self.going = asyncio.Event()
        self.going.set()
        self.following = Following([FollowedFiles(paths, self.read)])

    async def read(self) -> None:
        self.count += 1
        await self.going.wait()
        if self.error is not None:
            raise self.error

    async def ask(self) -> int:
        if (news := self.following.outdated()) is not None:
            await news
        return self.count


def old(path) -> None:
    os.utime(path, (LONG_AGO, LONG_AGO))


async def test_a_file_that_has_not_changed_is_not_read_again(tmp_path):
    old(tmp_path)
    reader = Reader(tmp_path, tmp_path / "missing")
    assert [await reader.ask() for _ in range(3)] == [1, 1, 1]
    (tmp_path / "missing").write_text("now there")
    assert await reader.ask() == 2


async def test_a_change_right_after_another_is_seen_although_the_times_may_be_equal(tmp_path, monkeypatch):
    reader = Reader(tmp_path)
    now = time.time()
    monkeypatch.setattr(time, "time_ns", lambda: int(now * 1e9) + 1_000_000)  # all within a millisecond
    for count in range(1, 4):
        os.utime(tmp_path, (now, now))
        assert await reader.ask() == count


async def test_what_changes_while_it_is_read_is_read_again_for_whoever_asks_then(tmp_path):
    old(tmp_path)
    reader = Reader(tmp_path)
    reader.going.clear()
    first = asyncio.create_task(reader.ask())
    while not reader.count:
        await asyncio.sleep(0)
    (tmp_path / "later").write_text("x")
    second = asyncio.create_task(reader.ask())
    await asyncio.sleep(0)
    reader.going.set()
    assert (await first, await second) == (1, 2)


@pytest.mark.parametrize("error", [StoreError("The disk is gone."), RuntimeError("a bug")])
async def test_what_cannot_be_read_is_logged_once_and_nobody_has_to_wait_for_it(tmp_path, caplog, error):
    old(tmp_path)
    reader = Reader(tmp_path)
    reader.error = error
    assert [await reader.ask() for _ in range(3)] == [1, 1, 1]
    assert len(caplog.records) == 1


async def test_the_thorough_look_reads_whatever_the_times_say(tmp_path):
    old(tmp_path)
    reader = Reader(tmp_path)
    watching = asyncio.create_task(reader.following.watch(0.01))
    async with asyncio.timeout(30):
        while reader.count < 3:
            await asyncio.sleep(0.01)
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching


async def test_every_commit_of_another_process_to_a_database_is_seen(tmp_path):
    path = tmp_path / "hosting.db"
    reader = Reader(*database_paths(path))
    assert await reader.ask() == 1
    database = Database(path, "A test", [["CREATE TABLE t (x)"]])
    assert await reader.ask() == 2
    for number in range(3, 30):
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("INSERT INTO t VALUES (1)")
            assert await reader.ask() == number
    database.close()
