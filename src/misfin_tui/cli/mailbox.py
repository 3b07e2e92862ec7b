"""``misfin-tui mailbox``: mailboxes of a host for others (docs/hosting.md)."""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from misfin.errors import IdentityError, LocalError, StoreError
from misfin.files import create_private, private_folder, sync_folder
from misfin.model.account import Kind
from misfin.model.address import MisfinAddress
from misfin_tui.cli import Exit
from misfin_tui.cli.output import emit, emit_table, open_services, say

if TYPE_CHECKING:
    from misfin.store.identities import StoredIdentity
    from misfin.trust.identity import Identity
    from misfin_tui.services import Services

_REMOVED = "removed-identities"
"""The folder of a profile with the identities of mailboxes that were removed."""


def add(args: Namespace) -> int:
    """Add a mailbox: an identity signed by the host's, and its folders."""
    if args.days < 0:
        raise LocalError("--days must be at least 1.", remedy="Leave it out for 100 years.")
    parsed = MisfinAddress.parse(args.address)
    address = MisfinAddress(parsed.mailbox, parsed.hostname, args.blurb or parsed.blurb or parsed.mailbox)
    output = _new_file(args.output) if args.output else None
    with open_services(args, new=True) as services:
        identity, signer = add_mailbox(services, address, key=args.key, days=args.days)
        record = _facts(identity) | {"signed_by": signer.address.address}
        enabled = services.config.gmap.enable
        where, words = _opened(services, identity, output) if output else ({}, ())
    emit(args, record | where, f"{address.long_form} is ready to receive.", *words)
    if output is not None:
        _hand_over(output, identity)
    if not enabled:
        say("Its owner cannot open it from elsewhere yet: set gmap.enable in the settings.")
    return Exit.DONE


def add_mailbox(
    services: Services, address: MisfinAddress, *, key: str = "ec", days: int = 0
) -> tuple[Identity, Identity]:
    """Make a mailbox: its identity, and the host's that signed it. Raises :class:`IdentityError`."""
    from misfin.store.identities import file_name
    from misfin.trust.identity import DEFAULT_DAYS, KeyKind, generate

    signer = host_identity(services, address.hostname)
    if any(_identity(one).address.key == address.key for one in _without_keys(services)):
        raise IdentityError(
            f"{address.address} is here already, and its owner has the key.",
            remedy=f"To replace it, remove it first: misfin-tui mailbox remove {address.address}",
        )
    identity = generate(
        address,
        now=datetime.now(UTC),
        key=KeyKind(key),
        days=days or DEFAULT_DAYS,
        signed_by=signer,
    )
    before = asyncio.run(services.identities.default())
    services.identity_store.save(identity, file_name(identity))
    services.accounts.create_mail(file_name(identity))
    asyncio.run(services.identities.keep_default(before))
    return identity, signer


def sign(args: Namespace) -> int:
    """Certify a mailbox whose owner keeps the key, and receive for it from now on."""
    from misfin.store.hosting.served import CertificateStore
    from misfin.trust.identity import DEFAULT_DAYS
    from misfin.trust.requests import MAX_REQUEST, certify

    if args.days < 0:
        raise LocalError("--days must be at least 1.", remedy="Leave it out for 100 years.")
    parsed = MisfinAddress.parse(args.address)
    address = MisfinAddress(parsed.mailbox, parsed.hostname, args.blurb or parsed.blurb)
    output = _new_file(args.output)
    request = _read(args.request, MAX_REQUEST + 1)
    with open_services(args, new=True) as services:
        signer = host_identity(services, address.hostname)
        made = certify(
            request, address, signed_by=signer, now=datetime.now(UTC), days=args.days or DEFAULT_DAYS
        )
        _check_free(services, made)
        services.store.create(made.address.address)
        CertificateStore(services.profile.certificates).put(made)
        shown = _presented(services, address.hostname).info.fingerprints.cert
    _write_new(output, made.cert_pem)
    say(f"Wrote {output} for the owner of the key. It is not secret.")
    emit(
        args,
        _facts(made) | {"signed_by": signer.address.address, "path": str(output), "fingerprint": shown},
        f"{made.address.long_form} is ready to receive.",
        f"The server's certificate has the fingerprint {shown}.",
        f"Its owner: misfin-tui identity import {output.name} --key-file KEY",
    )
    return Exit.DONE


