"""What the outbox speaks in: the states of a message on its way out, and the frozen rows about it.

Times are Unix seconds, 0 where there is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from misfin.model.address import MisfinAddress


class DeliveryState(StrEnum):
    """Where one recipient's copy stands (docs/mail-on-disk.md §5)."""

    WAITING = "waiting"
    SENDING = "sending"
    DELIVERED = "delivered"
    DEFERRED = "deferred"
    HELD = "held"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    CANCELLED = "cancelled"


class Question(StrEnum):
    """What a held copy waits for; each is answered by a person in its own way."""

    CHANGED_CERTIFICATE = "changed-certificate"
    FIRST_USE = "first-use"
    REDIRECT_ONCE = "redirect-once"
    REDIRECT_ALWAYS = "redirect-always"
    TOO_LARGE = "too-large"
    NEEDS_IDENTITY = "needs-identity"
    PERSON = "person"


class Phase(StrEnum):
    """How far an attempt got: ``leaving`` is durable before the first byte of the request leaves."""

    CLAIMED = "claimed"
    LEAVING = "leaving"
    ANSWERED = "answered"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One recipient's copy; ``size`` is bytes of gemmail.

    ``to`` is the address written to; ``target`` is where a redirect points while that is asked about, and
    where the copy goes once a person followed it. ``pin_name`` is the name of the pin (``host:port``)
    a question about trust is about; ``host`` is the ``host:port`` the copy goes to.
    """

    id: int
    group: str
    account: str
    to: str
    subject: str
    state: DeliveryState
    why: str
    status: int
    meta: str
    fingerprint: str
    attempts: int
    next_attempt: float
    created: float
    hold_until: float
    size: int
    question: Question | None
    pin_name: str
    target: str
    host: str


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """The transcript of one attempt; ``left`` is when its request began to leave, ``request`` its head."""

    id: int
    row: int
    started: float
    ended: float
    left: float
    host: str
    port: int
    version: str
    certificate: str
    decision: str
    request: bytes
    response: str
    error: str
    phase: Phase


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message as it was submitted: the gemmail every copy carries, and the draft it came from."""

    group: str
    account: str
    recipients: tuple[str, ...]
    subject: str
    message: bytes
    draft: bytes
    created: float


@dataclass(frozen=True, slots=True)
class History:
    """What the retry rules need of a copy's past: failures and 44s so far, and when its trying began."""

    failures: int = 0
    slowdowns: int = 0
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class Claim:
    """A copy this process alone may send now, to ``address``; ``hops`` are redirects already followed."""

    row: OutboxRow
    attempt: int
    address: MisfinAddress
    message: bytes
    history: History
    hops: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended for its copy; ``failure`` and ``slowdown`` say which pause grows next time.

    ``pinned`` is the SHA-256 of the public key (SPKI) that was trusted when a question about trust came up.
    """

    state: DeliveryState
    why: str = ""
    status: int = 0
    meta: str = ""
    fingerprint: str = ""
    next_attempt: float = 0.0
    question: Question | None = None
    pin_name: str = ""
    pinned: str = ""
    target: str = ""
    failure: bool = False
    slowdown: bool = False


@dataclass(frozen=True, slots=True)
class Transcript:
    """What an attempt did on the wire, for the person who asks later."""

    host: str = ""
    port: int = 0
    version: str = ""
    certificate: str = ""
    decision: str = ""
    request: bytes = b""
    response: str = ""
    error: str = ""
