"""The keys for what is done with mail every now and then: in the list, and in a conversation."""

from __future__ import annotations

from dataclasses import replace

from misfin_tui.keymap.action import KeyAction, Shown

_PALETTE = Shown.PALETTE

BOTH = (
    KeyAction("bounce", "B", "Bounce", "Send the message on to others, unchanged.", shown=_PALETTE),
    KeyAction(
        "edit-as-new", "ctrl+e", "Edit as new", "Start a new message from a copy of this one.", shown=_PALETTE
    ),
    KeyAction(
        "parts", "V", "Parts", "Show the parts of the message, to read, save or delete one.", shown=_PALETTE
    ),
    KeyAction("headers", "h", "Headers", "Show every header field, decoded and as received.", shown=_PALETTE),
    KeyAction("print", "P", "Print", "Print the message.", shown=_PALETTE, action="print_message"),
    KeyAction(
        "mute",
        "Q",
        "Mute",
        "Archive the conversation and all later replies, or unmute it.",
        shown=_PALETTE,
    ),
    KeyAction(
        "invitation",
        "ctrl+n",
        "Invitation",
        "Answer an invitation: accept, accept tentatively or decline.",
        shown=_PALETTE,
        action="answer_invitation",
    ),
    KeyAction("unsubscribe", "U", "Unsubscribe", "Leave the mailing list this came from.", shown=_PALETTE),
    KeyAction(
        "accept-list",
        "plus",
        "Accept list",
        "Accept the mailing list this came from, or take that back.",
        shown=_PALETTE,
    ),
    KeyAction(
        "accept-server",
        "ctrl+w",
        "Accept server",
        "Count what your own mail server found out about senders.",
        shown=_PALETTE,
    ),
    KeyAction("copy", "ctrl+y", "Copy", "Copy to another folder.", shown=_PALETTE, action="copy_to_folder"),
)


_OTHER_KEYS = {"headers": "R"}
"""In a conversation, where the key of the list has another meaning."""


def _in_thread(action: KeyAction) -> KeyAction:
    """The same action in a conversation: ids are unique."""
    keys = _OTHER_KEYS.get(action.id, action.keys)
    return replace(action, id=f"thread-{action.id}", keys=keys, action=action.method)


LIST_KEYS = (
    KeyAction("limit", "l", "Limit", "Search within the folder shown.", shown=_PALETTE),
    KeyAction(
        "select-matching",
        "asterisk",
        "Select matching",
        "Select the conversations here that match a search.",
        shown=_PALETTE,
    ),
    KeyAction("sort", "o", "Sort", "Sort this folder by date, sender, subject or size.", shown=_PALETTE),
    KeyAction("read-all", "ctrl+r", "Read all", "Mark everything in this folder as read.", shown=_PALETTE),
    KeyAction(
        "filter", "K", "Filter", "Make a filter for new mail like this.", shown=_PALETTE, action="make_filter"
    ),
    KeyAction("join", "ampersand", "Join", "Join the selected conversations into one.", shown=_PALETTE),
    *BOTH,
)
"""In the inbox."""

THREAD_KEYS = (
    *map(_in_thread, BOTH),
    KeyAction(
        "next-version",
        "x",
        "Text or HTML",
        "Switch between the plain text and the HTML version.",
        shown=_PALETTE,
    ),
    KeyAction(
        "open-in-browser",
        "W",
        "In browser",
        "Open the message in a browser; nothing is loaded from the network.",
        shown=_PALETTE,
    ),
    KeyAction("replies", "ctrl+t", "Replies", "Show the replies as a tree.", shown=_PALETTE),
    KeyAction(
        "split",
        "number_sign",
        "Split",
        "Move this message and its replies to a conversation of their own.",
        shown=_PALETTE,
    ),
    KeyAction(
        "unlock", "ctrl+k", "Unlock", "Decrypt the message; GnuPG asks for your passphrase.", shown=_PALETTE
    ),
    KeyAction("charset", "ctrl+u", "Charset", "Read the text in another character set.", shown=_PALETTE),
)
"""In a conversation."""
