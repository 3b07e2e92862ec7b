"""Following a file: its changes are noticed, those of its neighbours are not."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from misfin_tui.services import following as module
from misfin_tui.services.following import changes, changes_in


async def until_noticed(path: Path, text: str) -> None:
    """Write until it is noticed: watching begins in a thread, and what comes before is not seen."""
    following = changes(path)
    task = asyncio.ensure_future(anext(following))
    async with asyncio.timeout(60):
        while not task.done():
            path.write_text(text)
            await asyncio.wait([task], timeout=0.3)
    await task
    await following.aclose()


def followers() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "follow"]


async def test_a_change_is_noticed_and_the_thread_ends_with_the_iteration(tmp_path):
    await until_noticed(tmp_path / "config.toml", "a")
    async with asyncio.timeout(60):
        while followers():
            await asyncio.sleep(0.02)


async def test_a_file_put_in_its_place_is_noticed(tmp_path):
    path, new = tmp_path / "config.toml", tmp_path / "new"
    path.write_text("old")
    following = changes(path)
    task = asyncio.ensure_future(anext(following))
    async with asyncio.timeout(60):
        while not task.done():
            new.write_text("new")
            new.replace(path)
            await asyncio.wait([task], timeout=0.3)
    await following.aclose()


async def test_a_neighbour_that_changes_is_not_reported(tmp_path):
    following = changes(tmp_path / "config.toml")
    task = asyncio.ensure_future(anext(following))
    for number in range(10):
        (tmp_path / "other.toml").write_text(str(number))
        await asyncio.wait([task], timeout=0.1)
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("what", ["the file", "a folder with it"])
async def test_what_is_written_while_watching_begins_is_noticed(tmp_path, monkeypatch, what):
    path, begin = tmp_path / "config.toml", module._watcher
    path.write_text("old")

    def late(folder: Path) -> object:
        path.write_text("new and longer")
        return begin(folder)

    monkeypatch.setattr(module, "_watcher", late)
    following = changes(path) if what == "the file" else changes_in(tmp_path)
    async with asyncio.timeout(60):
        await anext(following)
    await following.aclose()


async def test_a_folder_that_is_missing_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        await anext(changes(tmp_path / "none" / "config.toml"))


async def test_a_folder_is_followed_with_all_that_is_in_it(tmp_path):
    following = changes_in(tmp_path)
    await anext(following)  # it is watched from now on
    task = asyncio.ensure_future(anext(following))
    async with asyncio.timeout(60):
        while not task.done():
            (tmp_path / "work.db-wal").write_text("a")
            await asyncio.wait([task], timeout=0.3)
    await task
    await following.aclose()
