"""Writing and sending for the screens: drafts, replies, the outbox and what the user decides about it."""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from misfin.compose.measure import Measure
from misfin.compose.quoting import signed, split_subject
from misfin.compose.recipients import to_entry
from misfin.compose.reply import as_draft
from misfin.compose.split import split
from misfin.errors import AccountError, AddressError, LocalError, StoreError
from misfin.model.account import AddressKind
from misfin.model.gemmail import Version
from misfin.model.recipient import with_prefix
from misfin.store.outgoing.deliveries import DeliveryState, Question
from misfin.store.outgoing.drafts import Draft, Purpose
from misfin_tui.messages import MailChanged, OutboxChanged
from misfin_tui.services.autosave import Autosave
from misfin_tui.services.composing import Composing

if TYPE_CHECKING:
    from misfin.model.recipient import Recipient
    from misfin.post.transport import How, Transport
    from misfin.store.outgoing.outbox import AttemptRow, OutboxRow
    from misfin.store.rows import MessageRow
    from misfin_tui.services import Services


@dataclass(frozen=True, slots=True)
class Submission:
    """What was put into the outbox: ids of rows, when, and until when that can be undone (Unix seconds)."""

    ids: tuple[int, ...]
    until: float
    at: float


class SendingService:
    """Drafts and the outbox. Work is done in threads; any method may raise :class:`StoreError`."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._keepers: weakref.WeakSet[Autosave] = weakref.WeakSet()
        self._submitted: list[Submission] = []
        self.composing = Composing(services)
        """Which accounts have a draft open."""

    # ---- drafts

    async def save(self, draft: Draft) -> Draft:
        """Put a draft on disk; returns it with its id and time of saving."""
        saved = await asyncio.to_thread(self._save, draft)
        self._services.post(MailChanged())
        return saved

    async def open(self, draft_id: str) -> Draft:
        """The draft with this id or Maildir key; raises :class:`MessageGoneError` where there is none."""
        return await asyncio.to_thread(lambda: self._services.draft_box.load(draft_id))

    async def discard(self, draft_id: str) -> None:
        """Delete a draft for good."""
        await asyncio.to_thread(lambda: self._services.draft_box.discard(draft_id))
        self._services.post(MailChanged())

    def autosave(
        self, saved: Callable[[Draft], None], failed: Callable[[StoreError], None], last: Draft | None = None
    ) -> Autosave:
        """A keeper for one draft that is being written; it is flushed when the program ends."""
        keeper = Autosave(self._save, saved, failed, last)
        self._keepers.add(keeper)
        return keeper

    async def flush(self) -> None:
        """Save every draft that is being written. Raises :class:`StoreError` if one could not be."""
        for keeper in list(self._keepers):
            await keeper.flush()

    def save_at_once(self) -> None:
        """The same in this thread, for an end that cannot wait for the loop."""
        for keeper in list(self._keepers):
            keeper.save_at_once()

    # ---- new messages

    async def new(
        self,
        to: Sequence[str] = (),
        *,
        account: str = "",
        seen_in: str | None = None,
        subject: str = "",
        body: str = "",
        kind: AddressKind | None = None,
    ) -> Draft:
        """An empty message with the signature below.

        ``seen_in`` is the directory of the account whose mail is shown, None for all of them; ``kind``
        is that of the recipients. It is written from the account shown if that writes to them, else from the
        default account for them. Where there is none, each of them says by its prefix what it is.
        """
        if not account:
            account, other = await asyncio.to_thread(self._default, kind, seen_in)
            to = [with_prefix(each, other) for each in to] if other else to
        sender = await asyncio.to_thread(lambda: self._services.accounts.sender(account))
        return Draft(account=account, to=tuple(to), subject=subject, body=signed(body, sender.signature))

    async def from_link(self, uri: str) -> Draft:
        """A message started by a ``misfin:`` or ``mailto:`` link; never sent by itself.

        Raises :class:`AddressError`, and :class:`AccountError` where no account can send to such an address.
        """
        from misfin.model.address import parse_uri
        from misfin.model.mailto import is_mailto, parse_mailto

        if is_mailto(uri):
            asked = parse_mailto(uri)
            if not await self.can_write_to(AddressKind.MAIL):
                raise AccountError(
                    "A mailto: link needs an e-mail account, and there is none.",
                    remedy="Add one, or open the link in another program.",
                )
            draft = await self.new(asked.to, subject=asked.subject, body=asked.body, kind=AddressKind.MAIL)
            purpose = Purpose.REPLY if asked.in_reply_to else Purpose.NEW
            return replace(draft, cc=asked.cc, bcc=asked.bcc, in_reply_to=asked.in_reply_to, purpose=purpose)
        address, text = parse_uri(uri)
        subject, body = split_subject(text)
        return await self.new([to_entry(address)], subject=subject, body=body, kind=AddressKind.MISFIN)

    async def can_write_to(self, kind: AddressKind) -> bool:
        """Whether there is an account that sends to addresses of this kind."""
        account, other = await asyncio.to_thread(self._default, kind)
        return bool(account) and other is None

    async def answer(self, row: MessageRow, how: How, quoted: str | None = None) -> Draft:
        """A reply to a message, or a message that forwards it. ``quoted`` are the lines to quote, all of them
        by default.

        Raises :class:`LocalError` when there is nobody to reply to but oneself, or no account that could.
        """
        from misfin_tui.services.answering import answer

        raw = await self._services.mail.raw(row)
        return await asyncio.to_thread(answer, self._services, raw, row, how, quoted)

    # ---- measuring

    async def measure(self, draft: Draft) -> Measure:
        """The size of what will really be sent, for the recipient with the least room."""
        return await asyncio.to_thread(self._measure, draft)

    async def split(self, draft: Draft) -> list[Draft]:
        """The draft as numbered messages that all fit; raises :class:`LocalError` when that is impossible."""
        return await asyncio.to_thread(split, draft, lambda part: not self._measure(part).over)

    # ---- sending

    async def submit(self, *drafts: Draft) -> Submission:
        """Queue messages for all their recipients; each draft is removed once the queue holds it durably.

        Nothing is sent for ``undo_send_seconds``, nor before a draft's own time. Raises
        :class:`AddressError`, :class:`GemmailError` or :class:`MessageTooLargeError`; what could not be
        queued stays a draft.
        """
        hold = self._services.config.send.undo_send_seconds
        now = time.time()
        try:
            ids = await asyncio.to_thread(self._submit, drafts, now, hold)
        finally:
            self._services.post(MailChanged())
            self._services.post(OutboxChanged())
            self._services.wake_courier()
        submission = Submission(ids, max(now + hold, *(draft.send_at for draft in drafts)), now)
        self._submitted.append(submission)
        return submission

    def undoable(self) -> Submission | None:
        """The last submission that can still be undone."""
        now = time.time()
        self._submitted = [each for each in self._submitted if each.until > now]
        return self._submitted[-1] if self._submitted else None

    async def undo_send(self, ids: Sequence[int]) -> Draft | None:
        """Undo sending a message; it is a draft again. None when it is too late."""
        draft = await asyncio.to_thread(self._take_back, list(ids))
        self._decided(*ids)
        self._tell()
        return draft

    async def undo_message(self, row: OutboxRow) -> Draft | None:
        """The same for the whole message of a row that still waits for its time, whoever submitted it."""
        rows = await asyncio.to_thread(lambda: self._services.outbox_queue.group(row.group))
        return await self.undo_send([each.id for each in rows if each.state is DeliveryState.WAITING])

    # ---- the outbox

    async def outbox(self) -> list[OutboxRow]:
        """Every outgoing message, the newest first, one row per recipient."""
        return await asyncio.to_thread(lambda: self._services.outbox_queue.rows())

    async def attempts(self, row_id: int) -> list[AttemptRow]:
        """What happened at each attempt to send a row, oldest first."""
        return await asyncio.to_thread(lambda: self._services.outbox_queue.attempts(row_id))

    async def held_with(self, row: OutboxRow) -> list[int]:
        """The rows held by the same question as this one; itself where its question is its own."""
        held = await asyncio.to_thread(self._services.outbox_queue.rows, [DeliveryState.HELD])
        return [each.id for each in held if each.id == row.id or (row.pin_name and _same_question(each, row))]

    async def retry(self, row_id: int) -> bool:
        """Try again now; for an uncertain row this may deliver it twice: ask first."""
        done = await asyncio.to_thread(lambda: self._services.outbox_queue.retry(row_id, time.time()))
        if done:
            self._decided(row_id)
        self._tell()
        return done

    async def cancel(self, row_id: int) -> bool:
        """Do not send it; False when it is being sent right now or was sent."""
        done = await asyncio.to_thread(lambda: self._services.outbox_queue.cancel(row_id, now=time.time()))
        if done:
            self._decided(row_id)
        self._tell()
        return done

    async def remove(self, row_id: int) -> bool:
        """Remove a finished row from the list."""
        done = await asyncio.to_thread(lambda: self._services.outbox_queue.remove(row_id))
        self._tell()
        return done

    async def edit(self, row_id: int) -> Draft:
        """Turn one recipient's copy back into a draft. Raises :class:`LocalError` when it is too late."""
        draft = await asyncio.to_thread(self._edit, row_id)
        self._decided(row_id)
        self._tell()
        if draft is None:
            raise LocalError("It is being sent right now, or was sent already.")
        return draft

    async def follow(self, row_id: int, *, update_contact: bool = False) -> bool:
        """Send a redirected copy to the new address; perhaps use that address from now on."""
        row = await asyncio.to_thread(self._follow, row_id)
        if row is not None and update_contact:
            await self._services.contacts.moved(row.to, row.target, row.kind)
        self._tell()
        return row is not None

    def _decided(self, *ids: int) -> None:
        """These rows no longer wait for their time: sending them can no longer be undone."""
        left = [(each, tuple(row for row in each.ids if row not in ids)) for each in self._submitted]
        self._submitted = [replace(each, ids=rows) for each, rows in left if rows]

    # ---- in a thread

    def _save(self, draft: Draft) -> Draft:
        return self._services.draft_box.save(draft, now=time.time())

    def _submit(self, drafts: Sequence[Draft], now: float, hold: float) -> tuple[int, ...]:
        from misfin.post.submission import submit

        outbox, box = self._services.outbox_queue, self._services.draft_box
        # Each is a draft of its own first: a crash between two of them loses none and repeats none.
        saved = [draft if draft.id else box.save(draft, now=now) for draft in drafts]
        return tuple(
            row
            for draft in saved
            for row in submit(
                outbox, box, draft, self._services.transport_of(draft.account), now=now, hold=hold
            )
        )

    def _edit(self, row_id: int) -> Draft | None:
        row = self._services.outbox_queue.row(row_id)
        draft = self._take_back([row_id])
        too_large = row is not None and row.question is Question.TOO_LARGE
        if draft is not None and row is not None and too_large and row.kind is AddressKind.MISFIN:
            # It answered that it does not know C, and this message was too long to try B: without a note the
            # composer would measure for C, and the message would be held for the same reason again.
            host, _, port = row.route.rpartition(":")
            self._services.pin_book.remember(host, int(port), now=time.time(), speaks=Version.B)
        return draft

    def _take_back(self, ids: Sequence[int]) -> Draft | None:
        """Rows as drafts again, one for each message; the first of them, None when it was too late."""
        outbox, box = self._services.outbox_queue, self._services.draft_box
        groups: dict[str, list[OutboxRow]] = {}
        for row_id in ids:
            if (row := outbox.row(row_id)) is not None:
                groups.setdefault(row.group, []).append(row)
        taken = []
        for group, rows in groups.items():
            if (message := outbox.outgoing(group)) is None:
                continue
            # On disk as a draft before it is cancelled, so that a crash between the two loses nothing.
            draft = box.save(as_draft(message, [row.to for row in rows]), now=time.time())
            if outbox.cancel(*(row.id for row in rows), now=time.time()):
                taken.append(draft)
                for row in rows:  # what is a draft again need not be listed in the outbox as cancelled
                    outbox.remove(row.id)
            else:
                box.discard(draft.id)
        return taken[0] if taken else None

    def _follow(self, row_id: int) -> OutboxRow | None:
        row = self._services.outbox_queue.row(row_id)
        if row is None or not row.target:
            return None
        there = self._services.transports[row.kind].parse(row.target)
        return self._services.outbox_queue.follow(row_id, there, time.time())

    def _default(
        self, kind: AddressKind | None, seen_in: str | None = None
    ) -> tuple[str, AddressKind | None]:
        """The directory of the account to write from; ``kind`` again where the account is of another one."""
        account = self._services.accounts.writing_to(kind, seen_in)
        if account is None:
            return "", None
        return account.directory, None if account.kind.address_kind is kind else kind

    def _measure(self, draft: Draft) -> Measure:
        transport = self._services.transport_of(draft.account)
        return transport.measure(draft, _readable(draft, transport))

    def _tell(self) -> None:
        self._services.wake_courier()
        self._services.post(OutboxChanged())
        self._services.post(MailChanged())


def _readable(draft: Draft, transport: Transport) -> list[Recipient]:
    """The recipients so far, each once; what is not an address yet is left out."""
    found: dict[str, Recipient] = {}
    for text in (*draft.to, *draft.cc, *draft.bcc):
        with suppress(AddressError):
            recipient = transport.parse(text)
            found.setdefault(recipient.address, recipient)
    return list(found.values())


def _same_question(one: OutboxRow, other: OutboxRow) -> bool:
    return (one.kind, one.pin_name, one.question) == (other.kind, other.pin_name, other.question)
