"""App-wide messages: what services, threads and the courier report to whatever shows it.

They are plain values, so that the services serve the screens and the linear mode alike; any thread may post
them with ``services.post``. The app makes Textual's messages of them (``app/carrying.py``) and forwards each
to the screens that handle it, so a screen behind a dialog stays up to date. Floods collapse: the newest one
waiting replaces the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from misfin.post.source import SourceState


@dataclass
class AppNews:
    """Something that happened; each kind has a class and, in screens, a handler (``on_mail_changed``)."""

    def can_replace(self, message: object) -> bool:
        """Whether this one need not be handled because ``message`` is next: the name is Textual's."""
        return False


@dataclass
class MailChanged(AppNews):
    """The index changed: messages came, went or changed flags. ``arrived`` counts new unread messages."""

    arrived: int = 0
    sender: str = ""
    subject: str = ""

    def can_replace(self, message: object) -> bool:
        """A quiet change adds nothing to a newer one; arrivals are never dropped."""
        return isinstance(message, MailChanged) and not self.arrived


@dataclass
class OutboxChanged(AppNews):
    """A message in the outbox changed state. ``notice`` is one sentence for the user, empty for none."""

    notice: str = ""
    severity: Literal["information", "warning", "error"] = "information"

    def can_replace(self, message: object) -> bool:
        """A state change without a notice is covered by any newer one."""
        return isinstance(message, OutboxChanged) and not self.notice


@dataclass
class PeopleChanged(AppNews):
    """New messages told the address book who the user writes to and hears from."""

    def can_replace(self, message: object) -> bool:
        """It says nothing but that there is something to read."""
        return isinstance(message, PeopleChanged)


@dataclass
class TrustAsked(AppNews):
    """Something waits for a decision about a certificate; several messages raise one question.

    ``kind`` is ``"host"`` or ``"sender"``; ``name`` is ``host:port`` or ``mailbox@host``.
    """

    kind: str
    name: str


@dataclass
class SourceChanged(AppNews):
    """A source of mail started, stopped or has trouble, in one sentence; ``services.sources`` knows them all.

    ``account`` is the name of its account, empty for the receiver of all Misfin accounts.
    """

    account: str
    state: SourceState
    sentence: str

    def can_replace(self, message: object) -> bool:
        """The newest state of a source is the only one that matters."""
        return isinstance(message, SourceChanged) and message.account == self.account


@dataclass
class SyncChanged(AppNews):
    """What is known of mailboxes elsewhere changed: ``services.syncing`` reads it."""

    def can_replace(self, message: object) -> bool:
        """One is enough."""
        return isinstance(message, SyncChanged)


@dataclass
class IndexProgress(AppNews):
    """``what`` is being done to many messages: ``done`` of ``total``; equal numbers mean it is finished."""

    done: int
    total: int
    what: Literal["reading", "filing", "undoing"] = "reading"

    def can_replace(self, message: object) -> bool:
        """Only the newest progress of one thing is worth drawing."""
        return isinstance(message, IndexProgress) and message.what == self.what


@dataclass
class Problem(AppNews):
    """Something failed; ``text`` says what in one sentence, ``remedy`` what to do about it."""

    text: str
    remedy: str = ""


@dataclass
class ConfigChanged(AppNews):
    """The settings were changed, in the app or in the file; ``app.config`` holds the new ones."""
