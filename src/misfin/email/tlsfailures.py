"""What it means that TLS with a mail server did not come about."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from misfin.email.certificates import CertificateRefusedError, problem_of
from misfin.errors import DeliveryTimeoutError, HandshakeError

if TYPE_CHECKING:
    from misfin.errors import DeliveryError
    from misfin.net.dialing import Endpoint


def tls_failure(
    error: BaseException,
    endpoint: Endpoint,
    timeout: float,
    refused: type[CertificateRefusedError] = CertificateRefusedError,
) -> DeliveryError | None:
    """The error to raise for what asyncio raised during a handshake; None for what is not about TLS.

    ``timeout`` is how many seconds the handshake had, ``refused`` the error for a certificate.
    """
    match error:
        case TimeoutError():
            text = f"{endpoint.name} did not complete the TLS handshake within {timeout:g} seconds."
            return DeliveryTimeoutError(text, **endpoint.facts)
        case ssl.SSLCertVerificationError():
            return refused(problem_of(error.verify_code), error.verify_message, **endpoint.facts)
        case OSError():
            return HandshakeError(f"There is no TLS connection to {endpoint.name}.", **endpoint.facts)
    return None
