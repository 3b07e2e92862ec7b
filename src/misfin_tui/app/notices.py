"""Notices at the edge of the screen: from any text, and of new mail."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING

from textual.notifications import Notification, Notify

from misfin.errors import MisfinError
from misfin_tui.app.controller import AppController
from misfin_tui.host import Severity
from misfin_tui.screentext import plain
from misfin_tui.widgets.controller import worker

if TYPE_CHECKING:
    from textual.app import App

    from misfin_tui.messages import MailChanged

LONG = 12.0
"""Seconds a notice of a failure stays: it says what to do."""
GATHERED = 3.0
"""Seconds from one notice of new mail to the next: what comes meanwhile is announced in one."""


@dataclasses.dataclass
class ToastNotice(Notification):
    """A notice that can be removed by its subject."""

    about: str = ""
    identity: str = dataclasses.field(default_factory=lambda: os.urandom(16).hex())
    """Textual would import `uuid` for it, a quarter of a megabyte."""


class Notices(AppController):
    """Notices at the edge of the screen."""

    def say(
        self, text: str, *, severity: Severity = "information", timeout: float | None = None, about: str = ""
    ) -> None:
        """A notice, wherever its text came from; ``about`` names its subject, for :meth:`withdraw`."""
        left = self.app.NOTIFICATION_TIMEOUT if timeout is None else timeout
        if not about:
            self._withdraw_same(plain(text, one_line=False))
        notice = ToastNotice(plain(text, one_line=False), severity=severity, timeout=left, about=about)
        self.app.post_message(Notify(notice))

    def _withdraw_same(self, text: str) -> None:
        """Nothing is said twice at a time."""
        for each in list(self.app._notifications):
            if each.message == text:
                self.app._unnotify(each)

    def withdraw(self, about: str, *, every: bool = False) -> None:
        """Remove the newest notice about something, or ``every`` one: it is no longer true."""
        notices = [
            each for each in self.app._notifications if isinstance(each, ToastNotice) and each.about == about
        ]
        for notice in notices if every else notices[-1:]:
            self.app._unnotify(notice)  # Textual's public method removes all of them

    def report(self, error: Exception, what: str = "") -> None:
        """A notice about something that failed: what happened, and what to do about it."""
        remedy = getattr(error, "remedy", "")
        text = " ".join(part for part in (what, str(error) or type(error).__name__) if part)
        self.say(f"{text}\n{remedy}" if remedy else text, severity="error", timeout=LONG)


class MailAnnouncements(AppController):
    """Notices of new mail, the bell, and the command of the settings."""

    def __init__(self, app: App[int]) -> None:
        super().__init__(app)
        self._pending: list[MailChanged] = []
        self._waiting = False

    def announce(self, message: MailChanged) -> None:
        """Announce new messages: at once, but not one by one while many arrive."""
        self._pending.append(message)
        if not self._waiting:
            self._announce_pending()

    def _announce_pending(self) -> None:
        pending, self._pending = self._pending, []
        self._waiting = bool(pending)
        if not pending:
            return
        self.app.set_timer(GATHERED, self._announce_pending)
        message = dataclasses.replace(pending[-1], arrived=sum(each.arrived for each in pending))
        more = f" and {message.arrived - 1:,} more" if message.arrived > 1 else ""
        self.host.say(f"New mail from {message.sender}{more}: {message.subject}")
        if self.host.config.ui.bell:
            self.app.bell()
        self._run_command(message)

    @worker(group="announce", description="run the notice command")
    async def _run_command(self, message: MailChanged) -> None:
        try:
            await self.host.services.outside.announce(message.sender, message.subject, message.arrived)
        except MisfinError as error:
            self.host.report(error)
