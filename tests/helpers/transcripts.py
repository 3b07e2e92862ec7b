"""What an engine makes of a server's bytes, however they are cut."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from misfin.email.imap import FetchPiece
from misfin.email.pop3 import MessagePiece
from misfin.errors import RemoteProtocolError


def events_of(engine: Any, chunks: Iterable[bytes]) -> list[Any]:
    """The events, pieces of one body put together; at the end the text of the error, if there was one."""
    found: list[Any] = []
    try:
        for chunk in chunks:
            engine.feed_bytes(chunk)
            for event in engine.events():
                _add(found, event)
    except RemoteProtocolError as e:
        found.append(str(e))
    return found


def _add(found: list[Any], event: Any) -> None:
    last = found[-1] if found else None
    more = (isinstance(event, FetchPiece) and isinstance(last, FetchPiece) and not last.last) or (
        isinstance(event, MessagePiece) and isinstance(last, MessagePiece) and last.tag == event.tag
    )
    if more:
        found[-1] = replace(event, data=last.data + event.data)
    else:
        found.append(event)


def the_same_at_every_cut(make: Callable[[], Any], data: bytes) -> list[Any]:
    """The events, having checked that they are the same for every cut into two and byte by byte."""
    whole = events_of(make(), [data])
    for cut in range(1, len(data)):
        assert events_of(make(), [data[:cut], data[cut:]]) == whole, (data[:cut], data[cut:])
    assert events_of(make(), [data[at : at + 1] for at in range(len(data))]) == whole
    return whole
