"""A conversation as one document: which messages it has, which are open, and on which rows each is."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from misfin_tui.screentext import plain
from misfin_tui.widgets.gemtext_rows import Layout, Row
from misfin_tui.widgets.message_rows import LINE, body_layout, detail_rows, folded_row, head_rows
from misfin_tui.widgets.protection_rows import protection_rows

if TYPE_CHECKING:
    from misfin.store.message.mime import ParsedMessage
    from misfin.store.protected import OpenedMail
    from misfin.store.rows import MessageRow


@dataclass
class Part:
    """One message of the conversation and how it is shown; ``message`` is None until it was read."""

    row: MessageRow
    message: ParsedMessage | None = None
    open: bool = False
    details: bool = False
    problem: str = ""
    snippet: str = ""
    prefer: str = ""
    """The content type of the version to read, if a person chose one."""
    servers: str = ""
    """What is known of the sender's host, for the details."""
    opened: OpenedMail | None = None
    """What was found out about its signatures and its encryption."""
    unlock: str = ""
    """The key that decrypts it, once it is known to be locked."""
    author: str = ""
    """What was found out about the sender of an e-mail, for the details."""
    doubts: tuple[str, ...] | None = None
    """What to know about the sender of an e-mail; None until the address book was asked."""
    made: dict[tuple[object, ...], Layout] = field(default_factory=dict)

    @property
    def wanted(self) -> bool:
        """Whether it is open, and must be read or checked before all of it can be shown."""
        if not self.open or self.problem:
            return False
        return self.message is None or (bool(self.message.protections) and self.opened is None)

    def opened_as(self, opened: OpenedMail, unlock: str) -> None:
        """Its signatures were checked, and it was decrypted where that was possible.

        ``unlock`` is the key that decrypts it where a passphrase is needed.
        """
        self.opened, self.unlock = opened, unlock if opened.locked else ""
        if opened.message is not None and self.message is not None:
            self.message = replace(opened.message, protections=self.message.protections)

    def lay_out(self, width: int, first_link: int, *, focused: bool, decide: str = "") -> Layout:
        """Its rows; kept until something about it changes."""
        key = (
            width,
            first_link,
            focused,
            decide,
            self.open,
            self.details,
            self.message is None,
            self.problem,
            self.snippet,
        )
        if key not in self.made:
            self.made = {key: self._lay_out(width, first_link, focused=focused, decide=decide)}
        return self.made[key]

    def _lay_out(self, width: int, first_link: int, *, focused: bool, decide: str) -> Layout:
        line = min(width - 1, LINE)
        if not self.open:
            return Layout([folded_row(self.row, self.snippet or self.row.subject, line, focused=focused)])
        lead = (("▌" if focused else " ", "bar"), ("▾ ", "fold"))
        rows = head_rows(self.row, self.message, line, lead=lead, decide=decide, doubts=self.doubts)
        if self.message is not None and self.message.protections:
            rows += protection_rows(self.message, self.opened, line, lead, self.unlock)
        if self.message is None:
            tone = "warning" if self.problem else "muted"
            rows.append(Row((("    ", "muted"), (plain(self.problem, one_line=True) or "···", tone))))
            return Layout(rows)
        if self.details:
            known = self.servers, self.author, self.opened, self.doubts or ()
            rows += detail_rows(self.row, self.message, line, *known)
        body = body_layout(self.message, line - 2, first_link=first_link)
        indent = ("  ", "text")
        rows.append(Row(()))
        rows += [row._replace(pieces=(indent, *row.pieces)) if row.pieces else row for row in body.rows]
        rows.append(Row(()))
        return Layout(rows, body.links)


class ThreadDocument:
    """The messages of a conversation, one below the other. Keys and answers are for one of them."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.at = 0
        """Index of the message that keys are for."""
        self.starts: list[int] = []
        """The row each message begins on, as last laid out."""
        self._link_starts: list[int] = []
        self._rows = self._links = 0

    @property
    def current(self) -> Part | None:
        """The message that keys are for."""
        return self.parts[self.at] if 0 <= self.at < len(self.parts) else None

    def show(self, rows: Sequence[MessageRow], message: str = "") -> None:
        """A conversation: unread messages are open; so is the one with the id ``message``, else the newest,
        which is in focus."""
        self.parts = [Part(row, open=row.unread) for row in rows]
        self.at = next((at for at, row in enumerate(rows) if row.id == message), len(rows) - 1)
        if self.parts:
            self.parts[self.at].open = True

    def update(self, rows: Sequence[MessageRow]) -> None:
        """Messages came, went or changed flags; the rest stays as it is."""
        known = {part.row.id: part for part in self.parts}
        focused = self.current.row.id if self.current else ""
        parts = []
        for row in rows:
            part = known.get(row.id) or Part(row, open=row.unread)
            if part.row != row:
                part.row, part.made = row, {}
            parts.append(part)
        self.parts = parts
        self.at = next((at for at, part in enumerate(parts) if part.row.id == focused), len(parts) - 1)

    def lay_out(self, width: int, decide: str) -> Layout:
        """All of its rows; ``decide`` is the key that decides about a held message."""
        whole = Layout()
        self.starts, self._link_starts = [], []
        for number, part in enumerate(self.parts):
            self.starts.append(len(whole.rows))
            self._link_starts.append(len(whole.links))
            layout = part.lay_out(width, len(whole.links) + 1, focused=number == self.at, decide=decide)
            whole.rows += layout.rows
            whole.links += layout.links
            whole.measured = max(whole.measured, layout.width)
            if number + 1 < len(self.parts):
                if part.open:
                    whole.rows.append(Row((("─" * min(width - 1, LINE), "rule"),)))
                elif self.parts[number + 1].open:
                    whole.rows.append(Row(()))
        self._rows, self._links = len(whole.rows), len(whole.links)
        return whole

    def part_at(self, row: int) -> Part | None:
        """The message a row belongs to."""
        at = bisect_right(self.starts, row) - 1
        return self.parts[at] if 0 <= at < len(self.parts) else None

    def rows_of_focus(self) -> range:
        """The rows of the message in focus."""
        return _span(self.starts, self.at, self._rows)

    def links_of_focus(self) -> range:
        """The numbers of the links in the message in focus."""
        links = _span(self._link_starts, self.at, self._links)
        return range(links.start + 1, links.stop + 1)

    def focus_between(self, top: int, bottom: int) -> bool:
        """Bring the focus to a message between two rows; whether it is now another one."""
        rows = self.rows_of_focus()
        if rows.start < bottom and rows.stop > top:
            return False
        for at, start in enumerate(self.starts):
            if start >= top:
                self.at = at if start < bottom else max(at - 1, 0)
                break
        else:
            self.at = len(self.starts) - 1
        return True


def _span(starts: Sequence[int], at: int, end: int) -> range:
    first = starts[at] if at < len(starts) else 0
    return range(first, starts[at + 1] if at + 1 < len(starts) else end)
