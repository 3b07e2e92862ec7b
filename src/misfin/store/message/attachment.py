"""A file that comes with a mail, and where its bytes are."""

from __future__ import annotations

from dataclasses import field, replace
from typing import NamedTuple

from misfin.store.message import transfer
from misfin.valueclass import dataclass


class Inside(NamedTuple):
    """A range of bytes inside the decoded content of something else, and how it is encoded in turn."""

    start: int
    end: int
    encoding: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that comes with a mail; ``size`` is the size of its content in bytes.

    ``name`` was chosen by the sender: for display, and never a path to write to.
    """

    name: str
    type: str
    size: int
    start: int = field(repr=False)
    end: int = field(repr=False)
    encoding: str = field(repr=False)
    content_id: str = ""
    """Its name in ``cid:`` links (RFC 2392), without angle brackets; empty if it has none."""
    embedded: bool = False
    """Whether it is a picture inside the text of the mail rather than a file that came with it."""
    inside: tuple[Inside, ...] = field(default=(), repr=False)
    """Where it is in the decoded part, if it is only a piece of it: in winmail.dat, in an encoded text or
    in an attached message that is encoded. Each range is within the content of the one before."""

    def content(self, data: bytes) -> bytes:
        """Its content, from the bytes of the whole message."""
        content = transfer.decoded(data[self.start : self.end], self.encoding)
        for start, end, encoding in self.inside:
            content = transfer.decoded(content[start:end], encoding)
        return content


def within(file: Attachment, around: Attachment) -> Attachment:
    """A file found in the decoded content of another, as a file of the whole mail."""
    inside = (Inside(file.start, file.end, file.encoding), *file.inside)
    return replace(file, start=around.start, end=around.end, encoding=around.encoding, inside=inside)
