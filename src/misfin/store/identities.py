"""The identities of a profile: one private ``NAME.pem`` each, certificate and key together.

See docs/mail-on-disk.md §11.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from misfin.errors import AddressError, IdentityError, StoreError
from misfin.files import write_private
from misfin.model.address import MisfinAddress

if TYPE_CHECKING:
    from misfin.trust.identity import Identity

MAX_FILE = 256 * 1024
"""Bytes of a PEM file that are read; a certificate and a key are a few thousand."""

_SUFFIX = ".pem"
_UNSAFE = re.compile(r"[^A-Za-z0-9@_+=-]|^-")


@dataclass(frozen=True, slots=True)
class StoredIdentity:
    """One file of the folder: its name, and either the identity in it or the reason why there is none."""

    name: str
    path: Path
    identity: Identity | None
    problem: str = ""


class IdentityStore:
    """The folder of identities. Files appear whole or not at all, so other processes may read it any time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        """The names of the files, in order. Raises :class:`StoreError` when the folder cannot be read."""
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
        """A value that changes whenever a file of the folder does. Raises :class:`StoreError`."""
        seen = []
        for name in self.names():
            try:
                facts = (self.folder / f"{name}{_SUFFIX}").stat()
            except OSError:  # whoever opens it says why
                seen.append((name, 0, 0))
            else:
                seen.append((name, facts.st_mtime_ns, facts.st_size))
        return tuple(seen)

    def all(self) -> list[StoredIdentity]:
        """Every file with what is in it; a file that holds no identity says why."""
        return [self._look(name) for name in self.names()]

    def addresses(self) -> list[MisfinAddress]:
        """The addresses of all readable identities, in the order of their names, each once."""
        found = {one.identity.address.key: one.identity.address for one in self.all() if one.identity}
        return list(found.values())

    def load(self, wanted: str) -> Identity:
        """The identity with this name or address.

        Raises :class:`IdentityError` when there is none, or when its file holds no usable identity.
        """
        if wanted in self.names():
            return self._read(wanted)
        for stored in self.all():
            if stored.identity is not None and _names(wanted, stored.identity):
                return stored.identity
        raise IdentityError(
            f"There is no identity {wanted}.",
            remedy="`misfin-tui identity list` shows those you have; `identity new` makes one.",
        )

    def find(self, address: MisfinAddress) -> Identity | None:
        """The identity of an address, or None."""
        return next(
            (one.identity for one in self.all() if one.identity and one.identity.address.key == address.key),
            None,
        )

    def save(self, identity: Identity, name: str = "") -> Path:
        """Keep an identity, under its address if no name is given; returns its file.

        Raises :class:`IdentityError` for a name or an address that is taken, :class:`OSError`.
        """
        name = name or file_name(identity)
        if not name or _UNSAFE.search(name.replace(".", "_")) or name.startswith("."):
            raise IdentityError(
                f"`{name}` cannot be the name of an identity.", remedy="Use letters and digits."
            )
        twin = self.find(identity.address)
        if twin is not None:
            raise IdentityError(
                f"You have an identity for {identity.address.address} already.",
                remedy="Remove its file first if it is to be replaced: correspondents have pinned it.",
            )
        path = self.folder / f"{name}{_SUFFIX}"
        if path.exists():
            raise IdentityError(f"There is an identity {name} already.", remedy="Choose another name.")
        write_private(path, identity.pem)
        return path

    def replace(self, name: str, identity: Identity) -> Path:
        """Put a renewed certificate in the place of the old one; returns the file.

        Raises :class:`IdentityError` where there is none of that name, or one for another address,
        and :class:`OSError`.
        """
        if self._read(name).address.key != identity.address.key:
            raise IdentityError(f"{name} belongs to another address than {identity.address.address}.")
        path = self.folder / f"{name}{_SUFFIX}"
        write_private(path, identity.pem)
        return path

    def remove(self, name: str) -> None:
        """Delete an identity's file. Raises :class:`IdentityError` when there is none."""
        if name not in self.names():
            raise IdentityError(f"There is no identity {name}.")
        (self.folder / f"{name}{_SUFFIX}").unlink()

    def _look(self, name: str) -> StoredIdentity:
        path = self.folder / f"{name}{_SUFFIX}"
        try:
            return StoredIdentity(name, path, self._read(name))
        except IdentityError as error:
            return StoredIdentity(name, path, None, f"{error} {error.remedy}".strip())

    def _read(self, name: str) -> Identity:
        identity = identity_from_files(self.folder / f"{name}{_SUFFIX}")
        _ = identity.address  # a certificate that names none says so here, not in the middle of a send
        return identity


def identity_from_files(
    certificate: Path, key: Path | None = None, password: bytes | None = None
) -> Identity:
    """An identity from one PEM file, or from a certificate's and a key's.

    Raises :class:`IdentityError` (with the file's name) and :class:`IdentityEncryptedError`.
    """
    from misfin.trust.identity import identity_from_pem  # late: names of identities are asked for without it

    return identity_from_pem(_bytes(certificate), None if key is None else _bytes(key), password)


def file_name(identity: Identity) -> str:
    """The name an identity is kept under: its address, with what no file name should hold replaced."""
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
        raise IdentityError(f"{path} is far too large to be a certificate and a key.")
    return data
