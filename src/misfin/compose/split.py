"""A message that is too long, as several that fit. Pure: the caller hands in what fits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from misfin.errors import LocalError
from misfin.store.outgoing.drafts import Draft

_FENCE = "```"
_MAX_PARTS = 200  # a text of 64 KiB in messages for a server that takes 2,048 bytes gives some forty


def split(draft: Draft, fits: Callable[[Draft], bool]) -> list[Draft]:
    """The draft as numbered messages that each fit, broken at blank lines where there are any.

    A paragraph that is too long by itself is broken between lines, a line between words. Preformatted
    blocks are closed and opened again. Raises :class:`LocalError` when that cannot be done.
    """
    if draft.forwards is not None:
        raise LocalError(
            "A forwarded message goes out untouched; it cannot be split.",
            remedy="Quote the part that matters in a message of your own.",
        )

    def room(text: str) -> bool:
        # The widest number it may get: how many parts there are is not known yet.
        return fits(replace(draft, subject=_numbered(draft.subject, 100, 100), body=text))

    if not room("") or not room("x" * 64):
        raise LocalError("There is no room for a text beside subject and recipients.")
    parts = list(_packed(_blocks(draft.body), room))
    if len(parts) > _MAX_PARTS:
        raise LocalError(f"That would be {len(parts)} messages.", remedy="Shorten the text.")
    return [
        replace(draft, id="", subject=_numbered(draft.subject, number, len(parts)), body=part)
        for number, part in enumerate(parts, 1)
    ]


def _numbered(subject: str, number: int, total: int) -> str:
    return f"{subject} ({number}/{total})".lstrip()


def _packed(blocks: Iterator[str], room: Callable[[str], bool]) -> Iterator[str]:
    """Put as many blocks together as fit."""
    current = ""
    for block in blocks:
        for piece in [block] if room(block) else _broken(block, room):
            together = f"{current}\n\n{piece}" if current else piece
            if room(together):
                current = together
            else:
                yield current
                current = piece
    if current:
        yield current


def _blocks(body: str) -> Iterator[str]:
    """Paragraphs: runs of lines between blank ones; a preformatted block is never divided here."""
    block: list[str] = []
    inside = False
    for line in body.split("\n"):
        inside ^= line.startswith(_FENCE)
        if line.strip() or inside:
            block.append(line)
        elif block:
            yield "\n".join(block)
            block = []
    if block:
        yield "\n".join(block)


def _broken(block: str, room: Callable[[str], bool]) -> Iterator[str]:
    """A block that is too long, between lines if possible; preformatted text stays preformatted."""
    current: list[str] = []
    fence = ""
    for line in block.split("\n"):
        for piece in _short_lines(line, fence, room):
            opening = piece.startswith(_FENCE)
            closed = [*current, piece, *([_FENCE] if fence and not opening else [])]
            if current and not room("\n".join(closed)):
                yield "\n".join([*current, *([_FENCE] if fence else [])])
                current = [fence] if fence else []
            current.append(piece)
            if opening:
                fence = "" if fence else piece
    if current:
        yield "\n".join(current)


def _short_lines(line: str, fence: str, room: Callable[[str], bool]) -> Iterator[str]:
    """A line in pieces that fit between their fences, broken between words if possible."""

    def fits(text: str) -> bool:
        return room(f"{fence}\n{text}\n{_FENCE}" if fence else text)

    while not fits(line):
        low, high = 1, len(line)  # the longest head that fits; sizes grow with length
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if fits(line[:middle]) else (low, middle - 1)
        space = line.rfind(" ", 1, low + 1)
        end = space if space > low // 2 else low
        yield line[:end]
        line = line[end:].removeprefix(" ")
    yield line
