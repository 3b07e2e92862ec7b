"""Asks a sender's host about the mailbox; sparingly, because strangers trigger it.

Forged senders make a receiver contact hosts that never heard of it (docs/protocol.md §6). So: only an empty
message, no redirects, public addresses only, one query per mailbox at a time, few per host, and recent
answers are reused. A host that is down delays only the first message: while it is asked again, later ones
are judged by what is known.
"""

from __future__ import annotations

import asyncio
import math
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from misfin.errors import MisfinError
from misfin.model.address import DEFAULT_PORT, MisfinAddress
from misfin.net.client import MisfinClient
from misfin.net.limits import ProbeBudget
from misfin.trust.refusal import TrustError
from misfin.trust.tofu import PinKind, pin_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from misfin.net.client import HostOverride
    from misfin.trust.identity import CertificateInfo, Identity
    from misfin.trust.pins import PinBook
    from misfin.wire import MisfinResponse

DEFAULT_TIMEOUT = 10.0
# Long enough for the methods of one verification, and for a burst of messages, to share one answer; short
# enough to notice a host that is up again. A host that stays down is asked less and less often.
_REMEMBERED = 30.0
_LONGEST_PAUSE = 1800.0
_MOST_REMEMBERED = 1000
_MOST_CERTIFICATES = 16


@dataclass(frozen=True, slots=True)
class HostAnswer:
    """The result of asking: an answer, the certificate the host presented, or why there is none.

    ``certificate`` is set whenever the TLS handshake got far enough, also when ``error`` is about trust. If
    ``wait`` is not 0, the host was not asked; it is the number of seconds until it may be.
    """

    response: MisfinResponse | None = None
    certificate: CertificateInfo | None = None
    error: MisfinError | None = None
    wait: int = 0

    @property
    def final(self) -> bool:
        """Whether the host answered for this mailbox, and not just temporarily."""
        return self.response is not None and not 40 <= self.response.status <= 49


@dataclass(slots=True)
class _Heard:
    """A host's answer, its time, the failures in a row, and the certificates judged by it."""

    at: float
    answer: HostAnswer
    failures: int
    certificates: set[str]


