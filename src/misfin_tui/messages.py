"""App-wide messages: what services, threads and the courier report to the screens.

Any thread may post them with ``app.post_message``. The app forwards each to the screens that handle it, so a
screen behind a dialog stays up to date. Floods collapse: the newest one waiting replaces the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from textual.message import Message

if TYPE_CHECKING:
    from misfin.post.source import SourceState


@dataclass
class MailChanged(Message, bubble=False):
    """The index changed: messages came, went or changed flags. ``arrived`` counts new unread messages."""

    arrived: int = 0
    sender: str = ""
    subject: str = ""

    def can_replace(self, message: Message) -> bool:
        """A quiet change adds nothing to a newer one; arrivals are never dropped."""
        return isinstance(message, MailChanged) and not message.arrived


@dataclass
class OutboxChanged(Message, bubble=False):
    """A message in the outbox changed state. ``notice`` is one sentence for the user, empty for none."""

    notice: str = ""
    severity: Literal["information", "warning", "error"] = "information"

    def can_replace(self, message: Message) -> bool:
        """A state change without a notice is covered by any newer one."""
        return isinstance(message, OutboxChanged) and not message.notice


@dataclass
class TrustAsked(Message, bubble=False):
    """Something waits for a decision about a certificate; several messages raise one question.

    ``kind`` is ``"host"`` or ``"sender"``; ``name`` is ``host:port`` or ``mailbox@host``.
    """

    kind: str
    name: str


@dataclass
class SourceChanged(Message, bubble=False):
    """A source of mail started, stopped or has trouble, in one sentence; ``services.sources`` knows them all.

    ``account`` is the name of its account, empty for the receiver of all Misfin accounts.
    """

    account: str
    state: SourceState
    sentence: str

    def can_replace(self, message: Message) -> bool:
        """The newest state of a source is the only one that matters."""
        return isinstance(message, SourceChanged) and message.account == self.account


@dataclass
class SyncChanged(Message, bubble=False):
    """What is known of mailboxes elsewhere changed: ``services.syncing`` reads it."""

    def can_replace(self, message: Message) -> bool:
        """One is enough."""
        return isinstance(message, SyncChanged)


@dataclass
class IndexProgress(Message, bubble=False):
    """``what`` is being done to many messages: ``done`` of ``total``; equal numbers mean it is finished."""

    done: int
    total: int
    what: Literal["reading", "filing", "undoing"] = "reading"

    def can_replace(self, message: Message) -> bool:
        """Only the newest progress is worth drawing."""
        return isinstance(message, IndexProgress)


@dataclass
class Problem(Message, bubble=False):
    """Something failed; ``text`` says what in one sentence, ``remedy`` what to do about it."""

    text: str
    remedy: str = ""


@dataclass
class ConfigChanged(Message, bubble=False):
    """The settings were changed, in the app or in the file; ``app.config`` holds the new ones."""


@dataclass
class PasteRefused(Message, bubble=False):
    """A paste was too large for anything here; none of it was kept. Both numbers are in bytes."""

    size: int
    limit: int
