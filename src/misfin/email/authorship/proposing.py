"""Which id the account's own server writes its results under, found in messages (docs/trust.md §7).

A person decides. A sender can write such a field below the server's own, under any id. So an id is proposed
only if all mail that came through its hosts has it in the server's place, and if signatures prove that many
domains sent that mail: a stranger can forge some messages, but not those of others.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from misfin.email.authorship.header import RawField
from misfin.email.authorship.results import ServerHop, hop_of, results_of, server_field, within

LEAST: Final = 10
"""Messages that came through the server."""
SENDERS: Final = 5
"""Domains among them that are proven to have sent theirs."""
_MAX_FIELDS: Final = 10
_MAX_HOPS: Final = 20
_ID: Final = re.compile(r"(?=.{4,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*")


@dataclass(frozen=True, slots=True)
class ServerTrace:
    """What one message says of the servers it came through: its hops from the top, and the ids whose results
    are in their server's place. ``sender`` is the domain that is proven to have sent it, empty if none is.
    """

    hops: tuple[ServerHop, ...]
    ids: frozenset[str]
    sender: str = ""


def trace_of(fields: Sequence[RawField], sender: str = "") -> ServerTrace:
    """The trace of a message with these fields."""
    named = [results_of(field) for field in fields if field.name == b"authentication-results"]
    wanted = {name for name, _ in named[:_MAX_FIELDS] if _ID.fullmatch(name)}
    received = [hop_of(field) for field in fields if field.name == b"received"][:_MAX_HOPS]
    in_place = frozenset(each for each in wanted if server_field(fields, each) is not None)
    return ServerTrace(tuple(received), in_place, sender)


def proposed(traces: Sequence[ServerTrace]) -> str:
    """The id to propose for an account with these messages; empty if none, or more than one, may be."""
    found = [each for each in frozenset().union(*(trace.ids for trace in traces)) if _may_be(each, traces)]
    return found[0] if len(found) == 1 else ""


def _may_be(server: str, traces: Sequence[ServerTrace]) -> bool:
    through = [trace for trace in traces if _came_in_by(server, trace)]
    known = [trace for trace in traces if trace.hops]
    senders = {trace.sender for trace in through if trace.sender and not within(trace.sender, server)}
    return (
        len(through) >= LEAST
        and 2 * len(through) > len(known)
        and len(senders) >= SENDERS
        and all(server in trace.ids for trace in through)
    )


def _came_in_by(server: str, trace: ServerTrace) -> bool:
    """Whether the newest hops are in the domain of the id, and the last of them took it from outside."""
    for hop in trace.hops:
        if not within(hop.by, server):
            return False
        if not within(hop.sent, server):
            return True
    return False
