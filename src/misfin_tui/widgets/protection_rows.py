"""How a message is signed or encrypted, in the lines of its head; a sign only where something is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len

from misfin_tui.screentext import plain
from misfin_tui.widgets.cells import wrap
from misfin_tui.widgets.gemtext_rows import Piece, Row
from misfin_tui.wording.message import protection_words

if TYPE_CHECKING:
    from misfin.store.message.mime import ParsedMessage
    from misfin.store.protected import OpenedMail


def protection_rows(
    message: ParsedMessage,
    opened: OpenedMail | None,
    width: int,
    lead: tuple[Piece, ...] = (),
    unlock: str = "",
) -> list[Row]:
    """What was found out, or what there is to check. ``lead`` is that of the message's first line; ``unlock``
    is the key that decrypts it, where that needs a passphrase."""
    said = protection_words(message, opened, unlock and f"Press {unlock} to enter your passphrase.")
    indent = sum(cell_len(text) for text, _ in lead) + 2
    margin: tuple[Piece, ...] = (
        *lead[:1],
        (" " * (indent - sum(cell_len(text) for text, _ in lead[:1])), "muted"),
    )
    rows = []
    for text, warns in said:
        tone = "warning" if warns else "muted"
        for number, line in enumerate(wrap(plain(text, one_line=True), max(width - indent - 2, 10))):
            mark = ("⚠ " if number == 0 else "  ") if warns else ""
            rows.append(Row((*margin, (mark, tone), (line, tone))))
    return rows
