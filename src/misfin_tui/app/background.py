"""What works beside the screens once the first frame is painted: courier, receiver, themes, settings file."""

from __future__ import annotations

import asyncio
import dataclasses
import subprocess
import sys
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

from textual import work

from misfin.errors import MisfinError
from misfin_tui import theming
from misfin_tui.app.screen_switching import LIST_SCREENS, LONG, ScreenSwitching

if TYPE_CHECKING:
    from textual.driver import Driver
    from textual.theme import Theme

    from misfin_tui.messages import MailChanged
    from misfin_tui.picture import Picture


def import_ahead() -> None:
    """Import what the next keys are likely to need, so that their first press is as quick as the others."""
    for place in ("thread", "compose", "help"):
        import_module(LIST_SCREENS[place].partition(":")[0])


GATHERED = 3.0
"""Seconds from one notice of new mail to the next: what comes meanwhile is told in one."""
AGAIN = 5.0
"""Seconds until sending is tried again after it could not begin."""
AT_START = 0.1
"""Seconds after the first frame before its picture is drawn, where there is no true one."""
UNCHANGED = 2.0
"""Seconds without a change before the picture of the first screen is drawn again."""


class Background(ScreenSwitching):
    """Each piece of work is a worker of the app in a group of its own; what it finds comes as messages."""

    _own_themes: dict[str, Theme]
    _dev: bool
    picture: Picture | None
    _telling = False
    _drawing = False
    _picture_doubted = False
    _patience = AT_START

    def __init__(self, driver_class: type[Driver] | None = None) -> None:
        super().__init__(driver_class)
        self._untold: list[MailChanged] = []

    # ---- the courier

    @work(group="courier", exclusive=True, description="courier")
    async def _start_courier(self) -> None:
        """Send what is due, as long as the app runs. What happens is told as messages."""
        from misfin_tui.services.news import messages_of
        from misfin_tui.services.posting import make_courier, sweep_attachments

        def tell(event: Any) -> None:
            for message in messages_of(event):
                self.post_message(message)

        told = ""
        while True:
            courier = None
            try:
                courier = await asyncio.to_thread(make_courier, self.services, tell)
                self.services.courier = courier
                sweeping = asyncio.to_thread(sweep_attachments, self.services)
                self.run_worker(sweeping, group="sweep", exit_on_error=False)
                await courier.run()
                return
            except MisfinError as error:
                if str(error) != told:
                    self.report(error, "Nothing can be sent:")
                told = str(error)
            finally:
                if self.services.courier is courier:
                    self.services.courier = None
            await asyncio.sleep(AGAIN)  # until there is room on the disk, say

    # ---- the receiver

    async def start_receiver(self) -> None:
        """Receive mail if the settings want it; the status line says how that stands."""
        if self.config.receive.enabled:
            await self.services.receiving.start()

    @work(group="receiver", exclusive=True, description="start or stop the receiver")
    async def action_toggle_receiver(self) -> None:
        """Start or stop receiving mail."""
        receiving = self.services.receiving
        if (await receiving.state()).running:
            await receiving.stop()
            self.say("Mail is no longer being received here.")
            return
        state = await receiving.start()
        if state.running:
            self.say(f"Receiving on {', '.join(state.addresses) or 'the usual port'}.")
        else:
            self.say(f"Mail cannot be received: {state.error}", severity="error", timeout=LONG)

    @work(group="receiver", exclusive=True, description="start the receiver again")
    async def _restart_receiver(self) -> None:
        """It reads its settings when it starts; one that somebody else started goes on as it is."""
        await self.services.receiving.stop()
        await self.start_receiver()
        state = await self.services.receiving.state()
        if state.adopted:
            self.say(
                "The receiver was not started by this program, and goes on with its old settings until"
                " whoever started it starts it again.",
                severity="warning",
                timeout=LONG,
            )
        elif state.error:
            self.say(f"Mail cannot be received: {state.error}", severity="error", timeout=LONG)

    # ---- files that count at once

    @work(group="config", exclusive=True, description="follow config.toml")
    async def _follow_config(self) -> None:
        """What somebody writes into the file counts at once; a mistake in it changes nothing and is said."""
        await asyncio.to_thread(import_module, "watchfiles")  # it takes longer than a key may wait
        from watchfiles import awatch

        from misfin_tui.config import ConfigError, load

        file = self.profile.config
        told: list[str] = []
        broken = False
        try:
            async for _ in awatch(
                file.parent, recursive=False, watch_filter=lambda _change, path: path == str(file)
            ):
                unknown: list[str] = []
                try:
                    config = await asyncio.to_thread(load, file, unknown)
                except ConfigError as error:
                    remedy = "The settings in force stay as they are. Fix the line and save the file."
                    self.withdraw("settings", every=True)
                    self.say(f"{error}\n{remedy}", severity="error", timeout=LONG, about="settings")
                    broken = True
                    continue
                if broken:
                    self.withdraw("settings", every=True)
                    self.say("The settings file can be used again.")
                broken = False
                if unknown != told:
                    told = unknown
                    self.withdraw("settings", every=True)
                    for problem in unknown:
                        self.say(problem, severity="warning", timeout=LONG, about="settings")
                if config != self.config:
                    self.use_config(config)
        except (OSError, RuntimeError):
            return  # no notices from this file system: the file counts from the next start

    @work(group="themes", exclusive=True, description="load themes")
    async def _load_themes(self) -> None:
        """All themes for the palette; with ``--dev`` again whenever a file of the user's is saved."""
        first = True
        while True:
            loaded = await asyncio.to_thread(theming.load_all, self.profile.themes)
            self._own_themes.update(loaded.themes)
            self.withdraw("themes", every=True)
            for problem in loaded.problems:
                self.say(problem, severity="warning", timeout=LONG, about="themes")
            if not first:
                self._watch_theme(self.theme)
            first = False
            if not self._dev:
                return
            async for _ in theming.changes(self.profile.themes):
                break
            else:
                return

    # ---- the picture of the first screen

    def _keep_picture(self) -> None:
        """What the first screen shows may have changed: have a picture drawn for the next start."""
        self._picture_doubted = True
        if self.picture is not None and not self._drawing:
            self._drawing = True
            self._draw_pictures(self.picture)

    @work(group="picture", description="draw the picture of the first screen")
    async def _draw_pictures(self, picture: Picture) -> None:
        try:
            while self._picture_doubted:
                self._picture_doubted = False
                if not self.config.ui.first_screen:
                    await asyncio.to_thread(picture.drop)
                    continue
                await self._unchanged(picture)
                size = self.size.width, self.size.height
                if await asyncio.to_thread(picture.frame, size) is None:
                    await self._draw_picture(size)
        finally:
            self._drawing = False

    async def _unchanged(self, picture: Picture) -> None:
        """Wait until all that the first screen is drawn from was the same for a while."""
        seen: bytes | None = None
        while (now := await asyncio.to_thread(picture.stamp, (0, 0))) != seen:
            seen = now
            await asyncio.sleep(self._patience)
            self._patience = UNCHANGED

    async def _draw_picture(self, size: tuple[int, int]) -> None:
        profile = self.profile
        places = (profile.root, profile.cache, profile.runtime, *size)
        try:
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "misfin_tui.app.still", *map(str, places)),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError:
            return  # the next start takes its time
        try:
            await child.wait()
        except asyncio.CancelledError:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()
            raise

    # ---- notices of mail

    def tell_of_mail(self, message: MailChanged) -> None:
        """Say that messages came: at once, but while more and more come not for each of them."""
        self._untold.append(message)
        if not self._telling:
            self._tell()

    def _tell(self) -> None:
        untold, self._untold = self._untold, []
        self._telling = bool(untold)
        if not untold:
            return
        self.set_timer(GATHERED, self._tell)
        message = dataclasses.replace(untold[-1], arrived=sum(each.arrived for each in untold))
        more = f" and {message.arrived - 1:,} more" if message.arrived > 1 else ""
        self.say(f"New mail from {message.sender}{more}: {message.subject}")
        if self.config.ui.bell:
            self.bell()
        self._announce(message)

    @work(group="announce", description="run the notice command")
    async def _announce(self, message: MailChanged) -> None:
        try:
            await self.services.outside.announce(message.sender, message.subject, message.arrived)
        except MisfinError as error:
            self.report(error)
