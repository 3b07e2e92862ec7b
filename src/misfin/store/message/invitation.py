"""Events in a message as values: invitations, answers to them, cancellations (RFC 5545, RFC 5546)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from misfin.store.message import recurrence
from misfin.store.message.calendar_file import (
    MAX_ATTENDEES,
    CalendarFile,
    CalendarLine,
    Properties,
    address_in,
    divide,
)
from misfin.store.message.fields import Person

_MAX_TEXT = 4_000
_MAX_LINE = 300
_MAX_DATES = 500
_MOMENT = re.compile(r"(\d{8})(?:T(\d{6})(Z?))?")
_DURATION = re.compile(
    r"\+?P(?:(\d{1,4})W)?(?:(\d{1,5})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,7})S)?)?"
)
_OFFSET = re.compile(r"([+-])(\d\d)(\d\d)(\d\d)?")
_ZONE = re.compile(r"[A-Za-z0-9_+-]{1,32}(?:/[A-Za-z0-9_+-]{1,32}){0,3}")


@dataclass(frozen=True, slots=True)
class EventTime:
    """A date or a time of an event, as its calendar has it (``local``, naive).

    ``at`` is the moment, None for a whole day, for a time in no zone, and where the ``zone`` is unknown.
    """

    local: datetime
    at: datetime | None = None
    zone: str = ""
    whole_day: bool = False


@dataclass(frozen=True, slots=True)
class Attendee:
    """Somebody invited; ``answer`` is PARTSTAT, upper case, ``optional`` whether they need not come."""

    person: Person
    answer: str = ""
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Invitation:
    """One event, and what the message with it wants (``method``, upper case, RFC 5546 §1.4; empty: nothing).

    Texts are as sent. ``id`` is UID, ``sequence`` and ``stamp`` say which of two versions is newer,
    ``instance`` is the date that it is about, of an event that recurs.
    """

    method: str
    id: str
    sequence: int = 0
    stamp: str = ""
    summary: str = ""
    place: str = ""
    description: str = ""
    comment: str = ""
    start: EventTime | None = None
    end: EventTime | None = None
    organiser: Person | None = None
    attendees: tuple[Attendee, ...] = ()
    cancelled: bool = False
    rule: str = ""
    extra: tuple[EventTime, ...] = ()
    without: tuple[EventTime, ...] = ()
    instance: EventTime | None = None

    @property
    def version(self) -> tuple[int, str]:
        """What grows with each version of an event (RFC 5546 §2.1.5)."""
        return self.sequence, self.stamp

    def is_newer(self, other: Invitation) -> bool:
        """Whether it is a later version of another one; an answer to an event is not a version of it."""
        same = self.id == other.id and self.instance == other.instance
        return same and {self.method, other.method} <= _VERSIONS and self.version > other.version


_VERSIONS = frozenset({"REQUEST", "CANCEL", "PUBLISH", ""})


def read_invitations(raw: bytes) -> tuple[list[Invitation], CalendarFile]:
    """The events of a calendar file, and the file. Never raises."""
    file = divide(raw)
    return [_event(each, file) for each in file.events], file


def _event(event: Properties, file: CalendarFile) -> Invitation:
    start = _time(event.first("DTSTART"), file)
    end = _time(event.first("DTEND"), file)
    if end is None and start is not None and (length := _duration(event.first("DURATION").value)):
        end = _later(start, length)
    sequence = event.first("SEQUENCE").value.strip()
    return Invitation(
        method=file.method,
        id=event.first("UID").value.strip()[:1000],
        sequence=int(sequence) if re.fullmatch(r"[0-9]{1,9}", sequence) else 0,
        stamp=event.first("DTSTAMP").value.strip()[:16],
        summary=_short(event.text("SUMMARY")),
        place=_short(event.text("LOCATION")),
        description=event.text("DESCRIPTION").strip()[:_MAX_TEXT],
        comment=event.text("COMMENT").strip()[:_MAX_TEXT],
        start=start,
        end=end,
        organiser=_person(event.first("ORGANIZER")) if "ORGANIZER" in event else None,
        attendees=tuple(map(_attendee, event.get("ATTENDEE", [])[:MAX_ATTENDEES])),
        cancelled=file.method == "CANCEL" or event.first("STATUS").value.strip().upper() == "CANCELLED",
        rule=event.first("RRULE").value.strip()[:1000],
        extra=_times(event.get("RDATE", []), file),
        without=_times(event.get("EXDATE", []), file),
        instance=_time(event.first("RECURRENCE-ID"), file),
    )


def _attendee(line: CalendarLine) -> Attendee:
    answer = line.parameters.get("PARTSTAT", "").upper()
    return Attendee(_person(line), answer, line.parameters.get("ROLE", "").upper() == "OPT-PARTICIPANT")


def _person(line: CalendarLine) -> Person:
    return Person(_short(line.parameters.get("CN", "")), _short(address_in(line)))


def _short(text: str) -> str:
    """A text that stands on one line: a stranger's must not look like lines of ours."""
    return " ".join(text.split())[:_MAX_LINE]


