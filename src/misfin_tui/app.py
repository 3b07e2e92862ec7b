"""The program on the screen: puts services, screens, keys and themes together and passes messages on.

Nothing here draws mail or touches it. Screens are imported when first opened, and whatever the first frame
does not need (courier, receiver, index scan, watcher) starts after it was painted.
"""

from __future__ import annotations

import dataclasses
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from textual.app import App
from textual.message import Message

from misfin_tui.keymap import Room
from misfin_tui.messages import (
    ConfigChanged,
    IndexProgress,
    MailChanged,
    OutboxChanged,
    Problem,
    ReceiverChanged,
    TrustAsked,
)
from misfin_tui.screentext import plain
from misfin_tui.services import Services
from misfin_tui.widgets.bindings import bindings

if TYPE_CHECKING:
    from misfin.store.drafts import Draft
    from textual.screen import Screen

    from misfin_tui.config import Config
    from misfin_tui.paths import Profile

Severity = Literal["information", "warning", "error"]

PLACES = {
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


class MisfinApp(App[int]):
    """The whole program. Screens reach everything through ``app.services``."""

    TITLE = "misfin-tui"
    BINDINGS = bindings(Room.EVERYWHERE)
    NOTIFICATION_TIMEOUT: ClassVar[float] = 6

    def __init__(self, profile: Profile, config: Config, *, link: str = "", dev: bool = False) -> None:
        super().__init__()
        self.profile = profile
        self.config = config
        self.services = Services(profile, config, self.post_message)
        self._link = link
        self._dev = dev

    def get_default_screen(self) -> Screen[Any]:
        """The inbox is the first screen; an empty one below it would cost time."""
        from misfin_tui.screens.inbox import InboxScreen

        return InboxScreen()

    # ---- saying things

    def say(self, text: str, *, severity: Severity = "information", timeout: float | None = None) -> None:
        """A notice, whatever its text came from."""
        self.notify(plain(text, one_line=False), severity=severity, timeout=timeout, markup=False)

    def report(self, error: Exception, what: str = "") -> None:
        """A notice about something that failed: what happened, and what to do about it."""
        remedy = getattr(error, "remedy", "")
        text = " ".join(part for part in (what, str(error) or type(error).__name__) if part)
        self.say(f"{text}\n{remedy}" if remedy else text, severity="error", timeout=12)

    # ---- places

    def open_place(self, place: str, *arguments: object) -> None:
        """Push a screen of :data:`PLACES`; one that is already open comes back to the top."""
        module, _, name = PLACES[place].partition(":")
        screen_class: type[Screen[Any]] = getattr(import_module(module), name)
        if not arguments:
            while any(isinstance(screen, screen_class) for screen in self.screen_stack):
                if isinstance(self.screen, screen_class):
                    return
                self.pop_screen()
        self.push_screen(screen_class(*arguments))

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

    # ---- messages from services, threads and the courier

    def _spread(self, message: Message) -> None:
        """Hand a message to every open screen, also those behind another one."""
        for screen in self.screen_stack:
            screen.post_message(dataclasses.replace(message))  # type: ignore[type-var]  # all are dataclasses

    def on_mail_changed(self, message: MailChanged) -> None:
        """Letters came or changed."""
        self._spread(message)

    def on_outbox_changed(self, message: OutboxChanged) -> None:
        """Something on its way out changed state."""
        self._spread(message)
        if message.notice:
            self.say(message.notice, severity=message.severity)

    def on_trust_asked(self, message: TrustAsked) -> None:
        """Somebody has to decide about a certificate."""
        self._spread(message)

    def on_receiver_changed(self, message: ReceiverChanged) -> None:
        """The receiver came or went."""
        self._spread(message)

    def on_index_progress(self, message: IndexProgress) -> None:
        """The index grows."""
        self._spread(message)

    def on_config_changed(self, message: ConfigChanged) -> None:
        """Other settings are in force."""
        self.services.config = self.config
        self._spread(message)

    def on_problem(self, message: Problem) -> None:
        """Something failed somewhere without a screen of its own."""
        text = f"{message.text}\n{message.remedy}" if message.remedy else message.text
        self.say(text, severity="error", timeout=12)


def run(profile: Profile, config: Config, *, link: str = "", dev: bool = False) -> int:
    """Open the program and return its exit status; ``link`` is a ``misfin:`` URI to write to."""
    app = MisfinApp(profile, config, link=link, dev=dev)
    return app.run(mouse=config.ui.mouse) or app.return_code or 0
