"""Saving a draft soon after the last key, one save at a time, and never losing the newest text."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace

from misfin.errors import StoreError
from misfin.store.outgoing.drafts import Draft

logger = logging.getLogger("misfin.drafts")

PAUSE = 0.7
"""Seconds without a key after which the draft is saved."""
LONGEST = 2.5
"""Seconds after which it is saved although keys keep coming."""
RETRY = 5.0
"""Seconds until a save that failed (the disk was full) is tried again."""


class Autosave:
    """Keeps one draft on disk while it is written.

    ``save`` blocks and runs in a thread; ``saved`` and ``failed`` are called on the loop. ``last`` is the
    draft as it already is on disk.
    """

    def __init__(
        self,
        save: Callable[[Draft], Draft],
        saved: Callable[[Draft], None],
        failed: Callable[[StoreError], None],
        last: Draft | None = None,
    ) -> None:
        self._save = save
        self._saved = saved
        self._failed = failed
        self._waiting: Draft | None = None
        self._since = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._saving: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._stopped = False
        self._reported = False
        self._last = last or Draft()

    @property
    def draft_id(self) -> str:
        """The id of the draft on disk; empty before the first save."""
        return self._last.id

    def put(self, draft: Draft) -> None:
        """There is newer text: save it in a moment."""
        if self._stopped:
            return
        now = time.monotonic()
        if self._waiting is None:
            self._since = now
        self._waiting = draft
        self._arm(max(0.0, min(PAUSE, self._since + LONGEST - now)))

    @property
    def unsaved(self) -> bool:
        """Whether the newest text is not on disk yet."""
        return self._waiting is not None or self._lock.locked()

    async def flush(self) -> None:
        """Save at once what is not saved yet.

        Raises :class:`StoreError`, whatever went wrong; the text is then kept, and saving it is tried again
        later. Whoever waits may be cancelled: the save goes on, and the next one waits for it, or it would
        make a second draft. At the end of the program the loop waits for the thread that saves.
        """
        self._disarm()
        self._saving = asyncio.create_task(self._save_waiting())
        await asyncio.shield(self._saving)

    async def _save_waiting(self) -> None:
        async with self._lock:
            draft, self._waiting = self._waiting, None
            if draft is None:
                return
            try:
                after = replace(draft, id=self._last.id, modified=self._last.modified)
                done = await asyncio.to_thread(self._save, after)
            except Exception as error:
                if not self._stopped:
                    self._waiting = self._waiting or draft  # newer text may have come meanwhile
                    self._arm(RETRY)
                if isinstance(error, StoreError):
                    raise
                logger.exception("Saving a draft failed unexpectedly.")  # a bug, which must cost no text
                raise StoreError(f"There was an internal error ({error!r}); please report it.") from error
            self._last = done
            self._reported = False
            self._saved(done)

    def save_at_once(self) -> None:
        """Save in this thread what is not saved yet: for an end that cannot wait for the loop.

        Raises :class:`StoreError`.
        """
        draft, self._waiting = self._waiting, None
        if draft is not None:
            self._save(replace(draft, id=self._last.id, modified=self._last.modified))

    def save_now(self) -> None:
        """Start saving at once, in the background; for a screen that closes."""
        self._disarm()
        self._start()

    async def stop(self) -> None:
        """Accept no more text and forget what is not saved; wait for a save that is under way."""
        self._stopped = True
        self._disarm()
        self._waiting = None
        async with self._lock:
            pass

    def _arm(self, delay: float) -> None:
        self._disarm()
        self._timer = asyncio.get_running_loop().call_later(delay, self._start)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start(self) -> None:
        self._timer = None
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            await self.flush()
        except StoreError as error:
            if not self._reported:  # reported once, until a save succeeds again
                self._reported = True
                self._failed(error)
