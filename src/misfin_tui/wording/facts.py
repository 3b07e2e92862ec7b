"""Small facts in words: dates, sizes, fingerprints."""

from __future__ import annotations

from datetime import datetime

Fact = tuple[str, str]
"""A label and its value; without a label the value is a paragraph, without a value the label is a heading."""

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LONGEST = 253_402_300_799  # the last second of the year 9999; clocks and certificates may say more


def day(at: float) -> str:
    """``3 Mar 2026`` in local time; ``at`` is Unix seconds, 0 for unknown."""
    time = _local(at)
    return f"{time.day} {MONTHS[time.month - 1]} {time.year}" if time else "unknown"


def moment(at: float) -> str:
    """``3 Mar 2026 14:02:31`` in local time."""
    time = _local(at)
    return f"{day(at)} {time:%H:%M:%S}" if time else "unknown"


def clock(at: float) -> str:
    """``14:02:31`` in local time."""
    time = _local(at)
    return f"{time:%H:%M:%S}" if time else "unknown"


def span(first: float, last: float) -> str:
    """``3 Mar 2026 – 3 Mar 2027``."""
    return f"{day(first)} – {day(last)}"


def in_a_while(seconds: float) -> str:
    """``in 12 s``, ``in 5 min``, ``in 3 h``, ``in 2 days``; ``now`` for what is past."""
    if seconds < 1:
        return "now"
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length or (unit != "days" and seconds >= length):
            return f"in {round(seconds / length)} {unit}"
    return f"in {round(seconds)} s"


def by_and_by(at: float, now: float) -> str:
    """``in 5 min``; from an hour ahead the time itself: ``today 18:30``, ``tomorrow 08:00``.

    Further ahead with the day: ``Tue 1 Dec 09:00``.
    """
    time, today = _local(at), _local(now)
    if at - now < 3601 or time is None or today is None:
        return in_a_while(at - now)
    days = (time.date() - today.date()).days
    if days < 2:
        return f"{'tomorrow' if days else 'today'} {time:%H:%M}"
    year = f" {time.year}" if time.year != today.year else ""
    return f"{_DAYS[time.weekday()]} {time.day} {MONTHS[time.month - 1]}{year} {time:%H:%M}"


def grouped(digits: str, per_line: int = 4) -> str:
    """A fingerprint in groups of four digits, as people read it aloud."""
    groups = [digits[at : at + 4] for at in range(0, len(digits), 4)]
    lines = [" ".join(groups[at : at + per_line]) for at in range(0, len(groups), per_line)]
    return "\n".join(lines)


def short(digits: str) -> str:
    """The beginning of a fingerprint, for a list."""
    return f"{grouped(digits[:12])} …" if digits else ""


def needing(number: int) -> str:
    """``1 needs you``, ``2 need you``: how many things need a decision."""
    return f"{number:,} {'needs' if number == 1 else 'need'} you"


def many(number: int, one: str, more: str = "") -> str:
    """``1 message``, ``1,204 messages``."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"


def _local(at: float) -> datetime | None:
    if not 0 < at <= _LONGEST:
        return None
    try:
        return datetime.fromtimestamp(at).astimezone()
    except (OverflowError, OSError, ValueError):
        return None
