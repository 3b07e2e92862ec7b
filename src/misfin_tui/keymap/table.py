"""The table of every action that has a key: id, default keys, words and room.

It is the single source of bindings, footer, command palette, help and docs. An id is what a user
writes in ``[keys]`` of config.toml; ids are unique in the whole program.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from types import MappingProxyType


class KeyContext(StrEnum):
    """Where an action works; the value is the heading in help and docs."""

    EVERYWHERE = "everywhere"
    LIST = "any list"
    INBOX = "inbox"
    THREAD = "conversation"
    COMPOSE = "composer"
    OUTBOX = "outbox"
    TRUST = "trust"
    CONTACTS = "contacts"
    IDENTITIES = "identities"
    SETTINGS = "settings"
    WIZARD = "first run"
    DIALOG = "dialogs"
    HELP = "help"


class Shown(IntEnum):
    """Where an action is named; each place includes the ones before."""

    HELP = 1  # moving a cursor by name makes no sense in the command palette
    PALETTE = 2
    FOOTER = 3


@dataclass(frozen=True, slots=True)
class KeyAction:
    """One row; ``keys`` are comma separated."""

    id: str
    keys: str
    label: str  # a word for the footer
    help: str  # a sentence for help and palette
    room: KeyContext = KeyContext.EVERYWHERE
    shown: Shown = Shown.FOOTER
    priority: bool = False  # seen before the focused widget sees the key
    action: str = ""  # Textual action when it is not the id with underscores

    @property
    def method(self) -> str:
        """Name of the Textual action, without the ``action_`` prefix."""
        return self.action or self.id.replace("-", "_")


def _room(room: KeyContext, *rows: KeyAction) -> tuple[KeyAction, ...]:
    return tuple(replace(row, room=room) for row in rows)


_A = KeyAction

ACTIONS: tuple[KeyAction, ...] = (
    *_room(
        KeyContext.EVERYWHERE,
        _A(
            "commands",
            "ctrl+p,colon",
            "Commands",
            "Find any command by name.",
            shown=Shown.PALETTE,
            action="command_palette",
        ),
        _A("help", "?,f1", "Help", "Show every key that works here."),
        _A(
            "quit",
            "ctrl+q",
            "Quit",
            "Leave the program; mail that waits is kept.",
            shown=Shown.PALETTE,
            priority=True,
        ),
        _A(
            "next-pane", "tab", "Next pane", "Go to the next pane.", shown=Shown.HELP, action="app.focus_next"
        ),
        _A(
            "previous-pane",
            "shift+tab",
            "Previous pane",
            "Go to the pane before.",
            shown=Shown.HELP,
            action="app.focus_previous",
        ),
        _A("show-inbox", "M", "Mail", "Go to the mail.", shown=Shown.PALETTE),
        _A("show-outbox", "O", "Outbox", "See what is being sent.", shown=Shown.PALETTE),
        _A("show-trust", "T", "Trust", "See the hosts and senders you trust.", shown=Shown.PALETTE),
        _A("show-contacts", "C", "Contacts", "See the people you write to.", shown=Shown.PALETTE),
        _A("show-identities", "I", "Identities", "See your own addresses.", shown=Shown.PALETTE),
        _A("show-settings", "comma", "Settings", "Change the settings.", shown=Shown.PALETTE),
        _A(
            "suspend",
            "ctrl+z",
            "Suspend",
            "Go back to the shell; fg continues the program.",
            shown=Shown.PALETTE,
            action="suspend_process",
        ),
        _A("redraw", "ctrl+l", "Redraw", "Draw the whole screen again.", shown=Shown.PALETTE),
        _A(
            "toggle-receiver",
            "f9",
            "Receive on/off",
            "Start or stop receiving mail here.",
            shown=Shown.PALETTE,
        ),
    ),
    *_room(
        KeyContext.LIST,
        _A("cursor-up", "k,up", "Up", "One row up.", shown=Shown.HELP),
        _A("cursor-down", "j,down", "Down", "One row down.", shown=Shown.HELP),
        _A("page-up", "pageup,ctrl+b", "Page up", "One page up.", shown=Shown.HELP),
        _A("page-down", "pagedown,space,ctrl+f", "Page down", "One page down.", shown=Shown.HELP),
        _A("cursor-top", "g,home", "Top", "To the first row.", shown=Shown.HELP),
        _A("cursor-bottom", "G,end", "Bottom", "To the last row.", shown=Shown.HELP),
        _A("leave-search", "escape", "Leave search", "Leave the search line.", shown=Shown.HELP),
        _A("back", "q", "Back", "Back to where you came from."),
    ),
    *_room(
        KeyContext.INBOX,
        _A("compose", "c", "Compose", "Write a new message."),
        _A(
            "open", "enter", "Open", "Open the conversation.", shown=Shown.PALETTE, action="open_conversation"
        ),
        _A("reply", "r", "Reply", "Reply to the sender."),
        _A("reply-all", "a", "Reply all", "Reply to the sender and everybody addressed."),
        _A(
            "forward", "f", "Forward", "Send the message on to somebody else, untouched.", shown=Shown.PALETTE
        ),
        _A("archive", "e", "Archive", "Move to the archive."),
        _A("trash", "d", "Trash", "Move to the trash."),
        _A("search", "slash", "Search", "Search as you type."),
        _A("select", "x", "Select", "Mark the conversation for the next action."),
        _A("select-all", "X", "Select all", "Mark every conversation shown.", shown=Shown.PALETTE),
        _A("unread", "u", "Unread", "Mark as unread, or as read.", shown=Shown.PALETTE),
        _A("star", "s", "Star", "Set or remove the star.", shown=Shown.PALETTE),
        _A("tag", "t", "Tag", "Add or remove a tag.", shown=Shown.PALETTE),
        _A("move", "m", "Move", "Move to a folder.", shown=Shown.PALETTE, action="move_to_folder"),
        _A("block", "b", "Block", "Block the sender.", shown=Shown.PALETTE),
        _A(
            "unread-only",
            "full_stop",
            "Unread only",
            "Show unread conversations only, or all.",
            shown=Shown.PALETTE,
        ),
        _A("preview", "v", "Preview", "Show or hide the preview.", shown=Shown.PALETTE),
        _A(
            "preview-left",
            "left",
            "Left",
            "Scroll the preview left.",
            shown=Shown.HELP,
            action="slide(-1)",
        ),
        _A(
            "preview-right",
            "right",
            "Right",
            "To the right in the preview.",
            shown=Shown.HELP,
            action="slide(1)",
        ),
        _A("decide", "A", "Decide", "Decide about a message that is held."),
        _A("undo", "z", "Undo", "Undo the last action."),
        _A("refresh", "R", "Check now", "Look for new mail now.", shown=Shown.PALETTE),
        _A("edit-draft", "E", "Edit draft", "Continue the draft.", shown=Shown.PALETTE),
        _A("save-search", "S", "Save search", "Keep this search in the sidebar.", shown=Shown.PALETTE),
        *(
            _A(
                f"saved-search-{n}",
                str(n),
                f"Search {n}",
                f"Saved search number {n}.",
                shown=Shown.HELP,
                action=f"saved_search({n})",
            )
            for n in range(1, 10)
        ),
    ),
    *_room(
        KeyContext.THREAD,
        _A("attachments", "v", "Attachments", "Save or open what is attached to the message."),
        _A("release", "A", "Decide", "Decide about a message that is held.", action="decide"),
        _A("thread-edit-draft", "E", "Edit draft", "Continue the draft.", action="edit_draft"),
        _A("open-link", "o", "Open link", "Open a link by its number."),
        _A("thread-compose", "c", "Compose", "Write a new message.", shown=Shown.PALETTE, action="compose"),
        _A("thread-reply", "r", "Reply", "Reply to the sender of this message.", action="reply"),
        _A(
            "thread-reply-all",
            "a",
            "Reply all",
            "Reply to the sender and everybody addressed.",
            action="reply_all",
        ),
        _A("thread-forward", "f", "Forward", "Send this message on, untouched.", action="forward"),
        _A("thread-archive", "e", "Archive", "Move the conversation to the archive.", action="archive"),
        _A("thread-trash", "d", "Trash", "Move the conversation to the trash.", action="trash"),
        _A(
            "thread-unread",
            "u",
            "Unread",
            "Mark the conversation as unread.",
            shown=Shown.PALETTE,
            action="unread",
        ),
        _A("thread-star", "s", "Star", "Set or remove the star.", shown=Shown.PALETTE, action="star"),
        _A("thread-tag", "t", "Tag", "Add or remove a tag.", shown=Shown.PALETTE, action="tag"),
        _A(
            "thread-move",
            "m",
            "Move",
            "Move the conversation to a folder.",
            shown=Shown.PALETTE,
            action="move_to_folder",
        ),
        _A("thread-block", "b", "Block", "Block the sender.", shown=Shown.PALETTE, action="block"),
        _A("thread-undo", "z", "Undo", "Undo the last action.", shown=Shown.PALETTE, action="undo"),
        _A("details", "i", "Details", "Certificate, verification, protocol and raw text of the message."),
        _A("fold", "enter", "Fold", "Fold or unfold the message.", shown=Shown.PALETTE),
        _A("fold-all", "H", "Fold all", "Fold or unfold all messages.", shown=Shown.PALETTE),
        _A("copy-link", "y", "Copy link", "Copy the target of a link by its number.", shown=Shown.PALETTE),
        _A("next-message", "n", "Next message", "Next message of the conversation.", shown=Shown.PALETTE),
        _A(
            "previous-message",
            "p",
            "Previous message",
            "Previous message of the conversation.",
            shown=Shown.PALETTE,
        ),
        _A(
            "next-conversation",
            "J",
            "Next conversation",
            "Next conversation of the list.",
            shown=Shown.PALETTE,
        ),
        _A(
            "previous-conversation",
            "K",
            "Previous conversation",
            "Previous conversation of the list.",
            shown=Shown.PALETTE,
        ),
        _A(
            "left",
            "left,h",
            "Left",
            "To the left, where lines do not fit.",
            shown=Shown.HELP,
            action="slide(-1)",
        ),
        _A("right", "right,l", "Right", "To the right.", shown=Shown.HELP, action="slide(1)"),
        _A("pipe", "|", "Pipe", "Give the message to a command.", shown=Shown.PALETTE),
        _A("save-message", "S", "Save", "Save the message to a file.", shown=Shown.PALETTE),
        _A(
            "thread-search",
            "slash",
            "Find",
            "Find text in the conversation.",
            shown=Shown.PALETTE,
            action="search",
        ),
    ),
    *_room(
        KeyContext.COMPOSE,
        _A("send", "ctrl+s", "Send", "Send the message.", priority=True),
        _A("toggle-preview", "ctrl+t", "Preview", "Show or hide how the text will look.", priority=True),
        _A("editor", "ctrl+e", "Editor", "Write in your own editor.", priority=True),
        _A("leave", "escape", "Leave", "Leave; the draft is kept."),
        _A("shorten", "ctrl+g", "Split", "Split a message that is too long.", priority=True),
        _A("discard", "f8", "Discard", "Throw this draft away.", priority=True),
    ),
    *_room(
        KeyContext.OUTBOX,
        _A("attempts", "enter", "Log", "Every attempt, word by word."),
        _A("answer", "a", "Answer", "Answer the question this message waits for."),
        _A("retry", "r", "Retry", "Try again now."),
        _A("edit", "e", "Edit", "Take it back and change it."),
        _A("cancel", "d", "Cancel", "Do not send it."),
        _A("undo-send", "z", "Undo send", "Take back what was sent just now.", shown=Shown.PALETTE),
        _A("outbox-compose", "c", "Compose", "Write a new message.", shown=Shown.PALETTE, action="compose"),
    ),
    *_room(
        KeyContext.TRUST,
        _A("pin-details", "enter", "Details", "Certificate, history and use of this pin."),
        _A("approve", "a", "Decide", "Decide about a certificate that is waiting."),
        _A("forget", "d", "Forget", "Forget this pin; the next certificate counts as the first."),
        _A("trust-kind", "h", "Kind", "Show hosts, senders, recipients, or all of them."),
        _A("trust-log", "l", "Log", "Show what was decided, and when."),
        _A("export-pins", "w", "Export", "Write all pins to a file."),
        _A("trust-search", "slash", "Search", "Find a host or a sender.", action="search"),
    ),
    *_room(
        KeyContext.CONTACTS,
        _A("contact-compose", "c", "Write", "Write to this person.", action="compose"),
        _A("new-contact", "n", "New", "Add a contact."),
        _A("edit-contact", "e,enter", "Edit", "Change name, address and notes."),
        _A("delete-contact", "d", "Delete", "Remove the contact."),
        _A("block-contact", "b", "Block", "Block this address, or allow it again."),
        _A("contact-search", "slash", "Search", "Find a person.", action="search"),
        _A("contact-undo", "z", "Undo", "Undo the last change.", shown=Shown.PALETTE, action="undo"),
    ),
    *_room(
        KeyContext.IDENTITIES,
        _A("identity-details", "enter", "Details", "Certificate, fingerprints and what is wrong with it."),
        _A("new-identity", "n", "New", "Make a new identity."),
        _A("import-identity", "i", "Import", "Read a PEM file of another program."),
        _A("export-identity", "w", "Export", "Write certificate and key to a file."),
        _A("renew-identity", "r", "Renew", "Make a new certificate for the same key."),
        _A("copy-fingerprint", "y", "Copy fingerprint", "Copy the fingerprint."),
        _A("default-identity", "s", "Set default", "Write from this address by default."),
    ),
    *_room(
        KeyContext.SETTINGS,
        _A("change-setting", "enter", "Change", "Change this setting."),
        _A("reset-setting", "d", "Default", "Back to the default."),
        _A("add-setting", "n", "Add", "Add settings for a host, or a saved search."),
        _A("settings-search", "slash", "Search", "Find a setting.", action="search"),
        _A("edit-config", "ctrl+e", "Edit file", "Edit config.toml in your editor."),
    ),
    *_room(
        KeyContext.WIZARD,
        _A("wizard-back", "escape", "Back", "Back, or cancel."),
        _A("wizard-next", "ctrl+s", "Next", "Go on.", priority=True),
    ),
    *_room(
        KeyContext.DIALOG,
        _A("dialog-close", "escape", "Close", "Close without deciding.", action="close_dialog"),
        _A(
            "dialog-next",
            "right,down",
            "Next button",
            "To the next button.",
            shown=Shown.HELP,
            action="app.focus_next",
        ),
        _A(
            "dialog-previous",
            "left,up",
            "Previous button",
            "To the button before.",
            shown=Shown.HELP,
            action="app.focus_previous",
        ),
        _A(
            "dialog-page-down",
            "pagedown",
            "Page down",
            "Read on where a text does not fit.",
            shown=Shown.HELP,
            action="page(1)",
        ),
        _A(
            "dialog-page-up",
            "pageup",
            "Page up",
            "Back in a text that does not fit.",
            shown=Shown.HELP,
            action="page(-1)",
        ),
    ),
    *_room(
        KeyContext.HELP,
        _A("help-close", "q,escape", "Close", "Close the help.", action="close_help"),
        _A("help-search", "slash", "Search", "Find a key.", action="search"),
    ),
)

BY_ID: Mapping[str, KeyAction] = MappingProxyType({action.id: action for action in ACTIONS})


def in_context(room: KeyContext) -> tuple[KeyAction, ...]:
    """The actions of one room, in the order of the footer."""
    return tuple(action for action in ACTIONS if action.room is room)
