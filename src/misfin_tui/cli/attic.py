"""``misfin-tui attic`` and ``sync log``: what servers deleted, and what was changed on them."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from misfin.errors import LocalError, StoreError
from misfin_tui.cli import Exit
from misfin_tui.cli.output import emit, iso, open_services
from misfin_tui.config.accounts import mail_directory

if TYPE_CHECKING:
    from misfin.post.inbox import LocalInbox
    from misfin.post.sync.attic import AtticMessage
    from misfin.post.sync.state import SyncState
    from misfin_tui.services import Services

_HEAD: Final = 64 * 1024
"""Bytes in which the header of a message is looked for."""


def list_attic(args: Namespace) -> int:
    """List what was deleted on servers and is kept here for 30 days, latest first."""
    from misfin.post.sync.attic import messages

    with open_services(args) as services:
        for name in _names(services, args.account):
            with _opened(services, name) as (state, inbox):
                for each in messages(state, inbox, _directory(services, name)):
                    _print(args, services, name, each)
    return Exit.DONE


def restore(args: Namespace) -> int:
    """Bring one message back to its folder; the next fetch uploads it again."""
    from misfin.post.sync.attic import restore as bring_back

    with open_services(args) as services:
        for name in _names(services, args.account):
            with _opened(services, name) as (state, inbox):
                directory = _directory(services, name)
                if not any(entry.key == args.id for entry in inbox.attic(directory)):
                    continue
                folder = bring_back(state, inbox, directory, args.id)
                record = {"account_name": name, "id": args.id, "folder": folder}
                emit(args, record, f"The message is back in {folder} of {name}.")
                return Exit.DONE
    raise LocalError(
        f"The attic has no message {args.id}.", remedy="`misfin-tui attic list` lists its messages."
    )


def log(args: Namespace) -> int:
    """What this program changed on servers within the last 30 days, the oldest first."""
    from misfin.post.sync.journal import changes_made

    with open_services(args) as services:
        for name in _names(services, args.account):
            with _opened(services, name) as (state, _inbox):
                for each in changes_made(state):
                    record = {
                        "account_name": name,
                        "date": iso(each.at),
                        "folder": each.folder,
                        "what": each.what,
                        "remote_id": each.remote_id,
                        "id": each.key,
                        "detail": each.detail,
                    }
                    what = f"{each.what} ({each.detail})" if each.detail else each.what
                    number = f" {each.remote_id}" if each.remote_id else ""
                    emit(args, record, f"{iso(each.at)[:16]}  {name:12}  {each.folder}{number}: {what}")
    return Exit.DONE


def _names(services: Services, wanted: str | None) -> list[str]:
    """The accounts that were ever kept in sync, or the one that is meant."""
    if wanted is not None:
        return [services.account_book.find(wanted).name]
    folder = services.profile.sync
    return [name for name in services.config.accounts if (folder / f"{name}.db").exists()]


def _directory(services: Services, name: str) -> str:
    return mail_directory(name, services.config.accounts[name])


@contextmanager
def _opened(services: Services, name: str) -> Iterator[tuple[SyncState, LocalInbox]]:
    """The state of an account; one that was never fetched has none, and nothing in it is changed."""
    from misfin.post.inbox import LocalInbox
    from misfin.post.sync.state import open_state

    path = services.profile.sync / f"{name}.db"
    if not path.exists():
        raise StoreError(f"{name} has not been fetched yet.", remedy=f"misfin-tui fetch --account {name}")
    state = open_state(path, time.time())
    try:
        yield state, LocalInbox(services.store)
    finally:
        state.close()


def _print(args: Namespace, services: Services, name: str, message: AtticMessage) -> None:
    sender, subject = _head(message)
    record = {
        "account": services.address_of(_directory(services, name)),
        "account_name": name,
        "id": message.key,
        "folder": message.folder,
        "date": iso(message.at),
        "from": sender,
        "subject": subject,
        "path": str(message.entry.path),
    }
    emit(
        args,
        record,
        f"{message.key[:28]:28}  {iso(message.at)[:16]}  {message.folder:10}  {sender[:24]:24}  {subject}",
    )


def _head(message: AtticMessage) -> tuple[str, str]:
    """Who wrote it, and its subject; empty for a file that is gone by now."""
    from misfin.store.message import fields

    try:
        with message.entry.path.open("rb") as file:
            headers, _ = fields.split(file.read(_HEAD))
    except OSError:
        return "", ""
    people = fields.people([fields.one(headers, "from")])
    return people[0].address if people else "", fields.text(fields.one(headers, "subject"))
