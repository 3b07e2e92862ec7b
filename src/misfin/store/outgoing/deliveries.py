"""The values of the outbox: the states of a delivery, and the frozen rows about it.

Times are Unix seconds, 0 where there is none.
"""

from __future__ import annotations

from enum import StrEnum

from misfin.model.account import AddressKind
from misfin.valueclass import dataclass


class DeliveryState(StrEnum):
    """The state of one delivery (docs/mail-on-disk.md §5).

    ``delivered`` and ``accepted`` are both final. Delivered is what the recipient's own server said: it is in
    the mailbox. Accepted is what a server said that passes it on (SMTP 250): nothing more will be known here.
    """

    WAITING = "waiting"
    SENDING = "sending"
    DELIVERED = "delivered"
    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    HELD = "held"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    CANCELLED = "cancelled"


TAKEN = (DeliveryState.DELIVERED, DeliveryState.ACCEPTED)
"""States in which the other side has the copy: it is never sent again, and Sent holds the message."""


class Question(StrEnum):
    """What a held copy waits for; each is answered by a person in its own way."""

    CHANGED_CERTIFICATE = "changed-certificate"
    FIRST_USE = "first-use"
    REDIRECT_ONCE = "redirect-once"
    REDIRECT_ALWAYS = "redirect-always"
    TOO_LARGE = "too-large"
    NEEDS_IDENTITY = "needs-identity"
    UNTRUSTED_SERVER = "untrusted-server"
    """An e-mail account's server presents a certificate that no authority vouches for."""
    ACCOUNT = "account"
    """An e-mail account cannot log in, or its settings do not fit its server; all it sends waits."""
    PERSON = "person"


ABOUT_TRUST = frozenset({Question.CHANGED_CERTIFICATE, Question.FIRST_USE, Question.UNTRUSTED_SERVER})
"""Questions about the certificate of a server."""


class Phase(StrEnum):
    """How far an attempt got: ``leaving`` is durable before the first byte of the request leaves."""

    CLAIMED = "claimed"
    LEAVING = "leaving"
    ANSWERED = "answered"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One delivery: one recipient's copy of a message; ``size`` is bytes of the message as it is sent.

    ``to`` is the address written to; ``target`` is where a redirect points while that is asked about, and
    where the copy goes once a person followed it. ``route`` names the server the copy goes through, as its
    transport calls it. ``pin_name`` is what a question of the whole route is about, for Misfin the name of
    the pin (``host:port``). ``server`` is who answered the last attempt.
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
    route: str
    kind: AddressKind = AddressKind.MISFIN
    server: str = ""


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
    """A message as it was submitted, with the draft it came from.

    ``recipients``, ``cc`` and ``bcc`` are addresses, each in one of the three. ``message`` is what its
    transport keeps of it beside the draft: for Misfin the gemmail every copy carries. ``attachments`` are the
    keys of files (attachments.py).
    """

    group: str
    kind: AddressKind
    account: str
    recipients: tuple[str, ...]
    cc: tuple[str, ...]
    bcc: tuple[str, ...]
    attachments: tuple[str, ...]
    subject: str
    message: bytes
    draft: bytes
    created: float


@dataclass(frozen=True, slots=True)
class History:
    """What the retry rules need of a delivery's past: failures and slowdowns, and when its trying began."""

    failures: int = 0
    slowdowns: int = 0
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class Claimed:
    """One delivery of a claim; ``hops`` are redirects already followed."""

    row: OutboxRow
    attempt: int
    history: History
    hops: tuple[str, ...] = ()

    @property
    def to(self) -> str:
        """The address it goes to now: where a redirect led, or the one written to."""
        return self.row.target or self.row.to


@dataclass(frozen=True, slots=True)
class Claim:
    """Deliveries of one message over one route that this process alone may send now."""

    message: Outgoing
    route: str
    deliveries: tuple[Claimed, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended for a delivery; ``failure`` and ``slowdown`` say which pause grows next time.

    ``pinned`` is the state of what ``pin_name`` names when the question came up: for Misfin the SHA-256
    of the public key (SPKI) that was trusted. With a ``pin_name`` what else waits for the route is held too,
    with ``whole_route`` it waits until ``next_attempt`` as well.
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
    whole_route: bool = False


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
