"""Folders that a person makes, renames or removes; the standard ones stay as they are."""

from __future__ import annotations

import time

from misfin.errors import StoreError
from misfin.files import sync_folder
from misfin.model.folders import FOLDERS, OUTBOX
from misfin.store.mail.maildir import SUBDIRS, MailStore
from misfin.store.mail.maildir_writing import translated

_OURS = frozenset(name.casefold() for name in (*FOLDERS, OUTBOX, "INBOX"))


def can_change(folder: str) -> bool:
    """Whether a folder may be renamed and removed: every account has the standard ones."""
    return folder.casefold() not in _OURS


def create_folder(store: MailStore, account: str, name: str) -> None:
    """Create a folder. Raises :class:`~misfin.errors.StoreError`: there is one, or the name cannot be one."""
    _check_free(store, account, name)
    store.create(account, [name])
    with translated(f"The mail folder {store.root} could not be written"):
        sync_folder(store.folder(account).path)


def rename_folder(store: MailStore, account: str, old: str, new: str) -> None:
    """Rename a folder; its messages keep their names. Raises :class:`~misfin.errors.StoreError`."""
    _check_own(store, account, old)
    _check_free(store, account, new)
    source, to = store.folder(account, old).path, store.folder(account, new).path
    with translated(f"The folder {old} could not be renamed"):
        source.rename(to)
        sync_folder(to.parent)


def remove_folder(store: MailStore, account: str, name: str) -> None:
    """Remove an empty folder. Raises :class:`~misfin.errors.StoreError`, also while there are messages."""
    _check_own(store, account, name)
    maildir = store.folder(account, name)
    if maildir.names("cur") or maildir.names("new"):
        raise StoreError(f"{name} still holds messages.", remedy="Move them elsewhere first.")
    maildir.clean(time.time())
    try:
        with translated(f"The folder {name} could not be removed"):
            for part in ("tmp", *SUBDIRS):  # this fails, as it should, where something arrives meanwhile
                (maildir.path / part).rmdir()
            for file in maildir.path.iterdir():  # the names of tags, and the like
                file.unlink()
            maildir.path.rmdir()
            sync_folder(maildir.path.parent)
    except StoreError:
        store.create(account, [name])  # whole again
        raise


def _check_own(store: MailStore, account: str, name: str) -> None:
    if not can_change(name):
        raise StoreError(f"Every account has the folder {name}. It cannot be renamed or removed.")
    if name not in (names := store.folders(account)):
        raise StoreError(f"There is no folder {name} any more.")
    if any(each.startswith(f"{name}/") for each in names):
        raise StoreError(f"There are folders inside {name}.", remedy="Rename or remove those first.")


def _check_free(store: MailStore, account: str, name: str) -> None:
    if not name or not name.isprintable() or name != name.strip() or not can_change(name):
        raise StoreError(f"{name!r} cannot be the name of a new folder.", remedy="Choose another name.")
    taken = {each.casefold() for each in store.folders(account)}
    if name.casefold() in taken:
        raise StoreError(f"There is a folder {name} already.", remedy="Choose another name.")
