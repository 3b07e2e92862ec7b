"""The ways to verify a sender: each asks the sender's host, or uses what is already known about it.

docs/protocol.md §6 says what each method proves. Only a host that names, presents or has signed the
certificate the message came with proves that the client owns the address.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, ParamSpec, Protocol

from misfin.errors import StoreError
from misfin.model.address import DEFAULT_PORT, MisfinAddress
from misfin.model.status import StatusCode, is_redirect, is_success
from misfin.net.asking import DEFAULT_TIMEOUT, HostAnswer, HostAsker
from misfin.net.incoming import CheckResult, HandlerOutcome
from misfin.net.policies import VerificationMethod
from misfin.net.verification_cache import SenderVerificationCache
from misfin.trust.certificate import signed_by
from misfin.trust.fingerprint import matches, normalize_fingerprint
from misfin.trust.identity import Identity, identity_from_pem
from misfin.trust.pins import PinBook
from misfin.trust.refusal import CertificateChangedError
from misfin.trust.tofu import Decision, PinKind, decide, pin_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from misfin.trust.identity import CertificateInfo
    from misfin.trust.tofu import Pin

logger = logging.getLogger("misfin.receiver")
P = ParamSpec("P")

FIRST_MESSAGE = "first message, not confirmed by its host"
"""How a sender's pin came about: from a first message that nobody confirmed. It proves nothing, and a
certificate the host vouches for may replace it."""

NO_CERTIFICATE = CheckResult(HandlerOutcome.FAIL, "The message came without a certificate.")
_OTHER_NAME = CheckResult(HandlerOutcome.FAIL, "The certificate names another address.")


class Verifier(Protocol):
    """One method, or several together."""

    async def verify_sender(
        self,
        address: MisfinAddress,
        certificate: CertificateInfo | None = None,
        identity: Identity | None = None,
        pin: Pin | None = None,
    ) -> CheckResult:
        """Judge whether ``certificate`` is that of ``address``.

        ``identity`` is ours, for asking hosts; ``pin`` is the sender's, if already looked up.
        """
        ...


class CertificateVerifier:
    """Checks that the certificate names the sender and is pinned, or that the sender's host vouches for it.

    A pin confirmed by a host or by the user is believed; on first contact, and while the pin is unconfirmed,
    the host is asked: it must name the certificate's fingerprint for the mailbox, or present the same
    certificate, or the CA that signed it (docs/trust.md §6).
    """

    def __init__(self, pins: PinBook, asker: HostAsker, cache: SenderVerificationCache | None = None) -> None:
        self._pins = pins
        self._asker = asker
        self._cache = cache or SenderVerificationCache()

    async def verify_sender(
        self,
        address: MisfinAddress,
        certificate: CertificateInfo | None = None,
        identity: Identity | None = None,
        pin: Pin | None = None,
    ) -> CheckResult:
        """See :class:`Verifier`."""
        if certificate is None:
            return NO_CERTIFICATE
        if not _names(certificate, address):
            return _OTHER_NAME
        pin = pin or self._pins.get(PinKind.SENDER, address.address)
        if pin is not None and pin.confirmed:
            decision = decide(pin, certificate, 0.0).decision
            if decision is not Decision.CHANGED:
                return CheckResult(
                    HandlerOutcome.PASS, f"Known: {pin.how}.", pin.cert_sha256, proves_sender=True
                )
        return await _vouched(self._asker, self._cache, address, certificate, identity, may_sign=True)


class ProbeVerifier:
    """Checks that the sender's host answers 20 to an empty message for the mailbox.

    If the answer has a fingerprint, it must be the certificate's, and the sender is then proved; a plain
    "20", or the same fingerprint for every mailbox, proves nothing about the sender.

    The arguments up to ``timeout`` are for stand-alone use; with an ``asker``, only ``cache`` matters.
    """

    def __init__(
        self,
        cache: SenderVerificationCache | None = None,
        identity_cert: Path | None = None,
        identity_key: Path | None = None,
        port: int = DEFAULT_PORT,
        timeout: float = DEFAULT_TIMEOUT,
        *,
        asker: HostAsker | None = None,
    ) -> None:
        self._asker = asker or HostAsker(PinBook(None), port=port, timeout=timeout)
        self._cache = cache or SenderVerificationCache()
        self._identity: Identity | None = None
        if identity_cert is not None:
            key = None if identity_key is None else identity_key.read_bytes()
            self._identity = identity_from_pem(identity_cert.read_bytes(), key)

    async def verify_sender(
        self,
        address: MisfinAddress,
        certificate: CertificateInfo | None = None,
        identity: Identity | None = None,
        pin: Pin | None = None,
    ) -> CheckResult:
        """See :class:`Verifier`; without a certificate this only checks that the mailbox exists."""
        identity = identity or self._identity
        if certificate is not None:
            if not _names(certificate, address):
                return _OTHER_NAME
            return await _vouched(self._asker, self._cache, address, certificate, identity, may_sign=False)
        answer = await self._asker.ask(address, identity)
        refusal = _refusal(answer, address)
        if refusal is not None:
            return refusal
        assert answer.response is not None
        return CheckResult(HandlerOutcome.PASS, "The mailbox exists.", answer.response.fingerprint)


class SPKIVerifier:
    """Checks that the sender's host still presents its known public key; says nothing about the mailbox.

    The known key is the one pinned for the host, or the first one seen; when the cache entry expires, the
    host is checked again. ``on_spki_change`` is ``"reject"`` or ``"accept"``.
    """

    def __init__(
        self,
        cache: SenderVerificationCache,
        port: int = DEFAULT_PORT,
        timeout: float = DEFAULT_TIMEOUT,
        on_spki_change: str = "reject",
        *,
        asker: HostAsker | None = None,
    ) -> None:
        self._asker = asker or HostAsker(PinBook(None), port=port, timeout=timeout)
        self._cache = cache
        self._accept_change = on_spki_change == "accept"

    async def verify_sender(
        self,
        address: MisfinAddress,
        certificate: CertificateInfo | None = None,
        identity: Identity | None = None,
        pin: Pin | None = None,
    ) -> CheckResult:
        """See :class:`Verifier`."""
        if certificate is not None and not _names(certificate, address):
            return _OTHER_NAME
        host = address.hostname
        fresh = await _consult(self._cache.get_server_spki, host)
        if fresh is not None:
            return CheckResult(HandlerOutcome.PASS, "The host's key was checked recently.", fresh)
        known = await _consult(self._known, address)  # before asking, which pins a first key
        answer = await self._asker.ask(address, identity)
        if answer.certificate is None:
            return _refusal(answer, address) or _unknown(f"{host} presented no certificate.")
        shown = answer.certificate.fingerprints.spki
        if known is not None and known != shown and not self._accept_change:
            return CheckResult(HandlerOutcome.FAIL, f"{host} presents another key than before.", shown)
        await _consult(self._cache.add_server_spki, host, shown)
        seen = (
            "for the first time"
            if known is None
            else f"with {'its known' if known == shown else 'a new'} key"
        )
        return CheckResult(HandlerOutcome.PASS, f"{host} was seen {seen}.", shown)

    def _known(self, address: MisfinAddress) -> str | None:
        pins = self._asker.pins
        pin = pins.get(PinKind.HOST, pin_name(address.hostname, address.port or self._asker.port))
        if pin is not None:
            return pin.spki_sha256
        # A pin book on disk without a pin means that the user removed it; one in memory starts empty.
        return self._cache.last_server_spki(address.hostname) if pins.path is None else None


class CombinedVerifier:
    """Several methods at once: all must pass. They share the queries to the host."""

    def __init__(
        self,
        probe_verifier: Verifier | None = None,
        spki_verifier: Verifier | None = None,
        *,
        verifiers: Mapping[str, Verifier] | None = None,
    ) -> None:
        named = {VerificationMethod.PROBE: probe_verifier, VerificationMethod.SPKI: spki_verifier}
        self.verifiers: dict[str, Verifier] = {str(k): v for k, v in named.items() if v is not None}
        self.verifiers.update(verifiers or {})

    async def verify_sender(
        self,
        address: MisfinAddress,
        certificate: CertificateInfo | None = None,
        identity: Identity | None = None,
        pin: Pin | None = None,
    ) -> CheckResult:
        """See :class:`Verifier`; the results of the methods are in ``checks``."""
        results = await asyncio.gather(
            *(each.verify_sender(address, certificate, identity, pin) for each in self.verifiers.values())
        )
        checks = dict(zip(self.verifiers, results, strict=True))
        worst = max(results, key=lambda result: _SEVERITY[result.outcome], default=NO_CERTIFICATE)
        proves = worst.outcome is HandlerOutcome.PASS and any(result.proves_sender for result in results)
        return replace(worst, proves_sender=proves, checks=checks)


_SEVERITY = {HandlerOutcome.PASS: 0, HandlerOutcome.UNKNOWN: 1, HandlerOutcome.FAIL: 2}


async def _vouched(
    asker: HostAsker,
    cache: SenderVerificationCache,
    address: MisfinAddress,
    certificate: CertificateInfo,
    identity: Identity | None,
    *,
    may_sign: bool,
) -> CheckResult:
    """Whether the host of ``address`` vouches for ``certificate``; a success is remembered."""
    fingerprint = certificate.fingerprints.cert
    answer = asker.recall(address, identity, fingerprint)
    if answer is None:
        if await _consult(cache.get_fingerprint, address.address) == fingerprint:
            return CheckResult(
                HandlerOutcome.PASS, "Its host vouched for it recently.", fingerprint, proves_sender=True
            )
        answer = await asker.ask(address, identity, fingerprint)
    refusal = _refusal(answer, address)
    if refusal is not None and not (may_sign and _may_still_sign(answer)):
        return refusal
    named = answer.response.meta if answer.response is not None and refusal is None else ""
    host = answer.certificate
    if matches(named, certificate.fingerprints):
        reason = f"{address.hostname} names this certificate for the mailbox."
    elif may_sign and host is not None and host.fingerprints.cert == fingerprint:
        reason = f"{address.hostname} presents this certificate itself."
    elif may_sign and host is not None and signed_by(certificate, host):
        reason = f"The certificate is signed by {address.hostname}."
    elif refusal is not None:
        return refusal
    else:
        other = normalize_fingerprint(named)
        if other and not await asker.answers_all_alike(address, identity):
            reason = f"{address.hostname} names another certificate for the mailbox."
            return CheckResult(HandlerOutcome.FAIL, reason, other)
        reason = f"{address.hostname} accepts mail for the mailbox, but names no certificate for it."
        if may_sign:
            return CheckResult(HandlerOutcome.UNKNOWN, reason, lasting=True)
        return CheckResult(HandlerOutcome.PASS, reason)
    await _consult(cache.add_verified, address.address, fingerprint)
    return CheckResult(HandlerOutcome.PASS, reason, fingerprint, proves_sender=True)


def _refusal(answer: HostAnswer, address: MisfinAddress) -> CheckResult | None:
    """The result if the host did not answer 20; None if it did."""
    host = address.hostname
    if answer.wait:
        return CheckResult(
            HandlerOutcome.UNKNOWN,
            f"{host} was asked too often; it is not asked again for now.",
            retry_after=answer.wait,
        )
    if isinstance(answer.error, CertificateChangedError):
        return CheckResult(HandlerOutcome.FAIL, f"{host} presents another key than the one pinned for it.")
    if answer.response is None:
        return _unknown(f"{host} could not be asked: {answer.error}")
    status = answer.response.status
    if is_success(status):
        return None
    if is_redirect(status):
        return CheckResult(HandlerOutcome.FAIL, f"The mailbox is no longer at {host}.")
    if status in {StatusCode.MAILBOX_NOT_FOUND, StatusCode.MAILBOX_GONE, StatusCode.DOMAIN_NOT_SERVICED}:
        return CheckResult(HandlerOutcome.FAIL, f"{host} has no such mailbox.")
    if 40 <= status <= 49:
        return _unknown(f"{host} cannot confirm the sender now (status {status}).")
    return CheckResult(
        HandlerOutcome.UNKNOWN, f"{host} does not confirm senders (status {status}).", lasting=True
    )


def _may_still_sign(answer: HostAnswer) -> bool:
    """Whether the host refuses empty messages (50, 59, 60...): its certificate can still be the signer."""
    return (
        answer.response is not None
        and answer.response.status >= 50
        and answer.response.status
        not in {StatusCode.MAILBOX_NOT_FOUND, StatusCode.MAILBOX_GONE, StatusCode.DOMAIN_NOT_SERVICED}
    )


async def _consult(call: Callable[P, str | None], *args: P.args, **kwargs: P.kwargs) -> str | None:
    """Use the cache in a thread. It is optional: a broken cache must not stop mail."""
    try:
        return await asyncio.to_thread(call, *args, **kwargs)
    except StoreError:
        logger.warning("The verification cache cannot be used.", exc_info=True)
        return None


def _unknown(reason: str) -> CheckResult:
    return CheckResult(HandlerOutcome.UNKNOWN, reason)


def _names(certificate: CertificateInfo, address: MisfinAddress) -> bool:
    named = certificate.address
    return named is not None and named.key == address.key
