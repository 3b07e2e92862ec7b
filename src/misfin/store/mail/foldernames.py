"""Where a mail folder lies below its account, in the naming of Maildir++ that Dovecot and mutt share.

``Lists/Crew`` is the directory ``.Lists.Crew``; other letters than ASCII are in IMAP's modified UTF-7.
"""

from __future__ import annotations

import binascii
import itertools
import os
import re
from collections.abc import Iterable
from pathlib import Path

from misfin.errors import StoreError
from misfin.store.mail.casing import own_name, read_back, spelled_out

_LONGEST = 255
"""Bytes of a file name on every usual system."""
_STRAY_BYTE = re.compile(r"\\x([89a-f][0-9a-f])")
_AS_IT_STANDS = "./"
"""Before the name on disk of a folder that reads as another one does: one that some program has called INBOX
beside the real one, or a second spelling of a name. No other folder's name has a dot."""


def folder_path(home: Path, name: str) -> Path:
    """The directory of a folder other than the inbox, made or not; ``/`` divides its levels.

    Raises :class:`StoreError` for a name that cannot be one: none leads out of ``home``.
    """
    if name.startswith(_AS_IT_STANDS) and "\0" not in name and name.strip("./"):
        stands = name.removeprefix(_AS_IT_STANDS)
        directory = home / f".{stands.replace('/', '.')}"
        if _is_inbox(stands) or directory.is_dir():
            return directory
    parts = name.split("/")
    if not all(parts) or any("." in part or "\0" in part for part in parts):
        # Another program may have made such a folder in spite of the rules; then it is there to be read.
        foreign = home / f".{name.replace('/', '.')}"
        if "\0" not in name and foreign.name not in (".", "..") and foreign.is_dir():
            return foreign
        raise StoreError(f"{name!r} cannot name a mail folder.", remedy="Use a name without dots.")
    plain, encoded = f".{'.'.join(parts)}", f".{'.'.join(to_utf7(part) for part in parts)}"

    def spell() -> str:
        return f".{'.'.join(spelled_out(part) for part in parts)}"

    if "," in encoded and any(read_back(part) != part for part in encoded.split(".")):
        encoded = spell()  # as it stands it reads as the spelling of another name
    if len(encoded) > _LONGEST:
        raise StoreError("The folder name is too long.", remedy="Use a shorter one.")
    encoded = own_name(home, encoded, spell)
    if not (home / encoded).is_dir():
        for other in (plain, *map(_with_stray_bytes, (plain, encoded))):
            if other != encoded and (home / other).is_dir():
                return home / other
    return home / encoded


def folder_name(directory: str) -> str:
    """What the folder in a directory of this name is called; :func:`folder_path` finds it again.

    Bytes that are not UTF-8 (a name in Latin-1, say) are shown as ``\\xe9``: every database takes that.
    """
    name = "/".join(_part_name(part) for part in _printed(directory).split("."))
    return _AS_IT_STANDS + name if _is_inbox(name) else name


def names_of(home: Path, directories: Iterable[str]) -> set[str]:
    """What the folders in these directories of ``home`` are called, even where two would read the same."""
    names: dict[str, str] = {}
    for directory in directories:
        name = folder_name(directory)
        if (twin := names.get(name)) is not None:
            first = folder_path(home, name).name
            names[name] = first
            other = twin if directory == first else directory
            stands = _AS_IT_STANDS + _printed(other).replace(".", "/")
            if folder_path(home, stands).name == other:
                names[stands] = other
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
    """The name of a directory whose odd bytes :func:`folder_name` has written out."""
    return _STRAY_BYTE.sub(lambda found: chr(0xDC00 + int(found[1], 16)), text)


def to_utf7(text: str) -> str:
    """Modified UTF-7 (RFC 3501 §5.1.3)."""
    out: list[str] = []
    for ascii_run, chars in itertools.groupby(text, lambda char: " " <= char <= "~"):
        run = "".join(chars)
        if ascii_run:
            out.append(run.replace("&", "&-"))
        else:
            coded = binascii.b2a_base64(run.encode("utf-16-be", "surrogatepass"), newline=False).decode()
            out.append(f"&{coded.rstrip('=').replace('/', ',')}-")
    return "".join(out)


def from_utf7(text: str) -> str:
    """The other way; a name that is not modified UTF-7 is shown as it stands on disk."""
    head, *pieces = text.split("&")
    out = [head]
    for piece in pieces:
        coded, dash, rest = piece.partition("-")
        if not dash:
            return text
        try:
            raw = binascii.a2b_base64(coded.replace(",", "/") + "=" * (-len(coded) % 4))
            out.append((raw.decode("utf-16-be") if coded else "&") + rest)
        except ValueError:
            return text
    name = "".join(out)
    return name if not set(name) & set("/.\0") and to_utf7(name) == text else text
