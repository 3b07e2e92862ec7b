"""Limits on what strangers may take: tokens, connections, probes. Pure: the caller brings the time."""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum

# A flood from ever new addresses must not grow a table without end; the longest unused entry goes first.
_KEYS_KEPT = 10_000
# Who is over the limit is told so with a 44, which costs a handshake; who is this many times over, is not.
_PATIENCE = 5


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """What one peer and all peers together may use (design.md §4).

    ``capacity`` letters at once and ``refill_rate`` letters per second are granted to each network address
    and to each sender's certificate; ``retry_after`` is the least number of seconds to name in a 44.
    ``max_connections`` counts all open connections, ``max_per_address`` those of one network address.
    """

    enable: bool = True
    capacity: float = 60.0
    refill_rate: float = 1.0
    retry_after: int = 30
    max_connections: int = 1200
    max_per_address: int = 100


class TokenBuckets:
    """A bucket of ``capacity`` tokens per key, refilled with ``rate`` tokens per second.

    Only keys that are not full are remembered, at most ``keys`` of them.
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
        """Take one token. Returns 0.0, or the seconds until there is one again (and takes nothing)."""
        tokens, then = self._buckets.pop(key, (self._capacity, now))
        # A clock that was set back must not freeze anybody out, nor fill the bucket.
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


class ConnectionCap:
    """How many connections are open, in all and per key."""

    __slots__ = ("_open", "_per_key", "_total", "total")

    def __init__(self, total: int, per_key: int) -> None:
        self._total = total
        self._per_key = per_key
        self._open: dict[str, int] = {}
        self.total = 0

    def enter(self, key: str) -> bool:
        """Count one more connection; False (and nothing counted) when it is one too many."""
        count = self._open.get(key, 0)
        if self.total >= self._total or count >= self._per_key:
            return False
        self._open[key] = count + 1
        self.total += 1
        return True

    def leave(self, key: str) -> None:
        """Uncount a connection that :meth:`enter` let in."""
        count = self._open[key] - 1
        if count:
            self._open[key] = count
        else:
            del self._open[key]
        self.total -= 1


class Admission(Enum):
    """What becomes of a new connection."""

    SERVE = "serve"
    SLOW_DOWN = "slow down"  # hear the request, answer 44
    REFUSE = "refuse"  # not worth a handshake: close at once


class Limits:
    """Who may connect and send how much. One per receiver; for one thread."""

    __slots__ = ("_addresses", "_cap", "_impatient", "_overflow", "_senders", "settings")

    def __init__(self, settings: LimitSettings) -> None:
        self.settings = settings
        self._addresses = TokenBuckets(settings.capacity, settings.refill_rate)
        self._impatient = TokenBuckets(settings.capacity * _PATIENCE, settings.refill_rate * _PATIENCE)
        self._senders = TokenBuckets(settings.capacity, settings.refill_rate)
        self._cap = ConnectionCap(settings.max_connections, settings.max_per_address)
        # Some room beyond the cap, so that a polite client hears 44 and not just a closed door.
        self._overflow = ConnectionCap(
            max(1, settings.max_connections // 8), max(1, settings.max_per_address // 8)
        )

    def admit(self, address: str, now: float) -> tuple[Admission, ConnectionCap | None]:
        """Judge a new connection from ``address``, and count it with the cap that is returned.

        Unless refused, the caller has to call ``leave(network_of(address))`` on that cap at the end.
        """
        key = network_of(address)
        if self.settings.enable and self._addresses.take(key, now) > 0.0:
            if self._impatient.take(key, now) > 0.0:
                return Admission.REFUSE, None
            cap = self._overflow
            admission = Admission.SLOW_DOWN
        else:
            cap = self._cap
            admission = Admission.SERVE
        if cap.enter(key):
            return admission, cap
        if self._overflow.enter(key):
            return Admission.SLOW_DOWN, self._overflow
        return Admission.REFUSE, None

    def sender_wait(self, certificate_sha256: str, now: float) -> float:
        """Count one letter of a sender; the seconds to wait, 0.0 if it may pass.

        Senders are told apart by what they proved to own, the key of their certificate: a forged name
        must not use up the allowance of the one it names.
        """
        return self._senders.take(certificate_sha256, now) if self.settings.enable else 0.0

    def retry_after(self, wait: float = 0.0) -> int:
        """Whole seconds to name in a 44."""
        return max(self.settings.retry_after, math.ceil(wait))


def network_of(address: str) -> str:
    """The key an address is counted under: itself for IPv4, its /64 for IPv6.

    One household or server has a whole /64, so single IPv6 addresses limit nobody. IPv4 inside IPv6
    counts as IPv4; what is no address at all (a Unix socket) counts as one peer.
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


class ProbeBudget:
    """How often hosts may be asked about senders: per host and in all, and how many at the same time.

    Forged senders make a receiver ask hosts that never heard of it; this keeps that a trickle.
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
    ) -> None:
        self._hosts = TokenBuckets(per_host, per_host_rate)
        self._all = TokenBuckets(total, total_rate)
        self.concurrent = concurrent
        self._running = 0

    def start(self, host: str, now: float) -> float:
        """Ask for one probe of ``host``: 0.0 grants it (then call :meth:`end`), else seconds to wait."""
        if self._running >= self.concurrent:
            return 1.0
        wait = self._hosts.take(host, now) or self._all.take("", now)
        if wait == 0.0:
            self._running += 1
        return wait

    def end(self) -> None:
        """A granted probe is over."""
        self._running -= 1
