"""The time at which a message being written is to be sent, if that is not at once."""

from __future__ import annotations

import time

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content

from misfin.compose.sendtime import parse_send_time
from misfin_tui.screens.base import AppScreen, ScreenController
from misfin_tui.screens.compose_files import ComposerFact
from misfin_tui.widgets.controller import worker
from misfin_tui.widgets.facts import by_and_by, text


class SendTime(ScreenController):
    """``at`` is Unix seconds, 0 for at once."""

    def __init__(self, screen: AppScreen, at: float) -> None:
        super().__init__(screen)
        self.at = at if at > time.time() else 0.0  # of a message that was sent, or should have been
        self._words = ComposerFact(id="send-at", markup=False)
        self._line = Horizontal(text("Send at", classes="label"), self._words, classes="line", id="time-line")

    def lines(self) -> ComposeResult:
        """The line, there only while a time is chosen."""
        self._show()
        yield self._line

    @property
    def passed(self) -> bool:
        """Whether the time chosen is over."""
        return bool(self.at) and self.at <= time.time()

    def _show(self) -> None:
        self._line.display = bool(self.at)
        self._words.update(Content(by_and_by(self.at, time.time()) if self.at else ""))

    @worker(group="send time", exclusive=True, description="choose a time to send at")
    async def action_send_at(self) -> None:
        """Choose a time, or none."""
        from misfin_tui.dialogs.send_time import SendTimeDialog  # late: few messages are sent later

        answer = await self.screen.app.push_screen_wait(SendTimeDialog(self.at))
        if answer is not None and self.screen.standing:
            self.at = parse_send_time(answer, time.time()) if answer.strip() else 0.0
            self._show()
            self._words.post_message(ComposerFact.FactChanged())
