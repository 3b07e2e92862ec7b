"""Rules by which an event recurs (RFC 5545 §3.3.10): in words, and their next dates within bounds.

Worked out here and not by ``python-dateutil``, which has no end of its own: a rule that no date fits is
tried for 8,000 years, by the second if it says so. Here days are tried, and a bounded number of them.
"""

from __future__ import annotations

import re
from calendar import isleap, monthrange
from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple

_MAX_RULE = 500
_MAX_YEARS = 80
"""From the first date of an event to the dates that are worked out; nearly always a few."""
_AHEAD = timedelta(days=20 * 366)
_MAX_INTERVAL = 10_000

_RULE = re.compile(r"[A-Z]+=[A-Z0-9,+:-]+(;[A-Z]+=[A-Z0-9,+:-]+)*;?")
_UNITS = {"DAILY": "day", "WEEKLY": "week", "MONTHLY": "month", "YEARLY": "year"}
_OFTEN = {"HOURLY": "hour", "MINUTELY": "minute", "SECONDLY": "second"}
_DAYS = {
    "MO": "Monday",
    "TU": "Tuesday",
    "WE": "Wednesday",
    "TH": "Thursday",
    "FR": "Friday",
    "SA": "Saturday",
    "SU": "Sunday",
}
MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_ORDINALS = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth", -1: "last", -2: "last but one"}
_WEEKDAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)")
_NUMBERS = re.compile(r"[+-]?\d{1,3}(,[+-]?\d{1,3}){0,60}")
_KNOWN = frozenset(
    {"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYSETPOS", "WKST"}
)
"""The parts of a rule that are understood: those by day."""


def parts_of(rule: str) -> Mapping[str, str]:
    """The parts of a rule by name; empty for what is not a rule."""
    rule = rule.strip().upper()
    if len(rule) > _MAX_RULE or not _RULE.fullmatch(rule):
        return {}
    parts = dict(each.split("=", 1) for each in rule.strip(";").split(";") if each.count("=") == 1)
    return parts if parts.get("FREQ") in _UNITS or parts.get("FREQ") in _OFTEN else {}


def in_words(rule: str) -> str:
    """A rule as a clause, such as "every 2 weeks on Monday and Friday, 10 times"."""
    parts = parts_of(rule)
    if not parts:
        return "by a rule that cannot be read"
    unit = _UNITS.get(parts["FREQ"]) or _OFTEN[parts["FREQ"]]
    step = _number(parts.get("INTERVAL", "1"))
    said = f"every {unit}" if step in (0, 1) else f"every {step:,} {unit}s"
    said += "".join(_on(parts))
    if times := _number(parts.get("COUNT", "")):
        said += f", {times:,} times" if times > 1 else ", once"
    elif until := _date(parts.get("UNTIL", "")):
        said += f", until {until.day} {MONTHS[until.month - 1]} {until.year}"
    return said


def next_dates(
    rule: str, first: datetime, after: datetime, *, until: datetime | None = None, most: int = 3
) -> list[datetime] | None:
    """The first dates of a rule that are not before ``after``; None where they are not worked out.

    All are naive, in the zone of the event. ``first`` is when it begins, ``until`` the end of the rule.
    """
    days = _days_of(parts_of(rule), first)
    if days is None or not 1600 <= first.year <= 9900 or after.year - first.year > _MAX_YEARS:
        return None
    last = min(max(first, after) + _AHEAD, until or datetime.max)
    count = _number(parts_of(rule).get("COUNT", ""))
    found: list[datetime] = []
    for number, day in enumerate(_dates(days, first.date(), last.date())):
        date = datetime.combine(day, first.time())
        if (count and number >= count) or date > last or len(found) >= most:
            break
        if date >= after:
            found.append(date)
    return found


