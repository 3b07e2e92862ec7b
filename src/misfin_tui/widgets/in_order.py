"""A field's own keys act in the order they were pressed, however fast they come.

Textual runs a binding only when its key has bubbled up to the app; by then a letter pressed after it is in
the field. So a word corrected while the program is busy would come out with its letters in another order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual import events
    from textual.widget import Widget
else:
    Widget = object  # Textual takes a widget's styles from its first base: that must be the field


class InOrder(Widget):
    """Comes before Textual's field among the bases."""

    async def _on_key(self, event: events.Key) -> None:
        """Do at once what the key is bound to here; everything else goes its usual way."""
        if event.is_printable:
            return
        active = self.screen.active_bindings.get(event.key)
        if active is None or active.node is not self or active.binding.priority or not active.enabled:
            return
        event.stop()
        event.prevent_default()
        await self.app.run_action(active.binding.action, self)
