"""The sending client: one identity, any number of messages (docs/library.md)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from misfin.errors import IdentityError, RedirectError
from misfin.model.address import DEFAULT_PORT, MisfinAddress, same_person
from misfin.model.gemmail import GemmailMessage, Version
from misfin.model.gemtext import compose
from misfin.model.status import is_redirect
from misfin.net.delivery import Delivery, RedirectHop, Sender, Try
from misfin.net.dialing import Endpoint, Timeouts
from misfin.net.handover import Hook
from misfin.trust.identity import Identity, identity_from_pem
from misfin.trust.pins import PinBook
from misfin.valueclass import dataclass
from misfin.wire import MisfinResponse

__all__ = ["MAX_REDIRECTS", "Delivery", "HostOverride", "MisfinClient", "Timeouts", "Try"]

MAX_REDIRECTS = 5
"""How many redirects one message follows (docs/protocol.md §2)."""
_MAX_FILE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class HostOverride:
    """How to reach a host other than by its name and the usual version; None changes nothing.

    ``connect`` is the address and port to dial: name, SNI and pin stay those of the host. ``version`` is
    always used, without fallback (docs/protocol.md §8).
    """

    connect: tuple[str, int] | None = None
    version: Version | None = None


class MisfinClient:
    """Sends gemmail, only to hosts whose certificate is trusted.

    ``client_cert`` and ``client_key`` are PEM files (or one file with both), ``identity`` is one already
    loaded; without either, messages are sent anonymously. Trust is stored in ``tofu_db_path``, or in ``pins``
    shared with others, or in memory for the life of the client. With ``trust_on_first_use`` off, a host
    never seen before raises :class:`~misfin.errors.FirstUseRefusedError`. ``timeout`` (seconds) is for the
    answer; each earlier phase gets the same, at most 15. ``port`` is for addresses without one.
    ``misfin_b_fallback`` allows one attempt as Misfin(B) if a server does not understand C
    (docs/protocol.md §8). ``hosts`` overrides where some hosts are, or their version. ``public_only``
    refuses hosts with private addresses. ``now`` is the clock (Unix seconds).

    Use it with ``async with``, or call :meth:`close` at the end. One client may send many messages at once.
    """

    def __init__(
        self,
        *,
        client_cert: str | Path | None = None,
        client_key: str | Path | None = None,
        tofu_db_path: str | Path | None = None,
        trust_on_first_use: bool = True,
        timeout: float = 60.0,
        port: int = DEFAULT_PORT,
        misfin_b_fallback: bool = True,
        identity: Identity | None = None,
        pins: PinBook | None = None,
        hosts: Mapping[str, HostOverride] | None = None,
        follow_redirects: bool = True,
        public_only: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        if client_key is not None and client_cert is None:
            raise IdentityError("A key alone is not an identity.", remedy="Give client_cert too.")
        self._files = (client_cert, client_key)
        self._identity = identity
        self._pins = pins
        self._owned_pins: PinBook | None = None
        self._tofu_db_path = tofu_db_path
        self._trust_on_first_use = trust_on_first_use
        self._timeouts = Timeouts.of(timeout)
        self._port = port
        self._b_fallback = misfin_b_fallback
        self._hosts = dict(hosts or {})
        self._follow_redirects = follow_redirects
        self._public_only = public_only
        self._now = now
        self._sender: Sender | None = None
        self._preparing = asyncio.Lock()

    async def __aenter__(self) -> MisfinClient:
        await self._prepared()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Write pending changes and close the pin book, if the client opened it itself."""
        pins, self._owned_pins, self._sender = self._owned_pins, None, None
        if pins is not None:
            await asyncio.to_thread(pins.close)

    # ---- sending ----------------------------------------------------------------------------------

    async def send(
        self,
        to: str | MisfinAddress,
        body: str,
        subject: str | None = None,
        sender: str | MisfinAddress | None = None,
        recipients: Iterable[str | MisfinAddress] | None = None,
    ) -> MisfinResponse:
        """Write a message and send it to one recipient; ``recipients`` is everyone who gets a copy.

        The lines for sender and time stay blank, for the receiving server to fill in (docs/protocol.md §3.2);
        ``sender`` fills in the first one anyway. Returns and raises as :meth:`send_raw`, and
        :class:`~misfin.errors.AddressError` for text that is not an address.
        """
        everyone = tuple(map(_address, recipients or ()))
        message = GemmailMessage(
            senders=() if sender is None else (_address(sender),),
            recipients=everyone if len(everyone) > 1 else (),
            body=compose(subject or "", body),
        )
        return await self.send_raw(to, message.to_bytes())

    async def send_raw(self, to: str | MisfinAddress, message_bytes: bytes) -> MisfinResponse:
        """Send a message (in C form, metadata lines included) and follow redirects.

        Returns any status, with the ``address`` that gave it; :func:`misfin.model.status.advice` says what to
        do about it. Raises :class:`~misfin.errors.RedirectError` for a redirect that cannot be followed, and
        everything :meth:`deliver` raises.
        """
        address = _address(to)
        tried = {self._place(address)}
        redirects = 0
        while True:
            delivery = await self.deliver(address, message_bytes)
            response = replace(delivery.response, address=address)
            if not is_redirect(response.status) or not self._follow_redirects:
                return response
            redirects += 1
            address = await self._redirected(delivery, tried, redirects)
            tried.add(self._place(address))

    async def probe(self, to: str | MisfinAddress) -> MisfinResponse:
        """Ask for a mailbox's fingerprint with an empty message, which is not stored.

        See docs/protocol.md §6. Tries C, then B. The other side sees that someone asked, and from where.
        Redirects are not followed.
        """
        address = _address(to)
        delivery = await self.deliver(address, b"")
        return replace(delivery.response, address=address)

    async def deliver(
        self,
        to: str | MisfinAddress,
        message: bytes,
        *,
        version: Version | None = None,
        before_write: Hook | None = None,
        on_refused: Hook | None = None,
        on_attempt: Callable[[Try], object] | None = None,
    ) -> Delivery:
        """One hop: send ``message`` (in C form) to the host of ``to``, and return all about it.

        This handles version fallback and the sender line, but not redirects. ``version`` fixes B or C.
        ``before_write`` is called, and awaited, when the host is trusted and just before the first byte of
        each attempt is sent; if it raises, nothing is sent. ``on_refused`` is called, and awaited, when the
        host has refused an attempt and before the next one: at that point nothing sent is still unanswered.
        ``on_attempt`` is called with each attempt when it ends, also in a delivery that fails.

        Raises :class:`~misfin.errors.OutcomeUnknownError` if the request was sent and no answer came; in
        every other case nothing was delivered: a :class:`~misfin.errors.DeliveryError` (host, connection,
        TLS, trust) or a :class:`~misfin.errors.LocalError` (a message that cannot be sent, an unusable
        identity).
        """
        address = _address(to)
        override = self._hosts.get(address.hostname, HostOverride())
        hop = RedirectHop(
            await self._prepared(),
            address,
            Endpoint(address.hostname, address.port or self._port, override.connect),
            version=version or override.version,
            before_write=before_write,
            on_refused=on_refused,
            on_attempt=on_attempt,
        )
        return await hop.deliver(message)

    # ---- inside -----------------------------------------------------------------------------------

    async def _redirected(
        self, delivery: Delivery, tried: set[tuple[str, str, int]], redirects: int
    ) -> MisfinAddress:
        """The target of a redirect, if it may be followed (docs/protocol.md §2)."""
        response = delivery.response
        target = response.redirect_address
        sender = await self._prepared()
        own = sender.identity.info.address if sender.identity is not None else None
        if target is None:
            problem = "to something that is not an address"
        elif redirects > MAX_REDIRECTS:
            problem = f"again, after {MAX_REDIRECTS} redirects already"
        elif self._place(target) in tried:
            problem = f"back to {target.address}, which was already tried"
        elif own is not None and same_person(target, own):
            problem = "back to its sender"
        else:
            return target
        raise RedirectError(
            f"{delivery.hostname} redirects the message {problem}.",
            hostname=delivery.hostname,
            port=delivery.port,
            status=response.status,
            meta=response.meta,
        )

    def _place(self, address: MisfinAddress) -> tuple[str, str, int]:
        return (*address.key, address.port or self._port)

    async def _prepared(self) -> Sender:
        """Load the identity and open the pin book, once, in a thread."""
        if self._sender is not None:
            return self._sender
        async with self._preparing:
            if self._sender is None:
                self._sender = await asyncio.to_thread(self._prepare)
        return self._sender

    def _prepare(self) -> Sender:
        cert, key = self._files
        if self._identity is None and cert is not None:
            self._identity = identity_from_pem(_read(cert), None if key is None else _read(key))
        pins = self._pins
        if pins is None:
            path = self._tofu_db_path
            pins = self._owned_pins = PinBook(None if path is None else Path(path).expanduser())
        return Sender(
            identity=self._identity,
            pins=pins,
            now=self._now,
            timeouts=self._timeouts,
            trust_on_first_use=self._trust_on_first_use,
            b_fallback=self._b_fallback,
            public_only=self._public_only,
        )


def _address(value: str | MisfinAddress) -> MisfinAddress:
    return MisfinAddress.parse(value) if isinstance(value, str) else value


def _read(path: str | Path) -> bytes:
    try:
        with Path(path).expanduser().open("rb") as file:
            return file.read(_MAX_FILE + 1)
    except OSError as error:
        raise IdentityError(
            f"The file {path} cannot be read: {error.strerror}.", remedy="Check its name and permissions."
        ) from error
