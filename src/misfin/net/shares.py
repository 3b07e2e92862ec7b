"""The open connections of a receiver by network, and which one to evict when there is no room."""

from __future__ import annotations

import ipaddress
from enum import IntEnum
from itertools import islice
from typing import Generic, TypeVar

Key = TypeVar("Key")

_SPARED = 64
"""At most this many networks are spared because they have just finished a handshake."""


class Stage(IntEnum):
    """How far a connection has got. The first three stages may be evicted, in this order."""

    HANDSHAKE = 0
    REQUEST = 1
    ANSWERED = 2  # the answer was sent: we only wait for the other side to close
    COMPLETE = 3  # the request is complete: the message is being stored and must not be interrupted


_GIVING_WAY = (Stage.HANDSHAKE, Stage.REQUEST, Stage.ANSWERED)


class _Network(Generic[Key]):
    """The connections of one network by stage, each stage in order of arrival.

    ``rank`` is how many it holds and, in the lowest two bits, the first stage it has any in; 0 without any.
    """

    __slots__ = ("held", "name", "rank", "stages")

    def __init__(self, name: str) -> None:
        self.name = name
        self.held = 0
        self.rank = 0
        self.stages: tuple[dict[Key, None], ...] = ({}, {}, {}, {})


class OpenConnections(Generic[Key]):
    """A table of connections. Every operation costs about the same however many there are.

    When room is needed, the network with the most connections loses its oldest one: first one whose handshake
    is not done, then one whose request is not complete, then one that has its answer.

    If several networks tie (a flood from thousands of networks, one connection each), no stage may crowd out
    another, because a newcomer needs some time for its handshake: the stage with the most networks loses
    one. Among those that have not sent their request, the latest go first, except for the very last, which
    may be about to send it; so those that were there before the flood stay.
    """

    __slots__ = ("_most", "_networks", "_of", "_ranks")

    def __init__(self) -> None:
        self._of: dict[Key, tuple[_Network[Key], Stage]] = {}
        self._networks: dict[str, _Network[Key]] = {}
        # Networks by rank, each rank in order of arrival; an empty rank has no entry.
        self._ranks: dict[int, dict[_Network[Key], None]] = {}
        self._most = 0

    def __len__(self) -> int:
        return len(self._of)

    def held_by(self, network: str) -> int:
        """How many connections a network has."""
        found = self._networks.get(network)
        return 0 if found is None else found.held

    def enter(self, connection: Key, network: str) -> None:
        """Add a connection whose handshake begins."""
        found = self._networks.get(network)
        if found is None:
            found = self._networks[network] = _Network(network)
        found.held += 1
        found.stages[Stage.HANDSHAKE][connection] = None
        self._of[connection] = (found, Stage.HANDSHAKE)
        if found.held > self._most:
            self._most = found.held
        self._rank(found)

    def move(self, connection: Key, stage: Stage) -> None:
        """Note that a connection has reached another stage; one that is not in the table is ignored."""
        entry = self._of.get(connection)
        if entry is None or entry[1] is stage:
            return
        network, old = entry
        stages = network.stages
        del stages[old][connection]
        stages[stage][connection] = None
        self._of[connection] = (network, stage)
        self._rank(network)

    def leave(self, connection: Key) -> None:
        """Remove a connection; one that is not in the table is ignored."""
        entry = self._of.pop(connection, None)
        if entry is None:
            return
        network, stage = entry
        network.held -= 1
        del network.stages[stage][connection]
        if not network.held:
            del self._networks[network.name]
        self._rank(network)

    def gives_way(self, network: str | None = None) -> Key | None:
        """The connection to evict, of ``network`` if given; None if all are complete."""
        if network is not None:
            only = self._networks.get(network)
            return None if only is None else _first(only)
        for held in range(self._most, 0, -1):
            groups = [self._ranks.get(held << 2 | stage, {}) for stage in _GIVING_WAY]
            largest = max(groups, key=len)  # the first one if they tie
            if largest is groups[Stage.REQUEST]:
                newest = min(len(largest) // 4, _SPARED)
                return _first(next(islice(reversed(largest), newest, None)))
            if largest:
                return _first(next(iter(largest)))
            if held == self._most and held << 2 | Stage.COMPLETE not in self._ranks:
                self._most -= 1
        return None

    def _rank(self, network: _Network[Key]) -> None:
        """Bring the rank of a network up to date."""
        # Four times per message, so without a loop over the stages.
        first, second, third, _ = network.stages
        stage = 0 if first else 1 if second else 2 if third else 3
        rank = network.held << 2 | stage if network.held else 0
        before = network.rank
        if rank == before:
            return
        network.rank = rank
        if before:
            networks = self._ranks[before]
            del networks[network]
            if not networks:
                del self._ranks[before]
        if rank:
            self._ranks.setdefault(rank, {})[network] = None


def _first(network: _Network[Key]) -> Key | None:
    for stage in _GIVING_WAY:
        if network.stages[stage]:
            return next(iter(network.stages[stage]))
    return None


def network_of(address: str) -> str:
    """The network an IP address counts towards: IPv4 /24, IPv6 /56. IPv4 inside IPv6 counts as IPv4.

    Anything that is not an address (a Unix socket) counts as one network.
    """
    if ":" not in address:
        return address.rpartition(".")[0] or address
    try:
        parsed = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped).rpartition(".")[0]
    return f"{int(parsed) >> 72:x}/56"
