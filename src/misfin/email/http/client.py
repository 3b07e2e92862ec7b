"""One HTTPS request with asyncio: verified certificates, bounded answers, redirects that stay on HTTPS."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

from misfin.email.http.reading import HttpError, HttpReader, HttpResponse
from misfin.email.tls import system_context
from misfin.errors import AddressError, DeliveryTimeoutError
from misfin.model.address import normal_hostname
from misfin.net.dialing import Endpoint, Lookup, dial

MAX_BODY = 256 * 1024
"""Bytes of a body at most."""
MAX_REDIRECTS = 3
_READ = 16 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TARGET = re.compile(r"[!-~]{1,4000}")  # printable ASCII without spaces: nothing can end the request line

Reach = Callable[[str, int], "tuple[str, int] | None"]
"""Where a host and port are really to be reached, or None for there."""


@dataclass(frozen=True)
class HttpsClient:
    """Makes single requests, each on a connection of its own.

    ``context`` decides about certificates; without one the system's authorities do. ``plain_loopback``
    allows ``http://`` to this machine, for a provider that runs there. ``public_only`` refuses hosts with a
    private address, for URLs that a stranger chose. ``timeout`` is for one request with
    all of its redirects, in seconds.
    """

    context: ssl.SSLContext | None = None
    reach: Reach | None = None
    plain_loopback: bool = False
    public_only: bool = False
    timeout: float = 10.0
    max_body: int = MAX_BODY

    async def get(self, url: str) -> HttpResponse:
        """Get what is at ``url``, after at most :data:`MAX_REDIRECTS` redirects.

        Raises :class:`~misfin.email.http.HttpError`: the URL or a redirect does not lead to HTTPS, the
        certificate is not trusted, the answer is not HTTP, too large or too slow; and
        :class:`~misfin.errors.DeliveryError` where the host cannot be reached.
        """
        return await self._within(self._follow(url), url)

    async def post(self, url: str, body: bytes, content_type: str) -> HttpResponse:
        """Post ``body``; a redirect is returned and not followed, as the body may be a secret.

        Raises as :meth:`get`.
        """
        return await self._within(self._ask("POST", url, {"Content-Type": content_type}, body), url)

    async def _within(self, request: Coroutine[Any, Any, HttpResponse], url: str) -> HttpResponse:
        try:
            async with asyncio.timeout(self.timeout):
                return await request
        except DeliveryTimeoutError:
            raise
        except TimeoutError:
            host = urlsplit(url).hostname
            raise HttpError(f"{host} did not answer within {self.timeout:g} seconds.") from None

    async def _follow(self, url: str) -> HttpResponse:
        for _ in range(MAX_REDIRECTS + 1):
            response = await self._ask("GET", url, {}, b"")
            target = response.fields.get("location", "")
            if response.status not in _REDIRECTS or not target:
                return response
            try:
                url = urljoin(url, target)
            except ValueError:
                break
        raise HttpError("The redirects do not lead to an answer.")

    async def _ask(self, method: str, url: str, fields: Mapping[str, str], body: bytes) -> HttpResponse:
        parts, host, port = self._target(url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        named = host if parts.port is None else f"{host}:{port}"
        lines = [f"{method} {path} HTTP/1.1", f"Host: {named}", "Accept: */*", "Accept-Encoding: identity"]
        lines += [f"{name}: {value}" for name, value in fields.items()]
        if method == "POST":
            lines.append(f"Content-Length: {len(body)}")
        lines += ["Connection: close", "", ""]
        reader, writer = await self._connect(parts.scheme, host, port)
        try:
            writer.write("\r\n".join(lines).encode("ascii") + body)
            await writer.drain()
            return await self._answer(reader)
        except OSError as error:
            raise HttpError(f"{host} closed the connection.") from error
        finally:
            writer.transport.abort()  # everything has been read, or nothing more is wanted

    async def _answer(self, reader: asyncio.StreamReader) -> HttpResponse:
        http = HttpReader(self.max_body)
        while http.response is None:
            data = await reader.read(_READ)
            if data:
                http.feed(data)
            else:
                http.end()
        return http.response

    def _target(self, url: str) -> tuple[SplitResult, str, int]:
        """What to ask where; raises :class:`HttpError` for anything but a plain HTTPS address."""
        if not _TARGET.fullmatch(url):
            raise HttpError("The address cannot be requested.")
        try:
            parts = urlsplit(url)
            port = parts.port
            host = parts.hostname or ""
            host = normal_hostname(f"[{host}]" if ":" in host else host)
        except (ValueError, AddressError):
            raise HttpError("The address has no host that can be reached.") from None
        loopback = self.plain_loopback and parts.scheme == "http" and host in {"127.0.0.1", "[::1]"}
        if not (parts.scheme == "https" or loopback) or parts.username is not None:
            raise HttpError("The address is not one for HTTPS.")
        return parts, host, port or (443 if parts.scheme == "https" else 80)

    async def _connect(
        self, scheme: str, host: str, port: int
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        endpoint = Endpoint(host, port, self.reach(host, port) if self.reach else None)
        context: ssl.SSLContext | None = None
        if scheme == "https":  # reading the system's authorities takes some 20 ms
            context = self.context or await asyncio.to_thread(system_context)
        addresses = await Lookup(endpoint).addresses(self.timeout, public_only=self.public_only)
        sock = await dial(endpoint, addresses, self.timeout)
        try:
            return await asyncio.open_connection(
                sock=sock, ssl=context, server_hostname=host.strip("[]") if context else None, limit=_READ
            )
        except ssl.SSLCertVerificationError as error:
            sock.close()
            raise HttpError(f"The certificate of {host} is not trusted: {error.verify_message}.") from error
        except OSError as error:
            sock.close()
            raise HttpError(f"There is no TLS connection to {host}.") from error
        except BaseException:
            sock.close()
            raise
