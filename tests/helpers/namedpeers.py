"""Servers on loopback that stand for hosts with names: TLS for any names, DNS, HTTPS with canned answers."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
from certificates import alternative_names, build
from smtppeers import listening


@cache
def tls_for(*names: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a certificate for these names, and one of a client that trusts only it."""
    san = alternative_names([f"DNS:{name}" for name in names])
    made = build(names=names[:1], users=(), san=san, key="p256", ca=True)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with TemporaryDirectory() as folder:
        pem = Path(folder) / "server.pem"
        pem.write_bytes(made.pem)
        server.load_cert_chain(pem)
    return server, ssl.create_default_context(cadata=made.cert_pem.decode())


@dataclass
class Hosts:
    """Where names are really reached: a port of this machine each; the rest nowhere. ``asked`` is who was."""

    ports: dict[tuple[str, int], int] = field(default_factory=dict)
    asked: list[tuple[str, int]] = field(default_factory=list)

    def __call__(self, host: str, port: int) -> tuple[str, int]:
        self.asked.append((host, port))
        return "127.0.0.1", self.ports.get((host, port), 1)  # nobody listens on port 1


class _Dns(asyncio.DatagramProtocol):
    """Answers from ``records``: ``{(name, type): [rdata, …]}``; ``silent`` names get no answer at all."""

    def __init__(
        self, records: Mapping[tuple[str, str], list[str]], silent: frozenset[str], ttl: int
    ) -> None:
        self._ttl = ttl
        self._records = records
        self._silent = silent
        self.asked: list[tuple[str, str]] = []

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        query = dns.message.from_wire(data)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        if name in self._silent:
            return
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        found = self._records.get((name, kind))
        if found:
            response.answer.append(dns.rrset.from_text_list(question.name, self._ttl, "IN", kind, found))
        elif not any(known == name for known, _ in self._records):
            response.set_rcode(dns.rcode.NXDOMAIN)
        self.transport.sendto(response.to_wire(), addr)


@contextlib.asynccontextmanager
async def dns_server(
    records: Mapping[tuple[str, str], list[str]], silent: frozenset[str] = frozenset(), ttl: int = 60
) -> AsyncIterator[tuple[int, list[tuple[str, str]]]]:
    """A DNS server on loopback; its port, and what it was asked."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(
        lambda: _Dns(records, silent, ttl), local_addr=("127.0.0.1", 0)
    )
    try:
        yield transport.get_extra_info("sockname")[1], protocol.asked
    finally:
        transport.close()
        await asyncio.sleep(0)


def ok(body: bytes, **fields: str) -> bytes:
    """A whole answer with this body."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join(["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *lines, "", ""]).encode() + body


def redirect(url: str, status: int = 302) -> bytes:
    """A redirect without a body."""
    return f"HTTP/1.1 {status} Elsewhere\r\nLocation: {url}\r\nContent-Length: 0\r\n\r\n".encode()


NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


@contextlib.asynccontextmanager
async def https_server(
    answer: Callable[[str, str, bytes], bytes], context: ssl.SSLContext | None
) -> AsyncIterator[int]:
    """An HTTPS server: ``answer`` maps host, path and body to a whole answer; HTTP without a context."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(fields.get("content-length", 0)))
        writer.write(answer(fields["host"], first.split(" ")[1], body))
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        await reader.read()

    async with listening(serve, ssl=context) as port:
        yield port


def server_xml(kind="imap", host="imap.example.org", port=993, socket="SSL", user="%EMAILADDRESS%", *ways):
    """One server of a configuration file, of the usual kind or with something odd."""
    tag = "outgoingServer" if kind == "smtp" else "incomingServer"
    ways = "".join(f"<authentication>{way}</authentication>" for way in ways or ("password-cleartext",))
    return (
        f'<{tag} type="{kind}"><hostname>{host}</hostname><port>{port}</port>'
        f"<socketType>{socket}</socketType><username>{user}</username>{ways}</{tag}>"
    )


SMTP_XML = server_xml("smtp", "smtp.example.org", 465)


def autoconfig_xml(*servers: str, before: str = "") -> bytes:
    """A configuration file with these servers."""
    return (
        f'<?xml version="1.0"?>{before}<clientConfig version="1.1"><emailProvider id="example.org">'
        f"<domain>example.org</domain><displayName>Example Mail</displayName>{''.join(servers)}"
        f"</emailProvider></clientConfig>"
    ).encode()
