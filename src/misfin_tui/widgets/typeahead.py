"""Keys typed while a screen or a question is still opening go to it, not to what lies below.

Without this a quick "/archive" opens the search and then runs a, r, c, ... as commands on the list.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from textual import events

if TYPE_CHECKING:
    from textual.app import App
    from textual.timer import Timer

OPENERS = frozenset(
    {
        *("search", "tag", "move_to_folder", "save_search", "find", "pipe", "save_message"),
        *("open_link", "copy_link", "compose", "reply", "reply_all", "forward", "edit_draft"),
    }
)
"""Actions that open something to type into."""

PATIENCE = 0.8
"""Seconds after which an action counts as having opened nothing."""
LOOK_AGAIN = 0.01


class TypeAhead:
    """Holds keys back from an opener until a field to type into has the focus."""

    def __init__(self, app: App[int]) -> None:
        self._app = app
        self._held: list[events.Key] = []
        self._timer: Timer | None = None
        self._before: object = None
        self._until = 0.0

    def holds(self, event: events.Key) -> bool:
        """Whether this key has to wait; it is then given to the app again later."""
        if self._timer is not None:
            self._held.append(event)
            return True
        if self._opens(event):
            self._before = self._app.focused
            self._until = time.monotonic() + PATIENCE
            self._timer = self._app.set_interval(LOOK_AGAIN, self._look)
        return False

    def _opens(self, event: events.Key) -> bool:
        focused = self._app.focused
        if focused is not None and focused.check_consume_key(event.key, event.character):
            return False
        active = self._app.active_bindings.get(event.key)
        return active is not None and active.binding.action.rpartition(".")[2].partition("(")[0] in OPENERS

    def _look(self) -> None:
        focused = self._app.focused
        ready = focused is not None and focused is not self._before and focused.check_consume_key("a", "a")
        if not ready and time.monotonic() < self._until:
            return
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        held, self._held = self._held, []
        for event in held:
            self._app.post_message(event)
