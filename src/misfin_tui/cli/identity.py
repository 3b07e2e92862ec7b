"""``misfin-tui identity``: create, list, show, renew, import and export identities."""

from __future__ import annotations

import asyncio
import os
import sys
from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path

from misfin.errors import IdentityEncryptedError, IdentityError, LocalError
from misfin.files import create_private
from misfin.model.address import MisfinAddress
from misfin.store.identities import IdentityStore, StoredIdentity, file_name, identity_from_files
from misfin.trust.identity import Identity, KeyKind, check, generate
from misfin_tui.cli import Exit
from misfin_tui.cli.asking import first_line
from misfin_tui.cli.output import emit, emit_table, grouped, open_services, profile_of, say
from misfin_tui.config.accounts import identity_store
from misfin_tui.screentext import plain

_PASSWORD_TRIES = 3


def new(args: Namespace) -> int:
    """Create an identity and its mailbox."""
    address = MisfinAddress.parse(args.address)
    if args.days < 1:
        raise LocalError("--days must be at least 1.", remedy="Leave it out for 100 years.")
    signer = _store(args).load(args.signed_by) if args.signed_by else None
    identity = generate(
        MisfinAddress(address.mailbox, address.hostname, args.blurb or address.blurb or address.mailbox),
        now=datetime.now(UTC),
        key=KeyKind(args.key),
        days=args.days,
        ca=args.ca,
        signed_by=signer,
    )
    return _keep(args, identity, file_name(identity))


def import_file(args: Namespace) -> int:
    """Import an identity from another program; ask for the password of an encrypted key."""
    certificate = Path(args.file)
    key = Path(args.key_file) if args.key_file else None
    password = first_line(args.password_file) if args.password_file else None
    try:
        identity = identity_from_files(certificate, key, password)
    except IdentityEncryptedError as error:
        if password is not None:
            raise IdentityEncryptedError(str(error), remedy="Check the first line of that file.") from error
        identity = _ask_for_password(certificate, key, error)
    return _keep(args, identity, args.name or file_name(identity))


def _ask_for_password(certificate: Path, key: Path | None, problem: IdentityEncryptedError) -> Identity:
    """Decrypt a key with a password typed at the terminal, without echo. Raises where there is none."""
    from getpass import GetPassWarning, getpass
    from warnings import catch_warnings, simplefilter

    no_terminal = IdentityEncryptedError(
        str(problem), remedy="Give a file with its password (--password-file), or run this in a terminal."
    )
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        raise no_terminal from problem
    for left in reversed(range(_PASSWORD_TRIES)):
        try:
            with catch_warnings():
                simplefilter("error", GetPassWarning)  # rather than show what is typed
                typed = getpass(f"Password for the key in {plain(str(key or certificate), one_line=True)}: ")
        except (EOFError, GetPassWarning):
            raise no_terminal from problem
        try:
            return identity_from_files(certificate, key, typed.encode(errors="surrogateescape"))
        except IdentityEncryptedError as error:
            if not left:
                raise IdentityEncryptedError(
                    str(error), remedy="Run it again with the right password."
                ) from error
            say("Wrong password. Try again.")
    raise AssertionError("unreachable")


def list_identities(args: Namespace) -> int:
    """List the identities with their fingerprints; a broken file is listed with its problem."""
    columns = ("address", "blurb", "key", "fingerprint", "problem")
    emit_table(args, map(_record, _store(args).all()), columns)
    return Exit.DONE


def show(args: Namespace) -> int:
    """Show an identity: names, fingerprints, validity, and why other servers may refuse it."""
    with open_services(args) as services:
        wanted = args.name or asyncio.run(services.identities.default())
        if not wanted:
            raise IdentityError(
                "You have no identity that can be used.",
                remedy="Create one: `misfin-tui identity new mailbox@host`. `identity list` shows problems.",
            )
        identity = services.identity_store.load(wanted)
    info = identity.info
    complaints = check(identity, datetime.now(UTC))
    if args.json:
        emit(args, _facts(identity) | {"complaints": complaints}, "")
        return Exit.DONE
    for line in (
        identity.address.long_form,
        f"  certificate  {grouped(info.fingerprints.cert)}",
        f"  public key   {grouped(info.fingerprints.spki)} ({info.key})",
        f"  valid        {info.not_before:%Y-%m-%d} to {info.not_after:%Y-%m-%d}",
        *(["  may sign     mailboxes of this host"] if info.is_ca else []),
        *(f"  note         {complaint}" for complaint in complaints),
    ):
        emit(args, {}, line)
    return Exit.DONE


def renew(args: Namespace) -> int:
    """Replace a certificate with a new one for the same names and key."""
    with open_services(args) as services:
        wanted = services.identity_store.load(args.name)
        stored = next(one for one in services.identity_store.all() if one.identity == wanted)
        asyncio.run(services.identities.renew(stored.name))
        identity = services.identity_store.load(stored.name)
    record = _facts(identity) | {"name": stored.name, "path": str(stored.path)}
    emit(args, record, f"{identity.address.long_form} is now valid until {identity.info.not_after:%Y-%m-%d}.")
    say("Give your correspondents the new fingerprint: some programs compare only the certificate.")
    _note_complaints(identity)
    return Exit.DONE


def export(args: Namespace) -> int:
    """Write an identity as PEM: into a private file, or to standard output."""
    identity = _store(args).load(args.name)
    data = identity.cert_pem if args.certificate_only else identity.pem
    if args.output:
        path = Path(args.output)
        try:
            create_private(path, data)
        except FileExistsError as error:
            raise LocalError(f"{path} already exists.", remedy="Choose another file.") from error
        say(
            f"Wrote {path}."
            + ("" if args.certificate_only else " Keep it secret: it contains the private key.")
        )
    else:
        sys.stdout.write(data.decode("ascii"))
    return Exit.DONE


def _keep(args: Namespace, identity: Identity, name: str) -> int:
    with open_services(args, new=True) as services:
        before = asyncio.run(services.identities.default())
        path = services.identity_store.save(identity, name)
        services.accounts.create_mail(path.name.removesuffix(".pem"))
        kept = asyncio.run(services.identities.keep_default(before))
    record = _facts(identity) | {"name": name, "path": str(path)}
    emit(args, record, f"{identity.address.long_form} is ready: {path}")
    if kept is not None:
        say(f"You still write from {before}: it is now identity.default in the settings.")
    _note_complaints(identity)
    return Exit.DONE


def _note_complaints(identity: Identity) -> None:
    for complaint in check(identity, datetime.now(UTC)):
        say(f"Note: {complaint}")


def _store(args: Namespace) -> IdentityStore:
    return identity_store(profile_of(args))


def _record(stored: StoredIdentity) -> dict[str, object]:
    empty = dict.fromkeys(("address", "blurb", "key", "fingerprint", "spki", "not_before", "not_after"), "")
    facts = _facts(stored.identity) if stored.identity else empty | {"ca": False}
    address = facts["address"] or stored.name
    return facts | {
        "address": address,
        "name": stored.name,
        "path": str(stored.path),
        "problem": stored.problem,
    }


def _facts(identity: Identity) -> dict[str, object]:
    info = identity.info
    return {
        "address": identity.address.address,
        "blurb": identity.address.blurb,
        "key": info.key,
        "fingerprint": info.fingerprints.cert,
        "spki": info.fingerprints.spki,
        "not_before": info.not_before.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "not_after": info.not_after.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "ca": info.is_ca,
    }
