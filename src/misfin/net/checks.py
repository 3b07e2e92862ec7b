"""A receiver's checks that need neither network nor disk, in the order of docs/trust.md §5."""

from __future__ import annotations

from typing import TYPE_CHECKING

from misfin.model.gemmail import Version
from misfin.model.status import StatusCode
from misfin.net.directory import Missing, Moved, ServedMailbox
from misfin.net.incoming import LOCAL_CHECK, CheckResult, Checks, HandlerOutcome
from misfin.trust.tofu import Decision
from misfin.wire import MisfinResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from misfin.model.address import MisfinAddress
    from misfin.net.directory import Directory
    from misfin.trust.identity import CertificateInfo, Identity
    from misfin.wire import MisfinRequest

_MISSING = {
    Missing.UNKNOWN_HOST: MisfinResponse(StatusCode.DOMAIN_NOT_SERVICED, "This host is not served here"),
    Missing.UNKNOWN_MAILBOX: MisfinResponse(StatusCode.MAILBOX_NOT_FOUND, "There is no such mailbox"),
    Missing.GONE: MisfinResponse(StatusCode.MAILBOX_GONE, "This mailbox is gone"),
}
_REQUIRED = MisfinResponse(StatusCode.CERTIFICATE_REQUIRED, "A certificate is required")
_BLOCKED = MisfinResponse(StatusCode.UNAUTHORIZED_SENDER, "Sender blocked")
_NOT_YET = MisfinResponse(StatusCode.CERTIFICATE_INVALID, "The certificate is not valid yet")
_EXPIRED = MisfinResponse(StatusCode.CERTIFICATE_INVALID, "The certificate has expired")
_NAMELESS = MisfinResponse(
    StatusCode.CERTIFICATE_INVALID, "The certificate has no readable mailbox (UID) and host (SAN)"
)
_NOT_OURS = MisfinResponse(
    StatusCode.CERTIFICATE_CHANGED,
    "The mailbox this certificate names is on this server and has another certificate",
)


def judge_recipient(directory: Directory, recipient: MisfinAddress) -> MisfinResponse | Identity:
    """The identity of a mailbox; 53, 51, 52, 30 or 31 for an address that is not served here."""
    entry = directory.recipient(recipient.mailbox, recipient.hostname)
    match entry:
        case ServedMailbox(identity):
            return identity
        case Moved(address, permanent):
            status = StatusCode.REDIRECT_PERMANENT if permanent else StatusCode.REDIRECT_TEMPORARY
            return MisfinResponse(status, address.address)
        case _:
            return _MISSING[entry]


def judge_sender(
    request: MisfinRequest,
    certificate: CertificateInfo | None,
    now: float,
    *,
    directory: Directory,
    require_certificate: bool,
    blocked: Callable[[MisfinAddress], bool] | None,
) -> MisfinResponse | Checks:
    """60, 62, 61 or 63, or what is known about the sender without a query.

    ``now`` is Unix seconds. The addresses compared with ``blocked`` are the certificate's and every one the
    message claims on its sender line.
    """
    address: MisfinAddress | None = None
    if certificate is None:
        if require_certificate:
            return _REQUIRED
    else:
        if now < certificate.not_before.timestamp():
            return _NOT_YET
        if now > certificate.not_after.timestamp():
            return _EXPIRED
        address = certificate.address
        if address is None:
            return _NAMELESS
    if blocked is not None and _is_blocked(request, address, blocked):
        return _BLOCKED
    if certificate is None or address is None:
        return Checks()
    return _judge_local(certificate, address, directory)


def _is_blocked(
    request: MisfinRequest, address: MisfinAddress | None, blocked: Callable[[MisfinAddress], bool]
) -> bool:
    if address is not None and blocked(address):
        return True
    first = request.message[:1]
    if first not in b"<:@" if request.version is Version.B else first in b"\r\n":
        return False  # the usual case: no claimed sender, so there is nothing to parse
    return any(blocked(claimed) for claimed in request.parse_message().senders)


def _judge_local(
    certificate: CertificateInfo, address: MisfinAddress, directory: Directory
) -> MisfinResponse | Checks:
    """Check a sender on one of our own hosts: we know its certificate, so nobody needs to be asked."""
    entry = directory.lookup(address.mailbox, address.hostname)
    if entry is Missing.UNKNOWN_HOST:
        return Checks()
    if not isinstance(entry, ServedMailbox):
        fails = CheckResult(HandlerOutcome.FAIL, f"There is no mailbox {address.address} on this server.")
        return Checks(results={LOCAL_CHECK: fails})
    own = entry.identity.info.fingerprints
    if certificate.fingerprints.cert != own.cert and certificate.fingerprints.spki != own.spki:
        return _NOT_OURS
    passes = CheckResult(HandlerOutcome.PASS, "The mailbox is on this server.", own.cert, proves_sender=True)
    return Checks(pin=Decision.TRUSTED, results={LOCAL_CHECK: passes})
