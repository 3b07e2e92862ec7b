"""The senders' own copies, filed in Sent beside the sending, many at once.

While messages are being sent they gather: a burst then waits for few files to become durable, and only later.
What a crash leaves undone the outbox knows, and it is done when the courier tidies up.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from io import BytesIO
from typing import TYPE_CHECKING

from misfin.model.account import AddressKind, kind_in
from misfin.model.folders import SENT
from misfin.post.sent_copy import copy_key, write_sent_copy
from misfin.store.mail.maildir import NewMessage
from misfin.store.seals import Seals

if TYPE_CHECKING:
    from misfin.post.transport import Composed
    from misfin.store.mail.maildir import MailStore
    from misfin.store.outgoing.deliveries import Outgoing
    from misfin.store.outgoing.outbox import Outbox

_BATCH = 32
_SMALL = 64 * 1024
"""Bytes of a copy that is held in memory and written together with others."""
_QUIET = 0.2
"""Seconds without another message after which copies are filed: what is being sent goes first."""
_LONGEST = 2.0
"""Seconds after which they are filed although messages still come."""


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
        self._seals = Seals(store.root)
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
            await self._gather()
            everything, self._waiting = list(self._waiting), {}
            for first in range(0, len(everything), _BATCH):
                try:
                    for problem in await asyncio.to_thread(self._file, everything[first : first + _BATCH]):
                        self._complain(problem)
                except Exception as error:
                    self._complain(error)

    async def _gather(self) -> None:
        """Wait until no more copies come for a moment, or it has been long enough, or :meth:`finish`."""
        until = asyncio.get_running_loop().time() + _LONGEST
        seen = 0
        while seen < len(self._waiting) and asyncio.get_running_loop().time() < until:
            seen = len(self._waiting)
            with suppress(TimeoutError):
                async with asyncio.timeout(_QUIET):
                    await self._hurry.wait()
                    return

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
        ready = {}
        for group in groups:  # before the outbox is locked: nothing can be marked as sent meanwhile
            try:
                if (message := self._outbox.outgoing(group)) is not None:
                    ready[group] = self._copied(message)
            except Exception as error:
                errors.append(error)
        self._outbox.file_sent_copies(list(ready), lambda messages: self._write(messages, ready, errors))
        return errors

    def _copied(self, message: Outgoing) -> Composed | NewMessage | None:
        """The copy of a message, whole where it is small, and sealed in a Misfin account; None if there is
        none.
        """
        copy = self._copy_of(message)
        misfin = kind_in(self._directory_of(message.account)) is AddressKind.MISFIN
        if copy is None or (copy.size > _SMALL and not misfin):  # every Misfin message is small
            return copy
        data = BytesIO()
        copy.write(data)
        whole = self._seals.seal(data.getvalue()) if misfin else data.getvalue()
        return NewMessage(whole, "S", message.created, copy_key(message))

    def _write(
        self,
        messages: Sequence[Outgoing],
        ready: Mapping[str, Composed | NewMessage | None],
        errors: list[Exception],
    ) -> Iterable[str]:
        """Write copies; the groups of those that are on disk, or need none."""
        done: list[str] = []
        together: defaultdict[str, list[tuple[str, NewMessage]]] = defaultdict(list)
        for message in messages:
            try:
                copy = ready[message.group]
                account = self._directory_of(message.account)
                if isinstance(copy, NewMessage):
                    together[account].append((message.group, copy))
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
