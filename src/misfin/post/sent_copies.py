"""The senders' own copies, filed in Sent beside the sending, many at once.

While one batch is written the next gathers: a burst of messages then waits for few files to become durable.
What a crash leaves undone the outbox knows, and it is done when the courier tidies up.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from io import BytesIO
from typing import TYPE_CHECKING

from misfin.model.folders import SENT
from misfin.post.sent_copy import copy_key, write_sent_copy
from misfin.store.mail.maildir import NewMessage

if TYPE_CHECKING:
    from misfin.post.transport import Composed
    from misfin.store.mail.maildir import MailStore
    from misfin.store.outgoing.deliveries import Outgoing
    from misfin.store.outgoing.outbox import Outbox

_BATCH = 32
_SMALL = 64 * 1024
"""Bytes of a copy that is held in memory and written together with others."""
_GATHERING = 0.2
"""Seconds in which more copies may join a batch."""


class SentCopies:
    """Files copies for one courier. ``copy_of`` writes the copy of a message, None where there is none.

    ``directory_of`` names the directory of an account's mail, ``complain`` is called with what went wrong;
    that is tried again by :meth:`file_missing`.
    """

    def __init__(
        self,
        outbox: Outbox,
        store: MailStore,
        copy_of: Callable[[Outgoing], Composed | None],
        directory_of: Callable[[str], str],
        complain: Callable[[Exception], object],
    ) -> None:
        self._outbox = outbox
        self._store = store
        self._copy_of = copy_of
        self._directory_of = directory_of
        self._complain = complain
        self._waiting: dict[str, None] = {}
        self._task: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()

    def add(self, group: str) -> None:
        """A message was taken: file its copy soon. Call it on the event loop."""
        self._waiting[group] = None
        if self._task is None or self._task.done():
            self._hurry.clear()
            self._task = asyncio.create_task(self._work())

    async def finish(self) -> None:
        """File what waits now; returns once that is done."""
        self._hurry.set()
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _work(self) -> None:
        while self._waiting:
            with suppress(TimeoutError):
                async with asyncio.timeout(_GATHERING):
                    await self._hurry.wait()
            groups = list(self._waiting)[:_BATCH]
            for group in groups:
                del self._waiting[group]
            try:
                for problem in await asyncio.to_thread(self._file, groups):
                    self._complain(problem)
            except Exception as error:
                self._complain(error)

    # ---- in a thread

    def file_missing(self) -> list[Exception]:
        """File every copy that is missing; what could not be."""
        errors: list[Exception] = []
        groups = self._outbox.without_sent_copy()
        for first in range(0, len(groups), _BATCH):
            errors += self._file(groups[first : first + _BATCH])
        return errors

    def _file(self, groups: Sequence[str]) -> list[Exception]:
        errors: list[Exception] = []
        self._outbox.file_sent_copies(groups, lambda messages: self._write(messages, errors))
        return errors

    def _write(self, messages: Sequence[Outgoing], errors: list[Exception]) -> Iterable[str]:
        """Write copies; the groups of those that are on disk, or need none."""
        done: list[str] = []
        together: defaultdict[str, list[tuple[str, NewMessage]]] = defaultdict(list)
        for message in messages:
            try:
                copy = self._copy_of(message)
                account = self._directory_of(message.account)
                if copy is not None and copy.size <= _SMALL:
                    data = BytesIO()
                    copy.write(data)
                    key = copy_key(message)
                    together[account].append(
                        (message.group, NewMessage(data.getvalue(), "S", message.created, key))
                    )
                    continue
                if copy is not None:
                    write_sent_copy(self._store, account, message, copy)
                done.append(message.group)
            except Exception as error:
                errors.append(error)
        for account, copies in together.items():
            try:
                if not self._store.folder(account, SENT).exists():
                    self._store.create(account)
                self._store.folder(account, SENT).deliver_many([copy for _, copy in copies])
                done += [group for group, _ in copies]
            except Exception as error:
                errors.append(error)
        return done
