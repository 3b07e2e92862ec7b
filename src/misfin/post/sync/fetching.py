"""Fetches new messages: newest first, stored durably in batches while the next one arrives.

A row is written once the file of its message is on disk. A crash in between leaves a file and a message on
the server that the next pass recognizes as the same. A large message is written as it comes, so memory stays
flat, and goes on where it stopped after a connection is lost.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from misfin.errors import StoreError
from misfin.files import sync_file
from misfin.post.source import Arrival
from misfin.post.sync.base import BaseRow, OperationKind, PendingOperation, SyncedFolder
from misfin.post.sync.batches import FIRST, LARGE, MOST, MOST_BYTES
from misfin.post.sync.identify import Facts, facts_of, facts_of_file
from misfin.post.sync.journal import begin, ended_there, forget_pieces, pieces, save_piece
from misfin.post.sync.keys import key_with, origin
from misfin.post.sync.lineends import store_file, stored
from misfin.post.sync.values import Fetched, FlagSet, Listed, NotFetched, Piece, Wanted
from misfin.post.sync.work import Work, chars_for
from misfin.valueclass import dataclass

_SAVED_EVERY: Final = 8 << 20
"""Bytes of a large message after which what has come is made durable."""


@dataclass(frozen=True, slots=True)
class _Come:
    """A message that has come whole: its bytes, or the file with them as they were sent."""

    listed: Listed
    flags: FlagSet
    received: float | None
    data: bytes = b""
    raw: Path | None = None


async def fetch(work: Work, folder: SyncedFolder, listed: Sequence[Listed]) -> None:
    """Fetch messages of one folder in this order, but large ones last.

    Raises :class:`~misfin.errors.RemoteError` if the connection fails, and
    :class:`~misfin.errors.StoreError` if the disk does; what was stored before stays.
    """
    begun = await asyncio.to_thread(pieces, work.state, folder.id)
    small = [each for each in listed if (each.size or 0) < LARGE]
    large = [each for each in listed if (each.size or 0) >= LARGE]
    wanted = [Wanted(each.id, each.size, _usable(begun.get(each.id))) for each in (*small, *large)]
    fetching = _Fetching(work, folder, {each.id: each for each in listed}, begun)
    arrived = work.remote.fetch(folder.remote, wanted)
    try:
        async for item in arrived:
            await fetching.take(item)
    finally:
        await fetching.close()


def known_of(facts: Facts, listed: Listed) -> Facts:
    """With its lasting id, and the size the server says, right or wrong: it says the same when it numbers
    everything again.
    """
    return facts._replace(size=listed.size or facts.size, lasting=listed.lasting)


def _usable(piece: tuple[str, int] | None) -> int:
    """How many bytes of a message are here from an earlier try."""
    if piece is None:
        return 0
    with suppress(OSError):
        if os.stat(piece[0]).st_size >= piece[1]:  # noqa: PTH116 - once for each
            return piece[1]
    return 0


class _Fetching:
    """The messages of one folder as they come; one batch is stored while the next comes."""

    def __init__(
        self, work: Work, folder: SyncedFolder, listed: dict[str, Listed], begun: dict[str, tuple[str, int]]
    ) -> None:
        self._work = work
        self._folder = folder
        self._listed = listed
        self._begun = begun
        self._batch: list[_Come] = []
        self._bytes = 0
        self._most = FIRST
        self._storing: asyncio.Task[None] | None = None
        self._large: _LargeFile | None = None

    async def take(self, item: Piece | Fetched | NotFetched) -> None:
        """Take what has come next."""
        listed = self._listed.get(item.id)
        if listed is None:
            return  # nobody asked for it
        if isinstance(item, Piece):
            large = self._large
            if large is None or large.remote_id != item.id:
                large = await self._begin_large(item.id)
            await asyncio.to_thread(large.write, item.data)
            return
        del self._listed[item.id]
        if isinstance(item, NotFetched):
            if not item.gone:
                await asyncio.to_thread(self._leave, listed, item.why)
            return
        flags = listed.flags if item.flags is None else item.flags
        received = item.received if item.received is not None else listed.received
        if (self._large and self._large.remote_id == item.id) or self._begun_usable(item.id):
            large = self._large or await self._begin_large(item.id)
            self._large = None
            await asyncio.to_thread(large.finish, item.data)
            self._batch.append(_Come(listed, flags, received, raw=large.path))
            await self._store()
            return
        self._batch.append(_Come(listed, flags, received, item.data))
        self._bytes += len(item.data)
        if len(self._batch) >= self._most or self._bytes >= MOST_BYTES:
            await self._store()

    def _begun_usable(self, remote_id: str) -> bool:
        return _usable(self._begun.get(remote_id)) > 0

    async def _begin_large(self, remote_id: str) -> _LargeFile:
        if self._large:
            self._large.close()
        self._large = await asyncio.to_thread(self._open_large, remote_id)
        return self._large

    def _open_large(self, remote_id: str) -> _LargeFile:
        known = self._begun.get(remote_id)
        start = _usable(known)
        if known is None or not start:
            (path,) = self._work.inbox.new_paths(self._work.account, self._folder.local)
            known = (str(path), 0)
        return _LargeFile(self._work, self._folder.id, remote_id, Path(known[0]), start)

    async def _store(self) -> None:
        """Begin to store the batch, once the one before it is."""
        batch, self._batch = self._batch, []
        self._bytes, self._most = 0, MOST
        await self._wait()
        if batch:
            self._storing = asyncio.create_task(asyncio.to_thread(self._store_now, batch))

    async def _wait(self) -> None:
        storing, self._storing = self._storing, None
        if storing:
            await storing

    async def close(self) -> None:
        """Store what has come, also when the connection was lost."""
        if self._large:
            await asyncio.to_thread(self._large.close)
        await self._store()
        await self._wait()
        if self._listed:  # the connection ended, or the server passed them over
            self._work.incomplete.add(self._folder.id)

    # ---- in a thread

    def _store_now(self, batch: Sequence[_Come]) -> None:
        work, folder = self._work, self._folder
        tags = {tag for each in batch for tag in each.flags.tags}
        chars = work.inbox.tag_flags(work.account, folder.local, tags) if tags else {}
        small = [each for each in batch if each.raw is None]
        data = [stored(each.data) for each in small]
        paths = work.inbox.write(work.account, folder.local, data, [each.received for each in small])
        facts = [facts_of(each) for each in data]
        for each in batch:
            if each.raw is not None:
                paths.append(self._store_large(each.raw, each.received))
                facts.append(facts_of_file(paths[-1]))
        come = [*small, *(each for each in batch if each.raw is not None)]
        epoch, raw = work.points[folder.id].epoch, folder.remote.raw
        arrivals = [
            Arrival(
                work.account,
                folder.local,
                path,
                chars_for(each.flags, chars),
                key_with(path.name, origin(raw, epoch, each.listed.id)),
            )
            for path, each in zip(paths, come, strict=True)
        ]
        now = work.now()
        ids = [each.listed.id for each in come]
        begun = [
            PendingOperation(0, OperationKind.STORE, folder.id, remote_id=each, facts=known, begun=now)
            for each, known in zip(ids, facts, strict=True)
        ]
        with work.state.write():
            ended_there(work.state, OperationKind.STORE, folder.id, ids)
            begin(work.state, begun)
        keys = work.inbox.deliver_many(arrivals)
        rows = [
            BaseRow(0, folder.id, each.listed.id, key, each.flags, known_of(known, each.listed), now)
            for each, key, known in zip(come, keys, facts, strict=True)
        ]
        with work.state.write():
            work.state.add(rows)
            ended_there(work.state, OperationKind.STORE, folder.id, ids)
            ended_there(work.state, OperationKind.FETCH, folder.id, ids)
            if len(small) < len(batch):
                forget_pieces(work.state, folder.id, ids)
        for each in batch:
            if each.raw is not None:
                each.raw.unlink(missing_ok=True)
        work.arrived += len(batch)
        work.on_arrival(len(batch))

    def _store_large(self, raw: Path, received: float | None) -> Path:
        (path,) = self._work.inbox.new_paths(self._work.account, self._folder.local)
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                store_file(raw, file)
                file.flush()
                sync_file(file.fileno())
            if received is not None:
                with suppress(OSError, OverflowError, ValueError):
                    os.utime(path, (received, received))
        except OSError as error:
            path.unlink(missing_ok=True)
            raise StoreError(f"A message could not be stored in {path}: {error.strerror}.") from error
        return path

    def _leave(self, listed: Listed, why: str) -> None:
        """Remember a message the server does not hand out; it is not asked for at every pass."""
        folder = self._folder
        with self._work.state.write():
            ended_there(self._work.state, OperationKind.FETCH, folder.id, [listed.id])
            step = PendingOperation(
                0, OperationKind.FETCH, folder.id, remote_id=listed.id, begun=self._work.now()
            )
            begin(self._work.state, [step])
        self._work.problems.append(f"A message in {folder.local} could not be fetched: {why}")


class _LargeFile:
    """A large message as it was sent, written piece by piece. Blocks."""

    def __init__(self, work: Work, folder: int, remote_id: str, path: Path, start: int) -> None:
        self.remote_id = remote_id
        self.path = path
        self._work = work
        self._folder = folder
        self._saved = self._size = start
        try:
            self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b")
            self._file.truncate(start)
            self._file.seek(start)
        except OSError as error:
            raise StoreError(f"A message could not be stored in {path}: {error.strerror}.") from error

    def write(self, data: bytes) -> None:
        """Write the next bytes; now and then, make durable how many there are."""
        try:
            self._file.write(data)
            self._size += len(data)
            if self._size - self._saved >= _SAVED_EVERY:
                self._save()
        except OSError as error:
            raise StoreError(f"A message could not be stored: {error.strerror}.") from error

    def finish(self, data: bytes) -> None:
        """Write the last bytes."""
        self.write(data)
        self._file.close()

    def close(self) -> None:
        """Stop in the middle, so that the rest can be fetched another time."""
        if not self._file.closed:
            with suppress(OSError):
                self._save()
            self._file.close()

    def _save(self) -> None:
        self._file.flush()
        sync_file(self._file.fileno())
        with self._work.state.write():
            save_piece(self._work.state, self._folder, self.remote_id, str(self.path), self._size)
        self._saved = self._size
