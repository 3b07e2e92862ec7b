"""Which actions of the key table a screen has, in which groups, and how to do one: for palette and menu."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
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
        "reply_list",
    }
)
"""The actions of the menu that belong to the conversation or message pointed at."""

_ON_A_MESSAGE = frozenset(
    {
        *("forward_attached", "copy_to_folder", "copy_link", "pipe", "bounce", "edit_as_new", "parts"),
        *("headers", "print_message", "mute", "next_version", "open_in_browser", "split", "unlock"),
        *("charset", "make_filter", "join", "accept_list", "accept_server"),
    }
)
"""Those that belong to it too, and are wanted now and then."""

NEAREST = ""
ON_MESSAGE = "More for this message …"
HERE = "Everything else here …"
PROGRAM = "The whole program …"


def grouped(actions: Iterable[KeyAction], nearest: Collection[str]) -> dict[str, list[KeyAction]]:
    """The pages of the menu by their titles, without empty ones; the first has the actions in ``nearest``."""
    pages: dict[str, list[KeyAction]] = {NEAREST: [], ON_MESSAGE: [], HERE: [], PROGRAM: []}
    for action in actions:
        if action.method in nearest:
            title = NEAREST
        elif action.context is KeyContext.EVERYWHERE:
            title = PROGRAM
        else:
            title = ON_MESSAGE if action.method in _ON_A_MESSAGE else HERE
        pages[title].append(action)
    return {title: found for title, found in pages.items() if found}


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
