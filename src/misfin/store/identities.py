"""The identities of a profile, each a private file ``NAME.pem`` with certificate and key.

See docs/mail-on-disk.md §11.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from misfin.errors import AddressError, IdentityError, StoreError
from misfin.files import write_private
from misfin.model.address import MisfinAddress
from misfin.store.identity_facts import (
    IdentityFacts,
    IdentityFileState,
    facts_of,
    file_state,
    read_remembered,
    write_remembered,
)
from misfin.valueclass import dataclass

if TYPE_CHECKING:
    from misfin.trust.identity import Identity

MAX_FILE = 256 * 1024
"""Bytes read of a PEM file; a certificate and a key have a few thousand."""

_SUFFIX = ".pem"
_UNSAFE = re.compile(r"[^A-Za-z0-9@_+=-]|^-")


@dataclass(frozen=True, slots=True)
class StoredIdentity:
    """One file of the folder: its name, and either the identity in it or why it cannot be used."""

    name: str
    path: Path
    identity: Identity | None
    problem: str = ""


class IdentityStore:
    """The folder of identities. Files appear complete or not at all, so others can read it at any time.

    ``remember`` is a file for the facts about them, in a folder for caches; without it they are not kept.
    """

    def __init__(self, folder: Path, remember: Path | None = None) -> None:
        self.folder = folder
        self._remember = remember
        self._opened: dict[str, tuple[IdentityFileState, StoredIdentity]] = {}

    def names(self) -> list[str]:
        """The names of the files, sorted. Raises :class:`StoreError` if the folder cannot be read."""
        try:
            found = [entry.name for entry in os.scandir(self.folder) if entry.is_file()]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(f"The identities in {self.folder} cannot be read: {error.strerror}.") from error
        return sorted(
            name.removesuffix(_SUFFIX)
            for name in found
            if name.endswith(_SUFFIX) and not name.startswith(".")
        )

    def stamp(self) -> tuple[tuple[str, int, int], ...]:
        """A value that changes whenever a file in the folder does. Raises :class:`StoreError`."""
        seen = []
        for name in self.names():
            try:
                facts = (self.folder / f"{name}{_SUFFIX}").stat()
            except OSError:  # opening it will report why
                seen.append((name, 0, 0))
            else:
                seen.append((name, facts.st_mtime_ns, facts.st_size))
        return tuple(seen)

    def all(self) -> list[StoredIdentity]:
        """Every file with its identity, or the reason why it has none; opens only files that changed."""
        before, opened, found = self._opened, {}, []
        for name in self.names():
            state = file_state(self.folder / f"{name}{_SUFFIX}")
            known = before.get(name)
            stored = self._look(name) if known is None or known[0] != state else known[1]
            if state is not None and stored.identity is not None and file_state(stored.path) == state:
                opened[name] = (state, stored)
            found.append(stored)
        self._opened = opened
        return found

    def facts(self) -> list[IdentityFacts]:
        """The facts of every usable identity, sorted by name; opens only files that changed."""
        before = read_remembered(self._remember) if self._remember else {}
        found: dict[str, tuple[IdentityFileState, IdentityFacts]] = {}
        lasting: dict[str, tuple[IdentityFileState, IdentityFacts]] = {}
        for name in self.names():
            path = self.folder / f"{name}{_SUFFIX}"
            state = file_state(path)
            if state is None:
                continue
            if name in before and before[name][0] == state:
                found[name] = lasting[name] = before[name]
                continue
            try:
                found[name] = (state, facts_of(name, self._read(name)))
            except IdentityError:
                continue  # all() says why it cannot be used
            if file_state(path) == state:  # else it was replaced while it was read
                lasting[name] = found[name]
        if self._remember and lasting != before:
            write_remembered(self._remember, lasting)
        return [facts for _, facts in found.values()]

    def known(self) -> bool:
        """Whether every file is remembered as a usable identity and has not changed; opens none of them.

        False if there is none. Raises :class:`StoreError` if the folder cannot be read.
        """
        before = read_remembered(self._remember) if self._remember else {}
        names = self.names()
        return bool(names) and all(
            name in before and before[name][0] == file_state(self.folder / f"{name}{_SUFFIX}")
            for name in names
        )

    def addresses(self) -> list[MisfinAddress]:
        """The addresses of all readable identities, sorted by name, each once."""
        return list({one.address.key: one.address for one in self.facts()}.values())

    def load(self, wanted: str) -> Identity:
        """The identity with this name or address.

        Raises :class:`IdentityError` if there is none, or if its file does not contain a usable identity.
        """
        if wanted in self.names():
            return self._read(wanted)
        for stored in self.all():
            if stored.identity is not None and _names(wanted, stored.identity):
                return stored.identity
        raise IdentityError(
            f"There is no identity {wanted}.",
            remedy="`misfin-tui identity list` shows your identities; `identity new` creates one.",
        )

    def find(self, address: MisfinAddress) -> Identity | None:
        """The identity of an address, or None."""
        return next(
            (one.identity for one in self.all() if one.identity and one.identity.address.key == address.key),
            None,
        )

    def save(self, identity: Identity, name: str = "") -> Path:
        """Save an identity, under its address if no name is given; returns its file.

        Raises :class:`IdentityError` for a name or an address that is taken, and :class:`OSError`.
        """
        name = name or file_name(identity)
        if not name or _UNSAFE.search(name.replace(".", "_")) or name.startswith("."):
            raise IdentityError(
                f"`{name}` cannot be the name of an identity.", remedy="Use letters and digits."
            )
        twin = self.find(identity.address)
        if twin is not None:
            raise IdentityError(
                f"You already have an identity for {identity.address.address}.",
                remedy="To replace it, remove its file first; people you write to may have pinned it.",
            )
        path = self.folder / f"{name}{_SUFFIX}"
        if path.exists():
            raise IdentityError(f"There is already an identity {name}.", remedy="Choose another name.")
        return self._write(path, identity)

    def replace(self, name: str, identity: Identity) -> Path:
        """Replace an identity with its renewed certificate; returns the file.

        Raises :class:`IdentityError` if there is none of that name, or it is for another address, and
        :class:`OSError`.
        """
        if self._read(name).address.key != identity.address.key:
            raise IdentityError(f"{name} is for another address than {identity.address.address}.")
        return self._write(self.folder / f"{name}{_SUFFIX}", identity)

    def remove(self, name: str) -> None:
        """Delete an identity's file. Raises :class:`IdentityError` if there is none."""
        if name not in self.names():
            raise IdentityError(f"There is no identity {name}.")
        (self.folder / f"{name}{_SUFFIX}").unlink()

    def _write(self, path: Path, identity: Identity) -> Path:
        write_private(path, identity.pem)
        if self._remember:
            self.facts()  # certificates can be opened here, so whoever lists them next need not
        return path

    def _look(self, name: str) -> StoredIdentity:
        path = self.folder / f"{name}{_SUFFIX}"
        try:
            return StoredIdentity(name, path, self._read(name))
        except IdentityError as error:
            return StoredIdentity(name, path, None, f"{error} {error.remedy}".strip())

    def _read(self, name: str) -> Identity:
        identity = identity_from_files(self.folder / f"{name}{_SUFFIX}")
        _ = identity.address  # fail here for a certificate without an address, not in the middle of sending
        return identity


def identity_from_files(
    certificate: Path, key: Path | None = None, password: bytes | None = None
) -> Identity:
    """An identity from one PEM file, or from separate files for certificate and key.

    Raises :class:`IdentityError` (with the file's name) and :class:`IdentityEncryptedError`.
    """
    from misfin.trust.identity import identity_from_pem  # late: listing names does not need it

    return identity_from_pem(_bytes(certificate), None if key is None else _bytes(key), password)


def file_name(identity: Identity) -> str:
    """The name an identity is saved under: its address, with characters unfit for file names replaced."""
    address = identity.address
    return _UNSAFE.sub("_", address.mailbox) + "@" + re.sub(r"[^A-Za-z0-9.-]", "_", address.hostname)


def _names(wanted: str, identity: Identity) -> bool:
    try:
        return MisfinAddress.parse(wanted).key == identity.address.key
    except AddressError:
        return False


def _bytes(path: Path) -> bytes:
    try:
        with path.expanduser().open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise IdentityError(
            f"The identity file {path} cannot be read: {error.strerror}.",
            remedy="Check its name and permissions.",
        ) from error
    if len(data) > MAX_FILE:
        raise IdentityError(f"{path} is too large to be a certificate and a key.")
    return data
