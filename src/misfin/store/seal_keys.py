"""Whose signature under a message counts in this profile: its own keys, and those of a recipient's host.

Nothing here writes, and nothing here raises: whatever cannot be read trusts nobody.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

from misfin.errors import AddressError, StoreError
from misfin.model.address import DEFAULT_PORT, normal_hostname
from misfin.store.identities import IdentityStore
from misfin.store.warning import warn
from misfin.trust.tofu import pin_name

IDENTITIES: Final = "identities"
PINS: Final = "trust.db"
_LOOK_AGAIN: Final = 5.0
"""Seconds for which answers are remembered: an index asks for many messages in a row."""
_PINNED: Final = (
    "SELECT spki_sha256 FROM pins WHERE kind = 'host' AND name = ?1"
    " UNION SELECT spki_sha256 FROM past WHERE kind = 'host' AND name = ?1"
)


class SealKeys:
    """The keys of one profile, which is in ``root``. Thread-safe.

    An identity of the profile counts for every address of the profile, and the keys that are or were pinned
    for a host (at the usual port) count for its addresses.
    """

    def __init__(self, root: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._identities = IdentityStore(root / IDENTITIES)
        self._pins = root / PINS
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: object = None
        self._own: Mapping[str, str] = {}
        self._looked = -_LOOK_AGAIN
        self._hosts: dict[str, tuple[float, frozenset[str]]] = {}

    def trusted(self, recipient: str, spki: str, own: Callable[[str], bool]) -> str | None:
        """Whether a key (SHA-256 of its SubjectPublicKeyInfo) may seal a message to ``recipient``.

        ``own`` says which addresses are the account's that has the message; those of identities are the
        profile's too. Empty if the key is the profile's own, the recipient's host if it is pinned for that,
        None if it counts for nothing.
        """
        mailbox, at, host = recipient.rpartition("@")
        if not (mailbox and at):
            return None
        with self._lock:
            keys = self._of_identities()
            if recipient not in keys.values() and not own(recipient):
                return None
            if spki in keys:
                return ""
            try:
                host = normal_hostname(host)
            except AddressError:
                return None
            return host if spki in self._of_host(host) else None

    def _of_identities(self) -> Mapping[str, str]:
        """The addresses of the profile's identities by their keys."""
        now = self._clock()
        if now - self._looked >= _LOOK_AGAIN:
            self._looked = now
            try:
                if (seen := self._identities.stamp()) != self._seen:
                    found = [each.identity for each in self._identities.all() if each.identity is not None]
                    self._own = {
                        each.info.fingerprints.spki: each.info.address.address
                        for each in found
                        if each.info.address is not None
                    }
                    self._seen = seen
            except StoreError as error:
                warn("misfin.seals", "%s %s", error, error.remedy)
        return self._own

    def _of_host(self, host: str) -> frozenset[str]:
        now = self._clock()
        at, keys = self._hosts.get(host, (-_LOOK_AGAIN, frozenset[str]()))
        if now - at >= _LOOK_AGAIN:
            keys = self._read_pins(pin_name(host, DEFAULT_PORT))
            if len(self._hosts) > 100:  # a profile has the addresses of few hosts
                self._hosts.clear()
            self._hosts[host] = now, keys
        return keys

    def _read_pins(self, name: str) -> frozenset[str]:
        try:
            with closing(
                sqlite3.connect(f"{self._pins.absolute().as_uri()}?mode=ro", uri=True, timeout=5)
            ) as database:
                return frozenset(spki for (spki,) in database.execute(_PINNED, (name,)))
        except (sqlite3.Error, ValueError) as error:
            if self._pins.exists():
                warn("misfin.seals", "The pins in %s cannot be read: %s", self._pins, error)
            return frozenset()
