"""What screens and dialogs may ask of the app they are in.

The app imports the screens; they know it by this protocol only, so that no type leads back up. That the app
keeps to it is checked where it is defined.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from textual.message_pump import MessagePump

    from misfin.store.outgoing.drafts import Draft
    from misfin.store.rows import ConversationRow, View
    from misfin_tui.config import Config
    from misfin_tui.keymap import Keymap
    from misfin_tui.services import Services
    from misfin_tui.widgets.hold import Hold
    from misfin_tui.widgets.typeahead import TypeAhead

Severity = Literal["information", "warning", "error"]


class Host(Protocol):
    """The app, as its screens see it. What they ask of any Textual app they ask ``self.app``."""

    @property
    def services(self) -> Services:
        """The one door to mail and post."""

    @property
    def config(self) -> Config:
        """The settings in force."""

    @property
    def keys(self) -> Keymap:
        """The keys in force."""

    @property
    def hold(self) -> Hold:
        """What keeps a screen from being drawn in pieces."""

    @property
    def type_ahead(self) -> TypeAhead:
        """What keeps keys for a field that is still opening."""

    def say(
        self, text: str, *, severity: Severity = "information", timeout: float | None = None, about: str = ""
    ) -> None:
        """Show a notice; ``about`` names what it speaks of, for :meth:`withdraw`."""

    def report(self, error: Exception, what: str = "") -> None:
        """Show a notice about something that failed."""

    def withdraw(self, about: str, *, every: bool = False) -> None:
        """Take the newest notice about something away, or ``every`` one."""

    def use_config(self, config: Config) -> None:
        """Put other settings in force."""

    def open_thread(self, conversation: ConversationRow, message: str = "", view: View | None = None) -> None:
        """Open a conversation, from the list that shows it; or at one message, as seen from ``view``."""

    def open_composer(self, draft: Draft | None = None) -> None:
        """Write a new message, or continue a draft."""

    def open_outbox(self) -> None:
        """Open the outbox."""

    def show_inbox(self) -> None:
        """Close every screen above the inbox."""

    async def start_receiver(self) -> None:
        """Receive mail if the settings want it."""

    async def ask_trust(self, kind: str, name: str, *, unasked: bool = False) -> bool:
        """Ask for a decision about a certificate; False when none of that name waits for one."""

    def look_for_texts(self, *, again: bool = False) -> object:
        """Make drafts of what editors saved after their own was gone; ``again`` and again if they may yet."""

    async def action_quit(self) -> None:
        """Leave the program."""


def host_of(node: MessagePump) -> Host:
    """The app a screen or a dialog is in. Textual knows only that it is some app."""
    app: Any = node.app
    host: Host = app
    return host
