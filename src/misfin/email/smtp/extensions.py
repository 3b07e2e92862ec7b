"""What a server says it can do: the lines of its answer to EHLO or LHLO (RFC 5321 §4.1.1.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_KEYWORD = re.compile(r"[A-Z0-9][A-Z0-9-]*")
_MECHANISM = re.compile(r"[A-Z0-9_-]{1,20}")
_SIZE = re.compile(r"[0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class Extensions:
    """The extensions of a server: their parameters by name in upper case, and the names alone."""

    parameters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    names: frozenset[str] = frozenset()

    @classmethod
    def read(cls, lines: Iterable[str]) -> Extensions:
        """Read the lines after the first; a line that is not one is passed over."""
        found: dict[str, tuple[str, ...]] = {}
        for line in lines:
            # Before RFC 2554 some servers wrote AUTH=LOGIN, and some still write both.
            words = line.replace("=", " ", 1).split() if line[:5].upper() == "AUTH=" else line.split()
            if not words or not _KEYWORD.fullmatch(keyword := words[0].upper()):
                continue
            # A keyword may come twice: AUTH does, in its two spellings.
            found[keyword] = (*found.get(keyword, ()), *words[1:])
        return cls(found, frozenset(found))

    @property
    def auth_mechanisms(self) -> frozenset[str]:
        """The mechanisms for logging in, in upper case; what cannot be one is left out."""
        names = (name.upper() for name in self.parameters.get("AUTH", ()))
        return frozenset(name for name in names if _MECHANISM.fullmatch(name))

    @property
    def max_message_size(self) -> int | None:
        """The largest message in bytes; None where none is named, and for 0 (RFC 1870 §4)."""
        size = self.parameters.get("SIZE", ())
        return int(size[0]) or None if size and _SIZE.fullmatch(size[0]) else None
