"""The outbox: one row per recipient, its state in words, every attempt, and what can be decided."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from textual import work

from misfin.store.outgoing.deliveries import TAKEN, DeliveryState, OutboxRow
from misfin_tui.dialogs.base import Choice
from misfin_tui.dialogs.text import FactsDialog
from misfin_tui.keymap import KeyContext, readable
from misfin_tui.messages import OutboxChanged, TrustAsked
from misfin_tui.screens.list_screen import ListScreen
from misfin_tui.screens.outbox_answers import OutboxAnswers
from misfin_tui.screens.sending import confirmed
from misfin_tui.widgets.bindings import bindings
from misfin_tui.widgets.controller import adopt
from misfin_tui.widgets.facts import needing
from misfin_tui.widgets.row_columns import Column
from misfin_tui.widgets.row_list import Cell, RowList
from misfin_tui.wording.outbox import (
    MARKS,
    TONES,
    next_step,
    offers,
    state_words,
    still_waits,
    transcript,
    under_way,
)
from misfin_tui.wording.outbox_questions import (
    FINISHED,
    NOT_EDITED,
    NOT_REMOVED,
    NOT_STOPPED,
    NOT_TRIED,
    cancel_it,
    edit_anyway,
    send_again,
)

TICK = 1.0  # seconds between looks at the clock, for "in 12 s"


class OutboxScreen(ListScreen):
    """The outbox."""

    BINDINGS = bindings(KeyContext.LIST, KeyContext.OUTBOX)
    BINDING_GROUP_TITLE = TITLE_TEXT = "Outbox"
    ROWS = ("delivery", "deliveries")

    def __init__(self) -> None:
        super().__init__()
        self.answers = OutboxAnswers(self, lambda: self.row, self.action_retry, self.action_edit)
        adopt(self, self.answers)

    def make_list(self) -> RowList[OutboxRow]:
        """State, recipient, subject, attempts."""
        columns = (
            Column("", 1),
            Column("To", 28),
            Column("Subject", 0, spare=1),
            Column("State"),
            Column("Tries", 5, right=True, spare=2),
        )
        empty = (
            "Nothing is waiting to be sent. What you send is shown here with every attempt; press"
            f" {self.misfin.keys.shown('outbox-compose')} to write a message."
        )
        return RowList(columns, self._cells, lambda row: row.id, empty=empty)

    def _cells(self, row: OutboxRow) -> Sequence[Cell]:
        tone = TONES[row.state]
        return (
            (MARKS[row.state], tone),
            (row.to, "strong" if row.state not in FINISHED else "normal"),
            (row.subject or "(no subject)", "normal" if row.subject else "muted"),
            (state_words(row, time.time(), self.misfin.keys.shown("undo-send")), tone),
            (str(row.attempts or ""), "muted"),
        )

    async def load(self) -> Iterable[OutboxRow]:
        """Every row, newest message first."""
        return await self.services.sending.outbox()

    def matches(self, item: OutboxRow, words: list[str]) -> bool:
        """By recipient, subject and state."""
        text = f"{item.to} {item.subject} {item.state} {item.why} {item.meta}".casefold()
        return all(word in text for word in words)

    def news(self) -> list[tuple[str, str]]:
        """How many are being sent, and how many need a decision."""
        words = under_way(self.everything, time.time())
        asking = sum(row.state in (DeliveryState.HELD, DeliveryState.UNCERTAIN) for row in self.everything)
        news = [(words, "muted")] if words else []
        return [*news, *([(needing(asking), "warning")] if asking else [])]

    def on_mount(self) -> None:
        """Count down what waits."""
        super().on_mount()
        self.set_interval(TICK, self._tick)

    def _tick(self) -> None:
        if any(row.state in (DeliveryState.WAITING, DeliveryState.DEFERRED) for row in self.everything):
            self.rows.refresh()
            self.show_detail(self.row)

    def on_outbox_changed(self, message: OutboxChanged) -> None:
        """Something moved."""
        self.reload()

    def on_trust_asked(self, message: TrustAsked) -> None:
        """A host presented another certificate."""
        self.reload()

    def detail(self, item: OutboxRow) -> str:
        """The state in full."""
        said = state_words(item, time.time(), self.misfin.keys.shown("undo-send"))
        return f"{said[:1].upper()}{said[1:]}"

    def hint(self, item: OutboxRow) -> str:
        """The key for what has to be decided, as it is bound."""
        found = next_step(item)
        keys = self.misfin.keys.of(found[0]) if found else ()
        return f"{readable(keys[0])} {found[1]}" if found and keys else ""

    def _withdraw_offer(self) -> None:
        """A message whose sending could be undone was decided about here."""
        if self.services.sending.undoable() is None:
            self.misfin.withdraw("sending")

    def choose(self, item: Any) -> None:
        """A double click shows the transcript."""
        self.action_attempts()

    @property
    def row(self) -> OutboxRow | None:
        """The row under the cursor."""
        return self.rows.current

    @property
    def idle_actions(self) -> Collection[str]:
        """What there is nothing to do for here: the key line leaves it out."""
        row = self.row
        if row is None:
            return {"answer", "attempts", "retry", "edit", "cancel"}
        idle = set() if next_step(row) else {"answer"}
        if row.state in (*TAKEN, DeliveryState.SENDING):
            idle |= {"retry", "edit", "cancel"}
        return idle

    # ---- what can be done

    @work(group="outbox", description="show a transcript")
    async def action_attempts(self) -> None:
        """Every attempt, word by word."""
        row = self.row
        if row is None:
            return
        attempts = await self.attempt(self.services.sending.attempts(row.id))
        if attempts is None:
            return
        more = [Choice(action, label) for action, label in offers(row).items()]
        sender = await asyncio.to_thread(self.services.address_of, row.account)
        facts = transcript(row, attempts, time.time(), sender=sender)
        dialog = FactsDialog(f"To {row.to}", facts, more=more)
        choice = await self.app.push_screen_wait(dialog)
        actions = {
            "answer": self.answers.action_answer,
            "retry": self.action_retry,
            "edit": self.action_edit,
        }
        if choice in actions:
            actions[choice]()

    @work(group="outbox", description="try again")
    async def action_retry(self) -> None:
        """Try again now; what may have arrived already asks first."""
        row = self.row
        if row is None:
            return
        if row.state is DeliveryState.UNCERTAIN and not await confirmed(self, send_again(row)):
            return
        if await self.attempt(self.services.sending.retry(row.id)) is False:  # None: it was said why
            self.misfin.say(NOT_TRIED, severity="warning")
        self._withdraw_offer()

    @work(group="outbox", description="edit a message")
    async def action_edit(self) -> None:
        """Turn it back into a draft and change it."""
        row = self.row
        if row is None:
            return
        if row.state in (*TAKEN, DeliveryState.SENDING):
            self.misfin.say(NOT_EDITED, severity="warning")
            return
        if row.state is DeliveryState.UNCERTAIN and not await confirmed(self, edit_anyway()):
            return
        draft = await self.attempt(self.services.sending.edit(row.id))
        self._withdraw_offer()
        if draft is not None:
            self.misfin.open_composer(draft)

    @work(group="outbox", description="cancel a message")
    async def action_cancel(self) -> None:
        """Do not send it; a finished row is removed from the list."""
        row = self.row
        if row is None:
            return
        if row.state in FINISHED:
            if await self.attempt(self.services.sending.remove(row.id)) is False:
                self.misfin.say(NOT_REMOVED)
            return
        if not await confirmed(self, cancel_it(row)):
            return
        if await self.attempt(self.services.sending.cancel(row.id)) is False:
            self.misfin.say(NOT_STOPPED, severity="warning")
        self._withdraw_offer()

    @work(group="outbox", description="undo send")
    async def action_undo_send(self) -> None:
        """Undo sending the message under the cursor if it waits for its time, else the last one."""
        sending, row = self.services.sending, self.row
        if row is not None and still_waits(row, time.time()):
            draft = await self.attempt(sending.undo_message(row))
        else:
            last = sending.undoable()
            draft = await self.attempt(sending.undo_send(last.ids)) if last else None
        self.misfin.withdraw("sending")
        if draft is None:
            self.misfin.say("There is no sending left to undo.")
        else:
            self.misfin.open_composer(draft)

    @work(group="outbox", description="write a new message")
    async def action_compose(self) -> None:
        """Write a new message."""
        draft = await self.attempt(self.services.sending.new())
        if draft is not None:
            self.misfin.open_composer(draft)
