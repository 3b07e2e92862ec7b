"""Writes the answer to an invitation, for a person and for the organiser's calendar (RFC 5546 §3.2.3)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from misfin.compose.mail_reply import MailOriginal, OwnAddresses, references
from misfin.errors import AddressError, LocalError
from misfin.model.account import AddressKind
from misfin.model.recipient import mail_address, on_to_line
from misfin.model.safetext import plain
from misfin.store.message.fields import Person
from misfin.store.message.invitation import EventTime, Invitation
from misfin.store.outgoing.attachments import AttachedFile
from misfin.store.outgoing.drafts import Draft, Purpose

FILE_NAME = "answer.ics"


class InvitationAnswer(StrEnum):
    """What an attendee answers, as PARTSTAT (RFC 5545 §3.2.12)."""

    ACCEPT = "ACCEPTED"
    TENTATIVE = "TENTATIVE"
    DECLINE = "DECLINED"


_SUBJECTS = {
    InvitationAnswer.ACCEPT: "Accepted",
    InvitationAnswer.TENTATIVE: "Tentatively accepted",
    InvitationAnswer.DECLINE: "Declined",
}


def to_answer(invitations: Sequence[Invitation]) -> Invitation:
    """The invitation of a message that an answer is about. Raises :class:`LocalError` where there is none."""
    if not invitations:
        raise LocalError("This message does not contain an invitation.")
    invitation = next((each for each in invitations if each.method == "REQUEST"), None)
    if invitation is None or invitation.cancelled or not invitation.id:
        raise LocalError("This message does not ask for an answer: it is not an invitation that still holds.")
    return invitation


def organiser_of(invitation: Invitation, own: OwnAddresses) -> str:
    """The address the answer goes to. Raises :class:`LocalError` where it cannot go anywhere."""
    try:
        address, _ = mail_address(invitation.organiser.address if invitation.organiser else "")
    except AddressError:
        raise LocalError(
            "The invitation does not name an organiser who can be answered.", remedy="Reply to the message."
        ) from None
    if address in own:
        raise LocalError("You are the organiser of this event.")
    return address


def invited_as(invitation: Invitation, own: OwnAddresses) -> Person:
    """The attendee that is this account's own address or alias. Raises :class:`LocalError` for none."""
    mine = OwnAddresses(own.address, own.aliases)  # an answer comes from the account that was invited
    people = [each.person for each in invitation.attendees]
    for person in sorted(people, key=lambda each: each.address.casefold() != own.address.casefold()):
        if person.address in mine:
            return person
    raise LocalError(
        f"{own.address} is not among those invited.",
        remedy="Add the address that was invited to the account's aliases, or reply to the message.",
    )


def answer_file(invitation: Invitation, attendee: Person, answer: InvitationAnswer, now: datetime) -> bytes:
    """The calendar file of an answer; ``now`` is aware."""
    from icalendar import Calendar, Event, vCalAddress, vText  # late: only answers need it, and it is large

    event = Event()
    event.add("uid", invitation.id)
    event.add("dtstamp", now)
    event.add("sequence", invitation.sequence)
    if invitation.summary:
        event.add("summary", invitation.summary)
    for name, time in (("dtstart", invitation.start), ("recurrence-id", invitation.instance)):
        if time is not None:
            event.add(name, _value(time))
    if invitation.organiser is not None:
        event["organizer"] = vCalAddress(f"mailto:{invitation.organiser.address}")
    who = vCalAddress(f"mailto:{attendee.address}")
    who.params["partstat"] = vText(answer.value)
    if attendee.name:
        who.params["cn"] = vText(attendee.name.replace('"', "'"))
    event["attendee"] = who
    calendar = Calendar()
    calendar.add("prodid", "-//misfin-tui//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "REPLY")
    calendar.add_component(event)
    return bytes(calendar.to_ical())


def answer_draft(
    original: MailOriginal,
    own: OwnAddresses,
    invitation: Invitation,
    answer: InvitationAnswer,
    file: AttachedFile,
) -> Draft:
    """The message that carries the file of :func:`answer_file`. Raises :class:`LocalError`."""
    attendee = invited_as(invitation, own)
    name = plain(invitation.organiser.name, one_line=True).strip() if invitation.organiser else ""
    title = plain(invitation.summary, one_line=True).strip()
    who = plain(attendee.name or attendee.address, one_line=True)
    said = {"ACCEPTED": "accepted", "TENTATIVE": "tentatively accepted", "DECLINED": "declined"}[answer]
    alias = attendee.address if attendee.address.casefold() != own.address.casefold() else ""
    return Draft(
        account=original.account,
        sender=alias,
        to=(on_to_line(organiser_of(invitation, own), name, AddressKind.MAIL),),
        subject=f"{_SUBJECTS[answer]}: {title or '(no title)'}",
        body=f"{who} {said} your invitation{f': {title}' if title else ''}.\n",
        in_reply_to=original.message.message_id,
        references=references(original.message),
        attachments=(file,),
        purpose=Purpose.REPLY,
    )


def _value(time: EventTime) -> datetime | object:
    if time.whole_day:
        return time.local.date()
    return time.at if time.at is not None else time.local
