"""Empties a folder: what a person has seen in it, and nothing that has come since."""

from __future__ import annotations

from collections.abc import Collection

from misfin.errors import MessageGoneError
from misfin.store.mail.maildir import Maildir


def empty(maildir: Maildir, keys: Collection[str]) -> int:
    """Delete these messages of a folder for good; returns how many were still there.

    That they were meant is written down once for all of them, before any is removed. Blocks. Raises
    :class:`~misfin.errors.StoreError`; then some may be gone, and the others can be deleted again.
    """
    plain = Maildir(maildir.path)
    there = {entry.key for entry in maildir.list()}.intersection(keys)
    if there and maildir.before_removal is not None:
        maildir.before_removal(sorted(there))
    count = 0
    try:
        for key in there:
            try:
                plain.remove(key, sync=False)
            except MessageGoneError:
                continue
            count += 1
    finally:
        if count:
            plain.sync()
    return count
