"""The result of one try to send a message, whatever the protocol, and the ending that carries it."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING

from misfin.errors import RemoteError
from misfin.store.outgoing.deliveries import Question, Transcript
from misfin.valueclass import dataclass

if TYPE_CHECKING:
    from misfin.post.events import Event


class Pace(StrEnum):
    """How soon something temporary is tried again; the pauses grow (retry.py)."""

    SOON = "soon"
    """From one minute on: nobody was reached, and our own network may be back any moment."""
    MINUTES = "minutes"
    """From five minutes on: the server has a passing problem."""
    HOURS = "hours"
    """From two hours on: a full mailbox, say."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The other side has it, for good. ``delivered`` only where that means: it is in the recipient's mailbox.

    A submission server that promises to pass it on (SMTP 250) has accepted it and not delivered it.
    """

    delivered: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """The server asks to come back after so many seconds (1 to 3600 count): no failure.

    What else is due on the route waits as well.
    """

    seconds: float


@dataclass(frozen=True, slots=True)
class Temporary:
    """It did not work this time. With ``whole_route`` what else is due on the route waits as well."""

    pace: Pace = Pace.MINUTES
    whole_route: bool = False


@dataclass(frozen=True, slots=True)
class Permanent:
    """Refused for good, or impossible: given up."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Only a person can decide. Nothing was delivered, and the delivery is held until there is an answer.

    With a ``pin_name`` the question is about the whole route: what else waits for it is held too, and goes on
    by itself once ``Transport.answered`` knows another state of that name than ``pinned``.
    ``target`` is where a redirect leads, for the two questions about redirects.
    """

    question: Question
    pin_name: str = ""
    pinned: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """It was sent and no usable answer came: it may have arrived. Never repeated without a person."""


Result = Accepted | Wait | Temporary | Permanent | Ask | Unknown
"""The result of one try. Codes of a protocol are translated into these; only retry.py decides about time."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a try ended for one delivery.

    ``words`` say what happened and what to do. ``status``, ``meta`` and ``fingerprint`` are the server's own
    code, text and key for the record, where there are such. ``events`` are reported before the result.
    ``detail`` is for :meth:`~misfin.post.transport.Transport.settled` alone.
    """

    result: Result
    words: str = ""
    transcript: Transcript = field(default_factory=Transcript, repr=False)
    status: int = 0
    meta: str = ""
    fingerprint: str = ""
    events: tuple[Event, ...] = ()
    detail: object = field(default=None, repr=False)


class RouteError(RemoteError):
    """A connection could not be opened, or was lost before anything was sent over it.

    ``ending`` is what that means for every delivery of the job. Raised by ``Transport.open``; and by
    ``Transport.send`` only while nothing has been sent. Over a connection that had been kept from an
    earlier job the courier then opens another one and tries once more, at once.
    """

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.words)
        self.ending = ending
