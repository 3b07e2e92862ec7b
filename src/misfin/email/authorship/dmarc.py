"""DMARC: what a domain asks for, and which domains belong together, by walking up its name in DNS.

The walk of RFC 9989 §4.10 needs no list of public suffixes, which would have to be kept up to date: a
domain's own records say where an organisation begins. They are asked for its policy anyway.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from misfin.email.authorship.tags import tags_of

Lookup = Callable[[str], Awaitable[Sequence[bytes]]]
"""The TXT records of a name, none if there is no such name; raises if DNS does not answer."""

_MOST_LABELS: Final = 8
_MAX_RECORD: Final = 4096


class Policy(StrEnum):
    """What a domain asks for where nothing proves that it wrote a message."""

    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Organisation:
    """The domain of an organisation, and what it asks for mail from the domain that was asked about."""

    domain: str
    policy: Policy = Policy.NONE
    strict: bool = False
    """Whether only the very same domain may sign."""


@dataclass(frozen=True, slots=True)
class _Record:
    domain: str
    tags: dict[str, str]

    def policy(self, *names: str) -> Policy:
        """The policy in the first of these tags that is there; an unknown one asks for nothing."""
        asked = next((self.tags[name] for name in names if name in self.tags), "")
        return Policy(asked.lower()) if asked.lower() in list(Policy) else Policy.NONE


async def organisation_of(domain: str, lookup: Lookup) -> Organisation:
    """What DNS says about a domain in From. Raises what ``lookup`` raises; asks at most eight times."""
    found: list[_Record] = []
    top = ""
    for name in _names(domain):
        record = _record(name, await lookup(f"_dmarc.{name}"))
        if record is None:
            continue
        psd = record.tags.get("psd", "u").lower()
        if psd == "y" and name != domain:
            top = _below(domain, name)
            break
        found.append(record)
        if psd == "n":
            break
    if not top:
        top = found[-1].domain if found else domain
    own = next((record for record in found if record.domain == domain), None)
    if own is not None:
        return Organisation(top, own.policy("p"), own.tags.get("adkim", "r").lower() == "s")
    above = next((record for record in found if record.domain == top), None)
    if above is None:
        return Organisation(top)
    return Organisation(top, above.policy("sp", "p"), above.tags.get("adkim", "r").lower() == "s")


async def aligned(signer: str, author: str, organisation: Organisation, lookup: Lookup) -> bool:
    """Whether a domain may speak for the one in From, whose organisation is given (RFC 9989 §4.4)."""
    if signer == author:
        return True
    if organisation.strict:
        return False
    related = signer == organisation.domain or signer.endswith(f".{organisation.domain}")
    return related and (await organisation_of(signer, lookup)).domain == organisation.domain


def _names(domain: str) -> list[str]:
    """The names to ask: the domain, then those above it, of long names only the last seven labels."""
    labels = domain.split(".")
    start = 1 if len(labels) <= _MOST_LABELS else len(labels) - _MOST_LABELS + 1
    return [domain, *(".".join(labels[at:]) for at in range(start, len(labels)))]


def _below(domain: str, suffix: str) -> str:
    """The name one label longer than a suffix of ``domain``."""
    count = suffix.count(".") + 2
    return ".".join(domain.split(".")[-count:])


def _record(domain: str, answers: Sequence[bytes]) -> _Record | None:
    """The one DMARC record among the answers; several are none (RFC 9989 §4.7)."""
    found = []
    for answer in answers[:20]:
        text = answer[:_MAX_RECORD].decode("utf-8", "replace")
        if text.replace(" ", "").startswith("v=DMARC1") and (tags := tags_of(text)):
            found.append(_Record(domain, tags))
    return found[0] if len(found) == 1 else None
