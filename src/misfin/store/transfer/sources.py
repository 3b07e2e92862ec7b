"""Reads mail of other programs one message at a time: Titlani, gembox and Maildir (mbox.py reads mbox).

Every reader yields :class:`Item` for a message and :class:`Skipped` for one it had to leave out, with a
reason for the user; the source is never changed. Sizes are limited, because the data is untrusted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from misfin.errors import AddressError, StoreError
from misfin.model.address import MisfinAddress
from misfin.model.folders import ARCHIVE, DRAFTS, INBOX, SENT, TRASH, WRITTEN
from misfin.model.gemmail import GemmailMessage, Version
from misfin.model.metadata import parse_time
from misfin.store.mail.foldernames import folder_name
from misfin.store.mail.keywords import read_keywords, tags_of
from misfin.store.mail.maildir import SUBDIRS, Maildir
from misfin.store.message.envelope import wrap, wrap_sent

MAX_MESSAGE_FILE = 256 * 1024 * 1024
"""Bytes of the largest message that is imported: it has to fit in memory."""
MAX_GEMMAIL = 1024 * 1024
"""Bytes of a gemmail file: sixty times Misfin's limit, for programs that do not enforce it."""
MAX_BOOK = 256 * 1024 * 1024
"""Bytes of a gembox or of Titlani's tag file, which must be read as a whole."""
_DEEPEST_FOLDER = 6

_TITLANI_NAME = re.compile(r"(([0-9]{8}T[0-9]{6}Z)(?:-([0-9a-f]{8}))?)\.gemmail(\.enc)?(\.new)?")
_GEMBOX_ID = re.compile(r"\[[^\[\]]*\]")
_GEMBOX_TAG = re.compile(r"([\w:-]+):[ \t]*(\S+)[ \t]+(true|false)", re.IGNORECASE)
_GEMBOX_FIELDS = ("Senders:", "Recipients:", "Timestamps:")
_OLD_SEPARATOR = "<====="
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)
"""The time of a message that has none: the same at every import, unlike the clock."""
_FOLDER_TAGS = (TRASH, DRAFTS, SENT, ARCHIVE, INBOX)
"""Tags that are folders here; a message with several goes to the first of them (docs/protocol.md §7.1)."""


