"""A message that another program wrote, as it is sent and filed: the bytes of its file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from misfin.email.smtp import LineEnds

_PIECE = 256 * 1024


class FinishedMail:
    """What :class:`~misfin.email.mime_out.MimeMessage` is to a message written here. Blocking."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.size = path.stat().st_size
        """Bytes of the file, which may have fewer than are sent: its line ends may be LF."""

    @property
    def facts(self) -> None:
        """Unknown until it is read."""

    def open(self) -> BinaryIO:
        """The file to read it from, with the line ends it came with."""
        return self._path.open("rb")

    def pieces(self) -> Iterator[bytes]:
        """Its bytes with CRLF line ends, no piece ending between the two."""
        ends = LineEnds()
        with self.open() as file:
            while piece := file.read(_PIECE):
                yield ends.feed(piece)
        yield ends.finish()

    def write(self, file: BinaryIO, *, line_end: bytes = b"\r\n") -> None:
        """Write it into a file; mail on disk has LF as ``line_end``."""
        for piece in self.pieces():
            file.write(piece if line_end == b"\r\n" else piece.replace(b"\r\n", line_end))
