"""Mail of other programs, read one letter after the other: Titlani, gembox, mbox and Maildir.

Every reader yields :class:`Item` for a letter and :class:`Skipped` for what it had to leave out, with a
reason a person understands; nothing is ever changed at the source. Sizes are bounded: all of it is a
stranger's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from misfin.errors import AddressError, StoreError
from misfin.model.address import MisfinAddress
from misfin.model.gemmail import GemmailMessage, Version
from misfin.model.metadata import parse_time
from misfin.store import fields
from misfin.store.envelope import is_gemmail, wrap, wrap_sent
from misfin.store.foldernames import folder_name
from misfin.store.keywords import read_keywords, tags_of
from misfin.store.maildir import INBOX, SUBDIRS, Maildir

MAX_LETTER = 256 * 1024 * 1024
"""Bytes of the largest letter that is imported: it has to pass through memory."""
MAX_GEMMAIL = 1024 * 1024
"""Bytes of a gemmail file: sixty times what Misfin transports, for chains and for programs without limits."""
MAX_BOOK = 256 * 1024 * 1024
"""Bytes of a gembox or of Titlani's tag file, which can only be read whole."""
_DEEPEST_FOLDER = 6

_TITLANI_NAME = re.compile(r"(([0-9]{8}T[0-9]{6}Z)(?:-([0-9a-f]{8}))?)\.gemmail(\.enc)?(\.new)?")
_GEMBOX_ID = re.compile(r"\[[^\[\]]*\]")
_GEMBOX_TAG = re.compile(r"([\w:-]+):[ \t]*(\S+)[ \t]+(true|false)", re.IGNORECASE)
_GEMBOX_FIELDS = ("Senders:", "Recipients:", "Timestamps:")
_OLD_SEPARATOR = "<====="
_TIME = re.compile(rb"\b[0-9]{1,2}:[0-9]{2}\b")
_YEAR = re.compile(rb"\b[12][0-9]{3}\b")
_MBOX_UNDATED = re.compile(rb"From \S*\s*")
_WEEKDAY = re.compile(rb"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b")
_ASCTIME = re.compile(
    rb"\b([A-Z][a-z]{2}) +([0-9]{1,2}) +([0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?)\b.*?\b([12][0-9]{3})\b"
)
_HEADER_LINE = re.compile(rb">?From |[!-9;-~]{1,100}[ \t]*:")
_MBOX_LINE = 300
"""Bytes of a line that are looked at to tell whether a letter begins there."""
_SERVERS_NOTE = b"DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA"
_MOZILLA_DELETED = 0x8
MBOX_STATUS = re.compile(
    rb"^(?:(?:X-)?Status|X-Mozilla-Status2?|X-Keywords):.*\n(?:[ \t].*\n)*", re.MULTILINE | re.IGNORECASE
)
"""What an mbox says in a letter's header because it has no other place for it."""
_CLAIMS = re.compile(rb"^Misfin-(?:Verification|Certificate):.*\n(?:[ \t].*\n)*", re.MULTILINE)
_X_STATUS = {"A": "R", "F": "F", "D": "T", "T": "D"}
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)
"""For a letter whose time nothing tells: the same at every import, unlike the clock."""
_FOLDER_TAGS = ("Trash", "Drafts", "Sent", "Archive", "Inbox")
"""Tags that are folders here; a letter with several lies in the first of them (protocol.md §11-21)."""