def _check_free(services: Services, made: Identity) -> None:
    """Raise :class:`IdentityError` where the address belongs to another key."""
    for one in services.identity_store.all():
        if one.identity is not None and one.identity.address.key == made.address.key:
            raise IdentityError(
                f"{made.address.address} is here already, with a key of its own.",
                remedy=f"To replace it, remove it first: misfin-tui mailbox remove {one.name}",
            )
    for one in _without_keys(services):
        known = _identity(one)
        same = known.info.fingerprints.spki == made.info.fingerprints.spki
        if known.address.key == made.address.key and not same:
            raise IdentityError(
                f"{made.address.address} is here already, for another key than the one in the request.",
                remedy=f"If the owner has a new key, remove it first: misfin-tui mailbox remove {one.name}",
            )


def is_mailbox(services: Services, address: str) -> bool:
    """Whether there is a mailbox with this address."""
    return any(_identity(one).address.address == address for one in _mailboxes(services))


def address_of_mailbox(services: Services, wanted: str) -> str:
    """The address of the mailbox with this name or address. Raises :class:`IdentityError`."""
    return _identity(_find(services, wanted)).address.address


def require_key(services: Services, wanted: str) -> None:
    """Raise :class:`IdentityError` for a mailbox that cannot send from here, because it has no key here."""
    identity = _identity(_find(services, wanted))
    if not identity.key_pem:
        raise IdentityError(
            f"Only the owner of {identity.address.address} has its key, so nothing can be answered from here."
        )


def list_mailboxes(args: Namespace) -> int:
    """List the mailboxes: how much is in them, and until when their identities are valid."""
    with open_services(args) as services:
        rows = [_facts(one) | _contents(services, one) for one in map(_identity, _mailboxes(services))]
        emit_table(args, rows, ("address", "blurb", "messages", "unread", "bytes", "expires"))
    return Exit.DONE


def invite(args: Namespace) -> int:
    """Write the file for the owner of a mailbox, and say what to do with it."""
    output = _new_file(args.output)
    with open_services(args) as services:
        identity = _identity(_find(services, args.name))
        where, words = _opened(services, identity, output)
        enabled = services.config.gmap.enable
    _hand_over(output, identity)
    emit(args, _facts(identity) | where, *words)
    if not enabled:
        say("It cannot be opened from elsewhere yet: set gmap.enable in the settings.")
    return Exit.DONE


def remove(args: Namespace) -> int:
    """Put the identity of a mailbox away, so that nothing is received for it; nothing is deleted."""
    with open_services(args) as services:
        stored = _find(services, args.name)
        address = _identity(stored).address.address
        if not args.yes:
            raise LocalError(
                f"Nothing will be received for {address} any more.", remedy="Add --yes to do it."
            )
        kept = _put_away(services, stored)
        mail = services.profile.mail / address
    emit(
        args,
        {"address": address, "identity": str(kept), "mail": str(mail)},
        f"Nothing is received for {address} any more. Its mail is still in {mail}, its identity in {kept}.",
    )
    return Exit.DONE


# ---- which mailboxes there are


def _mailboxes(services: Services) -> list[StoredIdentity]:
    """The identities that receive here, without those of hosts and of mailboxes kept elsewhere."""
    remote = {each.identity for each in services.config.accounts.values() if each.kind == Kind.GMAP}
    return [
        one
        for one in services.identity_store.all()
        if one.identity is not None and not one.identity.info.is_ca and one.name not in remote
    ] + _without_keys(services)


def _without_keys(services: Services) -> list[StoredIdentity]:
    """The mailboxes whose key only the owner has."""
    from misfin.store.hosting.served import CertificateStore

    return [one for one in CertificateStore(services.profile.certificates).all() if one.identity is not None]


def _identity(stored: StoredIdentity) -> Identity:
    assert stored.identity is not None  # _mailboxes
    return stored.identity


def _find(services: Services, wanted: str) -> StoredIdentity:
    for one in _mailboxes(services):
        if wanted in (one.name, _identity(one).address.address):
            return one
    raise IdentityError(
        f"There is no mailbox {wanted} here.", remedy="`misfin-tui mailbox list` shows the mailboxes."
    )


