"""The command palette, with an enter that waits until what was typed has been searched for."""

from __future__ import annotations

from typing import Any

from textual import on
from textual.command import CommandList, CommandPalette
from textual.widgets import Input
from textual.worker import Worker, WorkerState


class WaitingPalette(CommandPalette):
    """Textual's palette shows what an earlier text found until the search for the present one is over.

    Enter would run an entry of that list. Here it waits, unless a person has moved to an entry since.
    """

    _search: Worker[Any] | None = None
    _entered = False

    def _gather_commands(self, search_value: str) -> Worker[Any]:
        """Textual's search, remembered. What was chosen so far belongs to another text."""
        self._entered = False
        if self._list_visible:
            self.query_one(CommandList).highlighted = 0
        self._search = super()._gather_commands(search_value)
        return self._search

    @on(Input.Submitted)
    def _wait_for_the_search(self, event: Input.Submitted) -> None:
        chosen = self._list_visible and self.query_one(CommandList).highlighted
        if self._search is not None and not self._search.is_finished and not chosen:
            event.prevent_default()
            event.stop()
            self._entered = True

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Enter was pressed, and now there is what it is for."""
        if event.worker is self._search and event.state is WorkerState.SUCCESS and self._entered:
            self._entered = False
            self._select_or_command()
