"""Searching in a list of conversations: while typing, by saved searches, and back to the list before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from textual.worker import WorkerError

from misfin.errors import MisfinError, QueryError
from misfin.store.rows import View
from misfin_tui.screens.base import AppScreen, ScreenController
from misfin_tui.screens.prompts import Prompts
from misfin_tui.widgets.controller import worker
from misfin_tui.widgets.sidebar import SidebarEntry, SidebarKind

if TYPE_CHECKING:
    from textual.worker import Worker

    from misfin_tui.widgets.message_list import MessageList
    from misfin_tui.widgets.searchbox import Prompt
    from misfin_tui.widgets.sidebar import Sidebar

TOGETHER = 0.01
"""Seconds a typed character is drawn later at most, so that what the search finds is drawn with it."""


class SearchSession(ScreenController):
    """What a list shows: a folder, a saved search, or what is being searched for."""

    def __init__(
        self,
        screen: AppScreen,
        messages: MessageList,
        sidebar: Sidebar,
        prompts: Prompts,
        titles_changed: Callable[[], None],
    ) -> None:
        """``titles_changed`` is called whenever the list shows something else."""
        super().__init__(screen)
        self.messages = messages
        self.sidebar = sidebar
        self.prompts = prompts
        self.titles_changed = titles_changed
        self.home = messages.view
        """Where the list begins, and comes back to."""
        self._before: View | None = None
        """What the list showed before the search."""
        self._before_thread: int | None = None
        self._within = View()
        """What is searched: everything, or one folder."""
        self._searching = False
        """Whether a search is being typed."""
        self._typed = ""
        """The text of the search line."""
        self._refused = ""
        """What was accepted there and could not be understood."""
        self._follower: Worker[None] | None = None
        """Who searches for what is typed."""
        self._written = ("", "")
        """A search in the list, and how the person wrote it."""

    @property
    def active(self) -> bool:
        """Whether the list shows what was searched for, and something else before."""
        return self._before is not None

    @property
    def typing(self) -> bool:
        """Whether a search is being written."""
        return self._searching

    # ---- places

    def open_view(self, view: View, thread: int | None = None) -> None:
        """Show a folder or a search in the list, perhaps around a conversation."""
        self._open_view(view, thread)
        self.messages.focus()

    @worker(group="view", exclusive=True, description="open a folder or a search")
    async def _open_view(self, view: View, thread: int | None) -> None:
        await self.messages.open_view(view, thread)
        self.sidebar.mark_shown(view)
        self.titles_changed()

    def choose(self, entry: SidebarEntry) -> None:
        """Show the folder or the search that a line of the sidebar stands for."""
        if entry.view is not None:
            self._before = self.home if entry.kind is SidebarKind.SEARCH else None
            self._before_thread = None
            self.open_view(entry.view)

    def action_saved_search(self, number: int) -> None:
        """A saved search by its number."""
        searches = self.sidebar.searches()
        if number <= len(searches):
            self.choose(searches[number - 1])
        else:
            self.misfin.say(f"There is no saved search number {number}.", severity="warning")

    # ---- searching

    def written(self, query: str) -> str:
        """A search as the person wrote it: without the star that leaves its last word open."""
        return self._written[1] if self._written[0] == query else query

    def count_on(self) -> None:
        """Count the rest of a search whose first page is shown."""
        self.screen.workers.cancel_group(self.screen, "count")
        if not self.messages.complete:
            self._count_on()

    @worker(group="count", exclusive=True, description="count what a search finds")
    async def _count_on(self) -> None:
        await self.messages.reload()

    def action_search(self) -> None:
        """Search all mail."""
        self._within = View()
        self._ask("Search")

    def action_limit(self) -> None:
        """Search within the folder shown."""
        view = self.messages.view if self.messages.view.folder else self._before or self.home
        self._within = replace(view, query="")
        self._ask(f"Search in {view.folder or 'all mail'}")

    @worker(group="search", exclusive=True, description="search")
    async def _ask(self, question: str) -> None:
        """Search as you type; accepting keeps what was found, closing goes back."""
        from misfin_tui.widgets.searchbox import SEARCH_WORDS

        view = self.messages.view
        if self._before is None:
            current = self.messages.current
            self._before, self._before_thread = view, current.thread if current else None
        answer: str | None = self.written(view.query)
        self._searching = True
        self._refused = ""
        try:
            while answer is not None:
                answer = await self.prompts.ask(
                    question, answer, help=SEARCH_WORDS, changed=self._changed, accepted=self._drawn
                )
                if answer is None or not answer.strip():
                    break
                if await self._accept(answer):
                    self.messages.focus()
                    return
                self._refused = answer  # it stays open, and shows why
        finally:
            self._searching = False
        self.leave()

    async def _drawn(self) -> None:
        """What it finds comes first; removing the line takes longer than finding it."""
        if self._follower is not None:
            with suppress(WorkerError):  # it was cancelled
                await self._follower.wait()
        drawn = asyncio.Event()
        self.screen.call_after_refresh(drawn.set)
        await drawn.wait()

    async def _accept(self, answer: str) -> bool:
        """Show what was searched for; False where it cannot be understood."""
        self._typed = answer
        if self._follower is None or self._follower.is_finished:
            self.screen.workers.cancel_group(self.screen, "view")
        for search in [*self.screen.workers]:
            if search.node is self.screen and search.group == "view":
                with suppress(WorkerError):  # it was cancelled
                    await search.wait()
        shown = await self._search(self.services.mail.as_typed(answer), answer)
        self.titles_changed()
        return shown

    def failed(self, error: QueryError) -> None:
        """Point at what cannot be understood; not at a word that is still being written."""
        prompt = self.prompts.prompt
        if prompt is None or not prompt.live:
            if not self._searching:  # a saved one; one that was typed is asked for again
                self.misfin.report(error)
        elif not prompt.completes(error.column):
            prompt.wrong(f"{error} {error.remedy}".strip(), error.column)

    def _changed(self, prompt: Prompt, text: str) -> None:
        """A search runs while it is typed."""
        self._typed = text
        if self._follower is None or self._follower.is_finished:
            self._follower = self._follow(prompt)

    @worker(group="view", exclusive=True, description="search while typing")
    async def _follow(self, prompt: Prompt) -> None:
        """Search for the present text at once; of what is typed meanwhile only the last is searched for."""
        mail, text = self.services.mail, None
        try:
            while text != self._typed:
                text = self._typed
                self.misfin.hold.begin(TOGETHER)
                try:
                    offers = await mail.complete(text, prompt.line.cursor_position)
                except MisfinError:
                    offers = []  # the search itself says what is wrong
                prompt.offer(offers, text)
                if text == self._typed:
                    query = mail.as_typed(text) if text == self._refused else mail.so_far(text)
                    await self._search(query, text)
        finally:
            if not self.misfin.type_ahead.waiting:
                self.misfin.hold.end()

    async def _search(self, query: str, text: str) -> bool:
        """Show what a search finds, or what was there before it; False where it cannot be understood."""
        view = replace(self._within, query=query) if query.strip() else self._before or self.home
        if query.strip() and (query != self._written[0] or self.services.mail.as_typed(text) == query):
            self._written = query, text.strip()
        shown = True
        if view != self.messages.view:
            shown = await self.messages.open_view(view)
        self.sidebar.mark_shown(self.messages.view)
        self.titles_changed()
        return shown

    def action_search_server(self) -> None:
        """What the servers have for this list that is not here."""
        view = self.messages.view
        if self.services.syncing.server_search.accounts(view):
            self.misfin.open_on_server(view)
        else:
            self.misfin.say("No account here has a server that can be searched.", severity="warning")

    def leave(self) -> None:
        """Show again what there was before the search."""
        self.screen.workers.cancel_group(self.screen, "view")  # a search just begun must not come after
        view, self._before = self._before, None
        if view is not None and self.messages.view != view:
            self.open_view(view, self._before_thread)
        self.screen.call_after_refresh(self.titles_changed)  # there is no search to go back from

    @worker(group="search", exclusive=True, description="save a search")
    async def action_save_search(self) -> None:
        """Keep this search in the sidebar."""
        query = self.messages.view.query
        if not query:
            self.misfin.say("Search for something first.", severity="warning")
            return
        name = await self.prompts.ask("Save search as", self.written(query), help="its name in the sidebar")
        if name and name.strip():
            try:
                self.misfin.use_config(await self.services.mail.save_search(name.strip(), query))
            except (MisfinError, OSError) as error:
                self.misfin.report(error, "The search could not be saved.")