@dataclass(frozen=True, slots=True)
class Item:
    """A letter to store: the bytes of its file, and where and how it lay at the source.

    ``received`` is in Unix seconds; ``flags`` are Maildir's; ``tags`` are the source's words.
    """

    data: bytes
    folder: str
    flags: str = ""
    received: float | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something at the source that was not imported: its name there, and a sentence that says why."""

    where: str
    why: str


Found = tuple[int, Item | Skipped]
"""How much of the source has been read, in the units of its total, and what was found there."""


# ---- Titlani (protocol.md §9.1) -------------------------------------------------------------------


def titlani_names(directory: Path) -> list[str]:
    """Files of letters in a Titlani mailbox, by time."""
    return sorted(path.name for path in directory.iterdir() if _TITLANI_NAME.fullmatch(path.name))


def titlani(directory: Path, account: MisfinAddress) -> Iterator[Found]:
    """The letters of one Titlani mailbox: ``.new`` is unread, folder and tags come from ``.gmap.json``."""
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
        # Its command line takes away .new and its GMAP server the tag: either says that it was read.
        unread = bool(parts[5]) and (tags is None or "Unread" in tags)
        yield number, _from_gemmail(data, tags or (), unread, account, _titlani_time(parts[2]))


def titlani_blocked(directory: Path) -> tuple[list[str], list[Skipped]]:
    """The addresses (or ``@host``) a Titlani mailbox refuses mail from, and the lines that are neither."""
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
                    wrong.append(Skipped(".blocked", f"“{line[:80]}” is no address that could be blocked."))
    return names, wrong


def _titlani_tags(path: Path) -> tuple[dict[str, tuple[str, ...]], Skipped | None]:
    if not path.exists():
        return {}, None
    complaint = Skipped(path.name, "The tags could not be read; all letters come to the inbox.")
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
    """A gemmail as a letter of ours: without any proof of its sender, since we did not receive it."""
    tags = tuple(tags)
    folder = next((tag for tag in _FOLDER_TAGS if tag in tags), INBOX)
    if folder in ("Sent", "Drafts"):
        message = GemmailMessage.from_bytes(gemmail)
        when = message.newest or received
        data = wrap_sent(gemmail, version=Version.C, account=account, to=message.recipients, now=when)
    else:
        data = wrap(gemmail, version=Version.C, account=account, now=received)
    flags = ("" if unread else "S") + ("D" if folder == "Drafts" else "")
    others = tuple(tag for tag in tags if tag not in (*_FOLDER_TAGS, "Unread"))
    return Item(data, folder, flags, received.timestamp(), others)


# ---- gembox (protocol.md §9.2) --------------------------------------------------------------------


def gembox(path: Path, account: MisfinAddress) -> Iterator[Found]:
    """The letters of a gembox file, in its present form or in the older one divided by ``<=====``."""
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
        # A lone "#" says "no subject" there and would be an empty heading here.
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
    """Give the line of recipients of the marker form its ``:``, which the writer forgot (protocol.md §9)."""
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


# ---- mbox -----------------------------------------------------------------------------------------


def mbox(path: Path, folder: str) -> Iterator[Found]:
    """The letters of an mbox file; ``>From`` is unquoted (mboxrd), the status fields become flags.

    What a letter says of its own verification is left out: any mail can hold text that looks like the
    beginning of another letter, and in an mbox nothing tells the two apart.
    """
    with path.open("rb") as file:
        for number, (start, data) in enumerate(_mbox_letters(file), 1):
            found = Skipped("", _too_large(MAX_LETTER)) if data is None else _from_mbox(start, data, folder)
            if isinstance(found, Skipped):
                found = Skipped(f"letter {number}", found.why)
            yield file.tell(), found


def _mbox_letters(file: BinaryIO) -> Iterator[tuple[bytes, bytes | None]]:
    """The ``From`` line of each letter, and the letter without it and the blank line after it; None for one
    that is too large."""
    lines: list[bytes] = []
    size = 0
    start = b""
    blank = line_start = dated = True
    following = file.readline(MAX_GEMMAIL).removeprefix(b"\xef\xbb\xbf")
    while piece := following:
        following = file.readline(MAX_GEMMAIL)
        if (
            line_start
            and piece.startswith(b"From ")
            and (not start or _starts_letter(piece, following, after_blank=blank, dated=dated))
        ):
            if start:
                yield start, _without_last_blank(lines) if size <= MAX_LETTER else None
            dated = dated if start else _is_dated(piece[:_MBOX_LINE])
            lines, size, start = [], 0, piece
        elif start:
            size += len(piece)
            if size <= MAX_LETTER:
                quoted = line_start and piece.startswith(b">") and piece.lstrip(b">").startswith(b"From ")
                lines.append(piece[1:] if quoted else piece)
            else:
                lines.clear()
        blank = line_start and not piece.strip(b"\r\n")
        line_start = piece.endswith(b"\n")
    if start:
        yield start, _without_last_blank(lines) if size <= MAX_LETTER else None


def _starts_letter(line: bytes, following: bytes, *, after_blank: bool, dated: bool) -> bool:
    """Whether a line of an mbox begins another letter, or is text that some program has not quoted.

    The more it looks like what programs write there, the less its surroundings have to; ``dated`` says
    whether the first such line of the file bears a date.
    """
    line = line[:_MBOX_LINE]
    header = _HEADER_LINE.match(following) is not None
    if not dated:
        return after_blank and header and _MBOX_UNDATED.fullmatch(line) is not None
    if not _is_dated(line):
        return False
    if _WEEKDAY.search(line):
        return after_blank or header
    return after_blank and (header or not following.strip())


def _is_dated(line: bytes) -> bool:
    return bool(_TIME.search(line) and _YEAR.search(line))


def _without_last_blank(lines: list[bytes]) -> bytes:
    if lines and lines[-1] in (b"\n", b"\r\n"):
        lines.pop()
    return b"".join(lines)


def _from_mbox(start: bytes, data: bytes, folder: str) -> Item | Skipped:
    headers, body = fields.split(data)
    if fields.one(headers, "subject").strip() == _SERVERS_NOTE and b"MAILER-DAEMON" in fields.one(
        headers, "from"
    ):
        return Skipped("", "It is a mail server's own note about the folder.")
    mozilla = _mozilla_status(headers)
    if mozilla & _MOZILLA_DELETED:
        return Skipped("", "It was deleted there and only waits for its folder to be compacted.")
    head = MBOX_STATUS.sub(b"", data[:body])
    if is_gemmail(data):
        head = _CLAIMS.sub(b"", head)
    date = fields.moment(fields.one(headers, "date")) or _mbox_moment(start)
    tags = tuple(fields.text(fields.one(headers, "x-keywords")).split())
    flags = _mbox_flags(headers, mozilla)
    return Item(head + data[body:], folder, flags, date.timestamp() if date else None, tags)


def _mbox_moment(start: bytes) -> datetime | None:
    """When a letter came, by the line it begins with."""
    line = start[:_MBOX_LINE]
    if found := _ASCTIME.search(line):
        line = b"%s %s %s %s" % (found[2], found[1], found[4], found[3])
    return fields.moment(line)


def _mbox_flags(headers: fields.Headers, mozilla: int) -> str:
    status = fields.text(fields.one(headers, "status")).upper()
    more = fields.text(fields.one(headers, "x-status")).upper()
    flags = {"S"} if "R" in status else set()
    flags |= {_X_STATUS[letter] for letter in more if letter in _X_STATUS}
    flags |= {flag for bit, flag in ((0x1, "S"), (0x2, "R"), (0x4, "F")) if mozilla & bit}
    return "".join(sorted(flags))


def _mozilla_status(headers: fields.Headers) -> int:
    try:
        return int(fields.text(fields.one(headers, "x-mozilla-status")) or "0", 16)
    except ValueError:
        return 0


# ---- Maildir --------------------------------------------------------------------------------------


def maildirs(root: Path, folder: str) -> list[tuple[Path, str]]:
    """The Maildirs at and below ``root`` and the folder each becomes; ``root`` itself becomes ``folder``.

    Both ways of nesting are known: ``.Lists.Crew`` (Maildir++) and ``Lists/Crew``.
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


def maildir(boxes: Iterable[tuple[Path, str]]) -> Iterator[Found]:
    """The letters of some Maildirs with their flags, IMAP keywords as tags, and file times."""
    number = 0
    for path, folder in boxes:
        keywords = read_keywords(path)
        for entry in Maildir(path).list():
            number += 1
            data = _read(entry.path, MAX_LETTER)
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
        if not path.is_file():  # a named pipe would block for good
            return Skipped(path.name, "It is no file.")
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except (OSError, StoreError) as error:
        return Skipped(path.name, f"It cannot be read: {getattr(error, 'strerror', '') or error}.")
    return data if len(data) <= limit else Skipped(path.name, _too_large(limit))


def _too_large(limit: int) -> str:
    return f"It is larger than {limit // (1024 * 1024)} MiB."
