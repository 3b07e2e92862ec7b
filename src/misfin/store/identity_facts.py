"""What a list of accounts needs to know of each identity's file, remembered while the file does not change.

Opening a certificate loads OpenSSL, some megabytes that a program which only shows mail never uses again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, astuple
from pathlib import Path
from typing import TYPE_CHECKING, Final

from misfin.errors import AddressError
from misfin.files import write_private
from misfin.model.address import MisfinAddress
from misfin.valueclass import dataclass

if TYPE_CHECKING:
    from misfin.trust.identity import Identity

_MAX_FILE: Final = 4 * 1024 * 1024
"""Bytes read of the file; an identity takes some two hundred."""
_TYPES: Final = {"mtime": int, "ctime": int, "size": int, "inode": int, "is_ca": bool}
"""Of all values that are not text."""


@dataclass(frozen=True, slots=True)
class IdentityFileState:
    """What changes when a file does: times in nanoseconds, size in bytes, inode."""

    mtime: int
    ctime: int
    size: int
    inode: int


@dataclass(frozen=True, slots=True)
class IdentityFacts:
    """The address of a usable identity, with its owner's name, and whether it signs mailboxes of its host.

    ``name`` is that of the file.
    """

    name: str
    address: MisfinAddress
    is_ca: bool


@dataclass(frozen=True, slots=True)
class _Line:
    """One identity as it is written to the file."""

    name: str
    mailbox: str
    host: str
    blurb: str
    is_ca: bool
    mtime: int
    ctime: int
    size: int
    inode: int


def file_state(path: Path) -> IdentityFileState | None:
    """The state of a file; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return IdentityFileState(found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)


def facts_of(name: str, identity: Identity) -> IdentityFacts:
    """The facts of an identity that was opened. Raises :class:`IdentityError` if it has no address."""
    return IdentityFacts(name, identity.address, identity.info.is_ca)


Remembered = Mapping[str, tuple[IdentityFileState, IdentityFacts]]
"""By the name of the identity's file."""


def read_remembered(file: Path) -> Remembered:
    """What was remembered; a file that is missing, damaged or from another version holds nothing."""
    found = {}
    with suppress(OSError, ValueError, TypeError, AddressError, RecursionError):
        with file.open("rb") as opened:
            lines = json.loads(opened.read(_MAX_FILE))
        for line in (_Line(**each) for each in lines):
            for key, value in asdict(line).items():
                if type(value) is not _TYPES.get(key, str):
                    raise TypeError(key)
            state = IdentityFileState(line.mtime, line.ctime, line.size, line.inode)
            address = MisfinAddress(line.mailbox, line.host, line.blurb)
            found[line.name] = (state, IdentityFacts(line.name, address, line.is_ca))
    return found


def write_remembered(file: Path, remembered: Remembered) -> None:
    """Remember all this. Where it cannot be written, the certificates are opened again next time."""
    lines = [
        asdict(
            _Line(
                name,
                facts.address.mailbox,
                facts.address.hostname,
                facts.address.blurb,
                facts.is_ca,
                *astuple(state),
            )
        )
        for name, (state, facts) in remembered.items()
    ]
    with suppress(OSError):
        write_private(file, json.dumps(lines).encode())
