"""Our own themes beside Textual's: the one to start with, all others, and choosing among them."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from textual.theme import BUILTIN_THEMES

from misfin.errors import MisfinError
from misfin_tui import theming
from misfin_tui.app.controller import AppController
from misfin_tui.app.notices import LONG
from misfin_tui.widgets.controller import worker

if TYPE_CHECKING:
    from pathlib import Path

    from textual.app import App
    from textual.theme import Theme


class ThemeSwitcher(AppController):
    """Made before the app itself: NO_COLOR wants a theme chosen before Textual makes its filters, and style
    sheets are read for the theme they find. So the one to start with is read first, the others after the
    first frame.
    """

    def __init__(self, app: App[int], folder: Path, wanted: str, *, dev: bool) -> None:
        """``folder`` holds the user's own, ``wanted`` is named in the settings; ``dev`` reads files again
        when they change."""
        super().__init__(app)
        self.own: dict[str, Theme] = {}
        self._folder = folder
        self._dev = dev
        self.first, self.problems = self._choose(wanted)
        """The name of the theme to start with, and what was wrong with it."""

    def _choose(self, wanted: str) -> tuple[str, list[str]]:
        folders = (theming.shipped_dir(), self._folder)
        paths = {path.stem: path for folder in folders for path in folder.glob("*.toml")}
        name, problem = theming.choose(wanted, (*paths, *BUILTIN_THEMES), os.environ)
        problems = [problem] if problem else []
        if name in paths:
            theme, faults = theming.read(paths[name])
            problems += faults
            if theme is None:
                return theming.FALLBACK, problems
            self.own[name] = theme
        return name, problems

    def use(self, wanted: str) -> str:
        """Apply the theme of the settings; returns what was wrong with it."""
        self.app.theme, problem = theming.choose(wanted, self.app.available_themes, os.environ)
        return problem

    @worker(group="themes", exclusive=True, description="load themes")
    async def load_all(self) -> None:
        """All themes for the palette; with ``--dev`` again whenever a file of the user's is saved."""
        first = True
        while True:
            loaded = await asyncio.to_thread(theming.load_all, self._folder)
            self.own.update(loaded.themes)
            self.host.withdraw("themes", every=True)
            for problem in loaded.problems:
                self.host.say(problem, severity="warning", timeout=LONG, about="themes")
            if not first:
                self.app._watch_theme(self.app.theme)
            first = False
            if not self._dev:
                return
            async for _ in theming.changes(self._folder):
                break
            else:
                return

    @worker(group="theme", exclusive=True, description="choose a theme")
    async def action_change_theme(self) -> None:
        """Try themes on, and keep one."""
        from misfin_tui.dialogs.theme import ThemeDialog

        name = await self.app.push_screen_wait(ThemeDialog(list(self.app.available_themes), self.app.theme))
        if name is not None:
            try:
                self.host.use_config(await self.host.services.setup.change("ui", "theme", name))
            except MisfinError as error:
                self.host.report(error)
