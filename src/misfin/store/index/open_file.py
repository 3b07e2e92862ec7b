"""Opens a message's file wherever it is now: by its last known name, else by its key in every folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from misfin.errors import MessageGoneError, StoreError
from misfin.model.account import AddressKind, kind_in
from misfin.store.index.file_place import split_key
from misfin.store.index.read import FileLocation
from misfin.store.mail.maildir import MailStore
from misfin.store.rows import MessageRow

_WALKS: Final = 5
"""How often all folders are searched for a key: one walk can miss a message that is being moved."""


def open_message(look: Callable[[], FileLocation | None], known: MessageRow | None, mail_root: Path) -> int:
    """A file descriptor of a message; ``look`` asks the index where it is, ``known`` is its row as displayed.

    Raises:
        MessageGoneError: no folder of its account has it.
        StoreError: it exists but cannot be read.
    """
    for _ in range(_WALKS):
        for path in _paths(look(), known, mail_root):
            try:
                # Not blocking: a named pipe in place of a message would make it wait.
                return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise StoreError(f"The message cannot be read: {error.strerror or error}.") from error
    raise MessageGoneError("This message is no longer there.")


def contents(handle: int, limit: int) -> tuple[bytes, int]:
    """The beginning of an open file, which is closed then, and its full size. Raises :class:`StoreError`."""
    try:
        with os.fdopen(handle, "rb") as file:
            return file.read(limit), os.fstat(handle).st_size
    except OSError as error:
        raise StoreError(f"The message cannot be read: {error.strerror or error}.") from error


def origin(found: FileLocation | None, known: MessageRow | None) -> tuple[AddressKind, bytes]:
    """The kind of mail of the account a message is in, and the name of its file.

    In doubt e-mail, which proves nothing.
    """
    kinds = {kind_in(each.account) for each in (known, found) if each is not None}
    kind = AddressKind.MISFIN if kinds == {AddressKind.MISFIN} else AddressKind.MAIL
    name = os.fsencode(known.path.name) if known is not None else found.file[4:] if found else b""
    return kind, name


def _paths(found: FileLocation | None, known: MessageRow | None, mail_root: Path) -> Iterator[bytes | Path]:
    if found is not None:
        yield os.fsencode(found.root) + b"/" + found.file
    if known is not None:
        yield known.path
    if found is not None:
        account, folder, name = found.account, found.folder, found.file[4:]
    elif known is not None:
        account, folder, name = known.account, known.folder, os.fsencode(known.path.name)
    else:
        return
    store, key = MailStore(mail_root), os.fsdecode(split_key(name))
    for place in sorted(store.folders(account), key=lambda other: other != folder):
        if entry := store.folder(account, place).find(key):
            yield entry.path
