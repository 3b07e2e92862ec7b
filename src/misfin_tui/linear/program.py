"""The session: a prompt, a command, its answer; sending and receiving run beside it as in the app."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from misfin.errors import MisfinError
from misfin_tui.linear.command import LineCommand, command_for
from misfin_tui.linear.commands import COMMANDS
from misfin_tui.linear.desk import Desk, sentence_of
from misfin_tui.linear.ending import SIGNALLED, LineEnding
from misfin_tui.linear.first_steps import setup
from misfin_tui.linear.listing import inbox
from misfin_tui.linear.news import LineNews
from misfin_tui.linear.people import NO_ACCOUNT
from misfin_tui.linear.reading import read
from misfin_tui.linear.terminal import InputEnded, Interrupted, LineTerminal
from misfin_tui.linear.writing import write_link
from misfin_tui.services import Services
from misfin_tui.services.background import effects_of, follow_sync, keep_sending, start_sources
from misfin_tui.services.stopping import stop
from misfin_tui.services.texts import take_up

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from misfin_tui.config import Config
    from misfin_tui.paths import Profile


LOOK = 0.05
"""Seconds between two looks at whether the mail was read at the start."""
PATIENCE = 3.0
"""Seconds that somebody waits for that."""


class LineSession:
    """One run of the linear mode."""

    def __init__(self, profile: Profile, config: Config, problems: Sequence[str]) -> None:
        self._problems = problems
        self._terminal = LineTerminal(encoding=sys.stdout.encoding or "ascii")
        self._news = LineNews(self._terminal, asyncio.get_running_loop())
        self._services = self._news.services = Services(profile, config, self._news.post)
        self._desk = Desk(self._services, self._terminal)
        self._ending = LineEnding(self._desk, self._cancel)
        self._command: asyncio.Task[None] | None = None
        self._stoppable = False
        self._desk.use_config = self._use_config
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ended: list[asyncio.Task[None]] = []
        self._main: asyncio.Task[Any] | None = None

    def _cancel(self) -> None:
        if self._main is not None:
            self._main.cancel()

    async def run(self, link: str) -> int:
        """Run until somebody leaves, the input ends or a signal comes; returns the exit status."""
        self._main = asyncio.current_task()
        self._terminal.stop = self._stop_command
        self._terminal.lost = self._ending.end_by
        self._terminal.before_suspending = self._ending.save
        self._terminal.open()
        self._ending.listen()
        try:
            await self._greet()
            await self._commands(link)
        except asyncio.CancelledError:
            if not self._ending.ended_by:
                raise
        except InputEnded:
            pass
        finally:
            await self._end()
        return SIGNALLED + self._ending.ended_by if self._ending.ended_by else 0

    # ---- the beginning

    async def _greet(self) -> None:
        services = self._services
        await self._desk.say("misfin-tui, plain lines. Type help for the commands.", *self._problems)
        services.mail.start()
        self._start("sending", keep_sending(services, self._not_sending))
        self._start("sync", follow_sync(services))
        if await self._is_new():
            if self._terminal.typed_by_person:
                await self._guarded(setup(self._desk, ""))
            else:
                await self._desk.say(NO_ACCOUNT)
        else:
            self._start("sources", self._sources())
        await self._guarded(self._look_around(), stoppable=True)

    async def _is_new(self) -> bool:
        """Whether there is no account at all; what is broken is said."""
        try:
            services = self._services
            return not (await services.accounts.all() or await services.identities.all())
        except MisfinError as error:
            await self._desk.report(error)
            return False

    async def _look_around(self) -> None:
        services = self._services
        taken = await asyncio.to_thread(take_up, services, await services.identities.default())
        if taken:
            await self._desk.say("What your editor saved after its message was gone is now a separate draft.")
        await self._until_read()
        await inbox(self._desk, "")

    async def _until_read(self) -> None:
        """Wait until the index knows the mail; not for long where somebody waits, who hears of it later."""
        waited = 0.0
        while not self._services.mail.scanned:
            if self._terminal.typed_by_person and waited > PATIENCE:
                await self._desk.say("The mail is still being read; lists may lack some of it.")
                return
            await asyncio.sleep(LOOK)
            waited += LOOK

    async def _sources(self) -> None:
        """Receive and fetch; what another process does already is left to it, and said."""
        services = self._services
        await start_sources(services)
        state = await services.receiving.state()
        if state.adopted:
            self._terminal.notice("Another process of this profile receives mail already; it keeps doing so.")

    def _not_sending(self, error: MisfinError) -> None:
        self._terminal.notice(sentence_of(error, "Nothing can be sent:"))

    def _start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Do it beside the commands, instead of what had this name before."""
        if (before := self._tasks.get(name)) is not None:
            before.cancel()
            self._ended.append(before)
        self._tasks[name] = asyncio.create_task(work)

    async def _use_config(self, config: Config) -> None:
        """Go on with other settings; sending, receiving and fetching follow at once."""
        services = self._services
        effects, services.config = effects_of(services.config, config), config
        if effects.sends:
            self._start("sending", keep_sending(services, self._not_sending))
        if effects.receives:
            self._start("sources", self._receive_again())
        if effects.accounts:
            if services.courier is not None:
                services.courier.accounts_changed()
            await services.fetching.restart()
            self._start("sync", follow_sync(services))

    async def _receive_again(self) -> None:
        await self._services.receiving.stop()
        await self._sources()

    # ---- commands

    async def _commands(self, link: str) -> None:
        desk = self._desk
        if link:
            await self._guarded(write_link(desk, link))
        while not desk.quits:
            try:
                text = await self._terminal.ask(desk.prompt, idle=True)
            except Interrupted:
                continue
            if not text.strip():
                continue
            if text.strip()[0].isdecimal():
                await self._guarded(read(desk, text.strip()), stoppable=True)
                continue
            try:
                command, rest = command_for(text, COMMANDS)
            except MisfinError as error:
                await desk.report(error)
            else:
                await self._guarded(self._running(command, rest), stoppable=command.stoppable)

    async def _running(self, command: LineCommand[Desk], rest: str) -> None:
        await command.run(self._desk, rest)

    async def _guarded(self, work: Coroutine[Any, Any, None], *, stoppable: bool = False) -> None:
        """Do it; what goes wrong is said, and ctrl+c ends it where that harms nothing."""
        self._command, self._stoppable = asyncio.ensure_future(work), stoppable
        try:
            await self._command
        except Interrupted:
            pass
        except MisfinError as error:
            await self._desk.report(error)
        except OSError as error:
            await self._desk.say(f"{error.strerror or error}.")
        except asyncio.CancelledError:
            if self._ending.ended_by or not self._command.done():
                self._command.cancel()
                with suppress(Exception, asyncio.CancelledError):  # it saves what is being written
                    await self._command
                raise
            await self._desk.say("Stopped.")
        finally:
            self._command = None

    def _stop_command(self) -> bool:
        if self._command is None or not self._stoppable:
            return False
        return self._command.cancel()

    # ---- the end

    async def _end(self) -> None:
        await self._ending.save()
        self._terminal.flush_notices()
        self._terminal.close()
        await stop(self._services)
        tasks = [*self._tasks.values(), *self._ended]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(self._services.close)
        self._ending.over()


def run(profile: Profile, config: Config, *, link: str = "", problems: Sequence[str] = ()) -> int:
    """Run the linear mode on a profile and return its exit status. ``problems`` are sentences to say first,
    such as what the settings have that means nothing."""
    gc.enable()

    async def session() -> int:
        return await LineSession(profile, config, problems).run(link)

    return asyncio.run(session())
