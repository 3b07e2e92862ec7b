"""IMAP without I/O: a client engine to be driven with bytes from any transport (docs/imap-engine.md).

:class:`IMAPClientProtocol` is the connection, :mod:`~misfin.email.imap.commands` makes what is sent, and
:mod:`~misfin.email.imap.values` holds what comes back.
"""

from misfin.email.challenge import Challenge
from misfin.email.imap import commands, searching
from misfin.email.imap.client import IMAPClientProtocol, ImapEvent
from misfin.email.imap.command import ImapCommand
from misfin.email.imap.reader import Answer, FetchPiece
from misfin.email.imap.states import ImapState
from misfin.email.imap.uids import UidSet
from misfin.email.imap.values import (
    AppendUid,
    Bye,
    Code,
    Completed,
    CopyUid,
    Enabled,
    Exists,
    Expunged,
    Fetch,
    Greeting,
    Idling,
    ListEntry,
    MailboxFlags,
    MailboxStatus,
    Namespace,
    Namespaces,
    OfferedCapabilities,
    Part,
    Recent,
    SearchResult,
    ServerId,
    SkippedLine,
    Status,
    StatusNotice,
    Token,
    Vanished,
)

__all__ = [
    "Answer",
    "AppendUid",
    "Bye",
    "Challenge",
    "Code",
    "Completed",
    "CopyUid",
    "Enabled",
    "Exists",
    "Expunged",
    "Fetch",
    "FetchPiece",
    "Greeting",
    "IMAPClientProtocol",
    "Idling",
    "ImapCommand",
    "ImapEvent",
    "ImapState",
    "ListEntry",
    "MailboxFlags",
    "MailboxStatus",
    "Namespace",
    "Namespaces",
    "OfferedCapabilities",
    "Part",
    "Recent",
    "SearchResult",
    "ServerId",
    "SkippedLine",
    "Status",
    "StatusNotice",
    "Token",
    "UidSet",
    "Vanished",
    "commands",
    "searching",
]
