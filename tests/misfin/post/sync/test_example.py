"""The remote in the documentation of misfin.post.sync.remote, as it stands there, works."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from syncdesk import SyncDesk, text

from misfin.post.sync import remote
from misfin.post.sync.remote import Arrived, OneWay, Remote
from misfin.post.sync.values import (
    Abilities,
    Fetched,
    Listed,
    NotFetched,
    RemoteFolder,
    Role,
    Seen,
    SyncPoint,
    Wanted,
)


class Spool(OneWay):
    abilities = Abilities()

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def folders(self) -> list[RemoteFolder]:
        return [RemoteFolder(b"INBOX", "INBOX", Role.INBOX)]

    async def look(self, folder: RemoteFolder, base: SyncPoint, *, dates: bool = False) -> Seen:
        names = await asyncio.to_thread(lambda: sorted(path.name for path in self.folder.glob("*.eml")))
        return Seen(SyncPoint(count=len(names)), [Listed(name) for name in names], present=set(names))

    async def fetch(self, folder: RemoteFolder, wanted: Sequence[Wanted]) -> AsyncIterator[Arrived]:
        for each in wanted:
            try:
                data = await asyncio.to_thread((self.folder / each.id).read_bytes)
            except FileNotFoundError:
                yield NotFetched(each.id, "The file is gone.", gone=True)
            else:
                yield Fetched(each.id, data)


def test_the_example_in_the_documentation_is_the_one_tested_here():
    shown = inspect.cleandoc(remote.__doc__ or "")
    for line in inspect.getsource(Spool).splitlines():
        assert line.strip() in shown, line


async def test_the_example_hands_out_each_message_once(tmp_path):
    folder = tmp_path / "spool"
    folder.mkdir()
    desk = SyncDesk(tmp_path / "profile")
    spool: Remote = Spool(folder)
    spool.calls = []
    desk.remote = spool
    for number in range(3):
        (folder / f"{number}.eml").write_bytes(text(number))
    assert (await desk.once()).arrived == 3
    assert (await desk.once()).arrived == 0
    (folder / "1.eml").unlink()
    (folder / "9.eml").write_bytes(text(9))
    assert (await desk.once()).arrived == 1
    assert sorted(desk.here()) == [text(0), text(1), text(2), text(9)]
