"""What a person can choose about the verification of senders: the values of settings, without any code."""

from __future__ import annotations

from enum import StrEnum


class VerificationMode(StrEnum):
    """What a failed verification leads to (docs/trust.md §6)."""

    OFF = "off"
    OPTIONAL = "optional"
    REQUIRED = "required"


class SenderChange(StrEnum):
    """What happens to a message whose sender presents another key than before."""

    HOLD = "hold"
    REJECT = "reject"


class VerificationMethod(StrEnum):
    """The ways to verify a sender (docs/trust.md §6)."""

    CERTIFICATE = "certificate"
    PROBE = "probe"
    SPKI = "spki"
