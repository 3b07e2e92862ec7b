"""The sender's own copy of a message that has arrived somewhere, streamed into the Sent folder."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from misfin.errors import StoreError
from misfin.store.files import sync_folder
from misfin.store.letternames import INFO, unique_name

if TYPE_CHECKING:
    from misfin.post.transport import Composed
    from misfin.store.maildir import MailStore
    from misfin.store.outgoing import Outgoing

_FOLDER = "Sent"


def write_sent_copy(store: MailStore, account: str, message: Outgoing, copy: Composed) -> None:
    """Put a copy into Sent, under a name of the message's own: a repetition comes to the same file.

    ``account`` names the directory of the account's mail. When this returns the copy survives a power cut.
    Raises :class:`StoreError`; then there is no copy.
    """
    folder = store.folder(account, _FOLDER)
    if not folder.exists():
        store.create(account)
    folder.create()
    created = message.created
    unfinished = folder.path / "tmp" / unique_name(created)
    target = folder.path / "cur" / f"{int(created)}.G{message.group}.outbox{INFO}S"
    try:
        try:
            with open(unfinished, "xb", opener=_private) as file:
                copy.write(file)
                file.flush()
                os.fsync(file.fileno())
            os.utime(unfinished, (created, created))
            unfinished.replace(target)
            sync_folder(target.parent)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(
            f"The copy in {folder.path} could not be stored: {error.strerror or error}.",
            remedy="Check that the disk has room and that you may write there.",
        ) from error


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
