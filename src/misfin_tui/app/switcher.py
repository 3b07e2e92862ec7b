"""Which screens there are, and how they are opened."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from misfin_tui.app.carrying import again
from misfin_tui.app.controller import AppController
from misfin_tui.app.notices import LONG
from misfin_tui.screens.inbox import InboxScreen
from misfin_tui.widgets.controller import worker

if TYPE_CHECKING:
    from misfin.store.outgoing.drafts import Draft
    from misfin.store.rows import ConversationRow, View
    from misfin_tui.host import AccountAction
    from misfin_tui.messages import AppNews

SCREENS: Mapping[str, str] = {
    "outbox": "misfin_tui.screens.outbox:OutboxScreen",
    "trust": "misfin_tui.screens.trust:TrustScreen",
    "contacts": "misfin_tui.screens.contacts:ContactsScreen",
    "identities": "misfin_tui.screens.identities:IdentitiesScreen",
    "sync": "misfin_tui.screens.sync:SyncScreen",
    "attic": "misfin_tui.screens.attic:AtticScreen",
    "on-server": "misfin_tui.screens.on_server:OnServerScreen",
    "settings": "misfin_tui.screens.settings:SettingsScreen",
    "wizard": "misfin_tui.screens.wizard:WizardScreen",
    "email-wizard": "misfin_tui.screens.email_wizard:EmailWizardScreen",
    "mailbox-wizard": "misfin_tui.screens.mailbox_wizard:MailboxWizardScreen",
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

    def broadcast(self, message: AppNews) -> None:
        """Hand a message to every open screen, also those behind another one."""
        for screen in self.app.screen_stack:
            screen.post_message(again(message))

    def open_thread(self, conversation: ConversationRow, message: str = "", view: View | None = None) -> None:
        """A conversation, from the list that shows it; or at one message, as seen from ``view``."""
        inbox = self.app.screen_stack[0]
        assert isinstance(inbox, InboxScreen)  # MisfinApp.get_default_screen
        self.open("thread", conversation, inbox.messages, message, view)

    def open_composer(self, draft: Draft | None = None) -> None:
        """Write a new message, or continue a draft."""
        self.open("compose", draft)

    async def open_link(self, link: str) -> None:
        """Open the composer for a ``misfin:`` or ``mailto:`` link, and say what of it is not done.

        Raises :class:`~misfin.errors.MisfinError`.
        """
        from misfin.model.mailto import is_mailto, parse_mailto

        self.open_composer(await self.host.services.sending.from_link(link))
        if is_mailto(link) and parse_mailto(link).names_files:
            self.host.say(
                "The link names files to attach. Files are never attached because of a link: if you want to"
                " send one, attach it yourself.",
                severity="warning",
                timeout=LONG,
            )

    @worker(group="account", description="do something with an account")
    async def with_account(self, action: AccountAction, name: str) -> None:
        """Edit, test or remove an e-mail account, or change its password; an empty name asks which."""
        from misfin_tui.screens.account_actions import run  # late: not for the first frame

        await run(self.app, action, name)

    def open_attic(self, account: str) -> None:
        """What was deleted on the server of an account and is kept here."""
        self.open("attic", account)

    def open_on_server(self, view: View) -> None:
        """What the servers have for a list that is not here."""
        self.open("on-server", view)

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

    @worker(group="account", description="add a mailbox")
    async def action_add_mailbox(self) -> None:
        """Add a Misfin mailbox that is kept on a server."""
        await self.run("mailbox-wizard")

    def action_help(self) -> None:
        """Every key that works here."""
        self.open("help", self.app.screen)

    def action_tour(self) -> None:
        """The tour is not for a person's own mail."""
        self.host.say("The tour is part of the demo: misfin-tui demo")
