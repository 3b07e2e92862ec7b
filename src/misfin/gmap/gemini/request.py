"""A Gemini request: an absolute URL on one line, at most 1,024 bytes (docs/gmap.md §1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from misfin.errors import AddressError, LocalProtocolError
from misfin.model.address import normal_hostname

MAX_URL: Final = 1024
"""Bytes of the URL, without the line end."""

# What may stand in a path and a query without percent-encoding (RFC 3986 §3.3, §3.4), and "%" itself.
_PATH: Final = re.compile(r"/[!$&-;=@-Z_a-z~%]*")
_QUERY: Final = re.compile(r"[!$&-;=?-Z_a-z~%]*")


@dataclass(frozen=True, slots=True)
class GeminiRequest:
    """A request. ``path`` begins with ``/``; both it and ``query`` are encoded already.

    There is neither user information nor a fragment, and the port is always written: servers that listen on
    another port than 1965 compare it.
    """

    host: str
    port: int
    path: str = "/"
    query: str | None = None

    @property
    def url(self) -> str:
        """The URL as it is sent. Raises as :meth:`to_bytes`."""
        return self.to_bytes()[:-2].decode("ascii")

    def to_bytes(self) -> bytes:
        """The request line; raises :class:`~misfin.errors.LocalProtocolError` for one that cannot be sent."""
        try:
            host = normal_hostname(self.host)
        except AddressError as error:
            raise LocalProtocolError(str(error)) from error
        if not 0 < self.port < 65536:
            raise LocalProtocolError(f"{self.port} is not a port.")
        if not _PATH.fullmatch(self.path) or not (self.query is None or _QUERY.fullmatch(self.query)):
            raise LocalProtocolError("A Gemini request may only contain the characters of a URL.")
        query = "" if self.query is None else f"?{self.query}"
        url = f"gemini://{host}:{self.port}{self.path}{query}"
        if not url.isascii() or len(url) > MAX_URL:
            raise LocalProtocolError(f"A Gemini request has at most {MAX_URL:,} ASCII characters.")
        return url.encode("ascii") + b"\r\n"
