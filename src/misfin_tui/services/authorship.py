"""Who wrote an e-mail: checked when it arrives, so that nobody can see from it when a message is read.

Messages are checked one after the other in a process of their own, the newest first, and only those in
inboxes. The details of any other message have it checked when they are opened.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from misfin.errors import MisfinError, StoreError
from misfin.model.account import AddressKind, kind_in
from misfin.model.folders import INBOX
from misfin.store.evidence import Evidence
from misfin.store.rows import MessageRow, View
from misfin_tui.messages import MailChanged
from misfin_tui.services.author_process import AuthorProcess, Checked

if TYPE_CHECKING:
    from misfin.email.authorship.dmarc import Lookup
    from misfin.email.resolving import Resolver
    from misfin.model.authorship import MailFindings
    from misfin_tui.config import Config
    from misfin_tui.paths import Profile
    from misfin_tui.services import Services

NEWEST = 100
"""Messages of each inbox that are looked at."""
PAUSE = 600.0
"""Seconds after which DNS is asked again when it did not answer."""
SILENCES = 3
"""Messages in a row about which DNS says nothing until it counts as down: one domain alone may be."""


class Authorship:
    """The senders of e-mails."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._done: set[str] = set()
        self._not_before = 0.0
        self._silent: dict[str, float] = {}
        """Messages about which DNS did not say everything, and when they were checked last."""
        self.start_process: Callable[[Profile, Callable[[], bool]], AuthorProcess] = AuthorProcess
        """What checks new messages."""
        self._resolver: Resolver | None = None
        """One for all messages: it remembers answers."""
        self._proposals: dict[str, tuple[float, str]] = {}
        """The server proposed for each account, and when that was looked for."""

    def check_new(self, stop: Callable[[], bool]) -> None:
        """Check messages in the inboxes that nobody has checked. Blocks; for a thread of its own."""
        config = self._services.config
        if not config.accounts or time.monotonic() < self._not_before:
            return
        asks = config.verification.email_dns
        waiting = [
            row
            for name, account in config.accounts.items()
            if asks or account.authserv_id
            for row in self._services.index.messages(View(name, INBOX), NEWEST)
            if row.evidence is Evidence.UNPROVEN and row.id not in self._done
        ]
        if not waiting:
            return
        process = self.start_process(self._services.profile, stop)
        try:
            changed = self._check(waiting, stop, process.check, asks=asks)
        finally:
            process.close()
        if changed:
            self._services.post(MailChanged())

    def _check(
        self,
        rows: list[MessageRow],
        stop: Callable[[], bool],
        check: Callable[[MessageRow], Checked],
        *,
        asks: bool,
    ) -> bool:
        changed = False
        silences = 0
        # A sender whose DNS never answers must not keep other mail from being checked: it comes last.
        for row in sorted(rows, key=lambda each: self._silent.get(each.id, 0.0)):
            if stop() or silences == SILENCES:
                break
            if time.monotonic() < self._silent.get(row.id, -PAUSE) + PAUSE:
                continue
            self._silent[row.id] = time.monotonic()  # also if it cannot be checked at all
            try:
                checked = check(row)
            except StoreError:
                self._not_before = time.monotonic() + PAUSE
                break
            if checked is Checked.FAILED:
                continue
            if checked is Checked.OPEN and asks:
                silences += 1
                continue
            del self._silent[row.id]
            self._done.add(row.id)
            if checked is not Checked.MISFIN:
                changed, silences = True, 0
        if silences == SILENCES:
            self._not_before = time.monotonic() + PAUSE
        return changed

    async def check(self, row: MessageRow) -> Checked:
        """Check a message here and now. Raises :class:`StoreError`."""
        if await self._is_misfin(row):
            return Checked.MISFIN
        return Checked.KNOWN if _settled(row, await self.found(row)) else Checked.OPEN

    async def explained(self, row: MessageRow) -> str:
        """Sentences about who wrote a message, checked now if need be; empty for a Misfin message."""
        if await self._is_misfin(row):
            return ""
        from misfin.store.mail_evidence import explained

        try:
            found = await self.found(row)
        except MisfinError as error:
            return f"It could not be checked: {error}"
        if found is None:
            return (
                "It was not checked: it is too large, or DNS took too long. Opening the details tries again."
            )
        said = [*explained(found, await asyncio.to_thread(self.signer_of, found))]
        if server := await self.proposal(row.account):
            said.append(
                f"Your server {server} writes down what it found out, which does not count yet: you can"
                ' accept it ("Accept server").'
            )
        return " ".join(said)

    async def _is_misfin(self, row: MessageRow) -> bool:
        if kind_in(row.account) is AddressKind.MISFIN:
            return True
        index = self._services.index
        try:
            return await asyncio.to_thread(lambda: index.handed_over(row, index.raw(row)) is not None)
        except StoreError:  # it is gone, which is said where it is checked
            return False

    async def proposal(self, account: str) -> str:
        """The server whose results an account could count; empty if none is known or one counts already.

        Raises :class:`StoreError`.
        """
        settings = self._services.config.accounts.get(account)
        if settings is None or settings.authserv_id:
            return ""
        at, server = self._proposals.get(account, (-PAUSE, ""))
        if time.monotonic() - at >= PAUSE:
            from misfin.post.authorship import propose_server  # late: as below

            server = await asyncio.to_thread(propose_server, self._services.index, account)
            self._proposals[account] = time.monotonic(), server
        return server

    async def accept_server(self, account: str, server: str) -> Config:
        """Write the server into the settings of an account; returns the new settings.

        Raises :class:`ConfigError` and ``OSError``.
        """
        from misfin_tui.config.writing import write_setting

        path = self._services.profile.config
        config = await asyncio.to_thread(write_setting, path, "accounts", "authserv_id", server, name=account)
        self._done.clear()
        return config

    def signer_of(self, found: MailFindings) -> str:
        """See :meth:`misfin.store.accepted_lists.AcceptedLists.signer_of`. Blocking."""
        return self._services.index.proofs.lists.signer_of(found)

    async def found(self, row: MessageRow) -> MailFindings | None:
        """What is known about who wrote an e-mail, checked now if need be. Raises :class:`StoreError`."""
        asks = self._services.config.verification.email_dns
        return await self._found(row, await self._lookup() if asks else None)

    async def kept(self, row: MessageRow) -> MailFindings | None:
        """What was found out before, asking nobody; None if nothing was. Raises :class:`StoreError`."""
        index = self._services.index
        return await asyncio.to_thread(lambda: index.proofs.authors.get(index.raw(row)))

    async def _found(self, row: MessageRow, lookup: Lookup | None) -> MailFindings | None:
        from misfin.post.authorship import find_out  # late: it brings signatures and keys

        services = self._services
        account = services.config.accounts.get(row.account)
        index = await asyncio.to_thread(lambda: services.index)
        server = account.authserv_id if account is not None else ""
        return await find_out(index, row, server=server, lookup=lookup, now=time.time())

    async def _lookup(self) -> Lookup:
        if self._resolver is None:
            from importlib import import_module

            resolving = await asyncio.to_thread(import_module, "misfin.email.resolving")
            self._resolver = resolving.Resolver()
        lookup: Lookup = self._resolver.txt
        return lookup


def _settled(row: MessageRow, found: MailFindings | None) -> bool:
    """Whether asking DNS again would find out nothing more."""
    from misfin.post.authorship import MAX_MESSAGE  # late: as above

    if found is None:
        return row.size > MAX_MESSAGE
    return bool(found.aligned) or not found.unchecked
