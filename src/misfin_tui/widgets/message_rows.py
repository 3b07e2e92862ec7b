"""A message laid out for reading: who sent it and how that is known, its text, and on demand every detail."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.cells import cell_len

from misfin.model.folders import holds_mail
from misfin.store import evidence
from misfin.store.evidence import Evidence
from misfin_tui.screentext import plain, suspicious
from misfin_tui.widgets.cells import cut, fit, wrap
from misfin_tui.widgets.gemtext_rows import Layout, Piece, Row, lay_out
from misfin_tui.widgets.message_list_columns import MONTHS, when

if TYPE_CHECKING:
    from pathlib import Path

    from misfin.store.message.mime import ParsedMessage
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
GROUP = 4  # hexadecimal digits of a fingerprint in one group
_BLANK = Row(())


def moment(at: datetime | float | None) -> str:
    """``12 Nov 2026 14:02`` in local time; what cannot be a date is empty."""
    try:
        local = (datetime.fromtimestamp(at, UTC) if isinstance(at, (int, float)) else at).astimezone()  # type: ignore[union-attr]  # None is caught
    except (OverflowError, OSError, ValueError, AttributeError):
        return ""
    return f"{local.day} {MONTHS[local.month - 1]} {local.year} {local.hour:02}:{local.minute:02}"


def folded_row(row: MessageRow, snippet: str, width: int, *, focused: bool) -> Row:
    """A message as one line: sign, sender, first words, date."""
    date = when(row.date, time.time())
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
) -> list[Row]:
    """Sender with sign and full address, recipients, and each hop with its time.

    ``lead`` comes before the sender; its first piece also before each further row.
    ``decide`` is the key that decides about a held message, as people read it.
    """
    indent = sum(cell_len(text) for text, _ in lead) + 2
    date = moment(row.date)
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
        said += _stations(message)
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
    for text in _warnings(row, message, decide):
        for first, part in _first_of(wrap(plain(text, one_line=True), max(width - indent - 2, 10))):
            rows.append(Row((*margin, ("⚠ " if first else "  ", "warning"), (part, "warning"))))
    return rows


def _sign(row: MessageRow) -> Piece:
    return row.evidence.sign, row.evidence


def _stations(message: ParsedMessage) -> list[str]:
    """Who else received it, who forwarded it, and when it came."""
    said = [f"copy to {', '.join(map(str, message.cc))}"] if message.cc else []
    misfin = message.misfin
    if misfin is not None and len(misfin.hops) > 1:
        for hop in misfin.hops:
            at = f" at {moment(hop.received)}" if hop.received else ""
            said.append(f"forwarded by {hop.sender.long_form}{at}{' (claimed)' if hop.claimed else ''}")
    if misfin is not None and misfin.message.written:
        said.append(f"written {moment(misfin.message.written)}, according to the sender")
    return said


def _warnings(row: MessageRow, message: ParsedMessage | None, decide: str) -> list[str]:
    """What a reader should know before believing the message."""
    warnings = []
    said = message.misfin.verification if message is not None and message.misfin is not None else {}
    if row.evidence is Evidence.DIFFERS:
        due = f" {evidence.due_since(said['due'])}" if "due" in said else ""
        held = holds_mail(row.account, row.folder)
        decides = f" Press {decide} to decide." if decide and held else ""
        warnings.append(f"The sender's certificate is not the pinned one.{due}{decides}")
    elif denied := evidence.denial(said):
        warnings.append(denied)
    if reason := suspicious(row.sender_address):
        warnings.append(f"Look closely at the address: {reason}.")
    if message is not None:
        warnings += [str(remark) for remark in message.remarks]
    return warnings


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


def detail_rows(row: MessageRow, message: ParsedMessage, width: int, servers: str = "") -> list[Row]:
    """Certificate, verification, protocol, size, place on disk and the raw gemmail; and, where they are
    known, the ``servers`` of its sender."""
    facts: list[tuple[str, str]] = [("Sender", f"{row.evidence.sign} {row.evidence}: {_when(row, message)}.")]
    misfin = message.misfin
    if misfin is not None:
        certificate = misfin.certificate
        facts.append(
            (
                "Certificate",
                certificate.get("subject", "") or ("unnamed" if certificate else "none presented"),
            )
        )
        for name, label in (("sha256", "SHA-256"), ("spki", "Public key")):
            if digits := certificate.get(name, ""):
                facts.append((label, grouped(digits)))
        at = moment(misfin.message.newest)
        if not misfin.written_here:
            said = evidence.explained(misfin.verification, certificate=bool(certificate))
            facts.append(("On arrival", " ".join(said) or "Nothing was checked."))
        if misfin.received_by or misfin.received_from:
            by = f"from {misfin.received_from or 'unknown'} by {misfin.received_by or 'unknown'}"
            facts.append(("Received", f"{at} {by}".strip()))
        for left, hop in enumerate(reversed(misfin.hops)):
            label = "Sent by" if left == 0 else "Forwarded by"
            facts.append((label, f"{hop.sender.long_form}, {moment(hop.received) or 'time unknown'}"))
        if servers:
            facts.append(("Server", servers))
        facts.append(("Protocol", f"Misfin({misfin.version}), {len(misfin.gemmail):,} bytes of gemmail"))
    else:
        facts.append(("Protocol", "e-mail"))
    facts += [("File", f"{at_home(row.path)}, {message.size:,} bytes"), ("Id", row.id)]
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


def _when(row: MessageRow, message: ParsedMessage) -> str:
    """When the sign of a message applies, in words."""
    return evidence.clause(row.evidence, message.address_kind, written_here=message.written_here)


def at_home(path: Path) -> str:
    """A path as people and shells write it."""
    home = os.path.expanduser("~")  # noqa: PTH111 - Path's own fails where there is no home
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)


def _raw(name: str, data: bytes) -> list[Row]:
    """Bytes as they came, line by line."""
    lines = data.decode("utf-8", "replace").expandtabs(8).replace("\r\n", "\n").rstrip("\n").split("\n")
    return [
        Row(((f"┄ {name} ", "alt"),), "pre"),
        *(Row(((plain(line, one_line=True), "pre"),), "pre") for line in lines),
        Row((("┄", "alt"),), "pre"),
    ]


def grouped(digits: str) -> str:
    """A fingerprint in groups people can compare: ``12ab 34cd …``."""
    return " ".join(digits[at : at + GROUP] for at in range(0, len(digits), GROUP))


def message_layout(row: MessageRow, message: ParsedMessage, width: int, *, decide: str = "") -> Layout:
    """A single message from its head to its end, for the preview."""
    line = min(width, LINE)
    layout = body_layout(message, line)
    layout.rows[:0] = [*head_rows(row, message, line, decide=decide), _BLANK]
    return layout
