"""The user's own addresses for the screens: created, imported, exported, checked."""

from __future__ import annotations

import asyncio
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from misfin.errors import IdentityError, StoreError
from misfin.model.address import MisfinAddress
from misfin_tui.services.newfile import write_new

if TYPE_CHECKING:
    from misfin.store.identities import StoredIdentity
    from misfin.trust.certificate import CertificateInfo
    from misfin.trust.identity import Identity
    from misfin_tui.config import Config
    from misfin_tui.services import Services


@dataclass(frozen=True, slots=True)
class OwnIdentity:
    """One identity file. ``problems`` are sentences; without ``info`` the file holds no usable identity."""

    name: str
    path: Path
    info: CertificateInfo | None
    misfin_address: MisfinAddress | None
    problems: tuple[str, ...]
    default: bool = False

    @property
    def address(self) -> str:
        """``mailbox@host``, empty when the file cannot be used."""
        return self.misfin_address.address if self.misfin_address else ""


class Identities:
    """The folder of identities. Work is done in threads; errors are :class:`IdentityError` and the like."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._seen: tuple[object, list[OwnIdentity]] | None = None
        self._addresses: tuple[object, list[MisfinAddress]] | None = None

    async def all(self) -> list[OwnIdentity]:
        """Every identity, the default one first."""
        return await asyncio.to_thread(self.read_all)

    async def default(self) -> str:
        """The address of the identity to write from; empty when there is no identity at all."""
        return next((each.address for each in await self.all() if each.default), "")

    async def create(
        self, address: str, *, name: str = "", key: str = "ec", host: bool = False, signer: str = ""
    ) -> OwnIdentity:
        """Create an identity for ``mailbox@host``; ``name`` is the display name.

        The identity of a ``host`` may sign mailboxes; ``signer`` names the one that signs this one.
        """
        return await asyncio.to_thread(self._create, address, name, key, host, signer)

    async def import_pem(
        self, certificate: Path, key: Path | None = None, password: str | None = None
    ) -> OwnIdentity:
        """Take over another program's PEM; raises :class:`IdentityEncryptedError` for a password."""
        return await asyncio.to_thread(self._import, certificate, key, password)

    async def export(self, name: str, path: Path, *, with_key: bool) -> None:
        """Write the certificate to a new file; with the private key, readable only by its owner."""
        await asyncio.to_thread(self._export, name, path, with_key)

    async def renew(self, name: str) -> OwnIdentity:
        """A new certificate for the same names and key; raises :class:`IdentityError`."""
        return await asyncio.to_thread(self._renew, name)

    async def keep_default(self, before: str) -> Config | None:
        """Keep this address as the default where one that was just added would replace it.

        Without a default in the settings it is the first by name. Returns the new settings, if there are any.
        """
        if not before or self._services.config.identity.default or await self.default() == before:
            return None
        return await self.set_default(before)

    async def set_default(self, address: str) -> Config:
        """Write from this address from now on; returns the new settings."""
        from misfin_tui.config.writing import write_setting

        return await asyncio.to_thread(
            write_setting, self._services.profile.config, "identity", "default", address
        )

    # ---- in a thread

    def addresses(self) -> list[MisfinAddress]:
        """All own addresses, the default one first; opens only files that changed."""
        store = self._services.identity_store
        chosen = next((each.name for each in self._services.accounts.read_all()), "")
        stamp = (chosen, store.stamp())
        if self._addresses is None or self._addresses[0] != stamp:
            rows = sorted(store.facts(), key=lambda each: (each.name != chosen, each.name))
            self._addresses = (stamp, [each.address for each in rows])
        return self._addresses[1]

    def read_all(self) -> list[OwnIdentity]:
        """Every identity, the default one first. Files are only read when the folder changed."""
        store = self._services.identity_store
        chosen = next((each.name for each in self._services.accounts.read_all()), "")
        stamp = (chosen, store.stamp())
        if self._seen is None or self._seen[0] != stamp:
            found = [_own(stored) for stored in store.all()]
            rows = [_with_default(each) if each.name == chosen else each for each in found]
            self._seen = (stamp, sorted(rows, key=lambda each: (not each.default, each.name)))
        return self._seen[1]

    def _create(self, address: str, name: str, key: str, host: bool, signer: str) -> OwnIdentity:
        from misfin.trust.identity import KeyKind, generate

        parsed = MisfinAddress.parse(f"{address.strip()} {name.strip()}")
        signed_by = self._services.identity_store.load(signer) if signer else None
        identity = generate(parsed, now=datetime.now(UTC), key=KeyKind(key), ca=host, signed_by=signed_by)
        return self._keep(self._services.identity_store.save(identity))

    def _import(self, certificate: Path, key: Path | None, password: str | None) -> OwnIdentity:
        identity = open_pem(certificate, key, password)
        return self._keep(self._services.identity_store.save(identity))

    def _renew(self, name: str) -> OwnIdentity:
        from misfin.trust.identity import renew

        store = self._services.identity_store
        old = store.load(name)
        signers = [one.identity for one in store.all() if one.identity and one.identity.info.is_ca]
        by = next((each for each in signers if each.info.subject == old.info.issuer), None)
        new = renew(old, now=datetime.now(UTC), signed_by=None if old.info.issuer == old.info.subject else by)
        try:
            return self._keep(store.replace(name, new))
        except OSError as error:
            raise StoreError(f"The identity cannot be written: {error.strerror}.") from error

    def _keep(self, path: Path) -> OwnIdentity:
        row = next(each for each in self.read_all() if each.path == path)
        self._services.accounts.create_mail(row.name)
        return row

    def _export(self, name: str, path: Path, with_key: bool) -> None:
        identity = self._services.identity_store.load(name)
        write_new(path, identity.pem if with_key else identity.cert_pem)


def open_pem(certificate: Path, key: Path | None, password: str | None) -> Identity:
    """The identity in the user's files. Blocking, but never for ever: a pipe nobody writes to is refused."""
    from misfin.store.identities import identity_from_files

    for path in filter(None, (certificate, key)):
        if _is_special(path):
            raise IdentityError(f"{path} is not an ordinary file.", remedy="Choose a PEM file.")
    return identity_from_files(certificate, key, password.encode() if password else None)


def _is_special(path: Path) -> bool:
    """Whether it is a pipe or a device; of one that is not there, whoever opens it says so."""
    try:
        mode = path.expanduser().stat().st_mode
    except (OSError, RuntimeError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _own(stored: StoredIdentity) -> OwnIdentity:
    from misfin.trust.identity import check, expires_soon

    if stored.identity is None:
        return OwnIdentity(stored.name, stored.path, None, None, (stored.problem,))
    info, now = stored.identity.info, datetime.now(UTC)
    problems = filter(None, (expires_soon(stored.identity, now), *check(stored.identity, now)))
    return OwnIdentity(stored.name, stored.path, info, info.address, tuple(problems))


def _with_default(row: OwnIdentity) -> OwnIdentity:
    return OwnIdentity(row.name, row.path, row.info, row.misfin_address, row.problems, default=True)
