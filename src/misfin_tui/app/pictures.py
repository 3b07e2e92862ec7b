"""Keeping the picture of the first screen current, for the next start."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from misfin_tui.app.controller import AppController
from misfin_tui.widgets.controller import worker

if TYPE_CHECKING:
    from textual.app import App

    from misfin_tui.paths import Profile
    from misfin_tui.picture import Picture

AT_START = 0.1
"""Seconds after the first frame before its picture is drawn, where there is no current one."""
UNCHANGED = 2.0
"""Seconds without a change before the picture of the first screen is drawn again."""


class PictureKeeper(AppController):
    """Has the picture drawn again, in a process of its own, once nothing has changed for a while."""

    def __init__(self, app: App[int], picture: Picture | None, profile: Profile) -> None:
        """Without a ``picture`` there is nothing to keep."""
        super().__init__(app)
        self.picture = picture
        self._profile = profile
        self._drawing = False
        self._doubted = False
        self._patience = AT_START

    def doubt(self) -> None:
        """What the first screen shows may have changed."""
        self._doubted = True
        if self.picture is not None and not self._drawing:
            self._drawing = True
            self._keep(self.picture)

    @worker(group="picture", description="draw the picture of the first screen")
    async def _keep(self, picture: Picture) -> None:
        try:
            while self._doubted:
                self._doubted = False
                if not self.host.config.ui.first_screen:
                    await asyncio.to_thread(picture.drop)
                    continue
                await self._unchanged(picture)
                size = self.app.size.width, self.app.size.height
                if await asyncio.to_thread(picture.frame, size) is None:
                    await self._draw(size)
        finally:
            self._drawing = False

    async def _unchanged(self, picture: Picture) -> None:
        """Wait until all that the first screen is drawn from was the same for a while."""
        seen: bytes | None = None
        while (now := await asyncio.to_thread(picture.stamp, (0, 0))) != seen:
            seen = now
            await asyncio.sleep(self._patience)
            self._patience = UNCHANGED

    async def _draw(self, size: tuple[int, int]) -> None:
        profile = self._profile
        arguments = (profile.root, profile.cache, profile.runtime, *size)
        try:
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "misfin_tui.app.still", *map(str, arguments)),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError:
            return  # the next start takes its time
        try:
            await child.wait()
        except asyncio.CancelledError:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()
            raise