@dataclass(frozen=True, slots=True)
class Item:
    """A message to store: the bytes of its file, and its folder, time, flags and tags at the source.

    ``received`` is in Unix seconds; ``flags`` are Maildir's; ``tags`` are spelled as at the source.
    """

    data: bytes
    folder: str
    flags: str = ""
    received: float | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something at the source that was not imported: its name there, and a sentence saying why."""

    where: str
    why: str


SourceItem = tuple[int, Item | Skipped]
"""How much of the source has been read, in the units of its total, and what was found there."""


# ---- Titlani (docs/protocol.md §9.1) --------------------------------------------------------------


def titlani_names(directory: Path) -> list[str]:
    """Files of messages in a Titlani mailbox, by time."""
    return sorted(path.name for path in directory.iterdir() if _TITLANI_NAME.fullmatch(path.name))


def titlani(directory: Path, account: MisfinAddress) -> Iterator[SourceItem]:
    """The messages of one Titlani mailbox: ``.new`` is unread, folder and tags come from ``.gmap.json``."""
    tags_by_id, complaint = _titlani_tags(directory / ".gmap.json")
    if complaint:
        yield 0, complaint
    for number, name in enumerate(titlani_names(directory), 1):
        parts = _TITLANI_NAME.fullmatch(name)
        assert parts is not None
        if parts[4]:
            why = "It is encrypted. Let Titlani decrypt the mailbox first, then import it again."
            yield number, Skipped(name, why)
            continue
        data = _read(directory / name, MAX_GEMMAIL)
        if isinstance(data, Skipped):
            yield number, data
            continue
        tags = tags_by_id.get(parts[1], tags_by_id.get(parts[3] or ""))
        # Its command line removes .new and its GMAP server the tag: either means that it was read.
        unread = bool(parts[5]) and (tags is None or "Unread" in tags)
        yield number, _from_gemmail(data, tags or (), unread, account, _titlani_time(parts[2]))


def titlani_blocked(directory: Path) -> tuple[list[str], list[Skipped]]:
    """The addresses (or ``@host``) blocked in a Titlani mailbox, and the lines that are neither."""
    data = _read(directory / ".blocked", MAX_GEMMAIL)
    names: list[str] = []
    wrong: list[Skipped] = []
    if not isinstance(data, Skipped):
        lines = (line.strip() for line in data.decode("utf-8", "replace").splitlines())
        for line in lines:
            if line and not line.startswith("#"):
                try:
                    MisfinAddress.parse(f"x{line}" if line.startswith("@") else line)
                    names.append(line)
                except AddressError:
                    wrong.append(Skipped(".blocked", f"“{line[:80]}” is not an address that can be blocked."))
    return names, wrong


def _titlani_tags(path: Path) -> tuple[dict[str, tuple[str, ...]], Skipped | None]:
    if not path.exists():
        return {}, None
    complaint = Skipped(path.name, "The tags could not be read; all messages go to the inbox.")
    data = _read(path, MAX_BOOK)
    if isinstance(data, Skipped):
        return {}, complaint
    try:
        messages: dict[str, Any] = json.loads(data)["messages"]
        return {
            name: tuple(str(tag) for tag in facts.get("tags", ())) for name, facts in messages.items()
        }, None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}, complaint


def _titlani_time(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return _NO_TIME


def _from_gemmail(
    gemmail: bytes, tags: Iterable[str], unread: bool, account: MisfinAddress, received: datetime
) -> Item:
    """A gemmail as a message of ours, without any proof of its sender, since we did not receive it."""
    tags = tuple(tags)
    folder = next((tag for tag in _FOLDER_TAGS if tag in tags), INBOX)
    if folder in WRITTEN:
        message = GemmailMessage.from_bytes(gemmail)
        when = message.newest or received
        data = wrap_sent(gemmail, version=Version.C, account=account, to=message.recipients, now=when)
    else:
        data = wrap(gemmail, version=Version.C, account=account, now=received)
    flags = ("" if unread else "S") + ("D" if folder == DRAFTS else "")
    others = tuple(tag for tag in tags if tag not in (*_FOLDER_TAGS, "Unread"))
    return Item(data, folder, flags, received.timestamp(), others)


# ---- gembox (docs/protocol.md §9.2) ---------------------------------------------------------------


def gembox(path: Path, account: MisfinAddress) -> Iterator[SourceItem]:
    """The messages of a gembox file, in its current form or the older one separated by ``<=====``."""
    data = _read(path, MAX_BOOK)
    if isinstance(data, Skipped):
        yield 0, data
        return
    lines = data.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    parts = _old_gembox(lines) if _is_old_gembox(lines) else _new_gembox(lines)
    for gemmail, tags in parts:
        message = GemmailMessage.from_bytes(gemmail.encode())
        received = message.newest or min(tags.values(), default=None) or _NO_TIME
        yield 0, _from_gemmail(gemmail.encode(), tags, "Unread" in tags, account, received)


def _is_old_gembox(lines: list[str]) -> bool:
    return any(line.startswith(_OLD_SEPARATOR) for line in lines) and not any(
        _GEMBOX_ID.fullmatch(line.strip()) for line in lines[:6]
    )


def _new_gembox(lines: list[str]) -> Iterator[tuple[str, dict[str, datetime]]]:
    """Each ``[id]`` section as a Misfin(C) gemmail and its tags with the times they were set."""
    metadata: dict[str, str] = {}
    tags: dict[str, datetime] = {}
    body: list[str] | None = None
    started = False

    def section() -> tuple[str, dict[str, datetime]]:
        text = body or []
        # A lone "#" means "no subject" there and would be an empty heading here.
        text = text[1:] if text and text[0].strip() == "#" else text
        head = [" ".join(metadata.get(name, "").split()) for name in _GEMBOX_FIELDS]
        return "\n".join([*head, *text]), tags

    for line in lines:
        if _GEMBOX_ID.fullmatch(line.strip()) and line.startswith("["):
            if started:
                yield section()
            metadata, tags, body, started = {}, {}, None, True
        elif not started:
            continue  # facts about the whole mailbox
        elif body is not None:
            body.append(line[1:] if line.startswith("\\[") else line)
        elif line.startswith(_GEMBOX_FIELDS):
            name, _, value = line.partition(":")
            metadata[f"{name}:"] = value
        elif tag := _GEMBOX_TAG.fullmatch(line.strip()):
            if tag[3].lower() == "true":
                tags[tag[1]] = parse_time(tag[2]) or _NO_TIME
        else:
            body = [line]
    if started:
        yield section()


def _old_gembox(lines: list[str]) -> Iterator[tuple[str, dict[str, datetime]]]:
    part: list[str] = []
    if lines[-1] == "":  # after the last line end
        lines = lines[:-1]
    for line in [*lines, _OLD_SEPARATOR]:
        if line.startswith(_OLD_SEPARATOR):
            if any(part):
                yield "\n".join(_with_recipients_marked(part)) + "\n", {}
            part = []
        else:
            part.append(line)


def _with_recipients_marked(lines: list[str]) -> list[str]:
    """Add the ``:`` that the writing program forgets on recipient lines (docs/protocol.md §9)."""
    for number, line in enumerate(lines):
        if not line.startswith("<"):
            if number and "@" in line[1:] and not line.startswith((":", "@")):
                return [*lines[:number], f": {line.replace(',', ' ')}", *lines[number + 1 :]]
            if (
                number
                and not line.strip()
                and lines[number + 1 : number + 2]
                and lines[number + 1].startswith("@")
            ):
                return [*lines[:number], *lines[number + 1 :]]
            break
    return lines


# ---- Maildir --------------------------------------------------------------------------------------


def maildirs(root: Path, folder: str) -> list[tuple[Path, str]]:
    """The Maildirs at and below ``root`` and the folder each becomes; ``root`` itself becomes ``folder``.

    Both ways of nesting are supported: ``.Lists.Crew`` (Maildir++) and ``Lists/Crew``.
    """
    found: list[tuple[Path, str]] = []

    def visit(path: Path, name: str, depth: int) -> None:
        if Maildir(path).exists():
            found.append((path, name or folder))
        if depth == _DEEPEST_FOLDER:
            return
        for child in sorted(path.iterdir()):
            if child.name in (*SUBDIRS, "tmp") or child.is_symlink() or not child.is_dir():
                continue
            if child.name.startswith("."):
                if depth == 0 and Maildir(child).exists():
                    found.append((child, folder_name(child.name)))
            else:
                visit(child, f"{name}/{child.name}" if name else child.name, depth + 1)

    visit(root, "", 0)
    return found


def maildir(boxes: Iterable[tuple[Path, str]]) -> Iterator[SourceItem]:
    """The messages of some Maildirs with their flags, IMAP keywords as tags, and file times."""
    number = 0
    for path, folder in boxes:
        keywords = read_keywords(path)
        for entry in Maildir(path).list():
            number += 1
            data = _read(entry.path, MAX_MESSAGE_FILE)
            if isinstance(data, Skipped):
                yield number, data
                continue
            flags = "".join(flag for flag in entry.flags if flag.isascii() and flag.isupper())
            received = _time_of(entry.path)
            yield number, Item(data, folder, flags, received, tags_of(entry.flags, keywords))


def _time_of(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None


# ---- reading --------------------------------------------------------------------------------------


def _read(path: Path, limit: int) -> bytes | Skipped:
    try:
        if not path.is_file():  # a named pipe would block forever
            return Skipped(path.name, "It is not a regular file.")
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except (OSError, StoreError) as error:
        return Skipped(path.name, f"It cannot be read: {getattr(error, 'strerror', '') or error}.")
    return data if len(data) <= limit else Skipped(path.name, too_large(limit))


def too_large(limit: int) -> str:
    return f"It is larger than {limit // (1024 * 1024)} MiB."
