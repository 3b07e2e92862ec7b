"""What is asked before a message is sent: does it fit, and are the recipients right?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from textual.content import Content

from misfin.compose.forgotten import mentioned
from misfin.compose.recipients import TypedRecipient
from misfin.errors import LocalError
from misfin.model.account import AddressKind
from misfin.model.recipient import FORMS
from misfin.store.evidence import Evidence
from misfin.store.outgoing.drafts import Draft
from misfin_tui.dialogs.confirm import ConfirmDialog, TooLong, TooLongDialog
from misfin_tui.screens.base import AppScreen
from misfin_tui.screentext import plain, suspicious
from misfin_tui.widgets.facts import day

if TYPE_CHECKING:
    from misfin.post.transport import Capabilities
    from misfin.store.evidence import Standing
    from misfin_tui.services.contacts import Met

MOST_PEOPLE = 12
"""Recipients described below To at most: more than fit there."""


async def carried(screen: AppScreen, draft: Draft, can: Capabilities) -> Draft | None:
    """The draft, without what its account cannot send if that may be left out; None to continue writing."""
    whole = replace(
        draft,
        cc=draft.cc if can.cc else (),
        bcc=draft.bcc if can.bcc else (),
        attachments=draft.attachments if can.attachments else (),
    )
    if whole == draft:
        return draft
    files = [each.name for each in draft.attachments]
    fields = (("Cc", draft.cc, can.cc), ("Bcc", draft.bcc, can.bcc), ("Files", files, can.attachments))
    lost = [f"{label}: {', '.join(values)}" for label, values, able in fields if values and not able]
    dialog = ConfirmDialog(
        "Send it without these?",
        "\n".join(["A message from this account cannot have:", *lost]),
        yes="Send without",
        no="Go back",
        danger=True,
    )
    return whole if await screen.app.push_screen_wait(dialog) is True else None


async def complete(screen: AppScreen, draft: Draft, can: Capabilities) -> bool:
    """Ask about an attachment that the text speaks of and that is not there."""
    if draft.attachments or not can.attachments or draft.forwards is not None:
        return True
    words = screen.services.config.compose.attachment_words
    # The subject of an answer is somebody else's.
    own = [draft.body] if draft.in_reply_to or draft.references else [draft.subject, draft.body]
    if not (word := mentioned(words, *own)):
        return True
    dialog = ConfirmDialog(
        "Is a file missing?",
        f"You wrote “{word}”, and nothing is attached.",
        yes="Send anyway",
        no="Go back",
    )
    return await screen.app.push_screen_wait(dialog) is True


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
    limit = found.whose or f"{found.limit:,} bytes is the most a message can have"
    why = found.problem or f"It is {found.size:,} bytes long; {limit}."
    answer = await screen.app.push_screen_wait(TooLongDialog(why, len(parts), problem))
    return parts if answer is TooLong.SPLIT else None


async def certain(screen: AppScreen, recipients: Sequence[TypedRecipient]) -> bool:
    """Ask about recipients the user may not have meant: their own address, and names that pass for others."""
    odd = []
    for entry, met in (await met_among(screen, recipients) or {}).items():
        if met.own:
            odd.append(f"{entry.address} is your own address.")
        reason = suspicious(entry.address)
        if reason:
            odd.append(f"{entry.address}: {reason}.")
        like = await screen.attempt(screen.services.contacts.resembling(entry.address))
        if like:
            odd.append(f"{entry.address} looks like {like}, but is not it.")
    if not odd:
        return True
    dialog = ConfirmDialog("Is this who you mean?", "\n".join(odd), yes="Send", no="Go back", danger=True)
    return await screen.app.push_screen_wait(dialog) is True


async def met_among(screen: AppScreen, entries: Sequence[TypedRecipient]) -> dict[TypedRecipient, Met] | None:
    """What is known about each entry that is an address."""
    valid = list(dict.fromkeys(entry for entry in entries if entry.recipient))
    if not valid:
        return {}
    addresses = [entry.recipient.address for entry in valid if entry.recipient]
    found = await screen.attempt(screen.services.contacts.met(addresses, valid[0].kind))
    return None if found is None else dict(zip(valid, found, strict=True))


def submitted(messages: int, copies: int, hold: int, undo: str, *, later: str = "") -> str:
    """What is said when a message was queued, perhaps in parts, for one or more recipients.

    ``undo`` is the key that undoes it, ``later`` the time it waits for in words, empty where it has none.
    """
    what = "The message" if messages == 1 else f"{messages} messages"
    if copies > messages:
        what += f" to {copies // messages} people"
    if not hold and not later:
        return f"{what} is being sent." if messages == 1 else f"{what} are being sent."
    undoing = f"; {undo} to undo" if undo else ""
    return f"{what} will be sent {later or f'in {hold} s'}{undoing}."


def standing_words(standing: Standing, kind: AddressKind | None = None) -> str:
    """How it is known who somebody is, and what is known about their host, for one line.

    Of an e-mail address (``kind``) there is nothing to be known about the host.
    """
    since = f", first seen {day(standing.since)}" if standing.since else ""
    host = ""
    if standing.evidence is Evidence.UNPROVEN and kind is not AddressKind.MAIL:
        host = (
            f", host pinned {day(standing.host_since)}" if standing.host_since else ", host not contacted yet"
        )
    warning = f": {standing.warning[0].lower()}{standing.warning[1:].rstrip('.')}" if standing.warning else ""
    return f"{standing.evidence}{since}{host}{warning}"


def people_line(entries: Sequence[TypedRecipient], known: Mapping[TypedRecipient, Met]) -> Content:
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
        met = known[entry]
        state, name = met.standing, plain(entry.address, one_line=True)
        sign, tone = state.evidence.sign, f"$evidence-{state.evidence}"
        if odd := suspicious(entry.address):
            found = (1, "⚠", "$error", f"{name} {odd}", "$warning")
        elif met.own:
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
