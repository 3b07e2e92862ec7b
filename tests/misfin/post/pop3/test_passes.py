"""A maildrop through whole passes: what names a message, what is left there, what is too large."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from poppass import Drop, DropDesk, pop_client
from syncdesk import text

from misfin.errors import RemoteError
from misfin.post.fetching.server_search import left_in_drop
from misfin.post.meant_deletions import MeantDeletions
from misfin.post.sync.left_there import left_on_server
from misfin.post.sync.opening import ask_for, opened
from misfin.post.sync.settings import SyncSettings

DAY = 86_400.0


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[DropDesk]:
    desk = DropDesk(tmp_path)
    desk.drop = Drop({f"id-{number}": text(number) for number in range(1, 4)})
    async with desk.drop.listening():
        yield desk


ALL = {text(number): 1 for number in range(1, 4)}


@pytest.mark.parametrize(
    "changes",
    [{}, {"uidl": False}, {"same": "x"}, {"same": "y" * 80}],
    ids=["usual", "no UIDL", "all one", "long"],
)
async def test_each_message_is_fetched_once_whatever_names_it(desk: DropDesk, changes: dict[str, object]):
    for name, value in changes.items():
        setattr(desk.drop, name, value)
    await desk.settle()
    assert desk.here() == ALL
    desk.drop.messages["id-9"] = text(9)
    del desk.drop.messages["id-1"]  # every number is another one now
    desk.drop.lines.clear()
    await desk.settle()
    assert desk.here() == {**ALL, text(9): 1}
    assert len([line for line in desk.drop.lines if line.startswith("RETR")]) == 1


async def test_small_messages_of_a_server_that_names_nothing_are_fetched_once(desk: DropDesk):
    desk.drop.uidl = desk.drop.top = False
    await desk.settle()
    await desk.settle()
    assert desk.here() == ALL
    assert len(desk.drop.messages) == 3


async def test_large_ones_are_not_fetched_again_and_again(desk: DropDesk):
    desk.drop.uidl = desk.drop.top = False
    desk.drop.messages["id-9"] = text(9, b"x" * 6_000_000)
    with pytest.raises(RemoteError, match="neither"):
        await desk.settle()
    assert desk.here() == {}
    assert len(desk.drop.messages) == 4


@pytest.mark.parametrize(
    ("leave", "after", "left"), [(None, 400, 3), (14 * DAY, 13, 3), (14 * DAY, 15, 0), (0.0, 0, 0)]
)
async def test_what_is_here_is_left_there_as_long_as_the_settings_say(
    desk: DropDesk, leave: float | None, after: int, left: int
):
    desk.settings = SyncSettings("work", leave=leave)
    await desk.settle()
    desk.now += after * DAY
    await desk.settle()
    assert len(desk.drop.messages) == left
    assert desk.here() == ALL


async def test_what_was_deleted_here_does_not_come_back(desk: DropDesk):
    await desk.settle()
    entry = desk.files()[0]
    MeantDeletions(desk.root / "sync")("work", "Inbox", [entry.key])
    desk.store.folder("work").remove(entry.key)
    await desk.settle()
    assert len(desk.files()) == 2
    assert len(desk.drop.messages) == 3


async def test_a_large_message_is_a_row_until_somebody_opens_it(desk: DropDesk):
    desk.settings = SyncSettings("work", fetch_up_to=1000)
    desk.drop.messages["id-5"] = text(5, b"x" * 5000)
    await desk.settle()
    assert desk.here() == ALL
    left = left_on_server(desk.state)
    async with pop_client(desk.drop) as remote:
        (message,) = (await left_in_drop(remote, left)).messages
    assert (message.subject, message.folder, message.size) == ("5", "Inbox", len(text(5, b"x" * 5000)))
    assert not [line for line in desk.drop.lines if line == "RETR 4"]
    ask_for(desk.state, message.folder, message.epoch, message.id, message.size, desk.now)
    await desk.settle()
    assert opened(desk.state, "Inbox", message.id)
    assert desk.here() == {**ALL, text(5, b"x" * 5000): 1}
    assert left_on_server(desk.state) == {}


async def test_a_large_message_that_was_not_opened_is_never_deleted_there(desk: DropDesk):
    desk.settings = SyncSettings("work", fetch_up_to=1000, leave=0.0)
    desk.drop.messages["id-5"] = text(5, b"x" * 5000)
    await desk.settle()
    assert list(desk.drop.messages) == ["id-5"]
