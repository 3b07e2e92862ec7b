"""Opening a letter's file wherever it is by now: by its last known name, else by its key, in every folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from misfin.errors import LetterGoneError, StoreError
from misfin.store.index.place import split_key
from misfin.store.index.read import Found
from misfin.store.maildir import MailStore
from misfin.store.rows import LetterRow

_WALKS: Final = 5
"""How often all folders are walked for a key: a letter on its way can be missed by one walk."""


def open_letter(look: Callable[[], Found | None], known: LetterRow | None, mail_root: Path) -> int:
    """A handle on a letter's file; ``look`` asks the index where it is, ``known`` is what was shown of it.

    Raises:
        LetterGoneError: no folder of its account has it.
        StoreError: it is there and cannot be read.
    """
    for _ in range(_WALKS):
        for path in _paths(look(), known, mail_root):
            try:
                # Not blocking: a named pipe in the place of a letter is not waited for.
                return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise StoreError(f"The letter cannot be read: {error.strerror or error}.") from error
    raise LetterGoneError("This letter is no longer there.")


def _paths(found: Found | None, known: LetterRow | None, mail_root: Path) -> Iterator[bytes | Path]:
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
