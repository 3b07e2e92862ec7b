"""What our app does in another way than every app of Textual's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.app import App

from misfin_tui.app.carrying import as_message

if TYPE_CHECKING:
    from textual.message import Message
    from textual.screen import Screen

    from misfin_tui.messages import AppNews


class BaseApp(App[int]):
    """An app that takes the news of services, has its own palette, and draws nothing that is covered."""

    def post_message(self, message: Message | AppNews) -> bool:
        """News from the services become messages as Textual knows them."""
        return super().post_message(as_message(message))

    def action_command_palette(self) -> None:
        """Open the palette."""
        from misfin_tui.app.palette import WaitingPalette  # late: not for the first frame

        if not isinstance(self.screen, WaitingPalette):
            self.push_screen(WaitingPalette(id="--command-palette"))

    @property
    def _background_screens(self) -> list[Screen[Any]]:
        """What is below an opaque screen is not drawn.

        Textual redraws the screen on top whenever the one below it changes, in case it shines through. Below
        a conversation that opens, the list changes a dozen times, and each time all of the window was sent.
        """
        if self.screen_stack and self.screen.styles.background.a == 1:
            return []
        return super()._background_screens
