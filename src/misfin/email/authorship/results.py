"""What the account's own server found out: Authentication-Results (RFC 8601), where nobody else can write
them.

From the top, ``Received`` fields are the server's own while their ``by`` host is in the domain of its id,
ending with the first whose ``from`` is outside it. Of the results with that id above the next ``Received``,
only the topmost counts: whatever is below came with the message.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from misfin.email.authorship.header import RawField

_MAX_VALUE: Final = 16384
_BY: Final = re.compile(r"(?:^|\s)by\s+([^\s;()]+)", re.I)
_FROM: Final = re.compile(r"^\s*from\s+([^\s;()]+)", re.I)
_RESULT: Final = re.compile(r"\s*([a-z][a-z0-9-]*)(?:\s*/\s*\d+)?\s*=\s*([a-z]+)", re.I)
_PROPERTY: Final = re.compile(r"([a-z][a-z0-9-]*)\s*\.\s*([a-z][a-z0-9_-]*)\s*=\s*(\"[^\"]*\"|[^\s;]+)", re.I)


@dataclass(frozen=True, slots=True)
class ServerResult:
    """One result: ``dkim``, ``spf`` …, ``pass``, ``fail`` …, and the domain that it is about, or empty."""

    method: str
    result: str
    domain: str


def server_results(fields: Sequence[RawField], server: str) -> list[ServerResult]:
    """The results that count, by the id of the account's server; none without an id."""
    first = server_field(fields, server)
    return list(_read(first)) if first is not None else []


@dataclass(frozen=True, slots=True)
class ServerHop:
    """The hosts of one Received field: who took the message, and where it came from; or empty."""

    by: str
    sent: str


def hop_of(field: RawField) -> ServerHop:
    """What a Received field says, without its comments."""
    text = _text(field)
    by, sent = _BY.search(text), _FROM.search(text)
    return ServerHop(by[1] if by else "", sent[1] if sent else "")


def results_of(field: RawField) -> tuple[str, str]:
    """The id of an Authentication-Results field in lower case, empty if it has none, and its text."""
    text = _text(field)
    return "".join(text.partition(";")[0].split()[:1]), text


def server_field(fields: Sequence[RawField], server: str) -> str | None:
    """The text of the one field that counts, by the id of the account's server; None if there is none."""
    server = server.strip().lower().rstrip(".")
    if not server:
        return None
    own_block = True  # still among the server's own Received fields
    received = False
    first: str | None = None
    for field in fields:
        if field.name == b"received":
            if not own_block:
                break
            hop = hop_of(field)
            if not within(hop.by, server):
                break
            received = True
            own_block = within(hop.sent, server)
        elif field.name == b"authentication-results" and first is None:
            name, text = results_of(field)
            if name == server:
                first = text
    # Without any Received of its own, the server did not see the message: the field came with it.
    return first if received else None


def within(host: str, domain: str) -> bool:
    """Whether a host is this domain or below it."""
    host = host.lower().strip("[]").rstrip(".")
    return host == domain or host.endswith(f".{domain}")


def _read(text: str) -> list[ServerResult]:
    found = []
    for part in text.split(";")[1:][:50]:
        result = _RESULT.match(part)
        if result is None:
            continue
        values = {f"{kind}.{name}".lower(): value.strip('"') for kind, name, value in _PROPERTY.findall(part)}
        names = ("header.d", "header.i", "header.from", "smtp.mailfrom", "smtp.mail")
        about = next((values[name] for name in names if name in values), "")
        found.append(
            ServerResult(result[1].lower(), result[2].lower(), about.rpartition("@")[2].lower().rstrip("."))
        )
    return found


def _text(field: RawField) -> str:
    """The value without comments, which may hold a stranger's text."""
    text = field.value[:_MAX_VALUE].decode("utf-8", "replace")
    kept, depth, quoted = [], 0, False
    for char in text:
        if char == '"' and not depth:
            quoted = not quoted
        if char == "(" and not quoted:
            depth += 1
        elif char == ")" and not quoted and depth:
            depth -= 1
        elif not depth:
            kept.append(char)
    return "".join(kept).lower()
