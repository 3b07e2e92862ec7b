"""Sending what was written, after everything that may be wrong was asked about."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from misfin.errors import LocalError, LockedKeyError, MisfinError
from misfin_tui.linear.questions import choose, confirmed
from misfin_tui.linear.rows import UNDO
from misfin_tui.linear.writer import Writer, use_account
from misfin_tui.wording.facts import by_and_by
from misfin_tui.wording.sending import (
    YesNo,
    missing_file,
    not_carried,
    oddities,
    submitted,
    too_long,
    what_is_carried,
    whom_you_mean,
)

if TYPE_CHECKING:
    from misfin.compose.recipients import TypedRecipient
    from misfin.store.outgoing.drafts import Draft
    from misfin_tui.services.sending import Submission


async def send(writer: Writer) -> bool:
    """Queue the message; False to continue writing."""
    desk, terminal = writer.desk, writer.desk.terminal
    elsewhere = next((entry for entry in writer.recipients if entry.other), None)
    if elsewhere is not None:
        await _offer_other_account(writer, elsewhere)
        return False
    if problem := _problem(writer):
        await desk.say(problem)
        return False
    can = writer.sender.capabilities
    draft = what_is_carried(writer.draft, can)
    if draft != writer.draft and not await confirmed(terminal, not_carried(writer.draft, can)):
        return False
    missing = missing_file(draft, can, desk.services.config.compose.attachment_words)
    if missing is not None and not await confirmed(terminal, missing):
        return False
    parts = await _fitting(writer, draft, split=can.split)
    if parts is None or not await _certain(writer):
        return False
    try:
        writer.keeper.put(draft)
        await writer.keeper.flush()
        parts = parts if len(parts) > 1 else [replace(draft, id=writer.keeper.draft_id)]
        submission = await asyncio.shield(_submit(writer, parts))
        if submission is None:
            return False
        await writer.keeper.stop()
        if len(parts) > 1:
            await desk.services.sending.discard(writer.keeper.draft_id)
    except MisfinError as error:
        await desk.report(error, "The message was not sent.")
        return False
    writer.finished = True
    hold = desk.services.config.send.undo_send_seconds
    later = by_and_by(draft.send_at, submission.at) if draft.send_at else ""
    await desk.say(submitted(len(parts), len(submission.ids), hold, UNDO, later=later))
    return True


def _problem(writer: Writer) -> str:
    """What has to be fixed before it can be sent."""
    entries, draft = writer.recipients, writer.draft
    if not entries:
        return "Add a recipient."
    if wrong := next((entry for entry in entries if entry.recipient is None), None):
        return wrong.problem
    if not (draft.body.strip() or draft.subject.strip() or draft.forwards or draft.attachments):
        return "The message is empty."
    if draft.send_at and draft.send_at <= time.time():
        writer.change(replace(draft, send_at=0.0))
        return "The time to send it at has passed. Type send again to send it now."
    return ""


async def _offer_other_account(writer: Writer, entry: TypedRecipient) -> None:
    services = writer.desk.services
    account = await services.accounts.of_kind(entry.other) if entry.other else None
    if account is None:
        await writer.desk.say(f"{entry.problem} You have no such account: write to another address.")
        return
    effect = "all recipients are then read as its addresses"
    text = f"{entry.problem} From can be {account.address} instead; {effect}."
    writer.follows = False
    if await confirmed(writer.desk.terminal, YesNo("Write from another account?", text, yes="Change From")):
        await use_account(writer, account)


async def _fitting(writer: Writer, draft: Draft, *, split: bool) -> list[Draft] | None:
    """The draft, or its parts when it is too long and they are wanted; None to continue writing."""
    sending = writer.desk.services.sending
    found = await sending.measure(draft)
    if not found.over:
        return [draft]
    parts: list[Draft] = []
    said = ["The message is too long.", too_long(found)]
    if split and not found.problem:
        try:
            parts = await sending.split(draft)
        except LocalError as error:
            said.append(f"It cannot be split: {error} {error.remedy}".strip())
    choices: dict[bool | None, str] = {None: "Shorten it"}
    if parts:
        choices[True] = f"Send {len(parts)} messages"
        said.append(
            f"It can be sent as {len(parts)} messages, numbered (1/{len(parts)}) and so on, split at blank"
            " lines where there are any."
        )
    return parts if await choose(writer.desk.terminal, said, choices) else None


async def _certain(writer: Writer) -> bool:
    """Ask about recipients who may not be meant."""
    contacts, odd = writer.desk.services.contacts, list[str]()
    for entry in dict.fromkeys(writer.recipients):
        if entry.recipient is not None:
            known = (await contacts.known_recipients([entry.recipient.address], entry.kind))[0]
            like = await contacts.resembling(entry.address)
            odd += oddities(entry.address, own=known.own, like=like)
    return not odd or await confirmed(writer.desk.terminal, whom_you_mean(odd))


async def _submit(writer: Writer, parts: list[Draft]) -> Submission | None:
    """Queue it; None if the key to sign with stays locked."""
    from misfin_tui.services.protected import protected_of, terminal_name

    services = writer.desk.services
    try:
        return await services.sending.submit(*parts)
    except LockedKeyError:
        async with writer.desk.terminal.given_away():
            address = writer.draft.sender or writer.sender.address
            await protected_of(services).unlock(address, terminal_name())
    return await services.sending.submit(*parts)
