"""The program on the screen: puts services, screens, keys and themes together and passes messages on.

Nothing here draws mail or touches it. Screens are imported when first opened, and whatever the first frame
does not need (courier, receiver, index scan, watcher, the other themes) starts after it was painted.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

import textual.screen
from textual import constants, events, work
from textual.reactive import Initialize, Reactive

from misfin.errors import MisfinError
from misfin_tui import theming
from misfin_tui.app.background import CourierWork, ReceiverWork, SettingsFile
from misfin_tui.app.base import BaseApp
from misfin_tui.app.ending import Ending
from misfin_tui.app.notices import LONG, MailAnnouncements, Notices
from misfin_tui.app.pictures import PictureKeeper
from misfin_tui.app.questions import TrustQuestions
from misfin_tui.app.switcher import SCREENS, ScreenSwitcher, import_ahead
from misfin_tui.app.sync_follower import SyncFollower
from misfin_tui.app.themes import ThemeSwitcher
from misfin_tui.keymap import KeyContext, Keymap, resolve
from misfin_tui.messages import (
    ConfigChanged,
    IndexProgress,
    MailChanged,
    OutboxChanged,
    PeopleChanged,
    Problem,
    SourceChanged,
    SyncChanged,
    TrustAsked,
)
from misfin_tui.screens.inbox import InboxScreen
from misfin_tui.services import Services
from misfin_tui.widgets.bindings import bindings
from misfin_tui.widgets.controller import adopt
from misfin_tui.widgets.hold import Hold
from misfin_tui.widgets.typeahead import TypeAhead

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.await_complete import AwaitComplete
    from textual.command import Provider
    from textual.driver import Driver
    from textual.screen import Screen
    from textual.theme import Theme

    from misfin_tui.app.memory import GarbageCollection
    from misfin_tui.app.terminal_input import PasteRefused
    from misfin_tui.config import Config
    from misfin_tui.host import Host
    from misfin_tui.paths import Profile
    from misfin_tui.picture import Picture
    from misfin_tui.services.mail import FirstPage

__all__ = ["SCREENS", "MisfinApp", "run"]

textual.screen.UPDATE_PERIOD = min(textual.screen.UPDATE_PERIOD, 0.001)  # type: ignore[misc]  # Final there
"""Least seconds between two drawings. What becomes known just after one waits for one or two of these:
with Textual's sixtieth of a second that was most of the delay between a key and a search result."""


def _provider(name: str) -> Callable[[], type[Provider]]:
    def load() -> type[Provider]:
        from misfin_tui import commands  # late: not for the first frame

        provider: type[Provider] = getattr(commands, name)
        return provider

    return load


def _driver(picture: Picture | None) -> type[Driver] | None:
    """Ours, unless another one was asked for (``TEXTUAL_DRIVER``)."""
    if constants.DRIVER:
        return None
    if picture is None or picture.attributes is None:
        from misfin_tui.app.terminal import TerminalDriver

        return TerminalDriver
    from misfin_tui.app.takeover import driver_over

    return driver_over(picture)


