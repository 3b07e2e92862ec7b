"""The receiver's settings, and the interfaces between a receiver and its connections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from misfin.model.address import DEFAULT_PORT

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from misfin.model.address import MisfinAddress
    from misfin.net.directory import Directory
    from misfin.net.incoming import Handler
    from misfin.net.limits import Limits
    from misfin.net.tls import ServerTls


@dataclass(frozen=True, slots=True)
class ReceiverSettings:
    """How a receiver listens and how long it waits; times are seconds.

    ``listen`` are (host, port) pairs; the host ``""`` means every address of the machine, IPv4 and IPv6,
    the port 0 any free one. ``handshake_timeout``, ``header_timeout`` and ``body_timeout`` limit each phase
    of a connection as a whole, ``idle_timeout`` any silence during the request, ``linger`` the wait for the
    peer to close after the answer, ``stop_timeout`` the wait for messages in progress when stopping.
    """

    listen: tuple[tuple[str, int], ...] = (("", DEFAULT_PORT),)
    require_certificate: bool = True
    handshake_timeout: float = 10.0
    header_timeout: float = 20.0
    body_timeout: float = 30.0
    idle_timeout: float = 15.0
    linger: float = 2.0
    stop_timeout: float = 10.0


class ServedConnection(Protocol):
    """A connection as its receiver sees it."""

    def stop(self) -> None:
        """Finish the request in progress, if any, then close."""
        ...

    def abort(self) -> None:
        """Close now."""
        ...

    def give_way(self) -> None:
        """Close now to make room for another connection."""
        ...


class Service(Protocol):
    """A receiver as its connections see it; :class:`~misfin.net.receiver.Receiver` describes each part."""

    settings: ReceiverSettings
    directory: Directory
    limits: Limits[ServedConnection]
    tls: ServerTls
    deliver: Handler
    blocked: Callable[[MisfinAddress], bool] | None
    now: Callable[[], float]

    def closed(self, connection: ServedConnection) -> None:
        """Note that a connection has ended."""
        ...

    def spawn(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        """Run the handler of one message, even if its connection ends."""
        ...
