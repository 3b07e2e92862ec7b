"""Limits on what strangers may use: messages, connections, probes. Pure: the caller passes the time."""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Generic, Protocol

from misfin.net.shares import Key, OpenConnections, Stage, network_of

# A flood from changing addresses must not grow a table without limit; the least recently used entry goes.
_KEYS_KEPT = 10_000
# A client over the limit gets a 44, which costs a handshake; one this many times over the limit gets nothing.
_PATIENCE = 5
# The default when the machine's limits are not known.
_USUAL_CONNECTIONS = 1200
# A network gets at least this many, or two people behind one router could not send at the same time.
_LEAST_SHARE = 4


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """What one peer and all peers together may use (docs/server.md §6).

    Each network address and each sender's certificate may send ``capacity`` messages at once and
    ``refill_rate`` messages per second; ``retry_after`` is the minimum number of seconds given in a 44.
    ``max_connections`` limits all open connections (None: what the machine allows, budget.py), and
    ``max_per_network`` those of one network, IPv4 /24 or IPv6 /56 (None: a sixteenth of all).
    """

    enable: bool = True
    capacity: float = 60.0
    refill_rate: float = 1.0
    retry_after: int = 30
    max_connections: int | None = None
    max_per_network: int | None = None


class Buckets(Protocol):
    """Buckets of tokens, one for each key."""

    def take(self, key: str, now: float) -> float:
        """Take one token and return 0.0, or take none and return the seconds until there is one."""
        ...


class TokenBuckets:
    """One bucket of ``capacity`` tokens per key, refilled at ``rate`` tokens per second.

    At most ``keys`` buckets are kept.
    """

    __slots__ = ("_buckets", "_capacity", "_keys", "_rate")

    def __init__(self, capacity: float, rate: float, *, keys: int = _KEYS_KEPT) -> None:
        self._capacity = max(1.0, capacity)
        self._rate = max(1e-6, rate)
        self._keys = keys
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: str, now: float) -> float:
        """Take one token and return 0.0, or take none and return the seconds until there is one."""
        tokens, then = self._buckets.pop(key, (self._capacity, now))
        # A clock that was set back must not lock anybody out, nor fill the bucket.
        tokens = min(self._capacity, tokens + max(0.0, now - then) * self._rate)
        wait = 0.0
        if tokens >= 1.0:
            tokens -= 1.0
        else:
            wait = (1.0 - tokens) / self._rate
        self._buckets[key] = (tokens, now)
        if len(self._buckets) > self._keys:
            self._buckets.popitem(last=False)
        return wait


MakeBuckets = Callable[[str, float, float], Buckets]
"""Makes the buckets with a name, from their capacity and rate: several processes share what has one name."""


def own_buckets(_name: str, capacity: float, rate: float) -> Buckets:
    """Buckets of this process alone."""
    return TokenBuckets(capacity, rate)


class Admission(Enum):
    """What happens to a new connection."""

    SERVE = "serve"
    SLOW_DOWN = "slow down"  # read the request, answer 44
    REFUSE = "refuse"  # not worth a handshake: close at once