class MisfinApp(BaseApp):
    """The whole program. Screens reach everything through ``app.services``."""

    TITLE = "misfin-tui"
    BINDINGS = bindings(KeyContext.EVERYWHERE)
    COMMANDS = {  # noqa: RUF012 - as Textual declares it
        _provider(f"{of}Provider") for of in ("Action", "Account", "Folder", "People", "Program")
    }
    NOTIFICATION_TIMEOUT: ClassVar[float] = 6
    # The keys move in the palette's list while its field has the focus; Textual draws that row as one left
    # behind, hardly visible. Its lists do not show reversed text as reversed.
    DEFAULT_CSS = """
    CommandPalette CommandList > .option-list--option-highlighted {
        color: $block-cursor-foreground; background: $block-cursor-background;
    }
    CommandPalette:ansi CommandList > .option-list--option-highlighted {
        color: ansi_bright_white; background: ansi_blue; text-style: bold underline;
    }
    """
    # Textual measures a notice once with its margin and once without; a share of the window stays the same.
    CSS = """
    Toast { width: auto; max-width: 73vw; padding: 0 1; }
    SelectCurrent .arrow { color: $foreground; }
    SearchIcon { display: none; }
    """

    theme: Reactive[str] = Reactive(Initialize(lambda app: app.themes.first))  # type: ignore[attr-defined]  # set before Textual's own start

    def __init__(
        self,
        profile: Profile,
        config: Config,
        *,
        link: str = "",
        dev: bool = False,
        problems: Sequence[str] = (),
        picture: Picture | None = None,
    ) -> None:
        self.themes = ThemeSwitcher(self, profile.themes, config.ui.theme, dev=dev)
        self._problems = [*problems, *self.themes.problems]
        self.hold = Hold(self)
        self.type_ahead = TypeAhead(self, self.hold.end)
        super().__init__(_driver(picture))
        self.config = config
        self.services = Services(profile, config, self.post_message)
        self._typed = 0.0
        self._garbage: GarbageCollection | None = None
        self.keys = Keymap()
        """The keys in use, and what was wrong with the user's own."""
        self.notices = Notices(self)
        self.announcements = MailAnnouncements(self)
        self.switcher = ScreenSwitcher(self)
        self.questions = TrustQuestions(self)
        self.sync_follower = SyncFollower(self)
        self.courier = CourierWork(self)
        self.receiver = ReceiverWork(self)
        self.settings_file = SettingsFile(self, profile.config)
        self.pictures = PictureKeeper(self, picture, profile)
        self.ending = Ending(self, self.courier)
        self._link = link
        adopt(self, self.themes, self.switcher, self.receiver, self.ending)
        # What screens ask of the app is done by its controllers: see Host.
        self.say, self.withdraw, self.report = self.notices.say, self.notices.withdraw, self.notices.report
        self.open_thread, self.open_composer = self.switcher.open_thread, self.switcher.open_composer
        self.open_outbox, self.show_inbox = self.switcher.action_show_outbox, self.switcher.show_inbox
        self.open_link, self.with_account = self.switcher.open_link, self.switcher.with_account
        self.start_receiver, self.ask_trust = self.receiver.start, self.questions.ask
        self.ask_about_deletions, self.open_attic = self.sync_follower.ask, self.switcher.open_attic
        self.open_on_server, self.look_for_texts = self.switcher.open_on_server, self.ending.look_for_texts

    def use_config(self, config: Config) -> None:
        """Use other settings from now on."""
        self.config = config
        self.post_message(ConfigChanged())

    # ---- the first frame

    def get_theme(self, theme_name: str) -> Theme | None:
        """Our own themes, then Textual's."""
        return self.themes.own.get(theme_name) or super().get_theme(theme_name)

    @property
    def available_themes(self) -> dict[str, Theme]:
        """Textual's themes and ours."""
        return {**super().available_themes, **self.themes.own}

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """What our style sheets name and a theme may leave out."""
        return theming.variable_defaults(self.current_theme)

    def get_default_screen(self) -> Screen[Any]:
        """The inbox is the first screen: an empty one below it would cost time."""
        return InboxScreen(self.services.mail, self._first_page())

    def _first_page(self) -> FirstPage | None:
        try:
            return self.services.mail.first_page()
        except MisfinError as error:
            self._problems.append(f"{error} {error.remedy}".strip())
            return None

    def on_mount(self) -> None:
        """Keys before the first frame, all else after it."""
        self.keys = resolve(self.config.keys)
        if self.keys.keys:
            self.set_keymap(dict(self.keys.keys))
        self._problems += self.keys.problems
        self.call_after_refresh(self._after_first_frame)

    def _after_first_frame(self) -> None:
        """Start what works in the background."""
        from misfin_tui.app import memory  # late: not for the first frame

        self._garbage = memory.keep_small(self.set_timer, lambda: self._typed, self.services)
        for problem in self._problems:
            self.say(problem, severity="warning", timeout=LONG)
        self.services.mail.start()
        self.courier.start()
        self.themes.load_all()
        self.settings_file.follow()
        self.sync_follower.follow()
        self.pictures.doubt()
        self._arrive()
        self.look_for_texts()
        threading.Thread(target=import_ahead, name="import-ahead", daemon=True).start()

    @work(group="arrive", description="look around")
    async def _arrive(self) -> None:
        """The wizard for a new profile; else the receiver, and the message a link asked for."""
        try:
            if not (await self.services.accounts.all() or await self.services.identities.all()):
                from misfin_tui.app.first_run import first_run  # late: only a new profile has one

                await first_run(self.switcher)
                return
            if self._link:
                await self.switcher.open_link(self._link)
        except MisfinError as error:
            self.report(error)
        await self.start_receiver()

    # ---- keys

    async def on_event(self, event: events.Event) -> None:
        """Every key passes here first; one that is typed ahead of a screen still opening has to wait."""
        if isinstance(event, (events.InputEvent, events.Paste)):
            self._typed = time.monotonic()
        if isinstance(event, (events.InputEvent, events.Paste)) and not self.screen_stack:
            return  # the last screen is closed already: a key given back late has nowhere to go
        if isinstance(event, (events.InputEvent, events.Paste)) and not event.is_forwarded:
            if isinstance(event, events.Key) and await self.ending.suspended_by(event):
                return
            if isinstance(event, (events.Key, events.Paste)) and self.type_ahead.holds(event):
                return
            if (too_early := getattr(self.screen, "too_early", None)) and too_early(event):
                return  # it was meant for what was on the screen before
        await super().on_event(event)

    def pop_screen(self) -> AwaitComplete:
        """Close the screen on top."""
        closed = super().pop_screen()
        if self._garbage is not None:
            self._garbage.screen_closed()
        return closed

    async def run_action(self, action: Any, *args: Any, **kwargs: Any) -> bool:
        """Every action is called here; keys may wait for what it opens."""
        with self.type_ahead.watches(action):
            return await super().run_action(action, *args, **kwargs)

    # ---- messages from services, threads and the courier

    def on_mail_changed(self, message: MailChanged) -> None:
        """Messages came or changed; a notice, a bell and a command announce new ones, as the settings say."""
        self.switcher.broadcast(message)
        self.pictures.doubt()
        if message.arrived:
            self.announcements.announce(message)

    def on_outbox_changed(self, message: OutboxChanged) -> None:
        """A delivery changed state."""
        self.switcher.broadcast(message)
        if message.notice:
            self.say(message.notice, severity=message.severity)

    def on_source_changed(self, message: SourceChanged | PeopleChanged | IndexProgress) -> None:
        """A source of mail came, went or has trouble; somebody new is known; the index grows."""
        self.switcher.broadcast(message)

    on_people_changed = on_index_progress = on_source_changed

    def on_sync_changed(self, message: SyncChanged) -> None:
        """What is known of a mailbox elsewhere changed, and may raise a question."""
        self.switcher.broadcast(message)
        self.sync_follower.look()

    def on_config_changed(self, message: ConfigChanged) -> None:
        """The settings changed: keys, theme, courier and receiver follow at once."""
        from misfin_tui.services.background import effects_of  # late: not for the first frame

        before, self.services.config = self.services.config, self.config
        self.keys = resolve(self.config.keys)
        self.set_keymap(dict(self.keys.keys))
        for text in filter(None, (self.themes.use(self.config.ui.theme), *self.keys.problems)):
            self.say(text, severity="warning", timeout=LONG)
        effects = effects_of(before, self.config)
        if effects.sends:
            self.courier.start()
        if effects.receives:
            self.receiver.restart()
        if effects.accounts:
            self.courier.accounts_changed()
            self.receiver.fetch_again()
            self.sync_follower.follow()
        self.switcher.broadcast(message)
        self.pictures.doubt()

    def on_resize(self) -> None:
        """A picture of another size is another picture."""
        self.pictures.doubt()

    def on_problem(self, message: Problem) -> None:
        """Something failed somewhere without a screen of its own."""
        self.say(f"{message.text}\n{message.remedy}".strip(), severity="error", timeout=LONG)

    def on_trust_asked(self, message: TrustAsked) -> None:
        """A certificate needs a decision."""
        self.switcher.broadcast(message)
        self.questions.asked(message)

    def on_paste_refused(self, message: PasteRefused) -> None:
        """A paste was too large for anything here."""
        self.ending.paste_refused(message)

    def deliver_screenshot(
        self, filename: str | None = None, path: str | None = None, time_format: str | None = None
    ) -> None:
        """Save a picture of the screen as Textual does, but for its owner only: there is mail in it."""
        self._save_screenshot(self.export_screenshot(), filename or "", path or "")

    @work(group="screenshot", description="save a picture of the screen")
    async def _save_screenshot(self, svg: str, name: str, folder: str) -> None:
        try:
            saved = await self.services.outside.save_screenshot(svg, name, folder)
        except MisfinError as error:
            self.report(error)
        else:
            self.say(f"Saved in {saved}.")

    # ---- the end

    def _handle_exception(self, error: Exception) -> None:
        """A bug ends the program: what is being written is saved first."""
        with suppress(Exception):  # whatever is broken now, the first error is the one to report
            self.ending.keep_all()
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        self.ending.report_bug()

    async def on_unmount(self) -> None:
        """Stop what works in the background, the receiver if it is ours, and close the databases."""
        await self._stop()

    async def _stop(self) -> None:
        from misfin_tui.services.stopping import stop

        await stop(self.services)
        await asyncio.to_thread(self._close_files)

    def _close_files(self) -> None:
        if (picture := self.pictures.picture) is None:
            self.services.close()
        else:
            picture.carry_over((self.size.width, self.size.height), self.services.close)


def run(
    profile: Profile,
    config: Config,
    *,
    link: str = "",
    dev: bool = False,
    problems: Sequence[str] = (),
    picture: Picture | None = None,
    app_class: type[MisfinApp] = MisfinApp,
) -> int:
    """Open the program and return its exit status.

    ``link`` is a ``misfin:`` or ``mailto:`` URI to write to, ``problems`` are sentences to show, such as what
    the settings have that means nothing, ``picture`` is that of the first screen, to be kept true.
    """
    sys.setswitchinterval(0.001)  # threads read the disk for us; a key must not wait 5 ms for each of them
    app = app_class(profile, config, link=link, dev=dev, problems=problems, picture=picture)
    try:
        status = app.run(mouse=config.ui.mouse)
    finally:
        app.ending.hand_back()
    return status if status is not None else app.return_code or 1  # only an error ends it without a status


if TYPE_CHECKING:
    _: type[Host] = MisfinApp  # as its screens know it
