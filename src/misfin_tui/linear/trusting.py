"""Commands for what is trusted: certificates, keys of recipients and mailing lists; what needs a decision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from misfin.errors import InputError
from misfin.store.evidence import Evidence, of_pin
from misfin.trust.tofu import PinKind
from misfin_tui.linear.desk import Listing, row_of
from misfin_tui.linear.facts import spoken_facts
from misfin_tui.linear.outbox import ask_trust
from misfin_tui.linear.questions import confirmed
from misfin_tui.services.accepted_lists import ListSigner, acceptance_of
from misfin_tui.wording.facts import day, many, needing, short
from misfin_tui.wording.sending import YesNo
from misfin_tui.wording.trust_list import (
    KINDS,
    PinFilter,
    TrustEntry,
    facts_of,
    forgetting,
    log_facts,
    taking_back,
)

if TYPE_CHECKING:
    from misfin.store.accepted_lists import AcceptedList
    from misfin_tui.linear.desk import Desk

LOG = "log"
"""Typed after ``trust``, it lists decisions instead of certificates that have this word."""
_KINDS = {
    PinFilter.HOST: "host",
    PinFilter.SENDER: "sender",
    PinFilter.MAIL: "mail server",
    PinFilter.RECIPIENT: "recipient",
    PinFilter.LIST: "mailing list",
}


async def trust(desk: Desk, rest: str) -> None:
    """What is trusted, or only what has a word in it; ``log``: what was decided, and when."""
    if rest.casefold() == LOG:
        await desk.say(*spoken_facts(log_facts(await desk.services.trust.log())))
        return
    accepted = await acceptance_of(desk.services).all()
    found = await desk.services.trust.entries(accepted)
    words = rest.casefold().split()
    shown = [each for each in found if all(word in trust_sentence(each).casefold() for word in words)]

    async def show(entry: TrustEntry) -> None:
        await desk.say(f"{_kind_of(entry)} {entry.name}.", *spoken_facts(facts_of(entry)))
        if entry.offer:
            await desk.say(f"Type approve {shown.index(entry) + 1} to decide.")

    desk.list_rows(Listing.TRUST, shown, show)
    asking = sum(each.offer is not None for each in shown)
    news = f", {needing(asking)}" if asking else ""
    await desk.say(f"Trust: {many(len(shown), 'entry', 'entries')}{news}.")
    await desk.say(*(f"{number}. {trust_sentence(each)}" for number, each in enumerate(shown, 1)))
    if not found:
        await desk.say(KINDS[0].empty)


def trust_sentence(entry: TrustEntry) -> str:
    """``Host garden.test:1958. 12ab 34cd 56ef … Used 3 times, last 3 Mar 2026. Trusted by …``"""
    fingerprint, uses, seen, how = entry.shown
    said = [f"{_kind_of(entry)} {entry.name}"]
    if entry.offer is not None:
        said.append("Needs your decision")
    if entry.kind is PinFilter.SENDER:
        said.append(f"{of_pin(entry.pin) if entry.pin is not None else Evidence.UNPROVEN}".capitalize())
    said += [short(fingerprint)] if fingerprint else []
    used = f"Used {uses} {'time' if uses == '1' else 'times'}" if uses else ""
    last = f"{'last' if used else 'Since'} {day(seen)}" if seen else ""
    said += [", ".join(filter(None, (used, last)))] if used or last else []
    said += [f"Trusted by {how}" if entry.pin is not None or entry.accepted else how] if how else []
    return f"{'. '.join(said)}."


def _kind_of(entry: TrustEntry) -> str:
    return _KINDS[entry.kind].capitalize()


async def approve(desk: Desk, rest: str) -> None:
    """Decide about a certificate of the list: trust it, refuse it, or later."""
    entry: TrustEntry = desk.row_listed(rest, Listing.TRUST, "entry")
    if entry.offer is None or not await ask_trust(desk, PinKind(entry.kind).value, entry.name):
        raise InputError(f"No certificate of {entry.name} needs your decision.")


async def forget(desk: Desk, rest: str) -> None:
    """Forget a pin or a recipient's keys, or no longer accept a mailing list; each after asking."""
    entry: TrustEntry = desk.row_listed(rest, Listing.TRUST, "entry")
    if entry.accepted is not None:
        await _take_back(desk, entry.accepted)
        return
    title, text = forgetting(entry)
    if not await confirmed(desk.terminal, YesNo(title, text, yes="Forget", no="Keep it")):
        return
    service = desk.services.trust
    if entry.kind is PinFilter.RECIPIENT:
        known = await service.forget_recipient(entry.name)
    elif entry.pin is None:
        raise InputError(f"Nothing is pinned for {entry.name}.", remedy="Type approve to decide about it.")
    else:
        known = await service.forget(PinKind(entry.kind), entry.name)
    await desk.say(f"{entry.name} is forgotten." if known else f"{entry.name} was forgotten already.")


async def _take_back(desk: Desk, accepted: AcceptedList) -> None:
    question = YesNo("Accepted list", taking_back(accepted.list_id, accepted.domain), yes="Take back")
    if await confirmed(desk.terminal, question):
        signer = ListSigner(accepted.list_id, accepted.domain, accepted=True)
        await acceptance_of(desk.services).take_back(signer)
        await desk.say(f"{accepted.list_id} is no longer accepted.")


async def block(desk: Desk, rest: str) -> None:
    """Refuse further mail: from the sender of the open message, or of a number in contacts or trust."""
    contacts = desk.services.contacts
    if rest and desk.listing is Listing.CONTACTS:
        person = row_of(rest, desk.people, "contact").contact
        address = person.address
        await contacts.block(address, person.kind)
    elif rest:
        entry: TrustEntry = desk.row_listed(rest, Listing.TRUST, "entry")
        if entry.kind is not PinFilter.SENDER:
            raise InputError("Only senders can be blocked.")
        from misfin.model.account import AddressKind

        address = entry.name
        await contacts.block(address, AddressKind.MISFIN)
    else:
        row = desk.opened.row
        address = row.sender_address
        if not address:
            raise InputError("It is not known who sent this message.")
        await contacts.block_sender(row)
    await desk.say(f"{address} is blocked: their mail will be refused from now on. Type undo to undo.")
