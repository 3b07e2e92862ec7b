"""A gemtext view that also knows a letter's head; the preview and the conversation build on it."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style

from misfin_tui.widgets.gemtext_rows import ROLES as GEMTEXT_ROLES
from misfin_tui.widgets.gemtext_view import GemtextView
from misfin_tui.widgets.letter_rows import ROLES


class LetterView(GemtextView):
    """Shows rows of :mod:`misfin_tui.widgets.letter_rows`."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"letter--{role}" for role in ROLES}
    DEFAULT_CSS = """
    LetterView {
        .letter--sender { text-style: bold; }
        .letter--label { color: $mail-muted; }
        .letter--muted { color: $mail-muted; }
        .letter--warning { color: $warning; text-style: bold; }
        .letter--rule { color: $border-blurred; }
        .letter--bar { color: $primary; text-style: bold; }
        .letter--fold { color: $mail-muted; }
        .letter--tag { color: $mail-tag; text-style: italic; }
        .letter--verified { color: $badge-verified; }
        .letter--first { color: $badge-first; }
        .letter--none { color: $badge-none; }
        .letter--changed { color: $badge-changed; text-style: bold; }
    }
    """

    def role_style(self, role: str) -> Style:
        """Roles of the head have classes of their own."""
        if role in GEMTEXT_ROLES:
            return super().role_style(role)
        return self.get_component_rich_style(f"letter--{role}")
