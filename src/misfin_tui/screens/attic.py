"""The attic of an account: what was deleted on its server, to read and to restore, for 30 days."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from textual import on, work

from misfin.errors import MisfinError
from misfin_tui.keymap import KeyContext
from misfin_tui.messages import SyncChanged
from misfin_tui.screens.base import CursorKeys
from misfin_tui.screens.list_screen import ListScreen
from misfin_tui.widgets.bindings import bindings
from misfin_tui.widgets.controller import adopt
from misfin_tui.widgets.facts import day
from misfin_tui.widgets.preview import Preview
from misfin_tui.widgets.row_columns import Column
from misfin_tui.widgets.row_list import Cell, RowList

if TYPE_CHECKING:
    from textual.timer import Timer

    from misfin_tui.services.attics import AtticRow

PREVIEW_DELAY = 0.06
"""Seconds the cursor must rest before its message is read."""


class AtticScreen(ListScreen):
    """Messages that were deleted on the server, with the one under the cursor below the list."""

    BINDINGS = bindings(KeyContext.LIST, KeyContext.ATTIC)
    BINDING_GROUP_TITLE = TITLE_TEXT = "Attic"
    ROWS = ("message", "messages")
    VERTICAL_BREAKPOINTS = [(0, "-short"), (18, "-tall")]  # noqa: RUF012 - Textual declares it so
    DEFAULT_CSS = """
    AtticScreen {
        #preview { height: 1fr; border: round $border-blurred; border-title-color: $mail-muted; }
        #preview:focus { border: round $border; border-title-color: $border; }
        &.-short #preview { display: none; }
    }
    """

    def __init__(self, account: str) -> None:
        super().__init__()
        self.TITLE_TEXT = f"Attic of {account}"
        self._account = account
        self.preview = Preview(id="preview")
        self._timer: Timer | None = None
        adopt(self, CursorKeys(lambda: self._pane, self._to_end))

    def make_list(self) -> RowList[AtticRow]:
        """Sender, subject, where it was, when it was deleted, until when it is kept."""
        columns = (
            Column("From", 24, spare=1),
            Column("Subject"),
            Column("Folder", 12, spare=3),
            Column("Deleted", 11, spare=2),
            Column("Kept until", 11),
        )
        back = self.misfin.keys.shown("back")
        empty = (
            "No messages deleted on the server are kept here. What is deleted there stays here for 30 days;"
            f" {back} goes back."
        )
        return RowList(columns, self._cells, lambda row: row.key, empty=empty)

    def _cells(self, row: AtticRow) -> Sequence[Cell]:
        return (
            (row.message.sender or row.message.sender_address or "(unknown)", "normal"),
            (row.message.subject or "(no subject)", "normal" if row.message.subject else "muted"),
            (row.message.folder, "muted"),
            (day(row.deleted), "muted"),
            (day(row.until), "muted"),
        )

    def on_mount(self) -> None:
        """The message comes below the list."""
        super().on_mount()
        self.mount(self.preview, before=self.detail_line)

    async def load(self) -> Iterable[AtticRow]:
        """What there is, the latest first."""
        return await self.services.attics.messages(self._account)

    def matches(self, item: AtticRow, words: list[str]) -> bool:
        """By sender, subject and folder."""
        row = item.message
        text = f"{row.sender} {row.sender_address} {row.subject} {row.folder}".casefold()
        return all(word in text for word in words)

    def detail(self, item: AtticRow) -> str:
        """Until when it is kept: in a small window the column is left out."""
        return f"Deleted from {item.message.folder} on the server. Kept here until {day(item.until)}."

    def on_sync_changed(self, message: SyncChanged) -> None:
        """A pass may have brought something here."""
        self.reload()

    @on(RowList.Moved)
    def _follow(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(PREVIEW_DELAY, self._show)

    @work(group="preview", exclusive=True, description="read a message for the preview")
    async def _show(self) -> None:
        row = self.row
        if row is None:
            self.preview.clear()
            return
        try:
            message = await self.services.attics.read(row)
        except MisfinError:
            self.preview.clear()
            self.reload()  # it went meanwhile
            return
        if self.standing and self.row is not None and self.row.key == row.key:
            self.preview.show_message(row.message, message)

    @property
    def row(self) -> AtticRow | None:
        """The message under the cursor."""
        return self.rows.current

    @property
    def idle_actions(self) -> Collection[str]:
        """What there is nothing to do for here."""
        return () if self.row else {"attic_restore"}

    @property
    def _pane(self) -> Preview | RowList[AtticRow]:
        return self.preview if self.focused is self.preview else self.rows

    def _to_end(self, top: bool) -> None:
        if self._pane is self.preview:
            self.preview.move_to(0 if top else 1 << 40)
        else:
            self.rows.move_to_end(top=top)

    def choose(self, item: Any) -> None:
        """A double click goes to the message."""
        self.preview.focus()

    @work(group="attic", exclusive=True, description="restore a message")
    async def action_attic_restore(self) -> None:
        """Bring the message back to its folder, here and on the server."""
        row = self.row
        if row is None:
            return
        folder = await self.attempt(self.services.attics.restore(row))
        if folder is not None:
            self.misfin.say(f"The message is back in {folder}, and will soon be on the server again.")
        await self.read_again()
