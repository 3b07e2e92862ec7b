"""Lets one process at a time sync an account; the lock ends with its process, however that ends."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from misfin.errors import LocalError, StoreError
from misfin.files import private_folder


class AlreadySyncingError(LocalError, RuntimeError):
    """Another process is keeping this account in sync."""

    remedy = "Wait for it to finish, or stop it."

    def __init__(self, account: str) -> None:
        super().__init__(f"Another process is fetching the mail of {account}.")


class SyncLock:
    """Held while this process keeps an account in sync: ``<folder>/NAME.lock``.

    Raises :class:`AlreadySyncingError` where another process does, and
    :class:`~misfin.errors.StoreError` when the folder cannot be written.
    """

    def __init__(self, folder: Path, account: str) -> None:
        try:
            private_folder(folder)
            self._file = os.open(folder / f"{account}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._file)
            raise AlreadySyncingError(account) from error
        except OSError as error:
            raise StoreError(f"The folder {folder} cannot be used: {error.strerror}.") from error

    def release(self) -> None:
        """Give the lock back."""
        if self._file >= 0:
            with suppress(OSError):
                os.close(self._file)
            self._file = -1

    def __enter__(self) -> SyncLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
