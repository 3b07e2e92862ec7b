"""What is asked before a message is sent: does it fit, and are the recipients right?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from textual.content import Content

from misfin.compose.recipients import TypedRecipient
from misfin.errors import LocalError
from misfin.model.account import AddressKind
from misfin.model.recipient import FORMS
from misfin.store.outgoing.drafts import Draft
from misfin_tui.dialogs.confirm import ConfirmDialog, TooLong, TooLongDialog
from misfin_tui.screens.base import AppScreen
from misfin_tui.screentext import plain, suspicious
from misfin_tui.wording.sending import (
    YesNo,
    missing_file,
    not_carried,
    oddities,
    standing_words,
    too_long,
    what_is_carried,
    whom_you_mean,
)

if TYPE_CHECKING:
    from misfin.post.transport import Capabilities
    from misfin_tui.services.contacts import KnownRecipient

MOST_PEOPLE = 12
"""Recipients described below To at most: more than fit there."""


async def carried(screen: AppScreen, draft: Draft, can: Capabilities) -> Draft | None:
    """The draft, without what its account cannot send if that may be left out; None to continue writing."""
    whole = what_is_carried(draft, can)
    if whole == draft:
        return draft
    return whole if await confirmed(screen, not_carried(draft, can)) else None


async def complete(screen: AppScreen, draft: Draft, can: Capabilities) -> bool:
    """Ask about an attachment that the text speaks of and that is not there."""
    question = missing_file(draft, can, screen.services.config.compose.attachment_words)
    return question is None or await confirmed(screen, question)


async def fitting(screen: AppScreen, draft: Draft, *, split: bool) -> list[Draft] | None:
    """The draft, or its parts when it is too long and they are wanted; None to continue writing.

    ``split``: its account can send it as several messages.
    """
    found = await screen.attempt(screen.services.sending.measure(draft))
    if found is None:
        return None
    if not found.over:
        return [draft]
    parts: list[Draft] = []
    problem = "splitting would not help." if split else ""
    if split and not found.problem:
        try:
            parts = await screen.services.sending.split(draft)
        except LocalError as error:
            problem = f"{error} {error.remedy}".strip()
    answer = await screen.app.push_screen_wait(TooLongDialog(too_long(found), len(parts), problem))
    return parts if answer is TooLong.SPLIT else None


async def certain(screen: AppScreen, recipients: Sequence[TypedRecipient]) -> bool:
    """Ask about recipients the user may not have meant: their own address, and names that pass for others."""
    odd = []
    for entry, known in (await known_among(screen, recipients) or {}).items():
        like = await screen.attempt(screen.services.contacts.resembling(entry.address))
        odd += oddities(entry.address, own=known.own, like=like or "")
    return not odd or await confirmed(screen, whom_you_mean(odd))


async def confirmed(screen: AppScreen, question: YesNo) -> bool:
    """Ask it. Call it in a worker."""
    dialog = ConfirmDialog(
        question.title, question.text, yes=question.yes, no=question.no, danger=question.danger
    )
    return await screen.app.push_screen_wait(dialog) is True


async def known_among(
    screen: AppScreen, entries: Sequence[TypedRecipient]
) -> dict[TypedRecipient, KnownRecipient] | None:
    """What is known about each entry that is an address."""
    valid = list(dict.fromkeys(entry for entry in entries if entry.recipient))
    if not valid:
        return {}
    addresses = [entry.recipient.address for entry in valid if entry.recipient]
    found = await screen.attempt(screen.services.contacts.known_recipients(addresses, valid[0].kind))
    return None if found is None else dict(zip(valid, found, strict=True))


def people_line(entries: Sequence[TypedRecipient], known: Mapping[TypedRecipient, KnownRecipient]) -> Content:
    """For each recipient whether it is known, and what is odd, the oddest first: it must not be cut off.

    ``known`` is what is known about each valid entry.
    """
    lines: dict[object, tuple[int, str, str, str, str]] = {}  # rank, sign and its tone, words and their tone
    for entry in entries:
        if entry.recipient is None:
            what = FORMS[entry.other].address if entry.other else "not an address"
            words = f"{plain(entry.text, one_line=True)[:40]} is {what}"
            lines.setdefault(entry.text, (0, "✗", "$warning", words, "$warning"))
            continue
        recipient = known[entry]
        state, name = recipient.standing, plain(entry.address, one_line=True)
        sign, tone = state.evidence.sign, f"$evidence-{state.evidence}"
        if odd := suspicious(entry.address):
            found = (1, "⚠", "$error", f"{name} {odd}", "$warning")
        elif recipient.own:
            found = (2, "◂", "$warning", f"{name} is your own address", "")
        elif entry.kind is AddressKind.MAIL and not state.warning:
            continue  # nothing can be known about who is behind an e-mail address
        else:
            rank, colour = (2, "$warning") if state.warning else (3, "")
            found = (rank, sign, tone, f"{name} {standing_words(state, entry.kind)}", colour)
        lines.setdefault((entry.address, entry.kind), found)
    count = len({entry.address or entry.text for entry in entries})
    many = f"{count:,} recipients:" if count > MOST_PEOPLE else ""
    parts: list[tuple[str, str]] = [(many, "")] if many else []
    for _, sign, tone, words, colour in sorted(lines.values(), key=lambda each: each[0])[:MOST_PEOPLE]:
        parts += [("  " if parts else "", ""), (f"{sign} ", tone), (words, colour)]
    return Content.assemble(*parts)
