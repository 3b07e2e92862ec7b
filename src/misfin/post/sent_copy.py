"""The sender's own copy of a message that has arrived somewhere, streamed into the Sent folder."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from misfin.errors import StoreError
from misfin.files import new_private, sync_folder
from misfin.model.folders import SENT
from misfin.store.mail.filenames import INFO

if TYPE_CHECKING:
    from misfin.post.transport import Composed
    from misfin.store.mail.maildir import MailStore
    from misfin.store.outgoing.deliveries import Outgoing


def copy_key(message: Outgoing) -> str:
    """The key of a message's copy in its Maildir, the same each time."""
    return f"{int(message.created)}.G{message.group}.outbox"


def write_sent_copy(store: MailStore, account: str, message: Outgoing, copy: Composed) -> None:
    """Put a copy into Sent, under a name of the message's own: a repetition comes to the same file.

    ``account`` names the directory of the account's mail. When this returns the copy survives a power cut.
    Raises :class:`StoreError`; then there is no copy.
    """
    folder = store.folder(account, SENT)
    if not folder.exists():
        store.create(account)
    folder.create()
    created = message.created
    target = folder.path / "cur" / f"{copy_key(message)}{INFO}S"
    try:
        if target.exists() and not target.stat().st_size:
            target.unlink()  # a crash on a file system without hard links leaves the name alone
        with suppress(FileExistsError), new_private(target, drafts=folder.path / "tmp") as file:
            copy.write(file)
            file.flush()
            os.utime(file.fileno(), (created, created))
        sync_folder(target.parent)
    except OSError as error:
        raise StoreError(
            f"The copy in {folder.path} could not be saved: {error.strerror or error}.",
            remedy="Check that the disk has space and that you may write there.",
        ) from error
