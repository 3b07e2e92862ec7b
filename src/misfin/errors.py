"""The exceptions of the core, in one tree: our own faults and the other side's told apart.

Each class is also the builtin a caller would naturally catch (``ConnectionError``, ``TimeoutError``,
``ValueError``), carries its facts as fields, and reads as one sentence; ``remedy`` says what to do next.
What carries more than plain values is defined where those are (:mod:`misfin.trust.refusal`).
"""

from __future__ import annotations


class MisfinError(Exception):
    """Base of everything this library raises on purpose; anything else that escapes is a bug."""

    remedy: str = ""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        if remedy:
            self.remedy = remedy


class LocalError(MisfinError):
    """Wrong on our side: input, configuration or program order. Nothing was sent."""


class RemoteError(MisfinError):
    """Wrong on the other side or on the way to it."""


# ---- our side -------------------------------------------------------------------------------------


class AddressError(LocalError, ValueError):
    """A text that is not a Misfin address (docs/protocol.md §1.5)."""

    remedy = "Write it as mailbox@host, for example ada@mail.example."


class GemmailError(LocalError, ValueError):
    """A message that cannot be written in the form asked for (docs/protocol.md §3)."""


class MessageTooLargeError(LocalError, ValueError):
    """A request over the limit of its protocol version (docs/protocol.md §1.2, §1.3).

    ``size`` and ``limit`` are bytes as counted by that version; ``version`` is ``"B"`` or ``"C"``.
    """

    def __init__(self, size: int, limit: int, version: str) -> None:
        super().__init__(
            f"The message is {size:,} bytes long; Misfin({version}) takes at most {limit:,}.",
            remedy="Shorten it, or split it into several messages.",
        )
        self.size = size
        self.limit = limit
        self.version = version


class AccountError(LocalError, LookupError):
    """There is no such account, or more than one is meant."""


class IdentityError(LocalError, ValueError):
    """A certificate or key that cannot be used as an identity (docs/protocol.md §4)."""


class IdentityEncryptedError(IdentityError):
    """The private key is encrypted and no (or a wrong) password was given."""

    remedy = "Give the password of the key."


class LocalProtocolError(LocalError, RuntimeError):
    """A protocol machine was driven in an order it does not allow: a bug in the calling program."""


class ClaimLostError(LocalError, RuntimeError):
    """A queued message was cancelled or taken by another process just before it left; nothing was sent."""


class StoreError(LocalError, OSError):
    """Mail, queue or trust data on disk could not be read or written."""


class MessageGoneError(StoreError):
    """The message is no longer where it was: another program moved or removed it meanwhile."""


class InputError(StoreError):
    """A file or folder a person named is not there, not what it should be, or in the way."""


class QueryError(LocalError, ValueError):
    """A search text that cannot be understood; ``column`` (0-based) is where it went wrong."""

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
    """Illegal bytes from the peer; ``status_hint`` is the status a server should answer with."""

    def __init__(self, message: str, *, status_hint: int = 59) -> None:
        super().__init__(message)
        self.status_hint = status_hint


class TlsError(RemoteError, ConnectionError):
    """TLS failed between us and the peer (docs/protocol.md §5).

    ``alert`` is the alert the peer sent, in OpenSSL's words (``"certificate required"``), or ``""``.
    """

    def __init__(self, message: str, *, alert: str = "") -> None:
        super().__init__(message)
        self.alert = alert


class DeliveryError(RemoteError):
    """A message could not be handed over; ``hostname`` and ``port`` say to whom.

    Unless it is an :class:`OutcomeUnknownError`, no message byte had left.
    """

    def __init__(self, message: str, *, hostname: str, port: int, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.hostname = hostname
        self.port = port


class HostUnknownError(DeliveryError, ConnectionError):
    """The host name has no address."""

    remedy = "Check the spelling of the host, and that you are online."


class ConnectError(DeliveryError, ConnectionError):
    """The host has an address but did not accept the connection, or dropped it before the request."""

    remedy = "The server may be down; the message can be tried again later."


class HandshakeError(DeliveryError, ConnectionError):
    """TLS could not be established: no Misfin server there, or one that refuses our certificate."""


class DeliveryTimeoutError(DeliveryError, TimeoutError):
    """The host stayed silent; nothing of the message had left."""

    remedy = "The server may be overloaded; the message can be tried again later."


class OutcomeUnknownError(DeliveryError, ConnectionError):
    """The whole request had left and no usable answer came: it may or may not have been delivered.

    Never repeat by yourself: the message could arrive twice (docs/protocol.md §2).
    """

    remedy = "Ask the recipient before sending it again: it may have arrived."


class RedirectError(DeliveryError):
    """A redirect that cannot be followed: no address, a loop, or too many hops (docs/protocol.md §2)."""

    def __init__(self, message: str, *, hostname: str, port: int, status: int, meta: str) -> None:
        super().__init__(message, hostname=hostname, port=port)
        self.status = status
        self.meta = meta
