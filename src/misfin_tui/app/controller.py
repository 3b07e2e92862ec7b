"""What every controller of the app shares."""

from __future__ import annotations

from textual.app import App

from misfin_tui.host import Host, host_of
from misfin_tui.widgets.controller import Controller


class AppController(Controller):
    """One kind of work of the app: held by it, with workers of its own."""

    def __init__(self, app: App[int]) -> None:
        super().__init__(app)
        self.app = app

    @property
    def host(self) -> Host:
        """The app, as its screens know it."""
        return host_of(self.app)

    def occupied(self) -> bool:
        """Whether the user is typing or answering something."""
        writing = self.app.focused is not None and self.app.focused.check_consume_key("a", "a")
        return writing or self.app.screen.is_modal or self.host.type_ahead.waiting
