"""The program on the screen: puts services, screens, keys and themes together and passes messages on.

Nothing here draws mail or touches it. Screens are imported when first opened, and whatever the first frame
does not need (courier, receiver, index scan, watcher, the other themes) starts after it was painted.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

import textual.screen
from textual import events, work
from textual.app import App
from textual.reactive import Initialize, Reactive
from textual.theme import BUILTIN_THEMES

from misfin.errors import MisfinError
from misfin_tui import theming
from misfin_tui.app.background import import_ahead
from misfin_tui.app.questions import Questions
from misfin_tui.app.screen_switching import LIST_SCREENS, LONG
from misfin_tui.keymap import KeyContext, Keymap, resolve
from misfin_tui.messages import (
    ConfigChanged,
    IndexProgress,
    MailChanged,
    OutboxChanged,
    Problem,
    SourceChanged,
)
from misfin_tui.screens.inbox import InboxScreen
from misfin_tui.screentext import plain
from misfin_tui.services import Services
from misfin_tui.widgets.bindings import bindings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.command import Provider
    from textual.driver import Driver
    from textual.screen import Screen
    from textual.theme import Theme

    from misfin_tui.config import Config
    from misfin_tui.paths import Profile
    from misfin_tui.picture import Picture
    from misfin_tui.services.mail import FirstPage

__all__ = ["LIST_SCREENS", "MisfinApp", "run"]

textual.screen.UPDATE_PERIOD = min(textual.screen.UPDATE_PERIOD, 0.001)  # type: ignore[misc]  # Final there
"""Seconds between two drawings at least. What becomes known just after one waits for one or two of these:
with Textual's sixtieth of a second that was most of the time between a key and what a search finds."""

SELDOM = 5000
"""Objects made before the garbage is looked at; a page of rows is some hundreds."""
STARTED = 4.0
"""Seconds after the first frame when everything that works in the background was imported."""
STOP_WITHIN = 6.0
"""Seconds the courier gets at the end for what is on the wire; what did not leave stays in the outbox."""


def _actions() -> type[Provider]:
    from misfin_tui.commands import ActionProvider  # late: not for the first frame

    return ActionProvider


def _driver(picture: Picture | None) -> type[Driver] | None:
    """Textual's own choice, unless the first screen stands on the terminal already."""
    if picture is None or picture.attributes is None:
        return None
    from misfin_tui.app.takeover import driver_over

    return driver_over(picture)


def _people() -> type[Provider]:
    from misfin_tui.commands import PeopleProvider

    return PeopleProvider


def _folders() -> type[Provider]:
    from misfin_tui.commands import FolderProvider

    return FolderProvider


