"""SRV, MX and TXT records from the system's resolver, with dnspython, which nothing else imports."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import dns.asyncresolver
import dns.exception
import dns.name
import dns.rdtypes.ANY.MX
import dns.rdtypes.ANY.TXT
import dns.rdtypes.IN.SRV
import dns.resolver

from misfin.email.dnsrecords import DNSError, SrvRecord

if TYPE_CHECKING:
    from dns.resolver import Answer

_MAX_RECORDS = 50
_TIMEOUT = 8.0
_REMEMBERED = 200
"""Answers kept while they may be: an answer has up to 64 KiB."""


class Resolver:
    """Asks DNS, and remembers answers as long as their TTL says; one may serve several threads and loops.

    ``nameservers`` and ``port`` are for another resolver than the system's.
    """

    def __init__(self, nameservers: Sequence[str] = (), port: int = 53, *, timeout: float = _TIMEOUT) -> None:
        self._nameservers = tuple(nameservers)
        self._port = port
        self._timeout = timeout
        self._resolver: dns.asyncresolver.Resolver | None = None

    async def srv(self, name: str) -> Sequence[SrvRecord]:
        """The SRV records of a name; empty where there are none.

        Raises :class:`~misfin.email.dnsrecords.DNSError` where DNS does not answer.
        """
        return [
            SrvRecord(record.priority, record.weight, record.port, _text(record.target))
            for record in await self._ask(name, "SRV")
            if isinstance(record, dns.rdtypes.IN.SRV.SRV)
        ]

    async def mx(self, name: str) -> Sequence[str]:
        """The hosts that take a domain's mail, the first to be tried first. Raises as :meth:`srv`."""
        records = [
            record for record in await self._ask(name, "MX") if isinstance(record, dns.rdtypes.ANY.MX.MX)
        ]
        records.sort(key=lambda record: (record.preference, _text(record.exchange)))
        return [_text(record.exchange) for record in records]

    async def txt(self, name: str) -> Sequence[bytes]:
        """The TXT records of a name, each in one piece; of a name that no DNS name can be, none.

        Raises as :meth:`srv`.
        """
        try:
            dns.name.from_text(f"{name}.")
        except (dns.exception.DNSException, UnicodeError):
            return []
        return [
            b"".join(record.strings)
            for record in await self._ask(name, "TXT")
            if isinstance(record, dns.rdtypes.ANY.TXT.TXT)
        ]

    async def _ask(self, name: str, kind: str) -> list[object]:
        if self._resolver is None:  # reads the system's configuration
            self._resolver = await asyncio.to_thread(self._configured)
        try:
            # A final dot, so that no search list turns the name into one of the local network.
            answer: Answer = await self._resolver.resolve(
                f"{name}.", kind, lifetime=self._timeout, raise_on_no_answer=False, search=False
            )
        except dns.resolver.NXDOMAIN:
            return []
        except (dns.exception.DNSException, OSError, ValueError) as error:
            raise DNSError("DNS does not answer.") from error
        return list(answer.rrset or ())[:_MAX_RECORDS]

    def _configured(self) -> dns.asyncresolver.Resolver:
        try:
            found = dns.asyncresolver.Resolver(configure=not self._nameservers)
        except dns.resolver.NoResolverConfiguration as error:
            raise DNSError("This machine has no DNS resolver.") from error
        if self._nameservers:
            found.nameservers = list(self._nameservers)
            found.port = self._port
        found.cache = dns.resolver.LRUCache(_REMEMBERED)
        return found


def _text(name: object) -> str:
    return str(name).rstrip(".").lower()
