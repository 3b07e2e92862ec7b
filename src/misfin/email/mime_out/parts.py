"""The parts a message is made of: each knows its size before its first byte is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class MimePart:
    """One part: its header fields, and its body of ``size`` bytes.

    ``pieces`` gives the body from its beginning each time it is called, with CRLF line ends, never divided
    within one; it may read a file, and raises what that raises. ``eight_bit``: it has bytes over 127.
    """

    head: bytes = field(repr=False)
    size: int
    pieces: Callable[[], Iterator[bytes]] = field(repr=False)
    eight_bit: bool = False

    @property
    def whole(self) -> int:
        """Bytes of header, blank line and body."""
        return len(self.head) + 2 + self.size


def from_bytes(head: bytes, body: bytes) -> MimePart:
    """A part that is in memory."""
    return MimePart(head, len(body), lambda: iter((body,)))


def multipart(kind: str, boundary: str, parts: Sequence[MimePart]) -> MimePart:
    """Parts one after another (RFC 2046 §5.1). The boundary must not occur in any of them."""
    between, end = f"--{boundary}\r\n".encode(), f"--{boundary}--\r\n".encode()

    def pieces() -> Iterator[bytes]:
        for number, part in enumerate(parts):
            yield (b"\r\n" if number else b"") + between + part.head + b"\r\n"
            yield from part.pieces()
        yield b"\r\n" + end

    # The line break before a boundary belongs to it.
    size = sum(len(between) + part.whole + 2 for part in parts) + len(end)
    head = f'Content-Type: multipart/{kind};\r\n boundary="{boundary}"\r\n'.encode()
    return MimePart(head, size, pieces, any(part.eight_bit for part in parts))
