"""Which screens there are, and how they are opened."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from misfin_tui.app.controller import AppController
from misfin_tui.screens.inbox import InboxScreen
from misfin_tui.widgets.controller import worker

if TYPE_CHECKING:
    from textual.message import Message

    from misfin.store.outgoing.drafts import Draft
    from misfin.store.rows import ConversationRow, View

SCREENS: Mapping[str, str] = {
    "outbox": "misfin_tui.screens.outbox:OutboxScreen",
    "trust": "misfin_tui.screens.trust:TrustScreen",
    "contacts": "misfin_tui.screens.contacts:ContactsScreen",
    "identities": "misfin_tui.screens.identities:IdentitiesScreen",
    "sync": "misfin_tui.screens.sync:SyncScreen",
    "attic": "misfin_tui.screens.attic:AtticScreen",
    "settings": "misfin_tui.screens.settings:SettingsScreen",
    "wizard": "misfin_tui.screens.wizard:WizardScreen",
    "email-wizard": "misfin_tui.screens.email_wizard:EmailWizardScreen",
    "compose": "misfin_tui.screens.compose:ComposeScreen",
    "thread": "misfin_tui.screens.thread:ThreadScreen",
    "help": "misfin_tui.screens.help:HelpScreen",
}
"""Where each screen's class lives; imported when it is first opened."""


def import_ahead() -> None:
    """Import what the next keys are likely to need, so that their first press is as quick as the others."""
    for screen in ("thread", "compose", "help"):
        import_module(SCREENS[screen].partition(":")[0])


def _class_of(name: str) -> Any:
    module, _, class_name = SCREENS[name].partition(":")
    return getattr(import_module(module), class_name)


class ScreenSwitcher(AppController):
    """Opens screens by name and imports each when it is first opened."""

    def open(self, name: str, *arguments: object) -> None:
        """Push a screen of :data:`SCREENS`; one without arguments that is open comes back to the top."""
        screen_class, app = _class_of(name), self.app
        if not arguments and any(type(screen) is screen_class for screen in app.screen_stack):
            while type(app.screen) is not screen_class:
                app.pop_screen()
            return
        app.push_screen(screen_class(*arguments))

    async def run(self, name: str) -> None:
        """Push a screen of :data:`SCREENS` and wait until it is closed. Call it in a worker."""
        screen_class = _class_of(name)
        if not any(type(screen) is screen_class for screen in self.app.screen_stack):
            await self.app.push_screen_wait(screen_class())

    def broadcast(self, message: Message) -> None:
        """Hand a message to every open screen, also those behind another one."""
        for screen in self.app.screen_stack:
            screen.post_message(dataclasses.replace(message))  # type: ignore[type-var]  # every message of ours is a dataclass

    def open_thread(self, conversation: ConversationRow, message: str = "", view: View | None = None) -> None:
        """A conversation, from the list that shows it; or at one message, as seen from ``view``."""
        inbox = self.app.screen_stack[0]
        assert isinstance(inbox, InboxScreen)  # MisfinApp.get_default_screen
        self.open("thread", conversation, inbox.messages, message, view)

    def open_composer(self, draft: Draft | None = None) -> None:
        """Write a new message, or continue a draft."""
        self.open("compose", draft)

    def open_attic(self, account: str) -> None:
        """What was deleted on the server of an account and is kept here."""
        self.open("attic", account)

    def show_inbox(self) -> None:
        """Back to the mail."""
        while len(self.app.screen_stack) > 1:
            self.app.pop_screen()

    # ---- keys and palette

    def action_redraw(self) -> None:
        """Another program wrote over the screen."""
        self.app.screen.refresh(layout=True)

    def action_show_inbox(self) -> None:
        """Back to the mail."""
        self.show_inbox()

    def action_show_outbox(self) -> None:
        """The outbox."""
        self.open("outbox")

    def action_show_trust(self) -> None:
        """The hosts and senders trusted so far."""
        self.open("trust")

    def action_show_contacts(self) -> None:
        """The address book."""
        self.open("contacts")

    def action_show_identities(self) -> None:
        """The user's own addresses."""
        self.open("identities")

    def action_show_sync(self) -> None:
        """Whether accounts are in sync with their servers."""
        self.open("sync")

    def action_show_settings(self) -> None:
        """The settings."""
        self.open("settings")

    @worker(group="account", description="add an account")
    async def action_add_account(self) -> None:
        """Add an e-mail account."""
        await self.run("email-wizard")

    def action_help(self) -> None:
        """Every key that works here."""
        self.open("help", self.app.screen)
