"""Commands about messages of the selected mailbox, and about uploading one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal

from misfin.email.imap import states
from misfin.email.imap.command import ImapCommand
from misfin.email.imap.limits import MAX_BODY
from misfin.email.imap.names import MailboxName
from misfin.email.imap.searching import Criterion
from misfin.email.imap.uids import UidSet
from misfin.email.imap.writer import (
    CommandPart,
    Mailbox,
    Upload,
    atom,
    counted,
    flags,
    items,
    moment,
)
from misfin.errors import CommandError


def body(section: str = "", *, start: int | None = None, count: int | None = None) -> str:
    """The item that asks for a body, or the part ``section`` of it, without marking the message as seen.

    With ``start`` only ``count`` bytes from there on. A shorter answer is the end, whatever the size was said
    to be.
    """
    if start is None or count is None:
        return f"BODY.PEEK[{section}]"
    return f"BODY.PEEK[{section}]<{start}.{count}>"


def fetch(
    uids: UidSet,
    wanted: Iterable[str],
    *,
    changed_since: int | None = None,
    vanished: bool = False,
    stream: bool = False,
    max_bytes: int = MAX_BODY,
) -> ImapCommand:
    """Ask for items of messages, such as ``"FLAGS"`` or :func:`body`; the server always adds the UID.

    ``changed_since``: only of those changed after this modification sequence; with ``vanished`` also which
    are gone. ``stream``: bodies come as :class:`FetchPiece`, not inside the :class:`Fetch`. An answer that
    announces more than ``max_bytes`` of literals ends the connection, so ask for sizes first. Do not mix both
    kinds in flight.
    """
    command = b"UID FETCH " + _set(uids) + b" " + items(wanted)
    needs: frozenset[str] = frozenset()
    if changed_since is not None:
        modifiers = b"CHANGEDSINCE " + counted(changed_since, "a modification sequence")
        command += b" (" + modifiers + (b" VANISHED)" if vanished else b")")
        needs = frozenset({"QRESYNC" if vanished else "CONDSTORE"})
    elif vanished:
        raise CommandError("What has vanished can only be asked for with a modification sequence.")
    return ImapCommand(
        "UID FETCH",
        (command,),
        states.SELECTED,
        needs,
        needs & {"QRESYNC"},
        literals=max_bytes,
        stream=stream,
    )


def store(
    uids: UidSet,
    how: Literal["+", "-", "="],
    changed: Iterable[str],
    *,
    silent: bool = True,
    unchanged_since: int | None = None,
) -> ImapCommand:
    """Add, remove or set flags.

    With ``unchanged_since`` messages changed after this modification sequence are left alone, and the code
    MODIFIED of the answer, which still is OK, names them (RFC 7162 §3.1.3).
    """
    sign = {"+": b"+", "-": b"-", "=": b""}[how]
    condition, needs = b"", frozenset[str]()
    if unchanged_since is not None:
        condition = b" (UNCHANGEDSINCE " + counted(unchanged_since, "a modification sequence") + b")"
        needs = frozenset({"CONDSTORE"})
    action = sign + b"FLAGS" + (b".SILENT " if silent else b" ") + flags(changed)
    return ImapCommand(
        "UID STORE", (b"UID STORE " + _set(uids) + condition + b" " + action,), states.SELECTED, needs
    )


def search(*criteria: Criterion, returning: Sequence[str] | None = None) -> ImapCommand:
    """UIDs of the messages that meet all criteria (:mod:`misfin.email.imap.searching`), or of all.

    ``returning``: ``ALL``, ``MIN``, ``MAX`` or ``COUNT``, where the server offers ESEARCH (RFC 4731): its
    answer is short even for a large mailbox. Search one of a million messages in windows of UIDs.
    """
    parts: list[CommandPart] = [b"UID SEARCH "]
    if returning is not None:
        parts.append(b"RETURN (" + b" ".join(atom(word) for word in returning) + b") ")
    if any(criterion.unicode for criterion in criteria):
        parts.append(b"CHARSET UTF-8 ")
    for number, criterion in enumerate(criteria):
        parts += [*([b" "] if number else []), *criterion.parts]
    if not criteria:
        parts.append(b"ALL")
    needs = frozenset({"ESEARCH"}) if returning is not None else frozenset[str]()
    return ImapCommand("UID SEARCH", tuple(parts), states.SELECTED, needs)


def copy(uids: UidSet, mailbox: MailboxName) -> ImapCommand:
    """Copy messages. The code COPYUID, here or in a :class:`StatusNotice` before, says what they became."""
    return ImapCommand("UID COPY", (b"UID COPY " + _set(uids) + b" ", Mailbox(mailbox)), states.SELECTED)


def move(uids: UidSet, mailbox: MailboxName) -> ImapCommand:
    """Move messages (RFC 6851). Moved is what COPYUID names: OK is also said for messages that are gone."""
    parts = (b"UID MOVE " + _set(uids) + b" ", Mailbox(mailbox))
    return ImapCommand("UID MOVE", parts, states.SELECTED, frozenset({"MOVE"}))


def expunge(uids: UidSet) -> ImapCommand:
    """Delete for good those of these messages that are marked ``\\\\Deleted``, and no others (RFC 4315)."""
    return ImapCommand(
        "UID EXPUNGE", (b"UID EXPUNGE " + _set(uids),), states.SELECTED, frozenset({"UIDPLUS"})
    )


def append(
    mailbox: MailboxName,
    size: int,
    *,
    marked: Iterable[str] = (),
    date: datetime | None = None,
    binary: bool = False,
) -> ImapCommand:
    """Put a message of exactly ``size`` bytes into a mailbox; the engine asks for them with ``data_wanted``.

    Its lines must end with CRLF. ``binary`` is for one with NUL in it, where the server offers BINARY. The
    code APPENDUID of the answer says which UID it got.
    """
    if size < 0 or size >= 1 << 32:
        raise CommandError(f"{size} cannot be the size of a message.")
    options = flags(marked) + b" "
    if date is not None:
        options += moment(date) + b" "
    return ImapCommand(
        "APPEND",
        (b"APPEND ", Mailbox(mailbox), b" " + options, Upload(size, binary)),
        needs=frozenset({"BINARY"}) if binary else frozenset(),
    )


def _set(uids: UidSet) -> bytes:
    if not uids:
        raise CommandError("There are no messages to do it with.")
    return bytes(uids)
