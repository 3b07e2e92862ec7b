"""Finds the servers for an address: every way at once, and the best that answers in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from misfin.email.account import Login, MailServer
from misfin.email.discovery import autoconfig, srv
from misfin.email.discovery.found import (
    Discovery,
    DiscoveryError,
    Failure,
    Found,
    FoundBy,
    split_address,
)
from misfin.email.discovery.guessing import incoming_guesses, outgoing_guesses
from misfin.email.dnsrecords import SrvRecord
from misfin.email.providers import MailProvider, by_domain, by_exchange, by_server, is_within
from misfin.errors import MisfinError

if TYPE_CHECKING:
    from misfin.email.http import HttpsClient

PATIENCE = 10.0
"""Seconds that finding takes at most."""
_EACH = 8.0  # for one question: the next best answer, which is there by then, still has to count

T = TypeVar("T")


@dataclass(frozen=True)
class Asking:
    """How the network is asked. Each callable raises :class:`~misfin.errors.MisfinError`.

    ``srv`` gives the SRV records of a name, ``mx`` the hosts of a domain's MX records, the first to be tried
    first; ``fetch`` what is at an HTTPS address; ``probe`` nothing, unless a server does not prove itself.
    """

    srv: Callable[[str], Coroutine[Any, Any, Sequence[SrvRecord]]]
    mx: Callable[[str], Coroutine[Any, Any, Sequence[str]]]
    fetch: Callable[[str], Coroutine[Any, Any, bytes]]
    probe: Callable[[MailServer], Coroutine[Any, Any, None]]


def over_network() -> Asking:
    """The real network: the system's resolver and authorities."""
    from misfin.email.discovery.probing import Prober
    from misfin.email.http import HttpsClient
    from misfin.email.resolving import Resolver

    resolver = Resolver(timeout=_EACH)
    client = HttpsClient(timeout=_EACH, max_body=autoconfig.MAX_SIZE)
    return Asking(resolver.srv, resolver.mx, fetching(client), Prober(timeout=_EACH))


async def find_servers(address: str, asking: Asking | None = None, *, timeout: float = PATIENCE) -> Discovery:
    """The servers for an address, in at most ``timeout`` seconds.

    Nobody is asked but the domain of the address: its web server, its DNS, and servers with names inside it.
    Returns as soon as nothing better can come: what has been found by then, the best first.
    Raises :class:`~misfin.errors.AddressError` for what is not an e-mail address.
    """
    local, domain = split_address(address)
    if asking is None:
        asking = await asyncio.to_thread(over_network)  # imports much
    search = _Search(local, domain, asking)
    async with _asked(way(search) for way in _WAYS.values()) as asked:
        tasks = dict(zip(_WAYS, asked, strict=True))
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                for task in asked:  # in their order: what is found first cannot be bettered
                    await asyncio.wait([task])
                    if task.exception() is None:
                        break
    return _gathered(tasks)


def _gathered(tasks: dict[FoundBy, asyncio.Task[Found]]) -> Discovery:
    found: list[Found] = []
    failures: list[Failure] = []
    for how, task in tasks.items():
        error = None if task.cancelled() else task.exception()
        if task.cancelled():
            failures.append(Failure(how, "There was no answer in time."))
        elif error is None:
            found.append(task.result())
        elif isinstance(error, MisfinError):
            failures.append(Failure(how, str(error)))
        else:
            raise error  # a bug, which must not pass for "nothing found"
    return Discovery(tuple(found), tuple(failures))


# ---- the ways ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Search:
    local: str
    domain: str
    asking: Asking


async def _by_autoconfig(search: _Search) -> Found:
    """What the domain publishes, from the better of its two places."""
    urls = autoconfig.autoconfig_urls(search.local, search.domain)
    reason: MisfinError = DiscoveryError(f"{search.domain} publishes no configuration.")
    async with _asked(map(search.asking.fetch, urls)) as tasks:
        for task, url in zip(tasks, urls, strict=True):
            try:
                data = await task
                read = await asyncio.to_thread(autoconfig.read_autoconfig, data, search.local, search.domain)
            except MisfinError as error:
                reason = error
                continue
            detail = f"Named by {url.split('/')[2]}" + (f" for {read.provider}." if read.provider else ".")
            return _from_domain(read.incoming, read.outgoing, read.login, FoundBy.AUTOCONFIG, detail)
    raise reason


