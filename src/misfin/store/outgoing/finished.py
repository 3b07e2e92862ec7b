"""What the outbox keeps of a message that another program wrote: which file it is, and its envelope sender.

Its bytes lie among the attached files (attachments.py), because they may be many; every try streams them
from there.
"""

from __future__ import annotations

import json

from misfin.store.outgoing.attachments import is_key
from misfin.valueclass import dataclass


@dataclass(frozen=True, slots=True)
class FinishedMessage:
    """``key`` names the file with the whole message, ``sender`` is the envelope sender: empty for ``<>``."""

    key: str
    sender: str

    def to_bytes(self) -> bytes:
        """What the outbox keeps as ``Outgoing.message``."""
        return json.dumps({"finished": self.key, "sender": self.sender}).encode()


def read_finished(kept: bytes) -> FinishedMessage | None:
    """The record in ``Outgoing.message``; None where that belongs to a message written here."""
    if not kept.startswith(b'{"finished": '):
        return None
    try:
        facts = json.loads(kept)
        found = FinishedMessage(str(facts["finished"]), str(facts["sender"]))
    except (ValueError, KeyError, TypeError):
        return None
    return found if is_key(found.key) else None
