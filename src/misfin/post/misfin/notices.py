"""What a person should know once about a host or an identity, although it stops no message; pure.

Each notice has a name that stays the same until there is news (``PinBook.already_reported``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from misfin.trust.tofu import Decision, Remark

if TYPE_CHECKING:
    from misfin.net.delivery import Delivery
    from misfin.trust.identity import Identity


class Remembered(NamedTuple):
    """A notice, and the name under which it is remembered so that it is said once."""

    what: str
    text: str


def about_host(name: str, delivery: Delivery) -> list[Remembered]:
    """What a delivery showed about the host pinned as ``name`` (docs/protocol.md §5, §5.2)."""
    found = []
    if delivery.tls_version == "TLSv1.2":
        text = (
            f"{name} speaks only TLS 1.2: anybody between you and it can read your name in your certificate."
        )
        found.append(Remembered(f"TLS 1.2 {name}", text))
    if delivery.certificate is None:
        return found
    shown, first = delivery.certificate, delivery.decision is Decision.FIRST_USE
    certificate = shown.fingerprints.cert
    if Remark.EXPIRED in delivery.remarks:
        text = f"The certificate of {name} expired on {shown.not_after:%Y-%m-%d}. {_THEN[first]}"
        found.append(Remembered(f"expired {name} {certificate}", text))
    if Remark.NOT_YET_VALID in delivery.remarks:
        day = f"{shown.not_before:%Y-%m-%d}"
        text = f"The certificate of {name} is not valid before {day}; a clock may be wrong. {_THEN[first]}"
        found.append(Remembered(f"not yet valid {name} {certificate}", text))
    if Remark.HOST_MISMATCH in delivery.remarks and first:
        text = f"The certificate of {name} does not name that host. Check its fingerprint with the owner."
        found.append(Remembered(f"not named {name} {certificate}", text))
    return found


_THEN = {
    True: "This was the first contact, so it is now pinned. Check its fingerprint with the owner.",
    False: "Its key is the pinned one, so mail is still sent.",
}
"""What follows, at first contact and later: Misfin trusts keys, not dates (docs/protocol.md §5.2)."""


def about_identity(identity: Identity, complaints: Sequence[str]) -> list[Remembered]:
    """What other servers may refuse about our identity (docs/protocol.md §4.3), as one notice."""
    if not complaints:
        return []
    words = " ".join(complaints)
    text = f"Other servers may refuse the identity {identity.address.address}. {words}"
    return [Remembered(f"identity {identity.info.fingerprints.cert} {words}", text)]
