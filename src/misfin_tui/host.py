"""What screens and dialogs may ask of the app they are in.

The app imports the screens; they know it by this protocol only, so that no type leads back up. That the app
keeps to it is checked where it is defined.
"""

from __future__ import annotations

from enum import StrEnum
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


class AccountAction(StrEnum):
    """What can be done with an e-mail account; the value goes before its name."""

    EDIT = "Edit"
    TEST = "Test"
    PASSWORD = "Change the password of"  # noqa: S105 - words
    REMOVE = "Remove"


class Host(Protocol):
    """The app, as its screens see it. What every Textual app offers they get from ``self.app``."""

    @property
    def services(self) -> Services:
        """The services: everything about mail."""

    @property
    def config(self) -> Config:
        """The settings in use."""

    @property
    def keys(self) -> Keymap:
        """The keys in use."""

    @property
    def hold(self) -> Hold:
        """Keeps a screen from being drawn piece by piece."""

    @property
    def type_ahead(self) -> TypeAhead:
        """Holds keys back for a field that is still opening."""

    def say(
        self, text: str, *, severity: Severity = "information", timeout: float | None = None, about: str = ""
    ) -> None:
        """Show a notice; ``about`` names its subject, for :meth:`withdraw`."""

    def report(self, error: Exception, what: str = "") -> None:
        """Show a notice about something that failed."""

    def withdraw(self, about: str, *, every: bool = False) -> None:
        """Remove the newest notice about something, or ``every`` one."""

    def use_config(self, config: Config) -> None:
        """Use other settings from now on."""

    def open_thread(self, conversation: ConversationRow, message: str = "", view: View | None = None) -> None:
        """Open a conversation, from the list that shows it; or at one message, as seen from ``view``."""

    def open_composer(self, draft: Draft | None = None) -> None:
        """Write a new message, or continue a draft."""

    async def open_link(self, link: str) -> None:
        """Open the composer for a ``misfin:`` or ``mailto:`` link; raises
        :class:`~misfin.errors.MisfinError`.
        """

    def with_account(self, action: AccountAction, name: str) -> object:
        """Do something with an e-mail account; an empty name asks which."""

    def open_outbox(self) -> None:
        """Open the outbox."""

    def open_attic(self, account: str) -> None:
        """Open the attic of an account."""

    def open_on_server(self, view: View) -> None:
        """Open what servers have for a list, and is not here."""

    def show_inbox(self) -> None:
        """Close every screen above the inbox."""

    async def start_receiver(self) -> None:
        """Receive mail if the settings say so."""

    async def ask_trust(self, kind: str, name: str, *, by_itself: bool = False) -> bool:
        """Ask for a decision about a certificate; False when no certificate of that name needs one."""

    async def ask_about_deletions(self, account: str, folder: str) -> bool:
        """Ask whether deletions in a folder were meant; False when none need a decision."""

    def look_for_texts(self, *, again: bool = False) -> object:
        """Turn what editors saved after their draft was gone into drafts; with ``again``, keep looking."""

    async def action_quit(self) -> None:
        """Quit the program."""


def host_of(node: MessagePump) -> Host:
    """The app of a screen or a dialog; Textual only knows that it is some app."""
    app: Any = node.app
    host: Host = app
    return host
