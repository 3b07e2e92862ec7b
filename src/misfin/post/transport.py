"""What one kind of mail must provide to be written, measured and sent: the :class:`Transport`.

The outbox (store/outgoing/outbox.py) keeps every message until it has been sent, and the courier
(courier.py) decides when something is tried, by which process, and what is written down about it. A
transport does the rest, and holds no state of deliveries: it turns what a person typed into a message, opens
connections, hands the message over, and translates what its servers answer into a :data:`Result`. Everything
in this module is a value or a protocol; nothing needs to be inherited.

To add a kind of mail: give it a member of :class:`~misfin.model.account.Kind` (and of ``AddressKind`` where
its addresses are of a new sort), write one class with the methods of :class:`Transport`, and hand an object
of it to the courier and the services. ``misfin/post/misfin`` is a complete one.

What the courier promises in return:

- a claimed delivery is sent by one process only, and a route is used by one job at a time;
- nothing that may have been sent is ever sent again without a person: see :meth:`Marks.sending`;
- whatever a method raises or returns, the message is neither lost nor forgotten.

All texts for a person are one or two plain English sentences. What a server said is a stranger's text: keep
it short and free of control characters. Times are Unix seconds, sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING, BinaryIO, Protocol, runtime_checkable

from misfin.compose.measure import Measure
from misfin.model.recipient import Recipient
from misfin.post.endings import (
    Accepted,
    Ask,
    Ending,
    Pace,
    Permanent,
    Result,
    RouteError,
    Temporary,
    Unknown,
    Wait,
)
from misfin.store.outgoing.deliveries import Outgoing
from misfin.valueclass import dataclass

if TYPE_CHECKING:
    from misfin.model.account import AddressKind
    from misfin.post.events import Event
    from misfin.store.outgoing.drafts import Draft
    from misfin.store.rows import MessageRow

__all__ = [
    "Accepted",
    "Answer",
    "Ask",
    "Capabilities",
    "Composed",
    "Due",
    "Ending",
    "How",
    "Job",
    "Marks",
    "Measure",
    "Pace",
    "Permanent",
    "Preparing",
    "Rechecking",
    "Recipient",
    "Result",
    "Route",
    "RouteConnection",
    "RouteError",
    "Stored",
    "Temporary",
    "Transport",
    "Unknown",
    "Wait",
]


# ---- what a transport can do ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What screens and the command line ask, so that they never ask for the kind of an account.

    ``cc`` and ``bcc``: there are such fields. ``attachments``: files can go with a message. ``html``: a
    received message may have such a form. ``split``: a text over the limit can go as several numbered
    messages. ``forward_unchanged``: a message is passed on as it is, and not quoted or attached.
    ``reply_list`` and ``forward_attached``: there are these ways to answer. ``protect``: a message can be
    signed and encrypted.
    ``batch`` is how many recipients on one route one job may have, 1 where each is a transfer of its own.
    ``keep`` is how many seconds a connection is kept open for the next job on its route; 0 closes it at once.
    """

    cc: bool = False
    bcc: bool = False
    attachments: bool = False
    html: bool = False
    split: bool = False
    forward_unchanged: bool = False
    reply_list: bool = False
    forward_attached: bool = False
    protect: bool = False
    batch: int = 1
    keep: float = 0.0


# ---- writing --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Composed:
    """A message ready to be queued, or a copy ready to be filed.

    ``write`` puts its bytes into a file opened for writing; it is called in a thread, perhaps more than once,
    and streams attachments instead of loading them. ``size`` is how many bytes those are. ``to``, ``cc`` and
    ``bcc`` are the recipients, nobody twice.

    ``kept`` is what the outbox has to keep, beside the draft and the attached files, so that the
    message is the same at every try. A small message is kept whole (Misfin); empty means that it is written
    again from the draft. What names a message for good then comes from ``Outgoing.group`` and ``created``:
    the same Message-ID and date at every try.
    """

    subject: str
    size: int
    write: Callable[[BinaryIO], object] = field(repr=False)
    to: tuple[Recipient, ...] = ()
    cc: tuple[Recipient, ...] = ()
    bcc: tuple[Recipient, ...] = ()
    kept: bytes = field(default=b"", repr=False)
    files: tuple[str, ...] = ()
    """The keys of further files that ``kept`` refers to (:class:`~misfin.store.outgoing.attachments`)."""


