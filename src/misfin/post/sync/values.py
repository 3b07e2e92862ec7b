"""Values that describe a mailbox on a server: abilities, folders, flags, and what changed in a folder.

All of it is the server's word and as such a stranger's: names and texts may hold any character.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Container, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from misfin.model.folders import ARCHIVE, DRAFTS, INBOX, JUNK, SENT, TRASH
from misfin.valueclass import dataclass

FLAG_CHARS: Final = "DFPRST"
"""The flags of a message that are not tags, as in Maildir file names: draft, flagged, passed on, replied,
seen, trashed. ``T`` is only a flag: it deletes nothing."""


class Role(StrEnum):
    """The purpose of a folder, whatever it is called on the server (RFC 6154)."""

    NONE = ""
    INBOX = "inbox"
    SENT = "sent"
    DRAFTS = "drafts"
    ARCHIVE = "archive"
    JUNK = "junk"
    TRASH = "trash"


LOCAL_NAMES: Final = {
    Role.INBOX: INBOX,
    Role.SENT: SENT,
    Role.DRAFTS: DRAFTS,
    Role.ARCHIVE: ARCHIVE,
    Role.JUNK: JUNK,
    Role.TRASH: TRASH,
}
"""What a folder with a role is called here."""


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a mailbox elsewhere can do, known once it is connected. The defaults are those of a POP3 drop."""

    mirrors: bool = False
    """Folders, flags and deletions are kept in sync. False: the server only hands messages out (POP3), and
    filing, flags and deletions stay here."""
    flags: str = ""
    """Which of :data:`FLAG_CHARS` it can keep."""
    keywords: bool = False
    """It can keep tags; a single folder may refuse (:attr:`Seen.tags`)."""
    appends: bool = False
    """It takes messages."""
    moves: bool = False
    """:meth:`Remote.move` works, in one step on the server or made of several."""
    removes: bool = False
    """It can delete exactly the messages that are named. Without it nothing is ever deleted there."""
    folders: bool = False
    """Folders can be created and renamed."""
    changes_since: bool = False
    """A look at a folder costs as much as has changed, not as much as there is."""
    push: bool = False
    """It reports changes by itself."""


class FlagSet(NamedTuple):
    """The flags and tags of a message, equal on both sides when they are in sync.

    ``chars`` are of :data:`FLAG_CHARS`, sorted. ``tags`` are spelled as
    :func:`misfin.store.mail.keywords.check_tag` does.
    """

    chars: str = ""
    tags: frozenset[str] = frozenset()


NO_FLAGS: Final = FlagSet()


@dataclass(frozen=True, slots=True)
class SyncPoint:
    """A moment in the history of a folder, as its server counts.

    ``epoch`` (UIDVALIDITY): within one epoch an id never names another message. ``next`` (UIDNEXT): larger
    than the number of any message; 0 where ids are not numbers. ``modseq`` (RFC 7162): when anything changed
    last; 0 where the server does not count that. ``count``: how many messages there were.
    """

    epoch: str = ""
    next: int = 0
    modseq: int = 0
    count: int = 0


START: Final = SyncPoint()
"""Before anything was seen of a folder."""


@dataclass(frozen=True, slots=True)
class RemoteFolder:
    """A folder on the server that can hold messages.

    ``raw`` is its name as the server spells it, the only safe way to name it again. ``name`` is for people:
    ``/`` between levels, without the server's own prefix. ``id`` (MAILBOXID, RFC 8474) survives a renaming;
    empty where there is none. ``uploads``: messages may be put into it. ``status`` is its present moment
    where the server said it with the list, else None: if it equals that of the last pass, and counts changes,
    there is no need to look.
    """

    raw: bytes
    name: str
    role: Role = Role.NONE
    id: str = ""
    uploads: bool = True
    status: SyncPoint | None = None


class Listed(NamedTuple):
    """One message a look came across. ``id`` names it within its folder and epoch.

    ``size`` (bytes, as the server says, perhaps a guess) and ``received`` (Unix seconds) are wanted for
    messages that are new since the base, and may be None. ``lasting`` names it whatever folder it is in, and
    in each of several (X-GM-MSGID); empty where the server has no such ids, or did not say it.
    """

    id: str
    flags: FlagSet = NO_FLAGS
    size: int | None = None
    received: float | None = None
    lasting: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at a folder found.

    ``point`` is the moment it describes; where things change during the look, an earlier one, so that nothing
    is missed. ``listed`` holds at least every message that is new or changed since the base, with all its
    flags, in the order of arrival; more does no harm. What is no longer there is in ``gone``, or missing from
    ``present``, which holds the id of every message (None: nobody asked for all of them).

    ``flags`` (of :data:`FLAG_CHARS`), ``known_tags`` and ``tags`` (any tag) are what this folder can keep.
    """

    point: SyncPoint
    listed: Sequence[Listed] = ()
    gone: Collection[str] = ()
    present: Container[str] | None = None
    flags: str = FLAG_CHARS
    tags: bool = True
    known_tags: frozenset[str] = frozenset()


# ---- messages on their way ------------------------------------------------------------------------


class Wanted(NamedTuple):
    """A message to fetch. ``start``: so many bytes of it are here already, from an earlier try."""

    id: str
    size: int | None = None
    start: int = 0


@dataclass(frozen=True, slots=True)
class Piece:
    """The next bytes of a large message; at most 1 MiB."""

    id: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Fetched:
    """A message has arrived: its pieces, if it had any, and then ``data`` are all of it, as it was sent.

    ``flags`` None: those of :class:`Listed` still hold. ``received``: None if the server did not say.
    """

    id: str
    data: bytes
    flags: FlagSet | None = None
    received: float | None = None


@dataclass(frozen=True, slots=True)
class NotFetched:
    """The server lists this message and does not hand it out; ``why`` is a sentence. The others go on.

    ``gone``: it is not there any more, so nothing is wrong.
    """

    id: str
    why: str
    gone: bool = False


class MessageHead(NamedTuple):
    """The header block of a message, as the server sent it; bounded by the remote (256 KiB are plenty)."""

    id: str
    data: bytes
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Addition:
    """A message to put into a folder: ``size`` bytes with CRLF line ends.

    ``pieces`` reads them from the disk, at most 1 MiB at a time; each call starts from the beginning.
    """

    size: int
    flags: FlagSet
    received: float | None
    pieces: Callable[[], AsyncIterator[bytes]]
