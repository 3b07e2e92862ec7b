"""The mail index: a disposable SQLite cache of the Maildirs, keyed by their unique file names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from misfin.store.index.mailindex import MailIndex as MailIndex


def __getattr__(name: str) -> object:
    """Load the index when it is asked for: whether it is up to date is known without it."""
    if name == "MailIndex":
        from misfin.store.index.mailindex import MailIndex

        return MailIndex
    raise AttributeError(name)
