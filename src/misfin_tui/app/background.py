"""What runs in the background once the first frame is painted: courier, receiver, the settings file."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from misfin_tui.app.controller import AppController
from misfin_tui.app.notices import LONG
from misfin_tui.widgets.controller import worker

if TYPE_CHECKING:
    from pathlib import Path

    from textual.app import App


class CourierWork(AppController):
    """Sends what is due."""

    @worker(group="courier", exclusive=True, description="courier")
    async def start(self) -> None:
        """Send what is due, as long as the app runs. What happens is reported in messages."""
        from misfin_tui.services.background import keep_sending  # late: not for the first frame

        await keep_sending(self.host.services, lambda error: self.host.report(error, "Nothing can be sent:"))

    def accounts_changed(self) -> None:
        """It may send through another server now, or trust one that it did not trust."""
        if (courier := self.host.services.courier) is not None:
            courier.accounts_changed()


class ReceiverWork(AppController):
    """Starts and stops what receives mail here, and what fetches it from elsewhere."""

    async def start(self) -> None:
        """Fetch mail, and receive it if the settings say so, unless all accounts fetch theirs.

        The status line shows how that goes.
        """
        from misfin_tui.services.background import start_sources  # late: not for the first frame

        await start_sources(self.host.services)

    @worker(group="receiver", exclusive=True, description="start or stop the receiver")
    async def action_toggle_receiver(self) -> None:
        """Start or stop receiving mail."""
        receiving = self.host.services.receiving
        if (await receiving.state()).running:
            await receiving.stop()
            self.host.say("Mail is no longer being received here.")
            return
        state = await receiving.start()
        if state.running:
            self.host.say(f"Receiving on {', '.join(state.addresses) or 'the usual port'}.")
        else:
            self.host.say(f"Mail cannot be received: {state.error}", severity="error", timeout=LONG)

    @worker(group="fetching", exclusive=True, description="fetch with other settings")
    async def fetch_again(self) -> None:
        """The accounts have changed."""
        await self.host.services.fetching.restart()

    @worker(group="receiver", exclusive=True, description="start the receiver again")
    async def restart(self) -> None:
        """It reads its settings when it starts; one that somebody else started keeps running as it is."""
        await self.host.services.receiving.stop()
        await self.start()
        state = await self.host.services.receiving.state()
        if state.adopted:
            self.host.say(
                "The receiver was not started by this program, and keeps its old settings until"
                " it is restarted.",
                severity="warning",
                timeout=LONG,
            )
        elif state.error:
            self.host.say(f"Mail cannot be received: {state.error}", severity="error", timeout=LONG)


class SettingsFile(AppController):
    """The settings as they are on disk."""

    def __init__(self, app: App[int], file: Path) -> None:
        super().__init__(app)
        self._file = file

    @worker(group="config", exclusive=True, description="follow config.toml")
    async def follow(self) -> None:
        """Changes to the file take effect at once; a mistake in it is reported and changes nothing."""
        from misfin_tui.config import ConfigError, load
        from misfin_tui.services.following import changes

        file = self._file
        reported: list[str] = []
        broken = False
        try:
            async for _ in changes(file):
                unknown: list[str] = []
                try:
                    config = await asyncio.to_thread(load, file, unknown)
                except ConfigError as error:
                    remedy = "The settings in use stay as they are. Fix the line and save the file."
                    self.host.withdraw("settings", every=True)
                    self.host.say(f"{error}\n{remedy}", severity="error", timeout=LONG, about="settings")
                    broken = True
                    continue
                if broken:
                    self.host.withdraw("settings", every=True)
                    self.host.say("The settings file is valid again.")
                broken = False
                if unknown != reported:
                    reported = unknown
                    self.host.withdraw("settings", every=True)
                    for problem in unknown:
                        self.host.say(problem, severity="warning", timeout=LONG, about="settings")
                if config != self.host.config:
                    self.host.use_config(config)
        except (OSError, RuntimeError):
            return  # this file system reports no changes: the file is read at the next start
