"""A Misfin request as a value, and the rules for writing and checking one (docs/protocol.md §1)."""

from __future__ import annotations

import re
from dataclasses import field

from misfin.errors import AddressError, GemmailError, MessageTooLargeError, RemoteProtocolError
from misfin.model.address import MisfinAddress, parse_token
from misfin.model.gemmail import Flag, GemmailMessage, Version
from misfin.model.replies import paired
from misfin.valueclass import dataclass
from misfin.wire.limits import MAX_B_REQUEST, MAX_C_HEADER, MAX_MESSAGE

SCHEME = b"misfin://"
_METADATA_LINES = 3
_LENGTH = re.compile(rb"0|[1-9][0-9]*")  # no sign, no leading zero (docs/protocol.md §1.3)


@dataclass(frozen=True, slots=True)
class MisfinRequest:
    """One message for one mailbox (docs/protocol.md §1).

    ``message`` is all the request carries, metadata included, as UTF-8 bytes; ``version`` says how it is
    laid out. :meth:`to_bytes` checks all of it.
    """

    mailbox: str
    hostname: str
    message: bytes = field(default=b"", repr=False)
    version: Version = Version.C

    @property
    def address(self) -> MisfinAddress:
        """The recipient; raises :class:`~misfin.errors.AddressError` if the two parts are not an address."""
        return MisfinAddress(self.mailbox, self.hostname)

    @property
    def is_probe(self) -> bool:
        """Whether the message is empty: it then asks for a fingerprint (docs/protocol.md §1.3, §6)."""
        return not self.message

    def parse_message(self) -> GemmailMessage:
        """Read the message by the rules of its version (docs/protocol.md §3.4); never raises."""
        if self.version is Version.B:
            return GemmailMessage.from_bytes_b(self.message)
        return GemmailMessage.from_bytes(self.message)

    def to_bytes(self) -> bytes:
        """Write the request, strictly.

        Raises :class:`~misfin.errors.AddressError`, :class:`~misfin.errors.MessageTooLargeError` (with the
        size the version counts: the whole request for B, the message for C) or
        :class:`~misfin.errors.GemmailError` if a strict server would refuse the message.
        """
        target = SCHEME + self.address.address.encode()
        if self.version is Version.B:
            request = target + b" " + self.message + b"\r\n"
            if len(request) > MAX_B_REQUEST:
                raise MessageTooLargeError(len(request), MAX_B_REQUEST, Version.B)
        else:
            if len(self.message) > MAX_MESSAGE:
                raise MessageTooLargeError(len(self.message), MAX_MESSAGE, Version.C)
            header = b"%b\t%d\r\n" % (target, len(self.message))
            if len(header) > MAX_C_HEADER:
                raise AddressError(f"The address of {len(target):,} bytes is too long for Misfin.")
            request = header + self.message
        if defect := defect_of(self.message, self.version):
            raise GemmailError(f"The message cannot be sent: {defect}.")
        if self.version is Version.B and b"\r" in self.message:
            raise GemmailError("The message cannot be sent as Misfin(B): it contains a carriage return.")
        return request

    def as_b(self) -> MisfinRequest:
        """The same message as a Misfin(B) request, its text unchanged: the fallback of docs/protocol.md §8.

        Raises :class:`~misfin.errors.MessageTooLargeError` if it does not fit in 2048 bytes, and
        :class:`~misfin.errors.GemmailError` if it could not arrive unchanged (a TAB, a lone CR).
        """
        if self.version is Version.B:
            return self
        parsed = self.parse_message()
        if parsed.flags & {Flag.LONE_CR, Flag.NOT_UTF8}:
            raise GemmailError("The message cannot be sent as Misfin(B): it is not clean text.")
        message = paired(parsed).to_bytes(Version.B)
        if b"\t" in message:
            raise GemmailError(
                "The message cannot be sent as Misfin(B): it contains a TAB, which such servers misread.",
                remedy="Replace TABs with spaces.",
            )
        request = MisfinRequest(self.mailbox, self.hostname, message, Version.B)
        request.to_bytes()  # raises
        return request


def defect_of(message: bytes, version: Version) -> str:
    """What a strict server would find wrong with a message besides its size, or ``""``.

    See docs/protocol.md §1.2, §1.3.
    """
    try:
        message.decode()
    except UnicodeDecodeError:
        return "it is not valid UTF-8"
    if version is Version.C and message:
        if message.count(b"\n") < _METADATA_LINES:
            return "it has fewer than three metadata lines"
        if message.count(b"\r") != message.count(b"\r\n"):
            return "it contains a carriage return that does not end a line"
    elif b"\r\n" in message:
        return "it contains a CRLF, which ends a Misfin(B) request"
    return ""


def read_target(data: bytes) -> MisfinAddress:
    """Read the text between ``misfin://`` and the separator; a port is legal and ignored.

    See docs/protocol.md §1.5. Raises :class:`~misfin.errors.RemoteProtocolError` with status 59.
    """
    try:
        return parse_token(data.decode())
    except (UnicodeDecodeError, AddressError):
        raise RemoteProtocolError("The request does not contain a valid address.") from None


def read_length(digits: bytes) -> int:
    """Read CONTENT-LENGTH strictly (docs/protocol.md §1.3).

    Raises :class:`~misfin.errors.RemoteProtocolError` with status 59, also over the limit.
    """
    if not _LENGTH.fullmatch(digits):
        raise RemoteProtocolError("The content length is not a number.")
    # The number of digits first: int() is slow with thousands of digits, and fails with more.
    if len(digits) > len(str(MAX_MESSAGE)) or int(digits) > MAX_MESSAGE:
        raise RemoteProtocolError(f"The message is too long; at most {MAX_MESSAGE} bytes are allowed.")
    return int(digits)
