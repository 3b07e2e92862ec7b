"""Reads the time at which a message is to be sent, as a person writes it. Pure: clock and zone are arguments.

``in 2 h``, ``18:30``, ``8 pm``, ``tomorrow 8:00``, ``monday 9:00``, ``2026-12-01 09:00``. A time without a
day is the next one, a day without a time begins at :data:`MORNING`.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta, tzinfo

from misfin.errors import LocalError

MORNING = time(8)
"""When a day without a time begins."""
LONGEST = 2 * 366 * 86400.0
"""Seconds ahead that a message waits at most: a year mistyped must not keep it for ever."""
EXAMPLES = "tomorrow 8:00, 18:30, mon 9:00, 2026-12-01 09:00, in 2 h"
"""What can be written, in one line."""

_UNITS = {"m": 60, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_WORDS = {"minute": "min", "minutes": "min", "mins": "min", "hour": "h", "hours": "h", "hr": "h", "hrs": "h"}
_WORDS |= {"day": "d", "days": "d", "week": "w", "weeks": "w"}
_PART = re.compile(r"(\d{1,4}(?:\.\d{1,2})?)\s*([a-z]+)\s*")
_CLOCK = re.compile(r"(?:at\s+)?(\d{1,2})(?:[:.](\d{2}))?\s*(am|pm)?")
_DAY_FIRST = re.compile(r"(\d{4}-\d{1,2}-\d{1,2}|[a-z]+)(?:[\s,t]+(.*))?")
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_HOURS = {"noon": time(12), "midnight": time(0)}


class SendTimeError(LocalError, ValueError):
    """A text that is not a time, or one at which nothing can be sent."""

    remedy = f"Write it as one of these: {EXAMPLES}."


def parse_send_time(text: str, now: float, zone: tzinfo | None = None) -> float:
    """When to send, in Unix seconds, always after ``now``; ``zone`` is None for the time zone of the system.

    Raises :class:`SendTimeError`.
    """
    written = " ".join(text.casefold().split())
    if (after := _duration(written)) is not None:
        at = now + after
    else:
        here = datetime.fromtimestamp(now, zone)
        at = _moment(written, text, here).timestamp()
    if at <= now:
        raise SendTimeError(f"{_shown(text)} has passed.")
    if at > now + LONGEST:
        raise SendTimeError(f"{_shown(text)} is more than two years ahead.")
    return at


def format_send_time(at: float, zone: tzinfo | None = None) -> str:
    """A time in the form that :func:`parse_send_time` reads at any time: ``2026-12-01 09:00``."""
    return f"{datetime.fromtimestamp(at, zone):%Y-%m-%d %H:%M}"


def _duration(written: str) -> float | None:
    """Seconds in ``in 2 h``, ``1h30m`` or ``90 minutes``; None for anything else."""
    rest, found = written.removeprefix("in "), 0.0
    while rest:
        part = _PART.match(rest)
        unit = _UNITS.get(_WORDS.get(part[2], part[2])) if part else None
        if part is None or unit is None:
            return None
        found += float(part[1]) * unit
        rest = rest[part.end() :]
    return found or None


def _moment(written: str, text: str, here: datetime) -> datetime:
    if (clock := _clock(written)) is not None:
        at = _on(here.date(), clock, here)
        return at if at.timestamp() > here.timestamp() else _on(here.date() + timedelta(1), clock, here)
    parts = _DAY_FIRST.fullmatch(written)
    day = _day(parts[1], here) if parts else None
    clock = _clock(parts[2]) if parts and parts[2] else MORNING
    if day is None or clock is None:
        raise SendTimeError(f"{_shown(text)} is not a time.")
    at = _on(day, clock, here)
    if parts and parts[1] in _names(here.weekday()) and at.timestamp() <= here.timestamp():
        at = _on(day + timedelta(7), clock, here)  # "monday" on a Monday evening
    return at


def _on(day: date, clock: time, here: datetime) -> datetime:
    return datetime.combine(day, clock, here.tzinfo)


def _clock(written: str) -> time | None:
    if (found := _CLOCK.fullmatch(written)) is None or not (found[2] or found[3]):
        return _HOURS.get(written.removeprefix("at "))
    hour, minute = int(found[1]), int(found[2] or 0)
    if found[3]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if found[3] == "pm" else 0)
    return time(hour, minute) if hour < 24 and minute < 60 else None


def _day(word: str, here: datetime) -> date | None:
    today = here.date()
    if word in ("today", "tomorrow"):
        return today + timedelta(word == "tomorrow")
    for number in range(7):
        if word in _names(number):
            return today + timedelta((number - today.weekday()) % 7)
    try:
        year, month, day = map(int, word.split("-"))
        return date(year, month, day) if 1902 <= year < 9999 else None
    except ValueError:
        return None


def _names(weekday: int) -> tuple[str, ...]:
    full = _WEEKDAYS[weekday]
    return full, full[:3]


def _shown(text: str) -> str:
    shown = " ".join(text.split())
    short = shown if len(shown) <= 40 else f"{shown[:40]}…"
    return f"“{short}”" if short.isprintable() else ascii(short)