class _Days(NamedTuple):
    """What a rule says of a day. Empty sets say nothing."""

    unit: str
    interval: int
    week_start: int
    months: frozenset[int]
    month_days: frozenset[int]
    year_days: frozenset[int]
    weekdays: frozenset[tuple[int, int]]
    """An ordinal, 0 for all, and a day of the week."""
    places: tuple[int, ...]

    def period(self, day: date) -> int:
        """The number of the day, week, month or year that a day is in."""
        if self.unit == "DAILY":
            return day.toordinal()
        if self.unit == "WEEKLY":
            return (day.toordinal() - 1 - self.week_start) // 7
        return day.year * 12 + day.month if self.unit == "MONTHLY" else day.year

    def fits(self, day: date) -> bool:
        """Whether the sets of the rule have a day."""
        if self.months and day.month not in self.months:
            return False
        month = monthrange(day.year, day.month)[1]
        if self.month_days and self.month_days.isdisjoint((day.day, day.day - month - 1)):
            return False
        number, year = day.timetuple().tm_yday, 366 if isleap(day.year) else 365
        if self.year_days and self.year_days.isdisjoint((number, number - year - 1)):
            return False
        if not self.weekdays:
            return True
        at, length = (day.day, month) if self.unit == "MONTHLY" or self.months else (number, year)
        places = (0, (at - 1) // 7 + 1, -((length - at) // 7) - 1)
        return any((place, day.weekday()) in self.weekdays for place in places)


def _days_of(parts: Mapping[str, str], first: datetime) -> _Days | None:
    """The rule for days; None for one that is of hours, or that is not understood."""
    if parts.get("FREQ") not in _UNITS or not parts.keys() <= _KNOWN or parts.get("WKST", "MO") not in _DAYS:
        return None
    sets = {}
    for name in ("BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYSETPOS"):
        if name in parts and not _NUMBERS.fullmatch(parts[name]):
            return None
        sets[name] = frozenset(int(each) for each in parts[name].split(",")) if name in parts else frozenset()
    named = [_WEEKDAY.fullmatch(each) for each in parts["BYDAY"].split(",")] if "BYDAY" in parts else []
    interval = _number(parts.get("INTERVAL", "1"))
    if not all(named) or not 1 <= interval <= _MAX_INTERVAL:
        return None
    unit, weekdays = parts["FREQ"], list(_DAYS)
    by = frozenset((_number(each[1] or ""), weekdays.index(each[2])) for each in named if each)
    if unit in ("DAILY", "WEEKLY") and any(number for number, _ in by):
        return None
    if not (by or sets["BYMONTHDAY"] or sets["BYYEARDAY"]):  # RFC 5545 §3.3.10: as the first date
        if unit == "WEEKLY":
            by = frozenset({(0, first.weekday())})
        elif unit != "DAILY":
            sets["BYMONTHDAY"] = frozenset({first.day})
            if unit == "YEARLY" and not sets["BYMONTH"]:
                sets["BYMONTH"] = frozenset({first.month})
    week_start = weekdays.index(parts.get("WKST", "MO"))
    months, month_days, year_days = sets["BYMONTH"], sets["BYMONTHDAY"], sets["BYYEARDAY"]
    return _Days(unit, interval, week_start, months, month_days, year_days, by, tuple(sets["BYSETPOS"]))


def _dates(days: _Days, first: date, last: date) -> Iterator[date]:
    """Every date of a rule, looked for day by day: there are never more than some 40,000."""
    start = days.period(first)
    period: list[date] = []
    day = first - timedelta(days=370 if days.places else 0)
    number = days.period(day)
    while day <= last + timedelta(days=370 if days.places else 0):
        if (now := days.period(day)) != number:
            yield from _chosen(period, days.places, first, last)
            number, period = now, []
        if now >= start and (now - start) % days.interval == 0 and days.fits(day):
            if days.places:
                period.append(day)
            elif day >= first:
                yield day
        day += timedelta(days=1)


def _chosen(period: list[date], places: Collection[int], first: date, last: date) -> list[date]:
    at = {place - 1 if place > 0 else len(period) + place for place in places if place}
    return [day for number, day in enumerate(period) if number in at and first <= day <= last]


def _on(parts: Mapping[str, str]) -> Iterator[str]:
    days = [found for each in parts.get("BYDAY", "").split(",") if (found := _WEEKDAY.fullmatch(each))]
    places = [_number(each) for each in parts.get("BYSETPOS", "").split(",") if each]
    names = [_day(found, places if len(days) == 1 else ()) for found in days[:14]]
    if names and len(places) == 1 and len(days) > 1:
        if set(names) == set(list(_DAYS.values())[:5]):
            yield f" on the {_ordinal(places[0])} weekday"
        else:
            yield f" on the {_ordinal(places[0])} of {listed(names)}"
    elif names:
        yield f" on {listed(names)}"
    if numbers := [_number(each) for each in parts.get("BYMONTHDAY", "").split(",")[:31] if each]:
        yield f" on {listed(['the last day' if each == -1 else f'day {each}' for each in numbers])}"
    if months := [_number(each) for each in parts.get("BYMONTH", "").split(",") if each]:
        yield f" in {listed([MONTHS[each - 1] for each in months if 1 <= each <= 12])}"
    if parts.keys() - _KNOWN or "BYYEARDAY" in parts:
        yield " by further rules"


def _day(found: re.Match[str], places: Collection[int]) -> str:
    name = _DAYS[found[2]]
    number = _number(found[1] or "") or (next(iter(places)) if len(places) == 1 else 0)
    return f"the {_ordinal(number)} {name}" if number else name


def _ordinal(number: int) -> str:
    return _ORDINALS.get(number, f"{number}th" if number > 0 else f"{-number}th last")


def _number(text: str) -> int:
    return int(text) if re.fullmatch(r"[+-]?\d{1,7}", text) else 0


def _date(text: str) -> datetime | None:
    try:
        return datetime.strptime(text[:8], "%Y%m%d")
    except ValueError:
        return None


def listed(words: Collection[str]) -> str:
    """Words as a list in a sentence."""
    words = list(words)
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
