"""Attached files on their way out: what they are, how they are named, and their bytes, piece by piece."""

from __future__ import annotations

import binascii
import codecs
import mimetypes
import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO

from misfin.email.mime_out.fields import ascii_name, checked, parameter_field
from misfin.email.mime_out.parts import MimePart
from misfin.email.smtp import LineEnds, MessageFacts, SMTPArgumentError, survey
from misfin.errors import LocalError

_LINE = 57  # bytes in a line of base64
_LINES = 4096  # of them read and encoded at once: 228 KiB
_LOOK = 4096  # bytes looked at to see what a file is
_UNKNOWN = "application/octet-stream"
_HEADER = re.compile(rb"[!-9;-~]+:[ \t\r\n]")
_ANSWER = re.compile(rb"^METHOD:REPLY\r?$", re.MULTILINE)
_MAGIC = (
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"BZh", "application/x-bzip2"),
    (b"\xfd7zXZ\x00", "application/x-xz"),
    (b"OggS", "application/ogg"),
)
_COMPRESSED = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}


class AttachmentChangedError(LocalError):
    """An attached file is missing, cannot be read, or is not as it was; the message was not sent."""

    remedy = "Attach it again."


@dataclass(frozen=True, slots=True)
class OutgoingFile:
    """A file that goes with a message.

    ``name`` is what others see. ``size`` is its length in bytes, which must still be true when it is sent.
    ``opened`` gives it open for reading, each time from its beginning, and raises :class:`OSError` or
    :class:`~misfin.errors.LocalError`. ``media_type`` is empty for what name and first bytes say.
    """

    name: str
    size: int
    opened: Callable[[], BinaryIO] = field(repr=False)
    media_type: str = ""


def file_on_disk(path: Path, name: str = "", media_type: str = "") -> OutgoingFile:
    """A file by its path, with its present size. Blocking; never waits for a pipe or a device.

    Raises :class:`AttachmentChangedError` for what is not a readable file.
    """
    called = name or path.name
    outgoing = OutgoingFile(called, 0, lambda: _open_regular(path, called), media_type)
    with _opened(outgoing) as file:
        size = os.fstat(file.fileno()).st_size
    return OutgoingFile(called, size, outgoing.opened, media_type)


def content_type(name: str, head: bytes) -> str:
    """The media type of a file by its name and its first bytes, which must agree where that can be seen."""
    guessed, compressed = mimetypes.guess_type(name.replace("/", "_"))  # a name is not a URL
    if compressed:
        guessed = _COMPRESSED.get(compressed, _UNKNOWN)
    if guessed == "message/rfc822":
        return guessed if _HEADER.match(head) else _UNKNOWN
    if guessed and guessed.startswith(("multipart/", "message/")):
        return _UNKNOWN  # such parts must not be encoded, and nobody knows what is in it
    if guessed and guessed.startswith("text/") and b"\0" in head:
        return _UNKNOWN
    if guessed:
        return guessed
    for magic, found in _MAGIC:
        if head.startswith(magic):
            return found
    return "text/plain" if head and _is_utf8_text(head) else _UNKNOWN