class MisfinApp(Questions):
    """The whole program. Screens reach everything through ``app.services``."""

    TITLE = "misfin-tui"
    BINDINGS = bindings(KeyContext.EVERYWHERE)
    COMMANDS = App.COMMANDS | {_actions, _folders, _people}
    NOTIFICATION_TIMEOUT: ClassVar[float] = 6
    CSS = """
    Toast { width: auto; max-width: 75%; padding: 0 1; }
    SelectCurrent .arrow { color: $foreground; }
    SearchIcon { display: none; }
    """

    theme: Reactive[str] = Reactive(Initialize(lambda app: app._first_theme))  # type: ignore[attr-defined]  # set before Textual's own start

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
        # NO_COLOR wants a theme chosen before Textual makes its filters, and style sheets are read for the
        # theme they find: so the one to start with is read first, the others after the first frame.
        self._own_themes: dict[str, Theme] = {}
        self._first_theme, found = self._choose_theme(profile, config)
        self._problems = [*problems, *found]
        super().__init__(_driver(picture))
        self.picture = picture
        self.profile = profile
        self.config = config
        self.services = Services(profile, config, self.post_message)
        self.keys = Keymap()
        """The keys in force, and what was wrong with the user's own."""
        self._link = link
        self._dev = dev

    # ---- the first frame

    def _choose_theme(self, profile: Profile, config: Config) -> tuple[str, list[str]]:
        """Read the theme to start with; returns its name and what was wrong."""
        folders = (theming.shipped_dir(), profile.themes)
        paths = {path.stem: path for folder in folders for path in folder.glob("*.toml")}
        name, problem = theming.choose(config.ui.theme, (*paths, *BUILTIN_THEMES), os.environ)
        problems = [problem] if problem else []
        if name in paths:
            theme, faults = theming.read(paths[name])
            problems += faults
            if theme is None:
                return theming.FALLBACK, problems
            self._own_themes[name] = theme
        return name, problems

    def get_theme(self, theme_name: str) -> Theme | None:
        """Our own themes, then Textual's."""
        return self._own_themes.get(theme_name) or super().get_theme(theme_name)

    @property
    def available_themes(self) -> dict[str, Theme]:
        """Textual's themes and ours."""
        return {**super().available_themes, **self._own_themes}

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """What our style sheets name and a theme may leave out."""
        return theming.variable_defaults(self.current_theme)

    def get_default_screen(self) -> Screen[Any]:
        """The inbox is the first screen: an empty one below it would cost time."""
        return InboxScreen(self._first_page())

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
        if not gc.isenabled():
            gc.set_threshold(SELDOM, 10, 10)
            gc.freeze()  # what is there now stays: later collections need not look at it
            gc.enable()
            self.set_timer(STARTED, gc.freeze)  # and what was imported meanwhile
        for problem in self._problems:
            self.say(problem, severity="warning", timeout=LONG)
        self.services.mail.start()
        self._start_courier()
        self._load_themes()
        self._follow_config()
        self._keep_picture()
        self._arrive()
        threading.Thread(target=import_ahead, name="import-ahead", daemon=True).start()

    @work(group="arrive", description="look around")
    async def _arrive(self) -> None:
        """The wizard for a new profile; else the receiver, and the message a link asked for."""
        try:
            if not (await self.services.accounts.all() or await self.services.identities.all()):
                self.open_wizard()
                return
            if self._link:
                self.open_composer(await self.services.sending.from_link(self._link))
        except MisfinError as error:
            self.report(error)
        await self.start_receiver()

    # ---- keys

    async def on_event(self, event: events.Event) -> None:
        """Every key passes here first; one that is typed ahead of a screen still opening has to wait."""
        if isinstance(event, (events.InputEvent, events.Paste)) and not self.screen_stack:
            return  # the last screen is closed already: a key given back late has nowhere to go
        if isinstance(event, (events.InputEvent, events.Paste)) and not event.is_forwarded:
            if isinstance(event, (events.Key, events.Paste)) and self.type_ahead.holds(event):
                return
            if (too_early := getattr(self.screen, "too_early", None)) and too_early(event):
                return  # it was meant for what was on the screen before
        await super().on_event(event)

    async def run_action(self, action: Any, *args: Any, **kwargs: Any) -> bool:
        """Every action is called here; keys may wait for what it opens."""
        with self.type_ahead.watches(action):
            return await super().run_action(action, *args, **kwargs)

    # ---- messages from services, threads and the courier

    def on_mail_changed(self, message: MailChanged) -> None:
        """Messages came or changed; of new ones a notice, a bell and a command tell, as the settings say."""
        self.broadcast(message)
        self._keep_picture()
        if message.arrived:
            self.tell_of_mail(message)

    def on_outbox_changed(self, message: OutboxChanged) -> None:
        """Something on its way out changed state."""
        self.broadcast(message)
        if message.notice:
            self.say(message.notice, severity=message.severity)

    def on_source_changed(self, message: SourceChanged) -> None:
        """What brings mail came, went or has trouble."""
        self.broadcast(message)

    def on_index_progress(self, message: IndexProgress) -> None:
        """The index grows."""
        self.broadcast(message)

    def on_config_changed(self, message: ConfigChanged) -> None:
        """Other settings are in force: keys, theme, courier and receiver follow at once."""
        before, self.services.config = self.services.config, self.config
        self.keys = resolve(self.config.keys)
        self.set_keymap(dict(self.keys.keys))
        name, problem = theming.choose(self.config.ui.theme, self.available_themes, os.environ)
        self.theme = name
        for text in filter(None, (problem, *self.keys.problems)):
            self.say(text, severity="warning", timeout=LONG)
        if any(getattr(before, part) != getattr(self.config, part) for part in ("hosts", "send", "trust")):
            self._start_courier()
        if any(
            getattr(before, part) != getattr(self.config, part)
            for part in ("receive", "rate_limit", "verification", "hosts", "trust")
        ):
            self._restart_receiver()
        self.broadcast(message)
        self._keep_picture()

    def on_resize(self) -> None:
        """A picture of another size is another picture."""
        self._keep_picture()

    def on_problem(self, message: Problem) -> None:
        """Something failed somewhere without a screen of its own."""
        text = f"{message.text}\n{message.remedy}" if message.remedy else message.text
        self.say(text, severity="error", timeout=LONG)

    def action_change_theme(self) -> None:
        """Try themes on, and keep one."""
        self._change_theme()

    @work(group="theme", exclusive=True, description="choose a theme")
    async def _change_theme(self) -> None:
        from misfin_tui.dialogs.theme import ThemeDialog

        name = await self.push_screen_wait(ThemeDialog(list(self.available_themes), self.theme))
        if name is not None:
            try:
                self.config = await self.services.setup.change("ui", "theme", name)
            except MisfinError as error:
                self.report(error)
            else:
                self.post_message(ConfigChanged())

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

    async def action_quit(self) -> None:
        """Leave. What is being written is saved first; if that fails, the person decides."""
        self._quit()

    @work(group="quit", exclusive=True, description="quit")
    async def _quit(self) -> None:
        try:
            await self.services.sending.flush()
        except MisfinError as error:
            from misfin_tui.dialogs.confirm import ConfirmDialog

            question = f"The message you are writing could not be saved: {error} Leave and lose it?"
            if not await self.push_screen_wait(ConfirmDialog("Leave?", question, yes="Leave", danger=True)):
                return
        self.exit(0)

    def _fatal_error(self) -> None:
        """A bug ends the program; what it prints names lines of code, never messages or keys.

        Textual's own report shows the variables of every function, as they are, on the terminal.
        """
        from traceback import format_exc

        from rich.segment import Segment, Segments

        self._exit_renderables.append(
            Segments([Segment(plain(format_exc(), one_line=False)), Segment.line()])
        )
        self._close_messages_no_wait()

    async def on_unmount(self) -> None:
        """Stop what works in the background, the receiver if it is ours, and close the databases."""
        await self._stop()

    async def _stop(self) -> None:
        self.services.mail.stop()
        with suppress(MisfinError):  # it was told when it could not be saved before
            await self.services.sending.flush()
        courier = self.services.courier
        try:
            async with asyncio.timeout(STOP_WITHIN):
                if courier is not None:
                    await courier.stop()
                await self.services.receiving.stop()
        except TimeoutError:
            pass  # every attempt is written down before and after it: nothing is lost
        await asyncio.to_thread(self._close_files)

    def _close_files(self) -> None:
        if self.picture is None:
            self.services.close()
        else:
            self.picture.carry_over((self.size.width, self.size.height), self.services.close)


def run(
    profile: Profile,
    config: Config,
    *,
    link: str = "",
    dev: bool = False,
    problems: Sequence[str] = (),
    picture: Picture | None = None,
) -> int:
    """Open the program and return its exit status.

    ``link`` is a ``misfin:`` URI to write to, ``problems`` are sentences to tell, such as what the settings
    have that means nothing, ``picture`` is that of the first screen, to be kept true.
    """
    sys.setswitchinterval(0.001)  # threads read the disk for us; a key must not wait 5 ms for each of them
    app = MisfinApp(profile, config, link=link, dev=dev, problems=problems, picture=picture)
    status = app.run(mouse=config.ui.mouse)
    return status if status is not None else app.return_code or 0
