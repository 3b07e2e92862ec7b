"""A mail domain on loopback that the real search for servers finds: DNS, a web server, names that resolve."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from mailservers import MailServers
from namedpeers import Hosts, autoconfig_xml, dns_server, https_server, ok, server_xml, tls_for

from misfin.email.discovery import Asking, finding
from misfin.email.discovery.probing import Prober
from misfin.email.http import HttpsClient
from misfin.email.resolving import Resolver

DOMAIN = "example.org"


@asynccontextmanager
async def findable(
    monkeypatch: pytest.MonkeyPatch, servers: MailServers, *ways: str
) -> AsyncIterator[list[tuple[str, int]]]:
    """Let ``example.org`` publish these servers and ways to log in; who was asked over HTTPS."""
    xml = autoconfig_xml(
        server_xml("imap", f"imap.{DOMAIN}", servers.imap.port, "SSL", "%EMAILADDRESS%", *ways),
        server_xml("smtp", f"smtp.{DOMAIN}", servers.smtp.port, "SSL", "%EMAILADDRESS%", *ways),
    )
    names = (DOMAIN, f"autoconfig.{DOMAIN}")
    there, here = tls_for(*names)
    async with dns_server({}) as (dns_port, _), https_server(lambda *_: ok(xml), there) as web:
        hosts = Hosts({(name, 443): web for name in names})
        resolver = Resolver(["127.0.0.1"], dns_port, timeout=5.0)
        client = HttpsClient(context=here, reach=hosts, timeout=5.0)
        asking = Asking(resolver.srv, resolver.mx, finding.fetching(client), Prober(here, hosts, 5.0))
        monkeypatch.setattr(finding, "over_network", lambda: asking)
        real = socket.getaddrinfo

        def lookup(host: Any, *arguments: Any, **more: Any) -> Any:
            ours = str(host).endswith(f".{DOMAIN}")
            return real("127.0.0.1" if ours else host, *arguments, **more)

        monkeypatch.setattr(socket, "getaddrinfo", lookup)
        yield hosts.asked
