"""Draw the picture of the first screen: the program itself, in a process of its own and without a terminal.

``python -m misfin_tui.app.still ROOT CACHE RUNTIME WIDTH HEIGHT``
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from misfin.errors import MisfinError
from misfin_tui.app import MisfinApp
from misfin_tui.config import load
from misfin_tui.paths import Profile
from misfin_tui.picture import Picture
from misfin_tui.screens.inbox import InboxScreen

if TYPE_CHECKING:
    from textual.screen import Screen


class _Inbox(InboxScreen):
    """The inbox up to its first frame."""

    def _after_first_frame(self) -> None:
        pass


class Still(MisfinApp):
    """The program up to its first frame."""

    frame = ""

    def get_default_screen(self) -> Screen[Any]:
        """An inbox that only shows itself."""
        return _Inbox(self.services.mail, self._first_page())

    def _after_first_frame(self) -> None:
        self.frame = self.screen._compositor.render_full_update().render_segments(self.console)
        self.exit(0)

    async def _stop(self) -> None:
        self.services.close()


def draw(profile: Profile, size: tuple[int, int]) -> None:
    """Draw the picture and keep it, unless what it shows changed meanwhile. Raises :class:`MisfinError`."""
    picture = Picture(profile)
    before = picture.stamp(size)
    app = Still(profile, load(profile.config, []))
    app.run(headless=True, size=size)
    if app.frame and picture.stamp(size) == before:
        picture.keep(app.frame.encode(), before)


def main(arguments: list[str]) -> int:
    """Draw it at low priority; if that fails, the next start is a moment slower."""
    root, cache, runtime, width, height = arguments
    os.nice(10)
    try:
        draw(Profile(Path(root), Path(cache), Path(runtime)), (int(width), int(height)))
    except (MisfinError, OSError):
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
