"""Filters for new mail: tried on what is here, saved in the settings, run on the inbox."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from misfin.errors import MisfinError
from misfin.model.folders import INBOX
from misfin.store.filing import Action, Undo
from misfin.store.rows import MessageRow, View

if TYPE_CHECKING:
    from misfin.post.filters import FilterRule
    from misfin_tui.config import Config
    from misfin_tui.config.filters import FilterConfig
    from misfin_tui.services import Services

FIRST = 5
"""How many of the messages that a filter finds are shown."""


@dataclass(frozen=True, slots=True)
class Trial:
    """How many messages in the inbox a filter finds, and the newest of them."""

    count: int
    first: tuple[MessageRow, ...]


class Filters:
    """Filters, for screens and commands; async methods work in threads."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def attempt(self, search: str, account: str = "", most: int = FIRST) -> Trial:
        """What a filter would find in the inbox. Raises :class:`QueryError` for an invalid search."""
        return await asyncio.to_thread(self.try_now, search, account, most)

    async def keep(self, name: str, rule: FilterConfig) -> Config:
        """Save a filter in the settings; returns the new ones. Raises :class:`ConfigError`, ``OSError``."""
        from misfin_tui.config.writing import write_filter

        return await asyncio.to_thread(write_filter, self._services.profile.config, name, rule)

    async def remove(self, name: str) -> Config:
        """Remove a filter from the settings; returns the new ones. Raises as :meth:`keep`."""
        from misfin_tui.config.writing import remove_filter

        return await asyncio.to_thread(remove_filter, self._services.profile.config, name)

    async def run(self, name: str, rule: FilterConfig) -> int:
        """Run a filter on what is in the inbox; returns how many messages it changed. Undo takes back each of
        its steps. Raises :class:`StoreError` and :class:`AccountError`.
        """
        from misfin_tui.messages import MailChanged  # late: the processes that file mail load no Textual

        meant = await asyncio.to_thread(self._rule, name, rule)
        undos = await asyncio.to_thread(self.run_now, meant)
        for undo in undos:
            await asyncio.to_thread(self._services.filer.noted, undo)
        self._services.post(MailChanged())
        return max((undo.count for undo in undos), default=0)

    async def silent(self, rows: Sequence[MessageRow]) -> set[str]:
        """Ids of the new messages that are not to be announced."""
        return await asyncio.to_thread(self.silent_now, rows)

    # ---- blocking

    def rules(self) -> tuple[list[FilterRule], list[str]]:
        """The filters that can run, in their order, and a sentence for each that cannot."""
        config = self._services.config
        rules, problems = [], [*config.filter_problems]
        for name, each in config.filters.items():
            try:
                rules.append(self._rule(name, each))
            except MisfinError as error:
                problems.append(f"{error} The filter {name} is left out.")
        return rules, problems

    def _rule(self, name: str, each: FilterConfig) -> FilterRule:
        """What a filter in the settings means. Raises :class:`AccountError` for an unknown account."""
        from misfin.post.filters import FilterRule

        directory = self._services.account_book.find(each.account).directory if each.account else ""
        return FilterRule(
            name, each.search, each.tag, each.folder, each.star, each.read, each.notify, directory
        )

    def try_now(self, search: str, account: str, most: int) -> Trial:
        """See :meth:`attempt`; ``account`` is a directory, empty for all."""
        view = View(account or None, INBOX, search)
        index = self._services.index
        return Trial(len(index.locate(view)), tuple(index.messages(view, most)))

    def run_now(self, rule: FilterRule) -> list[Undo]:
        """See :meth:`run`: its steps, in their order."""
        filing = self._services.filing
        view = View(rule.account or None, INBOX, rule.search)
        ids = [row.id for row in self._services.index.messages(view, 1 << 30)]
        steps: list[tuple[Action, str]] = [(Action.TAG, tag) for tag in rule.tags]
        steps += [(Action.STAR, "")] * rule.star + [(Action.READ, "")] * rule.read
        if rule.folder and rule.folder != INBOX:
            steps.append((Action.MOVE, rule.folder))
        undos = [filing.apply(action, ids, argument) for action, argument in steps if ids]
        return [undo for undo in undos if undo.done]

    def silent_now(self, rows: Sequence[MessageRow]) -> set[str]:
        """See :meth:`silent`."""
        if not rows or not self._services.config.filters:
            return set()
        wanted = {row.id for row in rows}
        oldest = min(row.row for row in rows)
        found: set[str] = set()
        for rule in self.rules()[0]:
            if rule.silent:
                view = View(rule.account or None, INBOX, rule.search)
                for row in self._services.index.messages(view, 10 * len(rows)):
                    if row.row < oldest:
                        break
                    found |= {row.id} & wanted
        return found


def filters_of(services: Services) -> Filters:
    """The one of these services."""
    return services.once("filters", lambda: Filters(services))
