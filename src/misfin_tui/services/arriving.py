"""A profile's filters for what arrives, for the processes that file mail; new settings apply at once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from misfin.errors import MisfinError
from misfin.post.filter_marks import FilterMarks
from misfin.post.filters import ArrivalFilters, FilterRule
from misfin_tui.config import load
from misfin_tui.services import Services

if TYPE_CHECKING:
    from misfin.store.index.digest import Owner
    from misfin.store.mail.maildir import MailStore
    from misfin_tui.paths import Profile

logger = logging.getLogger("misfin.filters")


def arrival_filters(profile: Profile, store: MailStore, *, resume: bool = True) -> ArrivalFilters:
    """To be given to a :class:`~misfin.post.inbox.LocalInbox`. They begin with what an earlier run has
    left, unless another process does that.
    """
    rules = _Rules(profile)
    marks = FilterMarks(profile.runtime / "filters")
    filters = ArrivalFilters(rules.current, store, rules.owner, marks=marks)
    if resume:
        filters.resume()
    return filters


class _Rules:
    """The filters in the settings file; while it has a mistake, the last ones that worked stay in use."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._lock = threading.Lock()
        self._seen: tuple[int, ...] = ()
        self._rules: Sequence[FilterRule] = ()
        self._services: Services | None = None

    def current(self) -> Sequence[FilterRule]:
        """Those in use; one look at the file where nothing has changed."""
        with self._lock:
            if (seen := self._state()) != self._seen:
                self._seen = seen
                self._load()
            return self._rules

    def owner(self, directory: str) -> Owner:
        """Whose mail a directory has."""
        from misfin.store.index.digest import Owner

        services = self._services
        if services is None:
            return Owner(directory, directory)
        return Owner(directory, services.address_of(directory), services.is_own)

    def _state(self) -> tuple[int, ...]:
        try:
            facts = self._profile.config.stat()
        except OSError:
            return (0,)
        return facts.st_ino, facts.st_size, facts.st_mtime_ns

    def _load(self) -> None:
        try:
            config = load(self._profile.config, [])
        except MisfinError as error:
            logger.error("The filters stay as they are: %s", error)
            return
        if not (config.filters or config.filter_problems):
            self._rules = ()
            return
        from misfin_tui.services.filters import filters_of  # late: few profiles have filters

        self._services = Services(self._profile, config)
        self._rules, problems = filters_of(self._services).rules()
        for problem in problems:
            logger.error("%s", problem)
