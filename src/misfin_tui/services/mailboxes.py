"""Misfin mailboxes kept on somebody's server, for the screens and the shell: looked at, then added."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from misfin.errors import StoreError
from misfin.model.account import Kind
from misfin_tui.config.accounts import AccountConfig

if TYPE_CHECKING:
    from misfin.trust.identity import Identity
    from misfin_tui.config import Config
    from misfin_tui.services import Services

_MARKER = "maildirfolder"
"""A file without contents that Maildir++ puts into each folder."""


@dataclass(frozen=True, slots=True)
class MailboxFound:
    """What a server has: ``server`` is ``host:port``, ``fingerprint`` its certificate's SHA-256."""

    server: str
    fingerprint: str
    inbox: int
    unread: int


class RemoteMailboxes:
    """Mailboxes on servers. Use it on an event loop."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def look(
        self, host: str, port: int, identity: Identity, *, trust_on_first_use: bool
    ) -> MailboxFound:
        """Ask a server for the inbox, without changing anything.

        Raises what :class:`misfin.gmap.client.GmapClient` raises; its ``server`` is in the message.
        """
        from misfin.gmap.client import GmapClient  # late: it brings TLS along
        from misfin.gmap.requests import UNREAD
        from misfin.model.folders import INBOX
        from misfin.trust.tofu import PinKind, pin_name

        pins = await asyncio.to_thread(lambda: self._services.pin_book)
        client = GmapClient(host, port, identity, pins, trust_on_first_use=trust_on_first_use)
        inbox = len(await client.ids(INBOX))
        unread = len(await client.ids(UNREAD))
        server = pin_name(client.host, client.port)
        pin = await asyncio.to_thread(pins.get, PinKind.HOST, server)
        return MailboxFound(server, "" if pin is None else pin.cert_sha256, inbox, unread)

    async def trusts(self, server: str) -> bool:
        """Whether the certificate of ``host:port`` is trusted by now."""
        from misfin.trust.tofu import PinKind

        return await asyncio.to_thread(lambda: self._services.pin_book.get(PinKind.HOST, server) is not None)

    async def open(self, certificate: Path, key: Path | None, password: str | None) -> Identity:
        """Look into the operator's files without keeping anything; raises as :func:`open_pem`."""
        from misfin_tui.services.identities import open_pem

        return await asyncio.to_thread(open_pem, certificate, key, password)

    async def problem_with(self, identity: Identity) -> str:
        """Why this identity cannot be added; empty where it can."""
        return await asyncio.to_thread(self._problem_with, identity)

    async def add(self, name: str, host: str, port: int, identity: Identity) -> Config:
        """Keep the identity, unless it is kept already, and write the account into the settings.

        What was kept is removed again if a later step fails. Raises :class:`~misfin.errors.LocalError`.
        """
        kept, stored_as = await asyncio.to_thread(self._keep, identity)
        settings = AccountConfig(Kind.GMAP.value, host=host, port=port, identity=stored_as)
        try:
            config = await self._services.email_accounts.add(name, settings)
        except BaseException:
            if kept:
                await asyncio.to_thread(self._services.identity_store.remove, stored_as)
            raise
        await asyncio.to_thread(remove_empty_mail, self._services, identity.address.address)
        return config

    # ---- in a thread

    def _problem_with(self, identity: Identity) -> str:
        known = self._services.identity_store.find(identity.address)
        if known is not None and known.info.der != identity.info.der:
            return f"You already have another identity for {identity.address.address}."
        return ""

    def _keep(self, identity: Identity) -> tuple[bool, str]:
        """Whether it was not kept before, and its name."""
        store = self._services.identity_store
        for one in store.all():
            if one.identity is not None and one.identity.info.der == identity.info.der:
                return False, one.name
        try:
            return True, store.save(identity).name.removesuffix(".pem")
        except OSError as error:
            raise StoreError(f"The identity cannot be written: {error.strerror}.") from error


def remove_empty_mail(services: Services, address: str) -> None:
    """Remove the folders that an identity got while it was an account of its own, if nothing is in them.

    Otherwise an empty account of that name would be shown beside the remote mailbox.
    """
    from misfin.model.folders import INBOX

    home = services.store.folder(address, INBOX).path
    with suppress(OSError):  # something has arrived meanwhile, and stays
        inside = sorted(home.rglob("*"), reverse=True)
        if any(each.is_symlink() or not (each.is_dir() or each.name == _MARKER) for each in inside):
            return
        for each in inside:
            each.rmdir() if each.is_dir() else each.unlink()
        home.rmdir()


def remote_mailboxes(services: Services) -> RemoteMailboxes:
    """The one of these services."""
    return services.once("remote_mailboxes", lambda: RemoteMailboxes(services))
