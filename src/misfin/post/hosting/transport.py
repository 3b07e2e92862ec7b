"""How a host sends what its lists and mailboxes write by themselves: as Misfin, with no copy in Sent."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from misfin.post.misfin import MisfinTransport

if TYPE_CHECKING:
    from misfin.post.transport import Composed
    from misfin.store.outgoing.deliveries import Outgoing
    from misfin.trust.identity import Identity

_KEPT: Final = 5.0
"""Seconds for which an identity is not read again: a list sends a thousand copies in a row."""


class HostingTransport(MisfinTransport):
    """The transport of a host's own outbox."""

    _kept: tuple[str, float, Identity] | None = None

    def sent_copy(self, outgoing: Outgoing) -> Composed | None:
        """None: the archive of a list has its posts, and an automatic answer needs no copy."""
        return None

    def _identity(self, account: str) -> Identity:
        now = time.monotonic()
        if self._kept is not None and self._kept[0] == account and now - self._kept[1] < _KEPT:
            return self._kept[2]
        identity = super()._identity(account)
        self._kept = (account, now, identity)
        return identity
