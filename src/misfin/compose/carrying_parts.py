"""Messages with parts that SMTP cannot carry as they are: only the parts concerned are encoded. Pure.

What is signed (multipart/signed, DKIM) is never changed: a signature is over the bytes as they were.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum

from misfin.compose.carrying import MAX_LINE, UNENCODED, as_quoted_printable, unsendable
from misfin.compose.finished import MAX_HEADER, Field, Head, read_head
from misfin.errors import InputError
from misfin.store.message import fields

_MAX_DEPTH = 32
_LINE = 57  # bytes in 76 characters of base64


class _What(Enum):
    FRAME = "frame"
    """Boundaries, and what stands before the first and after the last."""
    HEADER = "header"
    BODY = "body"


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some of a message: ``part`` counts headers, the message's own not among them."""

    what: _What
    data: bytes
    part: int = -1


@dataclass(frozen=True, slots=True)
class _Kind:
    """What the header of a part says about it."""

    kind: str
    encoding: bytes
    boundary: bytes = b""
    signed: bool = False

    @classmethod
    def of(cls, head: Head) -> _Kind:
        values = {each.name: each.value for each in head.fields}
        kind, parameters = fields.content(values.get("content-type", b"text/plain"))
        encoding = values.get("content-transfer-encoding", b"8bit").strip().lower()
        boundary = parameters.get("boundary", "") if kind.startswith("multipart/") else ""
        signed = kind == "multipart/signed" or "dkim-signature" in values
        return cls(kind, encoding, boundary.encode("utf-8", "surrogateescape"), signed)


@dataclass(slots=True)
class _Walk:
    """Where a reader of the message is."""

    boundaries: list[tuple[bytes, bool]] = field(default_factory=list)
    """Of the parts around, the innermost last, and whether what is between them is signed."""
    header: list[bytes] | None = None
    part: int = -1
    inside: bool = False
    """Whether it is in the body of a part, not in the frame."""


@dataclass(frozen=True, slots=True)
class PartsToEncode:
    """The numbers of the parts that cannot be carried as they are."""

    quoted: frozenset[int]
    wrapped: frozenset[int]
    """Those that are base64 already, in lines that are too long."""


def has_parts(head: Head) -> bool:
    """Whether the header is that of a message with parts, or around another one."""
    return _Kind.of(head).kind.startswith(("multipart/", "message/"))


def parts_to_encode(head: Head, lines: Iterable[bytes]) -> PartsToEncode:
    """Look through the body of a message with parts; ``lines`` are lines, or pieces of long ones.

    Raises :class:`~misfin.errors.InputError` where what is too long is signed or cannot be encoded.
    """
    walk = _Walk()
    kinds: dict[int, tuple[_Kind, bool]] = {}
    quoted, wrapped = set[int](), set[int]()
    column = 0
    for piece in _walked(head, lines, walk):
        longest = column + len(piece.data.rstrip(b"\r\n"))
        column = 0 if piece.data.endswith(b"\n") else longest
        if piece.what is _What.HEADER:
            kind = _Kind.of(read_head(piece.data))
            kinds[piece.part] = kind, kind.signed or _signed(walk)
            longest = max((len(each) for each in piece.data.splitlines()), default=0)
            column = 0
        nul = b"\0" in piece.data
        if longest <= MAX_LINE and not nul:
            continue
        kind, signed = kinds.get(piece.part, (_Kind("multipart/mixed", b""), False))
        discrete = not kind.kind.startswith(("multipart/", "message/"))
        if piece.what is _What.BODY and discrete and not signed:
            if kind.encoding in UNENCODED:
                quoted.add(piece.part)
                continue
            if kind.encoding == b"base64" and not nul:
                wrapped.add(piece.part)
                continue
        raise unsendable(longest, nul=nul, signed=signed)
    return PartsToEncode(frozenset(quoted), frozenset(wrapped))


