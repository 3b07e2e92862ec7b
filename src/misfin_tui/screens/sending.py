"""What is asked before a message is sent: does it fit, and are the recipients right?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.content import Content

from misfin.compose.recipients import TypedRecipient
from misfin.errors import LocalError
from misfin.model.address import MisfinAddress, same_person
from misfin.store.evidence import Evidence
from misfin.store.outgoing.drafts import Draft
from misfin_tui.dialogs.confirm import ConfirmDialog, TooLong, TooLongDialog
from misfin_tui.screens.base import AppScreen
from misfin_tui.screentext import plain, suspicious
from misfin_tui.widgets.facts import day

if TYPE_CHECKING:
    from misfin.store.evidence import Standing


async def fitting(screen: AppScreen, draft: Draft) -> list[Draft] | None:
    """The draft, or its parts when it is too long and they are wanted; None to continue writing."""
    found = await screen.attempt(screen.services.sending.measure(draft))
    if found is None:
        return None
    if not found.over:
        return [draft]
    parts: list[Draft] = []
    problem = "splitting would not help."
    if not found.problem:
        try:
            parts = await screen.services.sending.split(draft)
        except LocalError as error:
            problem = f"{error} {error.remedy}".strip()
    limit = found.whose or f"Misfin takes {found.limit:,} bytes at most"
    why = found.problem or f"It is {found.size:,} bytes long; {limit}."
    answer = await screen.app.push_screen_wait(TooLongDialog(why, len(parts), problem))
    return parts if answer is TooLong.SPLIT else None


async def certain(screen: AppScreen, recipients: Sequence[TypedRecipient]) -> bool:
    """Ask about recipients the user may not have meant: their own address, and names that pass for others."""
    mine = await asyncio.to_thread(screen.services.identities.addresses)
    odd = []
    for address in (entry.address for entry in recipients):
        if address is None:
            continue
        if any(same_person(address, each) for each in mine):
            odd.append(f"{address.address} is your own address.")
        reason = suspicious(address.address)
        if reason:
            odd.append(f"{address.address}: {reason}.")
        like = await screen.attempt(screen.services.contacts.resembling(address.address))
        if like:
            odd.append(f"{address.address} looks like {like}, but is not it.")
    if not odd:
        return True
    dialog = ConfirmDialog("Is this who you mean?", "\n".join(odd), yes="Send", no="Go back", danger=True)
    return await screen.app.push_screen_wait(dialog) is True


def submitted(messages: int, copies: int, hold: int, undo: str) -> str:
    """What is said when a message was queued, perhaps in parts, for one or more recipients; ``undo`` is the
    key that undoes it."""
    what = "The message" if messages == 1 else f"{messages} messages"
    if copies > messages:
        what += f" to {copies // messages} people"
    if not hold:
        return f"{what} is being sent." if messages == 1 else f"{what} are being sent."
    undoing = f"; {undo} to undo" if undo else ""
    return f"{what} will be sent in {hold} s{undoing}."


def standing_words(standing: Standing) -> str:
    """How it is known who somebody is, and what is known about their host, for one line."""
    since = f", first seen {day(standing.since)}" if standing.since else ""
    host = ""
    if standing.evidence is Evidence.UNPROVEN:
        host = (
            f", host pinned {day(standing.host_since)}" if standing.host_since else ", host not contacted yet"
        )
    warning = f": {standing.warning[0].lower()}{standing.warning[1:].rstrip('.')}" if standing.warning else ""
    return f"{standing.evidence}{since}{host}{warning}"


def people_line(
    entries: Sequence[TypedRecipient], states: Sequence[Standing], mine: Sequence[MisfinAddress]
) -> Content:
    """For each recipient whether it is known, and what is odd, the oddest first: it must not be cut off.

    ``states`` are those of valid entries; ``mine`` are the user's own addresses.
    """
    lines: dict[object, tuple[int, str, str, str, str]] = {}  # rank, sign and its tone, words and their tone
    trust = iter(states)
    for entry in entries:
        if entry.address is None:
            words = f"{plain(entry.text, one_line=True)[:40]} is not an address"
            lines.setdefault(entry.text, (0, "✗", "$warning", words, "$warning"))
            continue
        state, address = next(trust), entry.address
        name = plain(address.address, one_line=True)
        sign, tone = state.evidence.sign, f"$evidence-{state.evidence}"
        if odd := suspicious(address.address):
            found = (1, "⚠", "$error", f"{name} {odd}", "$warning")
        elif any(same_person(address, each) for each in mine):
            found = (2, "◂", "$warning", f"{name} is your own address", "")
        else:
            rank, colour = (2, "$warning") if state.warning else (3, "")
            found = (rank, sign, tone, f"{name} {standing_words(state)}", colour)
        lines.setdefault(address.key, found)
    parts: list[tuple[str, str]] = []
    for _, sign, tone, words, colour in sorted(lines.values(), key=lambda each: each[0]):
        parts += [("  " if parts else "", ""), (f"{sign} ", tone), (words, colour)]
    return Content.assemble(*parts)
