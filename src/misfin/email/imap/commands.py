"""Every command the engine can send. Arguments that cannot be sent safely raise :class:`CommandError`.

Sets of UIDs are always sent as ranges; one longer than a server's line allows is cut by :meth:`UidSet.split`
first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal

from misfin.email.authenticator import initial_word
from misfin.email.imap import states
from misfin.email.imap.command import ImapCommand
from misfin.email.imap.limits import MAX_BODY
from misfin.email.imap.names import MailboxName
from misfin.email.imap.searching import Criterion
from misfin.email.imap.states import ImapStep
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
    text,
)
from misfin.errors import CommandError

_STATUS_ITEMS: Final = ("MESSAGES", "UIDNEXT", "UIDVALIDITY", "UNSEEN")
_NEEDED_FOR: Final = {"HIGHESTMODSEQ": "CONDSTORE", "MAILBOXID": "OBJECTID"}


# ---- at any time ----------------------------------------------------------------------------------


def capability() -> ImapCommand:
    """Ask what the server offers: again after TLS and after login, where it does not say so itself."""
    return ImapCommand("CAPABILITY", (b"CAPABILITY",), states.ANY)


def noop() -> ImapCommand:
    """Nothing, but the server uses the occasion to say what has changed."""
    return ImapCommand("NOOP", (b"NOOP",), states.ANY)


def logout() -> ImapCommand:
    """Say goodbye. Answers of commands in flight still come."""
    return ImapCommand("LOGOUT", (b"LOGOUT",), states.ANY)


def identify(fields: Mapping[str, str] | None = None) -> ImapCommand:
    """Say who we are, and ask who the server is (RFC 2971); some servers want it before SELECT."""
    parts: list[CommandPart] = [b"ID "]
    for number, (key, value) in enumerate((fields or {}).items()):
        parts += [b" " if number else b"(", text(key), b" ", text(value)]
    parts.append(b")" if fields else b"NIL")
    return ImapCommand("ID", tuple(parts), states.ANY, frozenset({"ID"}))


# ---- before login ---------------------------------------------------------------------------------


def starttls() -> ImapCommand:
    """Go over to TLS. After its OK no byte may be read or written before the handshake is done."""
    return ImapCommand(
        "STARTTLS",
        (b"STARTTLS",),
        states.BEFORE_LOGIN,
        frozenset({"STARTTLS"}),
        alone=True,
        success=ImapStep.TLS_AGREED,
    )


def login(user: str, password: str) -> ImapCommand:
    """Log in with a password, which travels as it is: only inside TLS."""
    return ImapCommand(
        "LOGIN",
        (b"LOGIN ", text(user), b" ", text(password)),
        states.BEFORE_LOGIN,
        alone=True,
        success=ImapStep.LOGGED_IN,
    )


def authenticate(mechanism: str, initial: str = "") -> ImapCommand:
    """Log in by a SASL mechanism; ``initial`` is its first response in base64, ``""`` where the server
    begins.

    A first response of no bytes is ``"="``.
    """
    initial_word(initial)  # raises for what is not base64
    return ImapCommand(
        "AUTHENTICATE",
        (b"AUTHENTICATE ", atom(mechanism)),
        states.BEFORE_LOGIN,
        frozenset({f"AUTH={mechanism.upper()}"}),
        alone=True,
        success=ImapStep.LOGGED_IN,
        initial=initial,
    )


# ---- mailboxes ------------------------------------------------------------------------------------


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
    status: Sequence[str] = (),
) -> ImapCommand:
    """The mailboxes whose names match; ``*`` stands for anything, ``%`` for anything within one level.

    ``special_use`` asks for what each is for (RFC 6154), ``status`` for their STATUS at once (RFC 5819).
    """
    needs, wanted = set(), []
    if special_use:
        needs.add("SPECIAL-USE")
        wanted.append(b"SPECIAL-USE")
    if status:
        needs |= {"LIST-STATUS", *_needed(status)}
        wanted.append(b"STATUS " + items(status))
    parts: list[CommandPart] = [b"LIST "]
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


# ---- messages -------------------------------------------------------------------------------------


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
    """Move messages (RFC 6851). Moved is what COPYUID names: a server says OK for messages that are gone,
    too."""
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


# ---- changes as they happen -----------------------------------------------------------------------


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


def _set(uids: UidSet) -> bytes:
    if not uids:
        raise CommandError("There are no messages to do it with.")
    return bytes(uids)


def _needed(wanted: Iterable[str]) -> frozenset[str]:
    return frozenset(_NEEDED_FOR[item] for item in wanted if item in _NEEDED_FOR)
