"""The local side of every source: messages go into the Maildirs of their account."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from misfin.model.folders import FOLDERS
from misfin.post.source import Arrival, SourceStatus
from misfin.store.mail.maildir import Maildir, MailStore, NewMessage


class LocalInbox:
    """An :class:`~misfin.post.source.Inbox` that files into the Maildirs of a profile.

    ``on_report`` is called with each report, in the thread that makes it.
    """

    def __init__(
        self, store: MailStore, on_report: Callable[[SourceStatus], object] = lambda _status: None
    ) -> None:
        self._store = store
        self._on_report = on_report
        self._made: dict[tuple[str, str], Maildir] = {}
        self._lock = threading.Lock()

    def new_paths(self, account: str, folder: str, count: int = 1) -> list[Path]:
        """See :meth:`misfin.post.source.Inbox.new_paths`."""
        return self._folder(account, folder).new_paths(count, now=time.time())

    def write(self, account: str, folder: str, messages: Sequence[bytes]) -> list[Path]:
        """See :meth:`misfin.post.source.Inbox.write`."""
        return self._folder(account, folder).write([NewMessage(data) for data in messages], now=time.time())

    def file(self, account: str, folder: str, messages: Sequence[bytes]) -> list[str]:
        """See :meth:`misfin.post.source.Inbox.file`."""
        entries = self._folder(account, folder).deliver_many(messages, now=time.time())
        return [entry.key for entry in entries]

    def deliver(self, arrival: Arrival) -> str:
        """See :meth:`misfin.post.source.Inbox.deliver`."""
        return self.deliver_many([arrival])[0]

    def deliver_many(self, arrivals: Sequence[Arrival]) -> list[str]:
        """See :meth:`misfin.post.source.Inbox.deliver_many`."""
        folders: dict[tuple[str, str], list[int]] = {}
        for at, arrival in enumerate(arrivals):
            folders.setdefault((arrival.account, arrival.folder), []).append(at)
        keys = [""] * len(arrivals)
        undone = {arrival.path for arrival in arrivals}
        try:
            for (account, folder), places in folders.items():
                group = [arrivals[at] for at in places]
                undone -= {arrival.path for arrival in group}
                entries = self._store.folder(account, folder).take(
                    [(arrival.path, arrival.flags, arrival.key) for arrival in group]
                )
                for at, entry in zip(places, entries, strict=True):
                    keys[at] = entry.key
        finally:
            for path in undone:
                path.unlink(missing_ok=True)
        return keys

    def _folder(self, account: str, folder: str) -> Maildir:
        maildir = self._made.get((account, folder))
        if maildir is not None and maildir.exists():  # somebody may have moved it away
            return maildir
        with self._lock:
            self._store.create(account)
            if folder not in FOLDERS:
                self._store.create(account, [folder])
            maildir = self._made[account, folder] = self._store.folder(account, folder)
        return maildir

    def report(self, status: SourceStatus) -> None:
        """See :meth:`misfin.post.source.Inbox.report`."""
        self._on_report(status)
