"""The receiver's settings, and the interface between a receiver and its connections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from misfin.model.address import DEFAULT_PORT
from misfin.net.served import Serving, ServingTimes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from misfin.model.address import MisfinAddress
    from misfin.net.directory import Directory
    from misfin.net.figures import ReceiverFigures
    from misfin.net.incoming import Handler
    from misfin.net.proxy import ProxyTrust


@dataclass(frozen=True, slots=True)
class ReceiverSettings(ServingTimes):
    """How a receiver listens and how long it waits, in seconds.

    ``listen`` are (host, port) pairs; the host ``""`` means every address of the machine, IPv4 and IPv6,
    the port 0 any free one. ``body_timeout`` limits the message, as ``header_timeout`` what comes before it.
    ``proxy`` says which balancers tell whose connections they pass on (proxy.py).
    """

    listen: tuple[tuple[str, int], ...] = (("", DEFAULT_PORT),)
    require_certificate: bool = True
    body_timeout: float = 30.0
    proxy: ProxyTrust | None = None


class Service(Serving, Protocol):
    """A receiver as its connections see it; :class:`~misfin.net.receiver.Receiver` describes each part."""

    settings: ReceiverSettings
    directory: Directory
    deliver: Handler
    blocked: Callable[[MisfinAddress], bool] | None
    outdated: Callable[[], Awaitable[None] | None] | None
    now: Callable[[], float]
    figures: ReceiverFigures
