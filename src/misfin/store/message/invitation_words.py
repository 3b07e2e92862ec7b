"""Says in words what a calendar file in a message is about: an invitation, an answer, a cancellation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

from misfin.store.message import recurrence
from misfin.store.message.calendar_file import MAX_EVENTS
from misfin.store.message.fields import Person
from misfin.store.message.invitation import Attendee, EventTime, Invitation, read_invitations

if TYPE_CHECKING:
    from misfin.store.message.mime import ParsedMessage

MAX_SHOWN = 5
"""Events of a message that are described; the others are counted."""
_MAX_PEOPLE = 20
_MAX_EXCEPTIONS = 100
_NEXT = 3

ANSWERS = {"ACCEPTED": "accepted", "TENTATIVE": "accepted tentatively", "DECLINED": "declined"}
"""PARTSTAT (RFC 5545 §3.2.12) in words."""
_STATES = ANSWERS | {"DELEGATED": "sends somebody else", "NEEDS-ACTION": "no answer yet", "": "no answer yet"}
_TITLES = {
    "REQUEST": "Invitation",
    "PUBLISH": "Event",
    "": "Event",
    "ADD": "Another date",
    "REFRESH": "Somebody asks for the newest version of",
    "DECLINECOUNTER": "The organiser declined your proposal",
}
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def shown(
    message: ParsedMessage, now: datetime, zone: tzinfo | None = None, *, newer: Invitation | None = None
) -> ParsedMessage:
    """The message as it is to be shown: what its calendar files are about stands above its text.

    ``now`` is aware; times are in ``zone``, by default this computer's. ``newer`` is a later version of
    its event, found in another message. Blocking, for some milliseconds.
    """
    if not message.calendars:
        return message
    words = "\n\n".join(_all(message.calendars, now, zone, newer=newer))
    return replace(message, text=f"{words}\n\n{message.text}" if message.text.strip() else f"{words}\n")


def _all(
    calendars: tuple[bytes, ...], now: datetime, zone: tzinfo | None, *, newer: Invitation | None
) -> Iterator[str]:
    if newer is not None:
        yield f"⚠ A newer message in your mailbox {'cancels' if newer.cancelled else 'changes'} this."
    said: set[tuple[object, ...]] = set()  # the same file often comes twice: beside the text, and attached
    left, other, more = 0, False, False
    for raw in calendars:
        invitations, file = read_invitations(raw)
        other |= file.others
        more |= file.more
        for each in invitations:
            key = (each.method, each.id, each.version, each.instance)
            if key in said:
                continue
            said.add(key)
            if len(said) > MAX_SHOWN:
                left += 1
            else:
                yield in_words(each, now, zone)
    if left:
        yield f"There {'is' if left == 1 else 'are'} {left} more {'event' if left == 1 else 'events'} in it."
    if more:
        yield f"The calendar file is very large; at most {MAX_EVENTS} of its events were read."
    if not said:
        what = "There are only tasks or free times in" if other else "No event can be read in"
        yield f"{what} the calendar file. Save it to open it with another program."


def in_words(invitation: Invitation, now: datetime, zone: tzinfo | None = None) -> str:
    """One event as lines of text; arguments as of :func:`shown`. Text is as sent."""
    lines = [
        f"{_title(invitation)}: {invitation.summary or '(no title)'}",
        f"When: {_when(invitation.start, invitation.end, zone)}",
    ]
    if invitation.instance is not None:
        lines.append(f"Only the date of: {_when(invitation.instance, None, zone)}")
    if invitation.rule or invitation.extra:
        lines += _repeats(invitation, now, zone)
    if invitation.place:
        lines.append(f"Where: {invitation.place}")
    if invitation.organiser is not None:
        lines.append(f"Organiser: {_name(invitation.organiser)}")
    if invitation.attendees and invitation.method != "REPLY":
        who = [_guest(each) for each in invitation.attendees[:_MAX_PEOPLE]]
        if (left := len(invitation.attendees) - len(who)) > 0:
            who.append(f"{left:,} more")
        lines.append(f"Who: {', '.join(who)}")
    if invitation.comment:
        lines += ["", *_indented(invitation.comment)]
    if invitation.description and invitation.description != invitation.comment:
        lines += ["", *_indented(invitation.description)]
    return "\n".join(lines)


def _title(invitation: Invitation) -> str:
    first = invitation.attendees[0] if invitation.attendees else Attendee(Person("", ""))
    who = _name(first.person)
    if invitation.method == "REPLY":
        said = {"NEEDS-ACTION": "has not answered", "": "answered", "DELEGATED": "sends somebody else"}
        return f"{who} {(said | ANSWERS).get(first.answer, 'answered')}"
    if invitation.cancelled:
        return "Cancelled"
    if invitation.method == "COUNTER":
        return f"{who} proposes a change"
    if invitation.method == "REQUEST" and invitation.sequence:
        return "Updated invitation"
    return _TITLES.get(invitation.method, "Event")


def _guest(attendee: Attendee) -> str:
    words = [_STATES.get(attendee.answer, attendee.answer.lower()[:40])]
    return f"{_name(attendee.person)} ({', '.join(words + ['optional'] * attendee.optional)})"


def _name(person: Person) -> str:
    return str(person) if person.address or person.name else "somebody without an address"


def _indented(text: str) -> Iterator[str]:
    """A stranger's lines, which could otherwise pass for ours."""
    for line in text.splitlines():
        yield f"  {line.strip()}" if line.strip() else ""


