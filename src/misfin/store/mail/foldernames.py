"""The directories of mail folders below their account, named by Maildir++ as in Dovecot and mutt.

``Lists/Crew`` is the directory ``.Lists.Crew``; non-ASCII letters are in IMAP's modified UTF-7.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from misfin.errors import StoreError
from misfin.model.utf7 import from_utf7 as modified_utf7
from misfin.model.utf7 import to_utf7
from misfin.store.mail.casing import own_name, read_back, spelled_out
from misfin.store.mail.plain_folders import ON_DISK, plain_path

_LONGEST = 255
"""The most bytes in a file name on common systems."""
_STRAY_BYTE = re.compile(r"\\x([89a-f][0-9a-f])")
_VERBATIM = "./"
"""Prefix for the name on disk of a folder whose name would read like another's: one that some program has
called INBOX besides the real one, or a second spelling of a name. No other folder's name has a dot."""


def folder_path(home: Path, name: str) -> Path:
    """The directory of a folder other than the inbox, whether it exists or not; ``/`` separates levels.

    Raises :class:`StoreError` for an invalid name: no name can lead out of ``home``.
    """
    if name.startswith(ON_DISK) and (path := plain_path(home, name)):
        return path
    if name.startswith(_VERBATIM) and "\0" not in name and name.strip("./"):
        verbatim = name.removeprefix(_VERBATIM)
        directory = home / f".{verbatim.replace('/', '.')}"
        if _is_inbox(verbatim) or directory.is_dir():
            return directory
    parts = name.split("/")
    if not all(parts) or any("." in part or "\0" in part for part in parts):
        # Another program may have created such a folder against the rules; then it can be read.
        foreign = home / f".{name.replace('/', '.')}"
        if "\0" not in name and foreign.name not in (".", "..") and foreign.is_dir():
            return foreign
        if path := plain_path(home, name):
            return path
        raise StoreError(f"{name!r} cannot be the name of a mail folder.", remedy="Use a name without dots.")
    plain, encoded = f".{'.'.join(parts)}", f".{'.'.join(to_utf7(part) for part in parts)}"

    def spell() -> str:
        return f".{'.'.join(spelled_out(part) for part in parts)}"

    if "," in encoded and any(read_back(part) != part for part in encoded.split(".")):
        encoded = spell()  # as it is, it would read as the spelling of another name
    if len(encoded) > _LONGEST:
        raise StoreError("The folder name is too long.", remedy="Use a shorter one.")
    encoded = own_name(home, encoded, spell)
    if not (home / encoded).is_dir():
        for other in (plain, *map(_with_stray_bytes, (plain, encoded))):
            if other != encoded and (home / other).is_dir():
                return home / other
        return plain_path(home, name) or home / encoded
    return home / encoded


def folder_name(directory: str) -> str:
    """The name of the folder in a directory; :func:`folder_path` reverses it.

    Bytes that are not UTF-8 (a name in Latin-1, for example) become ``\\xe9``, which any database can store.
    """
    name = "/".join(_part_name(part) for part in _printed(directory).split("."))
    return _VERBATIM + name if _is_inbox(name) else name


def names_of(home: Path, directories: Iterable[str]) -> set[str]:
    """The names of the folders in these directories of ``home``, unique even if two would read the same."""
    names: dict[str, str] = {}
    for directory in directories:
        name = folder_name(directory)
        if (twin := names.get(name)) is not None:
            first = folder_path(home, name).name
            names[name] = first
            other = twin if directory == first else directory
            verbatim = _VERBATIM + _printed(other).replace(".", "/")
            if folder_path(home, verbatim).name == other:
                names[verbatim] = other
        else:
            names[name] = directory
    return set(names)


def _part_name(part: str) -> str:
    name = read_back(part)
    return from_utf7(part) if name == part else name


def _printed(directory: str) -> str:
    return os.fsencode(directory[1:]).decode("utf-8", "backslashreplace")


def _is_inbox(name: str) -> bool:
    return name.upper() == "INBOX"


def _with_stray_bytes(text: str) -> str:
    """The name of a directory whose non-UTF-8 bytes :func:`folder_name` has escaped."""
    return _STRAY_BYTE.sub(lambda found: chr(0xDC00 + int(found[1], 16)), text)


def from_utf7(text: str) -> str:
    """A part of a name as plain text; one that is not modified UTF-7 is returned unchanged."""
    name = modified_utf7(text)
    return text if name is None or set(name) & set("/.\0") else name
