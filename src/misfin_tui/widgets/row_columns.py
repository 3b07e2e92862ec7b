"""How wide each column of a list is: nothing is cut or crowded while cells are free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MEASURED = 200
"""Rows whose cells are measured."""
LEAST = 16  # cells a free column keeps before others have to go
USUAL, WIDE = 2, 4  # cells between two columns
GOOD_TO_KNOW = 2  # a column with this ``spare`` or more is not needed


@dataclass(frozen=True, slots=True)
class Column:
    """``width`` in cells, 0 for what is left; columns with a higher ``spare`` go first in a narrow window."""

    title: str
    width: int = 0
    right: bool = False
    spare: int = 0


@dataclass(frozen=True, slots=True)
class Shape:
    """The cells of each column, 0 for those there is no room for, and between two of them.

    Only one cell follows a column of one cell, which holds a sign.
    """

    widths: tuple[int, ...]
    gap: int


def shape(columns: Sequence[Column], needed: Sequence[int], room: int) -> Shape:
    """Divide ``room`` cells; ``needed`` are those that show all of each column."""
    shown = list(range(len(columns)))

    def gaps(gap: int) -> int:
        return sum(1 if columns[at].width == 1 else gap for at in shown[:-1])

    least = [min(column.width or LEAST, max(needed[at], 1)) for at, column in enumerate(columns)]
    kept = 2 if columns[0].width == 1 else 1  # a sign alone says nothing
    while len(shown) > kept and sum(least[at] for at in shown) + gaps(USUAL) > room:
        shown.remove(max(shown[kept:], key=lambda at: (columns[at].spare, at)))
    if len(shown) == kept:
        least[shown[-1]] = max(min(least[shown[-1]], room - 2 * (kept - 1)), 1)
    while len(shown) > 1:  # one that is good to know goes where one that is needed is then whole
        spared = max(shown, key=lambda at: (columns[at].spare, at))
        needs = (max(least[at], 0 if columns[at].spare else needed[at]) for at in shown)
        lacking_cells = sum(needs) + gaps(USUAL) - room
        if columns[spared].spare < GOOD_TO_KNOW or not 0 < lacking_cells <= least[spared] + USUAL:
            break
        shown.remove(spared)
    roomy = sum(max(needed[at], columns[at].width) for at in shown) + gaps(WIDE) <= room
    gap = WIDE if roomy else USUAL
    left = room - gaps(gap)
    widths = [0] * len(columns)
    for at in shown:  # what each has for certain
        widths[at] = least[at]
        left -= widths[at]
    lacking = sorted((at for at in shown if widths[at] < needed[at]), key=lambda at: needed[at] - widths[at])
    for number, at in enumerate(lacking):  # those that lack little get it all, the others a fair share
        more = min(needed[at] - widths[at], max(left, 0) // (len(lacking) - number))
        widths[at] += more
        left -= more
    for at in shown:  # what a list usually has, so that most lists look alike
        more = min(max(columns[at].width - widths[at], 0), max(left, 0))
        widths[at] += more
        left -= more
    for at in shown:
        widths[at] = max(widths[at], 1)
    return Shape(tuple(widths), gap)
