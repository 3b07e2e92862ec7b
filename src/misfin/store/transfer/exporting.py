"""Exports messages to one mbox file, which every mail program reads, or to one gemtext file each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from misfin.errors import InputError, StoreError
from misfin.files import create_private, new_private, private_folder, sync_folder
from misfin.model.account import AddressKind
from misfin.store.mail.keywords import read_keywords, tags_of
from misfin.store.mail.maildir import Entry, Maildir
from misfin.store.message.fields import MAX_HEADER, Person, split
from misfin.store.message.headers import MONTHS, one_line
from misfin.store.message.mime import ParsedMessage, read_message
from misfin.store.message.parts import TextKind
from misfin.store.transfer.mbox import STATUS
from misfin.store.transfer.sources import Skipped

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_FROM_LINES = re.compile(rb"^(>*From )", re.MULTILINE)
_X_STATUS = {"R": "A", "F": "F", "T": "D", "D": "T"}
_MAX_SLUG = 60
_MAX_SAME_NAME = 1000


@dataclass(frozen=True, slots=True)
class ExportReport:
    """How many messages were written, and which could not be."""

    written: int
    skipped: tuple[Skipped, ...]


ExportProgress = Callable[[int, int], None]


def export_mbox(
    messages: Sequence[Entry], target: Path, *, progress: ExportProgress | None = None
) -> ExportReport:
    """Write messages to a new mbox file (mboxrd), which is complete or does not exist.

    Flags are in ``Status`` and ``X-Status``, tags in ``X-Keywords``, as in Dovecot and mutt. Raises
    :class:`InputError` if the file exists, :class:`StoreError` if it cannot be written.
    """
    written = 0
    skipped: list[Skipped] = []
    keywords: dict[Path, dict[str, str]] = {}
    with _new_file(target) as file:
        for number, entry in enumerate(messages, 1):
            try:
                data = Maildir(entry.folder).read(entry.key)
            except StoreError as error:
                skipped.append(Skipped(entry.name, str(error)))
                continue
            if entry.folder not in keywords:
                keywords[entry.folder] = read_keywords(entry.folder)
            _write_mbox(file, data, entry.flags, tags_of(entry.flags, keywords[entry.folder]))
            written += 1
            if progress:
                progress(number, len(messages))
    return ExportReport(written, tuple(skipped))


def export_gemtext(
    messages: Sequence[Entry], folder: Path, *, progress: ExportProgress | None = None
) -> ExportReport:
    """Write each message to its own ``.gmi`` file in ``folder``: people, date and text.

    Files are named by date and subject; nothing is overwritten, and a message already exported is not
    exported again. Raises :class:`StoreError` if the folder cannot be written.
    """
    written = 0
    skipped: list[Skipped] = []
    try:
        private_folder(folder)
        for number, entry in enumerate(messages, 1):
            try:
                message = read_message(Maildir(entry.folder).read(entry.key), AddressKind.MISFIN)
            except StoreError as error:
                skipped.append(Skipped(entry.name, str(error)))
                continue
            written += _write_gemtext(folder, message)
            if progress:
                progress(number, len(messages))
        sync_folder(folder)
    except OSError as error:
        raise StoreError(f"{folder} cannot be written: {error.strerror or error}.") from error
    return ExportReport(written, tuple(skipped))


# ---- mbox -----------------------------------------------------------------------------------------


@contextmanager
def _new_file(target: Path) -> Iterator[BinaryIO]:
    """The file of an export; turns its errors into our own."""
    try:
        with new_private(target) as file:
            yield file
    except FileExistsError as error:
        raise InputError(f"{target} already exists.", remedy="Choose another name.") from error
    except OSError as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(f"{target} cannot be written: {error.strerror or error}.") from error


def _write_mbox(file: BinaryIO, data: bytes, flags: str, tags: Sequence[str]) -> None:
    headers, body = split(data)
    message = read_message(data[:body])
    sender = re.sub(r"[^!-~]", "", message.sender.address) or "MAILER-DAEMON"
    file.write(f"From {sender} {_asctime(message.date)}\n".encode())
    head, rest = data[:body], data[body:]
    if headers and body < MAX_HEADER:  # only part of a longer header is known, so it is not changed
        head = _with_status(head, flags, tags)
    file.write(_FROM_LINES.sub(rb">\1", head))
    file.write(_FROM_LINES.sub(rb">\1", rest))
    file.write(b"\n" if data.endswith(b"\n") else b"\n\n")


def _with_status(head: bytes, flags: str, tags: Sequence[str]) -> bytes:
    """The header with the flags and tags appended; not in front, because the first field marks a gemmail."""
    newline = b"\r\n" if head[: head.find(b"\n") + 1].endswith(b"\r\n") else b"\n"
    head = STATUS.sub(b"", head)
    blank = newline if head.endswith(newline * 2) or head == newline else b""
    head = head.removesuffix(blank)
    head += newline if head and not head.endswith(b"\n") else b""
    lines = ["Status: RO" if "S" in flags else "Status: O"]
    if more := "".join(_X_STATUS[flag] for flag in flags if flag in _X_STATUS):
        lines.append(f"X-Status: {more}")
    if tags:
        lines.append(f"X-Keywords: {' '.join(tags)}")
    return b"".join([head, *(line.encode() + newline for line in lines), blank])


def _asctime(date: datetime | None) -> str:
    date = date or datetime(1970, 1, 1, tzinfo=UTC)
    time = f"{date.hour:02d}:{date.minute:02d}:{date.second:02d}"
    return f"{_DAYS[date.weekday()]} {MONTHS[date.month - 1]} {date.day:2d} {time} {date.year:04d}"


# ---- gemtext --------------------------------------------------------------------------------------


def _write_gemtext(folder: Path, message: ParsedMessage) -> bool:
    """Write one file; False if it exists already."""
    text = gemtext_of(message).encode("utf-8", "replace")
    date = f"{message.date:%Y-%m-%d_%H%M}_" if message.date else ""
    stem = date + (_slug(message.subject) or _slug(str(message.sender)) or "message")
    for number in range(1, _MAX_SAME_NAME):
        path = folder / (f"{stem}.gmi" if number == 1 else f"{stem}-{number}.gmi")
        try:
            create_private(path, text, sync=False)
            return True
        except FileExistsError:
            if path.read_bytes() == text:
                return False
    raise StoreError(f"There are too many files {stem}.gmi in {folder}.", remedy="Choose another folder.")


def gemtext_of(message: ParsedMessage) -> str:
    """A message as gemtext: people and date in the first lines, then the text.

    Text that is not gemtext is preformatted, under its subject as a heading.
    """
    head = [f"From: {_shown(message.sender)}"]
    if message.recipients:
        head.append(f"To: {', '.join(map(_shown, message.recipients))}")
    if message.date:
        head.append(f"Date: {message.date:%Y-%m-%d %H:%M} UTC")
    if message.kind is TextKind.GEMTEXT:
        return "\n".join([*head, "", message.text])
    subject = [f"# {one_line(message.subject)}", ""] if message.subject else []
    text = message.text.rstrip("\n")
    body = [text] if text.startswith("```") or "\n```" in text else ["```", text, "```"]
    return "\n".join([*head, "", *subject, *body, ""])


def _shown(person: Person) -> str:
    return one_line(str(person), 500) or "unknown sender"


def _slug(text: str) -> str:
    words = re.findall(r"[^\W_]+", text.lower())
    return "-".join(words)[:_MAX_SLUG].strip("-")
