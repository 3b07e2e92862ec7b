"""``misfin-tui mailing-list``: a host's mailing lists, their subscribers and moderators (docs/hosting.md)."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from misfin.errors import AddressError, LocalError
from misfin.model.address import MisfinAddress
from misfin.model.gemmail import GemmailMessage
from misfin.post.hosting.books import HostBooks
from misfin.store.hosting.lists import MailingList, Posting, require
from misfin.store.hosting.posts import ListPost, PostState
from misfin_tui.cli import Exit
from misfin_tui.cli.output import emit, emit_table, iso, open_services, profile_of

if TYPE_CHECKING:
    from argparse import Namespace

    from misfin.store.outgoing.outbox import Outbox

_MOST_FILE = 64 * 1024 * 1024
_FLAGS = ("moderated", "closed", "hidden", "archive")


def list_all(args: Namespace) -> int:
    """Show every list, how many subscribers it has, and how many messages wait for a moderator."""
    with _books(args) as books:
        counts = books.lists.counts()
        rows = [
            _facts(each) | {"subscribers": counts[each.address][0], "held": counts[each.address][1]}
            for each in books.lists.lists()
        ]
    emit_table(args, rows, ("address", "posting", "moderated", "closed", "subscribers", "held"))
    return Exit.DONE


def create(args: Namespace) -> int:
    """Create a list and its mailbox. One whose mailbox was removed comes back with its subscribers."""
    from misfin_tui.cli.mailbox import add_mailbox, host_identity, is_mailbox

    address = MisfinAddress.parse(args.address)
    wanted = _changed(MailingList(address.address), args)
    with open_services(args) as services:
        if is_mailbox(services, address.address):
            raise LocalError(
                f"There is a mailbox {address.address} already.",
                remedy="Choose another address for the list.",
            )
        host_identity(services, address.hostname)  # or nothing is to be left behind
        with _books(args, new=True) as books:
            # First the list, which does nothing without a mailbox: or a crash would leave an ordinary one.
            if not books.lists.create(wanted, now=time.time()):
                books.lists.change(wanted)
        add_mailbox(services, replace(address, blurb=args.blurb or address.blurb or address.mailbox))
    emit(args, _facts(wanted), f"Created the mailing list {address.address}.")
    return Exit.DONE


def change(args: Namespace) -> int:
    """Change the settings of a list, and show them."""
    with _books(args) as books:
        wanted = _changed(require(books.lists, _address(args.address)), args)
        books.lists.change(wanted)
    facts = _facts(wanted)
    emit(args, facts, ", ".join(f"{name} {_text(value)}" for name, value in facts.items() if value != ""))
    return Exit.DONE


def subscribers(args: Namespace) -> int:
    """Show who gets a list, since when, and which of them nothing reaches."""
    with _books(args) as books:
        found = books.lists.subscribers(require(books.lists, _address(args.address)).address)
    rows = [
        {
            "address": each.address,
            "since": iso(each.since),
            "confirmed": bool(each.key),
            "failing_since": iso(each.failing_since),
            "why": each.why,
            "moved": each.moved,
        }
        for each in found
    ]
    emit_table(args, rows, ("address", "since", "confirmed", "failing_since", "why", "moved"))
    return Exit.DONE


def subscribe(args: Namespace) -> int:
    """Add subscribers. They are not asked: do so only for people who want the list."""
    people = _people(args)
    with _books(args) as books:
        address = require(books.lists, _address(args.address)).address
        if address in people:
            raise LocalError("A list cannot subscribe to itself.")
        added = books.lists.subscribe(address, people, now=time.time())
    emit(args, {"list": address, "added": added}, f"{len(added)} added to {address}.")
    return Exit.DONE


def unsubscribe(args: Namespace) -> int:
    """Remove subscribers; what is already being sent to them still arrives."""
    people = _people(args)
    with _books(args) as books:
        address = require(books.lists, _address(args.address)).address
        removed = [each for each in people if books.lists.unsubscribe(address, each)]
    emit(args, {"list": address, "removed": removed}, f"{len(removed)} removed from {address}.")
    return Exit.DONE if removed else Exit.FAILED


def moderators(args: Namespace) -> int:
    """Show who moderates a list, after the changes asked for."""
    with _books(args) as books:
        address = require(books.lists, _address(args.address)).address
        for people, moderates in ((args.add, True), (args.remove, False)):
            for each in map(_address, people):
                books.lists.set_moderator(address, each, moderates=moderates)
        rows = [{"address": each} for each in books.lists.moderators(address)]
    emit_table(args, rows, ("address",))
    return Exit.DONE


# ---- messages that wait


def held(args: Namespace) -> int:
    """Show the messages that wait for a moderator, of one list or of all."""
    with _books(args) as books:
        wanted = require(books.lists, _address(args.address)).address if args.address else ""
        rows = [_of_post(each) for each in books.posts.posts(PostState.HELD, wanted)]
    emit_table(args, rows, ("number", "list", "author", "at", "subject"))
    return Exit.DONE


def show(args: Namespace) -> int:
    """Print the text of a message that waits."""
    with _books(args) as books:
        wanted = require(books.lists, _address(args.address)).address
        for each in books.posts.posts(PostState.HELD, wanted):
            if each.id == args.number:
                body = GemmailMessage.from_bytes(each.message).body
                emit(args, _of_post(each) | {"body": body}, "")
                if not args.json:
                    from misfin_tui.screentext import plain

                    print(plain(body, one_line=False))
                return Exit.DONE
    raise _no_such(args)


def approve(args: Namespace) -> int:
    """Send a message that waits to the subscribers; the receiver does it within a second."""
    return _decide(args, lambda books, address: books.posts.approve(address, args.number), "sent")


def reject(args: Namespace) -> int:
    """Drop a message that waits. Its author hears nothing."""
    return _decide(args, lambda books, address: books.posts.reject(address, args.number), "dropped")


def _decide(args: Namespace, act: Callable[[HostBooks, str], bool], done: str) -> int:
    with _books(args) as books:
        address = require(books.lists, _address(args.address)).address
        if not act(books, address):
            raise _no_such(args)
    emit(args, {"list": address, "number": args.number, "done": done}, f"Message {args.number} is {done}.")
    return Exit.DONE


def _no_such(args: Namespace) -> LocalError:
    return LocalError(
        f"No message {args.number} is waiting.", remedy="`misfin-tui mailing-list held` shows them."
    )


# ---- what has not been delivered


def undelivered(args: Namespace) -> int:
    """Show the copies of a list's messages that nobody has accepted yet, and why."""
    from misfin.store.outgoing.outbox import TAKEN, DeliveryState

    address = _address(args.address)
    open_states = [each for each in DeliveryState if each not in (*TAKEN, DeliveryState.CANCELLED)]
    with _outbox(args) as outbox:
        found = [each for each in outbox.rows(open_states) if each.account == address]
    rows = [
        {
            "id": each.id,
            "to": each.to,
            "subject": each.subject,
            "state": str(each.state),
            "next_attempt": iso(each.next_attempt),
            "why": each.why,
        }
        for each in found
    ]
    emit_table(args, rows, ("id", "to", "state", "next_attempt", "subject", "why"))
    return Exit.DONE


