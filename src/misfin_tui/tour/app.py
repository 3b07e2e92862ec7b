"""The program on the mailbox of the demo: with a tour, which hears what the program says to its screens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from misfin_tui.app import MisfinApp
from misfin_tui.keymap import KeyContext
from misfin_tui.tour.guide import Tour
from misfin_tui.widgets.bindings import bindings
from misfin_tui.widgets.controller import adopt

if TYPE_CHECKING:
    from textual.screen import Screen

    from misfin_tui.messages import ConfigChanged, MailChanged, OutboxChanged


class DemoApp(MisfinApp):
    """Handlers here are called besides those of the program: Textual calls those of every class."""

    BINDINGS = bindings(KeyContext.EVERYWHERE, KeyContext.TOUR)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.tour = Tour(self)
        adopt(self, self.tour)

    def on_mount(self) -> None:
        """Follow the screens."""
        self.screen_change_signal.subscribe(self, self._screen_changed)
        self.call_after_refresh(self.tour.show)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The keys of the tour work while there is one."""
        if action.startswith("tour_"):
            return self.tour.allows(action)
        return super().check_action(action, parameters)

    def _screen_changed(self, screen: Screen[Any]) -> None:
        self.call_later(self._look_at, screen)  # once it has its widgets

    def _look_at(self, screen: Screen[Any]) -> None:
        self.tour.show(screen)
        self.tour.look()

    def on_resize(self) -> None:
        """A narrow window has a shorter panel."""
        self.tour.show()

    # ---- what may have been done

    def on_message_list_highlighted(self) -> None:
        """The cursor moved."""
        self.tour.look()

    def on_message_list_loaded(self) -> None:
        """Another list, or a search."""
        self.tour.look()

    def on_row_list_moved(self) -> None:
        """A list was read again."""
        self.tour.look()

    def on_mail_changed(self, message: MailChanged) -> None:
        """Something was filed, or put back."""
        self.tour.look()

    def on_outbox_changed(self, message: OutboxChanged) -> None:
        """Something was sent, or decided."""
        self.tour.look()

    def on_config_changed(self, message: ConfigChanged) -> None:
        """The keys may be others."""
        self.tour.show()
