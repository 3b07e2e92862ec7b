"""What happens by itself, told as lines: mail that came, what became of a message, what needs a decision."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from misfin.errors import MisfinError
from misfin.post.source import SourceState
from misfin_tui.messages import (
    AppNews,
    IndexProgress,
    MailChanged,
    OutboxChanged,
    Problem,
    SourceChanged,
    SyncChanged,
    TrustAsked,
)

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from misfin_tui.linear.terminal import LineTerminal
    from misfin_tui.services import Services

GATHERED = 3.0
"""Seconds from one notice of new mail to the next: what comes meanwhile is announced in one."""


class LineNews:
    """Tells news. Any thread may post; use the rest on the loop."""

    def __init__(self, terminal: LineTerminal, loop: asyncio.AbstractEventLoop) -> None:
        self._terminal = terminal
        self._loop = loop
        self._mail: list[MailChanged] = []
        self._gathering = False
        self._asked: set[tuple[str, str]] = set()
        self._told: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.services: Services | None = None

    def post(self, news: AppNews) -> None:
        """Something happened."""
        with suppress(RuntimeError):  # the loop has ended meanwhile
            self._loop.call_soon_threadsafe(self._take, news)

    def _take(self, news: AppNews) -> None:
        match news:
            case MailChanged(arrived) if arrived:
                self._mail.append(news)
                if not self._gathering:
                    self._tell_mail()
            case OutboxChanged(notice) if notice:
                self._terminal.notice(notice)
            case Problem(text, remedy):
                self._terminal.notice(f"{text} {remedy}".strip())
            case TrustAsked(kind, name):
                if (kind, name) not in self._asked:
                    self._asked.add((kind, name))
                    self._terminal.notice(f"The certificate of {name} needs your decision. Type decide.")
            case SourceChanged(account, state, sentence):
                self._tell_source(account, state, sentence)
            case SyncChanged():
                self._later(self._look_for_questions())
            case IndexProgress(done, total) if total and done == total:
                self._terminal.notice("All mail was read.")
            case _:
                pass

    def _tell_mail(self) -> None:
        mail, self._mail = self._mail, []
        self._gathering = bool(mail)
        if not mail:
            return
        self._loop.call_later(GATHERED, self._tell_mail)
        arrived, last = sum(each.arrived for each in mail), mail[-1]
        more = f" and {arrived - 1:,} more" if arrived > 1 else ""
        self._terminal.notice(f"New mail from {last.sender}{more}: {last.subject}")
        if self.services is not None:
            self._later(self._announce(last, arrived))

    async def _announce(self, last: MailChanged, arrived: int) -> None:
        """Run the command of the settings."""
        assert self.services is not None
        try:
            await self.services.outside.announce(last.sender, last.subject, arrived)
        except MisfinError as error:
            self._terminal.notice(str(error))

    def _tell_source(self, account: str, state: SourceState, sentence: str) -> None:
        """Trouble, and its end; that everything is as it should be is not worth a line."""
        trouble = sentence if state is SourceState.FAILED else ""
        before = self._told.get(account, "")
        self._told[account] = trouble
        who = f"{account}: " if account else ""
        if trouble and trouble != before:
            self._terminal.notice(f"{who}{trouble}")
        elif before and state is SourceState.RUNNING:
            self._terminal.notice(f"{who}{sentence}")

    async def _look_for_questions(self) -> None:
        """Say once that deletions of a folder need a decision."""
        if self.services is None:
            return
        with suppress(MisfinError):  # the command decide says why
            for each in await self.services.syncing.questions():
                about = (each.account, each.folder.local)
                if about not in self._asked:
                    self._asked.add(about)
                    self._terminal.notice(
                        f"Many deletions in {each.folder.local} of {each.address} need your decision."
                        " Type decide."
                    )

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
