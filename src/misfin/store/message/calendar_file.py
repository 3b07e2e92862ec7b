"""Divides an iCalendar file (RFC 5545 §3) into its events and zones, within bounds, and finds its words.

Divided here and not by ``icalendar``, which works out every change of a time zone that a file describes (a
rule by the second never ends) and keeps the zone, under the name the file gives it, for the whole process.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import NamedTuple

from misfin.valueclass import dataclass

MAX_FILE = 1024 * 1024
"""Bytes of a calendar file that are read."""
MAX_EVENTS = 100
_MAX_ZONES = 20
_MAX_CHANGES = 50
_MAX_LINES = 300
"""Lines of one event that are read, those of attendees apart."""
_MAX_VALUE = 64 * 1024
_MAX_INDEXED, _MAX_SEARCHED = 5, 64 * 1024
"""Events, and bytes of a file, that a search looks at: an index has thousands of messages to read."""
MAX_ATTENDEES = 1000

KINDS = frozenset({"text/calendar", "application/ics", "text/x-vcalendar"})
"""Content types of calendar files."""

_FOLD = re.compile(r"\r?\n[ \t]")
_LINE = re.compile(r'([A-Za-z0-9-]{1,64})((?:;[A-Za-z0-9-]{1,64}=(?:"[^"]*"|[^;:"])*)*):(.*)', re.DOTALL)
_PARAMETER = re.compile(r';([A-Za-z0-9-]+)=((?:"[^"]*"|[^;:"])*)')
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


class CalendarLine(NamedTuple):
    """One property: its parameters by upper-case name, and its value as written."""

    parameters: Mapping[str, str]
    value: str

    @property
    def text(self) -> str:
        """The value as text (RFC 5545 §3.3.11)."""
        return _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], self.value)


class Properties(dict[str, list[CalendarLine]]):
    """The properties of one component by upper-case name."""

    def first(self, name: str) -> CalendarLine:
        """The first property of a name; an empty one if there is none."""
        return self[name][0] if name in self else CalendarLine({}, "")

    def text(self, name: str) -> str:
        """The text of the first property of a name; empty if there is none."""
        return self.first(name).text


@dataclass
class CalendarFile:
    """What is in a file: ``method`` (RFC 5546 §1.4) is upper case, empty if there is none."""

    method: str = ""
    events: list[Properties] = field(default_factory=list)
    zones: dict[str, list[Properties]] = field(default_factory=dict)
    """For each time zone that the file describes, the changes of its offset."""
    others: bool = False
    """Whether there is something else: tasks, journals, times that are free."""
    more: bool = False
    """Whether there is more than was read."""


def is_calendar(kind: str, name: str) -> bool:
    """Whether a part with this content type and file name is a calendar file."""
    return kind in KINDS or (name.lower().endswith(".ics") and kind in _VAGUE)


_VAGUE = frozenset({"", "application/octet-stream", "text/plain"})


def divide(raw: bytes, most: int = MAX_EVENTS) -> CalendarFile:
    """Read a file, ``most`` events of it. Never raises; what is not understood is left out."""
    found = CalendarFile(more=len(raw) > MAX_FILE)
    inside: list[str] = []
    event = change = None
    zone: list[Properties] = []
    zone_name = ""
    count = 0
    for name, line in _lines(raw):
        if name == "BEGIN":
            kind = line.value.strip().upper()
            inside = [*inside, kind][:10]
            if inside[-2:] == ["VCALENDAR", "VEVENT"] or inside == ["VEVENT"]:
                event, count = Properties(), 0
            elif kind == "VTIMEZONE":
                zone, zone_name = [], ""
            elif kind in ("STANDARD", "DAYLIGHT") and "VTIMEZONE" in inside:
                change = Properties()
            elif kind in ("VTODO", "VJOURNAL", "VFREEBUSY"):
                found.others = True
        elif name == "END":
            kind = inside.pop() if inside else ""
            if kind == "VEVENT" and event is not None:
                if len(found.events) < most:
                    found.events.append(event)
                else:
                    found.more = True
                    return found
                event = None
            elif kind in ("STANDARD", "DAYLIGHT") and change is not None:
                if len(zone) < _MAX_CHANGES:
                    zone.append(change)
                change = None
            elif kind == "VTIMEZONE" and len(found.zones) < _MAX_ZONES:
                found.zones.setdefault(zone_name, zone)
        elif inside and inside[-1] == "VEVENT" and event is not None:
            count += name != "ATTENDEE"
            kept = event.setdefault(name, [])
            if count > _MAX_LINES or len(kept) >= MAX_ATTENDEES:
                found.more = True
            else:
                kept.append(line)
        elif change is not None:
            if len(change) < _MAX_LINES:
                change.setdefault(name, [line])
        elif inside == ["VCALENDAR"] and name == "METHOD":
            found.method = found.method or line.value.strip().upper()[:40]
        elif inside and inside[-1] == "VTIMEZONE" and name == "TZID":
            zone_name = zone_name or line.value.strip()
    if event:  # the end is missing
        found.events.append(event)
    return found


def searchable(raws: tuple[bytes, ...]) -> str:
    """What a search shall find of calendar files: titles, places, people, descriptions and ids."""
    words: list[str] = []
    for raw in raws:
        for event in divide(raw[:_MAX_SEARCHED], _MAX_INDEXED).events:
            words += [event.text(name).strip() for name in ("SUMMARY", "LOCATION", "DESCRIPTION")]
            people = [*event.get("ORGANIZER", []), *event.get("ATTENDEE", [])[:100]]
            words += [f"{line.parameters.get('CN', '')} {address_in(line)}".strip() for line in people]
            words.append(event.first("UID").value.strip())
    return "\n".join(dict.fromkeys(filter(None, words)))


def address_in(line: CalendarLine) -> str:
    """The e-mail address of an organiser or attendee; empty if there is none."""
    value = line.value.strip()
    if value[:7].lower() == "mailto:":
        return value[7:].strip()
    return line.parameters.get("EMAIL", "") or (value if "@" in value and ":" not in value else "")


def _lines(raw: bytes) -> Iterator[tuple[str, CalendarLine]]:
    text = raw[:MAX_FILE].removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    for line in re.split(r"\r\n|\n|\r", _FOLD.sub("", text)):
        if found := _LINE.match(line[:_MAX_VALUE]):
            parameters: dict[str, str] = {}
            if found[2]:
                for name, value in _PARAMETER.findall(found[2]):
                    parameters.setdefault(name.upper(), _clean(value.replace('"', "")))
            yield found[1].upper(), CalendarLine(parameters, _clean(found[3]))


def _clean(text: str) -> str:
    return text if text.isprintable() else _CONTROLS.sub("", text)
