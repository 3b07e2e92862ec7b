"""What every screen shares: the app it is in, the services, controllers, and the keys that move a cursor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from textual.screen import Screen

from misfin.errors import MisfinError
from misfin_tui.host import Host, host_of
from misfin_tui.services import Services
from misfin_tui.widgets.controller import Controller

T = TypeVar("T")


class AppScreen(Screen[None]):
    """A screen that knows which app it is in."""

    @property
    def misfin(self) -> Host:
        """The app, as far as screens know it."""
        return host_of(self)

    @property
    def services(self) -> Services:
        """The services: everything about mail."""
        return self.misfin.services

    @property
    def standing(self) -> bool:
        """Whether the screen still has its widgets: a worker may wake up when they are gone already."""
        return self.is_attached and len(self.children) > 0

    async def attempt(self, work: Awaitable[T], what: str = "") -> T | None:
        """Do something that may fail; a failure is reported and gives None."""
        try:
            return await work
        except MisfinError as error:
            self.misfin.report(error, what)
            return None


class ScreenController(Controller):
    """One kind of work of a screen, held by it."""

    def __init__(self, screen: AppScreen) -> None:
        super().__init__(screen)
        self.screen = screen

    @property
    def misfin(self) -> Host:
        """The app, as far as screens know it."""
        return self.screen.misfin

    @property
    def services(self) -> Services:
        """The services: everything about mail."""
        return self.screen.services


class Movable(Protocol):
    """A widget with a cursor, or a page that moves."""

    def move(self, lines: int) -> None:
        """By lines."""

    def move_page(self, pages: int) -> None:
        """By pages."""


class CursorKeys:
    """The keys that move a cursor, for the widget they are meant for."""

    def __init__(self, target: Callable[[], Movable], to_end: Callable[[bool], None]) -> None:
        """``to_end`` goes to the first row (True) or the last."""
        self._target = target
        self._to_end = to_end

    def action_cursor_up(self) -> None:
        """One row up."""
        self._target().move(-1)

    def action_cursor_down(self) -> None:
        """One row down."""
        self._target().move(1)

    def action_page_up(self) -> None:
        """One page up."""
        self._target().move_page(-1)

    def action_page_down(self) -> None:
        """One page down."""
        self._target().move_page(1)

    def action_cursor_top(self) -> None:
        """To the first row."""
        self._to_end(True)

    def action_cursor_bottom(self) -> None:
        """To the last row."""
        self._to_end(False)