class How(StrEnum):
    """How a message is answered."""

    REPLY = "reply"
    REPLY_ALL = "reply-all"
    REPLY_LIST = "reply-list"
    """To the mailing list the message came from, and nobody else."""
    FORWARD = "forward"
    FORWARD_ATTACHED = "forward-attached"
    """As an attached message, unchanged."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person asked for: ``quoted`` are the lines to quote (None: all), ``signature`` goes below.

    ``link`` adds a reference to the message that readers can follow, where the kind has such a thing.
    """

    how: How
    quoted: str | None = None
    signature: str = ""
    link: bool = False


@dataclass(frozen=True, slots=True)
class Stored:
    """A message as it is on disk: its whole file, and its row in the index."""

    data: bytes = field(repr=False)
    row: MessageRow


# ---- sending --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Route:
    """The server through which something goes. One job at a time uses a route, in all processes together.

    ``name`` is how :class:`Recipient` named it, unique over all kinds and steady over years, because it is
    kept in the outbox: ``hive.test:1958``, or ``smtp:work`` for the server of one account. ``account`` is the
    account of the first job.
    """

    name: str
    account: str


@dataclass(frozen=True, slots=True)
class Due:
    """One delivery of a job. ``address`` is where it goes now; ``hops`` are redirects followed to get there.

    ``written_to`` is the address the person wrote to.
    """

    number: int
    address: str
    written_to: str
    hops: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """All that is due of one message on one route, at most ``Capabilities.batch`` deliveries of it.

    ``message.account`` says who sends, ``message.message`` is :attr:`Composed.kept`, ``message.draft`` the
    draft (``misfin.store.outgoing.drafts.from_bytes``), ``message.created`` when it was submitted.
    """

    message: Outgoing
    route: Route
    deliveries: tuple[Due, ...]
    prepared: object = field(default=None, repr=False)
    """What :class:`Preparing` made of the message, or None."""


class RouteConnection(Protocol):
    """An open connection to the server of a route. The courier closes it; a transport opens and uses it."""

    @property
    def alive(self) -> bool:
        """Whether another job may be sent over it, as far as is known without asking the server."""

    async def close(self) -> None:
        """End it properly. Takes a few seconds at most; the courier waits no longer, and cancels it then.

        Never raises.
        """


class Marks(Protocol):
    """What a transport has to say while it sends."""

    @property
    def sent(self) -> bool:
        """Whether something of this job may have been sent and has not been refused."""

    async def sending(self, deliveries: Sequence[Due] = ()) -> None:
        """From now on these deliveries (all, if none are given) may arrive. Durable when it returns.

        To be awaited before the first byte that could make the other side deliver (the first byte of a Misfin
        request, the end of an SMTP message), with nothing else awaited in between. After a crash this alone
        decides: without it the delivery is tried again, with it only a person repeats it.

        Raises :class:`~misfin.errors.ClaimLostError` when a person cancelled one of them meanwhile, and
        :class:`~misfin.errors.StoreError` when it cannot be written down. Then nothing more may be sent: let
        the error pass, and what is still wanted is tried again.
        """

    async def mark_refused(self) -> None:
        """The other side has refused explicitly what was sent: nothing of it can arrive.

        To be awaited before a second attempt within the same job, which then needs :meth:`sending` again.
        """

    def say(self, event: Event) -> None:
        """Report at once something that stops no message, such as a ``CourierNotice``."""


