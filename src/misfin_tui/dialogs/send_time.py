"""Asking when a message is to be sent; what was typed is read at every key."""

from __future__ import annotations

import time

from textual import on
from textual.content import Content
from textual.widgets import Input, Static

from misfin.compose.sendtime import EXAMPLES, SendTimeError, format_send_time, parse_send_time
from misfin_tui.dialogs.prompt import PromptDialog
from misfin_tui.widgets.facts import by_and_by


class SendTimeDialog(PromptDialog):
    """The answer is a text that is a time ahead, or empty for sending at once."""

    def __init__(self, at: float) -> None:
        """``at`` is the time chosen so far in Unix seconds, 0 for none."""
        super().__init__(
            "Send at",
            f"For example {EXAMPLES}.\nLeave it empty to send at once.",
            value=format_send_time(at) if at else "",
            placeholder="tomorrow 8:00",
            yes="Set time",
            check=_problem,
        )

    @on(Input.Changed, "#answer")
    def _read(self, event: Input.Changed) -> None:
        event.stop()
        words = ""
        if event.value.strip() and not _problem(event.value):
            now = time.time()
            words = f"It will be sent {by_and_by(parse_send_time(event.value, now), now)}."
        below = self.query_one("#complaint", Static)
        below.update(Content(words))
        below.set_class(not words, "warn")  # only a complaint is a warning


def _problem(text: str) -> str:
    if not text.strip():
        return ""
    try:
        parse_send_time(text, time.time())
    except SendTimeError as error:
        return f"{error} {error.remedy}"
    return ""
