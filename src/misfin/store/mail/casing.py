"""Names that differ only in case, on file systems that ignore case (macOS by default, FAT).

There the second of two such names is spelled out: letters become their code points between commas, ``,41,da``
for ``Ada``. On other systems nothing changes, but a folder copied from such a disk is found.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_SPELLED = re.compile(r",([0-9a-f]{2,6}),")
_LONGEST = 255
"""The most bytes in a file name on common systems; a spelled out name is ASCII."""
_known: dict[str, bool] = {}


def own_name(folder: Path, name: str, spell: Callable[[], str]) -> str:
    """The file name of ``name`` in ``folder``, whether it exists or not: ``name``, or ``spell()``."""
    twin = has_twin(folder, name)
    if not twin and os.path.isdir(f"{folder}/{name}"):  # noqa: PTH112 - once per message, and Path costs three times as much
        return name
    spelled = spell()
    if len(spelled) > _LONGEST:
        return name
    return spelled if twin or (spelled != name and (folder / spelled).is_dir()) else name


def spelled_out(name: str) -> str:
    """A spelling that no other name shares, even if case is ignored; :func:`read_back` reverses it.

    Capitals and non-ASCII characters are spelled out, or the first letter if there are none.
    """
    odd = {sign for sign in name if not sign.isascii() or sign.isupper() or sign in "&,"}
    first = next((sign for sign in name if sign.isalpha()), "") if not odd - set("&,") else ""
    out = []
    for sign in name:
        if sign in odd or sign == first:
            out.append(f",{ord(sign):02x},")
            first = ""
        else:
            out.append(sign)
    return "".join(out)


def read_back(text: str) -> str:
    """The name from which :func:`spelled_out` made ``text``; any other text is returned unchanged."""
    with suppress(ValueError, OverflowError):
        name = _SPELLED.sub(lambda found: chr(int(found[1], 16)), text)
        name.encode()  # raises for bytes that are not text
        if name != text and spelled_out(name) == text and not set(name) & set("/\0"):
            return name
    return text


def has_twin(folder: Path, name: str) -> bool:
    """Whether ``folder`` has a name that differs from ``name`` only in case, so that both would collide."""
    if not ignores_case(folder):
        return False
    with suppress(OSError):
        names = os.listdir(folder)  # noqa: PTH208 - the names, not paths
        return name not in names and any(_folded(other) == _folded(name) for other in names)
    return False


def ignores_case(folder: Path) -> bool:
    """Whether ``folder`` ignores case in names; False while it is empty."""
    key = str(folder)
    if (known := _known.get(key)) is not None:
        return known
    with suppress(OSError):
        names = os.listdir(folder)  # noqa: PTH208 - as above
        for name in names:
            other = name.swapcase()
            if other.lower() == name.lower() and other not in names:
                _known[key] = os.path.lexists(folder / other)
                return _known[key]
    return False


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
