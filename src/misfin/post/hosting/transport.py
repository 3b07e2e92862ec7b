"""How a host sends what its lists and mailboxes write by themselves: as Misfin, with no copy in Sent."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from misfin.post.misfin import MisfinTransport

if TYPE_CHECKING:
    from misfin.post.transport import Composed, Job
    from misfin.store.identities import IdentityStore
    from misfin.store.outgoing.deliveries import Outgoing
    from misfin.trust.identity import Identity
    from misfin.trust.pins import PinBook

_KEPT: Final = 5.0
"""Seconds for which an identity is not read again: a list sends a thousand copies in a row."""


class HostingTransport(MisfinTransport):
    """The transport of a host's own outbox.

    Without ``allow_private``, where somebody else's server redirects a message to must be a public address.
    """

    _kept: tuple[str, float, Identity] | None = None

    def __init__(
        self, identities: IdentityStore, pins: PinBook, *, allow_private: bool = False, **options: Any
    ) -> None:
        super().__init__(identities, pins, **options)
        self._allow_private = allow_private

    def _public_only(self, job: Job) -> bool:
        return not self._allow_private and any(each.hops for each in job.deliveries)

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
