"""Copies a message to another folder, as a message of its own."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

from misfin.errors import MessageGoneError
from misfin.files import sync_file
from misfin.store.mail.filenames import Entry
from misfin.store.mail.maildir import Maildir
from misfin.store.mail.maildir_writing import translated

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def copy_message(source: Maildir, key: str, target: Maildir, flags: str, *, seen: str = "") -> Entry:
    """Copy a message; when this returns, the copy will survive a power cut. It has a new key and its file the
    time of the original.

    ``seen`` is where it was last (``cur/NAME``). Raises :class:`MessageGoneError` if it is not there any more
    and :class:`StoreError` if the copy cannot be written.
    """
    entry = source.find(key, seen)
    if entry is None:
        raise MessageGoneError(f"The message {key} is no longer in {source.path}.")
    (draft,) = target.create().new_paths(1, now=time.time())
    try:
        with translated(f"A message could not be copied to {target.path}"):
            _copy_file(entry.path, draft, key, source)
        known = "".join(flag for flag in flags if flag.isascii() and flag.isalpha())
        return target.take([(draft, known, "")])[0]
    except BaseException:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise


def _copy_file(path: Path, draft: Path, key: str, source: Maildir) -> None:
    try:
        original = path.open("rb")
    except FileNotFoundError:
        raise MessageGoneError(f"The message {key} is no longer in {source.path}.") from None
    with original, os.fdopen(os.open(draft, _NEW, 0o600), "wb") as copy:
        shutil.copyfileobj(original, copy, 1 << 20)
        copy.flush()
        facts = os.fstat(original.fileno())
        os.utime(copy.fileno(), ns=(facts.st_atime_ns, facts.st_mtime_ns))
        sync_file(copy.fileno())
