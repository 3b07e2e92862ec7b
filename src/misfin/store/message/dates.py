"""Reads dates as the world writes them: RFC 5322 and what broken mailers make of it, asctime, ISO, German.

Time is linear and short: of a field only the first 200 bytes are read.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from misfin.store.message.addressing import without_comments
from misfin.store.message.headers import MONTHS
from misfin.store.message.words import unfolded

_LONGEST = 200
_USUAL = re.compile(
    rb"\s*(?:[A-Za-z]{3},)?\s*([0-9]{1,2}) ([A-Za-z]{3}) ([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2})"
    rb" ([+-])([0-9]{2})([0-9]{2})(?:\s+\([A-Z]*\))?\s*"
)
_MONTH = {name.encode(): number for number, name in enumerate(MONTHS, 1)}

# The beginnings of month names in English, German, French, Spanish, Italian, Dutch and Portuguese.
_MONTH_NAMES = tuple(
    (start, number)
    for number, starts in enumerate(
        (
            "jan jän ene gen",
            "feb fév fev",
            "mar mär mrz maa mrt",
            "apr avr abr",
            "may mai mag mei",
            "jun juin giu",
            "jul juil lug",
            "aug aoû aou ago",
            "sep set",
            "oct okt out ott",
            "nov",
            "dec dez déc dic",
        ),
        1,
    )
    for start in sorted(starts.split(), key=len, reverse=True)
)
_WORD = r"([^\W\d_]{3,12})\.?"
_DAY_FIRST = re.compile(
    r"\b(?:0(?=[0-9]{2}\b))?([0-9]{1,2})\.?(?:st|nd|rd|th)?[\s-]*(?:de\s+)?"
    rf"{_WORD}[\s,-]*(?:de\s+)?([0-9]{{2,4}})\b(?![:.])"
)
_MONTH_FIRST = re.compile(
    rf"\b{_WORD}\s+([0-9]{{1,2}})(?:st|nd|rd|th)?(?![0-9:.])(?:,?\s+([0-9]{{4}}|[0-9]{{2}}(?=\s+[0-9]{{1,2}}[:.]))\b)?"
)
_ISO = re.compile(r"\b([0-9]{4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})(?:T|\b)")
_GERMAN = re.compile(r"\b([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4}|[0-9]{2})\b(?![.:])")
_AMERICAN = re.compile(r"\b([0-9]{1,2})/([0-9]{1,2})/([0-9]{4}|[0-9]{2})\b")
_TIME = re.compile(r"(?<![0-9])([0-9]{1,2})[:.]([0-9]{1,2})(?:[:.]([0-9]{1,2})(?:[.,][0-9]+)?)?(?![0-9])")
_HALF_OF_DAY = re.compile(r"^\s*([ap])\.?m\b\.?", re.IGNORECASE)
_OFFSET = re.compile(
    r"(?:^|[^0-9A-Za-z])(?:GMT|UTC?|Z)?\s*[+-]*\s*([+-])\s*([0-9]{1,2})(?::?([0-9]{2}))?(?![0-9])",
    re.IGNORECASE,
)
_YEAR = re.compile(r"(?<![0-9])((?:19|20)[0-9]{2})(?![0-9])")
_NAME = re.compile(r"[A-Za-z]{1,5}")
_COMMENT = re.compile(r"\(([A-Za-z]{2,5})\)")
_ZONES = {
    name: hours
    for hours, names in {
        -10: "HST",
        -9: "AKST",
        -8: "PST AKDT",
        -7: "MST PDT",
        -6: "CST MDT",
        -5: "EST CDT",
        -4: "AST EDT CLT",
        -3.5: "NST",
        -3: "ADT BRT ART CLST",
        -2.5: "NDT",
        -2: "BRST",
        0: "UT UTC GMT Z WET",
        1: "CET MEZ MET BST WEST",
        2: "CEST MESZ MEST EET SAST IDT",
        3: "EEST MSK TRT",
        4: "MSD GST",
        5: "PKT",
        5.5: "IST",
        7: "ICT WIB",
        8: "HKT SGT AWST PHT MYT",
        9: "JST KST",
        9.5: "ACST",
        10: "AEST",
        10.5: "ACDT",
        11: "AEDT",
        12: "NZST",
        13: "NZDT",
    }.items()
    for name in names.split()
}
"""Hours by which a zone is ahead of UTC; where a name means several zones, the one mail comes from most."""


def moment(raw: bytes) -> datetime | None:
    """A ``Date`` as aware UTC; None if it is not a date. A missing or unknown zone means UTC."""
    found = _USUAL.fullmatch(raw[:_LONGEST])
    if found is None or (month := _MONTH.get(found[2])) is None:
        return _moment(unfolded(raw[:_LONGEST]))
    day, hour, minute, second = (int(found[each]) for each in (1, 4, 5, 6))
    ahead = _minutes(found[7] == b"-", int(found[8]), int(found[9]))
    return _utc(_year(found[3]), month, day, hour, minute, second, ahead)


def newest(values: list[bytes]) -> datetime | None:
    """The newest date after the semicolons of ``Received`` fields (RFC 5322 §3.6.7), if any has one."""
    dates = (moment(raw.rpartition(b";")[2]) for raw in values[:_MAX_RECEIVED] if b";" in raw)
    return max((date for date in dates if date is not None), default=None)


_MAX_RECEIVED = 100


def _moment(value: str) -> datetime | None:
    comments = _COMMENT.findall(value)
    value = " ".join(without_comments(value).split())
    day = _day(value)
    if day is None:
        return None
    year, month, number, rest = day
    hour = minute = second = 0
    if time := _TIME.search(rest):
        hour, minute, second = int(time[1]), int(time[2]), int(time[3] or 0)
        rest = rest[time.end() :]
        if half := _HALF_OF_DAY.match(rest):
            hour = hour % 12 + (12 if half[1] in "pP" else 0)
            rest = rest[half.end() :]
    else:
        rest = ""
    return _utc(year, month, number, hour, minute, second, _zone(rest, comments))


def _day(value: str) -> tuple[int, int, int, str] | None:
    """Year, month, day, and the value without them."""
    if (found := _DAY_FIRST.search(value)) and (month := _month(found[2])):
        return _year(found[3]), month, int(found[1]), _around(value, found)
    if found := _ISO.search(value):
        return int(found[1]), int(found[2]), int(found[3]), _around(value, found)
    if found := _GERMAN.search(value):
        return _year(found[3]), int(found[2]), int(found[1]), _around(value, found)
    if found := _AMERICAN.search(value):
        first, second = int(found[1]), int(found[2])
        month, number = (second, first) if first > 12 else (first, second)
        return _year(found[3]), month, number, _around(value, found)
    for found in _MONTH_FIRST.finditer(value):
        if month := _month(found[1]):
            rest = _around(value, found)
            year = found[3]
            if year is None and (late := _YEAR.search(rest)):  # asctime: the year comes last
                year, rest = late[1], _around(rest, late)
            return (_year(year), month, int(found[2]), rest) if year else None
    return None


def _around(value: str, found: re.Match[str]) -> str:
    return f"{value[: found.start()]} {value[found.end() :]}"


def _year(text: str | bytes) -> int:
    year = int(text)
    if year < 1000:  # RFC 5322 §4.3; some programs count from 1900 and write four digits: 0102
        year += 2000 if year < 50 else 1900
    return year


def _month(word: str) -> int | None:
    word = word.lower()
    return next((number for start, number in _MONTH_NAMES if word.startswith(start)), None)


def _zone(rest: str, comments: list[str]) -> int:
    """Minutes that a zone is ahead of UTC."""
    if found := _OFFSET.search(rest):
        return _minutes(found[1] == "-", int(found[2]), int(found[3] or 0))
    for name in (*_NAME.findall(rest), *comments):
        if (hours := _ZONES.get(name.upper())) is not None:
            return int(hours * 60)
    return 0


def _minutes(west: bool, hours: int, minutes: int) -> int:
    ahead = hours * 60 + minutes
    if ahead >= 24 * 60:  # no zone at all
        return 0
    return -ahead if west else ahead


def _utc(year: int, month: int, day: int, hour: int, minute: int, second: int, ahead: int) -> datetime | None:
    try:
        time = datetime(
            year,
            month,
            day,
            0 if hour == 24 else hour,
            minute,
            min(second, 59),  # a leap second
            tzinfo=UTC,
        )
        if ahead or hour == 24:
            time += timedelta(days=hour // 24, minutes=-ahead)
    except (ValueError, OverflowError):
        return None
    return time
