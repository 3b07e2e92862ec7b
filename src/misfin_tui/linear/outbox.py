"""Commands for the outbox: its deliveries, what can be done with one, and the decisions it waits for."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from misfin.errors import InputError
from misfin.store.outgoing.deliveries import ABOUT_TRUST, TAKEN, DeliveryState, Question
from misfin_tui.linear.composing import write
from misfin_tui.linear.desk import Listing, row_of
from misfin_tui.linear.questions import about_certificate, choose, confirmed
from misfin_tui.linear.rows import UNDO, delivery_sentence
from misfin_tui.linear.writing import edit_draft
from misfin_tui.wording.certificate import Answer
from misfin_tui.wording.facts import many, needing
from misfin_tui.wording.outbox import is_gone, next_step, transcript, under_way
from misfin_tui.wording.outbox_questions import (
    FINISHED,
    NO_DECISION,
    NOT_EDITED,
    NOT_REMOVED,
    NOT_STOPPED,
    NOT_TRIED,
    REDIRECTS,
    cancel_it,
    edit_anyway,
    mark_as_gone,
    send_again,
)
from misfin_tui.wording.redirect import (
    CONSEQUENCE,
    Following,
    doubt_of,
    redirect_offers,
    said_of,
    title_of,
)
from misfin_tui.wording.sending import YesNo

if TYPE_CHECKING:
    from misfin.store.outgoing.deliveries import OutboxRow
    from misfin_tui.linear.desk import Desk

ASKING = frozenset({DeliveryState.HELD, DeliveryState.UNCERTAIN})


async def outbox(desk: Desk, _rest: str) -> None:
    """Every delivery, the newest first."""
    rows = await desk.services.sending.outbox()
    desk.leave_conversation()
    desk.listing, desk.deliveries = Listing.OUTBOX, rows
    now = time.time()
    asking = sum(row.state in ASKING for row in rows)
    news = [under_way(rows, now), needing(asking) if asking else ""]
    said = ", ".join(each for each in (many(len(rows), "delivery", "deliveries"), *news) if each)
    await desk.say(f"Outbox: {said}." if rows else "Nothing is waiting to be sent.")
    await desk.say(*(delivery_sentence(number, row, now) for number, row in enumerate(rows, 1)))


async def _delivery(desk: Desk, rest: str) -> OutboxRow:
    """The delivery that a number names, as it is now. Raises :class:`InputError`."""
    if not desk.deliveries:
        raise InputError("No delivery was listed.", remedy="Type outbox first.")
    told: OutboxRow = row_of(rest, desk.deliveries, "delivery")
    rows = await desk.services.sending.outbox()
    found = next((row for row in rows if row.id == told.id), None)
    if found is None:
        raise InputError("This delivery is no longer in the outbox.")
    return found


async def attempts(desk: Desk, rest: str) -> None:
    """Everything that happened to a delivery."""
    row = await _delivery(desk, rest)
    sender = await asyncio.to_thread(desk.services.address_of, row.account)
    found = await desk.services.sending.attempts(row.id)
    facts = transcript(row, found, time.time(), sender=sender, undo=UNDO)
    await desk.say(*(": ".join(part for part in fact if part) for fact in facts))
    if step := next_step(row):
        verb = {"answer": "decide"}.get(step[0], step[0])
        await desk.say(f"Type {verb} {rest}.")


async def retry(desk: Desk, rest: str) -> None:
    """Try a delivery again now; what may have arrived already asks first."""
    row = await _delivery(desk, rest)
    if row.state is DeliveryState.UNCERTAIN and not await confirmed(desk.terminal, send_again(row)):
        return
    if await desk.services.sending.retry(row.id):
        await desk.say("It is tried now.")
    else:
        await desk.say(NOT_TRIED)


async def cancel(desk: Desk, rest: str) -> None:
    """Do not send it; a finished one is removed from the list."""
    row = await _delivery(desk, rest)
    if row.state in FINISHED:
        removed = await desk.services.sending.remove(row.id)
        await desk.say("Removed from the list." if removed else NOT_REMOVED)
        return
    if not await confirmed(desk.terminal, cancel_it(row)):
        return
    if await desk.services.sending.cancel(row.id):
        await desk.say("Cancelled. It stays in the outbox and can be edited.")
    else:
        await desk.say(NOT_STOPPED)


async def edit(desk: Desk, rest: str) -> None:
    """Turn a delivery back into a draft, and change it; without a number, continue the open draft."""
    if not rest:
        await edit_draft(desk, rest)
        return
    row = await _delivery(desk, rest)
    if row.state in (*TAKEN, DeliveryState.SENDING):
        raise InputError(NOT_EDITED)
    if row.state is DeliveryState.UNCERTAIN and not await confirmed(desk.terminal, edit_anyway()):
        return
    await write(desk, await desk.services.sending.edit(row.id))


# ---- decisions


async def decide_about(desk: Desk, row: OutboxRow) -> None:
    """Ask what a delivery waits for."""
    sending = desk.services.sending
    if row.state is DeliveryState.UNCERTAIN or row.question in (Question.TOO_LARGE, Question.PERSON):
        step = next_step(row)
        await desk.say(f"To {row.to}: {row.why}")
        number = next((n for n, each in enumerate(desk.deliveries, 1) if each.id == row.id), 0)
        await desk.say(f"Type {step[0] if step else 'edit'} {number}." if number else "Type outbox first.")
    elif is_gone(row):
        if await confirmed(desk.terminal, mark_as_gone(row)):
            await desk.services.contacts.gone(row.to, row.why, row.kind)
            await desk.say("Marked as gone.")
    elif row.state is not DeliveryState.HELD or row.question is None:
        await desk.say(NO_DECISION)
    elif row.question in ABOUT_TRUST:
        await _about_server(desk, row)
    elif row.question in REDIRECTS:
        await _about_redirect(desk, row)
    elif row.question is Question.ACCOUNT:
        rows = await sending.held_with(row)
        text = f"{row.why} The command misfin-tui account, in a shell, changes its password or servers."
        if await confirmed(
            desk.terminal, YesNo(f"The account {row.account} cannot send", text, yes="Try again")
        ):
            for each in rows:
                await sending.retry(each)
    else:
        await desk.say(f"To {row.to}: {row.why} Type outbox, then edit and its number.")


async def _about_server(desk: Desk, row: OutboxRow) -> None:
    from misfin.post.decisions import SERVER_PINS

    kind = SERVER_PINS[row.kind]
    if not await ask_trust(desk, kind.value, row.pin_name):
        # The certificate is not known here any more: asking the host again raises the question again.
        await desk.services.sending.retry(row.id)
        await desk.say("The server is asked for its certificate again.")


async def ask_trust(desk: Desk, kind: str, name: str) -> bool:
    """Ask about a certificate; False when none of that name needs a decision."""
    from misfin.trust.tofu import PinKind

    trust = desk.services.trust
    question = await trust.question(PinKind(kind), name)
    if question is None:
        return False
    answer = await about_certificate(desk.terminal, question)
    if answer is Answer.TRUST:
        freed = await trust.approve(question.kind, name, question.shown.fingerprints.cert)
        about = "will be sent" if question.waiting else "came into the inbox" if question.held else ""
        more = f" {many(freed, 'message')} {about}." if about else ""
        await desk.say(f"{name} is trusted.{more}")
    elif answer is Answer.REFUSE:
        stopped = await trust.refuse(question.kind, name)
        about = "were moved to the trash" if kind == "sender" else "will not be sent"
        await desk.say(f"The pin is unchanged. {many(stopped, 'message')} {about}.")
    else:
        await desk.say("Nothing was decided.")
    return True


async def _about_redirect(desk: Desk, row: OutboxRow) -> None:
    permanent = row.question is Question.REDIRECT_ALWAYS
    doubt = doubt_of(row)
    lines = (
        f"{title_of(permanent=permanent)}.",
        said_of(row, permanent=permanent),
        f"Written to {row.to}.",
        f"Redirects to {row.target}.",
        *([f"Warning: {doubt}"] if doubt else []),
        CONSEQUENCE,
    )
    answer = await choose(desk.terminal, lines, redirect_offers(permanent=permanent))
    if answer is Following.STOP:
        await desk.services.sending.cancel(row.id)
        await desk.say("It will not be sent.")
    elif answer is not None:
        always = answer is Following.ALWAYS
        await desk.services.sending.follow(row.id, update_contact=always)
        await desk.say(f"It will be sent to {row.target}.")