class HostAsker:
    """Asks hosts on behalf of all verifiers of a receiver. For one event loop.

    ``pins`` are the host pins every connection must match; ``hosts`` overrides where some hosts are;
    ``timeout`` (seconds) limits one query as a whole. ``allow_private`` allows connections to private and
    loopback addresses, for tests and closed networks. With ``trust_on_first_use`` off, a host without a pin
    is believed for its answer but not pinned: a stranger's message must not make a decision that the user
    wants to make. ``now`` gives Unix seconds.
    """

    def __init__(
        self,
        pins: PinBook,
        *,
        trust_on_first_use: bool = True,
        hosts: Mapping[str, HostOverride] | None = None,
        port: int = DEFAULT_PORT,
        timeout: float = DEFAULT_TIMEOUT,
        allow_private: bool = False,
        budget: ProbeBudget | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.pins = pins
        self.port = port
        self._trust_on_first_use = trust_on_first_use
        self._hosts = hosts
        self._timeout = timeout
        self._allow_private = allow_private
        self._budget = budget or ProbeBudget()
        self._now = now
        self._nobody = f"nobody-{secrets.token_hex(6)}"
        self._running: dict[tuple[str, str], asyncio.Task[HostAnswer]] = {}
        self._heard: OrderedDict[tuple[str, str], _Heard] = OrderedDict()

    def recall(
        self, address: MisfinAddress, identity: Identity | None = None, certificate: str = ""
    ) -> HostAnswer | None:
        """A recent answer, without waiting; None if the host should be asked.

        A failed query counts longer for a ``certificate`` (its SHA-256) that was judged by it before; the
        host is then asked again in the background.
        """
        heard = self._heard.get(address.key)
        if heard is None:
            return None
        age = self._now() - heard.at
        if 0.0 <= age < _REMEMBERED:
            return heard.answer
        if heard.answer.final or not certificate or certificate not in heard.certificates:
            return None
        if not 0.0 <= age < min(_REMEMBERED * 2**heard.failures, _LONGEST_PAUSE):
            self._start(address, identity)
        return heard.answer

    async def ask(
        self, address: MisfinAddress, identity: Identity | None = None, certificate: str = ""
    ) -> HostAnswer:
        """Ask the host of ``address`` for the mailbox's fingerprint. Raises nothing the network can cause.

        ``identity`` is presented to hosts that require a certificate; ``certificate`` is the SHA-256 of the
        one to be judged, for :meth:`recall`.
        """
        answer = self.recall(address, identity, certificate)
        if answer is None:
            started = self._start(address, identity)
            if isinstance(started, HostAnswer):
                return started
            # Others may be waiting for the same answer: cancelling one must not cancel it for all.
            answer = await asyncio.shield(started)
        heard = self._heard.get(address.key)
        if heard is not None and len(heard.certificates) < _MOST_CERTIFICATES:
            heard.certificates.add(certificate)
        return answer

    async def answers_all_alike(self, address: MisfinAddress, identity: Identity | None = None) -> bool:
        """Whether the host gives the same answer for a mailbox that cannot exist as for ``address``.

        Titlani names one fingerprint for all mailboxes, real or not, which is no evidence either way.
        """
        nobody = MisfinAddress(self._nobody, address.hostname, port=address.port)
        given, other = await self.ask(address, identity), await self.ask(nobody, identity)
        return given.response is not None and given.response == other.response

    def _start(
        self, address: MisfinAddress, identity: Identity | None
    ) -> asyncio.Task[HostAnswer] | HostAnswer:
        """Start a query, or join one under way; returns an answer only if the budget is used up."""
        key = address.key
        task = self._running.get(key)
        if task is None:
            wait = self._budget.start(address.hostname, self._now())
            if wait > 0.0:
                return HostAnswer(wait=math.ceil(wait))
            task = asyncio.get_running_loop().create_task(self._ask(address, identity))
            self._running[key] = task
            task.add_done_callback(lambda _: self._running.pop(key, None))
        return task

    async def _ask(self, address: MisfinAddress, identity: Identity | None) -> HostAnswer:
        try:
            answer = await self._question(address, identity)
        finally:
            self._budget.end()
        before = self._heard.pop(address.key, None)
        heard = _Heard(self._now(), answer, 0, set())
        if before is not None and not answer.final:
            heard.failures = before.failures + 1
            heard.certificates = before.certificates
        self._heard[address.key] = heard
        if len(self._heard) > _MOST_REMEMBERED:
            self._heard.popitem(last=False)
        return answer

    def _pins_for(self, address: MisfinAddress) -> PinBook | None:
        """The pin book to check the host against; None for a temporary empty one."""
        name = pin_name(address.hostname, address.port or self.port)
        known = self._trust_on_first_use or self.pins.get(PinKind.HOST, name) is not None
        return self.pins if known else None

    async def _question(self, address: MisfinAddress, identity: Identity | None) -> HostAnswer:
        try:
            client = MisfinClient(
                identity=identity,
                pins=await asyncio.to_thread(self._pins_for, address),
                hosts=self._hosts,
                port=self.port,
                timeout=self._timeout,
                public_only=not self._allow_private,
                now=self._now,
            )
            async with asyncio.timeout(self._timeout), client:
                delivery = await client.deliver(address, b"")
        except TrustError as error:
            return HostAnswer(certificate=error.certificate, error=error)
        except MisfinError as error:
            return HostAnswer(error=error)
        except TimeoutError:
            return HostAnswer(error=MisfinError(f"{address.hostname} did not answer in time."))
        return HostAnswer(delivery.response, delivery.certificate)
