"""One receiver per profile, which notes where it listens."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from misfin.errors import LocalError
from misfin.post.process_lock import HeldError, ProcessLock, note_of

NAME = "receiver.json"


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
    """A receiver at work: its process, and where it listens (nowhere yet while it starts).

    ``processes`` is how many receive; ``pid`` is then the one that started them.
    """

    pid: int
    addresses: tuple[tuple[str, int], ...]
    processes: int = 1


class ReceiverLock:
    """Held while this process is the receiver of the profile whose ``runtime`` folder it is given.

    Raises :class:`AlreadyReceivingError` when another process is, and
    :class:`~misfin.errors.StoreError` when the folder cannot be written.
    """

    def __init__(self, runtime: Path) -> None:
        try:
            self._lock = ProcessLock(runtime, NAME)
        except HeldError as error:
            raise AlreadyReceivingError(error.pid) from error
        self.note(())

    def note(self, addresses: Sequence[tuple[str, int]], processes: int = 1) -> None:
        """Note where it listens. A disk that refuses is no reason not to receive."""
        self._lock.write({"addresses": [_text(*each) for each in addresses], "processes": processes})

    def release(self) -> None:
        """Take the note away and give the lock back."""
        self._lock.release()


def running(runtime: Path) -> Running | None:
    """The receiver that runs for this profile, if one does. Never raises."""
    note = note_of(runtime, NAME)
    if note is None:
        return None
    with suppress(ValueError, TypeError, KeyError):
        addresses = tuple(_pair(str(text)) for text in note["addresses"])
        return Running(int(note["pid"]), addresses, int(note.get("processes", 1)))
    return Running(0, ())


def _text(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _pair(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)
