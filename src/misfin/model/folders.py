"""The standard folders: one table that the stores, the index, filing and the screens read."""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple


class Counted(Enum):
    """Which messages of a folder the sidebar counts."""

    UNREAD = "unread"
    ALL = "all"
    """Each message there waits for a person."""
    NONE = "none"


class StandardFolder(NamedTuple):
    """One folder that every account has.

    ``bin``: what is in it does not count as part of a conversation seen from elsewhere. ``written``: its
    messages were put there by oneself, so nobody has to prove who wrote them. ``introduces``: its
    messages make their people acquaintances.
    """

    name: str
    counted: Counted = Counted.UNREAD
    bin: bool = False
    written: bool = False
    introduces: bool = True


INBOX: Final = "Inbox"
SENT: Final = "Sent"
DRAFTS: Final = "Drafts"
ARCHIVE: Final = "Archive"
HELD: Final = "Held"
JUNK: Final = "Junk"
TRASH: Final = "Trash"

STANDARD: Final = (
    StandardFolder(INBOX),
    StandardFolder(SENT, Counted.NONE, written=True),
    StandardFolder(DRAFTS, Counted.ALL, written=True, introduces=False),
    StandardFolder(ARCHIVE),
    StandardFolder(HELD, Counted.ALL, introduces=False),
    StandardFolder(JUNK, bin=True, introduces=False),
    StandardFolder(TRASH, Counted.NONE, bin=True, introduces=False),
)
"""Every account has these; a person may have made more."""

FOLDERS: Final = tuple(each.name for each in STANDARD)
"""Their names, in the order in which they are created and listed; others follow by name."""

OUTBOX: Final = "Outbox"
"""What is being sent: shown among the folders, though no Maildir holds it."""

SHOWN: Final = (INBOX, DRAFTS, OUTBOX, SENT, ARCHIVE, HELD, JUNK, TRASH)
"""The order in the sidebar; others follow by name."""

BINS: Final = frozenset(each.name for each in STANDARD if each.bin)
WRITTEN: Final = frozenset(each.name for each in STANDARD if each.written)
INTRODUCES_NOBODY: Final = frozenset(each.name for each in STANDARD if not each.introduces)
COUNTED: Final = {each.name: each.counted for each in STANDARD}
"""What is counted of each; of a folder that is not standard, what is unread."""
