"""The files attached to a message being written: attached by name, named in a line, opened, removed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from misfin.compose.measure import NO_LIMIT
from misfin_tui.screens.base import AppScreen, ScreenController
from misfin_tui.screentext import plain
from misfin_tui.widgets.controller import worker
from misfin_tui.widgets.facts import many, text

if TYPE_CHECKING:
    from misfin.compose.measure import Measure
    from misfin.post.transport import Capabilities
    from misfin.store.outgoing.attachments import AttachedFile


class ComposerFact(Static):
    """A fact about a message being written, in a line of its own; a click on it changes it."""

    class FactClicked(Message):
        """The person wants to change it."""

        def __init__(self, fact: ComposerFact) -> None:
            super().__init__()
            self.fact = fact

    class FactChanged(Message):
        """It is another one."""

    def on_click(self, event: events.Click) -> None:
        """Change it."""
        event.stop()
        self.post_message(self.FactClicked(self))


class MessageFiles(ScreenController):
    """The attached files, in their order. ``able`` gives what the account in From can do, ``measured`` the
    size and limit of the message; None while that is not known."""

    def __init__(
        self,
        screen: AppScreen,
        files: Sequence[AttachedFile],
        able: Callable[[], Capabilities | None],
        measured: Callable[[], Measure | None],
    ) -> None:
        super().__init__(screen)
        self._able = able
        self._measured = measured
        self.files = tuple(files)
        self._copies = 0
        self.names = ComposerFact(id="files", markup=False)
        self._line = Horizontal(text("Files", classes="label"), self.names, classes="line", id="files-line")

    def lines(self) -> ComposeResult:
        """The line; not there until it is known that the account has it."""
        self._line.display = False
        self.names.update(self._words())
        yield self._line

    @property
    def copying(self) -> bool:
        """Whether a file is being copied into the profile."""
        return self._copies > 0

    def arrange(self) -> None:
        """Show the line if there are files and the account can send them."""
        can = self._able()
        self._line.display = bool(can and can.attachments and self.files)

    def _words(self) -> Content:
        parts = [f"{plain(file.name, one_line=True)} ({file.size:,} bytes)" for file in self.files]
        total = f"{many(len(self.files), 'file')}: " if len(self.files) > 1 else ""
        return Content(total + ", ".join(parts))

    def change(self, files: Sequence[AttachedFile]) -> None:
        """The files are others, or in another order."""
        self.files = tuple(files)
        self.names.update(self._words())
        self.arrange()
        self.names.post_message(ComposerFact.FactChanged())

    def _refused(self) -> bool:
        can = self._able()
        if can is not None and can.attachments:
            return False
        self.misfin.say("A message from this account cannot have attachments.", severity="warning")
        return True

    @worker(group="files", description="attach files")
    async def action_attach(self) -> None:
        """Attach files by their names."""
        await self._ask()

    async def _ask(self) -> None:
        from misfin_tui.dialogs.attach import AttachDialog  # late: few messages have files

        if self._refused():
            return
        service = self.services.outgoing_files
        paths = await self.screen.app.push_screen_wait(AttachDialog(service.complete, service.find))
        if paths:
            await self._copy(paths)

    async def _copy(self, paths: Sequence[Path]) -> None:
        found = self._measured()
        most = found.limit if found is not None and found.limit < NO_LIMIT else 0
        self._copies += 1
        try:
            done = await self.services.outgoing_files.attach(paths, most)
        finally:
            self._copies -= 1
        for problem in done.problems:
            self.misfin.say(f"Not attached: {problem}", severity="warning", timeout=12)
        if done.files and self.screen.standing:
            self.change((*self.files, *done.files))

    @worker(group="files", description="manage attached files")
    async def action_attached(self) -> None:
        """Open, remove or reorder the attached files; without one, attach some."""
        from misfin_tui.dialogs.attach import AttachedFilesDialog, FileAction

        at = 0
        while self.files and not self._refused():
            types = await self.services.outgoing_files.types(self.files)
            answer = await self.screen.app.push_screen_wait(AttachedFilesDialog(self.files, types, at))
            if answer is None:
                return
            what, at = answer
            if what is FileAction.ADD:
                break
            if what is FileAction.OPEN:
                await self.screen.attempt(self.services.outgoing_files.open(self.files[at]))
                continue
            files = list(self.files)
            file = files.pop(at)
            if what is not FileAction.REMOVE:
                at = max(0, at - 1) if what is FileAction.EARLIER else min(len(files), at + 1)
                files.insert(at, file)
            self.change(files)
            if not files:
                return
        await self._ask()
