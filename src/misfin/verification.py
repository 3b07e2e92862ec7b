"""Sender verification under its customary import path; the code is in :mod:`misfin.net.verification`."""

from misfin.net.verification import (
    CertificateVerifier,
    CombinedVerifier,
    ProbeVerifier,
    SenderVerificationCache,
    SPKIVerifier,
    VerificationMethod,
    VerificationMode,
    VerificationResult,
    VerifyingHandler,
)

__all__ = [
    "CertificateVerifier",
    "CombinedVerifier",
    "ProbeVerifier",
    "SPKIVerifier",
    "SenderVerificationCache",
    "VerificationMethod",
    "VerificationMode",
    "VerificationResult",
    "VerifyingHandler",
]
