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


class OnceNotice(NamedTuple):
    """A notice and the name under which it is remembered as told."""

    what: str
    text: str


def about_host(name: str, delivery: Delivery) -> list[OnceNotice]:
    """What a delivery showed about the host pinned as ``name`` (docs/protocol.md §5, §5.2)."""
    found = []
    if delivery.tls_version == "TLSv1.2":
        text = f"{name} speaks only TLS 1.2: everybody on the way can read from your certificate who writes."
        found.append(OnceNotice(f"TLS 1.2 {name}", text))
    if delivery.certificate is None:
        return found
    certificate = delivery.certificate.fingerprints.cert
    if Remark.EXPIRED in delivery.remarks:
        day = f"{delivery.certificate.not_after:%Y-%m-%d}"
        text = f"The certificate of {name} expired on {day}. It is still the trusted one, so mail goes on."
        found.append(OnceNotice(f"expired {name} {certificate}", text))
    if Remark.HOST_MISMATCH in delivery.remarks and delivery.decision is Decision.FIRST_USE:
        text = f"The certificate of {name} does not name that host. Compare its fingerprint with the owner's."
        found.append(OnceNotice(f"not named {name} {certificate}", text))
    return found


def about_identity(identity: Identity, complaints: Sequence[str]) -> list[OnceNotice]:
    """What other servers may refuse about our identity (docs/protocol.md §4.3), as one notice."""
    if not complaints:
        return []
    words = " ".join(complaints)
    text = f"The identity {identity.address.address} may be refused by other servers. {words}"
    return [OnceNotice(f"identity {identity.info.fingerprints.cert} {words}", text)]
