"""Whether a mail server may be trusted: authorities decide, and where they do not, a person's exception does.

An exception is a pin of the server (``host:port``), as for a Misfin host (docs/trust.md). The same for SMTP,
IMAP and POP3.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from misfin.email.account import EmailAccount, MailServer
from misfin.email.certificates import CertificateRefusedError
from misfin.email.tls import authority_context, exception_context
from misfin.errors import IdentityError
from misfin.trust.pins import PinBook
from misfin.trust.refusal import CertificateChangedError, UntrustedServerError
from misfin.trust.tofu import APPROVED, Decision, Pin, PinKind, decide

if TYPE_CHECKING:
    from misfin.trust.certificate import CertificateInfo

T = TypeVar("T")


def context_for(pins: PinBook, account: EmailAccount, server: MailServer) -> ssl.SSLContext:
    """The context for a server of an account: by its pin if it has one, else by authorities. Blocking.

    Raises :class:`~misfin.errors.AccountError` and :class:`~misfin.errors.StoreError`.
    """
    certificate = pins.anchor(server.name)
    if certificate is not None and pins.get(PinKind.MAIL, server.name) is not None:
        return exception_context(certificate, min_tls=account.min_tls)
    return authority_context(ca_file=account.ca_file, min_tls=account.min_tls)


async def connect_trusted(
    pins: PinBook,
    account: EmailAccount,
    server: MailServer,
    attempt: Callable[[ssl.SSLContext], Awaitable[T]],
    *,
    now: Callable[[], float],
    say: Callable[[str], object] = lambda _sentence: None,
) -> T:
    """What ``attempt`` returns once it gets a context that trusts the server.

    ``attempt`` connects, and raises :class:`~misfin.email.certificates.CertificateRefusedError` where the
    certificate is not trusted. A renewed certificate of a pinned key is accepted and stored, and so is the
    very certificate that a person trusts for another port of the same host. A pinned server
    that authorities vouch for by now needs its pin no longer: that is dropped, and ``say`` is called with a
    sentence about it. Anything else is kept for a person to look at, and raised:
    :class:`~misfin.trust.refusal.CertificateChangedError` where there is a pin, and
    :class:`~misfin.trust.refusal.UntrustedServerError`; also what ``attempt`` raises, and
    :class:`~misfin.errors.StoreError`.
    """
    context = await asyncio.to_thread(context_for, pins, account, server)
    try:
        connected = await attempt(context)
    except CertificateRefusedError as error:
        from misfin.trust.certificate import (
            read_certificate,  # late: megabytes, for a server that is in doubt
        )

        try:
            shown = await asyncio.to_thread(read_certificate, error.certificate)
        except IdentityError:
            raise error from None
        pin = await asyncio.to_thread(pins.get, PinKind.MAIL, server.name)
        if pin is None and await asyncio.to_thread(_trust_as_elsewhere, pins, server.name, shown, now()):
            return await attempt(exception_context(shown.der, min_tls=account.min_tls))
        if pin is None:
            await asyncio.to_thread(pins.offer, PinKind.MAIL, server.name, shown, now=now())
            raise UntrustedServerError(
                hostname=server.host, port=server.port, certificate=shown, reason=error.problem
            ) from error
        return await _differs(pins, account, server, attempt, pin, shown, error, now, say)
    await asyncio.to_thread(_note_trusted, pins, server.name, now())
    return connected


def _trust_as_elsewhere(pins: PinBook, name: str, shown: CertificateInfo, now: float) -> bool:
    """Pin a certificate that a person trusts for another port of this host; whether it is one.

    A mail server has one certificate for receiving and sending: a second question would be the same one.
    """
    pin = pins.same_host_trusted(PinKind.MAIL, name, shown)
    if pin is not None:
        pins.replace(PinKind.MAIL, name, shown, how=f"{APPROVED} for {pin.name}", now=now)
    return pin is not None


def _note_trusted(pins: PinBook, name: str, now: float) -> None:
    """A pin was used; or authorities vouch for the server, and nobody has to decide about it any more."""
    if pins.get(PinKind.MAIL, name) is not None:
        pins.used(PinKind.MAIL, name, now=now)
    elif pins.offered(PinKind.MAIL, name) is not None:
        pins.withdraw(PinKind.MAIL, name)


async def _differs(
    pins: PinBook,
    account: EmailAccount,
    server: MailServer,
    attempt: Callable[[ssl.SSLContext], Awaitable[T]],
    pin: Pin,
    shown: CertificateInfo,
    error: CertificateRefusedError,
    now: Callable[[], float],
    say: Callable[[str], object],
) -> T:
    """The server presents another certificate than the pinned one."""
    decision = decide(pin, shown, now()).decision
    if decision is Decision.TRUSTED:
        raise error  # it is the pinned one, and OpenSSL cannot use it all the same
    if decision is Decision.RENEWED:
        await asyncio.to_thread(pins.record, PinKind.MAIL, server.name, shown, now=now())
        return await attempt(exception_context(shown.der, min_tls=account.min_tls))
    try:
        context = await asyncio.to_thread(authority_context, ca_file=account.ca_file, min_tls=account.min_tls)
        connected = await attempt(context)
    except CertificateRefusedError:
        await asyncio.to_thread(pins.offer, PinKind.MAIL, server.name, shown, now=now())
        raise CertificateChangedError(
            hostname=server.host, port=server.port, pin=pin, certificate=shown, now=now()
        ) from error
    await asyncio.to_thread(pins.forget, PinKind.MAIL, server.name, now=now())
    say(f"{server.host} has a certificate that authorities vouch for now; your exception for it was removed.")
    return connected
