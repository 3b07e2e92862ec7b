"""Keys typed while a screen or a question is still opening go to it, not to what is behind it.

Without this a quick "/archive" opens the search and then runs a, r, c, ... as commands on the list.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual import events
    from textual.app import App
    from textual.screen import Screen
    from textual.timer import Timer
    from textual.worker import Worker

OPENERS = frozenset(
    {
        *("search", "tag", "move_to_folder", "save_search", "find", "pipe", "save_message"),
        *("limit", "select_matching", "copy_to_folder", "make_filter", "print_message", "charset"),
        *("bounce", "edit_as_new", "reply_list", "forward_attached"),
        *("open_link", "copy_link", "compose", "reply", "reply_all", "forward", "edit_draft"),
    }
)
"""Actions that open something to type into."""
MOVERS = frozenset({"focus_next", "focus_previous", "next_field", "take_offer"})
"""Actions after which what is typed goes into another field, or behind what they have put into this one."""
LEAVING = "leaving a field"
"""In place of an action: whichever of :data:`MOVERS` the key turns out to be, after the keys before it."""

PATIENCE = 0.8
"""Seconds a new screen is given to focus a field, when at first something else has the focus."""
GIVE_UP = 5.0
"""Seconds after which the keys are given back whatever the action still does."""
MOVED = 0.5
"""The same for an action that only moves the focus: it may have been something else by then."""
LOOK_AGAIN = 0.002
"""Seconds between two looks while keys wait: the field is to have them before it is drawn without them."""


class TypeAhead:
    """Holds keys back from an opener until a field to type into has the focus, or it has opened nothing."""

    def __init__(self, app: App[int], none: Callable[[], None]) -> None:
        """``none`` is called when what opened is there and no key was typed ahead of it."""
        self._app = app
        self._none = none
        self._held: list[events.Key | events.Paste] = []
        self._timer: Timer | None = None
        self._action = ""
        """What the keys wait for."""
        self._workers: set[Worker[Any]] | None = None
        """What does the work of the action; None until it was called."""
        self._before: tuple[Screen[Any], object] | None = None
        """The screen and the focus the action began with."""
        self._until = 0.0
        self._stays: float | None = None
        """When a new screen counts as one without a field in focus."""

    @property
    def waiting(self) -> bool:
        """Whether something is opening, and keys wait for it."""
        return self._timer is not None

    def holds(self, event: events.Key | events.Paste) -> bool:
        """Whether this has to wait; it is then given to the app again later."""
        if self._timer is not None:
            self._held.append(event)
            return True
        if (action := self._opens(event)) is not None:
            self._action, self._workers, self._stays = action, None, None
            self._before = self._app.screen, self._app.focused
            unsure = action != LEAVING and _name(action) in MOVERS
            self._until = time.monotonic() + (MOVED if unsure else GIVE_UP)
            self._timer = self._app.set_interval(LOOK_AGAIN, self._look)
        return False

    @contextmanager
    def watches(self, action: object) -> Iterator[None]:
        """Around the call of every action: whoever waits for this one learns what works for it."""
        if self._timer is None or self._workers is not None or not self._waits_for(action):
            yield
            return
        others = set(self._app.workers)
        try:
            yield
        finally:
            self._workers = set(self._app.workers) - others

    def _waits_for(self, action: object) -> bool:
        if self._action == LEAVING:
            return isinstance(action, str) and _name(action) in MOVERS
        return action == self._action

    def _opens(self, event: events.Key | events.Paste) -> str | None:
        key = getattr(event, "key", "")
        active = self._app.active_bindings.get(key)
        action = active.binding.action if active is not None else ""
        taken = self._takes(key, getattr(event, "character", None))
        if key in getattr(self._app.focused, "LEAVE_KEYS", ()) and (taken or _name(action) in MOVERS):
            return LEAVING
        return action if not taken and _name(action) in OPENERS | MOVERS else None

    def _takes(self, key: str, character: str | None) -> bool:
        focused = self._app.focused
        return focused is not None and focused.check_consume_key(key, character)

    def _look(self) -> None:
        if self._timer is not None and (self._opened() or time.monotonic() > self._until):
            self._timer.stop()
            self._app.call_later(self._give_back)  # after a focus that was asked for and not yet given

    def _opened(self) -> bool:
        """Whether a field is there, or none will come: a slow machine may take its time for either."""
        screen, focused = self._before or (None, None)
        if self._app.focused is not focused and self._takes("a", "a"):
            return True
        if self._app.screen_stack[-1:] == [screen]:
            return self._workers is not None and all(worker.is_finished for worker in self._workers)
        if self._app.focused is not None and self._stays is None:
            self._stays = time.monotonic() + PATIENCE
        return self._stays is not None and time.monotonic() > self._stays

    async def _give_back(self) -> None:
        """In the order they were typed, before any that comes now; one of them may open something again."""
        held, self._held, self._timer = self._held, [], None
        self._before = self._workers = None  # a closed screen must not stay in memory
        if not held:
            self._none()
        for event in held:
            await self._app.on_event(event)


def _name(action: str) -> str:
    """The bare name of an action: ``move`` for ``app.move(1)``."""
    return action.rpartition(".")[2].partition("(")[0]
