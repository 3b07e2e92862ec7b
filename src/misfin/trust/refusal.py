"""Errors for a host's certificate that needs the user's decision before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from misfin.errors import DeliveryError
from misfin.trust.tofu import change_due, due_since

if TYPE_CHECKING:
    from misfin.trust.certificate import CertificateInfo
    from misfin.trust.tofu import Pin


class TrustError(DeliveryError):
    """The user has to decide about a certificate first; no byte of the message was sent.

    ``certificate`` is what the host presented; ``actual_fingerprint`` is its SHA-256, 64 hex digits.
    """

    def __init__(self, message: str, *, hostname: str, port: int, certificate: CertificateInfo) -> None:
        super().__init__(message, hostname=hostname, port=port)
        self.certificate = certificate
        self.actual_fingerprint = certificate.fingerprints.cert


class CertificateChangedError(TrustError):
    """The host presents another key than the one pinned for it (docs/protocol.md §5.2).

    ``now`` is Unix seconds, to say whether a change was due. ``pin`` is the pin so far;
    ``expected_fingerprint`` is the SHA-256 of its certificate, 64 hex digits.
    """

    remedy = "Check with the owner of the host through another channel before you trust the new certificate."

    def __init__(
        self, *, hostname: str, port: int, pin: Pin, certificate: CertificateInfo, now: float = 0.0
    ) -> None:
        day = change_due(pin, now)
        due = f" {due_since(day)}" if day else ""
        super().__init__(
            f"The certificate of {hostname}:{port} has changed; nothing was sent.{due}",
            hostname=hostname,
            port=port,
            certificate=certificate,
        )
        self.pin = pin
        self.expected_fingerprint = pin.cert_sha256


class UntrustedServerError(TrustError):
    """A mail server's certificate that no authority vouches for; ``reason`` is why, in a few words."""

    remedy = "Check its fingerprint with whoever runs the server before you trust it."

    def __init__(self, *, hostname: str, port: int, certificate: CertificateInfo, reason: str) -> None:
        super().__init__(
            f"The certificate of {hostname} is not trusted: {reason}. Nothing was sent.",
            hostname=hostname,
            port=port,
            certificate=certificate,
        )
        self.reason = reason


class FirstUseRefusedError(TrustError):
    """The host was never seen before, and trust on first use is off."""

    remedy = "Compare the fingerprint with one you got from the owner, then approve it."

    def __init__(self, *, hostname: str, port: int, certificate: CertificateInfo) -> None:
        super().__init__(
            f"{hostname}:{port} was never seen before and is not trusted yet; nothing was sent.",
            hostname=hostname,
            port=port,
            certificate=certificate,
        )
