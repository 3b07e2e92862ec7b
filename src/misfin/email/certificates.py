"""Why the certificate of a mail server is refused: the reason as a value, and the error with it. Pure."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType

from misfin.errors import HandshakeError


class CertificateProblem(StrEnum):
    """Why a certificate is not trusted; the value is what a person reads after "is not trusted:"."""

    SELF_SIGNED = "it is self-signed"
    UNKNOWN_ISSUER = "it was issued by an authority that this computer does not know"
    EXPIRED = "it has expired"
    NOT_YET_VALID = "it is not valid yet"
    OTHER_NAME = "it belongs to another server"
    REVOKED = "its issuer has withdrawn it"
    OTHER = "it could not be verified"


_PROBLEMS = MappingProxyType(
    {
        9: CertificateProblem.NOT_YET_VALID,
        10: CertificateProblem.EXPIRED,
        2: CertificateProblem.UNKNOWN_ISSUER,
        18: CertificateProblem.SELF_SIGNED,
        19: CertificateProblem.UNKNOWN_ISSUER,
        20: CertificateProblem.UNKNOWN_ISSUER,
        21: CertificateProblem.UNKNOWN_ISSUER,
        23: CertificateProblem.REVOKED,
        62: CertificateProblem.OTHER_NAME,
        64: CertificateProblem.OTHER_NAME,
    }
)
"""By OpenSSL's number (X509_V_ERR_…)."""


def problem_of(verify_code: int) -> CertificateProblem:
    """The reason for a number of OpenSSL."""
    return _PROBLEMS.get(verify_code, CertificateProblem.OTHER)


class CertificateRefusedError(HandshakeError):
    """A mail server's certificate is not trusted; nothing of a password or a message was sent.

    ``certificate`` is what the server presents (DER), for a person to look at; empty where it could not be
    fetched. ``problem`` is the reason, ``reason`` the same in OpenSSL's words.
    """

    def __init__(
        self,
        problem: CertificateProblem,
        reason: str = "",
        *,
        hostname: str,
        port: int,
        certificate: bytes = b"",
    ) -> None:
        super().__init__(
            f"The certificate of {hostname} is not trusted: {problem}.", hostname=hostname, port=port
        )
        self.problem = problem
        self.reason = reason
        self.certificate = certificate