def with_encoded_parts(head: Head, lines: Iterable[bytes], wanted: PartsToEncode) -> Iterator[bytes]:
    """The body with those parts encoded; all else byte for byte."""
    pieces = iter(_walked(head, lines, _Walk()))
    piece = next(pieces, None)
    while piece is not None:
        part = piece.part
        changes = part in wanted.quoted or part in wanted.wrapped
        if piece.what is _What.HEADER and part in wanted.quoted:
            yield _as_quoted(piece.data)
        elif piece.what is _What.BODY and changes:
            rest = _Same(part, piece, pieces)
            yield from (as_quoted_printable if part in wanted.quoted else _rewrapped)(rest)
            piece = rest.after
            continue
        else:
            yield piece.data
        piece = next(pieces, None)


class _Same:
    """The rest of a part's body; ``after`` is what comes next then."""

    def __init__(self, part: int, first: _Piece, pieces: Iterator[_Piece]) -> None:
        self._part = part
        self._pieces = pieces
        self.after: _Piece | None = first

    def __iter__(self) -> Iterator[bytes]:
        while (piece := self.after) is not None and (piece.part, piece.what) == (self._part, _What.BODY):
            yield piece.data
            self.after = next(self._pieces, None)


def _walked(head: Head, lines: Iterable[bytes], walk: _Walk) -> Iterator[_Piece]:
    """The body of a message, piece by piece, in its order."""
    _enter(walk, _Kind.of(head))
    begins = True
    for line in lines:
        whole = begins and line.endswith(b"\n")
        begins = line.endswith(b"\n")
        if whole or walk.header is not None:
            level = _level(walk, line) if whole else None
            if level is not None:
                if walk.header is not None:  # a part that is only a header
                    yield _Piece(_What.HEADER, b"".join(walk.header), walk.part)
                depth, closes = level
                del walk.boundaries[depth + (0 if closes else 1) :]
                walk.inside = False
                walk.header = None if closes else []
                walk.part += 0 if closes else 1
                yield _Piece(_What.FRAME, line)
                continue
        if walk.header is None:
            yield _Piece(_What.BODY, line, walk.part) if walk.inside else _Piece(_What.FRAME, line)
            continue
        walk.header.append(line)
        if sum(map(len, walk.header)) > MAX_HEADER:
            raise InputError(f"The header of a part is over {MAX_HEADER:,} bytes long.")
        if whole and not line.strip(b"\r\n"):
            data, walk.header, walk.inside = b"".join(walk.header), None, True
            yield _Piece(_What.HEADER, data, walk.part)
            _enter(walk, _Kind.of(read_head(data)))
    if walk.header is not None:
        yield _Piece(_What.HEADER, b"".join(walk.header), walk.part)


def _enter(walk: _Walk, kind: _Kind) -> None:
    """The header of a part, or of the message, is over."""
    if kind.boundary and len(walk.boundaries) < _MAX_DEPTH:
        walk.boundaries.append((kind.boundary, kind.signed or _signed(walk)))
        walk.inside = False
    elif kind.kind == "message/rfc822" and kind.encoding in UNENCODED and walk.part < 10_000:
        walk.header, walk.inside = [], False  # a message in a message: its header follows
        walk.part += 1


def _signed(walk: _Walk) -> bool:
    return any(signed for _, signed in walk.boundaries)


def _level(walk: _Walk, line: bytes) -> tuple[int, bool] | None:
    """Which boundary a line is, and whether it is the last of its kind; None for any other line."""
    if not line.startswith(b"--"):
        return None
    text = line.rstrip()
    for depth in reversed(range(len(walk.boundaries))):
        boundary = b"--" + walk.boundaries[depth][0]
        if text in (boundary, boundary + b"--"):
            return depth, text != boundary
    return None


def _as_quoted(header: bytes) -> bytes:
    """The header of a part that goes as quoted-printable."""
    head = read_head(header)
    end = b"\r\n" if header.endswith(b"\r\n") else b"\n"
    kept = [each for each in head.fields if each.name != "content-transfer-encoding"]
    added = Field("content-transfer-encoding", b"Content-Transfer-Encoding: quoted-printable" + end)
    return b"".join(each.raw for each in (*kept, added)) + end


def _rewrapped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Base64 in lines of 76 characters: its line ends mean nothing."""
    held = b""
    width = 4 * _LINE // 3
    for piece in pieces:
        held += b"".join(piece.split())
        while len(held) >= width:
            yield held[:width] + b"\n"
            held = held[width:]
    if held:
        yield held + b"\n"
