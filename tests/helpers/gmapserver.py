"""A server of one remote mailbox, written from docs/protocol.md §7 alone: it shares no code with the client.

It answers as Titlani does: unsorted ids joined by ", ", tags that are not exclusive, trash hidden elsewhere.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from scripted import ScriptedServer, Visit

from misfin.trust.identity import Identity

_LINE = re.compile(r"gemini://([^/:?#]+|\[[^\]]+\]):(\d+)(/[^?#]*)(?:\?(.*))?", re.DOTALL)


@dataclass
class Kept:
    """A message: its bytes, its tags, when it was received, and whether it cannot be read there."""

    data: bytes
    tags: set[str]
    received: datetime
    encrypted: bool = False


@dataclass
class GmapBox:
    """What the mailbox holds, and what was asked of it.

    ``odd`` may answer instead: bytes, or None. ``gate`` is called with each request before it is looked at.
    """

    messages: dict[str, Kept] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    odd: Callable[[str], bytes | None] = lambda _request: None
    gate: Callable[[], object] = lambda: None
    most_at_once: int = 0
    _open: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _count: int = 0

    def add(self, text: bytes, *tags: str, encrypted: bool = False, name: str = "") -> str:
        """Put a message there; new mail without tags. Returns its id."""
        with self._lock:
            self._count += 1
            when = datetime.fromtimestamp(1_700_000_000 + self._count, UTC)
            name = name or f"{when:%Y%m%dT%H%M%SZ}-{self._count:08x}"
            self.messages[name] = Kept(text, set(tags) or {"Inbox", "Unread"}, when, encrypted)
            return name

    def tags(self, name: str) -> set[str]:
        return self.messages[name].tags

    def texts(self, tag: str) -> list[bytes]:
        return sorted(each.data for each in self.messages.values() if tag in each.tags)

    # ---- one request

    def answer(self, line: bytes, *, registered: bool | None) -> bytes:
        text = line.decode("utf-8", "replace")
        with self._lock:
            found = _LINE.fullmatch(text)
            if found is None:
                return b"59 Bad request\r\n"
            path, query = found[3], found[4]
            asked = path if query is None else f"{path}?{query}"
            self.asked.append(asked)
            if (odd := self.odd(asked)) is not None:
                return odd
            if registered is None:
                return b"60 Certificate required\r\n"
            if not registered:
                return b"61 Not registered\r\n"
            return self._route(path, query)

    def _route(self, path: str, query: str | None) -> bytes:
        match path.split("/")[1:]:
            case ["msgid", name]:
                kept = self.messages.get(name)
                if kept is None:
                    return b"51 Not found\r\n"
                if kept.encrypted:
                    return b"40 Message is encrypted\r\n"
                return b"20 text/plain\r\n" + kept.data
            case ["tag", ""]:
                return b"59 No query\r\n" if query else self._ids(lambda kept: "Trash" not in kept.tags)
            case ["tag", tag] if query is not None:
                return self._change(query, lambda tags: tags.add(tag), b"Tag added")
            case ["tag", tag]:
                return self._ids(
                    lambda kept: tag in kept.tags and (tag == "Trash" or "Trash" not in kept.tags)
                )
            case ["tag", tag, time]:
                try:
                    since = datetime.strptime(time, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
                except ValueError:
                    return b"51 Not found\r\n"
                return self._ids(
                    lambda kept: tag in kept.tags and "Trash" not in kept.tags and kept.received >= since
                )
            case ["untag", tag]:
                return self._change(query, lambda tags: tags.discard(tag), b"Tag removed")
            case ["delete"]:
                return self._delete(query)
        return b"51 Not found\r\n"

    def _ids(self, wanted: Callable[[Kept], bool]) -> bytes:
        names: Iterable[str] = [name for name, kept in self.messages.items() if wanted(kept)]
        return b"20 text/plain\r\n" + ", ".join(sorted(names, key=hash)).encode()

    def _change(self, query: str | None, change: Callable[[set[str]], object], words: bytes) -> bytes:
        if not query:
            return b"59 No id\r\n"
        kept = self.messages.get(query)
        if kept is None:
            return b"51 Unknown message\r\n"
        change(kept.tags)
        return b"20 text/plain\r\n" + words

    def _delete(self, query: str | None) -> bytes:
        if not query:
            return b"59 No id\r\n"
        kept = self.messages.get(query)
        if kept is None:
            return b"51 Unknown message\r\n"
        if "Trash" not in kept.tags:
            return b"51 Message not in Trash\r\n"
        del self.messages[query]
        return b"20 text/plain\r\nMessage deleted"

    # ---- counting

    def entered(self, by: int) -> None:
        with self._lock:
            self._open += by
            self.most_at_once = max(self.most_at_once, self._open)


class GmapServer(ScriptedServer):
    """Serves a box to whoever has the certificate of ``owner``; ``polite`` ends with close_notify."""

    def __init__(self, host: Identity, owner: Identity, box: GmapBox, *, polite: bool = True) -> None:
        self.box, self._owner, self._polite = box, owner, polite
        super().__init__(host, self._one)

    def _one(self, visit: Visit) -> None:
        self.box.entered(1)
        try:
            while b"\r\n" not in visit.got:
                visit.read_some()
            self.box.gate()
            registered = None if visit.client is None else _same(visit, self._owner)
            visit.say(self.box.answer(visit.got.partition(b"\r\n")[0], registered=registered))
        finally:
            self.box.entered(-1)
        if self._polite:
            visit.goodbye()


def _same(visit: Visit, owner: Identity) -> bool:
    from scripted import der_of

    return der_of(visit.client) == owner.info.der


def gemmail(number: int, body: str = "Hello\n") -> bytes:
    """A message as such a server keeps it."""
    when = datetime.fromtimestamp(1_690_000_000 + number, UTC)
    lines = f"bea@hive.test Bea\nada@mail.example\n{when:%Y-%m-%dT%H:%M:%SZ}\n"
    return f"{lines}# Number {number}\n{body}".encode()
