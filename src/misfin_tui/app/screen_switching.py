"""Where one can go in the program, and how it speaks: screens by name, notices from any text."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from textual.app import App
from textual.notifications import Notification, Notify

from misfin_tui.messages import ConfigChanged
from misfin_tui.screentext import plain

if TYPE_CHECKING:
    from textual.message import Message

    from misfin.store.index.rows import ConversationRow, View
    from misfin.store.outgoing.drafts import Draft
    from misfin_tui.config import Config
    from misfin_tui.paths import Profile
    from misfin_tui.screens.inbox import InboxScreen
    from misfin_tui.services import Services

Severity = Literal["information", "warning", "error"]

LIST_SCREENS: Mapping[str, str] = {
    "outbox": "misfin_tui.screens.outbox:OutboxScreen",
    "trust": "misfin_tui.screens.trust:TrustScreen",
    "contacts": "misfin_tui.screens.contacts:ContactsScreen",
    "identities": "misfin_tui.screens.identities:IdentitiesScreen",
    "settings": "misfin_tui.screens.settings:SettingsScreen",
    "wizard": "misfin_tui.screens.wizard:WizardScreen",
    "compose": "misfin_tui.screens.compose:ComposeScreen",
    "thread": "misfin_tui.screens.thread:ThreadScreen",
    "help": "misfin_tui.screens.help:HelpScreen",
}
"""Where each screen's class lives; imported when it is first opened."""

LONG = 12.0
"""Seconds a notice of a failure stays: it says what to do."""


@dataclasses.dataclass
class ToastNotice(Notification):
    """A notice that can be taken away by what it speaks of."""

    about: str = ""


class ScreenSwitching(App[int]):
    """An app that opens its screens by name and imports each when it is first opened."""

    profile: Profile
    config: Config
    services: Services

    # In the lists of Textual reversed text is not reversed.
    DEFAULT_CSS = """
    CommandPalette:ansi CommandList > .option-list--option-highlighted {
        color: ansi_bright_white; background: ansi_blue; text-style: bold underline;
    }
    """

    # ---- saying things

    def say(
        self, text: str, *, severity: Severity = "information", timeout: float | None = None, about: str = ""
    ) -> None:
        """A notice, wherever its text came from; ``about`` names what it speaks of, for :meth:`withdraw`."""
        left = self.NOTIFICATION_TIMEOUT if timeout is None else timeout
        notice = ToastNotice(plain(text, one_line=False), severity=severity, timeout=left, about=about)
        self.post_message(Notify(notice))

    def withdraw(self, about: str, *, every: bool = False) -> None:
        """Take the newest notice about something away, or ``every`` one: it holds no longer."""
        notices = [
            each for each in self._notifications if isinstance(each, ToastNotice) and each.about == about
        ]
        for notice in notices if every else notices[-1:]:
            self._unnotify(notice)  # Textual has a public word only for all there are

    def report(self, error: Exception, what: str = "") -> None:
        """A notice about something that failed: what happened, and what to do about it."""
        remedy = getattr(error, "remedy", "")
        text = " ".join(part for part in (what, str(error) or type(error).__name__) if part)
        self.say(f"{text}\n{remedy}" if remedy else text, severity="error", timeout=LONG)

    def broadcast(self, message: Message) -> None:
        """Hand a message to every open screen, also those behind another one."""
        for screen in self.screen_stack:
            screen.post_message(dataclasses.replace(message))  # type: ignore[type-var]  # every message of ours is a dataclass

    def use_config(self, config: Config) -> None:
        """Other settings are in force from now on."""
        self.config = config
        self.post_message(ConfigChanged())

    # ---- places

    @property
    def inbox(self) -> InboxScreen:
        """The first screen, below all others."""
        first: Any = self.screen_stack[0]
        return first  # type: ignore[no-any-return]  # what it is get_default_screen() says

    def open_place(self, place: str, *arguments: object) -> None:
        """Push a screen of :data:`LIST_SCREENS`; one without arguments that is open comes back to the top."""
        module, _, name = LIST_SCREENS[place].partition(":")
        screen_class: Any = getattr(import_module(module), name)
        if not arguments and any(type(screen) is screen_class for screen in self.screen_stack):
            while type(self.screen) is not screen_class:
                self.pop_screen()
            return
        self.push_screen(screen_class(*arguments))

    def open_thread(
        self, conversation: ConversationRow, inbox: InboxScreen, message: str = "", view: View | None = None
    ) -> None:
        """A conversation, from the list that shows it; or at one message, as seen from ``view``."""
        self.open_place("thread", conversation, inbox, message, view)

    def open_composer(self, draft: Draft | None = None) -> None:
        """Write a new message, or go on with a draft."""
        self.open_place("compose", draft)

    def open_outbox(self) -> None:
        """What is on its way out."""
        self.open_place("outbox")

    def open_trust(self) -> None:
        """The hosts and senders trusted so far."""
        self.open_place("trust")

    def open_contacts(self) -> None:
        """The address book."""
        self.open_place("contacts")

    def open_identities(self) -> None:
        """One's own addresses."""
        self.open_place("identities")

    def open_settings(self) -> None:
        """The settings."""
        self.open_place("settings")

    def open_wizard(self) -> None:
        """The first steps: an identity, receiving, the settings file."""
        self.open_place("wizard")

    def open_help(self) -> None:
        """Every key that works here."""
        self.open_place("help", self.screen)

    def action_redraw(self) -> None:
        """Another program wrote over the screen."""
        self.screen.refresh(layout=True)

    def action_show_inbox(self) -> None:
        """Back to the mail."""
        while len(self.screen_stack) > 1:
            self.pop_screen()

    def action_show_outbox(self) -> None:
        """Key and palette."""
        self.open_outbox()

    def action_show_trust(self) -> None:
        """Key and palette."""
        self.open_trust()

    def action_show_contacts(self) -> None:
        """Key and palette."""
        self.open_contacts()

    def action_show_identities(self) -> None:
        """Key and palette."""
        self.open_identities()

    def action_show_settings(self) -> None:
        """Key and palette."""
        self.open_settings()

    def action_help(self) -> None:
        """Key and palette."""
        self.open_help()
