"""Line endings: a message has CRLF in transit and LF on disk, unless that would change it.

A message in which each CR is followed by LF, and each LF preceded by CR, is stored with LF and comes back
byte for byte. Any other is stored as it was received, and uploaded the same way if its first line ends in
CRLF, as a server's do and those of a file with LF do not. Nothing is ever parsed and written again.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, Protocol

CHUNK: Final = 1 << 20


class Readable(Protocol):
    """An open file, as far as it is read in pieces."""

    def read(self, size: int, /) -> bytes:
        """The next bytes; none at the end."""


def plain(data: bytes) -> bool:
    """Whether the line ends of a whole message are CRLF and nothing else."""
    pairs = data.count(b"\r\n")
    return pairs == data.count(b"\n") and pairs == data.count(b"\r")


def stored(data: bytes) -> bytes:
    """A message as it is stored, from what the server sent."""
    return data.replace(b"\r\n", b"\n") if plain(data) else data


def store_file(raw: Path, target: BinaryIO) -> None:
    """Write to ``target`` what is stored of a message in the file ``raw``, which may be large."""
    convert = _file_is_plain(raw)
    with raw.open("rb") as file:
        for piece in _whole_lines(file):
            target.write(piece.replace(b"\r\n", b"\n") if convert else piece)


def sent(file: Readable) -> Iterator[bytes]:
    """The bytes to upload of a stored message, in pieces of about 1 MiB."""
    convert: bool | None = None
    last = b""
    while piece := file.read(CHUNK):
        if convert is None:
            convert = not _begins_with_crlf(piece)
        if convert:
            kept, last = last, b"\r" if piece.endswith(b"\r") else b""
            piece = _with_crlf(kept + piece)[len(kept) :]
        yield piece


def sent_size(file: BinaryIO) -> int:
    """How many bytes :func:`sent` yields."""
    return sum(map(len, sent(file)))


def sent_bytes(data: bytes) -> bytes:
    """The bytes to upload of a stored message that is in memory."""
    return _with_crlf(data) if not _begins_with_crlf(data) else data


def digest_of(file: BinaryIO) -> bytes:
    """SHA-256 of the bytes as stored."""
    import hashlib  # late: it loads OpenSSL, and the app only reads what was found out

    digest = hashlib.sha256()
    while piece := file.read(CHUNK):
        digest.update(piece)
    return digest.digest()


def _with_crlf(data: bytes) -> bytes:
    """With a CR before each LF that has none. A pattern would make an object of each line."""
    return data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _begins_with_crlf(data: bytes) -> bool:
    end = data.find(b"\n")
    return end > 0 and data[end - 1 : end] == b"\r"


def _file_is_plain(raw: Path) -> bool:
    with raw.open("rb") as file:
        return all(plain(piece) for piece in _whole_lines(file))


def _whole_lines(file: BinaryIO) -> Iterator[bytes]:
    """The pieces of a file, none of which ends between CR and LF."""
    while piece := file.read(CHUNK):
        while piece.endswith(b"\r") and (more := file.read(1)):
            piece += more
        yield piece
