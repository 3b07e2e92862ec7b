"""The servers a domain names in DNS by SRV records (RFC 2782, RFC 6186, RFC 8314), chosen. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from misfin.email.account import MailProtocol, MailServer, Protection
from misfin.email.discovery.found import DiscoveryError, server_name
from misfin.email.dnsrecords import SrvRecord


class _Service(NamedTuple):
    protocol: MailProtocol
    protection: Protection


SERVICES = {
    "_imaps._tcp": _Service(MailProtocol.IMAP, Protection.TLS),
    "_imap._tcp": _Service(MailProtocol.IMAP, Protection.STARTTLS),
    "_pop3s._tcp": _Service(MailProtocol.POP3, Protection.TLS),
    "_submissions._tcp": _Service(MailProtocol.SMTP, Protection.TLS),
    "_submission._tcp": _Service(MailProtocol.SMTP, Protection.STARTTLS),
}
"""What is asked for, the best of its kind first."""


def choose(records: Mapping[str, Sequence[SrvRecord]]) -> tuple[MailServer, MailServer]:
    """Incoming and outgoing server of what DNS says for each of :data:`SERVICES`.

    Of one service the lowest priority counts, then the highest weight: the answer has to be the same each
    time it is shown. Raises :class:`DiscoveryError` where one of the two is missing.
    """
    servers = [
        server for service in SERVICES if (server := _server(service, records.get(service, ()))) is not None
    ]
    incoming = [each for each in servers if each.protocol is not MailProtocol.SMTP]
    outgoing = [each for each in servers if each.protocol is MailProtocol.SMTP]
    if not (incoming and outgoing):
        raise DiscoveryError("DNS does not name both a server for receiving and one for sending.")
    return incoming[0], outgoing[0]


def _server(service: str, records: Sequence[SrvRecord]) -> MailServer | None:
    protocol, protection = SERVICES[service]
    for record in sorted(records, key=lambda each: (each.priority, -each.weight, *each[2:])):
        try:
            name = server_name(record.target)
        except DiscoveryError:
            continue  # "." says that there is none; this machine and IP addresses are refused
        if 0 < record.port < 65536:
            return MailServer(protocol, name, record.port, protection)
    return None
