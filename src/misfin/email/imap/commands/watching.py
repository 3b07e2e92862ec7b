"""Commands that let a server say what changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from misfin.email.imap.command import ImapCommand
from misfin.email.imap.states import ImapStep
from misfin.email.imap.writer import (
    atom,
    items,
)


def idle() -> ImapCommand:
    """Let the server say what changes, until the engine's ``done`` (RFC 2177). Renew it before 29 minutes."""
    return ImapCommand(
        "IDLE",
        (b"IDLE",),
        needs=frozenset({"IDLE"}),
        alone=True,
        success=ImapStep.IDLED,
        failure=ImapStep.IDLED,
    )


def notify(
    *,
    selected: Sequence[str] = ("UID", "FLAGS"),
    others: Literal["PERSONAL", "INBOXES", "SUBSCRIBED"] | None = "PERSONAL",
    first_status: bool = False,
) -> ImapCommand:
    """Let the server say what changes at any time, in all mailboxes, without IDLE (RFC 5465).

    ``selected`` are the items that come with a new message of the selected mailbox. New messages and changed
    flags of ``others`` come as :class:`MailboxStatus`, changed names as :class:`ListEntry`; ``first_status``
    asks for one of each at once. The code NOTIFICATIONOVERFLOW means that the server has stopped: look
    yourself.
    """
    groups = b"(SELECTED (MessageNew " + items(selected) + b" MessageExpunge FlagChange))"
    if others is not None:
        groups += b" (" + atom(others) + b" (MessageNew MessageExpunge FlagChange MailboxName))"
    begin = b"NOTIFY SET STATUS " if first_status else b"NOTIFY SET "
    return ImapCommand("NOTIFY", (begin + groups,), needs=frozenset({"NOTIFY"}))


def notify_none() -> ImapCommand:
    """Let the server be silent again."""
    return ImapCommand("NOTIFY", (b"NOTIFY NONE",), needs=frozenset({"NOTIFY"}))
