"""A mailbox on an IMAP server, as the sync planner sees it: it does as it is asked, and decides nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Final

from misfin.email import imap
from misfin.email.imap import UidSet, commands
from misfin.errors import CommandError
from misfin.post.imap import changing, fetching, looking
from misfin.post.imap.folders import NO_FOLDER, VIEWS, Layout, layout_of, status_items, to_folders
from misfin.post.imap.gmail import EXTENSION, GmailFolders
from misfin.post.imap.session import ImapSession, lost, refused, uids_of
from misfin.post.sync.identify import HEAD_LIMIT
from misfin.post.sync.remote import Arrived, StepRefusedError
from misfin.post.sync.values import (
    FLAG_CHARS,
    Abilities,
    Addition,
    FlagSet,
    MessageHead,
    RemoteFolder,
    Role,
    Seen,
    SyncPoint,
    Wanted,
)

_SPECIAL_USE: Final = {
    Role.SENT: "\\Sent",
    Role.DRAFTS: "\\Drafts",
    Role.ARCHIVE: "\\Archive",
    Role.JUNK: "\\Junk",
    Role.TRASH: "\\Trash",
}
_HEADER: Final = "BODY[HEADER]"


class ImapRemote:
    """An IMAP connection as a :class:`~misfin.post.sync.remote.Remote`.

    ``chosen`` are the server's names of folders by ours, from the settings. Use :meth:`begin` first.
    """

    def __init__(self, session: ImapSession, chosen: Mapping[str, str]) -> None:
        self.session = session
        self._chosen = chosen
        self._layout: Layout | None = None
        self.gmail: GmailFolders | None = None
        """What has to be known of labels, where the server is Gmail."""
        self.abilities = Abilities()

    async def begin(self) -> None:
        """Learn what the server can do. Raises :class:`~misfin.errors.RemoteError`."""
        await self.session.begin()
        offers = self.session.offers
        if offers(EXTENSION):
            self.gmail = GmailFolders()
        self.abilities = Abilities(
            mirrors=True,
            flags=FLAG_CHARS,
            keywords=True,
            appends=True,
            moves=offers("MOVE") or offers("UIDPLUS"),
            removes=offers("UIDPLUS"),
            folders=True,
            changes_since=offers("CONDSTORE"),
            push=self.session.line.offers("IDLE") or self.session.line.offers("NOTIFY"),
        )

    # ---- folders

    async def folders(self) -> Sequence[RemoteFolder]:
        """See :meth:`misfin.post.sync.remote.Remote.folders`."""
        offers = self.session.offers
        xlist = offers("XLIST") and not offers("SPECIAL-USE")
        together = offers("LIST-STATUS") and offers("CONDSTORE") and not xlist
        entries: list[imap.ListEntry] = []
        statuses: dict[bytes, imap.MailboxStatus] = {}
        spaces: imap.Namespaces | None = None

        def take(event: imap.ImapEvent) -> None:
            nonlocal spaces
            match event:
                case imap.ListEntry():
                    entries.append(event)
                case imap.MailboxStatus():
                    statuses[event.raw] = event
                case imap.Namespaces():
                    spaces = event

        asked = [
            *self.session.opening(),
            *([commands.namespace()] if self._layout is None and offers("NAMESPACE") else []),
            commands.list_mailboxes(
                special_use=offers("SPECIAL-USE"),
                xlist=xlist,
                status=status_items(self.session.offered) if together else (),
            ),
        ]
        done = await self.session.line.calls(asked, take)
        if not done[-1].ok:
            raise lost(done[-1])
        if offers("CONDSTORE") and not together:
            await self.session.line.calls(self._status_of(entries), take)
        if self._layout is None:
            self._layout = layout_of(spaces, entries)
        gmail = self.gmail
        found = to_folders(entries, statuses, self._layout, self._chosen, gmail=gmail is not None)
        if gmail is not None:
            gmail.learn(entries, found)
        return found

    def _status_of(self, entries: Sequence[imap.ListEntry]) -> list[imap.ImapCommand]:
        """What asks for the state of each folder, but of the one that is open (RFC 3501 §6.3.10)."""
        items = status_items(self.session.offered)
        own = [each for each in entries if not each.attributes & (NO_FOLDER | VIEWS)]
        return [commands.status(each.raw, items) for each in own if each.raw != self.session.selected]

    async def create(self, name: str, role: Role = Role.NONE) -> RemoteFolder:
        """See :meth:`misfin.post.sync.remote.Remote.create`."""
        raw = await self._raw(self._chosen.get(name, name))
        special = _SPECIAL_USE.get(role) if self.session.offers("CREATE-SPECIAL-USE") else None
        try:
            done = await self.session.line.call(commands.create(raw, special_use=special))
            if not done.ok and special is not None:  # this purpose, perhaps, is given already
                done = await self.session.line.call(commands.create(raw))
        except CommandError as error:
            raise StepRefusedError(str(error)) from error
        return await self._named(raw, role, done)

    async def rename(self, folder: RemoteFolder, name: str) -> RemoteFolder:
        """See :meth:`misfin.post.sync.remote.Remote.rename`."""
        raw = await self._raw(name)
        try:
            done = await self.session.line.call(commands.rename(folder.raw, raw))
        except CommandError as error:
            raise StepRefusedError(str(error)) from error
        self.session.selected = None
        if done.ok:
            await self.session.line.call(commands.subscribe(folder.raw, subscribed=False))
        return await self._named(raw, folder.role, done)

    async def _raw(self, name: str) -> str:
        if self._layout is None:
            await self.folders()
        assert self._layout is not None
        return self._layout.spelled(name)

    async def _named(self, name: str, role: Role, done: imap.Completed) -> RemoteFolder:
        """The folder with this name, subscribed; raises what the server said where there is none."""
        entries: list[imap.ListEntry] = []

        def take(event: imap.ImapEvent) -> None:
            if isinstance(event, imap.ListEntry):
                entries.append(event)

        await self.session.line.call(commands.list_mailboxes(), take)
        entry = next((each for each in entries if each.name == name), None)
        if entry is None:
            raise refused(done)
        await self.session.line.call(commands.subscribe(entry.raw))
        assert self._layout is not None
        found = to_folders([entry], {}, self._layout, {})
        shown = found[0].name if found else name
        return RemoteFolder(entry.raw, shown, role, id=await self._id(entry.raw))

    async def _id(self, raw: bytes) -> str:
        if not self.session.offers("OBJECTID"):
            return ""
        found: list[str] = []

        def take(event: imap.ImapEvent) -> None:
            if isinstance(event, imap.MailboxStatus) and event.raw == raw:
                found.append(str(event.items.get("MAILBOXID", "")))

        await self.session.line.call(commands.status(raw, ["MAILBOXID"]), take)
        return found[0] if found else ""

    # ---- messages

    async def look(self, folder: RemoteFolder, base: SyncPoint, *, dates: bool = False) -> Seen:
        """See :meth:`misfin.post.sync.remote.Remote.look`."""
        return await looking.look(self.session, folder, base, dates=dates, gmail=self.gmail)

    def fetch(self, folder: RemoteFolder, wanted: Sequence[Wanted]) -> AsyncIterator[Arrived]:
        """See :meth:`misfin.post.sync.remote.Remote.fetch`."""
        return fetching.fetch(self.session, folder, wanted)

    async def heads(self, folder: RemoteFolder, ids: Sequence[str] | None) -> Sequence[MessageHead]:
        """See :meth:`misfin.post.sync.remote.Remote.heads`."""
        await self.session.open(folder)
        wanted = UidSet.since(1) if ids is None else uids_of(ids)
        items = ["RFC822.SIZE", commands.body("HEADER", start=0, count=HEAD_LIMIT)]
        found: dict[int, MessageHead] = {}

        def take(event: imap.ImapEvent) -> None:
            part = event.part(_HEADER) if isinstance(event, imap.Fetch) else None
            if isinstance(event, imap.Fetch) and part is not None and event.uid is not None:
                found[event.uid] = MessageHead(str(event.uid), part.data or b"", event.size)

        for uids in wanted.split() if wanted else ():
            await self.session.call(commands.fetch(uids, items, max_bytes=2 * HEAD_LIMIT), take)
        return list(found.values())

    async def search(self, folder: RemoteFolder, message_id: str) -> Sequence[str] | None:
        """See :meth:`misfin.post.sync.remote.Remote.search`."""
        return await changing.search(self.session, folder, message_id)

    async def append(self, folder: RemoteFolder, addition: Addition) -> str:
        """See :meth:`misfin.post.sync.remote.Remote.append`."""
        return await changing.append(self.session, folder, addition)

    async def move(self, folder: RemoteFolder, ids: Sequence[str], to: RemoteFolder) -> Mapping[str, str]:
        """See :meth:`misfin.post.sync.remote.Remote.move`."""
        return await changing.move(self.session, folder, ids, to)

    async def flag(
        self, folder: RemoteFolder, ids: Sequence[str], add: FlagSet, remove: FlagSet, *, modseq: int = 0
    ) -> Collection[str]:
        """See :meth:`misfin.post.sync.remote.Remote.flag`."""
        return await changing.flag(self.session, folder, ids, add, remove, modseq=modseq)

    async def remove(self, folder: RemoteFolder, ids: Sequence[str]) -> Collection[str]:
        """See :meth:`misfin.post.sync.remote.Remote.remove`."""
        gmail = self.gmail
        if gmail is None or gmail.deletes(folder):
            return await changing.remove(self.session, folder, ids)
        if gmail.trash is None:
            raise StepRefusedError("Gmail shows no trash, and deletes nothing elsewhere.")
        moved = await changing.move(self.session, folder, ids, gmail.trash)
        new = {there: old for old, there in moved.items() if there}
        gone = await changing.remove(self.session, gmail.trash, list(new)) if new else ()
        return [new[each] for each in gone]
