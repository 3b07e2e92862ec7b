"""A field takes every key as it was pressed: its own in their order, and letters Python does not print.

Textual runs a binding only when its key has bubbled up to the app; by then a message pressed after it is in
the field. So a word corrected while the program is busy would come out with its letters in another order.
And it takes for a message only what ``str.isprintable`` does: not the wide space of Japanese, nor the joiners
that Persian and emoji are written with.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual import events
    from textual.widget import Widget
else:
    Widget = object  # Textual takes a widget's styles from its first base: that must be the field


_CONTROLS = ("Cc", "Cs")


class InOrder(Widget):
    """Comes before Textual's field among the bases."""

    def type_in(self, text: str) -> None:
        """Replace what is selected with text, as keys do."""
        raise NotImplementedError

    async def _on_key(self, event: events.Key) -> None:
        """Do at once what the key is bound to here; everything else is handled as usual."""
        if event.is_printable:
            return
        if event.character is not None and unicodedata.category(event.character) not in _CONTROLS:
            event.stop()
            event.prevent_default()
            self.type_in(event.character)
            return
        active = self.screen.active_bindings.get(event.key)
        if active is None or active.node is not self or active.binding.priority or not active.enabled:
            return
        event.stop()
        event.prevent_default()
        await self.app.run_action(active.binding.action, self)
