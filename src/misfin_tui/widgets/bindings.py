"""The key table as Textual bindings."""

from __future__ import annotations

from textual.binding import Binding, BindingType

from misfin_tui.keymap import KeyContext, Shown, in_context, split


def bindings(*contexts: KeyContext) -> list[BindingType]:
    """The default bindings of some contexts, for a ``BINDINGS`` class variable.

    Each carries its id, so ``App.set_keymap(keymap.keys)`` can move it; an unbound action is moved
    to the key ``noop``, which no terminal sends.
    """
    return [
        Binding(
            ",".join(split(action.keys)),
            action.method,
            action.label,
            show=action.shown is Shown.FOOTER,
            priority=action.priority,
            tooltip=action.help,
            id=action.id,
        )
        for context in contexts
        for action in in_context(context)
    ]
