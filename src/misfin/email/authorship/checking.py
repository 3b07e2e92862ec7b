"""Checks who wrote an e-mail: its signatures, what its domain asks for, and what the account's server
found.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from misfin.email.authorship import dkim, dmarc
from misfin.email.authorship.dkim import Signature, SignatureState
from misfin.email.authorship.dmarc import Lookup, Organisation
from misfin.email.authorship.header import RawField, split
from misfin.email.authorship.results import server_results
from misfin.email.dnsrecords import DNSError
from misfin.model.authorship import MailFindings

_LIST_ID: Final = re.compile(rb"<([!-;=?-~]{1,255})>[ \t]*\Z")
_QUESTIONS: Final = 40
"""DNS questions asked for one message: eight keys, and walks for its domains."""


async def check(
    data: bytes,
    author: str,
    *,
    server: str = "",
    lookup: Lookup | None = None,
    received: float | None = None,
) -> MailFindings:
    """What is known about who wrote a whole message.

    ``author`` is the domain of the only address in From, empty if there is not exactly one. ``server`` is the
    id of the account's own server, whose results count. ``lookup`` asks DNS for TXT records and raises
    :class:`~misfin.email.dnsrecords.DNSError` if it does not answer; without it DNS is not asked.
    ``received`` is when the message came, in Unix seconds: signatures that had expired by then do not count.
    """
    author = _ascii(author)
    fields, body = await asyncio.to_thread(split, data)
    if sum(field.name == b"from" for field in fields) != 1:
        author = ""
    asked = _Questions(lookup)
    found = dkim.signatures(fields)
    verified = [await _verified(each, fields, body, asked, received) for each in found]
    organisation = await _organisation(author, asked)
    passing = [each.domain for each, state in verified if each and state is SignatureState.PASS]
    aligned = await _first_aligned(passing, author, organisation, asked)
    list_id = _list_of(fields)
    listed = [
        each.domain
        for each, state in verified
        if each and state is SignatureState.PASS and list_id and b"list-id" in each.names
    ]
    by = spf = ""
    if author:
        partial = {each.domain for each in found if each is not None and each.partial}
        for result in server_results(fields, server):
            if result.result != "pass" or not result.domain:
                continue
            if result.method == "dkim" and not aligned and result.domain not in partial:
                aligned = await _first_aligned([result.domain], author, organisation, asked)
                by = server if aligned else ""
            elif result.method == "spf" and not spf:
                spf = await _first_aligned([result.domain], author, organisation, asked)
    return MailFindings(
        author=author,
        aligned=aligned,
        by=by,
        others=tuple(dict.fromkeys(each for each in passing if each != aligned)),
        bad=tuple(
            (each.domain if each else "", state.value)
            for each, state in verified
            if state is not SignatureState.PASS
        ),
        spf=spf,
        policy="" if organisation is None else organisation.policy.value,
        unchecked=asked.unanswered,
        list_id=list_id,
        server=server,
        listed=tuple(dict.fromkeys(each for each in listed if each != aligned)),
    )


class _Questions:
    """Asks DNS, each question once and not too many; remembers whether one went unanswered."""

    def __init__(self, lookup: Lookup | None) -> None:
        self._lookup = lookup
        self._known: dict[str, Sequence[bytes] | None] = {}
        self.unanswered = False

    async def __call__(self, name: str) -> Sequence[bytes]:
        if name not in self._known:
            self._known[name] = await self._answer(name)
        if (known := self._known[name]) is None:
            self.unanswered = True
            raise DNSError("DNS does not answer.")
        return known

    async def _answer(self, name: str) -> Sequence[bytes] | None:
        if self._lookup is None or len(self._known) >= _QUESTIONS:
            return None
        with suppress(DNSError):
            return await self._lookup(name)
        return None


async def _verified(
    signature: Signature | None,
    fields: Sequence[RawField],
    body: bytes,
    asked: _Questions,
    received: float | None,
) -> tuple[Signature | None, SignatureState]:
    if signature is None:
        return None, SignatureState.UNUSABLE
    try:
        records = await asked(signature.key_name)
    except DNSError:
        return signature, SignatureState.UNCHECKED
    state = await asyncio.to_thread(dkim.verify, signature, fields, body, records)
    if state is SignatureState.PASS and received is not None and signature.expired_by(received):
        state = SignatureState.EXPIRED
    return signature, state


async def _organisation(author: str, asked: _Questions) -> Organisation | None:
    """What DNS says of the author's domain; None if that cannot be known."""
    if not author:
        return None
    try:
        return await dmarc.organisation_of(author, asked)
    except DNSError:
        return None


async def _first_aligned(
    domains: Sequence[str], author: str, organisation: Organisation | None, asked: _Questions
) -> str:
    """The first domain that may speak for the author's; empty if none does. Without DNS only itself may."""
    for domain in domains:
        if not author:
            break
        if domain == author:
            return domain
        if organisation is not None:
            try:
                if await dmarc.aligned(domain, author, organisation, asked):
                    return domain
            except DNSError:
                continue
    return ""


def _list_of(fields: Sequence[RawField]) -> str:
    """The identifier of the mailing list in the only List-Id (RFC 2919); empty if there is none."""
    named = [field.value for field in fields if field.name == b"list-id"]
    found = _LIST_ID.search(named[0]) if len(named) == 1 else None
    return found[1].decode("ascii").lower() if found else ""


def _ascii(domain: str) -> str:
    """A domain as DNS knows it; empty if it cannot be one."""
    domain = domain.strip().rstrip(".").lower()
    try:
        return domain if domain.isascii() else domain.encode("idna").decode()
    except UnicodeError:
        return ""
