"""Looks up a host and opens a TCP connection to it, with a distinct error for each kind of failure."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import queue
import socket
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TypedDict

from misfin.errors import ConnectError, DeliveryTimeoutError, HostUnknownError
from misfin.trust.tofu import pin_name
from misfin.valueclass import dataclass

# Addresses are tried this many seconds apart while earlier ones do not respond (RFC 8305 §5).
_HEAD_START = 0.25
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052
_NO_ROUTE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
_KEEP_WORKER = 30.0  # seconds
# Lookup, connection and handshake have short limits: the message can always be sent again later.
_QUICK = 15.0

Address = tuple[socket.AddressFamily, tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds each phase of a delivery may take.

    ``response`` is long because the other server may first have to ask ours (docs/protocol.md §2).
    """

    lookup: float = _QUICK
    connect: float = _QUICK
    handshake: float = _QUICK
    response: float = 60.0

    @classmethod
    def of(cls, seconds: float) -> Timeouts:
        """Wait ``seconds`` for the answer, and at most that long for any other phase."""
        quick = min(seconds, _QUICK)
        return cls(quick, quick, quick, seconds)


class HostFacts(TypedDict):
    """The host an error is about."""

    hostname: str
    port: int


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A host by the name of its pin; ``connect`` is where to connect instead, if set."""

    hostname: str
    port: int
    connect: tuple[str, int] | None = None

    @property
    def facts(self) -> HostFacts:
        """Host and port, as arguments of every :class:`~misfin.errors.DeliveryError`."""
        return {"hostname": self.hostname, "port": self.port}

    @property
    def name(self) -> str:
        """``host:port``, the name of its pin."""
        return pin_name(self.hostname, self.port)


class Lookup:
    """A name lookup, started on construction. For the running event loop."""

    def __init__(self, endpoint: Endpoint) -> None:
        host, port = endpoint.connect or (endpoint.hostname, endpoint.port)
        self._endpoint = endpoint
        self._host = host.strip("[]")
        self._found = _numeric(self._host, port)
        self._answer = None if self._found else _ask(self._host, port)

    def cancel(self) -> None:
        """Give up waiting for the answer."""
        if self._answer is not None:
            self._answer.cancel()

    async def addresses(self, timeout: float, *, public_only: bool = False) -> list[Address]:
        """The addresses, alternating between IPv6 and IPv4.

        Raises :class:`~misfin.errors.HostUnknownError`, :class:`~misfin.errors.DeliveryTimeoutError`, or
        :class:`~misfin.errors.ConnectError` if ``public_only`` leaves no address; a ``connect`` set by the
        user is never refused.
        """
        endpoint, found = self._endpoint, self._found
        if self._answer is not None:
            found = await self._wait(self._answer, timeout)
        if public_only and endpoint.connect is None:
            found = [address for address in found if _is_public(str(address[1][0]))]
            if not found:
                raise ConnectError(
                    f"{self._host} has a private address, and strangers must not cause connections to it.",
                    **endpoint.facts,
                    remedy="Allow private addresses if this is a closed network.",
                )
        return _by_turns(found)

    async def _wait(self, answer: asyncio.Future[list[Address]], timeout: float) -> list[Address]:
        facts = self._endpoint.facts
        try:
            async with asyncio.timeout(timeout):
                return await answer
        except TimeoutError:
            raise DeliveryTimeoutError(
                f"The address of {self._host} could not be looked up within {timeout:g} seconds.",
                **facts,
                remedy="Check that you are online.",
            ) from None
        except (OSError, UnicodeError) as error:
            if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
                raise HostUnknownError(
                    f"The address of {self._host} cannot be looked up at the moment.",
                    **facts,
                    remedy="Check that you are online.",
                ) from error
            raise HostUnknownError(f"The host {self._host} has no address.", **facts) from error


def _numeric(host: str, port: int) -> list[Address]:
    """The address of an IP literal, which needs no lookup; empty for a name."""
    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        return []
    return [(socket.AF_INET, (host, port))] if version == 4 else [(socket.AF_INET6, (host, port, 0, 0))]


def _ask(host: str, port: int) -> asyncio.Future[list[Address]]:
    """Ask the system's resolver in a thread."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[Address]] = loop.create_future()

    def finish(found: list[Address], error: Exception | None) -> None:
        if not answer.done():
            if error is None:
                answer.set_result(found)
            else:
                answer.set_exception(error)

    def work() -> None:
        found: list[Address] = []
        error: Exception | None = None
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found = [(family, sockaddr) for family, _, _, _, sockaddr in infos]
        except (OSError, UnicodeError) as failure:
            error = failure
        with suppress(RuntimeError):  # the loop is closed, so nobody is waiting
            loop.call_soon_threadsafe(finish, found, error)

    _LOOKUPS.start(work)
    return answer