class Limits(Generic[Key]):
    """Decides who may connect and how much they may send. One per receiver; for one thread.

    ``allowed`` is how many connections the machine can handle; the settings can only lower it. Of several
    processes each has its own connections; what is counted in buckets may be shared (``make``).
    """

    __slots__ = ("_addresses", "_cap", "_impatient", "_open", "_overflow", "_senders", "_share", "settings")

    def __init__(
        self,
        settings: LimitSettings,
        *,
        allowed: int = _USUAL_CONNECTIONS,
        make: MakeBuckets = own_buckets,
    ) -> None:
        capacity, rate = settings.capacity, settings.refill_rate
        self.settings = settings
        self._addresses = make("addresses", capacity, rate)
        self._impatient = make("impatient", capacity * _PATIENCE, rate * _PATIENCE)
        self._senders = make("senders", capacity, rate)
        self._open: OpenConnections[Key] = OpenConnections()
        # Some room beyond the cap, so that a polite client gets a 44 and not just a closed connection.
        self._cap = settings.max_connections or allowed * 8 // 9
        if self._cap + self._cap // 8 > allowed:
            self._cap = allowed * 8 // 9
        self._overflow = max(1, self._cap // 8)
        self._share = settings.max_per_network or max(_LEAST_SHARE, self._cap // 16)

    @property
    def most_connections(self) -> int:
        """The most connections that can be open, including those that only get a 44."""
        return self._cap + self._overflow

    def admit(self, connection: Key, address: str, now: float) -> tuple[Admission, Key | None]:
        """Judge a new connection from ``address`` and, unless it is refused, count it until :meth:`left`.

        The second value is the connection to close now to make room; it is no longer counted.
        """
        slow = False
        if self.settings.enable:
            key = address_key(address)
            slow = self._addresses.take(key, now) > 0.0
            if slow and self._impatient.take(key, now) > 0.0:
                return Admission.REFUSE, None
        network, connections = network_of(address), self._open
        held = connections.held_by(network)
        crowded = held >= self._share
        gives_way: Key | None = None
        if not slow and (crowded or len(connections) >= self._cap):
            gives_way = connections.gives_way(network if crowded else None)
            slow = gives_way is None
        if slow and (
            len(connections) >= self._cap + self._overflow or held >= self._share + max(1, self._share // 8)
        ):
            return Admission.REFUSE, None
        if gives_way is not None:
            connections.leave(gives_way)
        connections.enter(connection, network)
        return (Admission.SLOW_DOWN if slow else Admission.SERVE), gives_way

    def moved(self, connection: Key, stage: Stage) -> None:
        """Note that a connection has reached another stage."""
        self._open.move(connection, stage)

    def left(self, connection: Key) -> None:
        """Note that a connection has ended."""
        self._open.leave(connection)

    def make_room(self) -> Key | None:
        """The connection to close when the system itself is out of resources; it is no longer counted."""
        found = self._open.gives_way()
        if found is not None:
            self._open.leave(found)
        return found

    def sender_wait(self, certificate_sha256: str, now: float) -> float:
        """Count one message of a sender; returns the seconds to wait, 0.0 if it may pass.

        Senders are distinguished by what they proved to own, their certificate: a forged name must not use up
        the allowance of its real owner.
        """
        return self._senders.take(certificate_sha256, now) if self.settings.enable else 0.0

    def retry_after(self, wait: float = 0.0) -> int:
        """Whole seconds to give in a 44."""
        return max(self.settings.retry_after, math.ceil(wait))


def address_key(address: str) -> str:
    """The key of an address's tokens: the address itself for IPv4, its /64 for IPv6.

    One household or server has a whole /64, so limiting single IPv6 addresses would be useless. IPv4 inside
    IPv6 counts as IPv4; anything that is not an address (a Unix socket) counts as one peer.
    """
    if ":" not in address:
        return address
    try:
        parsed = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(parsed) >> 64 << 64, 64)))


class UnderWay(Protocol):
    """How many of something are under way."""

    def add(self, number: int) -> None:
        """Count ``number`` more, or fewer if it is negative."""
        ...

    def total(self) -> int:
        """How many there are."""
        ...


class OwnUnderWay:
    """Those of this process alone."""

    __slots__ = ("_number",)

    def __init__(self) -> None:
        self._number = 0

    def add(self, number: int) -> None:
        """See :class:`UnderWay`."""
        self._number += number

    def total(self) -> int:
        """See :class:`UnderWay`."""
        return self._number


class ProbeBudget:
    """How often hosts may be asked about senders: per host, in all, and how many at once.

    Forged senders make a receiver ask hosts that never heard of it; this keeps such queries few. Several
    processes can share one (``make`` and ``running``).
    """

    __slots__ = ("_all", "_hosts", "_running", "concurrent")

    def __init__(
        self,
        *,
        per_host: float = 10.0,
        per_host_rate: float = 1 / 30,
        total: float = 60.0,
        total_rate: float = 1.0,
        concurrent: int = 8,
        make: MakeBuckets = own_buckets,
        running: UnderWay | None = None,
    ) -> None:
        self._hosts = make("hosts", per_host, per_host_rate)
        self._all = make("questions", total, total_rate)
        self.concurrent = concurrent
        self._running = running or OwnUnderWay()

    def start(self, host: str, now: float) -> float:
        """Request one probe of ``host``: 0.0 grants it (then call :meth:`end`), else seconds to wait."""
        if self._running.total() >= self.concurrent:
            return 1.0
        wait = self._hosts.take(host, now) or self._all.take("", now)
        if wait == 0.0:
            self._running.add(1)
        return wait

    def end(self) -> None:
        """A granted probe is over."""
        self._running.add(-1)
