"""A mailbox's own blocks: who it does not want is refused before their host is asked about them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from misfin.model.status import StatusCode
from misfin.wire import MisfinResponse

if TYPE_CHECKING:
    from misfin.model.address import MisfinAddress
    from misfin.net.incoming import Handler, Incoming
    from misfin.post.hosting.books import Hosted

_BLOCKED: Final = MisfinResponse(StatusCode.UNAUTHORIZED_SENDER, "Sender blocked")


class BlockingHandler:
    """Passes to ``deliver`` what the mailbox has not blocked: the sender, and whoever the message claims."""

    def __init__(self, deliver: Handler, hosted: Callable[[], Hosted]) -> None:
        self._deliver = deliver
        self._hosted = hosted

    async def __call__(self, incoming: Incoming) -> MisfinResponse:
        """Refuse a message or pass it on; see :data:`misfin.net.incoming.Handler`."""
        names = self._hosted().blocks.get(incoming.recipient.address.address)
        if names and _is_blocked(incoming, names):
            return _BLOCKED
        return await self._deliver(incoming)


def _is_blocked(incoming: Incoming, names: frozenset[str]) -> bool:
    people: list[MisfinAddress] = list(incoming.request.parse_message().senders)
    if incoming.certificate is not None and incoming.certificate.address is not None:
        people.append(incoming.certificate.address)
    return any(each.address.casefold() in names or f"@{each.hostname}" in names for each in people)
