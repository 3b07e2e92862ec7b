"""``misfin-tui account import-certificate``: S/MIME certificates to decrypt and to sign with."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from misfin.errors import LocalError
from misfin.store.protected import SmimeKey, SmimeKeys
from misfin.store.protected.smime_keys import MAX_FILE
from misfin_tui.cli import Exit
from misfin_tui.cli.asking import ask_yes, first_line, first_line_or_typed
from misfin_tui.cli.output import Record, emit, emit_table, iso, profile_of

_SHORTEST = 8
"""Characters of a fingerprint that say which certificate is meant."""


def import_file(args: Namespace) -> int:
    """Keep certificate and key of a PKCS#12 file; ask for its password."""
    try:
        with Path(args.file).expanduser().open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except (OSError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or error
        raise LocalError(f"{args.file} cannot be read: {why}.") from error
    key = _keys(args).keep(data, _password(args))
    emit(args, _record(key), f"Kept the certificate of {', '.join(key.addresses)}.")
    return Exit.DONE


def list_all(args: Namespace) -> int:
    """List them: the addresses, the fingerprint, and until when each is valid."""
    emit_table(args, map(_record, _keys(args).all()), ("addresses", "subject", "not_after", "fingerprint"))
    return Exit.DONE


def forget(args: Namespace) -> int:
    """Delete one, after asking: what was encrypted for it can no longer be read."""
    wanted = "".join(args.fingerprint.lower().replace(":", "").split())
    keys = _keys(args)
    found = [key for key in keys.all() if len(wanted) >= _SHORTEST and key.fingerprint.startswith(wanted)]
    if len(found) != 1:
        raise LocalError(
            "There is no such certificate.", remedy="`misfin-tui account certificates` shows fingerprints."
        )
    question = f"Delete the certificate of {found[0].addresses[0]}? What is encrypted for it stays closed."
    if not (args.yes or ask_yes(question)):
        raise LocalError("Nothing was deleted.", remedy="--yes deletes it without asking.")
    keys.remove(found[0])
    emit(args, _record(found[0]), f"Deleted the certificate of {', '.join(found[0].addresses)}.")
    return Exit.DONE


def _password(args: Namespace) -> bytes:
    if args.password_file is not None:
        return first_line(args.password_file)
    return first_line_or_typed(f"Password of {args.file}").encode(errors="surrogateescape")


def _keys(args: Namespace) -> SmimeKeys:
    return SmimeKeys(profile_of(args).smime)


def _record(key: SmimeKey) -> Record:
    return {
        "addresses": list(key.addresses),
        "subject": key.subject,
        "not_before": iso(key.not_before),
        "not_after": iso(key.not_after),
        "fingerprint": key.fingerprint,
    }
