"""The mailing lists a person accepted: which domain may sign for which list (docs/trust.md §7).

Kept in ``lists.json`` beside the mail. Nothing can make it again, so a file that cannot be read is
never replaced.
"""

from __future__ import annotations

import json
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Final

from misfin.errors import StoreError
from misfin.files import private_folder, write_private
from misfin.model.authorship import MailFindings
from misfin.store.warning import warn
from misfin.valueclass import dataclass

FILE: Final = "lists.json"
MOST: Final = 1000
"""Lists that can be accepted."""
_REMEDY: Final = "Restore it from a backup, or delete it and accept your lists again."


@dataclass(frozen=True, slots=True)
class AcceptedList:
    """One list: its identifier (RFC 2919), the domain that signs for it, and when it was accepted."""

    list_id: str
    domain: str
    since: float = 0.0


class AcceptedLists:
    """The file. Thread-safe; what another program changes is seen at the next question."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._known: tuple[AcceptedList, ...] = ()

    def all(self) -> tuple[AcceptedList, ...]:
        """Every accepted list, the oldest decision first. Raises :class:`StoreError`."""
        with self._lock:
            return self._read()

    def signer_of(self, found: MailFindings) -> str:
        """The domain that signed a message for a list that is accepted; empty if there is none.

        A file that cannot be read accepts nothing.
        """
        if not (found.list_id and found.listed):
            return ""
        try:
            accepted = {(each.list_id, each.domain) for each in self.all()}
        except StoreError as error:
            warn("misfin.lists", "%s %s", error, error.remedy)
            return ""
        return next((each for each in found.listed if (found.list_id, each) in accepted), "")

    def accept(self, list_id: str, domain: str, now: float) -> None:
        """Accept a list as ``domain`` signs it; ``now`` is Unix seconds. Raises :class:`StoreError`."""
        with self._lock:
            kept = [each for each in self._read() if (each.list_id, each.domain) != (list_id, domain)]
            if len(kept) >= MOST:
                raise StoreError(f"{MOST:,} mailing lists are accepted already.", remedy="Take some back.")
            self._write((*kept, AcceptedList(list_id, domain, now)))

    def take_back(self, list_id: str, domain: str = "") -> bool:
        """No longer accept a list, from any domain if none is given; whether it was. Raises
        :class:`StoreError`.
        """
        with self._lock:
            before = self._read()
            kept = tuple(
                each for each in before if each.list_id != list_id or domain not in ("", each.domain)
            )
            if len(kept) < len(before):
                self._write(kept)
            return len(kept) < len(before)

    def _read(self) -> tuple[AcceptedList, ...]:
        try:
            facts = self._path.stat()
            stamp = facts.st_mtime_ns, facts.st_size, facts.st_ino
            if stamp != self._stamp:
                kept = json.loads(self._path.read_bytes())["accepted"]
                known = tuple(
                    AcceptedList(str(each["list_id"]), str(each["domain"]), float(each["since"]))
                    for each in kept
                )
                self._known, self._stamp = known, stamp
        except FileNotFoundError:
            self._known, self._stamp = (), None
        except OSError as error:
            raise StoreError(f"{self._path} cannot be read: {error.strerror}.", remedy=_REMEDY) from error
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise StoreError(f"{self._path} is damaged.", remedy=_REMEDY) from error
        return self._known

    def _write(self, kept: tuple[AcceptedList, ...]) -> None:
        text = json.dumps({"accepted": [asdict(each) for each in kept]}, indent=1)
        try:
            private_folder(self._path.parent)
            write_private(self._path, text.encode())
        except OSError as error:
            raise StoreError(f"{self._path} could not be written: {error.strerror}.") from error
        self._stamp = None
