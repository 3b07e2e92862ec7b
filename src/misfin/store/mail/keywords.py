"""Tags on disk: the lower-case flags ``a``–``z`` of a Maildir file name, named by ``dovecot-keywords``.

This is how Dovecot stores IMAP keywords (doc.dovecot.org, "Maildir keywords"): each folder has a file
``dovecot-keywords`` with lines ``0 work``, ``1 travel``; number 0 is the flag ``a``. So a tag set here is a
keyword in every IMAP client, a keyword set there is a tag here, and both are in the Maildir itself: they
survive any rebuild of the index. A folder can have 26 of them.

The file is replaced as in Dovecot: ``dovecot-keywords.lock``, whose existence is the lock, is renamed over
it. The new text is first written to another file and then renamed to the lock file, so that the lock exists
only briefly and a crash hardly ever leaves it behind.
"""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from misfin.errors import StoreError
from misfin.files import create_private, sync_folder
from misfin.model.utf7 import to_utf7
from misfin.store.mail.foldernames import from_utf7

FILE: Final = "dovecot-keywords"
FLAGS: Final = "abcdefghijklmnopqrstuvwxyz"
MAX_BYTES: Final = 64 * 1024
LOCK_WAIT: Final = 5.0
LOCK_STEP: Final = 0.05
STALE_AFTER: Final = 120.0
"""Seconds after which a lock is considered stale, as in Dovecot."""

_LINE: Final = re.compile(r"(\d{1,2}) (\S.*)")
_NOT_IN_TAG: Final = re.compile(r"[\s(){%*\"\\\]\x00-\x1f\x7f]")


def check_tag(tag: str) -> str:
    """A tag as stored: lower case, composed; raises :class:`StoreError` if it cannot be an IMAP keyword."""
    tag = folded(tag.strip())
    if not tag or len(tag) > 60 or _NOT_IN_TAG.search(tag) or not tag.isprintable():
        raise StoreError(
            f"{tag!r} cannot be a tag.",
            remedy="A tag is a word of up to 60 characters without spaces, brackets, quotes, %, * or \\.",
        )
    return tag


def folded(tag: str) -> str:
    """A tag in its normal spelling: IMAP ignores case in keywords (RFC 9051 §2.3.2)."""
    return unicodedata.normalize("NFC", tag.lower())


def read_keywords(folder: Path) -> dict[str, str]:
    """The tag of each flag letter in a Maildir; empty if there is no such file."""
    return {flag: _meant(keyword) for flag, keyword in _keywords(folder).items()}


def _meant(keyword: str) -> str:
    """The tag for a keyword of the file."""
    tag = folded(_by_part(keyword, from_utf7))
    return tag if tag.isprintable() and " " not in tag else keyword


def tag_of(keyword: str) -> str:
    """The tag an IMAP keyword means; empty for one that cannot be a tag here."""
    try:
        return check_tag(_by_part(keyword, from_utf7))
    except StoreError:
        return ""


def keyword_of(tag: str) -> str:
    """The IMAP keyword for a tag, in ASCII."""
    return _by_part(tag, to_utf7)


def _keywords(folder: Path) -> dict[str, str]:
    """The keyword of each flag letter, as written in the file."""
    try:
        with (folder / FILE).open("rb") as file:
            text = file.read(MAX_BYTES).decode("utf-8", "replace")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise StoreError(f"The tags of {folder} could not be read: {error.strerror}.") from error
    found: dict[str, str] = {}
    for line in text.splitlines():
        if (entry := _LINE.fullmatch(line)) and int(entry[1]) < len(FLAGS):
            found[FLAGS[int(entry[1])]] = "_".join(entry[2].split())
    return found


def tags_of(flags: str, keywords: Mapping[str, str]) -> tuple[str, ...]:
    """The tags that the flags of a file name mean; a letter without a keyword is not a tag."""
    return tuple(sorted({keywords[flag] for flag in flags if flag in keywords}))


def name_keywords(
    folder: Path,
    tags: Iterable[str],
    in_use: Callable[[], Iterable[str]],
    preferred: Mapping[str, str] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, str]:
    """Make sure the folder has a flag letter for every tag; returns the letter of each.

    A new tag gets its letter in ``preferred`` (from the account's other folders, so that a file moved by
    another program keeps its tags) if that is free, else the first free one, else one that no file of the
    folder uses any more, according to ``in_use``.

    Raises:
        StoreError: all 26 are in use, or the file cannot be written.
    """
    wanted = set(tags)
    waited = 0.0
    while True:
        before = _identity(folder)
        keywords = _keywords(folder)
        named = {flag: _meant(keyword) for flag, keyword in keywords.items()}
        known = {tag: flag for flag, tag in named.items()}
        if wanted <= known.keys():
            return {tag: known[tag] for tag in wanted}
        for tag in sorted(wanted - known.keys()):
            flag = (preferred or {}).get(tag, "")
            if not flag or flag in named:
                flag = _free_flag(named, wanted, in_use, folder)
            named[flag], keywords[flag] = tag, _by_part(tag, to_utf7)
        if _replace(folder, keywords, before):
            with suppress(OSError):
                sync_folder(folder)
            continue  # to read it again: a letter may have been reassigned
        if waited >= LOCK_WAIT:
            raise StoreError(
                f"The tags of {folder} are locked by another program.", remedy="Try again in a moment."
            )
        sleep(LOCK_STEP)
        waited += LOCK_STEP


def _replace(folder: Path, keywords: Mapping[str, str], before: tuple[int, ...]) -> bool:
    """Replace the file, unless another program has the lock or has changed it since."""
    lines = "".join(f"{FLAGS.index(flag)} {keyword}\n" for flag, keyword in sorted(keywords.items()))
    lock = folder / f"{FILE}.lock"
    try:
        try:
            create_private(lock, lines.encode(), sync=False, drafts=folder / "tmp")
        except FileExistsError:
            _break_stale(lock)
            return False
        if _identity(folder) != before:
            lock.unlink()
            return False
        lock.replace(folder / FILE)
    except OSError as error:
        raise StoreError(f"The tags of {folder} could not be written: {error.strerror}.") from error
    return True


def _by_part(tag: str, change: Callable[[str], str]) -> str:
    """Convert to or from modified UTF-7 (RFC 3501 §5.1.3) part by part, as Thunderbird does in tags."""
    return "".join(change(part) for part in re.split(r"([./])", tag))


def _break_stale(lock: Path) -> None:
    with suppress(FileNotFoundError):
        if time.time() - lock.stat().st_mtime > STALE_AFTER:
            lock.unlink()


def _identity(folder: Path) -> tuple[int, ...]:
    """A value that changes whenever the file of tag names is replaced; empty if there is no file."""
    try:
        facts = (folder / FILE).stat()
    except OSError:
        return ()
    return facts.st_ino, facts.st_mtime_ns, facts.st_size


def _free_flag(
    named: Mapping[str, str], wanted: set[str], in_use: Callable[[], Iterable[str]], folder: Path
) -> str:
    """A flag without a keyword, else one that no file uses and that is not for a ``wanted`` tag."""
    free = [flag for flag in FLAGS if flag not in named]
    if not free:
        used = set(in_use()) | {flag for flag, tag in named.items() if tag in wanted}
        free = [flag for flag in FLAGS if flag not in used]
    if not free:
        raise StoreError(
            f"The folder {folder.name} already has {len(FLAGS)} different tags, the most a Maildir can have.",
            remedy="First remove one of its tags from all its messages.",
        )
    return free[0]
