"""How the program ends or stops other than by a key: signals, a lost terminal, an error; and ctrl+z."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from misfin.errors import MisfinError
from misfin_tui.app.background import CourierWork
from misfin_tui.app.controller import AppController
from misfin_tui.app.notices import LONG
from misfin_tui.messages import MailChanged
from misfin_tui.screentext import plain
from misfin_tui.widgets.controller import worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual import events
    from textual.app import App
    from textual.message_pump import MessagePump

    from misfin_tui.app.terminal_input import PasteRefused

SIGNALLED = 128
"""The exit status after a signal is this and its number, as in every shell."""
ARRIVES = 0.05
"""Seconds until what was typed before a signal has been read."""
CAUGHT_UP = 0.5
"""Seconds a screen gets to take what was typed before a signal."""
STUCK = 4.0
"""Seconds in which the loop has to answer a signal; a terminal that accepts no output can block it."""
AT_MOST = 8.0
"""Seconds after a signal when the program ends although it is still busy; drafts are saved then too."""
LOOK_FOR_TEXTS = 3.0
"""Seconds between two checks for what an editor saved after its draft was gone."""
SENDS = 3.0
"""Seconds the program keeps running before it is suspended while messages are being sent."""


class Ending(AppController):
    """Saves what is being written whatever ends the program."""

    def __init__(self, app: App[int], courier: CourierWork) -> None:
        super().__init__(app)
        self._courier = courier
        self.ended_by = 0
        """The signal that ends the program; 0 while none does."""
        self.ended = threading.Event()
        """Set once the program has ended."""
        self._answered = threading.Event()
        self.last_words = ""
        """What to print on the terminal once the program has left it."""
        self._suspending = False

    # ---- what is being written

    def keep_all(self) -> None:
        """Hand every message that is being written to its keeper, as it is at this moment."""
        for screen in self.app.screen_stack:
            if (keep := getattr(screen, "keep_as_it_is", None)) is not None:
                keep()

    def report_bug(self) -> None:
        """A bug ends the program; what it prints names lines of code, never messages or keys.

        Textual's own report shows the variables of every function, as they are, on the terminal.
        """
        from traceback import format_exception

        from rich.segment import Segment, Segments

        report = "".join(format_exception(self.app._exception)) if self.app._exception else ""
        self.app._exit_renderables.append(Segments([Segment(plain(report, one_line=False)), Segment.line()]))
        self.app._close_messages_no_wait()

    async def action_quit(self) -> None:
        """Quit. What is being written is saved first; if that fails, the user decides."""
        self._quit()

    @worker(group="quit", exclusive=True, description="quit")
    async def _quit(self) -> None:
        try:
            await self.host.services.sending.flush()
        except MisfinError as error:
            from misfin_tui.dialogs.confirm import ConfirmDialog

            question = f"The message you are writing could not be saved: {error} Quit and lose it?"
            dialog = ConfirmDialog("Quit?", question, yes="Quit", danger=True)
            if not await self.app.push_screen_wait(dialog):
                return
        self.app.exit(0)

    # ---- signals

    def end_by(self, number: int, soon: Callable[..., None]) -> None:
        """A signal, or the loss of the terminal, ends the program; ``soon`` calls something on the loop.

        May be called at any time in any thread; only the first counts.
        """
        if self.ended_by:
            return
        self.ended_by = number
        threading.Thread(target=self._end_at_last, name="end-at-last", daemon=True).start()
        soon(self._end)

    @worker(group="quit", description="end by a signal")
    async def _end(self) -> None:
        self._answered.set()
        status = SIGNALLED + self.ended_by
        if self.app.screen_stack:
            await asyncio.sleep(ARRIVES)
            with suppress(TimeoutError):
                async with asyncio.timeout(CAUGHT_UP):
                    for pump in (self.app, self.app.screen, self.app.focused):
                        if pump is not None:
                            await _caught_up(pump)
            with suppress(Exception):  # the program ends whatever is broken; what was kept before stays
                self.keep_all()
        try:
            await self.host.services.sending.flush()
        except MisfinError as error:
            self.last_words = f"The message you were writing could not be saved: {error}"
        self.app.exit(status, return_code=status)

    def _end_at_last(self) -> None:
        """In a thread: end the program when its loop does not."""
        if self._answered.wait(STUCK) and self.ended.wait(AT_MOST - STUCK):
            return
        with suppress(Exception):
            self.keep_all()
        with suppress(Exception):
            self.host.services.sending.save_at_once()
        restore = getattr(self.app._driver, "restore", None)
        if restore is not None:
            restore()
        os._exit(SIGNALLED + self.ended_by)

    def hand_back(self) -> None:
        """The end: the terminal is as it was, and what is left to say is said there."""
        self.ended.set()
        hand_back = getattr(self.app._driver, "hand_back", None)
        if hand_back is not None:
            hand_back()
        if self.last_words:
            with suppress(OSError):
                print(f"misfin-tui: {plain(self.last_words, one_line=True)}", file=sys.stderr)

    # ---- suspending

    async def suspended_by(self, event: events.Key) -> bool:
        """Whether this key suspends the program in front of a dialog, which hides the keys of the program."""
        if not self.app.screen_stack:
            return False
        screen = self.app.screen
        if not screen.is_modal or event.key in screen.active_bindings:
            return False
        if event.key not in self.host.keys.of("suspend"):
            return False
        await self.app.run_action("suspend_process")
        return True

    def action_help_quit(self) -> None:
        """Ctrl+c, which ends other programs: say what ends this one."""
        key = self.host.keys.shown("quit")
        self.host.say(f"Press {key} to quit. Where text is selected, ctrl+c copies it.", timeout=4)

    def action_suspend_process(self) -> None:
        """Stop the program and give the terminal back to the shell, until the shell continues it."""
        if not self._suspending and not self.ended_by:
            self._suspending = True
            self._suspend()

    @worker(group="suspend", description="suspend the program")
    async def _suspend(self) -> None:
        try:
            driver: Any = self.app._driver
            if not hasattr(driver, "stop_until_continued") or not driver.may_stop():
                self.host.say("There is no shell to go back to: the program was not started from one.")
                return
            self.keep_all()
            courier = self.host.services.courier
            with suppress(MisfinError):  # it is reported where it is saved the usual way
                await self.host.services.sending.flush()
            if courier is not None:
                self.host.say("Suspending…")
                with suppress(TimeoutError):
                    async with asyncio.timeout(SENDS):  # no delivery may be cut off
                        await courier.stop()
            try:
                state = await self.host.services.receiving.state()
                with self.app.suspend(), self.app.batch_update():
                    self._tell_suspended(state.running)
                    driver.stop_until_continued()
                self.app.refresh(layout=True)
            finally:
                if courier is not None:
                    self._courier.start()
        finally:
            self._suspending = False

    def _tell_suspended(self, receiving: bool) -> None:
        mail = "Mail is still being received; " if receiving else "No mail is received, and "
        with suppress(OSError):
            print(f"misfin-tui is suspended. {mail}nothing is sent until you resume it: fg", flush=True)

    # ---- texts of editors

    @worker(group="texts", exclusive=True, description="look for texts of editors")
    async def look_for_texts(self, *, again: bool = False) -> None:
        """Turn what an editor saved after its draft was gone into a draft; with ``again``, keep looking."""

        def waiting() -> bool:
            return any(self.host.services.profile.runtime.glob("draft-*.gmi"))

        def take_up(account: str) -> int:
            from misfin_tui.services import texts  # in the thread: an import is longer than a key may wait

            return texts.take_up(self.host.services, account)

        while True:
            found = 0
            try:
                if await asyncio.to_thread(waiting):
                    found = await asyncio.to_thread(take_up, await self.host.services.identities.default())
            except (MisfinError, OSError) as error:
                self.host.report(error, "The text that an editor saved could not be made a draft:")
                return
            if found:
                self.host.services.post(MailChanged())
                self.host.say("What your editor saved after its message was gone is now a separate draft.")
            if not again:
                return
            await asyncio.sleep(LOOK_FOR_TEXTS)

    # ---- pastes

    def paste_refused(self, message: PasteRefused) -> None:
        """More was pasted than anything here takes."""
        self.host.say(
            f"The clipboard holds {message.size:,} bytes, more than can be pasted here ({message.limit:,})."
            " Nothing was pasted; it is still in the clipboard.",
            severity="warning",
            timeout=LONG,
        )


async def _caught_up(pump: MessagePump) -> None:
    """Wait until everything that was posted to it before was handled."""
    done = asyncio.Event()
    if pump.call_later(done.set):
        await done.wait()
