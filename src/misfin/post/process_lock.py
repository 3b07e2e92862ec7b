"""One process of a kind per profile: it holds a lock while it runs, and notes in that file what it does.

The lock goes with its process however that ends, so a note is believed only while its lock is held.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from misfin.errors import StoreError
from misfin.files import private_folder

_MAX_NOTE = 65536
# Whoever only looks holds the lock, too, for microseconds: that is not another process of this kind.
_TRIES, _PAUSE = 5, 0.02


class HeldError(Exception):
    """Another process holds the lock; ``pid`` is its, 0 where it did not say."""

    def __init__(self, pid: int) -> None:
        super().__init__(pid)
        self.pid = pid


class ProcessLock:
    """Held while this process is the one of its kind for the profile with this ``runtime`` folder.

    Raises :class:`HeldError`, and :class:`~misfin.errors.StoreError` when the folder cannot be written.
    """

    def __init__(self, runtime: Path, name: str) -> None:
        self._file = -1
        try:
            private_folder(runtime)
            self._file = os.open(runtime / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._lock()
        except BlockingIOError as error:
            self.release()
            raise HeldError(int((note_of(runtime, name) or {}).get("pid", 0))) from error
        except OSError as error:
            self.release()
            raise StoreError(
                f"The folder {runtime} cannot be used: {error.strerror}.",
                remedy="Check its owner and permissions.",
            ) from error
        self.write({})

    def _lock(self) -> None:
        for _ in range(_TRIES):
            with suppress(BlockingIOError):
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            time.sleep(_PAUSE)
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def write(self, note: Mapping[str, object]) -> None:
        """Note what it does, with its process. It goes on even if the disk refuses the note."""
        data = json.dumps({"pid": os.getpid(), **note}).encode()
        with suppress(OSError):
            os.pwrite(self._file, data, 0)
            os.ftruncate(self._file, len(data))

    def release(self) -> None:
        """Give the lock back."""
        if self._file >= 0:
            with suppress(OSError):
                os.close(self._file)
            self._file = -1


def note_of(runtime: Path, name: str) -> dict[str, Any] | None:
    """What the process noted that holds this lock; None where none does. Never raises.

    Empty where the note cannot be read, as for a moment after its start.
    """
    try:
        file = os.open(runtime / name, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        # A shared lock: looking does not disturb others who look.
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        with suppress(OSError, ValueError):
            note = json.loads(os.pread(file, _MAX_NOTE, 0))
            return note if isinstance(note, dict) and isinstance(note.get("pid"), int) else {}
        return {}
    except OSError:
        return None
    finally:
        os.close(file)
    return None
