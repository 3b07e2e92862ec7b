"""A message of a remote mailbox as it is stored here: in the envelope, sealed, with the server's word for it.

The same message always becomes the same bytes, so that it is known again (docs/sync.md §4).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, NamedTuple

from misfin.model.address import MisfinAddress
from misfin.model.gemmail import GemmailMessage, Version
from misfin.store.evidence import stamped
from misfin.store.message.envelope import wrap
from misfin.store.seals import Seals

_TIME: Final = re.compile(r"([0-9]{8}T[0-9]{6})Z")
_NO_TIME: Final = datetime(2020, 1, 1, tzinfo=UTC)
"""For a message that nobody dated: not today, which would be another day with each look."""


class StoredMessage(NamedTuple):
    """The file of a message, and when its server received it (Unix seconds)."""

    data: bytes
    received: float


Stamp = Callable[[str, bytes], StoredMessage]
"""Makes the file of a message, from its id and the bytes the server sent. Blocks."""


def stamper(address: MisfinAddress, host: str, seals: Seals) -> Stamp:
    """What stores messages of the mailbox ``address``, kept on ``host``, under the seal of this profile.

    It raises :class:`~misfin.errors.StoreError` without a usable key.
    """

    def stamp(message: str, gemmail: bytes) -> StoredMessage:
        parsed = GemmailMessage.from_bytes(gemmail)
        now = parsed.newest or _time_in(message)
        file = wrap(
            gemmail,
            version=Version.C,
            account=address,
            now=now,
            verification=stamped(host, sender=bool(parsed.senders)),
            received_by=host,
        )
        return StoredMessage(seals.seal(file), now.timestamp())

    return stamp


def _time_in(message: str) -> datetime:
    """The time with which most servers begin an id."""
    found = _TIME.match(message)
    try:
        return datetime.strptime(found[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC) if found else _NO_TIME
    except ValueError:
        return _NO_TIME
