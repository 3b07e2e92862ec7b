"""Waits on an IMAP connection until something changes on the server: with NOTIFY or IDLE, or neither.

What a server says only means: look. A pass (docs/sync.md) is what finds out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import Enum
from typing import Final

from misfin.email import imap
from misfin.email.imap import commands
from misfin.post.imap.folders import NO_FOLDER, point_of
from misfin.post.imap.session import ImapSession
from misfin.post.sync.values import RemoteFolder, SyncPoint

ANSWERS_WITHIN: Final = 10.0
"""Seconds within which a working connection answers."""
_CHANGES = (imap.Exists, imap.Expunged, imap.Vanished, imap.Fetch)


class Means(Enum):
    """How a server reports changes."""

    NOTIFY = "notify"
    """By itself and of every folder (RFC 5465)."""
    IDLE = "idle"
    """By itself, and of one folder (RFC 2177)."""
    ASKING = "asking"
    """Neither: it has to be asked."""


class ServerWatch:
    """A wait for changes on one connection: :meth:`begin`, :meth:`changes` again and again, :meth:`end`.

    ``folders`` are those kept in sync, each with the moment up to which it is. ``seen`` remembers from
    one watch to the next which moments were reported: each is reported once, whatever a pass made of it.
    Between beginning and end nothing else may be sent. Methods raise :class:`~misfin.errors.RemoteError`.
    """

    def __init__(
        self, session: ImapSession, folders: Mapping[bytes, SyncPoint], seen: dict[bytes, SyncPoint]
    ) -> None:
        self._session = session
        self._known = folders
        self._seen = seen
        self._inbox = next((raw for raw in folders if raw.upper() == b"INBOX"), b"INBOX")
        self._missed: set[bytes] = set()
        line = session.line
        notify = line.offers("NOTIFY") and session.offers("CONDSTORE") and session.offers("UNSELECT")
        self.means = Means.NOTIFY if notify else Means.IDLE if line.offers("IDLE") else Means.ASKING

    async def begin(self) -> None:
        """Begin to listen. What has changed since the folders were last seen counts as a change."""
        session = self._session
        if self.means is Means.NOTIFY:
            if session.selected is not None:
                session.selected = None
                await session.call(commands.unselect())
            done = await session.line.call(commands.notify(first_status=True), self._hear)
            if done.ok:
                return
            self.means = Means.IDLE if session.line.offers("IDLE") else Means.ASKING
        opened = await session.select(RemoteFolder(self._inbox, "INBOX"))
        self._compare(self._inbox, opened.point)
        if self.means is Means.IDLE:
            session.line.send(commands.idle())

    async def changes(self, seconds: float) -> Collection[bytes] | None:
        """The folders to look at, as soon as there are any; empty after ``seconds``; None means all of them.

        May be cancelled.
        """
        if not self._missed:
            for event in await self._session.line.watch(seconds):
                if self._hear(event) is None:
                    return None
        found, self._missed = self._missed, set()
        return found

    async def alive(self) -> None:
        """Have the server show that it is still there, as it has to every few minutes."""
        if self.means is Means.IDLE:
            await self.end()
            self._session.line.send(commands.idle())
        else:
            tag = self._session.line.send(commands.noop())
            await self._until(tag)

    async def end(self) -> None:
        """Stop listening, so that other commands can be sent."""
        line = self._session.line
        if self.means is Means.IDLE:
            try:
                for event in await line.end_idle():
                    self._hear(event)
            except TimeoutError:
                raise line.connection.late(ANSWERS_WITHIN) from None
        elif self.means is Means.NOTIFY:
            await self._until(line.send(commands.notify_none()))

    async def _until(self, tag: str) -> None:
        while True:
            for event in await self._session.line.events(ANSWERS_WITHIN):
                if isinstance(event, imap.Completed) and event.tag == tag:
                    return
                self._hear(event)

    def _hear(self, event: imap.ImapEvent) -> bool | None:
        """Note what an event means; None where everything has to be looked at."""
        match event:
            case imap.MailboxStatus():
                self._status(event)
            case imap.ListEntry(raw=raw, attributes=marks) if raw not in self._known or NO_FOLDER & marks:
                return None
            case imap.StatusNotice(code=code) if code is not None and code.name == "NOTIFICATIONOVERFLOW":
                return None
            case imap.Bye():  # nothing more can be sent, and nobody may try
                self._session.line.connection.abort()
                raise self._session.line.connection.lost()
            case _ if isinstance(event, _CHANGES):
                self._missed.add(self._session.selected or self._inbox)
        return True

    def _status(self, event: imap.MailboxStatus) -> None:
        """A folder's present state; NOTIFY says only some of it with each change."""
        if event.raw not in self._known:
            return
        point = point_of(event)
        if point is None:
            self._missed.add(event.raw)
        else:
            self._compare(event.raw, point)

    def _compare(self, raw: bytes, point: SyncPoint) -> None:
        if point not in (self._known.get(raw), self._seen.get(raw)):
            self._seen[raw] = point
            self._missed.add(raw)
