"""The table of every action that has a key: id, default keys, words and context.

It is the single source of bindings, footer, command palette, help and docs. An id is what a user
writes in ``[keys]`` of config.toml; ids are unique in the whole program.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from misfin_tui.keymap.action import KeyAction, KeyContext, Shown
from misfin_tui.keymap.action import in_place as _in
from misfin_tui.keymap.boxes import DIALOG_KEYS, WIZARD_KEYS
from misfin_tui.keymap.everyday import LIST_KEYS, THREAD_KEYS
from misfin_tui.keymap.going import GOING_KEYS, UNREAD_KEY
from misfin_tui.keymap.helping import HELP_KEYS, TOUR_KEYS
from misfin_tui.keymap.server_mail import ATTIC_KEYS, FOLDER_KEYS, ON_SERVER_KEYS, SERVER_KEY, SYNC_KEYS

_A = KeyAction

ACTIONS: tuple[KeyAction, ...] = (
    *_in(
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
            "Quit the program; waiting mail is kept.",
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
            "Go to the previous pane.",
            shown=Shown.HELP,
            action="app.focus_previous",
        ),
        _A("show-inbox", "M", "Mail", "Go to the mail.", shown=Shown.PALETTE),
        _A("show-outbox", "O", "Outbox", "See what is being sent.", shown=Shown.PALETTE),
        _A("show-trust", "T", "Trust", "See the hosts and senders you trust.", shown=Shown.PALETTE),
        _A("show-contacts", "C", "Contacts", "See the people you write to.", shown=Shown.PALETTE),
        _A("show-identities", "I", "Identities", "See your own addresses.", shown=Shown.PALETTE),
        _A("show-sync", "Y", "Sync", "See whether accounts are in sync.", shown=Shown.PALETTE),
        _A("show-settings", "comma", "Settings", "Change the settings.", shown=Shown.PALETTE),
        _A("add-account", "N", "Add account", "Add an e-mail account.", shown=Shown.PALETTE),
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
    *_in(
        KeyContext.LIST,
        _A("cursor-up", "k,up", "Up", "One row up.", shown=Shown.HELP),
        _A("cursor-down", "j,down", "Down", "One row down.", shown=Shown.HELP),
        _A("page-up", "pageup,ctrl+b", "Page up", "One page up.", shown=Shown.HELP),
        _A("page-down", "pagedown,space,ctrl+f", "Page down", "One page down.", shown=Shown.HELP),
        _A("cursor-top", "g,home", "Top", "Go to the first row.", shown=Shown.HELP),
        _A("cursor-bottom", "G,end", "Bottom", "Go to the last row.", shown=Shown.HELP),
        _A("leave-search", "escape", "Leave search", "Leave the search line.", shown=Shown.HELP),
        _A("back", "q", "Back", "Go back; from the inbox, quit."),
    ),
    *_in(
        KeyContext.INBOX,
        _A("compose", "c", "Compose", "Write a new message."),
        _A(
            "open", "enter", "Open", "Open the conversation.", shown=Shown.PALETTE, action="open_conversation"
        ),
        _A("reply", "r", "Reply", "Reply to the sender."),
        _A("reply-all", "a", "Reply all", "Reply to the sender and all recipients."),
        _A(
            "reply-list",
            "L",
            "Reply to list",
            "Reply to the mailing list the message came from.",
            shown=Shown.PALETTE,
        ),
        _A("forward", "f", "Forward", "Forward the message.", shown=Shown.PALETTE),
        _A(
            "forward-attached",
            "F",
            "Forward attached",
            "Forward the message as an attachment.",
            shown=Shown.PALETTE,
        ),
        _A("archive", "e", "Archive", "Move to the archive."),
        _A("trash", "d", "Trash", "Move to the trash."),
        _A("search", "slash", "Search", "Search as you type."),
        _A("select", "x", "Select", "Select the conversation for the next action."),
        _A("select-all", "X", "Select all", "Select every conversation shown.", shown=Shown.PALETTE),
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
            "Scroll the preview right.",
            shown=Shown.HELP,
            action="slide(1)",
        ),
        _A("decide", "A", "Decide", "Decide about a held message."),
        _A("undo", "z", "Undo", "Undo the last action."),
        _A("refresh", "R", "Check now", "Check for new mail now.", shown=Shown.PALETTE),
        _A("edit-draft", "E", "Edit draft", "Continue the draft.", shown=Shown.PALETTE),
        *GOING_KEYS,
        *LIST_KEYS,
        *FOLDER_KEYS,
        SERVER_KEY,
        _A("save-search", "S", "Save search", "Keep this search in the sidebar.", shown=Shown.PALETTE),
        *(
            _A(
                f"saved-search-{n}",
                str(n),
                f"Search {n}",
                f"Open saved search {n}.",
                shown=Shown.HELP,
                action=f"saved_search({n})",
            )
            for n in range(1, 10)
        ),
    ),
    *_in(
        KeyContext.THREAD,
        _A("attachments", "v", "Attachments", "Save or open the attachments."),
        _A("release", "A", "Decide", "Decide about a held message.", action="decide"),
        _A("thread-edit-draft", "E", "Edit draft", "Continue the draft.", action="edit_draft"),
        _A("open-link", "o", "Open link", "Open a link by its number."),
        _A("thread-compose", "c", "Compose", "Write a new message.", shown=Shown.PALETTE, action="compose"),
        _A("thread-reply", "r", "Reply", "Reply to the sender of this message.", action="reply"),
        _A(
            "thread-reply-all",
            "a",
            "Reply all",
            "Reply to the sender and all recipients.",
            action="reply_all",
        ),
        _A(
            "thread-reply-list",
            "L",
            "Reply to list",
            "Reply to the mailing list this message came from.",
            shown=Shown.PALETTE,
            action="reply_list",
        ),
        _A("thread-forward", "f", "Forward", "Forward this message.", action="forward"),
        _A(
            "thread-forward-attached",
            "F",
            "Forward attached",
            "Forward this message as an attachment.",
            shown=Shown.PALETTE,
            action="forward_attached",
        ),
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
        _A(
            "details", "i", "Details", "Show certificate, verification, protocol and raw text of the message."
        ),
        _A("fold", "enter", "Fold", "Fold or unfold the message.", shown=Shown.PALETTE),
        _A("fold-all", "H", "Fold all", "Fold or unfold all messages.", shown=Shown.PALETTE),
        _A("copy-link", "y", "Copy link", "Copy a link by its number.", shown=Shown.PALETTE),
        _A("next-message", "n", "Next message", "Go to the next message.", shown=Shown.PALETTE),
        _A(
            "previous-message",
            "p",
            "Previous message",
            "Go to the previous message.",
            shown=Shown.PALETTE,
        ),
        _A(
            "next-conversation",
            "J",
            "Next conversation",
            "Go to the next conversation in the list.",
            shown=Shown.PALETTE,
        ),
        _A(
            "previous-conversation",
            "K",
            "Previous conversation",
            "Go to the previous conversation in the list.",
            shown=Shown.PALETTE,
        ),
        _A(
            "left",
            "left,h",
            "Left",
            "Scroll left where lines do not fit.",
            shown=Shown.HELP,
            action="slide(-1)",
        ),
        _A(
            "right",
            "right,l",
            "Right",
            "Scroll right where lines do not fit.",
            shown=Shown.HELP,
            action="slide(1)",
        ),
        _A("pipe", "|", "Pipe", "Pipe the message to a command.", shown=Shown.PALETTE),
        _A("save-message", "S", "Save", "Save the message to a file.", shown=Shown.PALETTE),
        _A(
            "thread-search",
            "slash",
            "Find",
            "Find text in the conversation.",
            shown=Shown.PALETTE,
            action="search",
        ),
        UNREAD_KEY,
        *THREAD_KEYS,
    ),
    *_in(
        KeyContext.COMPOSE,
        _A("send", "ctrl+s", "Send", "Send the message.", priority=True),
        _A("toggle-preview", "ctrl+t", "Preview", "Show or hide the preview of the text.", priority=True),
        _A("editor", "ctrl+e", "Editor", "Edit the text in your own editor.", priority=True),
        _A("leave", "escape", "Leave", "Close the composer; the draft is kept."),
        _A("copies", "f2", "Cc", "Show the fields for copies, Cc and Bcc.", priority=True),
        _A("attach", "f3", "Attach", "Attach files.", priority=True),
        _A("attached", "f4", "Files", "Open, remove or reorder the attached files.", priority=True),
        _A("shorten", "ctrl+g", "Split", "Split a message that is too long.", priority=True),
        _A("discard", "f8", "Discard", "Discard this draft.", priority=True),
        _A("send-at", "f5", "Send at", "Choose when it is sent.", priority=True),
        _A(
            "protect", "f6", "Protect", "Sign it, encrypt it, or neither.", shown=Shown.PALETTE, priority=True
        ),
    ),
    *_in(
        KeyContext.OUTBOX,
        _A("attempts", "enter", "Log", "Show every attempt in full."),
        _A("answer", "a", "Decide", "Decide what this message is waiting for."),
        _A("retry", "r", "Retry", "Try again now."),
        _A("edit", "e", "Edit", "Take it back and edit it."),
        _A("cancel", "d", "Cancel", "Cancel it; it is not sent."),
        _A(
            "undo-send",
            "z",
            "Undo send",
            "Take back a scheduled message, or the last one sent.",
            shown=Shown.PALETTE,
        ),
        _A("outbox-compose", "c", "Compose", "Write a new message.", shown=Shown.PALETTE, action="compose"),
    ),
    *_in(
        KeyContext.TRUST,
        _A("pin-details", "enter", "Details", "Show certificate, history and use of this pin."),
        _A("approve", "a", "Decide", "Decide about a certificate that is waiting."),
        _A("forget", "d", "Forget", "Forget this pin, or take an accepted list back."),
        _A("trust-kind", "h", "Kind", "Show hosts, senders, recipients, lists, or all of them."),
        _A("trust-log", "l", "Log", "Show what was decided, and when."),
        _A("export-pins", "w", "Export", "Write all pins to a file."),
        _A("trust-search", "slash", "Search", "Find a host or a sender.", action="search"),
    ),
    *_in(
        KeyContext.CONTACTS,
        _A("contact-compose", "c", "Write", "Write to this person.", action="compose"),
        _A("new-contact", "n", "New", "Add a contact."),
        _A("edit-contact", "e,enter", "Edit", "Change name, address and notes."),
        _A("delete-contact", "d", "Delete", "Remove the contact."),
        _A("block-contact", "b", "Block", "Block this address, or allow it again."),
        _A("contact-search", "slash", "Search", "Find a person.", action="search"),
        _A("contact-undo", "z", "Undo", "Undo the last change.", shown=Shown.PALETTE, action="undo"),
    ),
    *_in(
        KeyContext.IDENTITIES,
        _A("identity-details", "enter", "Details", "Show certificate, fingerprints and any problems."),
        _A("new-identity", "n", "New", "Create an identity."),
        _A("import-identity", "i", "Import", "Import an identity from a PEM file."),
        _A("export-identity", "w", "Export", "Export certificate and key to a file."),
        _A("renew-identity", "r", "Renew", "Make a new certificate for the same key."),
        _A("copy-fingerprint", "y", "Copy fingerprint", "Copy the fingerprint."),
        _A("default-identity", "s", "Set default", "Write from this address by default."),
    ),
    *_in(KeyContext.SYNC, *SYNC_KEYS),
    *_in(KeyContext.ATTIC, *ATTIC_KEYS),
    *_in(KeyContext.ON_SERVER, *ON_SERVER_KEYS),
    *_in(
        KeyContext.SETTINGS,
        _A("change-setting", "enter", "Change", "Change this setting."),
        _A("reset-setting", "d", "Default", "Reset to the default."),
        _A("add-setting", "n", "Add", "Add settings for a host, or a saved search."),
        _A("remove-account", "D", "Remove account", "Remove an e-mail account.", shown=Shown.PALETTE),
        _A("settings-search", "slash", "Search", "Find a setting.", action="search"),
        _A("edit-config", "ctrl+e", "Edit file", "Edit config.toml in your editor."),
    ),
    *_in(KeyContext.WIZARD, *WIZARD_KEYS),
    *_in(KeyContext.DIALOG, *DIALOG_KEYS),
    *_in(KeyContext.HELP, *HELP_KEYS),
    *_in(KeyContext.TOUR, *TOUR_KEYS),
)

BY_ID: Mapping[str, KeyAction] = MappingProxyType({action.id: action for action in ACTIONS})


def in_context(context: KeyContext) -> tuple[KeyAction, ...]:
    """The actions of one context, in the order of the footer."""
    return tuple(action for action in ACTIONS if action.context is context)
