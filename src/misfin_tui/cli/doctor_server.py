"""``misfin-tui doctor --server``: what only a server needs, looked at from the server itself.

Each look has a time limit and sends no message: host names are resolved, the receiver is asked for its
certificate, and a mail server for its greeting.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from misfin.errors import LocalError, MisfinError
from misfin.net import budget
from misfin_tui import config
from misfin_tui.cli.finding import CheckVerdict, Finding
from misfin_tui.config.values import split_lmtp, split_local

if TYPE_CHECKING:
    from misfin.post.receiver_lock import Running
    from misfin.trust.identity import Identity
    from misfin_tui.config import Config
    from misfin_tui.paths import Profile

_PATIENCE: Final = 5.0
_PORT: Final = 1958
_BACKLOG: Final = Path("/proc/sys/net/core/somaxconn")
_ENOUGH_BACKLOG: Final = 512
_ENOUGH_CONNECTIONS: Final = 256
Found = TypeVar("Found")

_GOOD, _NOTE, _BAD = CheckVerdict.GOOD, CheckVerdict.NOTE, CheckVerdict.BAD


def check_server(profile: Profile) -> Iterator[Finding]:
    """Everything, in the order in which a message meets it."""
    settings = config.load(profile.config, [])
    yield from _system(settings.receive.processes)
    running = yield from _running(profile, settings.receive.processes)
    yield from _hosts(profile, running)
    yield from _deliver(settings)
    yield from _balancers(settings)
    yield from _metrics(settings, running)


def _system(processes: int) -> Iterator[Finding]:
    files = budget.raise_file_limit()
    try:
        allowed = processes * budget.connections_allowed(files, budget.memory_limit(), processes)
    except LocalError as error:
        yield Finding("server", _BAD, str(error), error.remedy)
        return
    text = f"up to {allowed:,} connections, with {'any number of' if files is None else f'{files:,}'} files"
    if processes > 1:
        text += f" in each of {processes} processes"
    if allowed < _ENOUGH_CONNECTIONS:
        yield Finding("server", _NOTE, text, "Set LimitNOFILE=8192 in the unit, or give it more memory.")
    else:
        yield Finding("server", _GOOD, text)
    try:
        backlog = int(_BACKLOG.read_text())
    except (OSError, ValueError):  # not Linux
        return
    if backlog < _ENOUGH_BACKLOG:
        text = f"Only {backlog} connections can wait to be accepted (net.core.somaxconn)."
        yield Finding("server", _NOTE, text, f"Set it to {_ENOUGH_BACKLOG} or more.")


def _running(profile: Profile, processes: int) -> Generator[Finding, None, Running | None]:
    from misfin.post.receiver_lock import running

    found = running(profile.runtime)
    if found is None or not found.addresses:
        yield Finding(
            "server",
            _BAD,
            "No receiver is running for this profile.",
            "Start it: sudo systemctl start misfin-tui-receive, or `misfin-tui receive`.",
        )
        return None
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if found.processes > 1:
        text = f"{found.processes} processes are receiving, on a machine with {cores} cores."
        if found.processes > cores:
            yield Finding(
                "server",
                _NOTE,
                text,
                f"Set [receive] processes to {cores} at most: more do not make it faster.",
            )
        else:
            yield Finding("server", _GOOD, text)
    if found.processes != processes:
        text = f"[receive] processes is {processes}, but the receiver was started with {found.processes}."
        yield Finding("server", _NOTE, text, "Restart the receiver, unless you meant --processes to differ.")
    ports = sorted({port for _, port in found.addresses})
    if _PORT not in ports:
        text = f"It receives on port {' and '.join(map(str, ports))}, and senders look for it on {_PORT}."
        yield Finding("server", _NOTE, text, f"Listen on {_PORT}, or forward that port.")
    return found


def _hosts(profile: Profile, running: Running | None) -> Iterator[Finding]:
    """Whether each host that is served resolves, and is this receiver."""
    from misfin.net.directory import Directory
    from misfin.store.identities import IdentityStore

    found = [each.identity for each in IdentityStore(profile.identities).all() if each.identity is not None]
    if not found:
        yield Finding(
            "server", _BAD, "There is no identity to receive for.", "Create one: see docs/hosting.md §3."
        )
        return
    directory = Directory(found)
    for host in directory.hosts:
        identity = directory.certificate_for(host)
        assert identity is not None
        yield from _host(host, identity, running)


def _host(host: str, identity: Identity, running: Running | None) -> Iterator[Finding]:
    topic = f"server ({host})"
    try:
        addresses = _within(asyncio.to_thread(_resolve, host))
    except (OSError, TimeoutError, UnicodeError):
        text = "The name does not resolve here, so nobody can send to it."
        yield Finding(topic, _BAD, text, "Publish an A or AAAA record for it.")
        return
    shown = ", ".join(addresses)
    seen = _presented(addresses, _PORT, host)
    if seen == identity.info.fingerprints.cert:
        yield Finding(topic, _GOOD, f"{shown} port {_PORT} presents its certificate.")
    elif seen:
        yield Finding(
            topic,
            _BAD,
            f"{shown} port {_PORT} presents another certificate, {seen[:16]}…",
            "Another receiver or a TLS proxy answers there; the record in DNS may be wrong, too.",
        )
    elif running is not None and _local(identity, host, running):
        yield Finding(
            topic,
            _NOTE,
            f"The receiver answers here, but {shown} port {_PORT} cannot be reached from this machine.",
            "Look from outside: some routers do not let you look from within. Then check the firewall.",
        )
    else:
        yield Finding(
            topic,
            _BAD,
            f"Nothing answers at {shown} port {_PORT}.",
            "Check that the receiver runs, and the firewall.",
        )


def _local(identity: Identity, host: str, running: Running) -> bool:
    places = [(_loopback_for(address), port) for address, port in running.addresses]
    return any(
        _presented([address], port, host) == identity.info.fingerprints.cert for address, port in places
    )


def _loopback_for(address: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104 - it is not bound


def _resolve(host: str) -> list[str]:
    found = socket.getaddrinfo(host.strip("[]"), None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def _presented(addresses: Sequence[str], port: int, host: str) -> str:
    """The fingerprint of the certificate that is presented there; empty if there is none."""
    for address in addresses:
        try:
            return _within(_look(host, port, address))
        except (MisfinError, OSError, TimeoutError):
            continue
    return ""


async def _look(host: str, port: int, address: str) -> str:
    from misfin.net.connection import open_trusted
    from misfin.net.dialing import Endpoint, Timeouts
    from misfin.trust.pins import PinBook

    with PinBook(None) as pins:  # nothing is pinned: it is compared with the identity
        where = Endpoint(host, port, (address, port))
        connection = await open_trusted(where, identity=None, pins=pins, now=time.time, timeouts=Timeouts())
        connection.abort()
        return "" if connection.certificate is None else connection.certificate.fingerprints.cert


def _deliver(settings: Config) -> Iterator[Finding]:
    where = split_lmtp(settings.deliver.lmtp)
    if where is None:
        return
    from misfin.email.lmtp import greeting_of

    try:
        said = _within(greeting_of(where))
    except (MisfinError, OSError, TimeoutError) as error:
        why = str(error) or f"it did not answer within {_PATIENCE:g} seconds"
        yield Finding(
            "server (deliver)",
            _BAD,
            f"{settings.deliver.lmtp} does not take mail: {why}",
            "Until it does, senders get 41 and try again. Check the server, and who may use its socket.",
        )
    else:
        yield Finding("server (deliver)", _GOOD, f"{settings.deliver.lmtp} speaks LMTP: {said}")


def _balancers(settings: Config) -> Iterator[Finding]:
    from misfin_tui.cli.hosting import balancers

    if (found := balancers(settings)) is not None:  # raises for settings that mean nothing
        shown = ", ".join(map(str, found.sources))
        yield Finding("server", _GOOD, f"The PROXY protocol is expected from {shown}.")


def _metrics(settings: Config, running: Running | None) -> Iterator[Finding]:
    where = split_local(settings.operation.metrics)
    if where is None or running is None:
        return
    try:
        with socket.create_connection(where, timeout=_PATIENCE) as probe:
            probe.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            good = probe.recv(64).startswith(b"HTTP/1.1 200 ")
    except OSError as error:
        why = error.strerror or "it did not answer"
        yield Finding(
            "server", _BAD, f"No figures at {settings.operation.metrics}: {why}.", "Restart the receiver."
        )
    else:
        verdict = _GOOD if good else _BAD
        yield Finding("server", verdict, f"Figures for Prometheus are at {settings.operation.metrics}.")


def _within(work: Awaitable[Found]) -> Found:
    async def run() -> Found:
        async with asyncio.timeout(_PATIENCE):
            return await work

    return asyncio.run(run())