async def _by_srv(search: _Search) -> Found:
    names = [f"{service}.{search.domain}" for service in srv.SERVICES]
    async with _asked(map(search.asking.srv, names)) as tasks:
        # All or nothing: whoever can drop single answers must not choose among the services.
        answers = [await task for task in tasks]
    incoming, outgoing = srv.choose(dict(zip(srv.SERVICES, answers, strict=True)))
    hosts = dict.fromkeys((incoming.host, outgoing.host))
    outside = tuple(host for host in hosts if not is_within(host, search.domain))
    detail = f"Named in the DNS of {search.domain}."
    found = _from_domain(incoming, outgoing, Login.PASSWORD, FoundBy.SRV, detail)
    return replace(found, outside=outside)


async def _by_provider(search: _Search) -> Found:
    provider = by_domain(search.domain)
    if provider is None:
        raise DiscoveryError(f"{search.domain} is not a provider this program knows.")
    return _of(provider, FoundBy.PROVIDER, f"{search.domain} belongs to {provider.name}.")


async def _by_mx(search: _Search) -> Found:
    """The first host is the one that counts; whoever forges it can only choose among known providers."""
    hosts = await search.asking.mx(search.domain)
    provider = by_exchange(hosts[0]) if hosts else None
    if provider is None:
        raise DiscoveryError(f"The mail of {search.domain} does not go to a provider this program knows.")
    return _of(provider, FoundBy.MX, f"Mail for {search.domain} goes to {provider.name}.")


async def _by_guess(search: _Search) -> Found:
    guesses = incoming_guesses(search.domain), outgoing_guesses(search.domain)
    async with _asked(_first(search, each) for each in guesses) as tasks:
        incoming, outgoing = [await task for task in tasks]
    detail = "These are guesses, but the servers answered and their certificates are trusted."
    return Found(incoming, outgoing, Login.PASSWORD, FoundBy.GUESS, detail)


_WAYS: dict[FoundBy, Callable[[_Search], Coroutine[Any, Any, Found]]] = {
    FoundBy.AUTOCONFIG: _by_autoconfig,
    FoundBy.SRV: _by_srv,
    FoundBy.PROVIDER: _by_provider,
    FoundBy.MX: _by_mx,
    FoundBy.GUESS: _by_guess,
}


# ---- parts ------------------------------------------------------------------------------------------


@asynccontextmanager
async def _asked(questions: Iterable[Coroutine[Any, Any, T]]) -> AsyncIterator[list[asyncio.Task[T]]]:
    """Ask everything at once, as tasks in the order of the questions; what is still open ends with this."""
    tasks = [asyncio.create_task(question) for question in questions]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _first(search: _Search, servers: Sequence[MailServer]) -> MailServer:
    """The first server, in their order, that proves itself; all are asked at once."""
    async with _asked(map(search.asking.probe, servers)) as tasks:
        for server, task in zip(servers, tasks, strict=True):
            with suppress(MisfinError):
                await task
                return server
    raise DiscoveryError(f"No server with a usual name in {search.domain} answers.")


def _from_domain(
    incoming: MailServer, outgoing: MailServer, login: Login, how: FoundBy, detail: str
) -> Found:
    """What a domain says; how people log in at a known provider is known better."""
    provider = by_server(incoming.host)
    if provider is None:
        return Found(incoming, outgoing, login, how, detail)
    return Found(incoming, outgoing, provider.login, how, detail, provider.advice)


def _of(provider: MailProvider, how: FoundBy, detail: str) -> Found:
    return Found(provider.incoming, provider.outgoing, provider.login, how, detail, provider.advice)


def fetching(client: HttpsClient) -> Callable[[str], Coroutine[Any, Any, bytes]]:
    """An HTTPS client as a ``fetch`` of :class:`Asking`: anything but a file there is an error."""

    async def fetch(url: str) -> bytes:
        response = await client.get(url)
        if response.status != 200:
            raise DiscoveryError(f"{url.split('/')[2]} publishes no configuration.")
        return response.body

    return fetch
