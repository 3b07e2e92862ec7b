"""Writing a file the user asked for: never over another one, never half of it, never at a stranger's path."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

from misfin.errors import LocalError
from misfin.files import create_private

MAX_NAME = 100
"""Characters of a file name made from a stranger's: file systems take 255 bytes, people fewer."""
MAX_SUFFIX = 12
_KEPT = frozenset("-_.+ ")


def write_new(path: Path, data: bytes) -> None:
    """Write a file, mode 0600, that must not exist yet. Raises :class:`LocalError`."""
    path = expanded(path)
    try:
        create_private(path, data)
    except FileExistsError as error:
        raise LocalError(f"{path} already exists.", remedy="Choose another name.") from error
    except OSError as error:
        raise LocalError(f"{path} cannot be written: {error.strerror}.") from error
    except ValueError as error:
        raise LocalError("No file can have this name.") from error


def expanded(path: Path) -> Path:
    """``path`` with its ``~`` or ``~user`` read. Raises :class:`LocalError` where there is no such user."""
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise LocalError(f"{path} cannot be written: there is no such user.") from error


def safe_name(name: str, otherwise: str) -> str:
    """A file name of our own making that resembles ``name``, else ``otherwise``.

    One path component, never hidden, never an option, of letters and digits of any alphabet, spaces and
    ``-_.+``; what draws nothing or turns the line around is not a letter. The suffix survives cutting.
    """
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rstrip("/").rpartition("/")[2]
    if len(last) > 4 * MAX_NAME:
        last = last[: 2 * MAX_NAME] + last[-2 * MAX_NAME :]
    kept = "".join(char if char.isalnum() or char in _KEPT else "_" for char in last)
    kept = " ".join(kept.split()).strip("-. ")
    if not any(char.isalnum() for char in kept):
        return otherwise
    stem, dot, suffix = kept.rpartition(".")
    if not stem or len(suffix) > MAX_SUFFIX:
        return _short(kept, MAX_NAME)
    return _short(stem, MAX_NAME - len(suffix) - 1) + dot + suffix


def _short(text: str, longest: int) -> str:
    """At most ``longest`` characters, and of wide alphabets as few as the file system takes."""
    text = text[:longest]
    while len(text.encode()) > 2 * MAX_NAME:
        text = text[:-1]
    return text.rstrip()


def free_path(path: Path) -> Path:
    """``path``, or the first of ``name-2.txt``, ``name-3.txt`` … that does not exist; a guess, no promise."""
    number = 1
    free = path
    while os.path.lexists(free):
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free
