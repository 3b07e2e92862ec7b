"""Small facts in words (``wording/facts.py``), and harmless text as a widget."""

from __future__ import annotations

from typing import Any

from textual.app import App
from textual.content import Content
from textual.widgets import Static

from misfin_tui.screentext import plain
from misfin_tui.wording.facts import (
    by_and_by,
    clock,
    day,
    grouped,
    in_a_while,
    many,
    moment,
    needing,
    short,
    span,
)

__all__ = [
    "by_and_by",
    "clock",
    "day",
    "grouped",
    "in_a_while",
    "many",
    "moment",
    "muted",
    "needing",
    "short",
    "span",
    "text",
]


def muted(app: App[Any]) -> str:
    """The style of a remark beside a choice: legible under the cursor too, in every theme."""
    return "dim" if app.current_theme.ansi else "$mail-muted"


def text(value: str, *, classes: str = "", id: str | None = None) -> Static:  # noqa: A002 - Textual's name
    """Any text as a widget: made harmless, never taken for markup."""
    return Static(Content(plain(value, one_line=False)), classes=classes, id=id, markup=False)
