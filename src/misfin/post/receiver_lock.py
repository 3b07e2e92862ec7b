"""One receiver per profile: it holds a lock while it runs, and notes in the locked file where it listens.

The lock goes with its process however that ends, so a note is believed only while its lock is held.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from misfin.errors import LocalError, StoreError
from misfin.files import private_folder

NAME = "receiver.json"
_MAX_NOTE = 65536
# Whoever only looks holds the lock, too, for microseconds: that is not another receiver.
_TRIES, _PAUSE = 5, 0.02


class AlreadyReceivingError(LocalError, RuntimeError):
    """Another process receives for this profile; ``pid`` is its, 0 where it did not say."""

    remedy = "Stop that one first, or use it."

    def __init__(self, pid: int) -> None:
        super().__init__(
            f"A receiver for this profile is already running{f' (process {pid})' if pid else ''}."
        )
        self.pid = pid


@dataclass(frozen=True, slots=True)
class Running:
    """A receiver at work: its process, and where it listens (nowhere yet while it starts)."""

    pid: int
    addresses: tuple[tuple[str, int], ...]


class ReceiverLock:
    """Held while this process is the receiver of the profile whose ``runtime`` folder it is given.

    Raises :class:`AlreadyReceivingError` when another process is, :class:`StoreError` when the folder
    cannot be written.
    """

    def __init__(self, runtime: Path) -> None:
        self._file = -1
        try:
            private_folder(runtime)
            self._file = os.open(runtime / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._lock()
        except BlockingIOError as error:
            self.release()
            other = running(runtime)
            raise AlreadyReceivingError(other.pid if other else 0) from error
        except OSError as error:
            self.release()
            raise StoreError(
                f"The folder {runtime} cannot be used: {error.strerror}.",
                remedy="Check its owner and permissions.",
            ) from error
        self.note(())

    def _lock(self) -> None:
        for _ in range(_TRIES):
            with suppress(BlockingIOError):
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            time.sleep(_PAUSE)
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def note(self, addresses: Sequence[tuple[str, int]]) -> None:
        """Note where it listens. A disk that refuses is no reason not to receive."""
        data = json.dumps({"pid": os.getpid(), "addresses": [_text(*each) for each in addresses]}).encode()
        with suppress(OSError):
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, data, 0)

    def release(self) -> None:
        """Take the note away and give the lock back."""
        if self._file >= 0:
            with suppress(OSError):
                os.close(self._file)
            self._file = -1


def running(runtime: Path) -> Running | None:
    """The receiver that runs for this profile, if one does. Never raises."""
    try:
        file = os.open(runtime / NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        # A shared lock: looking is not receiving, and does not disturb others who look.
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(file)
    except OSError:
        return None
    finally:
        os.close(file)
    return None


def _read(file: int) -> Running:
    with suppress(OSError, ValueError, TypeError, KeyError):
        note = json.loads(os.pread(file, _MAX_NOTE, 0))
        return Running(int(note["pid"]), tuple(_pair(str(text)) for text in note["addresses"]))
    return Running(0, ())


def _text(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _pair(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)