def retry(args: Namespace) -> int:
    """Try deliveries again now. One that is uncertain may arrive twice."""
    address = _address(args.address)
    with _outbox(args) as outbox:
        rows = [row for each in args.ids if (row := outbox.row(each)) is not None and row.account == address]
        again = [each.id for each in rows if outbox.retry(each.id, time.time())]
    emit(args, {"list": address, "again": again}, f"{len(again)} of {len(args.ids)} will be tried again.")
    return Exit.DONE if len(again) == len(args.ids) else Exit.FAILED


# ---- parts


@contextmanager
def _books(args: Namespace, *, new: bool = False) -> Iterator[HostBooks]:
    """The open books; of a profile that has none, empty ones that are not kept, unless they are ``new``."""
    path = profile_of(args).hosting_db
    books = HostBooks(path if new or path.exists() else None)
    books.open()
    try:
        yield books
    finally:
        books.close()


@contextmanager
def _outbox(args: Namespace) -> Iterator[Outbox]:
    from misfin.store.outgoing.outbox import Outbox

    path = profile_of(args).hosting_outbox_db
    if not path.exists():
        raise LocalError("Nothing has been sent from here yet.")
    outbox = Outbox(path)
    try:
        yield outbox
    finally:
        outbox.close()


def _address(text: str) -> str:
    return MisfinAddress.parse(text).address


def _people(args: Namespace) -> list[str]:
    """The addresses on the command line and in the file; all of them are read before anything is done."""
    lines = list(args.people)
    if args.file:
        lines += _lines(args.file)
    found: dict[str, None] = {}
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        try:
            found[_address(text)] = None
        except AddressError as error:
            raise LocalError(
                f"Address {number} cannot be used: {error} Nothing was changed.", remedy=error.remedy
            ) from error
    if not found:
        raise LocalError("No addresses were given.", remedy="Name some, or a file with --file.")
    return list(found)


def _lines(name: str) -> list[str]:
    try:
        if name == "-":
            return sys.stdin.read(_MOST_FILE).splitlines()
        with Path(name).expanduser().open(encoding="utf-8") as file:
            return file.read(_MOST_FILE).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LocalError(f"{name} cannot be read: {error}.") from error


def _changed(found: MailingList, args: Namespace) -> MailingList:
    flags = {name: getattr(args, name) for name in _FLAGS if getattr(args, name) is not None}
    if args.description is not None:
        flags["description"] = args.description
    if args.posting is not None:
        flags["posting"] = Posting(args.posting)
    return replace(found, **flags)


def _facts(found: MailingList) -> dict[str, object]:
    return {
        "address": found.address,
        "description": found.description,
        "posting": str(found.posting),
        **{name: getattr(found, name) for name in _FLAGS},
    }


def _of_post(post: ListPost) -> dict[str, object]:
    return {
        "number": post.id,
        "list": post.list,
        "author": post.author,
        "at": iso(post.at),
        "subject": post.subject,
    }


def _text(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
