"""A POP3 maildrop as the sync planner sees it: one folder, without flags, that hands out messages."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Final

from misfin.email import pop3
from misfin.email.mailline import MailServerError
from misfin.email.pop3 import commands
from misfin.email.pop3line import Pop3Line
from misfin.post.pop3.ids import digest_ids, good_ids
from misfin.post.sync.batches import LARGE
from misfin.post.sync.identify import HEAD_LIMIT, header_block
from misfin.post.sync.remote import Arrived, OneWay, StepRefusedError
from misfin.post.sync.values import (
    Abilities,
    Fetched,
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

_AHEAD: Final = 64
"""Messages asked for before the first of them has come. The engine sends 32 of them, and one by one without
PIPELINING; the others wait so that it has more to send at once.
"""
_READ_WHOLE: Final = 5 << 20
"""Bytes of all messages up to which each is read whole to know it again, where a server has nothing else."""
_TEMPORARY: Final = frozenset({"SYS/TEMP", "IN-USE"})
_DROP: Final = RemoteFolder(b"INBOX", "INBOX", Role.INBOX, uploads=False)


class Pop3Remote(OneWay):
    """One connection to a maildrop. Numbers of messages hold for this connection only.

    After :meth:`remove` the connection is over: what is deleted is so only by its end.
    """

    def __init__(self, line: Pop3Line) -> None:
        self.abilities = Abilities(removes=True)
        self._line = line
        self._numbers: dict[str, int] = {}
        self._sizes: dict[int, int] = {}

    async def folders(self) -> Sequence[RemoteFolder]:
        """See :meth:`misfin.post.sync.remote.Remote.folders`."""
        return [_DROP]

    async def look(self, folder: RemoteFolder, base: SyncPoint, *, dates: bool = False) -> Seen:
        """See :meth:`misfin.post.sync.remote.Remote.look`: everything is listed, with sizes."""
        if not self._numbers:
            await self._line.known()
            self._sizes = await self._listing()
            ids = await self._ids()
            self._numbers = {each: number for number, each in ids.items()}
        listed = [Listed(each, size=self._sizes.get(number)) for each, number in self._numbers.items()]
        return Seen(SyncPoint(count=len(listed)), listed, present=set(self._numbers))

    async def _listing(self) -> dict[int, int]:
        done = await self._line.call(commands.sizes())
        if not done.ok or not isinstance(done.value, dict):
            raise MailServerError("The server does not list its messages", done.text, code=done.code)
        return dict(done.value)

    async def _ids(self) -> dict[int, str]:
        """What each message is known by. Raises :class:`~misfin.email.mailline.MailServerError`."""
        found: dict[int, bytes] = {}
        capabilities = self._line.engine.capabilities
        if not capabilities or "UIDL" in capabilities:  # without CAPA it may have it all the same
            done = await self._line.call(commands.unique_ids())
            if done.ok and isinstance(done.value, dict):
                found = dict(done.value)
        ids = good_ids({number: found.get(number, b"") for number in self._sizes}) if found else {}
        rest = [number for number in self._sizes if number not in ids]
        if rest:
            heads = await self._heads(rest) or await self._heads(rest, whole=True)
            ids |= digest_ids(heads or {})
        return dict(sorted(ids.items()))

    async def heads_of(self, ids: Sequence[str]) -> list[MessageHead]:
        """The header blocks of these messages, by TOP; those that are not there are left out.

        After :meth:`look`. Raises :class:`~misfin.errors.RemoteError`.
        """
        wanted = {self._numbers[each]: each for each in ids if each in self._numbers}
        heads = await self._heads(list(wanted)) or {}
        return [MessageHead(wanted[number], head, size) for number, (head, size) in heads.items()]

    async def _heads(
        self, numbers: Sequence[int], *, whole: bool = False
    ) -> dict[int, tuple[bytes, int]] | None:
        """Header block and size of each message; None if there is no TOP. ``whole``: by reading all of it.

        Raises :class:`~misfin.email.mailline.MailServerError` where reading them whole would be too much.
        """
        total = sum(self._sizes[number] for number in numbers)
        if whole and total > _READ_WHOLE:
            raise MailServerError(
                "The server has neither unique ids (UIDL) nor headers (TOP), and its messages are too large"
                " to read all of them each time",
                remedy="Use IMAP if the provider has it, or delete messages there.",
            )
        tags: dict[int, int] = {}
        refused = False
        heads: dict[int, bytearray] = {number: bytearray() for number in numbers}
        waiting = deque(numbers)
        while waiting or tags:
            while waiting and len(tags) < _AHEAD:
                number = waiting.popleft()
                size = self._sizes[number]
                command = (
                    commands.retr(number, size=size)
                    if whole
                    else commands.top(number, max_bytes=64 * HEAD_LIMIT)
                )
                tags[self._line.send(command)] = number
            for event in await self._line.events():
                match event:
                    case pop3.MessagePiece(number=number, data=data):
                        if len(heads[number]) < HEAD_LIMIT:
                            heads[number] += data
                    case pop3.Answered() if event.tag in tags:
                        del tags[event.tag]
                        refused = refused or not event.ok
                        if refused and whole:
                            raise MailServerError("The server refused a message", event.text, code=event.code)
                        if refused:
                            waiting.clear()
                    case pop3.Dropped():
                        raise self._line.dropped(event)
        if refused:
            return None
        return {
            number: (header_block(bytes(head[:HEAD_LIMIT])), self._sizes[number])
            for number, head in heads.items()
        }

    # ---- messages

    async def fetch(self, folder: RemoteFolder, wanted: Sequence[Wanted]) -> AsyncIterator[Arrived]:
        """See :meth:`misfin.post.sync.remote.Remote.fetch`."""
        waiting = deque(wanted)
        flight: dict[int, Wanted] = {}
        coming = _Coming()
        try:
            while waiting or flight:
                while waiting and len(flight) < _AHEAD:
                    one = waiting.popleft()
                    number = self._numbers.get(one.id)
                    if number is None:
                        yield NotFetched(one.id, "It is no longer there.", gone=True)
                        continue
                    command = commands.retr(number, size=self._sizes.get(number))
                    flight[self._line.send(command, soon=True)] = one
                self._line.flush()
                for event in await self._line.events() if flight else ():
                    match event:
                        case pop3.MessagePiece(tag=tag, data=data) if tag in flight:
                            if piece := coming.add(flight[tag], data):
                                yield Piece(flight[tag].id, piece)
                        case pop3.Answered() if event.tag in flight:
                            one = flight.pop(event.tag)
                            if event.ok:
                                yield Fetched(one.id, coming.rest())
                            elif event.code in _TEMPORARY:
                                raise MailServerError("A message was refused", event.text, code=event.code)
                            else:
                                yield NotFetched(one.id, event.text[:200] or "The server refused it.")
                        case pop3.Dropped():
                            raise self._line.dropped(event)
        finally:
            if flight:  # nobody listens to the rest: it must not be taken for an answer
                self._line.connection.abort()

    async def remove(self, folder: RemoteFolder, ids: Sequence[str]) -> Collection[str]:
        """See :meth:`misfin.post.sync.remote.Remote.remove`; only the OK of QUIT makes it real."""
        there = [each for each in ids if each in self._numbers]
        if not there:
            return ()
        done = await self._line.calls([commands.dele(self._numbers[each]) for each in there])
        marked = [each for each, answer in zip(there, done, strict=True) if answer.ok]
        if not marked:
            raise StepRefusedError(done[0].text[:200] or "The server deletes nothing.")
        goodbye = await self._line.call(commands.quit_())
        await self._line.connection.close()
        return marked if goodbye.ok else ()


class _Coming:
    """The bytes of the message that comes now, a mebibyte at most."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._skipped = 0

    def add(self, wanted: Wanted, data: bytes) -> bytes:
        """Take some; returns a piece once there is enough for one. What is here from before is skipped."""
        skip = min(max(0, wanted.start - self._skipped), len(data))
        self._skipped += skip
        self._data += data[skip:]
        if len(self._data) < LARGE:
            return b""
        piece = bytes(self._data[:LARGE])
        del self._data[:LARGE]
        return piece

    def rest(self) -> bytes:
        """What is left at the end of a message."""
        data = bytes(self._data)
        self._data.clear()
        self._skipped = 0
        return data
