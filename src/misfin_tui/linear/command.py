"""A command: its word, what stands for it in short, what it takes, and how a typed line names one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from misfin.errors import InputError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LineCommand(Generic[T]):
    """One command of a table; ``run`` gets what it works on and the rest of the line.

    ``short`` is empty where only the word counts. ``stoppable``: ctrl+c may end it while it works.
    """

    word: str
    short: str
    takes: str
    about: str
    run: Callable[[T, str], Awaitable[None]]
    stoppable: bool = False


def command_for(text: str, table: Sequence[LineCommand[T]]) -> tuple[LineCommand[T], str]:
    """The command a line names, by its word, what is short for it or the beginning of its word, and the rest.

    Raises :class:`InputError` for what names none, or more than one.
    """
    word, _, rest = text.strip().partition(" ")
    word, rest = word.casefold(), rest.strip()
    for each in table:
        if word in (each.word, each.short):
            return each, rest
    begun = [each for each in table if each.word.startswith(word)]
    if len(begun) == 1:
        return begun[0], rest
    if begun:
        raise InputError(f"{word} can mean {' or '.join(each.word for each in begun)}.")
    raise InputError(f"There is no command {word}.", remedy="Type help for a list.")


def listed(table: Sequence[LineCommand[T]]) -> list[str]:
    """The commands, one a line."""
    return [
        f"{each.word}{f' {each.takes}' if each.takes else ''}"
        f"{f' ({each.short})' if each.short else ''}: {each.about}"
        for each in table
    ]
