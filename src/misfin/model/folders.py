"""The standard folders, in one table for the stores, the index, filing and the screens."""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

from misfin.model.account import AddressKind, kind_in


class Counted(Enum):
    """Which messages of a folder the sidebar counts."""

    UNREAD = "unread"
    ALL = "all"
    """All of them: each message there is waiting for a decision."""
    NONE = "none"


class StandardFolder(NamedTuple):
    """One folder that every account has.

    ``bin``: its messages do not count as part of a conversation seen from another folder. ``written``: its
    messages are the user's own, so their author needs no proof. ``introduces``: the people in its messages
    become acquaintances.
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
"""Every account has these; the user may have made more."""

FOLDERS: Final = tuple(each.name for each in STANDARD)
"""Their names in the order they are created and listed; other folders follow by name."""

OUTBOX: Final = "Outbox"
"""The deliveries being sent: shown among the folders, although it is not a Maildir."""

ATTIC: Final = "Attic"
"""What was deleted elsewhere and is kept for a while (docs/sync.md §6): shown among the folders, but not
searched with them."""

SHOWN: Final = (INBOX, DRAFTS, OUTBOX, SENT, ARCHIVE, HELD, JUNK, TRASH)
"""The order in the sidebar; other folders follow by name."""

BINS: Final = frozenset(each.name for each in STANDARD if each.bin)
WRITTEN: Final = frozenset(each.name for each in STANDARD if each.written)
INTRODUCES_NOBODY: Final = frozenset(each.name for each in STANDARD if not each.introduces)
COUNTED: Final = {each.name: each.counted for each in STANDARD}
"""What is counted in each; in a folder that is not standard, unread messages."""


def holds_mail(directory: str, folder: str) -> bool:
    """Whether messages in this folder of this account's directory wait for a decision about their sender.

    Only a receiver of Misfin holds mail; elsewhere a folder may have that name, and means nothing by it.
    """
    return folder == HELD and kind_in(directory) is AddressKind.MISFIN


def is_written(directory: str, folder: str) -> bool:
    """Whether a message from the account's own address in this folder was written by the user.

    In a Misfin account only drafts need this rule: what was sent says so itself (docs/trust.md §8).
    """
    return folder in (WRITTEN if kind_in(directory) is AddressKind.MAIL else {DRAFTS})
