"""Signed and encrypted messages for the screens: checked and decrypted in threads, in memory only."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from misfin.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from misfin.store.outgoing.drafts import SendProtection
    from misfin.store.protected import OpenedMail, Tools
    from misfin.store.rows import MessageRow
    from misfin_tui.services import Services

AT_ONCE = 2
"""Messages that are checked at the same time: a conversation may have hundreds."""


class ProtectedMail:
    """What is inside of protected messages, as long as they are on the screen."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._decrypted: dict[str, bytes] = {}
        self.tools: Tools | None = None
        """The programs to use; found when they are first needed."""

    async def open(self, row: MessageRow, *, prefer: str = "", terminal: str = "") -> OpenedMail:
        """Check and decrypt a message. Raises like :meth:`Mail.raw`.

        ``terminal`` is the path of the one where a passphrase may be asked for; without it, nothing is asked.
        """
        raw = await self._services.mail.raw(row)
        async with self._turns:
            opened = await asyncio.to_thread(self._open, raw, row.size, prefer, terminal)
        if opened.data is not None:
            self._decrypted[row.id] = opened.data
        return opened

    async def ways(self, address: str) -> tuple[SendProtection, ...]:
        """How a message from an address can be protected, each after the other; not at all comes first."""
        return await asyncio.to_thread(self._ways, address)

    def _ways(self, address: str) -> tuple[SendProtection, ...]:
        from misfin.store.outgoing.drafts import SendProtection
        from misfin.store.protected import GnuPG
        from misfin.store.protected.smime_keys import SmimeKeys

        openpgp = (SendProtection.SIGN, SendProtection.ENCRYPT) if GnuPG.installed() else ()
        key = SmimeKeys(self._services.profile.smime).for_address(address, time.time())
        return (SendProtection.NONE, *openpgp, *((SendProtection.SMIME,) if key else ()))

    async def unlock(self, address: str, terminal: str) -> None:
        """Have GnuPG ask for the passphrase of the key that signs for an address, in this terminal.

        Raises :class:`~misfin.errors.LocalError`, also if it stays locked.
        """
        await asyncio.to_thread(_unlock, address, terminal)

    def data(self, message: str) -> bytes | None:
        """The decrypted mail that the attachments of an open message (its id) are ranges of, if it is one."""
        return self._decrypted.get(message)

    def forget(self, messages: Iterable[str]) -> None:
        """These messages (ids) are no longer on the screen."""
        for each in messages:
            self._decrypted.pop(each, None)

    def _open(self, raw: bytes, size: int, prefer: str, terminal: str) -> OpenedMail:
        from misfin.store.protected import OpenedMail, ProtectionFact, Tools, open_mail
        from misfin.store.protected.smime_keys import SmimeKeys

        if len(raw) < size:
            return OpenedMail((ProtectionFact("This message is too large to be checked or decrypted here."),))
        self.tools = tools = self.tools or Tools.installed()
        gpg = tools.gpg and replace(tools.gpg, terminal=terminal)
        keys = tools.smime_keys or tuple(SmimeKeys(self._services.profile.smime).all())
        return open_mail(raw, replace(tools, gpg=gpg, smime_keys=keys), prefer=prefer)


def _unlock(address: str, terminal: str) -> None:
    from misfin.post.email.protecting import signing_key
    from misfin.store.protected import GnuPG

    gpg = GnuPG.installed()
    if gpg is None:
        raise LocalError("GnuPG is not installed.", remedy="Install gnupg.")
    asking = replace(gpg, terminal=terminal)
    if not asking.sign(b"", signing_key(asking, address)).output:  # then the agent knows the passphrase
        raise LocalError("Your OpenPGP key is still locked.")


def protected_of(services: Services) -> ProtectedMail:
    """The one of these services."""
    return services.once("protected", lambda: ProtectedMail(services))


def terminal_name() -> str:
    """The path of this terminal; empty if there is none."""
    for stream in (sys.__stdin__, sys.__stderr__, sys.__stdout__):
        with suppress(OSError, ValueError, AttributeError):
            return os.ttyname(stream.fileno())  # type: ignore[union-attr]  # None is caught
    return ""
