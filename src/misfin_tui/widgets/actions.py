"""Which actions of the key table a screen has, and how to do one: for the palette and the menu."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from textual.binding import Binding

from misfin_tui.keymap import BY_ID, KeyAction, KeyContext, Shown
from misfin_tui.keymap.action import named, words_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.app import App
    from textual.screen import Screen


ON_A_ROW = frozenset(
    {
        *("open_conversation", "reply", "reply_all", "forward", "archive", "trash", "move_to_folder"),
        *("unread", "star", "tag", "select", "block", "decide", "edit_draft", "open_link", "attachments"),
        *("fold", "details", "save_message", "open_on_server", "unsubscribe", "answer_invitation"),
    }
)
"""The actions of the menu that belong to the conversation or message pointed at."""


def actions_of(screen: Screen[Any], *, moving: bool = False) -> Iterator[KeyAction]:
    """The actions that work on a screen, then those of the whole program; ``moving`` adds what only moves
    a cursor or repeats another action, which nobody looks for by name."""
    seen = set()
    words = words_of(screen)
    for node in (screen, screen.app):
        for binding in type(node).BINDINGS:
            found = BY_ID.get(binding.id or "") if isinstance(binding, Binding) else None
            if found is None or found.id in seen or found.id == "commands":
                continue
            seen.add(found.id)
            if (moving or found.shown is not Shown.HELP) and node.check_action(found.method, ()) is not False:
                yield named(found, words)


def runner(screen: Screen[Any], action: KeyAction) -> Callable[[], Awaitable[object]]:
    """The node and the action that do what the key would."""
    of_app = action.context in (KeyContext.EVERYWHERE, KeyContext.TOUR)
    node: App[Any] | Screen[Any] = screen.app if of_app else screen
    return lambda: screen.app.run_action(action.method, default_namespace=node)
