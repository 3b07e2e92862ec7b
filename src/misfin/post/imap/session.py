"""One logged-in IMAP connection: what it offers, which folder is open, and errors turned into ours."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from typing import Final

from misfin.email import imap
from misfin.email.imap import UidSet, commands
from misfin.email.imapline import ImapLine, Taker
from misfin.email.mailline import MailServerError
from misfin.post.sync.remote import FolderGoneError, StepRefusedError
from misfin.post.sync.values import RemoteFolder, SyncPoint
from misfin.valueclass import dataclass

_GONE: Final = frozenset({"NONEXISTENT", "TRYCREATE"})
_WANTED: Final = ("CONDSTORE", "ESEARCH", "MOVE", "UIDPLUS", "LIST-STATUS", "SPECIAL-USE", "OBJECTID",
                  "NAMESPACE", "BINARY", "CREATE-SPECIAL-USE", "UNSELECT", "X-GM-EXT-1", "XLIST")  # fmt: skip
IDENTITY: Final = {"name": "misfin-tui", "version": "0.2.0", "vendor": "misfin-tui"}
"""What we say of ourselves; nothing about the person. A test compares the version: to ask for that of the
distribution takes longer than a whole pass in which nothing has changed."""


@dataclass(slots=True)
class Opened:
    """What the server said when a folder was opened, and of its messages meanwhile."""

    point: SyncPoint
    kept: frozenset[str] | None = None
    """PERMANENTFLAGS; None where it said nothing."""
    fetched: list[imap.Fetch] = field(default_factory=list)
    vanished: UidSet = field(default_factory=UidSet)
    modseqs: bool = True
    """Whether it counts changes in this folder (NOMODSEQ says that it does not)."""


class ImapSession:
    """A connection that is logged in; used by one task at a time."""

    def __init__(self, line: ImapLine) -> None:
        self.line = line
        self.offered: frozenset[str] = frozenset()
        self._opening: list[imap.ImapCommand] = []
        self.selected: bytes | None = None
        self.epochs: dict[bytes, str] = {}
        """UIDVALIDITY of each folder that was opened."""

    async def begin(self) -> None:
        """Learn what is offered now. :meth:`opening` has what is to be said because of it.

        Raises :class:`~misfin.errors.RemoteError`, as all methods.
        """
        line = self.line
        await line.known()
        self.offered = frozenset(name for name in _WANTED if line.offers(name))
        if line.offers("ID"):
            self._opening.append(commands.identify(IDENTITY))
        if line.offers("QRESYNC") and line.offers("ENABLE"):
            self._opening.append(commands.enable("QRESYNC"))

    def opening(self) -> list[imap.ImapCommand]:
        """Commands that say who we are and turn on what is of use, once: sent with the first that follow."""
        found, self._opening = self._opening, []
        return found

    @property
    def qresync(self) -> bool:
        """Whether the server says what has changed and what is gone when a folder is opened."""
        return "QRESYNC" in self.line.engine.enabled

    def offers(self, name: str) -> bool:
        """Whether the server offers this, of what is of use to us."""
        return name in self.offered

    async def call(self, command: imap.ImapCommand, take: Taker = lambda _event: None) -> imap.Completed:
        """Send a command and wait for its end; raises :class:`StepRefusedError` for NO and BAD."""
        done = await self.line.call(command, take)
        if not done.ok:
            raise refused(done)
        return done

    async def select(self, folder: RemoteFolder, base: SyncPoint | None = None) -> Opened:
        """Open a folder, and hear what has changed since ``base`` where the server can say that.

        Raises :class:`FolderGoneError`, and :class:`StepRefusedError` where it cannot be opened now.
        """
        if self._opening:
            await self.line.calls(self.opening())
        said: dict[str, int] = {}
        found = Opened(SyncPoint())
        count = 0
        known = None
        if self.qresync and base is not None and base.modseq and base.epoch.isdigit():
            known = int(base.epoch), base.modseq

        def take(event: imap.ImapEvent) -> None:
            nonlocal count
            match event:
                case imap.Exists(number):
                    count = number
                case imap.Fetch():
                    found.fetched.append(event)
                case imap.Vanished(uids, True):
                    found.vanished = found.vanished | uids
                case imap.StatusNotice(code=code) if code is not None:
                    self._heard(code, said, found)

        self.selected = None
        command = commands.select(folder.raw, condstore=self.offers("CONDSTORE"), qresync=known)
        done = await self.line.call(command, take)
        if not done.ok:
            raise await self._why_not(folder, done)
        if done.code is not None:
            self._heard(done.code, said, found)
        self.selected = folder.raw
        if "UIDVALIDITY" not in said:
            raise StepRefusedError("The server gives the messages in this folder no lasting numbers.")
        following = said.get("UIDNEXT") or await self._next()
        counts = found.modseqs and self.offers("CONDSTORE")  # some say it without offering to use it
        modseq = said.get("HIGHESTMODSEQ", 0) if counts else 0
        self.epochs[folder.raw] = str(said["UIDVALIDITY"])
        found.point = SyncPoint(str(said["UIDVALIDITY"]), following, modseq, count)
        return found

    async def open(self, folder: RemoteFolder) -> None:
        """Open a folder unless it is. Raises as :meth:`select`, and where its ids mean nothing any more.

        Ids come from a look at the folder, and other folders may have been opened since.
        """
        if self.selected == folder.raw:
            return
        before = self.epochs.get(folder.raw)
        opened = await self.select(folder)
        if before is not None and opened.point.epoch != before:
            self.selected = None
            self.epochs[folder.raw] = before  # until the next look
            raise StepRefusedError("The server has renumbered the messages in this folder just now.")

    def _heard(self, code: imap.Code, said: dict[str, int], found: Opened) -> None:
        match code.value:
            case int(number):
                said[code.name] = number
            case frozenset() as words if code.name == "PERMANENTFLAGS":
                found.kept = words
        if code.name == "NOMODSEQ":
            found.modseqs = False

    async def _next(self) -> int:
        """UIDNEXT, from the last message, where the server does not say it."""
        last = 0

        def take(event: imap.ImapEvent) -> None:
            nonlocal last
            if isinstance(event, imap.Fetch):
                last = max(last, event.uid or 0)

        await self.line.call(commands.fetch(UidSet.since(0xFFFF_FFFF), ["UID"]), take)
        return last + 1

    async def _why_not(self, folder: RemoteFolder, done: imap.Completed) -> StepRefusedError:
        """Whether a folder that cannot be opened is gone, or only refused now."""
        if done.code is not None and done.code.name in _GONE:
            return FolderGoneError(f"There is no folder {folder.name}.")
        entries: list[imap.ListEntry] = []

        def take(event: imap.ImapEvent) -> None:
            if isinstance(event, imap.ListEntry) and "\\nonexistent" not in event.attributes:
                entries.append(event)

        await self.line.call(commands.list_mailboxes(), take)
        if entries and not any(each.raw == folder.raw for each in entries):
            return FolderGoneError(f"There is no folder {folder.name}.")
        return refused(done)

    async def present(self, uids: UidSet | None = None) -> UidSet:
        """Which messages are in the open folder: of these, or of all."""
        criteria = [imap.searching.within(part) for part in uids.split()] if uids is not None else [None]
        returning = ["ALL"] if self.offers("ESEARCH") else None
        found: list[UidSet] = []

        def take(event: imap.ImapEvent) -> None:
            if isinstance(event, imap.SearchResult):
                found.append(event.uids)

        for each in criteria:
            asked = [each] if each is not None else []
            await self.call(commands.search(*asked, returning=returning), take)
        return UidSet.of_ranges(pair for part in found for pair in part.ranges)


def refused(done: imap.Completed) -> StepRefusedError:
    """What the server said no to."""
    words = done.text.strip().rstrip(".") or "The server refused it without giving a reason"
    return StepRefusedError(f"{words[:200]}.")


def uids_of(ids: Iterable[str]) -> UidSet:
    """Ids as UIDs; what is not one, is none of this server's."""
    return UidSet(int(each) for each in ids if each.isascii() and each.isdigit() and 0 < int(each) < 1 << 32)


def lost(done: imap.Completed) -> MailServerError:
    """A command that everything rests on was refused."""
    return MailServerError("The server refused to list the folders", done.text)
