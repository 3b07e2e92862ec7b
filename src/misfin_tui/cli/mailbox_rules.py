"""``misfin-tui mailbox away | block | unblock``: what a mailbox answers by itself, and who it refuses."""

from __future__ import annotations

import sys
import time
from contextlib import closing
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from misfin.errors import AddressError, LocalError
from misfin.model.address import MisfinAddress, normal_hostname
from misfin.post.hosting.books import HostBooks
from misfin.store.hosting.mailboxes import Away
from misfin_tui.cli import Exit
from misfin_tui.cli.mailbox import address_of_mailbox, require_key
from misfin_tui.cli.output import emit, emit_table, open_services

if TYPE_CHECKING:
    from argparse import Namespace

_MOST_TEXT = 8000
"""Characters of an automatic answer."""


def away(args: Namespace) -> int:
    """Answer for a mailbox, no longer, or show what is answered."""
    if args.text is not None:
        with open_services(args) as services:
            require_key(services, args.name)
    mailbox, books = _opened(args, new=args.text is not None)
    with closing(books):
        if args.off:
            was = books.rules.back(mailbox)
            emit(
                args,
                {"mailbox": mailbox, "away": False, "was": was},
                f"Nothing is answered for {mailbox} any more."
                if was
                else f"Nothing was answered for {mailbox}.",
            )
            return Exit.DONE
        if args.text is not None:
            if books.lists.get(mailbox) is not None:
                raise LocalError(f"{mailbox} is a mailing list, which never answers by itself.")
            books.rules.set_away(mailbox, _away(args))
        elif args.begins or args.ends:
            raise LocalError("There is nothing to answer.", remedy="Add --text.")
        found = books.rules.away().get(mailbox)
    if found is None:
        emit(args, {"mailbox": mailbox, "away": False}, f"Nothing is answered for {mailbox}.")
        return Exit.DONE
    record = {
        "mailbox": mailbox,
        "away": True,
        "from": _day(found.begins),
        "until": _day(found.ends - 1) if found.ends else "",
        "now": found.applies(time.time()),
        "text": found.text,
    }
    span = " ".join(f"{word} {record[word]}" for word in ("from", "until") if record[word])
    emit(args, record, f"Answered for {mailbox} {span}".rstrip() + f": {found.text}")
    return Exit.DONE


def block(args: Namespace) -> int:
    """Refuse messages of senders, or show whose are refused."""
    mailbox, books = _opened(args, new=bool(args.people))
    with closing(books):
        for each in [_sender(text) for text in args.people]:
            books.rules.block(mailbox, each)
        rows = [{"sender": each} for each in sorted(books.rules.blocks().get(mailbox, ()))]
    emit_table(args, rows, ("sender",))
    return Exit.DONE


def unblock(args: Namespace) -> int:
    """Take messages of senders again."""
    mailbox, books = _opened(args, new=False)
    with closing(books):
        done = [each for each in map(_sender, args.people) if books.rules.unblock(mailbox, each)]
    emit(
        args,
        {"mailbox": mailbox, "unblocked": done},
        f"{mailbox} takes messages of {', '.join(done)} again." if done else "None of them was blocked.",
    )
    return Exit.DONE if done else Exit.FAILED


def _opened(args: Namespace, *, new: bool) -> tuple[str, HostBooks]:
    """The address of the mailbox meant, and the open books; where there are none, made only if ``new``."""
    with open_services(args) as services:
        mailbox = address_of_mailbox(services, args.name)
        path = services.profile.hosting_db
    books = HostBooks(path if new or path.exists() else None)
    books.open()
    return mailbox, books


def _away(args: Namespace) -> Away:
    text = sys.stdin.read(_MOST_TEXT + 1) if args.text == "-" else args.text
    if not text.strip():
        raise LocalError("The answer is empty.", remedy="Write it after --text.")
    if len(text) > _MOST_TEXT:
        raise LocalError(f"The answer is longer than {_MOST_TEXT:,} characters.")
    begins = _midnight(args.begins) if args.begins else 0.0
    ends = _midnight(args.ends, later=1) if args.ends else 0.0
    if ends and ends <= max(begins, time.time()):
        raise LocalError("The last day is over before the answers begin.", remedy="Choose a later --until.")
    return Away(text, begins, ends)


def _midnight(text: str, later: int = 0) -> float:
    """When a day, or the one ``later`` days after it, begins here."""
    try:
        day = date.fromisoformat(text) + timedelta(days=later)
    except (ValueError, OverflowError) as error:
        raise LocalError(f"{text} is not a date.", remedy="Write it as 2026-12-24.") from error
    return datetime(day.year, day.month, day.day).timestamp()


def _day(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds):%Y-%m-%d}" if seconds > 0 else ""


def _sender(text: str) -> str:
    """``mailbox@host`` or ``@host`` as messages are compared with it. Raises AddressError."""
    if text.startswith("@"):
        try:
            return f"@{normal_hostname(text[1:])}"
        except AddressError as error:
            raise LocalError(f"{text} cannot be blocked: {error}", remedy=error.remedy) from error
    return MisfinAddress.parse(text).address
