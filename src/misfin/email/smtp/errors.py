"""What can go wrong with SMTP that is not a reply of the server. Four names are those of smtpproto."""

from __future__ import annotations

from misfin.email.certificates import CertificateRefusedError
from misfin.errors import (
    LocalError,
    LocalProtocolError,
    MisfinError,
    RemoteError,
    RemoteProtocolError,
)


class SMTPException(MisfinError):
    """Base of what this package raises."""


class SMTPMissingExtension(SMTPException, RemoteError):
    """The server does not offer ``extension``, which is needed for what was asked."""

    def __init__(self, message: str, extension: str) -> None:
        super().__init__(message)
        self.extension = extension


class SMTPUnsupportedAuthMechanism(SMTPException, RemoteError):
    """The server does not offer ``mechanism`` for logging in."""

    def __init__(self, mechanism: str) -> None:
        super().__init__(f"The server does not offer {mechanism} for logging in.")
        self.mechanism = mechanism


class SMTPProtocolViolation(SMTPException):
    """One side broke the protocol: see the two classes below for which."""


class SMTPLocalViolation(SMTPProtocolViolation, LocalProtocolError):
    """The engine was driven in an order that the protocol does not allow: a bug in the calling program."""


class SMTPRemoteViolation(SMTPProtocolViolation, RemoteProtocolError):
    """The server sent something that is not SMTP; close the connection."""


class SMTPConnectionLost(SMTPException, RemoteError, ConnectionError):
    """The server closed the connection while something was still to come."""


class SMTPArgumentError(SMTPException, LocalError, ValueError):
    """An address, a name or a message that cannot be sent in this form; nothing of it was sent."""


class SMTPMessageTooLarge(SMTPException, LocalError, ValueError):
    """The message has ``size`` bytes, the server takes ``limit`` (RFC 1870); nothing of it was sent."""

    remedy = "Send fewer or smaller attachments."

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"The message is {size:,} bytes long; the server accepts at most {limit:,}.")
        self.size = size
        self.limit = limit


class SMTPSourceError(SMTPException, LocalError):
    """The message could not be read, or changed while it was sent; the server has not taken it."""


class SMTPCertificateError(SMTPException, CertificateRefusedError):
    """The server's certificate is not trusted; ``certificate`` is what it presents. Nothing was sent."""
