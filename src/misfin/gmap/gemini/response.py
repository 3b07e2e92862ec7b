"""The header of a Gemini answer: two digits, a space, META (docs/gmap.md §1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from misfin.errors import RemoteProtocolError

MAX_HEADER: Final = 1024 + len(b"20 \r\n")
"""Bytes of a header with its line end."""

_LINE: Final = re.compile(rb"([1-6][0-9])(?: ([^\r\n]*))?\r?\n")
_CHARSET: Final = re.compile(r";\s*charset\s*=\s*\"?([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
# META is a stranger's text, and a terminal acts on these.
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class GeminiHeader:
    """A status (10 to 69) and META: a media type, a place to go, or words, without control characters."""

    status: int
    meta: str = ""

    @classmethod
    def from_line(cls, line: bytes) -> GeminiHeader:
        """Read a line with its line end. Raises :class:`~misfin.errors.RemoteProtocolError`."""
        found = _LINE.fullmatch(line)
        if found is None:
            raise RemoteProtocolError("The server's answer does not begin with a Gemini status.")
        meta = (found[2] or b"").decode("utf-8", "replace")
        return cls(int(found[1]), _CONTROLS.sub("", meta).strip())

    @property
    def has_body(self) -> bool:
        """Whether a body follows: only a success (2x) has one."""
        return self.status // 10 == 2

    @property
    def media_type(self) -> str:
        """The type of the body, in lower case without parameters; gemtext where nothing is said."""
        return (self.meta.partition(";")[0].strip() or "text/gemini").lower()

    @property
    def charset(self) -> str:
        """The charset of the body; UTF-8 where nothing is said."""
        found = _CHARSET.search(self.meta)
        return found[1].lower() if found else "utf-8"
