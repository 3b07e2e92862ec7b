"""What an empty folder says: what it is for, and the key that goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from misfin.model.folders import ARCHIVE, ATTIC, DRAFTS, HELD, JUNK, OUTBOX, SENT, TRASH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from misfin_tui.keymap import Keymap

_SENTENCES: Mapping[str, str] = {
    SENT: "What you send is kept here. Press {compose} to write a message.",
    DRAFTS: "What you have begun to write is kept here. Press {compose} to write a message.",
    OUTBOX: "What is being sent is shown here. Press {compose} to write a message.",
    ARCHIVE: "{archive} moves a message here, out of the inbox but still found by a search.",
    HELD: "Messages whose sender's certificate has changed wait here until you decide.",
    JUNK: "Junk that your server recognised is kept here, away from the inbox.",
    TRASH: "{trash} moves a message here; {undo} brings it back.",
    ATTIC: "What was deleted on the server is kept here for a while.",
}
"""By folder; in braces the id of an action, for its key."""


def empty_folder(folder: str | None, keys: Keymap) -> str:
    """The words for a list of this folder; None is all mail."""
    lines = ["Nothing here yet."]
    if sentence := _SENTENCES.get(folder or ""):
        names = ("compose", "archive", "trash", "undo")
        lines += ["", sentence.format_map({name: keys.shown(name) for name in names})]
    return "\n".join(lines)
