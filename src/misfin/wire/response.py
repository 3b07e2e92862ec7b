"""A Misfin response as a value: read leniently, written strictly (docs/protocol.md §2)."""

from __future__ import annotations

import re
from dataclasses import field

from misfin.errors import AddressError, LocalProtocolError, RemoteProtocolError
from misfin.model.address import MisfinAddress
from misfin.model.fingerprint import normalize_fingerprint
from misfin.model.status import is_redirect, is_success
from misfin.valueclass import dataclass
from misfin.wire.limits import MAX_RESPONSE

_LINE = re.compile(r"([0-9]{2})(?: (.*))?", re.DOTALL)
# META comes from a stranger and has no use for these, but a terminal acts on them (docs/protocol.md §2).
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class MisfinResponse:
    """A response line (docs/protocol.md §2): two digits and META, text without control characters.

    :func:`misfin.interpret_status` says what a status means; META is a stranger's text, for display only.
    ``truncated``: the line did not end with CRLF, but is valid all the same. ``address``: who answered, if
    known; after a redirect not the address first asked. Comparisons ignore it.
    """

    status: int
    meta: str = ""
    truncated: bool = False
    address: MisfinAddress | None = field(default=None, compare=False)

    @classmethod
    def from_line(cls, line: str, *, truncated: bool = False) -> MisfinResponse:
        """Read a line without its line end: two digits, then a space and META, or nothing.

        Raises :class:`~misfin.errors.RemoteProtocolError` for anything else: the outcome is then unknown.
        """
        found = _LINE.fullmatch(line)
        if not found:
            raise RemoteProtocolError("The server's answer does not begin with a Misfin status.")
        return cls(int(found[1]), _CONTROLS.sub("", found[2] or "").strip(), truncated)

    def to_bytes(self) -> bytes:
        """Write exactly one line, even if META has line ends, cut at :data:`MAX_RESPONSE` bytes.

        Raises :class:`~misfin.errors.LocalProtocolError` for a status outside 20 to 69 (docs/protocol.md §2).
        """
        if not 20 <= self.status <= 69:
            raise LocalProtocolError(f"{self.status} is not a status a Misfin server may send.")
        meta = _CONTROLS.sub(" ", self.meta).encode("utf-8", "replace")
        room = MAX_RESPONSE - len(b"20 \r\n")
        if len(meta) > room:
            meta = meta[:room].decode("utf-8", "ignore").encode()
        return b"%d %b\r\n" % (self.status, meta)

    @property
    def fingerprint(self) -> str | None:
        """The recipient's fingerprint from a 2x, as 64 hex digits; None when META is some other text."""
        return normalize_fingerprint(self.meta) or None if is_success(self.status) else None

    @property
    def redirect_address(self) -> MisfinAddress | None:
        """Where a 3x points, perhaps with a port; None when META is not an address, which is a failure."""
        if not is_redirect(self.status):
            return None
        try:
            return MisfinAddress.parse(self.meta)
        except AddressError:
            return None
