"""Lines divided for a width, at spaces where there are any. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from misfin_tui.linear.typing_line import cells


def wrapped(line: str, width: int) -> Iterator[str]:
    """The parts of a line, none wider than ``width`` columns; an empty line is one part."""
    rest = line.rstrip()
    while cells(rest) > width:
        end = _fitting(rest, width)
        space = rest.rfind(" ", 1, end + 1)
        at = space if space > 0 and rest[:space].strip() else end
        yield rest[:at].rstrip()
        rest = rest[at:].lstrip(" ") if at == space else rest[at:]
    yield rest


def _fitting(text: str, width: int) -> int:
    """How many characters of a text fit, at least one."""
    taken = 0
    for number, char in enumerate(text):
        taken += cells(char)
        if taken > width:
            return max(number, 1)
    return len(text)
