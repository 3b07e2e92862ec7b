"""A keyring in memory, put in place by keyring's own means."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import keyring
from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError

Ring = TypeVar("Ring", bound=KeyringBackend)


class MemoryKeyring(KeyringBackend):
    """Keeps what it is given until it is gone."""

    priority = -1  # type: ignore[assignment]  # keyring must never choose it by itself

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if (service, username) not in self.kept:
            raise PasswordDeleteError("not there")
        del self.kept[service, username]


class FileKeyring(MemoryKeyring):
    """For other processes: ``PYTHON_KEYRING_BACKEND=ring.FileKeyring``, kept in the file ``$RING_FILE``."""

    @property
    def _file(self) -> Path:
        return Path(os.environ["RING_FILE"])

    def get_password(self, service: str, username: str) -> str | None:
        self._load()
        return super().get_password(service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self._load()
        super().set_password(service, username, password)
        self._save()

    def delete_password(self, service: str, username: str) -> None:
        self._load()
        super().delete_password(service, username)
        self._save()

    def _load(self) -> None:
        entries = json.loads(self._file.read_text()) if self._file.exists() else []
        self.kept = {(service, user): secret for service, user, secret in entries}

    def _save(self) -> None:
        self._file.write_text(json.dumps([[*entry, secret] for entry, secret in self.kept.items()]))


@contextmanager
def use_keyring(backend: Ring) -> Iterator[Ring]:
    """The keyring of this process, for a while."""
    before = keyring.get_keyring()
    keyring.set_keyring(backend)
    try:
        yield backend
    finally:
        keyring.set_keyring(before)
