"""The command ``decide``: whatever waits for a person, one question after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from misfin.errors import InputError
from misfin.model.folders import holds_mail
from misfin.post.sync.answering import SyncAnswer
from misfin_tui.linear.desk import Listing, row_of
from misfin_tui.linear.outbox import ASKING, ask_trust, decide_about
from misfin_tui.linear.questions import choose, confirmed
from misfin_tui.wording.deletions import deletion_offers, sentences, words_of
from misfin_tui.wording.sending import YesNo

if TYPE_CHECKING:
    from misfin.store.rows import MessageRow
    from misfin_tui.linear.desk import Desk
    from misfin_tui.services.syncing import SyncQuestion


async def decide(desk: Desk, rest: str) -> None:
    """Decide about a delivery by its number, about the open message if it is held, else about what waits."""
    if rest:
        if desk.listing is not Listing.OUTBOX:
            raise InputError("The number of a delivery counts after the command outbox.")
        await decide_about(desk, row_of(rest, desk.deliveries, "delivery"))
        return
    if desk.open is not None and holds_mail(desk.open.row.account, desk.open.row.folder):
        await _about_held(desk, desk.open.row)
        return
    asked: set[str] = set()
    for row in await desk.services.sending.outbox():
        about = row.pin_name or str(row.id)
        if row.state in ASKING and about not in asked:
            asked.add(about)
            await decide_about(desk, row)
    for offer in await desk.services.trust.offers():
        if offer.name not in asked:
            asked.add(offer.name)
            await ask_trust(desk, offer.kind.value, offer.name)
    for question in await desk.services.syncing.questions():
        asked.add(f"{question.account} {question.folder.local}")
        await _about_deletions(desk, question)
    if not asked:
        await desk.say("Nothing needs your decision.")


async def _about_held(desk: Desk, row: MessageRow) -> None:
    trust = desk.services.trust
    if await ask_trust(desk, "sender", row.sender_address):
        return
    held = next((message for message in await trust.held() if message.key == row.id), None)
    if held is None:
        raise InputError("This message is no longer held.")
    text = (
        "Put this message into the inbox? The pin of its sender does not change: the next message with the"
        " other certificate will be held again."
    )
    if await confirmed(desk.terminal, YesNo("Release this message?", text, yes="Release")):
        await trust.release(held)
        await desk.say("The message is now in the inbox.")


async def _about_deletions(desk: Desk, question: SyncQuestion) -> None:
    folder = question.folder
    lines = (
        f"Was this intended? {folder.local} of {question.address}.",
        *sentences(folder, question.total),
    )
    answer = await choose(desk.terminal, lines, deletion_offers(folder))
    if answer is None:
        return
    await desk.services.syncing.answer(question.account, folder.local, answer)
    words = words_of(folder.reason)
    done = {SyncAnswer.DELETE: words.deletes, SyncAnswer.KEEP: words.keeps}
    await desk.say(f"{folder.local}: {done.get(answer, 'nothing is changed here or on the server')}.")
