"""The rows the mail index returns: small and frozen, one window at a time, never a whole mailbox."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from misfin.valueclass import dataclass

if TYPE_CHECKING:
    from misfin.store.evidence import Evidence


@dataclass(frozen=True, slots=True)
class View:
    """What a list shows: a folder, a search, or both.

    ``None`` for account or folder means all of them; ``query`` is in the language of
    :mod:`misfin.store.search.query`.
    """

    account: str | None = None
    folder: str | None = None
    query: str = ""
    unread_only: bool = False


class Order(StrEnum):
    """How a list is sorted: by its conversations' newest messages in the view."""

    NEWEST = "newest"
    OLDEST = "oldest"
    SENDER = "sender"
    SUBJECT = "subject"
    SIZE = "size"
    """The largest first."""


@dataclass(frozen=True, slots=True)
class Count:
    """How many conversations a view has; at least this many if not ``complete``."""

    total: int
    complete: bool = True


@dataclass(frozen=True, slots=True)
class FolderRow:
    """One folder with its stored counts: messages, unread messages, and conversations in its list."""

    account: str
    folder: str
    total: int
    unread: int
    conversations: int


@dataclass(frozen=True, slots=True)
class ConversationRow:
    """One line of a list: a conversation as seen from a view.

    ``message`` and ``id`` identify its newest message in that view, whose subject, snippet, date (Unix
    seconds) and evidence are shown. ``count`` is the size of the whole conversation across folders (messages
    in Trash and Junk count only in a view of those); ``unread`` is how many of its messages *in the view's
    folder* are unread. ``participants`` are its newest authors other than oneself, or ``To: …`` if there are
    none. ``tags`` are those of all its messages, sorted. ``folder`` is the one of the newest message.
    """

    thread: int
    message: int
    id: str
    participants: str
    subject: str
    snippet: str
    count: int
    unread: int
    starred: bool
    date: float
    evidence: Evidence
    tags: tuple[str, ...]
    attachment: bool
    held: bool
    folder: str = ""


@dataclass(frozen=True, slots=True)
class MessageRow:
    """One message. ``row`` is valid for this index, ``id`` (its Maildir key) as long as the file exists.

    ``to`` has ``Name <address>``, or just the address if there is no name.

    ``path`` was correct when the row was read; another program may have renamed the file since, so read
    messages through :meth:`misfin.store.index.MailIndex.read`, which looks again.
    """

    row: int
    id: str
    account: str
    folder: str
    sender: str
    sender_address: str
    to: tuple[str, ...]
    subject: str
    date: float
    unread: bool
    starred: bool
    tags: tuple[str, ...]
    evidence: Evidence
    thread: int
    size: int
    path: Path


@dataclass(frozen=True, slots=True)
class Changes:
    """The result of one scan: numbers of messages, and the ``(account, folder)`` pairs they are in.

    ``elsewhere``: the index had already changed since the last scan, by filing or by another program.
    ``unsure``: messages are being moved right now, so another scan should follow soon. ``unreadable``:
    folders that exist but could not be listed; their messages are kept.
    """

    added: int = 0
    removed: int = 0
    moved: int = 0
    flagged: int = 0
    folders: frozenset[tuple[str, str]] = frozenset()
    elsewhere: bool = False
    unsure: bool = False
    unreadable: tuple[Path, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.moved or self.flagged or self.elsewhere)


@dataclass(frozen=True, slots=True)
class Completion:
    """A suggestion for the search box: ``text`` replaces characters ``start:end``; ``hint`` describes it."""

    text: str
    start: int
    end: int
    hint: str
