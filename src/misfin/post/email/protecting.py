"""Signs and encrypts what is sent by e-mail, with GnuPG or an S/MIME certificate. Blocking."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from misfin.email.mime_out import MimeMessage, OutgoingMail
from misfin.email.mime_out.protected import (
    content_of,
    encrypted_message,
    signed_message,
    smime_signed_message,
)
from misfin.errors import LocalError, LockedKeyError
from misfin.model.recipient import Recipient
from misfin.store.outgoing.drafts import SendProtection
from misfin.store.protected import GnuPG
from misfin.store.protected.smime_keys import SmimeKeys, sign
from misfin.store.protected.status import GpgStatus, PublicKey


def protect(
    mail: OutgoingMail, how: SendProtection, bcc: Sequence[Recipient], gpg: GnuPG | None, smime: Path | None
) -> MimeMessage:
    """The message of a value, signed or signed and encrypted.

    It is encrypted for everybody in To and Cc, for the author, and for ``bcc``, whose keys are not named in
    it. ``smime`` is the folder of the user's certificates. Raises :class:`~misfin.errors.LocalError` where a
    key is missing, naming all who have none, and :class:`~misfin.errors.LockedKeyError`.
    """
    if how is SendProtection.SMIME:
        return _smime_signed(mail, smime)
    if gpg is None:
        raise LocalError(
            "GnuPG is not installed, so nothing can be signed or encrypted.", remedy="Install gnupg."
        )
    own = signing_key(gpg, mail.author.address)
    content = content_of(mail, encrypted=how is SendProtection.ENCRYPT)
    if how is SendProtection.SIGN:
        signature, status = gpg.sign(content, own)
        if not signature:
            raise _refused(status)
        return signed_message(mail, content, signature, status.digest)
    named = [*(person.address for person in (*mail.to, *mail.cc)), mail.author.address]
    to, hidden = _keys(gpg, named, [each.address for each in bcc])
    block, status = gpg.encrypt(content, own, to, hidden)
    if not block:
        raise _refused(status)
    return encrypted_message(mail, block)


def _smime_signed(mail: OutgoingMail, folder: Path | None) -> MimeMessage:
    keys = None if folder is None else SmimeKeys(folder)
    key = keys.for_address(mail.author.address, mail.date.timestamp()) if keys else None
    if key is None:
        raise LocalError(
            f"You have no valid S/MIME certificate for {mail.author.address} to sign with.",
            remedy="Import one: misfin-tui account import-certificate FILE.p12",
        )
    content = content_of(mail, encrypted=False)
    return smime_signed_message(mail, content, sign(content, key), "sha-256")


def signing_key(gpg: GnuPG, address: str) -> str:
    """The fingerprint of the key that signs for an address. Raises :class:`~misfin.errors.LocalError`."""
    found = _of(gpg.secret_keys(f"<{address}>"), address)
    if not found:
        raise LocalError(
            f"You have no OpenPGP key for {address} to sign with.", remedy="Make one with GnuPG."
        )
    return found[0].fingerprint


def _keys(gpg: GnuPG, named: Sequence[str], hidden: Sequence[str]) -> tuple[list[str], list[str]]:
    """The keys of these addresses; all who have none are named at once."""
    missing: dict[str, None] = {}
    found: dict[str, str] = {}
    for address in dict.fromkeys((*named, *hidden)):
        keys = [each for each in _of(gpg.keys(f"<{address}>"), address, valid=True) if each.encrypts]
        if keys:
            found[address] = keys[0].fingerprint
        else:
            missing[address] = None
    if missing:
        raise LocalError(
            f"There is no OpenPGP key that you trust for {', '.join(missing)}.",
            remedy="Import and sign the key with GnuPG, remove the recipient, or do not encrypt.",
        )
    return [found[each] for each in dict.fromkeys(named)], [
        found[each] for each in hidden if each not in named
    ]


def _of(keys: Sequence[PublicKey], address: str, *, valid: bool = False) -> list[PublicKey]:
    """Those of the keys that name an address; GnuPG finds others that look like it."""
    wanted = address.lower()
    return [
        key
        for key in keys
        if any(each.address == wanted and (each.valid or not valid) for each in key.owners)
    ]


def _refused(status: GpgStatus) -> LocalError:
    if status.cancelled:
        return LocalError("No passphrase was given.")
    return LockedKeyError(
        "Your OpenPGP key is locked.", remedy="Send it from the composer, which asks for it."
    )
