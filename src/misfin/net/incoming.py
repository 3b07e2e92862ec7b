"""What a receiver passes to its handler: one checked message and the results of the checks."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from misfin.model.status import StatusCode
from misfin.wire import MisfinResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from misfin.model.address import MisfinAddress
    from misfin.trust.identity import CertificateInfo, Identity
    from misfin.trust.tofu import Confirmed, Decision
    from misfin.wire import MisfinRequest

LOCAL_CHECK = "local"
"""The name of the check for senders whose mailbox is on this receiver."""


class HandlerOutcome(StrEnum):
    """The outcome of one check; written to the message's envelope as it is."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    UNKNOWN = "unknown"  # could not be found out: the sender's host is down, or does not say


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one method for one sender.

    ``proves_sender`` means that it passed *and* shows that the client owns the address.
    ``fingerprint`` is what the sender's host named or presented (64 hex digits), ``reason`` one sentence for
    display, and ``retry_after`` the seconds until asking again makes sense (0: unknown); ``lasting`` means
    that it never will. ``checks`` are the results of the methods if several were combined.
    """

    outcome: HandlerOutcome
    reason: str = ""
    fingerprint: str | None = None
    proves_sender: bool = False
    retry_after: int = 0
    lasting: bool = False
    checks: Mapping[str, CheckResult] = field(default_factory=dict)

    @property
    def verified(self) -> bool:
        """Whether the sender is verified."""
        return self.outcome is HandlerOutcome.PASS and self.proves_sender


@dataclass(frozen=True, slots=True)
class Checks:
    """What is known about the sender of a message.

    ``pin`` is how the certificate compares with the sender's pin (None: there was no certificate, or it was
    not compared), ``results`` are the checks by method. ``hold`` is empty, or one sentence saying why the
    user must decide about the message before it counts as the sender's. ``confirmed`` says who had vouched
    for the pin that the certificate matches. ``due`` is the day the pinned certificate expired
    (``2026-11-20``) if that was before another one came, else empty.
    """

    pin: Decision | None = None
    results: Mapping[str, CheckResult] = field(default_factory=dict)
    hold: str = ""
    confirmed: Confirmed | None = None
    due: str = ""

    @property
    def verified(self) -> bool:
        """Whether the sender is verified: every check passed, and at least one proves the owner."""
        results = self.results.values()
        return (
            not self.hold
            and all(result.outcome is HandlerOutcome.PASS for result in results)
            and any(result.proves_sender for result in results)
        )


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message that passed every check of the receiver, with what is known about its sender.

    ``peer_address`` is the IP address it came from, ``certificate`` the one that peer proved to own,
    ``recipient`` the identity of the mailbox it is for; ``received`` is Unix seconds.
    """

    request: MisfinRequest
    peer_address: str
    certificate: CertificateInfo | None
    recipient: Identity
    received: float
    checks: Checks = Checks()

    def with_checks(self, checks: Checks) -> Incoming:
        """The same message with the results of the checks."""
        # Not dataclasses.replace(), which costs several times as much, once per message.
        return Incoming(
            self.request, self.peer_address, self.certificate, self.recipient, self.received, checks
        )

    @property
    def sender(self) -> MisfinAddress | None:
        """The address in the certificate; without one, the sender the message claims, which is no proof."""
        if self.certificate is not None:
            return self.certificate.address
        claimed = self.request.parse_message().senders
        return claimed[0] if claimed else None


if TYPE_CHECKING:
    Handler = Callable[[Incoming], Awaitable[MisfinResponse]]


def accepted(incoming: Incoming) -> MisfinResponse:
    """The answer to a stored message: 20 with the mailbox's fingerprint (docs/protocol.md §4.4)."""
    return MisfinResponse(StatusCode.SUCCESS, incoming.recipient.info.fingerprints.cert)
