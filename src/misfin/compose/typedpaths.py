"""Reads the names of files as people type, paste and drop them. Pure.

Names are separated by spaces, as in a shell: one with a space in it is quoted or has a backslash before it.
``file:`` links are names too. Nothing else of a shell is understood: no variable, no command.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

_WORD = re.compile(r"""(?:[^\s"'\\]++|\\.|"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|'[^']*+(?:'|\Z)|\\\Z)++""", re.DOTALL)
_PIECE = re.compile(r"""\\(.)|"((?:[^"\\]|\\.)*+(?:\\\Z)?)"?|'([^']*+)'?|([^"'\\]++)""", re.DOTALL)
_QUOTED = re.compile(r"""["'\\]""")
_DIVIDES = re.compile(r"""[\s"'\\*?\[\]]""")
_BEGINNINGS = ("/", "~", "file:")


@dataclass(frozen=True, slots=True)
class TypedPath:
    """One name, and where it is in the text.

    ``pattern``: it may stand for several files, because its ``*``, ``?`` or ``[`` were not quoted.
    """

    path: str
    start: int
    end: int
    pattern: bool = False


def typed_paths(text: str) -> list[TypedPath]:
    """Every name in a text, in their order."""
    found = []
    for word in _WORD.finditer(text):
        path = _meant(word[0])
        pattern = any(sign in word[0] for sign in "*?[") and not _QUOTED.search(word[0])
        found.append(TypedPath(_of_link(path), word.start(), word.end(), pattern and path == _of_link(path)))
    return found


def as_typed(path: str) -> str:
    """A name as it has to be typed, with a backslash before what would divide it or stand for others."""
    return _DIVIDES.sub(lambda found: f"\\{found[0]}", path)


def as_pasted(text: str) -> str:
    """A paste as it has to be typed: every line is a name, with the spaces it has.

    A line of several names that each begin like one, as some terminals drop files, stays several.
    """
    return " ".join(_pasted(line.strip()) for line in text.splitlines() if line.strip())


def _pasted(line: str) -> str:
    words = typed_paths(line)
    one = line.startswith(_BEGINNINGS) and not _QUOTED.search(line)
    if len(words) < 2 or not one or all(word.path.startswith(_BEGINNINGS) for word in words):
        return line
    return as_typed(_of_link(line))


def _meant(word: str) -> str:
    parts = []
    for escaped, double, single, plain in _PIECE.findall(word):
        parts.append(escaped or re.sub(r'\\(["\\])', r"\1", double) or single or plain)
    return "".join(parts)


def _of_link(text: str) -> str:
    """The path of a ``file:`` link to this machine; any other text as it is."""
    if text[:5].lower() != "file:":
        return text
    try:
        host = urlsplit(text).netloc
    except ValueError:
        return text
    # A `?` or `#` in the name should have been encoded, but not every program does that.
    path = text[5:].removeprefix(f"//{host}")
    return unquote(path) if host in ("", "localhost") and path.startswith("/") else text
