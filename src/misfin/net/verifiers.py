"""The ways to verify a sender: each asks the sender's host, or what is known of it already.

What each method proves is docs/protocol.md §6. Only an answer that names, shows or signs the very certificate
the message came with proves that whoever connected owns the address.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, ParamSpec, Protocol

from misfin.errors import StoreError
from misfin.model.address import DEFAULT_PORT, MisfinAddress
from misfin.model.status import StatusCode, is_redirect, is_success
from misfin.net.asking import DEFAULT_TIMEOUT, HostAnswer, HostAsker
from misfin.net.incoming import CheckResult, HandlerOutcome
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
"""How a pin came about that only says: the same key as the first time. It proves nothing and may be replaced
by a certificate the host vouches for."""

NO_CERTIFICATE = CheckResult(HandlerOutcome.FAIL, "The message came without a certificate.")
_OTHER_NAME = CheckResult(HandlerOutcome.FAIL, "The certificate names another address.")


class VerificationMethod(StrEnum):
    """The ways to verify a sender (docs/trust.md §6)."""

    CERTIFICATE = "certificate"
    PROBE = "probe"
    SPKI = "spki"


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

        ``identity`` is ours, to ask hosts with; ``pin`` is the sender's, if it was looked up already.
        """
        ...


class CertificateVerifier:
    """The certificate names the sender and is the pinned one, or the sender's host vouches for it.

    A pin that a host or a person confirmed is believed; on first contact, and as long as nobody confirmed the
    pin, the host is asked: it must name the certificate's fingerprint for the mailbox, or show the same
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
    """The sender's host answers 20 to an empty message for the mailbox.

    If it names a fingerprint for it, that must be the certificate's, and then the sender is proved; a host
    that only says "20", or the same to everybody, proves nothing more.

    The arguments up to ``timeout`` are for use by itself; with an ``asker``, only ``cache`` matters.
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
        """See :class:`Verifier`; without a certificate the mailbox's existence is all that is found out."""
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
    """The sender's host still shows the public key known for it; says nothing about the mailbox.

    The key pinned for the host counts, or the first one ever seen; after the cache's time to live the host
    is looked at again. ``on_spki_change`` is ``"reject"`` or ``"accept"``.
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
            return CheckResult(HandlerOutcome.PASS, "The host's key was seen lately.", fresh)
        known = await _consult(self._known, address)  # before asking, which pins a first key
        answer = await self._asker.ask(address, identity)
        if answer.certificate is None:
            return _refusal(answer, address) or _unknown(f"{host} showed no certificate.")
        shown = answer.certificate.fingerprints.spki
        if known is not None and known != shown and not self._accept_change:
            return CheckResult(HandlerOutcome.FAIL, f"{host} presents another key than before.", shown)
        await _consult(self._cache.add_server_spki, host, shown)
        word = "a first time" if known is None else "its known key" if known == shown else "a new key"
        return CheckResult(HandlerOutcome.PASS, f"{host} was seen with {word}.", shown)

    def _known(self, address: MisfinAddress) -> str | None:
        pins = self._asker.pins
        pin = pins.get(PinKind.HOST, pin_name(address.hostname, address.port or self._asker.port))
        if pin is not None:
            return pin.spki_sha256
        # A book on disk without a pin means that a person forgot it; one in memory has only just begun.
        return self._cache.last_server_spki(address.hostname) if pins.path is None else None


class CombinedVerifier:
    """Several methods at once: all must pass. They share what the host is asked."""

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
    """Whether the host of ``address`` vouches for ``certificate``; a good answer is remembered."""
    fingerprint = certificate.fingerprints.cert
    answer = asker.recall(address, identity, fingerprint)
    if answer is None:
        if await _consult(cache.get_fingerprint, address.address) == fingerprint:
            return CheckResult(
                HandlerOutcome.PASS, "Its host vouched for it lately.", fingerprint, proves_sender=True
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
        reason = f"{address.hostname} shows this certificate itself."
    elif may_sign and host is not None and signed_by(certificate, host):
        reason = f"The certificate is signed by that of {address.hostname}."
    elif refusal is not None:
        return refusal
    else:
        other = normalize_fingerprint(named)
        if other and not await asker.answers_all_alike(address, identity):
            reason = f"{address.hostname} names another certificate for the mailbox."
            return CheckResult(HandlerOutcome.FAIL, reason, other)
        reason = f"{address.hostname} takes mail for the mailbox, but names no certificate for it."
        if may_sign:
            return CheckResult(HandlerOutcome.UNKNOWN, reason, lasting=True)
        return CheckResult(HandlerOutcome.PASS, reason)
    await _consult(cache.add_verified, address.address, fingerprint)
    return CheckResult(HandlerOutcome.PASS, reason, fingerprint, proves_sender=True)


def _refusal(answer: HostAnswer, address: MisfinAddress) -> CheckResult | None:
    """What follows when the host did not answer 20; None if it did."""
    host = address.hostname
    if answer.wait:
        return CheckResult(
            HandlerOutcome.UNKNOWN, f"{host} was asked too often; it is left alone.", retry_after=answer.wait
        )
    if isinstance(answer.error, CertificateChangedError):
        return CheckResult(HandlerOutcome.FAIL, f"{host} shows another key than the one pinned for it.")
    if answer.response is None:
        return _unknown(f"{host} could not be asked: {answer.error}")
    status = answer.response.status
    if is_success(status):
        return None
    if is_redirect(status):
        return CheckResult(HandlerOutcome.FAIL, f"The mailbox is not at {host} any more.")
    if status in {StatusCode.MAILBOX_NOT_FOUND, StatusCode.MAILBOX_GONE, StatusCode.DOMAIN_NOT_SERVICED}:
        return CheckResult(HandlerOutcome.FAIL, f"{host} has no such mailbox.")
    if 40 <= status <= 49:
        return _unknown(f"{host} cannot say now (status {status}).")
    return CheckResult(HandlerOutcome.UNKNOWN, f"{host} does not say (status {status}).", lasting=True)


def _may_still_sign(answer: HostAnswer) -> bool:
    """Servers that do not know the empty message (50, 59, 60...) can still show who signs for them."""
    return (
        answer.response is not None
        and answer.response.status >= 50
        and answer.response.status
        not in {StatusCode.MAILBOX_NOT_FOUND, StatusCode.MAILBOX_GONE, StatusCode.DOMAIN_NOT_SERVICED}
    )


async def _consult(call: Callable[P, str | None], *args: P.args, **kwargs: P.kwargs) -> str | None:
    """Use the cache in a thread. It is a convenience: mail does not wait for one that is broken."""
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
