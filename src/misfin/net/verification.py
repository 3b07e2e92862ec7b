"""The handler that verifies senders: compares pins, applies the policy, then passes the message on.

The methods themselves are in :mod:`misfin.net.verifiers`; this module exports them too.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from misfin.model.status import StatusCode
from misfin.net.incoming import LOCAL_CHECK, CheckResult, Checks, HandlerOutcome, Incoming
from misfin.net.policies import SenderChange, VerificationMethod, VerificationMode
from misfin.net.verification_cache import SenderVerificationCache
from misfin.net.verifiers import (
    FIRST_MESSAGE,
    NO_CERTIFICATE,
    CertificateVerifier,
    CombinedVerifier,
    ProbeVerifier,
    SPKIVerifier,
    Verifier,
)
from misfin.trust.pins import PinBook
from misfin.trust.tofu import VOUCHED, Decision, PinKind, change_due, decide
from misfin.wire import MisfinResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from misfin.model.address import MisfinAddress
    from misfin.net.incoming import Handler
    from misfin.trust.identity import CertificateInfo, Identity
    from misfin.trust.tofu import Pin

__all__ = [
    "FIRST_MESSAGE",
    "VOUCHED",
    "CertificateVerifier",
    "CheckResult",
    "CombinedVerifier",
    "ProbeVerifier",
    "SPKIVerifier",
    "SenderChange",
    "SenderVerificationCache",
    "VerificationMethod",
    "VerificationMode",
    "VerificationResult",
    "Verifier",
    "VerifyingHandler",
]

VerificationResult = CheckResult


class VerifyingHandler:
    """Wraps another handler: compares the sender's pin, verifies by policy, then passes the message on.

    ``mode`` says what happens if ``verifier`` fails: only a remark on the message (optional), or a refusal
    with 61 (required); off asks nobody. In any mode, messages of a sender whose key changed are refused with
    63 (``on_sender_change`` "reject"), or passed on with ``checks.hold`` set for the user to decide. Probes
    do not get here: the receiver answers them.

    ``pins`` has the senders' pins. A first key is pinned if its host vouched for it or could not be asked,
    never if the verification failed: otherwise the first impostor could lock out the owner.
    """

    def __init__(
        self,
        wrapped: Handler,
        verifier: Verifier,
        mode: VerificationMode = VerificationMode.OPTIONAL,
        method: str = VerificationMethod.CERTIFICATE,
        *,
        pins: PinBook | None = None,
        on_sender_change: SenderChange = SenderChange.HOLD,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.wrapped = wrapped
        self.verifier = verifier
        self.mode = mode
        self.method = method
        self.on_sender_change = on_sender_change
        self._pins = pins or PinBook(None)
        self._now = now

    async def __call__(self, incoming: Incoming) -> MisfinResponse:
        """Handle one message; see :data:`misfin.net.incoming.Handler`."""
        certificate = incoming.certificate
        address = None if certificate is None else certificate.address
        known = incoming.checks.results.get(LOCAL_CHECK)
        if certificate is None or address is None:
            checks = Checks(
                results={} if self.mode is VerificationMode.OFF else {self.method: NO_CERTIFICATE}
            )
            refusal = _REQUIRED if self.mode is VerificationMode.REQUIRED else None
        elif known is not None:
            checks = incoming.checks  # a sender on our own host: already checked locally
            refusal = self._refused(checks)
        else:
            checks = await self._check(address, certificate, incoming.recipient)
            refusal = self._refused(checks)
        if refusal is not None:
            return refusal
        return await self.wrapped(incoming.with_checks(checks))

    async def _check(
        self, address: MisfinAddress, certificate: CertificateInfo, recipient: Identity
    ) -> Checks:
        name = address.address
        # A cached pin costs microseconds; any other is one read by key.
        pin = self._pins.get(PinKind.SENDER, name)
        decision = decide(pin, certificate, self._now()).decision
        changed = decision is Decision.CHANGED
        if changed and self.on_sender_change is SenderChange.REJECT and not _provisional(pin):
            await self._record(name, certificate)
            return Checks(pin=decision)
        results: Mapping[str, CheckResult] = {}
        if self.mode is not VerificationMode.OFF:
            result = await self.verifier.verify_sender(address, certificate, recipient, pin)
            results = result.checks or {self.method: result}
        same = decision in (Decision.TRUSTED, Decision.RENEWED)
        checks = Checks(pin=decision, results=results, confirmed=pin.confirmed if pin and same else None)
        if changed and _provisional(pin) and checks.verified:
            # The old key was never confirmed, and the host confirms the new one.
            await self._replace(name, certificate)
            return replace(checks, pin=Decision.FIRST_USE)
        if changed:
            await self._record(name, certificate)
        elif await self._remember(name, pin, certificate, checks) is not Decision.CHANGED:
            return checks
        due = change_due(pin, self._now())
        hold = f"{name} presents another certificate than the pinned one."
        return replace(checks, pin=Decision.CHANGED, hold=hold, confirmed=None, due=due)

    def _refused(self, checks: Checks) -> MisfinResponse | None:
        if checks.pin is Decision.CHANGED and self.on_sender_change is SenderChange.REJECT:
            return _CHANGED
        if self.mode is not VerificationMode.REQUIRED:
            return None
        # The user decides about a message that is held: an unknown result is not a reason to refuse it.
        unwanted = (HandlerOutcome.FAIL,) if checks.hold else (HandlerOutcome.FAIL, HandlerOutcome.UNKNOWN)
        for outcome in unwanted:
            for result in checks.results.values():
                if result.outcome is outcome:
                    return _refuse(result)
        return None

    # ---- pins -------------------------------------------------------------------------------------

    async def _remember(
        self, name: str, pin: Pin | None, certificate: CertificateInfo, checks: Checks
    ) -> Decision | None:
        """Update the sender's pin after this message; returns the pin book's decision."""
        if pin is None:
            if self._refused(checks) or HandlerOutcome.FAIL in _outcomes(checks):
                return None
            # Another message, or another process, may have pinned another key first.
            return await self._record(name, certificate, VOUCHED if checks.verified else FIRST_MESSAGE)
        if _provisional(pin) and checks.verified:
            await self._replace(name, certificate)
            return Decision.TRUSTED
        if checks.pin is Decision.TRUSTED:
            self._pins.used(PinKind.SENDER, name, now=self._now())
            return Decision.TRUSTED
        return await self._record(name, certificate)

    async def _record(self, name: str, certificate: CertificateInfo, how: str = FIRST_MESSAGE) -> Decision:
        verdict = await asyncio.to_thread(
            self._pins.record, PinKind.SENDER, name, certificate, now=self._now(), how=how
        )
        return verdict.decision

    async def _replace(self, name: str, certificate: CertificateInfo) -> None:
        await asyncio.to_thread(
            self._pins.replace, PinKind.SENDER, name, certificate, how=VOUCHED, now=self._now()
        )


def _outcomes(checks: Checks) -> set[HandlerOutcome]:
    return {result.outcome for result in checks.results.values()}


def _provisional(pin: Pin | None) -> bool:
    return pin is not None and pin.confirmed is None


_REQUIRED = MisfinResponse(StatusCode.CERTIFICATE_REQUIRED, "A certificate is required to verify the sender")
_CHANGED = MisfinResponse(
    StatusCode.CERTIFICATE_CHANGED,
    "This sender had another certificate before; the recipient must forget it",
)


def _refuse(result: CheckResult) -> MisfinResponse:
    if result.outcome is HandlerOutcome.FAIL or result.lasting:
        return MisfinResponse(
            StatusCode.UNAUTHORIZED_SENDER, f"The sender could not be verified: {result.reason}"
        )
    if result.retry_after:
        return MisfinResponse(StatusCode.SLOW_DOWN, f"Slow down. Retry after {result.retry_after}s")
    # Do not reveal why the sender's host could not be asked: the client only claims to belong there.
    return MisfinResponse(StatusCode.SERVER_UNAVAILABLE, "The sender cannot be verified now; try again later")
