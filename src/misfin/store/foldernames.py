"""Where a mail folder lies below its account, in the naming of Maildir++ that Dovecot and mutt share.

``Lists/Crew`` is the directory ``.Lists.Crew``; other letters than ASCII are in IMAP's modified UTF-7.
"""

from __future__ import annotations

import binascii
import itertools
from pathlib import Path

from misfin.errors import StoreError

_LONGEST = 255
"""Bytes of a file name on every usual system."""


def folder_path(home: Path, name: str) -> Path:
    """The directory of a folder other than the inbox, made or not; ``/`` divides its levels.

    Raises :class:`StoreError` for a name that cannot be one: none leads out of ``home``.
    """
    parts = name.split("/")
    if not all(parts) or any("." in part or "\0" in part for part in parts):
        # Another program may have made such a folder in spite of the rules; then it is there to be read.
        foreign = home / f".{name.replace('/', '.')}"
        if "\0" not in name and foreign.name not in (".", "..") and foreign.is_dir():
            return foreign
        raise StoreError(f"{name!r} cannot name a mail folder.", remedy="Use a name without dots.")
    plain, encoded = f".{'.'.join(parts)}", f".{'.'.join(to_utf7(part) for part in parts)}"
    if len(encoded.encode()) > _LONGEST:
        raise StoreError("The folder name is too long.", remedy="Use a shorter one.")
    if plain != encoded and not (home / encoded).is_dir() and (home / plain).is_dir():
        return home / plain
    return home / encoded


def folder_name(directory: str) -> str:
    """What the folder in a directory of this name is called; :func:`folder_path` finds it again."""
    return "/".join(from_utf7(part) for part in directory[1:].split("."))


def to_utf7(text: str) -> str:
    """Modified UTF-7 (RFC 3501 §5.1.3)."""
    out: list[str] = []
    for ascii_run, letters in itertools.groupby(text, lambda letter: " " <= letter <= "~"):
        run = "".join(letters)
        if ascii_run:
            out.append(run.replace("&", "&-"))
        else:
            coded = binascii.b2a_base64(run.encode("utf-16-be", "surrogatepass"), newline=False).decode()
            out.append(f"&{coded.rstrip('=').replace('/', ',')}-")
    return "".join(out)


def from_utf7(text: str) -> str:
    """The other way; a name that is no modified UTF-7 is shown as it stands on disk."""
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
