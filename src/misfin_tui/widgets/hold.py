"""Drawing that waits a moment, so that what belongs together is drawn once and not piece by piece."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.app import App
    from textual.timer import Timer


class Hold:
    """Holds back the drawing of an app until everything is there or it took too long."""

    def __init__(self, app: App[int]) -> None:
        self._app = app
        self._batch: ExitStack | None = None
        self._timer: Timer | None = None
        self._until = 0.0

    def begin(self, seconds: float) -> None:
        """Draw nothing for so long at most; while it is held already, the later end counts."""
        if self._batch is None:
            self._batch = ExitStack()
            self._batch.enter_context(self._app.batch_update())
            self._until = 0.0
        if (until := time.monotonic() + seconds) > self._until:
            self._until = until
            if self._timer is not None:
                self._timer.stop()
            self._timer = self._app.set_timer(seconds, self.end)

    def end(self) -> None:
        """Draw what waits."""
        if self._batch is None:
            return
        if self._timer is not None:
            self._timer.stop()
        batch, self._batch, self._timer = self._batch, None, None
        batch.close()
        if self._app.screen_stack:
            self._app.screen.check_idle()  # Textual asks only the app itself whether something is to be drawn
