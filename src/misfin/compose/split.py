"""Splits a message that is too long into several that fit. Pure: the caller says what fits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from misfin.errors import LocalError
from misfin.store.outgoing.drafts import Draft

_FENCE = "```"
_MAX_PARTS = 200  # 64 KiB of text for a server that accepts 2,048 bytes makes about forty


def split(draft: Draft, fits: Callable[[Draft], bool]) -> list[Draft]:
    """The draft as numbered messages that each fit, broken at blank lines where possible.

    A paragraph that is too long is broken between lines, a line between words. Preformatted blocks are
    closed and reopened. Raises :class:`LocalError` if the draft cannot be split.
    """
    if draft.forwards is not None:
        raise LocalError(
            "A forwarded message is sent unchanged, so it cannot be split.",
            remedy="Quote the part that matters in a new message.",
        )

    def room(text: str) -> bool:
        # The widest number possible: how many parts there will be is not known yet.
        return fits(replace(draft, subject=_numbered(draft.subject, 100, 100), body=text))

    if not room("") or not room("x" * 64):
        raise LocalError(
            "The subject and recipients leave no room for the text.", remedy="Shorten the subject."
        )
    parts = list(_packed(_blocks(draft.body), room))
    if len(parts) > _MAX_PARTS:
        raise LocalError(
            f"The text would need {len(parts)} messages, which is too many.", remedy="Shorten the text."
        )
    return [
        replace(draft, id="", subject=_numbered(draft.subject, number, len(parts)), body=part)
        for number, part in enumerate(parts, 1)
    ]


def _numbered(subject: str, number: int, total: int) -> str:
    return f"{subject} ({number}/{total})".lstrip()


def _packed(blocks: Iterator[str], room: Callable[[str], bool]) -> Iterator[str]:
    """Join as many blocks as fit."""
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
    """Paragraphs: runs of lines between blank ones; a preformatted block is never broken here."""
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
    """Break a block that is too long, between lines if possible; preformatted text stays preformatted."""
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
    """Break a line into pieces that fit between their fences, between words if possible."""

    def fits(text: str) -> bool:
        return room(f"{fence}\n{text}\n{_FENCE}" if fence else text)

    while not fits(line):
        low, high = 1, len(line)  # the longest start that fits; sizes grow with length
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if fits(line[:middle]) else (low, middle - 1)
        space = line.rfind(" ", 1, low + 1)
        end = space if space > low // 2 else low
        yield line[:end]
        line = line[end:].removeprefix(" ")
    yield line
