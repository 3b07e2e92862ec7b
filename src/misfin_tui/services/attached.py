"""Attachments of ordinary mail: saved to a file the user names, or given to a program that opens them.

Names of attachments come from strangers: every path here is made by us or typed by the user.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from misfin.errors import LocalError
from misfin.files import private_folder
from misfin_tui.services.newfile import expanded, free_path, safe_name, write_new

if TYPE_CHECKING:
    from misfin.store.message.parts import Attachment
    from misfin.store.rows import MessageRow
    from misfin_tui.services import Services


_OPENED = "opened-"
PAGE_SECONDS = 10
"""Of processor time that making a web page may take; a usual one takes a tenth of a second."""
_LEFT = 2 * 86400.0  # seconds after which nobody uses an opened file any more


class Attached:
    """Attachments, for the screens. Every method works in a thread; at most 128 MiB of a message are read."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._folder: Path | None = None
        self.last_folder = "~"
        """Where something was saved last: the next one probably goes there too."""

    def suggested(self, name: str, otherwise: str) -> str:
        """A path to offer for saving something."""
        return f"{self.last_folder}/{safe_name(name, otherwise)}"

    async def save(self, row: MessageRow, number: int, path: Path) -> Path:
        """Write one attachment (counted from 0) to a new file; returns where.

        Raises :class:`LocalError`, also when the file exists, and like :meth:`Mail.raw`.
        """
        ((_, data),) = await self._contents(row, [number])
        path = expanded(path)
        await asyncio.to_thread(write_new, path, data)
        self.last_folder = str(path.parent)
        return path

    async def save_all(self, row: MessageRow, folder: Path) -> list[Path]:
        """Write all of them into a folder that exists, under free names. Raises like :meth:`save`."""
        folder = expanded(folder)
        parts = await self._contents(row, None)
        paths = await asyncio.to_thread(_write_all, parts, folder)
        self.last_folder = str(folder)
        return paths

    async def open(self, row: MessageRow, number: int) -> None:
        """Give one to the opener, as a file that cannot be changed or run and is removed at the end.

        Raises :class:`LocalError`, and like :meth:`Mail.raw`.
        """
        ((part, data),) = await self._contents(row, [number])
        path = await asyncio.to_thread(self._put_aside, part, data, number)
        await self._services.outside.open_file(path)

    async def open_copy(self, source: Path, name: str) -> None:
        """The same for a copy of a file of our own; ``name`` is what it is to be called.

        Raises :class:`LocalError`.
        """
        path = await asyncio.to_thread(self._copy_aside, source, name)
        await self._services.outside.open_file(path)

    async def open_bytes(self, data: bytes, name: str) -> None:
        """The same for these bytes. Raises :class:`LocalError`."""
        path = await asyncio.to_thread(self._write_aside, data, name, "part")
        await self._services.outside.open_file(path)

    async def open_page(self, row: MessageRow) -> None:
        """Open a message in a browser, as a private file that loads nothing and is removed at the end.

        Raises :class:`LocalError`, and like :meth:`Mail.raw`.
        """
        raw = await self._services.mail.raw(row)
        page = await asyncio.to_thread(page_of, raw, row.size)
        path = await asyncio.to_thread(self._write_aside, page, "message.html", "page")
        await self._services.outside.open_page(path)

    async def _contents(
        self, row: MessageRow, numbers: Sequence[int] | None
    ) -> list[tuple[Attachment, bytes]]:
        from misfin_tui.services.protected import protected_of  # late: not for the first frame

        if (inside := protected_of(self._services).data(row.id)) is not None:
            return await asyncio.to_thread(_contents, inside, len(inside), numbers)
        raw = await self._services.mail.raw(row)
        return await asyncio.to_thread(_contents, raw, row.size, numbers)

    def _put_aside(self, part: Attachment, data: bytes, number: int) -> Path:
        return self._write_aside(data, part.name, f"attachment-{number + 1}")

    def _write_aside(self, data: bytes, name: str, otherwise: str) -> Path:
        path = self._place(name, otherwise)
        write_new(path, data)
        path.chmod(0o400)
        return path

    def _copy_aside(self, source: Path, name: str) -> Path:
        path = self._place(name, "attachment")
        try:
            shutil.copyfile(source, path)
            path.chmod(0o400)
        except OSError as error:
            raise LocalError(f"The file to open cannot be written: {error.strerror}.") from error
        return path

    def _place(self, name: str, otherwise: str) -> Path:
        """A path that does not exist yet, in a folder that is removed at the end."""
        try:
            if self._folder is None:
                parent = self._services.profile.runtime
                private_folder(parent)
                _sweep(parent)
                self._folder = Path(tempfile.mkdtemp(prefix=_OPENED, dir=parent))
            return free_path(self._folder / safe_name(name, otherwise))
        except OSError as error:
            raise LocalError(f"The file to open cannot be written: {error.strerror}.") from error

    def close(self) -> None:
        """Remove what was opened."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def _sweep(parent: Path) -> None:
    """Remove what a killed program left behind; a running one may have opened its files today."""
    for old in parent.glob(f"{_OPENED}*"):
        if old.lstat().st_mtime < time.time() - _LEFT:
            shutil.rmtree(old, ignore_errors=True)


def page_of(raw: bytes, size: int, seconds: int = PAGE_SECONDS) -> bytes:
    """A message as a web page, made by a process that is ended after some seconds; then only its text."""
    import subprocess  # late: hardly ever needed

    from misfin.store.message.web_page import text_page

    # -P: no module of the current folder is imported.
    command = [sys.executable, "-P", "-m", "misfin.store.message.web_page", str(size), str(seconds)]
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(command, input=raw, capture_output=True, check=True, timeout=3 * seconds)
        return done.stdout
    return text_page(raw, size).encode("utf-8", "replace")


def _contents(raw: bytes, size: int, numbers: Sequence[int] | None) -> list[tuple[Attachment, bytes]]:
    """The attachments of a message with their content, all of them or those of these numbers."""
    from misfin.store.message.mime import read_message

    found = read_message(raw, size=size).attachments
    wanted = range(len(found)) if numbers is None else numbers
    parts = [found[number] for number in wanted if number < len(found)]
    if len(parts) < len(wanted) or not parts:
        raise LocalError("This attachment is no longer there.")
    if len(raw) < size and any(part.end >= len(raw) for part in parts):
        raise LocalError("This message is too large to extract an attachment from it.", remedy=_REMEDY)
    return [(part, part.content(raw)) for part in parts]


_REMEDY = "Save the whole message as .eml, or use its file."


def _write_all(parts: Sequence[tuple[Attachment, bytes]], folder: Path) -> list[Path]:
    if not os.path.isdir(folder):  # noqa: PTH112 - Path.is_dir raises for names no file can have
        raise LocalError(f"{folder} is not a folder.", remedy="Choose an existing folder.")
    paths = []
    for number, (part, data) in enumerate(parts):
        path = free_path(folder / safe_name(part.name, f"attachment-{number + 1}"))
        write_new(path, data)
        paths.append(path)
    return paths
