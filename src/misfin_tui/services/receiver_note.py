"""One receiver per profile: it holds a lock while it runs and notes beside it where it listens.

The lock goes with the process however that ends, so a note is believed only while its lock is held.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from misfin.errors import LocalError
from misfin.store.files import private_folder

NAME = "receiver.json"
MAX_NOTE = 65536


@dataclass(frozen=True, slots=True)
class Note:
    """A running receiver: its process and where it listens, ``HOST:PORT``; no addresses while it starts."""

    pid: int
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """Held while this process is the profile's receiver."""

    descriptor: int

    def note(self, addresses: Sequence[str]) -> None:
        """Say where it listens. Raises ``OSError``."""
        data = json.dumps({"pid": os.getpid(), "addresses": list(addresses)}).encode()
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, data, 0)


@contextmanager
def claim(runtime: Path) -> Iterator[Claim]:
    """Be the receiver of the profile whose ``runtime`` folder this is, until the block ends.

    Raises :class:`LocalError` when another process is; ``OSError`` when the folder cannot be written.
    """
    private_folder(runtime)
    descriptor = os.open(runtime / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LocalError(
                "A receiver for this profile is running already.", remedy="End that one first, or use it."
            ) from error
        mine = Claim(descriptor)
        mine.note(())
        yield mine
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def running(runtime: Path) -> Note | None:
    """The receiver that runs for this profile, if one does. Never raises."""
    try:
        descriptor = os.open(runtime / NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            with suppress(ValueError, TypeError, KeyError, OSError):
                fields = json.loads(os.pread(descriptor, MAX_NOTE, 0))
                return Note(int(fields["pid"]), tuple(str(each) for each in fields["addresses"]))
            return Note(0, ())
        return None
    except OSError:
        return None
    finally:
        os.close(descriptor)