class Transport(Protocol):
    """How one kind of mail is written, measured and sent.

    The methods without ``async`` may block (disk, databases) and are called in a thread; the others run on
    the event loop and must not block it. One object serves all accounts and all threads.
    """

    @property
    def kind(self) -> AddressKind:
        """Which addresses it sends to; the courier finds the transport of a message by it."""

    @property
    def capabilities(self) -> Capabilities:
        """What this kind can do; constant.

        Example: ``Capabilities(cc=True, bcc=True, attachments=True, batch=100, keep=15.0)``.
        """

    # ---- writing

    def parse(self, text: str) -> Recipient:
        """One item of a To line, read leniently and returned in the one form in which addresses are kept.

        ``misfin.model.recipient.without_prefix`` takes off a prefix that names this kind and refuses another.
        Pure and quick: the composer calls it for each key.

        Raises :class:`~misfin.errors.AddressError`, with what to write instead as its remedy.

        Example: ``parse("bob@HIVE.test Bob")`` is ``Recipient("bob@hive.test", "hive.test:1958", "Bob")``.
        """

    def measure(self, draft: Draft, to: Sequence[Recipient]) -> Measure:
        """How much of the available space a draft takes, for the recipient with the least; for the meter.

        Without recipients, for a server without limits of its own. Never raises for an unfinished draft:
        what forbids sending is ``Measure.problem``.

        Example: a draft of 900 bytes to a server known to take 2,048 is ``Measure(900, 2048, "hive.test")``.
        """

    def compose(self, draft: Draft) -> Composed:
        """The message as it will be sent; the same draft gives the same recipients and text at any time.

        Raises :class:`~misfin.errors.AddressError` where it has no recipient, or an invalid one, and
        another :class:`~misfin.errors.LocalError` for what cannot be sent; nothing is queued then.

        Example: ``compose(draft).to`` has everybody on the To line once.
        """

    def answer(self, message: Stored, answer: Answer, own: Sequence[str]) -> Draft:
        """The draft of a reply or of a forward. ``own`` are one's own addresses, never written to.

        Raises :class:`~misfin.errors.LocalError` where there is nobody to reply to.

        Example: ``answer(message, Answer(How.REPLY), ["ada@mail.example"]).to`` is the sender.
        """

    # ---- sending

    async def open(self, route: Route) -> RouteConnection:
        """Connect to the server of a route, up to where a message could be sent.

        Bounded in time. Whether the server is to be trusted is decided here, before anything of a message or
        of the account leaves. A protocol with one connection per message returns an object that connects
        when :meth:`send` needs it.

        Raises :class:`RouteError`: with ``Temporary(Pace.SOON, whole_route=True)`` where nobody answers, with
        an ``Ask`` where a person has to decide about the server or a password.
        """

    async def send(self, job: Job, over: RouteConnection, marks: Marks) -> Sequence[Ending]:
        """Hand a message over; one ending for each of ``job.deliveries``, in their order.

        Bounded in time. When cancelled, stop: the courier knows from ``marks`` what may have been sent. What
        a server refused before ``marks.sending()`` has not been sent, whatever happens later.

        Raises :class:`RouteError` as said there, and lets the errors of ``marks`` pass. If nothing was sent,
        another :class:`~misfin.errors.RemoteError` counts as temporary and a
        :class:`~misfin.errors.LocalError` as final; any other exception is a fault of this program, and
        fails the message. If something may have been sent, all of them leave it uncertain.

        Example: an SMTP server that takes one of two recipients gives
        ``[Ending(Accepted(), status=250), Ending(Permanent(), "There is no such mailbox.", status=550)]``.
        """

    def settled(self, job: Job, endings: Sequence[Ending]) -> Iterable[Event]:
        """Called once what became of a job is written down: remember what it showed, say what matters.

        What fails in here costs no message. Most kinds return ``()``.

        Raises :class:`~misfin.errors.StoreError`.
        """

    def answered(self, name: str) -> str | None:
        """The present state of what a question about a whole route is about (``Ask.pin_name``).

        None while it is not known. Anything other than ``Ask.pinned`` releases what is held. Asked once a
        second while there is such a question: quick.

        Raises :class:`~misfin.errors.StoreError`.

        Example: the fingerprint of the key now trusted for a host.
        """

    def sent_copy(self, outgoing: Outgoing) -> Composed | None:
        """The sender's own copy, for the Sent folder; None where the server keeps one by itself.

        Written once at least one recipient's side has the message. Calling it again gives the same bytes.
        """


@runtime_checkable
class Preparing(Protocol):
    """What a :class:`Transport` may have besides: a part of sending that can be done ahead."""

    def prepare(self, message: Outgoing, before: object = None) -> object:
        """Something for ``Job.prepared``, such as the bytes of a message; None if there is nothing.

        Blocking. Called for a message that follows another one on its route: while that one is being sent,
        and again when this one is claimed, with what was returned ``before`` and may still be right. What is
        returned may never be used, so it must not need closing; what is raised is ignored, because
        :meth:`Transport.send` comes to it again.

        What was prepared may be sent a moment before it is claimed; :meth:`Marks.sending` waits for that.
        """


@runtime_checkable
class Rechecking(Protocol):
    """What a :class:`Transport` may have besides: looking again at a server that mail is held for."""

    async def recheck(self, account: str, name: str) -> Sequence[str]:
        """Connect to the server ``name`` (``Ask.pin_name``) of an account and leave it again.

        Called every quarter of an hour while a question about its certificate is open. Returns sentences to
        report, perhaps none, once a person need not decide any more; what was held is sent then. Raises
        :class:`~misfin.errors.MisfinError` while that is not so.
        """
