"""A message in plain lines: its head in sentences, its text with quotes and links told, its attachments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from misfin.model.gemtext import LineKind, parse
from misfin.store.message.remarks import TextKind
from misfin_tui.linear.rows import sender_words
from misfin_tui.screentext import plain
from misfin_tui.wording.facts import many
from misfin_tui.wording.links import links_in
from misfin_tui.wording.message import minute, protection_words, stations, warnings_of

if TYPE_CHECKING:
    from misfin.store.message.mime import ParsedMessage
    from misfin.store.protected import OpenedMail
    from misfin.store.rows import MessageRow

_HEADINGS = {LineKind.HEADING1: "Heading", LineKind.HEADING2: "Heading 2", LineKind.HEADING3: "Heading 3"}


@dataclass
class SpokenText:
    """The lines of a text, and the targets of the links in it: link N is ``links[N - 1]``."""

    lines: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    _depth: int = 0

    def add(self, line: str, quoted: int = 0) -> None:
        """One more line; where a quote begins or ends is said."""
        if quoted != self._depth:
            if not quoted:
                self.lines.append("End of quote.")
            else:
                self.lines.append(f"Quote, level {quoted}:" if quoted > 1 else "Quote:")
            self._depth = quoted
        self.lines.append(line)

    def link(self, target: str) -> int:
        """The number of one more link."""
        self.links.append(target)
        return len(self.links)


def spoken(message: ParsedMessage) -> SpokenText:
    """The text of a message, made safe."""
    found = SpokenText()
    (_gemtext if message.kind is TextKind.GEMTEXT else _ordinary)(message.text, found)
    if found._depth:
        found.lines.append("End of quote.")
    while found.lines and not found.lines[-1].strip():
        found.lines.pop()
    if not found.lines:
        found.lines.append("No text.")
    return found


def _gemtext(text: str, found: SpokenText) -> None:
    for line in parse(text):
        shown = plain(line.text.expandtabs(8), one_line=True)
        if line.kind is LineKind.LINK:
            target = plain(line.url, one_line=True)
            label = "" if shown == target else f"{shown}, "
            found.add(f"link {found.link(line.url)}: {label}{target}")
        elif line.kind in _HEADINGS:
            found.add(f"{_HEADINGS[line.kind]}: {shown}")
        elif line.kind is LineKind.LIST:
            found.add(f"- {shown}")
        elif line.kind is LineKind.QUOTE:
            found.add(shown, quoted=1)
        elif line.kind is LineKind.PRE_OPEN:
            found.add(f"Preformatted text{f', {shown}' if shown else ''}:")
        elif line.kind is LineKind.PRE_CLOSE:
            found.add("End of preformatted text.")
        else:
            found.add(shown)


def _ordinary(text: str, found: SpokenText) -> None:
    for line in plain(text, one_line=False).expandtabs(8).split("\n"):
        depth, rest = 0, line
        while rest.startswith(">"):
            depth, rest = depth + 1, rest[1:].removeprefix(" ")
        told, last = "", 0
        for start, target in links_in(rest):
            told += f"{rest[last:start]}link {found.link(target)}: {target}"
            last = start + len(target)
        found.add(told + rest[last:], quoted=depth)


def head_lines(
    row: MessageRow,
    message: ParsedMessage,
    *,
    place: str,
    opened: OpenedMail | None,
    doubts: Sequence[str] | None,
    spoken_text: SpokenText,
) -> Iterator[str]:
    """Sender, recipients and date, how that is known, and what is in it. ``place`` says which message of
    its conversation it is."""
    yield f"{place}{' Unread.' if row.unread else ''}{' Starred.' if row.starred else ''}"
    name, address = row.sender, row.sender_address
    yield f"From {f'{name}, {address}' if name and name != address else address or name or 'unknown'}."
    yield f"{sender_words(row.evidence)}."
    yield f"To {', '.join(map(str, message.to)) or ', '.join(row.to) or 'unnamed recipients'}."
    for said in stations(message):
        yield f"{said[:1].upper()}{said[1:]}."
    yield f"Date {minute(row.date) or 'unknown'}."
    yield f"Subject: {row.subject or 'no subject'}"
    if row.tags:
        yield f"Tagged {', '.join(row.tags)}."
    for warning in warnings_of(row, message, "Type decide to decide.", doubts):
        yield f"Warning: {warning}"
    if message.protections:
        for text, warns in protection_words(message, opened, "Type unlock to enter your passphrase."):
            yield f"{'Warning: ' if warns else ''}{text}"
    counts = ((len(spoken_text.links), "link"), (len(message.attachments), "attachment"))
    if has := [many(count, word) for count, word in counts if count]:
        yield f"With {' and '.join(has)}."


def attachment_lines(message: ParsedMessage) -> Iterator[str]:
    """What is attached, with the numbers that ``save`` takes."""
    for number, part in enumerate(message.attachments, 1):
        yield f"Attachment {number}: {part.name or 'without a name'}, {part.type}, {part.size:,} bytes."
