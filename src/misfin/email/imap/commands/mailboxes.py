"""Commands about mailboxes: listing, making, choosing one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from misfin.email.imap import states
from misfin.email.imap.command import ImapCommand
from misfin.email.imap.names import MailboxName
from misfin.email.imap.states import ImapStep
from misfin.email.imap.uids import UidSet
from misfin.email.imap.writer import (
    CommandPart,
    Mailbox,
    atom,
    counted,
    flags,
    items,
    text,
)
from misfin.errors import CommandError

_STATUS_ITEMS: Final = ("MESSAGES", "UIDNEXT", "UIDVALIDITY", "UNSEEN")
_NEEDED_FOR: Final = {"HIGHESTMODSEQ": "CONDSTORE", "MAILBOXID": "OBJECTID", "SIZE": "STATUS=SIZE"}


def enable(*extensions: str) -> ImapCommand:
    """Turn extensions on, such as QRESYNC; what was turned on comes as :class:`Enabled` (RFC 5161)."""
    if not extensions:
        raise CommandError("There is nothing to enable.")
    words = b" ".join(atom(extension) for extension in extensions)
    # Names are spelled in another way behind this one.
    alone = any(extension.upper() == "UTF8=ACCEPT" for extension in extensions)
    return ImapCommand("ENABLE", (b"ENABLE " + words,), needs=frozenset({"ENABLE"}), alone=alone)


def namespace() -> ImapCommand:
    """Where the mailboxes of this person, of others and of all are (RFC 2342)."""
    return ImapCommand("NAMESPACE", (b"NAMESPACE",), needs=frozenset({"NAMESPACE"}))


def list_mailboxes(
    pattern: str = "*",
    *,
    reference: str = "",
    subscribed: bool = False,
    special_use: bool = False,
    xlist: bool = False,
    status: Sequence[str] = (),
) -> ImapCommand:
    """The mailboxes whose names match; ``*`` stands for anything, ``%`` for anything within one level.

    ``special_use`` asks for what each is for (RFC 6154), ``xlist`` too, the way servers did before, and
    ``status`` for their STATUS at once (RFC 5819).
    """
    parts: list[CommandPart]
    needs, wanted = set(), []
    if xlist:
        if subscribed or special_use or status:
            raise CommandError("XLIST has no options.")
        parts = [b"XLIST ", text(reference), b" ", text(pattern)]
        return ImapCommand("XLIST", tuple(parts), needs=frozenset({"XLIST"}))
    if special_use:
        needs.add("SPECIAL-USE")
        wanted.append(b"SPECIAL-USE")
    if status:
        needs |= {"LIST-STATUS", *_needed(status)}
        wanted.append(b"STATUS " + items(status))
    parts = [b"LIST "]
    if subscribed:
        needs.add("LIST-EXTENDED")
        parts.append(b"(SUBSCRIBED) ")
    parts += [text(reference), b" ", text(pattern)]
    if wanted:
        parts.append(b" RETURN (" + b" ".join(wanted) + b")")
    return ImapCommand("LIST", tuple(parts), needs=frozenset(needs))


def status(mailbox: MailboxName, wanted: Sequence[str] = _STATUS_ITEMS) -> ImapCommand:
    """Facts about a mailbox that is not the selected one."""
    return ImapCommand("STATUS", (b"STATUS ", Mailbox(mailbox), b" " + items(wanted)), needs=_needed(wanted))


def create(mailbox: MailboxName, *, special_use: str | None = None) -> ImapCommand:
    """Create a mailbox, with a purpose such as ``\\\\Sent`` where the server lets us say one (RFC 6154)."""
    if special_use is None:
        return ImapCommand("CREATE", (b"CREATE ", Mailbox(mailbox)))
    return ImapCommand(
        "CREATE",
        (b"CREATE ", Mailbox(mailbox), b" (USE " + flags([special_use]) + b")"),
        needs=frozenset({"CREATE-SPECIAL-USE"}),
    )


def rename(mailbox: MailboxName, new: MailboxName) -> ImapCommand:
    """Give a mailbox another name; its messages keep their UIDs with most servers."""
    return ImapCommand("RENAME", (b"RENAME ", Mailbox(mailbox), b" ", Mailbox(new)))


def delete(mailbox: MailboxName) -> ImapCommand:
    """Delete a mailbox and every message in it. Never the selected one: Dovecot cuts the connection."""
    return ImapCommand("DELETE", (b"DELETE ", Mailbox(mailbox)))


def subscribe(mailbox: MailboxName, *, subscribed: bool = True) -> ImapCommand:
    """Put a mailbox on the list of those that programs show, or take it off."""
    name = "SUBSCRIBE" if subscribed else "UNSUBSCRIBE"
    return ImapCommand(name, (f"{name} ".encode("ascii"), Mailbox(mailbox)))


def select(
    mailbox: MailboxName,
    *,
    read_only: bool = False,
    condstore: bool = False,
    qresync: tuple[int, int] | tuple[int, int, UidSet] | None = None,
) -> ImapCommand:
    """Go into a mailbox.

    ``qresync`` is what is known of it, (UIDVALIDITY, modification sequence[, UIDs]): what changed and
    vanished since is said at once, if QRESYNC is enabled and the UIDVALIDITY still holds (RFC 7162 §3.2.5):
    compare it first.
    """
    parts: list[CommandPart] = [b"EXAMINE " if read_only else b"SELECT ", Mailbox(mailbox)]
    needs: frozenset[str] = frozenset()
    if qresync is not None:
        validity = counted(qresync[0], "a UIDVALIDITY", bits=32)
        known = b" " + bytes(qresync[2]) if len(qresync) == 3 and qresync[2] else b""
        changed = counted(qresync[1], "a modification sequence")
        parts.append(b" (QRESYNC (" + validity + b" " + changed + known + b"))")
        needs = frozenset({"QRESYNC"})
    elif condstore:
        parts.append(b" (CONDSTORE)")
        needs = frozenset({"CONDSTORE"})
    return ImapCommand(
        "EXAMINE" if read_only else "SELECT",
        tuple(parts),
        needs=needs,
        enabled=needs & {"QRESYNC"},
        alone=True,
        success=ImapStep.SELECTED,
        failure=ImapStep.DESELECTED,
    )


def close() -> ImapCommand:
    """Leave the mailbox **and delete for good** every message in it that is marked ``\\\\Deleted``."""
    return _leaving("CLOSE")


def unselect() -> ImapCommand:
    """Leave the mailbox and delete nothing (RFC 3691)."""
    return _leaving("UNSELECT", "UNSELECT")


def _leaving(name: str, *needs: str) -> ImapCommand:
    return ImapCommand(
        name,
        (name.encode("ascii"),),
        states.SELECTED,
        frozenset(needs),
        alone=True,
        success=ImapStep.DESELECTED,
    )


def _needed(wanted: Iterable[str]) -> frozenset[str]:
    return frozenset(_NEEDED_FOR[item] for item in wanted if item in _NEEDED_FOR)
