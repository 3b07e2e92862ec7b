"""The trust decision: a verdict from a pin, a certificate and the time (docs/protocol.md §5.2)."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from misfin.valueclass import dataclass

if TYPE_CHECKING:
    from misfin.trust.identity import CertificateInfo


class PinKind(StrEnum):
    """What a pin is about: a server (``host:port``), or the person behind an address."""

    HOST = "host"
    """The Misfin server of a host."""
    SENDER = "sender"
    MAIL = "mail"
    """An ordinary mail server whose certificate no authority vouches for: a person's exception."""


VOUCHED = "vouched for by its host"
"""How a sender's pin came about: the sender's host confirmed it."""
APPROVED = "approved"
"""The first word of how a pin came about if the user decided it."""


class Confirmed(StrEnum):
    """Who confirmed that a pinned certificate belongs to the name it is pinned for."""

    HOST = "host"
    PERSON = "person"


class Decision(StrEnum):
    """How a presented certificate compares with the pin (docs/trust.md §3, docs/protocol.md §5.2)."""

    FIRST_USE = "first use"  # nothing is known yet
    TRUSTED = "trusted"  # the pinned certificate
    RENEWED = "renewed"  # another certificate for the same key: accepted, logged, shown
    CHANGED = "changed"  # another key: never accepted without the user


class Remark(StrEnum):
    """What the user should know about a certificate, in addition to the decision (docs/protocol.md §5.2)."""

    EXPIRED = "expired"
    NOT_YET_VALID = "not yet valid"
    HOST_MISMATCH = "does not name the host"
    PIN_EXPIRED = "the pinned certificate had expired"  # only with CHANGED: a change was to be expected


@dataclass(frozen=True, slots=True)
class PastPin:
    """A previous value of a pin. Times are Unix seconds; ``replaced`` is when it was replaced."""

    cert_sha256: str
    spki_sha256: str
    not_before: float
    not_after: float
    first_seen: float
    last_seen: float
    uses: int
    how: str
    replaced: float


@dataclass(frozen=True, slots=True)
class Pin:
    """What is known about a host (``name`` is ``host:port``) or a sender (``mailbox@host``).

    Hashes are 64 hex digits; times are Unix seconds; ``uses`` counts accepted connections or
    messages; ``how`` says in words how the pin came to be trusted; ``history`` is oldest first.
    """

    kind: PinKind
    name: str
    cert_sha256: str
    spki_sha256: str
    not_before: float
    not_after: float
    first_seen: float
    last_seen: float
    uses: int
    how: str
    history: tuple[PastPin, ...] = ()

    @property
    def confirmed(self) -> Confirmed | None:
        """Who vouched for it. None for a pin that only says: the same as the first time."""
        if self.how == VOUCHED:
            return Confirmed.HOST
        return Confirmed.PERSON if self.how.startswith(APPROVED) else None

    def used(self, count: int, last: float) -> Pin:
        """The same pin after ``count`` more uses, the latest at ``last``."""
        # Not dataclasses.replace(), which costs several times as much, once per message.
        return Pin(
            self.kind,
            self.name,
            self.cert_sha256,
            self.spki_sha256,
            self.not_before,
            self.not_after,
            self.first_seen,
            max(self.last_seen, last),
            self.uses + count,
            self.how,
            self.history,
        )


@dataclass(frozen=True, slots=True)
class MailboxKey:
    """A fingerprint servers gave for a mailbox in the META of a 20; times are Unix seconds.

    It says nothing about the server's own certificate, and never decides whether a message is sent
    (docs/protocol.md §4.4).
    """

    fingerprint: str
    first_seen: float
    last_seen: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision about one presented certificate, with remarks."""

    decision: Decision
    remarks: frozenset[Remark] = frozenset()


def change_due(pin: Pin | None, at: float) -> str:
    """The day the pinned certificate expired (``2026-11-20``) if that was before ``at`` (Unix seconds)."""
    if pin is None or not pin.not_after < at:
        return ""
    try:
        return f"{datetime.fromtimestamp(pin.not_after, UTC):%Y-%m-%d}"
    except (OverflowError, OSError, ValueError):  # a certificate may contain anything
        return "an unreadable day"


def due_since(day: str) -> str:
    """An explanation for a change of certificate: the pinned one expired on ``day``."""
    return f"A change was due: the pinned certificate expired on {day}."


def pin_name(host: str, port: int) -> str:
    """The name of a host pin: ``host:port``, host in lower case, an IPv6 literal in brackets."""
    host = host.lower()
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    return f"{host}:{port}"


def decide(pin: Pin | None, shown: CertificateInfo, now: float, *, host: str | None = None) -> Verdict:
    """Judge the certificate a host or sender presents.

    ``now`` is Unix seconds. With ``host``, a certificate that does not name it gets a remark, but no more:
    Misfin trusts keys, not names.
    """
    remarks = set()
    if shown.not_after.timestamp() < now:
        remarks.add(Remark.EXPIRED)
    if shown.not_before.timestamp() > now:
        remarks.add(Remark.NOT_YET_VALID)
    if host is not None and not shown.covers(host):
        remarks.add(Remark.HOST_MISMATCH)
    if pin is None:
        decision = Decision.FIRST_USE
    elif shown.fingerprints.cert == pin.cert_sha256:
        decision = Decision.TRUSTED
    elif shown.fingerprints.spki == pin.spki_sha256:
        decision = Decision.RENEWED
    else:
        decision = Decision.CHANGED
        if pin.not_after < now:
            remarks.add(Remark.PIN_EXPIRED)
    return Verdict(decision, frozenset(remarks))
