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
from misfin.trust.tofu import Decision, Pin, PinKind, decide

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
    certificate is not trusted. A renewed certificate of a pinned key is accepted and stored. A pinned server
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
        if pin is None:
            await asyncio.to_thread(pins.offer, PinKind.MAIL, server.name, shown, now=now())
            raise UntrustedServerError(
                hostname=server.host, port=server.port, certificate=shown, reason=error.problem
            ) from error
        return await _differs(pins, account, server, attempt, pin, shown, error, now, say)
    if await asyncio.to_thread(pins.get, PinKind.MAIL, server.name) is not None:
        await asyncio.to_thread(pins.used, PinKind.MAIL, server.name, now=now())
    return connected


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
