"""How large a message will be for each server it goes to.

Pure: sizes are those of the bytes on the wire, with metadata, in UTF-8.
"""

from __future__ import annotations

from collections.abc import Sequence

from misfin.errors import GemmailError
from misfin.model.address import MisfinAddress
from misfin.model.gemmail import MAX_B_REQUEST, MAX_MESSAGE, GemmailMessage, Version
from misfin.model.gemtext import compose
from misfin.model.replies import forward_bytes, outgoing_recipients
from misfin.store.outgoing.drafts import Draft
from misfin.valueclass import dataclass


@dataclass(frozen=True, slots=True)
class KnownServer:
    """What is known about a recipient's server; ``limit`` is its message size limit, 0 if unknown."""

    address: MisfinAddress
    version: Version = Version.C
    sender_line: bool = False
    limit: int = 0


NO_LIMIT = 1 << 62
"""The limit in a :class:`Measure` where none is known."""


@dataclass(frozen=True, slots=True)
class Measure:
    """``size`` of ``limit`` bytes for the recipient with the least room; :data:`NO_LIMIT` if none is known.

    ``problem`` says what else prevents sending. ``host`` is empty when the limit is Misfin's own.
    """

    size: int
    limit: int
    host: str = ""
    version: Version = Version.C
    problem: str = ""

    @property
    def over(self) -> bool:
        """Too long, or impossible to send for another reason."""
        return self.size > self.limit or bool(self.problem)

    @property
    def limit_reason(self) -> str:
        """Why the limit is lower than usual, as text to show; empty when it is not."""
        if self.problem:
            return self.problem
        return f"{self.host} accepts at most {self.limit:,} bytes" if self.host else ""


def measure(draft: Draft, sender: MisfinAddress | None, routes: Sequence[KnownServer]) -> Measure:
    """Measure a draft for all its recipients; if there are none yet, by Misfin's own limit."""
    found = [_for_route(draft, sender, routes, route) for route in routes or [_no_server()]]
    return min(found, key=lambda each: (not each.problem, each.limit - each.size))


def _no_server() -> KnownServer:
    return KnownServer(MisfinAddress("nobody", "nowhere.invalid"))


def _for_route(
    draft: Draft, sender: MisfinAddress | None, routes: Sequence[KnownServer], route: KnownServer
) -> Measure:
    limit = route.limit or MAX_MESSAGE
    named = route.address.hostname if route.version is Version.B or route.limit else ""
    try:
        if draft.forwards is not None:
            data = forward_bytes(draft.forwards, route.version)
        else:
            data = GemmailMessage(
                senders=(sender,) if sender and route.sender_line else (),
                recipients=outgoing_recipients([each.address for each in routes]),
                body=compose(draft.subject, draft.body),
            ).to_bytes(route.version)
    except GemmailError as error:
        return Measure(0, limit, named, route.version, str(error))
    if route.version is Version.C:
        return Measure(len(data), min(limit, MAX_MESSAGE), named)
    overhead = len(f"misfin://{route.address.address} \r\n".encode())
    return Measure(len(data) + overhead, MAX_B_REQUEST, named, Version.B)
