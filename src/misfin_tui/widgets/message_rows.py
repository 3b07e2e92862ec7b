"""A message laid out for reading: who sent it and how that is known, its text, and on demand every detail."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len

from misfin.store.evidence import Evidence
from misfin_tui.screentext import plain
from misfin_tui.widgets.cells import cut, fit, wrap
from misfin_tui.widgets.gemtext_rows import Layout, Piece, Row, lay_out
from misfin_tui.wording.message import details_of, minute, stations, warnings_of

if TYPE_CHECKING:
    from misfin.store.message.mime import ParsedMessage
    from misfin.store.protected import OpenedMail
    from misfin.store.rows import MessageRow

ROLES = (
    "sender",
    "label",
    "value",
    "muted",
    "warning",
    "rule",
    "bar",
    "fold",
    "tag",
    "attachment",
    *Evidence,
)
"""What a piece of a message's head can be, besides the roles of gemtext."""

LINE = 100  # cells of a line at most: longer ones are hard to read, however wide the window is
MAX_WHO = 28  # cells of a sender in a folded message
MAX_HEAD = 12  # rows of recipients and the like before the text begins
LABEL = 13  # cells of the labels in the details
_BLANK = Row(())


def folded_row(row: MessageRow, snippet: str, width: int, *, focused: bool) -> Row:
    """A message as one line: sign, sender, first words, date."""
    date = minute(row.date)
    lead: list[Piece] = [("▌" if focused else " ", "bar"), ("▸ ", "fold"), _sign(row), (" ", "muted")]
    who = fit(plain(row.sender or row.sender_address, one_line=True), max(8, min(width // 4, MAX_WHO)))
    room = width - sum(cell_len(text) for text, _ in lead) - cell_len(who) - 4 - len(date)
    words = cut(plain(snippet, one_line=True), max(room, 0))
    gap = " " * max(room - cell_len(words), 0)
    return Row((*lead, (who, "sender"), ("  " + words + gap + "  ", "muted"), (date, "muted")), fill="value")


def head_rows(
    row: MessageRow,
    message: ParsedMessage | None,
    width: int,
    *,
    lead: tuple[Piece, ...] = (),
    decide: str = "",
    doubts: Sequence[str] | None = None,
) -> list[Row]:
    """Sender with sign and full address, recipients, and each hop with its time.

    ``lead`` comes before the sender; its first piece also before each further row.
    ``decide`` is the key that decides about a held message, as people read it; ``doubts`` are what to know
    about the sender of an e-mail, by default what the message alone says.
    """
    indent = sum(cell_len(text) for text, _ in lead) + 2
    date = minute(row.date)
    name, address = plain(row.sender, one_line=True), plain(row.sender_address, one_line=True)
    who = name or address or "(unknown)"
    room = width - indent - len(date) - 2
    pieces: list[Piece] = [*lead, _sign(row), (" ", "muted"), (cut(who, max(room, 8)), "sender")]
    room -= cell_len(pieces[-1][0])
    if address and who != address and room > 8:
        pieces.append(("  " + cut(address, room - 3), "value"))
        room -= cell_len(pieces[-1][0])
    pieces += [(" " * max(room + 2, 1), "muted"), (date, "muted")]
    said = [f"to {', '.join(map(str, message.to) if message else row.to) or 'unnamed recipients'}"]
    if message is not None:
        said += stations(message)
        if message.alternative == "text/html":
            said.append("shown as HTML")
    rows = [Row(tuple(pieces))]
    margin: tuple[Piece, ...] = (
        *lead[:1],
        (" " * (indent - sum(cell_len(text) for text, _ in lead[:1])), "muted"),
    )
    for text in said:
        lines = wrap(plain(text, one_line=True), max(width - indent, 10))
        lines = lines if len(lines) <= MAX_HEAD else [*lines[:MAX_HEAD], "…"]
        rows += [Row((*margin, (line, "muted"))) for line in lines]
    if row.tags:
        rows.append(Row((*margin, *((f"#{plain(tag, one_line=True)} ", "tag") for tag in row.tags))))
    for text in warnings_of(row, message, decide and f"Press {decide} to decide.", doubts):
        for first, part in _first_of(wrap(plain(text, one_line=True), max(width - indent - 2, 10))):
            rows.append(Row((*margin, ("⚠ " if first else "  ", "warning"), (part, "warning"))))
    return rows


def _sign(row: MessageRow) -> Piece:
    return row.evidence.sign, row.evidence


def _first_of(parts: Iterable[str]) -> list[tuple[bool, str]]:
    return [(number == 0, part) for number, part in enumerate(parts)]


def body_layout(message: ParsedMessage, width: int, *, first_link: int = 1) -> Layout:
    """The text, gemtext or not, and the names of what is attached."""
    from misfin.store.message.parts import TextKind  # late: not for the first frame

    if message.kind is TextKind.GEMTEXT:
        layout = lay_out(message.text, width, first_link=first_link)
    else:
        from misfin_tui.widgets.plain_rows import lay_out_plain  # as above

        layout = lay_out_plain(message.text, width, first_link=first_link)
    rows = layout.rows
    while rows and not rows[-1].text.strip():
        rows.pop()
    if not rows:
        rows.append(Row((("(no text)", "muted"),)))
    if message.attachments:
        rows.append(_BLANK)
        for number, part in enumerate(message.attachments, 1):
            name = plain(part.name, one_line=True) or "without a name"
            facts = f"  {plain(part.type, one_line=True)}, {part.size:,} bytes"
            shown = cut(name, max(width - 2 - cell_len(facts), width // 2))
            pieces = (("+ ", "bullet"), (shown, "attachment"))
            room = width - 2 - cell_len(shown)
            rows.append(Row((*pieces, (cut(facts, room), "muted")), attachment=number))
    return layout


def detail_rows(
    row: MessageRow,
    message: ParsedMessage,
    width: int,
    servers: str = "",
    author: str = "",
    opened: OpenedMail | None = None,
    doubts: Sequence[str] = (),
) -> list[Row]:
    """Certificate, verification, protocol, size, place on disk and the raw gemmail; and, where they are
    known, the ``servers`` of its sender, and of an e-mail what was found out about its ``author`` and about
    what is signed or encrypted in it (``opened``)."""
    facts = details_of(row, message, servers, author, opened, doubts)
    misfin = message.misfin
    rows: list[Row] = []
    for label, value in facts:
        for first, part in _first_of(wrap(plain(value, one_line=True), max(width - LABEL - 2, 10))):
            name = f"  {label if first else '':<{LABEL}}"
            rows.append(Row(((name, "label"), (part, "value")), fill="value"))
    if misfin is not None:
        rows += _raw("raw gemmail", misfin.gemmail)
    elif message.head:
        rows += _raw("header", message.head)
    return rows


def _raw(name: str, data: bytes) -> list[Row]:
    """Bytes as they came, line by line."""
    lines = data.decode("utf-8", "replace").expandtabs(8).replace("\r\n", "\n").rstrip("\n").split("\n")
    return [
        Row(((f"  ┄ {name} ", "alt"),), "pre"),
        *(Row((("  ", "pre"), (plain(line, one_line=True), "pre")), "pre") for line in lines),
        Row((("  ┄", "alt"),), "pre"),
    ]


def message_layout(row: MessageRow, message: ParsedMessage, width: int, *, decide: str = "") -> Layout:
    """A single message from its head to its end, for the preview."""
    line = min(width - 1, LINE)  # as in a conversation: a cell is free before the scrollbar
    layout = body_layout(message, line)
    head = head_rows(row, message, line, decide=decide)
    if message.protections:
        from misfin_tui.widgets.protection_rows import protection_rows  # late: hardly ever

        head += protection_rows(message, None, line)
    layout.rows[:0] = [*head, _BLANK]
    return layout