# ---- times ------------------------------------------------------------------------------------------


def _when(start: EventTime | None, end: EventTime | None, zone: tzinfo | None) -> str:
    if start is None:
        return "no date given"
    if start.whole_day:
        last = end.local - timedelta(days=1) if end is not None and end.whole_day else start.local
        if last <= start.local:
            return f"{_long(start.local)}, all day"
        return f"{_long(start.local)} to {_long(last)}, all day"
    there = _span(start.local, end.local if end else None)
    if start.at is None:
        if start.zone:
            return f"{there}, in the time zone “{start.zone}”, which is not known here"
        return f"{there}, in whatever time zone you are"
    here = _here(start.at, zone)
    ends = _here(end.at, zone) if end is not None and end.at is not None else None
    said = _span(here, ends)
    if here.replace(tzinfo=None) == start.local:
        return said
    of_day = here.date() == start.local.date() and (end is None or end.local.date() == start.local.date())
    other = _clock(start.local, end.local if end else None) if of_day else there
    return f"{said} ({other} in {start.zone})"


def _here(at: datetime, zone: tzinfo | None) -> datetime:
    try:
        return at.astimezone(zone)
    except (OverflowError, ValueError, OSError):  # at the very ends of the calendar
        return at


def _span(start: datetime, end: datetime | None) -> str:
    if end is None or end.date() == start.date():
        return f"{_long(start)}, {_clock(start, end)}"
    return f"{_long(start)}, {_clock(start)} to {_long(end)}, {_clock(end)}"


def _clock(start: datetime, end: datetime | None = None) -> str:
    if end is None or end == start:
        return f"{start.hour:02}:{start.minute:02}"
    return f"{start.hour:02}:{start.minute:02}–{end.hour:02}:{end.minute:02}"


def _long(day: date) -> str:
    return f"{_DAYS[day.weekday()]}, {_short(day)}"


def _short(day: date) -> str:
    return f"{day.day} {recurrence.MONTHS[day.month - 1]} {day.year}"


def _repeats(invitation: Invitation, now: datetime, zone: tzinfo | None) -> Iterator[str]:
    if invitation.rule:
        yield f"Repeats: {recurrence.in_words(invitation.rule)}"
    dates = _next(invitation, now, zone)
    if dates:
        yield f"Next: {', '.join(map(_short, dates))}"
    elif dates is None:
        yield "Next: not worked out; the rule is too unusual"
    else:
        yield "Next: none, the last date has passed"


def _next(invitation: Invitation, now: datetime, zone: tzinfo | None) -> list[datetime] | None:
    """The next dates, None if they are not worked out. The day is the reader's."""
    start = invitation.start
    if start is None:
        return None
    try:
        ahead = start.local - start.at.replace(tzinfo=None) if start.at is not None else timedelta(0)
        after = now.astimezone(UTC).replace(tzinfo=None) + ahead
        if start.at is None:
            after = _here(now, zone).replace(tzinfo=None)
        if start.whole_day:
            after = after.replace(hour=0, minute=0, second=0, microsecond=0)
        shift = timedelta(0)
        if start.at is not None:
            shift = _here(start.at, zone).replace(tzinfo=None) - start.local
        without = {each.local for each in invitation.without[:_MAX_EXCEPTIONS]}
        dates = [each.local for each in invitation.extra if each.local >= after]
        if invitation.rule:
            until = _until(invitation.rule, ahead)
            wanted = _NEXT + len(without)
            found = recurrence.next_dates(invitation.rule, start.local, after, until=until, most=wanted)
            if found is None:
                return None
            dates += found
        return [each + shift for each in sorted(set(dates) - without)[:_NEXT]]
    except (OverflowError, ValueError):
        return None


def _until(rule: str, ahead: timedelta) -> datetime | None:
    """The end of a rule in the event's own zone (RFC 5545 §3.3.10); a day counts to its end."""
    text = recurrence.parts_of(rule).get("UNTIL", "")
    try:
        if len(text) == 8:
            return datetime.strptime(text, "%Y%m%d") + timedelta(days=1, microseconds=-1)
        ends = datetime.strptime(text[:15], "%Y%m%dT%H%M%S")
    except (ValueError, OverflowError):
        return None
    return ends + ahead if text.endswith("Z") else ends