def file_part(file: OutgoingFile) -> MimePart:
    """The part of an attached file. Blocking: it looks into the file.

    Raises :class:`~misfin.email.mime_out.UnsafeFieldError` for its name, and :class:`AttachmentChangedError`.
    """
    name = checked(file.name, "name of an attached file")
    with _opened(file) as opened:
        head = _read(opened, _LOOK, name)
    kind = file.media_type or content_type(name, head)
    if kind == "message/rfc822":
        facts = _message_facts(file)
        if facts is not None:
            encoding = "8bit" if facts.eight_bit else "7bit"
            pieces = partial(_message_pieces, file, facts.size)
            return MimePart(_head(kind, name, encoding), facts.size, pieces, facts.eight_bit)
        kind = _UNKNOWN
    charset = [("charset", "utf-8")] if kind.startswith("text/") and _is_utf8_text(head) else []
    full, rest = divmod(file.size, _LINE)
    size = full * 78 + (4 * ((rest + 2) // 3) + 2 if rest else 0)
    return MimePart(_head(kind, name, "base64", charset), size, lambda: _base64_pieces(file))


def calendar_answer(file: OutgoingFile) -> MimePart | None:
    """The part of an answer to an invitation, whose method calendars look for in its content type (RFC 6047
    §2.4); None for any other file. Blocking, and raises like :func:`file_part`.
    """
    if not file.name.lower().endswith(".ics"):
        return None
    with _opened(file) as opened:
        head = _read(opened, _LOOK, file.name)
    if not _ANSWER.search(head) or not _is_utf8_text(head):
        return None
    part = file_part(file)
    kind = [("charset", "utf-8"), ("method", "REPLY"), ("name", ascii_name(file.name))]
    lines = parameter_field("Content-Type", "text/calendar", kind) + b"Content-Transfer-Encoding: base64\r\n"
    return MimePart(lines, part.size, part.pieces, part.eight_bit)


def _head(kind: str, name: str, encoding: str, extra: list[tuple[str, str]] | None = None) -> bytes:
    short = ascii_name(name)
    named = [("name", short)] if short else []
    shown = [("filename", name)] if name.strip() else []
    return (
        parameter_field("Content-Type", kind, [*(extra or []), *named])
        + parameter_field("Content-Disposition", "attachment", shown)
        + f"Content-Transfer-Encoding: {encoding}\r\n".encode()
    )


def _base64_pieces(file: OutgoingFile) -> Iterator[bytes]:
    left = file.size
    with _opened(file) as opened:
        while left:
            data = _read(opened, min(left, _LINE * _LINES), file.name)
            if len(data) < min(left, _LINE * _LINES):
                raise _changed(file.name)
            left -= len(data)
            coded = binascii.b2a_base64(data, newline=False)
            lines = [coded[at : at + 76] for at in range(0, len(coded), 76)]
            yield b"\r\n".join([*lines, b""])
        if opened.read(1):
            raise _changed(file.name)


def _message_facts(file: OutgoingFile) -> MessageFacts | None:
    """What is in an attached message; None where it cannot be attached as one: a line is too long, or it is
    not text.
    """
    try:
        with _opened(file) as opened:
            facts = survey(_checked_chunks(opened, file.name))
    except (SMTPArgumentError, ValueError):
        return None
    return facts if facts.size else None


def _checked_chunks(opened: BinaryIO, name: str) -> Iterator[bytes]:
    while data := _read(opened, _LINE * _LINES, name):
        if b"\0" in data:
            raise ValueError("NUL")
        yield data


def _message_pieces(file: OutgoingFile, size: int) -> Iterator[bytes]:
    """The attached message with CRLF line ends, which is all that is changed in it."""
    ends, written = LineEnds(), 0
    with _opened(file) as opened:
        while data := _read(opened, _LINE * _LINES, file.name):
            piece = ends.feed(data)
            written += len(piece)
            if written > size:
                raise _changed(file.name)
            if piece:
                yield piece
    last = ends.finish()
    if written + len(last) != size:
        raise _changed(file.name)
    if last:
        yield last


def _opened(file: OutgoingFile) -> BinaryIO:
    try:
        return file.opened()
    except OSError as error:
        if isinstance(error, LocalError):
            raise
        raise AttachmentChangedError(
            f"The attached file {file.name!a} cannot be read: {error.strerror or error}."
        ) from error


def _open_regular(path: Path, name: str) -> BinaryIO:
    file = open(path, "rb", opener=_without_waiting)  # noqa: SIM115 - Path.open has no opener
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise AttachmentChangedError(f"{name!a} is not a file.")
    return file


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _read(opened: BinaryIO, size: int, name: str) -> bytes:
    try:
        return opened.read(size)
    except OSError as error:
        raise AttachmentChangedError(
            f"The attached file {name!a} cannot be read: {error.strerror or error}."
        ) from error


def _changed(name: str) -> AttachmentChangedError:
    return AttachmentChangedError(f"The attached file {name!a} has changed since it was attached.")


def _is_utf8_text(head: bytes) -> bool:
    if b"\0" in head:
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)  # the last character may be cut off
    except UnicodeDecodeError:
        return False
    return True
