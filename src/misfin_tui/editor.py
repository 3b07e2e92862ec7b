"""Writing in an external editor while mail keeps arriving (docs/decisions.md §9).

The text goes to a private file; the terminal is handed over, and the loop keeps running until the editor
ends. No text an editor saved is ever removed unread: what cannot be taken is set aside under another name,
and a file that is left behind because the program died is found again by :func:`leftovers`.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import re
import shlex
import shutil
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from misfin.files import create_private, private_folder

MAX_FILE = 1024 * 1024
"""Bytes read back: sixty times the largest message."""

EARLY = 1.0
"""Too few seconds to write anything: an editor that ends within them probably has its own window."""

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")

RunsInTerminal = Callable[[list[str]], Awaitable[tuple[int, str]]]
"""Gives the terminal to a program; returns its exit code, and what went wrong as a sentence or nothing."""


@dataclass(frozen=True, slots=True)
class Edited:
    """What came back: the new text, or None when the old one stays; ``problem`` is a sentence to show.

    ``left`` is the file when it was to stay until :func:`forget`. ``early`` is that file when the editor
    ended at once and changed nothing: it may have a window of its own, and save there later.
    """

    text: str | None
    problem: str = ""
    left: Path | None = None
    early: Path | None = None


@dataclass(frozen=True, slots=True)
class Leftover:
    """A file an editor had saved when the program died: its text, and when it was saved (Unix seconds).

    ``problem`` says why the text cannot be read, or what was done about a part of it. ``note`` is what was
    given with the text.
    """

    path: Path
    saved: float
    text: str | None
    problem: str = ""
    note: str = ""


def command_for(configured: str, environ: Mapping[str, str]) -> list[str]:
    """The editor to run: the setting, ``$VISUAL``, ``$EDITOR``, or the first common one that is installed.

    Empty when there is none. Raises :class:`ValueError` for a command with unbalanced quotes.
    """
    for text in (configured, environ.get("VISUAL", ""), environ.get("EDITOR", "")):
        if text.strip():
            return shlex.split(text)
    return next(([name] for name in ("nano", "vim", "vi", "micro", "emacs") if shutil.which(name)), [])


async def edit(
    run: RunsInTerminal,
    text: str,
    *,
    command: list[str],
    folder: Path,
    name: str,
    keep: bool = False,
    note: str = "",
) -> Edited:
    """Let the user change ``text`` in an editor; ``name`` names the file in ``folder``. Never raises.

    ``run`` gives the terminal to a program until it ends.

    With ``keep`` a file that was read stays until it is forgotten: its text may not be safe elsewhere yet.
    ``note`` is a word in ASCII for whoever finds the file left over (:class:`Leftover`).
    """
    if not command:
        return Edited(None, "No editor was found. Set one in the settings, or in $VISUAL or $EDITOR.")
    try:
        path, lock = await asyncio.to_thread(_write, folder, name, text, note)
    except OSError as error:
        return Edited(None, f"The file for the editor in {folder} cannot be written: {error.strerror}.")
    try:
        began = time.monotonic()
        code, problem = await run([*command, str(path)])
        if problem:
            forget(path)
            return Edited(None, problem)
        early = not code and time.monotonic() - began < EARLY
        return await asyncio.to_thread(_read_back, path, text, code, keep, early)
    finally:
        os.close(lock)


def leftovers(folder: Path, name: str) -> list[Leftover]:
    """The texts editors had saved when the program died, oldest first; not those being written right now."""
    found = []
    for path in folder.glob(f"{_stem(name)}.*.gmi"):
        if _NUMBERED.search(path.name) is None or (lock := _lock(path)) is None:
            continue
        try:
            saved = path.stat().st_mtime
            found.append(Leftover(path, saved, *_read(path), note=_given_out(path)[1]))
        except OSError:
            continue  # another window was quicker
        finally:
            os.close(lock)
    return sorted(found, key=lambda each: each.saved)


def without_draft(folder: Path, exists: Callable[[str], bool]) -> list[Leftover]:
    """The texts an editor saved after their draft was sent or thrown away, oldest first.

    ``exists`` says whether there is a draft of an id. Unchanged files are removed.
    """
    found = []
    names = {path.name.split(".")[0].removeprefix("draft-") for path in folder.glob("draft-*.gmi")}
    for name in names:
        if not _DRAFT_ID.fullmatch(name) or exists(name):
            continue
        for left in leftovers(folder, name):
            if left.text is not None and _digest(left.text) == _given_out(left.path)[0]:
                forget(left.path)
            else:
                found.append(left)
    return sorted(found, key=lambda each: each.saved)


def saved_at(path: Path) -> float | None:
    """When a file was last saved (Unix seconds); None when it is gone."""
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def read(path: Path) -> tuple[str | None, str]:
    """What an editor saved, and what there is to say about it. Raises :class:`OSError`."""
    return _read(path)


def forget(path: Path) -> None:
    """Remove an editor's file, once its text is safe elsewhere."""
    path.unlink(missing_ok=True)
    _lock_of(path).unlink(missing_ok=True)