class _Workers:
    """Daemon threads, kept for a while for the next lookup.

    An executor joins its threads when the program exits, so a resolver that hangs would delay the exit.
    """

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._free = 0

    def start(self, job: Callable[[], None]) -> None:
        with self._lock:
            if self._free > 0:
                self._free -= 1
            else:
                threading.Thread(target=self._run, name="misfin-lookup", daemon=True).start()
            self._jobs.put(job)

    def _run(self) -> None:
        while True:
            try:
                job = self._jobs.get(timeout=_KEEP_WORKER)
            except queue.Empty:
                with self._lock:
                    if self._free > 0:
                        self._free -= 1
                        return
                continue  # a job was just queued for this thread
            job()
            with self._lock:
                self._free += 1


_LOOKUPS = _Workers()


def _is_public(text: str) -> bool:
    """Whether an address is public, including an IPv4 address embedded in an IPv6 one."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        address = inner or address
    return address.is_global and not address.is_multicast


def _by_turns(found: list[Address]) -> list[Address]:
    """Alternate between address families, starting with that of the first address (RFC 8305 §4)."""
    if not found:
        return []
    first = deque(a for a in found if a[0] == found[0][0])
    other = deque(a for a in found if a[0] != found[0][0])
    mixed: list[Address] = []
    while first or other:
        if first:
            mixed.append(first.popleft())
        if other:
            mixed.append(other.popleft())
    return mixed


async def dial(endpoint: Endpoint, addresses: list[Address], timeout: float) -> socket.socket:
    """A socket connected to the first address that answers.

    If all fail, raises one :class:`~misfin.errors.ConnectError` or
    :class:`~misfin.errors.DeliveryTimeoutError`.
    """
    facts = endpoint.facts
    try:
        async with asyncio.timeout(timeout):
            return await _race(addresses)
    except TimeoutError:
        raise DeliveryTimeoutError(
            f"{endpoint.name} did not answer within {timeout:g} seconds.", **facts
        ) from None
    except ConnectionRefusedError as error:
        raise ConnectError(
            f"{endpoint.name} refuses connections.",
            **facts,
            remedy="Check host and port. If the server is down, try again later.",
        ) from error
    except OSError as error:
        reason = "There is no route" if error.errno in _NO_ROUTE else "No connection could be made"
        raise ConnectError(f"{reason} to {endpoint.name}.", **facts) from error


async def _race(addresses: list[Address]) -> socket.socket:
    """Happy Eyeballs (RFC 8305): start one after the other and use the first that connects."""
    if len(addresses) == 1:
        return await _dial(addresses[0])
    waiting = deque(addresses)
    running: set[asyncio.Task[socket.socket]] = set()
    failure: OSError | None = None
    try:
        while waiting or running:
            if waiting:
                running.add(asyncio.create_task(_dial(waiting.popleft())))
            done, _ = await asyncio.wait(
                running,
                timeout=_HEAD_START if waiting else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in done:
                running.remove(task)
                error = task.exception()
                if error is None:
                    return task.result()
                if not isinstance(error, OSError):
                    raise error
                # A refusal says the most: a machine answered.
                if failure is None or isinstance(error, ConnectionRefusedError):
                    failure = error
    finally:
        for task in running:  # some may have connected at the same moment as the first
            task.cancel()
        for outcome in await asyncio.gather(*running, return_exceptions=True):
            if isinstance(outcome, socket.socket):
                outcome.close()
    raise failure or OSError("no address")


async def _dial(address: Address) -> socket.socket:
    family, sockaddr = address
    stream = socket.socket(family, socket.SOCK_STREAM)
    try:
        stream.setblocking(False)
        # A second write would wait until the other side confirms the first, which it may put off for 40 ms.
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(stream, sockaddr)
    except BaseException:
        stream.close()
        raise
    return stream
