"""What is said of a signature, in sentences. Pure.

A signature is good for the sender only if the key is trusted for the address in From. Everything less is
said as what it is, and what is broken is a warning.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from misfin.store.protected.smime import SmimeResult
from misfin.store.protected.status import CheckedSignature, GpgStatus, KeyOwner, SignatureCheck


@dataclass(frozen=True, slots=True)
class ProtectionFact:
    """A sentence for the head of a message. ``warns`` if it says that something is wrong.

    It may quote what a key or a certificate says of itself: make it safe before it is shown.
    """

    text: str
    warns: bool = False
    details: str = ""
    """The key or certificate, for those who compare it."""


NOT_SIGNED = ProtectionFact("It is not signed, so it does not prove who wrote it.")
NO_GPG = ProtectionFact("GnuPG is not installed, so this cannot be checked or decrypted. Install gnupg.")
NO_OPENSSL = ProtectionFact(
    "OpenSSL is not installed, so this cannot be checked or decrypted. Install openssl."
)
_SENTENCES = {
    SignatureCheck.BAD: (
        "The OpenPGP signature is broken: the text was changed after {who} signed it. Do not rely on it.",
        True,
    ),
    SignatureCheck.EXPIRED: ("Signed with OpenPGP by {who}, but the signature has expired.", True),
    SignatureCheck.KEY_EXPIRED: ("Signed with OpenPGP by {who}; the key has expired.", True),
    SignatureCheck.KEY_REVOKED: (
        "Signed with OpenPGP by {who}, but the key was revoked. Do not rely on it.",
        True,
    ),
    SignatureCheck.NO_KEY: (
        "Signed with OpenPGP, not checked: you do not have the key {key}. Ask the sender for it.",
        False,
    ),
    SignatureCheck.UNCHECKED: ("The OpenPGP signature could not be checked (key {key}).", True),
}


def of_openpgp(
    status: GpgStatus, senders: Collection[str], owners: dict[str, tuple[KeyOwner, ...]]
) -> list[ProtectionFact]:
    """What the signatures of one part say. ``senders`` are the addresses in From, in lower case; ``owners``
    are the names of the keys by fingerprint."""
    if not status.signatures:
        return [ProtectionFact("The OpenPGP signature cannot be read, so it proves nothing.", warns=True)]
    return [_of_one(each, senders, owners.get(each.key, ())) for each in status.signatures]


def _of_one(
    checked: CheckedSignature, senders: Collection[str], owners: Sequence[KeyOwner]
) -> ProtectionFact:
    who = checked.user or f"key {checked.key}"
    details = f"OpenPGP key {checked.key}"
    if checked.state is not SignatureCheck.GOOD or not checked.proven:
        state = SignatureCheck.UNCHECKED if checked.state is SignatureCheck.GOOD else checked.state
        text, warns = _SENTENCES[state]
        return ProtectionFact(text.format(who=who, key=checked.key), warns, details)
    named = [owner for owner in owners if senders and set(senders) == {owner.address}]
    if not named:
        text = f"Signed with OpenPGP by {who}: a valid signature, but not by the address in From."
        return ProtectionFact(text, True, details)
    if not any(owner.valid for owner in named):
        text = (
            f"Signed with OpenPGP, a valid signature by a key that says it is {named[0].user}. Nobody you"
            " trust has confirmed that; compare its fingerprint with the owner."
        )
        return ProtectionFact(text, False, details)
    return ProtectionFact(
        f"Signed with OpenPGP by {named[0].user}: valid, and you trust the key.", False, details
    )


def of_smime(result: SmimeResult, senders: Collection[str]) -> ProtectionFact:
    """What an S/MIME signature says; ``senders`` as in :func:`of_openpgp`."""
    if not result.intact:
        text = "The S/MIME signature is broken: the text was changed after it was signed. Do not rely on it."
        return ProtectionFact(text, warns=True)
    addresses = ", ".join(sorted(result.addresses)) or "no address"
    details = f"S/MIME certificate of {result.subject or 'nobody named'} for {addresses}"
    who = result.subject or addresses
    if not senders or not set(senders) <= result.addresses:
        text = f"Signed with S/MIME by {who}: intact, but its certificate is not for the address in From."
        return ProtectionFact(text, True, details)
    if not result.trusted:
        why = f" ({result.reason})" if result.reason else ""
        text = f"Signed with S/MIME by {who}: intact, but no authority of this system vouches for it{why}."
        return ProtectionFact(text, False, details)
    text = f"Signed with S/MIME by {who}: valid, and an authority of this system vouches for the address."
    return ProtectionFact(text, False, details)
