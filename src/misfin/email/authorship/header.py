"""The header of an e-mail as its signatures see it: every field, raw, in order, with CRLF."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

MAX_FIELDS: Final = 2000
_END: Final = re.compile(rb"\r?\n\r?\n")
_FOLD: Final = re.compile(rb"[ \t]*\r\n[ \t]+")
_SPACES: Final = re.compile(rb"[ \t]+")


@dataclass(frozen=True, slots=True)
class RawField:
    """One field: its name in lower case, and all of it as it is on the wire, the final CRLF included."""

    name: bytes
    raw: bytes

    @property
    def value(self) -> bytes:
        """Everything after the colon, in one line."""
        return b" ".join(self.raw.partition(b":")[2].split())

    def relaxed(self) -> bytes:
        """As the "relaxed" canonicalization writes it (RFC 6376 §3.4.2), without the final CRLF."""
        unfolded = self.raw.partition(b":")[2].replace(b"\r\n", b"")
        return self.name + b":" + _SPACES.sub(b" ", unfolded).strip(b" \t\r\n")


def split(data: bytes) -> tuple[list[RawField], bytes]:
    """The fields and the body of a message, whatever its line ends.

    Of a header with more than :data:`MAX_FIELDS` fields nothing is returned: nobody signs such a thing.
    """
    end = _END.search(data)
    head, body = (data[: end.start()], data[end.end() :]) if end else (data, b"")
    fields: list[list[bytes]] = []
    for line in head.replace(b"\r\n", b"\n").split(b"\n"):
        if line[:1] in (b" ", b"\t") and fields:
            fields[-1].append(line)
        elif b":" in line:
            fields.append([line])
            if len(fields) > MAX_FIELDS:
                return [], body
    return [
        RawField(
            lines[0].partition(b":")[0].strip(b" \t").lower(), b"".join(line + b"\r\n" for line in lines)
        )
        for lines in fields
    ], body
