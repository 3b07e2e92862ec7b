"""Facts in plain lines: headings, labels with their values, warnings in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from misfin_tui.wording.facts import Fact

_WARNS = "⚠ "


def spoken_facts(facts: Iterable[Fact]) -> Iterator[str]:
    """One line for each fact; what takes several lines on a screen is one sentence here."""
    for label, value in facts:
        text = " ".join(value.split())
        if text.startswith(_WARNS):
            text = f"Warning: {text.removeprefix(_WARNS)}"
        name = f"{label[:1].upper()}{label[1:]}"
        if label and text:
            yield f"{name}: {text}"
        elif label or text:
            yield text or f"{name}:"