def host_identity(services: Services, host: str) -> Identity:
    """The identity that signs the mailboxes of a host."""
    for one in services.identity_store.all():
        if one.identity is not None and one.identity.info.is_ca and one.identity.info.covers(host):
            return one.identity
    raise IdentityError(
        f"No identity here can sign mailboxes of {host}.",
        remedy=f"Create one for the host first: misfin-tui identity new postmaster@{host} --ca",
    )


def _presented(services: Services, host: str) -> Identity:
    """The identity whose certificate the server presents for a host."""
    from misfin.net.directory import Directory  # late: only an invitation names it

    every = [one.identity for one in services.identity_store.all() if one.identity is not None]
    directory = Directory(every)
    return directory.certificate_for(host) or directory.default


def _opened(
    services: Services, identity: Identity, output: Path
) -> tuple[dict[str, object], tuple[str, ...]]:
    """Where and with what an owner opens a mailbox: the facts, and the same in words."""
    listen, host = services.config.gmap.listen, identity.address.hostname
    port = int(listen[0].rpartition(":")[2]) if listen else 1960
    fingerprint = _presented(services, host).info.fingerprints.cert
    facts = {"path": str(output), "host": host, "port": port, "fingerprint": fingerprint}
    return facts, (
        f"The mailbox {identity.address.address} is opened with {output.name} on {host}, port {port}.",
        f"The server's certificate has the fingerprint {fingerprint}.",
        "In misfin-tui: Settings, Add, “A Misfin mailbox on a server”; or at the shell:",
        f"  misfin-tui identity import {output.name}",
        f"  misfin-tui account add NAME --kind gmap --host {host} --port {port}"
        f" --identity {identity.address.address}",
    )


# ---- files


def _read(name: str, most: int) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read(most)
    try:
        with Path(name).expanduser().open("rb") as file:
            return file.read(most)
    except OSError as error:
        raise LocalError(f"{name} cannot be read: {error.strerror}.") from error


def _new_file(name: str) -> Path:
    path = Path(name).expanduser()
    if path.exists():
        raise LocalError(f"{path} already exists.", remedy="Choose another file.")
    return path


def _hand_over(path: Path, identity: Identity) -> None:
    _write_new(path, identity.pem)
    if identity.key_pem:
        say(f"Wrote {path}. Give it to the owner in private: whoever has it can read the mailbox.")
    else:
        say(f"Wrote {path}: the certificate alone, because only the owner has the key.")


def _write_new(path: Path, data: bytes) -> None:
    try:
        create_private(path, data)
    except FileExistsError as error:
        raise LocalError(f"{path} already exists.", remedy="Choose another file.") from error
    except OSError as error:
        raise LocalError(f"{path} cannot be written: {error.strerror}.") from error


def _put_away(services: Services, stored: StoredIdentity) -> Path:
    """Move the file of an identity where nothing looks for identities, under a name that is free."""
    folder = services.profile.root / _REMOVED
    moment = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    target = folder / f"{stored.name}.{moment}.pem"
    try:
        private_folder(folder)
        stored.path.rename(target)
        sync_folder(folder)
        sync_folder(stored.path.parent)
    except OSError as error:
        raise StoreError(f"The identity could not be put away: {error.strerror}.") from error
    return target


# ---- what is said of a mailbox


def _facts(identity: Identity) -> dict[str, object]:
    return {
        "address": identity.address.address,
        "blurb": identity.address.blurb,
        "key": identity.info.key,
        "expires": f"{identity.info.not_after:%Y-%m-%d}",
    }


def _contents(services: Services, identity: Identity) -> dict[str, object]:
    """How many messages a mailbox has in all folders, how many are unread, and their size in bytes."""
    store, directory = services.store, identity.address.address
    messages = unread = size = 0
    for folder in store.folders(directory):
        for entry in store.folder(directory, folder).list():
            messages += 1
            unread += "S" not in entry.flags
            with suppress(OSError):  # renamed meanwhile
                size += entry.path.stat().st_size
    return {"messages": messages, "unread": unread, "bytes": size}
