"""The exceptions of the core, in one tree that separates our own faults from the other side's.

Each class is also the builtin a caller would naturally catch (``ConnectionError``, ``TimeoutError``,
``ValueError``), carries its facts as fields, and reads as one sentence; ``remedy`` says what to do next.
Exceptions that carry more than plain values are defined next to those values (:mod:`misfin.trust.refusal`).
"""

from __future__ import annotations


class MisfinError(Exception):
    """Base of all exceptions this library raises on purpose; any other that escapes is a bug."""

    remedy: str = ""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        if remedy:
            self.remedy = remedy


class LocalError(MisfinError):
    """A fault on our side: input, configuration or order of calls. Nothing was sent."""


class RemoteError(MisfinError):
    """A fault on the other side, or on the network in between."""


# ---- our side -------------------------------------------------------------------------------------


class LockedKeyError(LocalError):
    """The key to sign with needs a passphrase, and nobody was asked for it."""


class AddressError(LocalError, ValueError):
    """Text that is not a Misfin address (docs/protocol.md §1.5)."""

    remedy = "Write it as mailbox@host, for example ada@mail.example."


class GemmailError(LocalError, ValueError):
    """A message that cannot be written in the requested form (docs/protocol.md §3)."""


class MessageTooLargeError(LocalError, ValueError):
    """A request over the limit of its protocol version (docs/protocol.md §1.2, §1.3).

    ``size`` and ``limit`` are bytes as that version counts them; ``version`` is ``"B"`` or ``"C"``.
    """

    def __init__(self, size: int, limit: int, version: str) -> None:
        super().__init__(
            f"The message is {size:,} bytes long; Misfin({version}) allows at most {limit:,}.",
            remedy="Shorten it, or split it into several messages.",
        )
        self.size = size
        self.limit = limit
        self.version = version


class AccountError(LocalError, LookupError):
    """There is no such account, or the name matches more than one."""


class IdentityError(LocalError, ValueError):
    """A certificate or key that cannot be used as an identity (docs/protocol.md §4)."""


class IdentityEncryptedError(IdentityError):
    """The private key is encrypted, and the password is missing or wrong."""

    remedy = "Give the key's password."


class LocalProtocolError(LocalError, RuntimeError):
    """A protocol state machine was called in the wrong order: a bug in the calling program."""


class CommandError(LocalError, ValueError):
    """An argument that cannot be put into a command of a mail protocol; nothing was sent."""


class ClaimLostError(LocalError, RuntimeError):
    """A queued message was cancelled or claimed by another process just before it was sent."""


class StoreError(LocalError, OSError):
    """Mail, outbox or trust data on disk could not be read or written."""


class MessageGoneError(StoreError):
    """The message is no longer where it was: another program has moved or removed it."""


class InputError(StoreError):
    """A file or folder the user named is missing, not what it should be, or in the way."""


class QueryError(LocalError, ValueError):
    """A search that cannot be understood; ``column`` (0-based) is where it went wrong."""

    def __init__(self, message: str, *, column: int, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.column = column


class ListenError(LocalError, OSError):
    """A receiver could not listen on ``host`` and ``port``."""

    remedy = "Choose another address or port, or stop the program that uses it."

    def __init__(self, host: str, port: int, cause: Exception) -> None:
        why = getattr(cause, "strerror", None) or str(cause)
        super().__init__(f"Cannot listen on {host or 'any address'}, port {port}: {why}.")
        self.host = host
        self.port = port


# ---- the other side -------------------------------------------------------------------------------


class RemoteProtocolError(RemoteError, ValueError):
    """The peer sent illegal bytes; ``status_hint`` is the status a server should answer with."""

    def __init__(self, message: str, *, status_hint: int = 59) -> None:
        super().__init__(message)
        self.status_hint = status_hint


class TlsError(RemoteError, ConnectionError):
    """TLS failed between us and the peer (docs/protocol.md §5).

    ``alert`` is the alert the peer sent, as OpenSSL names it (``"certificate required"``), or ``""``.
    """

    def __init__(self, message: str, *, alert: str = "") -> None:
        super().__init__(message)
        self.alert = alert


class DeliveryError(RemoteError):
    """A message could not be delivered to ``hostname`` at ``port``.

    Unless this is an :class:`OutcomeUnknownError`, no byte of the message was sent.
    """

    def __init__(self, message: str, *, hostname: str, port: int, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.hostname = hostname
        self.port = port


class HostUnknownError(DeliveryError, ConnectionError):
    """The host name has no address."""

    remedy = "Check the spelling of the host name, and that you are online."


class ConnectError(DeliveryError, ConnectionError):
    """The host has an address but did not accept the connection, or dropped it before the request."""

    remedy = "The server may be down; try again later."


class HandshakeError(DeliveryError, ConnectionError):
    """The TLS handshake failed: there is no Misfin server, or it refuses our certificate."""


class DeliveryTimeoutError(DeliveryError, TimeoutError):
    """The host did not respond in time; no byte of the message was sent."""

    remedy = "The server may be overloaded; try again later."


class OutcomeUnknownError(DeliveryError, ConnectionError):
    """The whole request was sent and no usable answer came: it may or may not have been delivered.

    Never retry automatically: the message could arrive twice (docs/protocol.md §2).
    """

    remedy = "Ask the recipient before sending it again: it may have arrived."


class RedirectError(DeliveryError):
    """A redirect that cannot be followed: no address, a loop, or too many hops (docs/protocol.md §2)."""

    def __init__(self, message: str, *, hostname: str, port: int, status: int, meta: str) -> None:
        super().__init__(message, hostname=hostname, port=port)
        self.status = status
        self.meta = meta
