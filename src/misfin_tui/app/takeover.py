"""The driver that draws on a terminal where the picture of the first screen is already shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from misfin_tui.app.terminal import TerminalDriver
from misfin_tui.picture import ENTER

if TYPE_CHECKING:
    from misfin_tui.picture import Picture


def driver_over(picture: Picture) -> type[TerminalDriver]:
    """A driver that begins where the picture left off: no empty screen comes between."""

    class Takeover(TerminalDriver):
        _entered = False

        def start_application_mode(self) -> None:
            self._entered = picture.attributes is not None
            super().start_application_mode()
            if self._entered:
                self._entered = False
                self.attrs_before = picture.taken_over()

        def write(self, data: str) -> None:
            if not (self._entered and data == ENTER.decode()):  # some terminals empty the screen they enter
                super().write(data)

    return Takeover