# ---- times ------------------------------------------------------------------------------------------


def _times(lines: Sequence[CalendarLine], file: CalendarFile) -> tuple[EventTime, ...]:
    values = [
        line._replace(value=value) for line in lines[:100] for value in line.value.split(",", 200)[:200]
    ]
    return tuple(time for each in values[:_MAX_DATES] if (time := _time(each, file)))


def _time(line: CalendarLine, file: CalendarFile) -> EventTime | None:
    found = _MOMENT.match(line.value.strip())
    if not found:
        return None
    try:
        if not found[2]:
            return EventTime(datetime.strptime(found[1], "%Y%m%d"), whole_day=True)
        local = datetime.strptime(found[1] + found[2], "%Y%m%d%H%M%S")
    except ValueError:
        return None
    if found[3]:
        return EventTime(local, local.replace(tzinfo=UTC), "UTC")
    name = _short(line.parameters.get("TZID", ""))
    return EventTime(local, _moment(local, name, file.zones) if name else None, name)


def _moment(local: datetime, name: str, zones: Mapping[str, list[Properties]]) -> datetime | None:
    """The moment of a local time, None where the zone is unknown or the moment out of range."""
    zone = _known_zone(name) or _described_zone(local, zones.get(name, [])) or _windows_zone(name)
    try:
        return None if zone is None else local.replace(tzinfo=zone).astimezone(UTC)
    except (OverflowError, ValueError):
        return None


def _known_zone(name: str) -> tzinfo | None:
    """A zone by its name in the IANA list, or the end of such a name: /example.org/20260101/Europe/Berlin."""
    from zoneinfo import ZoneInfo  # late: only calendars need it

    parts = name.split("/")
    tries = [name] if parts[0] else ["/".join(parts[-2:]), "/".join(parts[-3:])]
    for each in tries:
        if _ZONE.fullmatch(each):
            try:
                return ZoneInfo(each)
            except (KeyError, ValueError, OSError):
                continue
    return None


def _windows_zone(name: str) -> tzinfo | None:
    """A zone by the name that Windows has for it, where the file does not describe it."""
    import icalendar  # late: it is large, and such files are rare

    return _known_zone(icalendar.timezone.windows_to_olson.WINDOWS_TO_OLSON.get(name, "-"))


def _described_zone(local: datetime, changes: Sequence[Properties]) -> tzinfo | None:
    """The offset that a file's own description of a zone gives (RFC 5545 §3.6.5): that of the last change."""
    best: tuple[datetime, timedelta] | None = None
    for change in changes:
        onset, to = _time(change.first("DTSTART"), _NO_ZONES), _offset(change.first("TZOFFSETTO").value)
        if onset is None or to is None:
            continue
        when = onset.local
        if (rule := change.first("RRULE").value) and when <= local:
            ends = re.search(r"UNTIL=(\d{8})", rule.upper())
            since = max(when, min(local, _day(ends[1]) if ends else local) - timedelta(days=380))
            # Half a year of such a rule is one change: rules of zones are yearly.
            until = min(local, _day(ends[1])) if ends else local
            dates = recurrence.next_dates(rule, _nearer(when, since), since, until=until, most=3)
            when = max([when, *(dates or [])])
        if when <= local and (best is None or when >= best[0]):
            best = when, to
    if best is None:  # before every change: as before the first of them
        firsts = [_offset(each.first("TZOFFSETFROM").value) for each in changes[:1]]
        return timezone(firsts[0]) if firsts and firsts[0] is not None else None
    return timezone(best[1])


def _nearer(first: datetime, since: datetime) -> datetime:
    """A beginning of a yearly rule nearer to the dates that are asked for: many begin in 1601."""
    year = max(first.year, since.year - 1)
    return first.replace(year=year, day=min(first.day, 28)) if year != first.year else first


def _day(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y%m%d") + timedelta(days=1)
    except (ValueError, OverflowError):
        return datetime.max


_NO_ZONES = CalendarFile()


def _offset(text: str) -> timedelta | None:
    found = _OFFSET.fullmatch(text.strip())
    if not found:
        return None
    length = timedelta(hours=int(found[2]), minutes=int(found[3]), seconds=int(found[4] or 0))
    return (length if found[1] == "+" else -length) if length < timedelta(hours=24) else None


def _duration(text: str) -> timedelta | None:
    found = _DURATION.fullmatch(text.strip())
    if not found:
        return None
    weeks, days, hours, minutes, seconds = (int(each or 0) for each in found.groups())
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)


def _later(start: EventTime, length: timedelta) -> EventTime | None:
    try:
        at = start.at + length if start.at is not None else None
        return EventTime(start.local + length, at, start.zone, start.whole_day)
    except OverflowError:
        return None
