"""Asking where to save something, until it is saved or the person thinks better of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from misfin.errors import LocalError

if TYPE_CHECKING:
    from misfin_tui.screens.letter_actions import LetterScreen

T = TypeVar("T")


async def save_as(
    screen: LetterScreen,
    question: str,
    suggested: str,
    hint: str,
    save: Callable[[Path], Awaitable[T]],
) -> T | None:
    """Ask for a path and save there. A path that does not do is told, and asked for again as it was typed."""
    path = suggested
    while True:
        answer = await screen.ask(question, path, help=hint, finder=screen.services.outside.complete_path)
        if not answer or not answer.strip():
            return None
        path = answer.strip()
        try:
            return await save(Path(path))
        except LocalError as error:
            screen.misfin.report(error)
