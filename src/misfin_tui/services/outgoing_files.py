"""Files to attach to a message being written: found by name, and copied into the profile.

Names are typed or pasted by the person. What cannot be attached is reported in words, the rest is attached.
"""

from __future__ import annotations

import asyncio
import glob
import mimetypes
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from misfin.compose.typedpaths import TypedPath, as_typed, typed_paths
from misfin.errors import InputError, MisfinError
from misfin.store.rows import Completion
from misfin_tui.screentext import plain

if TYPE_CHECKING:
    from misfin.store.outgoing.attachments import AttachedFile
    from misfin_tui.services import Services

MOST_FILES = 500
"""Files attached at once: a pattern may name a whole disk."""
MOST_LISTED = 20_000
"""Entries of a folder that are looked at to complete a name."""
MOST_OFFERED = 200
_ENCODED = 1.37  # bytes of a file in a message for each of its own: base64 with its line ends


@dataclass(frozen=True, slots=True)
class AttachResult:
    """The files that were attached, and a sentence for each that could not be."""

    files: tuple[AttachedFile, ...]
    problems: tuple[str, ...]


class OutgoingFiles:
    """Work is done in threads."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def find(self, text: str) -> list[Path]:
        """The files that these names and patterns name, each once.

        Raises :class:`InputError` where one names nothing, or something other than a file.
        """
        return await asyncio.to_thread(_found, text)

    async def complete(self, text: str, cursor: int) -> list[Completion]:
        """What the name at the cursor could become, folders first; the hints are sizes."""
        return await asyncio.to_thread(_offers, text, cursor)

    async def attach(self, paths: Sequence[Path], most: int = 0) -> AttachResult:
        """Copy files into the profile. ``most`` is how many bytes a message may have, 0 for no limit."""
        return await asyncio.to_thread(self._attach, paths, most)

    async def types(self, files: Sequence[AttachedFile]) -> list[str]:
        """The types that files have by their names, as mail calls them."""
        return await asyncio.to_thread(lambda: [_type_of(file.name) for file in files])

    async def open(self, file: AttachedFile) -> None:
        """Give a copy of an attached file to the opener.

        Raises :class:`~misfin.errors.StoreError` where it is missing, and
        :class:`~misfin.errors.LocalError`.
        """
        path = await asyncio.to_thread(lambda: self._services.draft_box.files.path(file.key))
        await self._services.attached.open_copy(path, file.name)

    def _attach(self, paths: Sequence[Path], most: int) -> AttachResult:
        files, problems = [], []
        for path in paths:
            try:
                size = _size_of(path)
                if most and size * _ENCODED > most:
                    raise InputError(
                        f"{path.name} is {size:,} bytes long, too large to be sent: a message from this"
                        f" account can have {most:,} bytes at most."
                    )
                files.append(self._services.draft_box.files.add(path, _name(path)))
            except MisfinError as error:
                problems.append(f"{error} {error.remedy}".strip())
        return AttachResult(tuple(files), tuple(problems))


def _name(path: Path) -> str:
    """The name that others see: that of the file, without what no header can have."""
    return "".join(char if char.isprintable() else "_" for char in path.name)


def _type_of(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def _size_of(path: Path) -> int:
    try:
        found = path.stat()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    if stat.S_ISDIR(found.st_mode):
        raise InputError(f"{path} is a folder.", remedy="Attach the files in it, or an archive of it.")
    if not stat.S_ISREG(found.st_mode):
        raise InputError(f"{path} is not a file: it is a device, a pipe or a socket.")
    return found.st_size


def _found(text: str) -> list[Path]:
    whole = Path(_at_home(text.strip()))
    names = typed_paths(text)
    if len(names) > 1 and _exists(whole):  # a name with spaces that nobody quoted
        return [whole]
    found = [path for name in names for path in _named(name)]
    if not found:
        raise InputError("Write the name of a file.", remedy="tab completes it.")
    if len(found) > MOST_FILES:
        raise InputError(f"These are more than {MOST_FILES} files.", remedy="Attach an archive of them.")
    for path in found:
        _size_of(path)
    return list(dict.fromkeys(found))


def _named(name: TypedPath) -> Iterator[Path]:
    path = Path(_at_home(name.path))
    if not name.pattern or _exists(path):
        yield path
        return
    matching = [Path(each) for each in islice(glob.iglob(str(path)), MOST_FILES + 1)]  # noqa: PTH207 - of any folder
    files = [each for each in sorted(matching) if each.is_file()]
    if not files:
        raise InputError(f"No file matches {name.path}.")
    yield from files


def _exists(path: Path) -> bool:
    return os.path.lexists(path) if "\0" not in str(path) else False


def _at_home(text: str) -> str:
    if "\0" in text:
        raise InputError("No file can have this name.")
    return os.path.expanduser(text)  # noqa: PTH111 - what it does not know it leaves as it is


def _offers(text: str, cursor: int) -> list[Completion]:
    begun = next((each for each in typed_paths(text[:cursor]) if each.end == cursor), None)
    start, path = (begun.start, begun.path) if begun else (cursor, "")
    head, slash, name = path.rpartition("/")
    folder = head + slash
    found: list[tuple[bool, str, str]] = []
    with suppress(OSError, ValueError, InputError), os.scandir(_at_home(folder) or ".") as entries:
        for entry in islice(entries, MOST_LISTED):
            if entry.name.casefold().startswith(name.casefold()) and (name or not entry.name.startswith(".")):
                found += _offer(entry)
    return [
        Completion(as_typed(folder + each) + ("/" if is_folder else ""), start, cursor, note)
        for is_folder, each, note in sorted(found, key=lambda each: (not each[0], each[1].casefold()))
    ][:MOST_OFFERED]


def _offer(entry: os.DirEntry[str]) -> Iterator[tuple[bool, str, str]]:
    """Whether it is a folder, its name, and a word about it; nothing for what cannot be attached or typed."""
    if plain(entry.name, one_line=True) != entry.name:
        return
    with suppress(OSError):
        if entry.is_dir():
            yield True, entry.name, "folder"
        elif entry.is_file():
            yield False, entry.name, f"{entry.stat().st_size:,} bytes"