# ---- the file

_WAIT_OPTION = (
    "The editor exited at once and changed nothing. If it opens its own window, give it its option to wait"
    " (such as code --wait)."
)
_DRAFT_ID = re.compile(r"[0-9a-f]{16}")
_NUMBERED = re.compile(r"\.\d+\.gmi$")


def _stem(name: str) -> str:
    return f"draft-{_UNSAFE.sub('_', name)[:60] or 'new'}"


def _lock_of(path: Path) -> Path:
    return path.with_suffix(".lock")


def _lock(path: Path) -> int | None:
    """Lock a file until the descriptor is closed or this process dies; None when it is locked already.

    The lock is a file beside it: an editor may replace the file it was given.
    """
    descriptor = os.open(_lock_of(path), os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _write(folder: Path, name: str, text: str, note: str = "") -> tuple[Path, int]:
    """Write the text to a new file that is ours until the lock, which is returned too, is closed."""
    private_folder(folder)
    path, lock = next(_new_files(folder, _stem(name)))
    try:
        with path.open("w", encoding="utf-8", errors="replace", newline="") as file:
            # Editors end every line; a last line without an end would get the next text glued to it.
            text = text if not text or text.endswith("\n") else f"{text}\n"
            file.write(text)
        os.write(lock, f"{_digest(text)} {note}".encode("ascii"))
    except OSError:
        forget(path)
        os.close(lock)
        raise
    return path, lock


def _new_files(folder: Path, stem: str) -> Iterator[tuple[Path, int]]:
    """New private files, each with its lock: those left over and not looked at yet keep their names."""
    for number in count(1):
        path = folder / f"{stem}.{number}.gmi"
        if (lock := _lock(path)) is None:
            continue
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except OSError as error:
            os.close(lock)
            if not isinstance(error, FileExistsError):
                raise
        else:
            yield path, lock


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _given_out(path: Path) -> tuple[str, str]:
    """The digest of the text the editor was given, and the note; empty when that is not known."""
    try:
        digest, _, note = _lock_of(path).read_text("ascii")[:128].partition(" ")
    except (OSError, ValueError):
        return "", ""
    return digest, note


def _read(path: Path) -> tuple[str | None, str]:
    """What an editor wrote, and what there is to say about it; a file that is not UTF-8 is copied first."""
    with path.open("rb") as file:
        with suppress(OSError):  # somebody else's
            os.fchmod(file.fileno(), 0o600)  # an editor may have replaced our file with its own
        data = file.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        kept = _aside(path)
        return None, f"The editor's text is larger than {MAX_FILE:,} bytes; it is kept in {kept}."
    try:
        return data.decode("utf-8"), ""
    except UnicodeDecodeError:
        kept = _aside(path, copy=data)
        return data.decode("utf-8", "replace"), (
            f"Parts of the editor's text are not UTF-8 and became �. The file is kept in {kept}."
        )


def _aside(path: Path, *, copy: bytes | None = None) -> Path:
    """Give the file, or a copy with this content, a name that is never removed."""
    stem = path.name.partition(".")[0]
    kept = next(kept for n in count(1) if not (kept := path.with_name(f"{stem}.{n}.kept.gmi")).exists())
    if copy is not None:
        create_private(kept, copy)
    else:
        path.rename(kept)
        forget(path)
    return kept


def _read_back(path: Path, before: str, code: int, keep: bool, early: bool) -> Edited:
    try:
        after, problem = _read(path)
    except FileNotFoundError:
        forget(path)
        return Edited(None, "The editor removed its file; the text is unchanged.")
    except OSError as error:
        return Edited(None, f"The editor's text cannot be read ({error}); it is kept in {path}.")
    if after is None:
        return Edited(None, problem)
    if not before.endswith("\n"):
        after = after.removesuffix("\n")
    if code > 0 and after != before:
        # It failed, or the user gave up (:cq): neither use its text nor throw it away.
        kept = _aside(path)
        return Edited(None, f"The editor exited with an error ({code}); its text is kept in {kept}.")
    if early and after == before:
        if not keep:
            forget(path)
        if keep:
            return Edited(after, f"{_WAIT_OPTION} What it saves will still be used.", early=path)
        return Edited(after, f"{_WAIT_OPTION} What it saves now will not be used.")
    if not keep:
        forget(path)
    left = path if keep else None
    if code > 0:
        return Edited(None, f"The editor exited with an error ({code}); the text is unchanged.", left)
    if code < 0:
        problem = f"The editor was killed (signal {-code}); this is what it had saved. {problem}".rstrip()
    return Edited(after, problem, left)
