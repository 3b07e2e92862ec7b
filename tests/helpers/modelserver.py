"""A mailbox on a server, in memory: epochs, ids, a count of changes, and the lies that real servers tell."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from misfin.post.sync.identify import header_block, message_id
from misfin.post.sync.remote import Arrived, FolderGoneError, StepRefusedError
from misfin.post.sync.values import (
    LOCAL_NAMES,
    NO_FLAGS,
    Abilities,
    Addition,
    Fetched,
    FlagSet,
    Listed,
    MessageHead,
    NotFetched,
    Piece,
    RemoteFolder,
    Role,
    Seen,
    SyncPoint,
    Wanted,
)

ALL = Abilities(
    mirrors=True,
    flags="DFPRST",
    keywords=True,
    appends=True,
    moves=True,
    removes=True,
    folders=True,
    changes_since=True,
)


_NUMBERS = itertools.count(1)


@dataclass
class ModelMessage:
    data: bytes
    flags: FlagSet = NO_FLAGS
    received: float = 0.0
    modseq: int = 0
    lasting: str = ""
    """Its id in whatever folder."""


@dataclass
class ModelFolder:
    raw: bytes
    role: Role = Role.NONE
    epoch: int = 1
    next: int = 1
    modseq: int = 1
    messages: dict[int, ModelMessage] = field(default_factory=dict)
    vanished: list[tuple[int, int]] = field(default_factory=list)
    """(modseq, uid) of each that was deleted."""

    def add(self, data: bytes, flags: FlagSet = NO_FLAGS, received: float = 0.0, lasting: str = "") -> int:
        uid, self.next = self.next, self.next + 1
        self.modseq += 1
        self.messages[uid] = ModelMessage(data, flags, received, self.modseq, lasting or str(next(_NUMBERS)))
        return uid

    def remove(self, uid: int) -> ModelMessage:
        self.modseq += 1
        self.vanished.append((self.modseq, uid))
        return self.messages.pop(uid)

    def flag(self, uid: int, flags: FlagSet) -> None:
        self.modseq += 1
        self.messages[uid].flags = flags
        self.messages[uid].modseq = self.modseq

    def renumber(self, epoch: int) -> None:
        """What a server does that lost its list of ids."""
        messages = list(self.messages.values())
        self.epoch, self.next, self.messages, self.vanished = epoch, 1, {}, []
        for message in messages:
            self.add(message.data, message.flags, message.received, message.lasting)

    @property
    def point(self) -> SyncPoint:
        return SyncPoint(str(self.epoch), self.next, self.modseq, len(self.messages))


class ModelServer:
    """The server; other clients change it through its folders."""

    def __init__(self) -> None:
        self.folders = {
            b"INBOX": ModelFolder(b"INBOX", Role.INBOX),
            **{
                role.value.encode(): ModelFolder(role.value.encode(), role)
                for role in LOCAL_NAMES
                if role is not Role.INBOX
            },
        }
        self.epochs = itertools.count(100)

    def __getitem__(self, name: bytes) -> ModelFolder:
        return self.folders[name]

    @property
    def inbox(self) -> ModelFolder:
        return self.folders[b"INBOX"]

    def move(self, uid: int, source: bytes, to: bytes) -> int:
        message = self.folders[source].remove(uid)
        return self.folders[to].add(message.data, message.flags, message.received, message.lasting)


@dataclass
class Lies:
    """What a server does wrong."""

    no_append_id: bool = False
    no_move_ids: bool = False
    sizes_wrong: bool = False
    no_status: bool = False
    no_search: bool = False
    never_fetched: set[bytes] = field(default_factory=set)
    """Contents it lists and does not hand out."""


class ModelRemote:
    """A connection to a :class:`ModelServer`. ``tick`` is called before and after whatever happens there."""

    def __init__(
        self,
        server: ModelServer,
        abilities: Abilities = ALL,
        tick: Callable[[str], None] = lambda _what: None,
        lies: Lies | None = None,
        *,
        lasting: bool = False,
    ) -> None:
        self.server = server
        self.abilities = abilities
        self.tick = tick
        self.lies = lies or Lies()
        self.lasting = lasting
        """Whether it says ids that a message has in whatever folder, and in each of several."""
        self.calls: list[str] = []

    def _folder(self, folder: RemoteFolder) -> ModelFolder:
        if folder.raw not in self.server.folders:
            raise FolderGoneError(f"There is no folder {folder.name}.")
        return self.server.folders[folder.raw]

    def _point(self, folder: ModelFolder) -> SyncPoint:
        point = folder.point
        return point if self.abilities.changes_since else SyncPoint(point.epoch, point.next, 0, point.count)

    def _does(self, what: str) -> None:
        self.calls.append(what)
        self.tick(what)

    async def folders(self) -> Sequence[RemoteFolder]:
        self._does("folders")
        return [
            RemoteFolder(
                folder.raw,
                folder.raw.decode("utf-8", "replace"),
                folder.role,
                status=None if self.lies.no_status else self._point(folder),
            )
            for folder in self.server.folders.values()
        ]

    def _size(self, message: ModelMessage) -> int:
        return len(message.data) + (7 if self.lies.sizes_wrong else 0)

    async def look(self, folder: RemoteFolder, base: SyncPoint, *, dates: bool = False) -> Seen:
        self._does(f"look {folder.name}")
        there = self._folder(folder)
        since = base.modseq if self.abilities.changes_since and base.epoch == str(there.epoch) else 0
        listed = [
            Listed(
                str(uid),
                message.flags,
                self._size(message),
                message.received,
                message.lasting if self.lasting else "",
            )
            for uid, message in there.messages.items()
            if message.modseq > since
        ]
        if since:
            gone = [str(uid) for modseq, uid in there.vanished if modseq > since]
            return Seen(self._point(there), listed, gone)
        return Seen(self._point(there), listed, present=set(map(str, there.messages)))

    async def fetch(self, folder: RemoteFolder, wanted: Sequence[Wanted]) -> AsyncIterator[Arrived]:
        there = self._folder(folder)
        for each in wanted:
            self._does(f"fetch {folder.name}")
            message = there.messages.get(int(each.id))
            if message is None:
                yield NotFetched(each.id, "It is gone.", gone=True)
                continue
            if message.data in self.lies.never_fetched:
                yield NotFetched(each.id, "Server error.")
                continue
            data = message.data[each.start :]
            while len(data) > 1 << 20:
                yield Piece(each.id, data[: 1 << 20])
                data = data[1 << 20 :]
                self.tick("piece")
            yield Fetched(each.id, data, message.flags, message.received)

    async def heads(self, folder: RemoteFolder, ids: Sequence[str] | None) -> Sequence[MessageHead]:
        self._does(f"heads {folder.name}")
        there = self._folder(folder)
        wanted = there.messages if ids is None else [int(each) for each in ids if int(each) in there.messages]
        return [
            MessageHead(
                str(uid),
                header_block(there.messages[uid].data) + b"\r\n\r\n",
                self._size(there.messages[uid]),
            )
            for uid in wanted
        ]

    async def search(self, folder: RemoteFolder, message_id_: str) -> Sequence[str] | None:
        self._does(f"search {folder.name}")
        if self.lies.no_search:
            return None
        return [
            str(uid)
            for uid, message in self._folder(folder).messages.items()
            if message_id(header_block(message.data)) == message_id_
        ]

    async def append(self, folder: RemoteFolder, addition: Addition) -> str:
        self._does(f"append {folder.name}")
        data = b"".join([piece async for piece in addition.pieces()])
        assert len(data) == addition.size
        there = self._folder(folder)
        uid = there.add(data, addition.flags, addition.received or 0.0)
        self.tick("appended")
        return "" if self.lies.no_append_id else str(uid)

    async def move(self, folder: RemoteFolder, ids: Sequence[str], to: RemoteFolder) -> Mapping[str, str]:
        self._does(f"move {folder.name} {to.name}")
        there = self._folder(folder)
        if to.raw not in self.server.folders:
            raise StepRefusedError("There is no such folder.")
        moved = {}
        for each in ids:
            if int(each) in there.messages:
                moved[each] = str(self.server.move(int(each), folder.raw, to.raw))
        self.tick("moved")
        return dict.fromkeys(moved, "") if self.lies.no_move_ids else moved

    async def flag(
        self, folder: RemoteFolder, ids: Sequence[str], add: FlagSet, remove: FlagSet, *, modseq: int = 0
    ) -> Collection[str]:
        self._does(f"flag {folder.name}")
        there = self._folder(folder)
        lost = []
        for each in ids:
            message = there.messages.get(int(each))
            if message is None:
                continue
            if modseq and message.modseq > modseq:
                lost.append(each)
                continue
            chars = (set(message.flags.chars) | set(add.chars)) - set(remove.chars)
            tags = (message.flags.tags | add.tags) - remove.tags
            there.flag(int(each), FlagSet("".join(sorted(chars)), tags))
        self.tick("flagged")
        return lost

    async def remove(self, folder: RemoteFolder, ids: Sequence[str]) -> Collection[str]:
        self._does(f"remove {folder.name}")
        there = self._folder(folder)
        done = [each for each in ids if int(each) in there.messages]
        for each in done:
            there.remove(int(each))
        self.tick("removed")
        return done

    async def create(self, name: str, role: Role = Role.NONE) -> RemoteFolder:
        self._does(f"create {name}")
        raw = name.encode()
        if raw not in self.server.folders:
            self.server.folders[raw] = ModelFolder(raw, role, epoch=next(self.server.epochs))
        return RemoteFolder(raw, name, role)

    async def rename(self, folder: RemoteFolder, name: str) -> RemoteFolder:
        self._does(f"rename {folder.name}")
        self._folder(folder)
        raw = name.encode()
        if raw in self.server.folders:
            raise StepRefusedError("There is such a folder.")
        for each in list(self.server.folders.values()):  # what is inside it follows (RFC 3501 §6.3.5)
            if each.raw == folder.raw or each.raw.startswith(folder.raw + b"/"):
                del self.server.folders[each.raw]
                each.raw = raw + each.raw[len(folder.raw) :]
                self.server.folders[each.raw] = each
        self.tick("renamed")
        return RemoteFolder(raw, name, folder.role)
