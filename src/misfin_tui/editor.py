"""Writing in one's own editor while mail goes on arriving (style.md §4.10).

The text goes to a private file; the terminal is given away, and the loop keeps running until the editor
ends. A file that is left behind because the program died is found again by :func:`leftover`.
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual.app import App, SuspendNotSupported

MAX_FILE = 1024 * 1024
"""Bytes read back: sixty times the largest message."""

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")


@dataclass(frozen=True, slots=True)
class Edited:
    """What came back: the new text, or None when the old one stays; ``problem`` is a sentence to show."""

    text: str | None
    problem: str = ""


def command_for(configured: str, environ: Mapping[str, str]) -> list[str]:
    """The editor to run: the setting, ``$VISUAL``, ``$EDITOR``, or the first common one that is installed.

    Empty when there is none. Raises :class:`ValueError` for a command with unbalanced quotes.
    """
    for text in (configured, environ.get("VISUAL", ""), environ.get("EDITOR", "")):
        if text.strip():
            return shlex.split(text)
    return next(([name] for name in ("nano", "vim", "vi", "micro", "emacs") if shutil.which(name)), [])


async def edit(app: App[Any], text: str, *, command: list[str], folder: Path, name: str) -> Edited:
    """Let a person change ``text`` in an editor; ``name`` names the file in ``folder``. Never raises."""
    if not command:
        return Edited(None, "There is no editor. Set one in the settings, or in $VISUAL or $EDITOR.")
    path = _file(folder, name)
    try:
        await asyncio.to_thread(_write, path, text)
    except OSError as error:
        return Edited(None, f"The editor's file {path} cannot be written: {error.strerror}.")
    code, problem = await _run(app, [*command, str(path)])
    if problem:
        _remove(path)
        return Edited(None, problem)
    return await asyncio.to_thread(_read_back, path, text, code)


async def _run(app: App[Any], argv: list[str]) -> tuple[int, str]:
    """Run a program in the terminal; returns its exit code, or what went wrong.

    Nothing may escape inside ``suspend()``: it would not resume. Without ``batch_update()`` the repaints of
    the waiting app would fill the queue of its stopped writer and block the loop for good.
    """
    code, problem = 0, ""
    cancelled: asyncio.CancelledError | None = None
    try:
        with app.suspend(), app.batch_update():
            try:
                process = await asyncio.create_subprocess_exec(*argv)
                code = await process.wait()
            except OSError as error:
                problem = f"{argv[0]} cannot be started: {error.strerror}."
            except asyncio.CancelledError as error:
                cancelled = error
    except SuspendNotSupported:
        problem = "An editor cannot be opened in this terminal."
    if cancelled is not None:
        raise cancelled
    app.refresh(layout=True)
    return code, problem


def leftover(folder: Path, name: str) -> str | None:
    """The text an editor had saved when the program died; None when there is none."""
    path = _file(folder, name)
    try:
        return _read(path)
    except OSError:
        return None


def forget(folder: Path, name: str) -> None:
    """Remove a file found by :func:`leftover`, once its text is safe elsewhere."""
    _remove(_file(folder, name))


def _file(folder: Path, name: str) -> Path:
    return folder / f"draft-{_UNSAFE.sub('_', name)[:60] or 'new'}.gmi"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "w", encoding="utf-8", errors="replace", newline="") as file:  # noqa: PTH123 - a descriptor
        # Editors end every line; a last line without an end would get the next text glued to it.
        file.write(text if not text or text.endswith("\n") else f"{text}\n")


def _read(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise OSError(f"larger than {MAX_FILE:,} bytes")
    return data.decode("utf-8", "replace")


def _read_back(path: Path, before: str, code: int) -> Edited:
    try:
        after = _read(path)
    except FileNotFoundError:
        return Edited(None, "The editor removed its file; the text is as it was.")
    except OSError as error:
        return Edited(None, f"What the editor wrote cannot be read ({error}); it is kept in {path}.")
    if not before.endswith("\n"):
        after = after.removesuffix("\n")
    if code > 0 and after != before:
        # It said that it failed, or was told to give up (:cq): do not take it, do not throw it away.
        kept = path.with_suffix(".kept.gmi")
        path.replace(kept)
        return Edited(None, f"The editor ended with an error ({code}); what it wrote is kept in {kept}.")
    _remove(path)
    if code > 0:
        return Edited(None, f"The editor ended with an error ({code}); the text is as it was.")
    if code < 0:
        return Edited(after, f"The editor was killed (signal {-code}); this is what it had saved.")
    return Edited(after)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
