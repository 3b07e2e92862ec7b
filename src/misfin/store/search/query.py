"""The search language: one parser for the app and the command line.

::

    bob "green flowers" -draft          words (all of them, anywhere in a message), phrases, negation
    pat*                                any word that begins this way
    from:bob to:carol subject:x body:y  words in one field
    list:crew                           the mailing list it came from
    tag:work in:Archive                 tags; folders, accounts, or account/folder
    is:unread is:starred is:held is:unverified has:link has:attachment
    before:2026-11-20 after:2w          dates (also 2026-11, 2026, today, yesterday) and spans (h d w m y)
    (bob OR carol) is:unread            alternatives; also in one field: from:(bob OR carol)

Words are whole words; case, accents and width do not matter. In scripts without spaces, text is found
anywhere. ``before:`` a day excludes it, ``after:`` includes it, both in local time.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Final, NoReturn

from misfin.errors import QueryError

MAX_LENGTH: Final = 2000
MAX_TERMS: Final = 100
MAX_DEPTH: Final = 20

FIELDS: Final = {
    "from": "who wrote it",
    "to": "who it was sent to",
    "subject": "words in the subject",
    "body": "words in the text",
    "list": "a mailing list",
    "tag": "messages with a tag",
    "in": "a folder or an account",
    "is": "a state: unread, starred, held, …",
    "has": "link or attachment",
    "before": "older than a date or span",
    "after": "since a date, or within a span",
}
STATES: Final = {
    "unread": "not read yet",
    "read": "read",
    "starred": "with a star",
    "held": "waiting for your decision about the sender",
    "unverified": "who wrote it is not verified",
}
CONTENTS: Final = {"link": "with a link in its text", "attachment": "with an attached file"}
DAYS: Final = {"today": 0, "yesterday": 1}

_COLUMNS: Final = {"from": "sender", "to": "recipients", "subject": "subject", "body": "body", "list": "list"}
_UNITS: Final = {"h": "hours", "d": "days", "w": "weeks"}
_DATE: Final = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?")
_SPAN: Final = re.compile(r"(\d{1,6})([hdwmy])")
_FIELD: Final = re.compile(r"([A-Za-z][A-Za-z-]*):(?!//)")
_LINK_SCHEMES: Final = frozenset({"misfin", "mailto", "mid", "gemini", "http", "https", "gopher", "xmpp"})


# ---- what a query means ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Text:
    """Words in sequence, in a ``column`` of the search table or in any; ``prefix``: the last is a prefix."""

    words: str
    column: str = ""
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class SearchedState:
    """A yes-or-no property, a key of ``STATES`` or ``CONTENTS``."""

    name: str


@dataclass(frozen=True, slots=True)
class Tag:
    name: str


@dataclass(frozen=True, slots=True)
class In:
    """A folder, an account, or ``account/folder``, ignoring case; ``column`` is its place in the search."""

    place: str
    column: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Dated:
    """Before Unix second ``at`` (``earlier``), or from then on."""

    at: float
    earlier: bool


@dataclass(frozen=True, slots=True)
class Not:
    term: Node


@dataclass(frozen=True, slots=True)
class All:
    terms: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Any:
    terms: tuple[Node, ...]


Node = Text | SearchedState | Tag | In | Dated | Not | All | Any


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed search: ``root`` is what messages must match, ``All(())`` for an empty text."""

    text: str
    root: Node


# ---- reading it -----------------------------------------------------------------------------------


def parse(text: str, *, now: float, zone: tzinfo | None = None) -> Query:
    """Parse a search; dates are in ``zone`` (``None``: this machine's) and relative to ``now``.

    Raises:
        QueryError: with the column of the part that cannot be understood.
    """
    if len(text) > MAX_LENGTH:
        raise QueryError(f"A search can have at most {MAX_LENGTH:,} characters.", column=MAX_LENGTH)
    return Query(text, _Parser(text, now, zone).parse())


def as_typed(text: str) -> str:
    """The search while its last word is being typed: that word becomes a prefix, and a quote is closed.

    Outside a field the last word counts from three letters on; shorter prefixes match too many words.
    """
    if text.count('"') % 2:
        return text + '"'
    word = _LAST_WORD.search(text)
    return text if word is None or word[1] == "AND" else text + "*"


def so_far(text: str) -> str:
    """The search while it is being typed, without an incomplete end, such as a field without a value, part
    of a date, or an ``OR``. Brackets and quotes are closed."""
    if text.count('"') % 2:
        text = _BARE_QUOTE.sub("", text)
    while not text.count('"') % 2 and (unfinished := _UNFINISHED.search(text)):
        text = text[: unfinished.start()]
    outside = _QUOTED.sub("", text)
    return as_typed(text) + ")" * (len(_GROUP.findall(outside)) - outside.count(")"))


_LAST_WORD: Final = re.compile(
    rf"(?:^|[\s(])-?(?:(?i:{'|'.join(_COLUMNS)}):(?=[^\s():\"*-])|(?=[^\s():\"*-][^\s():\"*]{{2}}))([^\s():\"*]+)$"
)
_NAMED: Final = f"-?(?i:{'|'.join(FIELDS)}):"
_UNFINISHED: Final = re.compile(
    rf"(?:^|(?<=[\s(]))(?:{_NAMED}\(?|-?(?i:before|after):(?:\d{{1,3}}|\d{{4}}-|\d{{4}}-\d{{1,2}}-)|-?\(|-|OR)\s*$"
)
_BARE_QUOTE: Final = re.compile(rf'(?:(?:^|(?<=[\s(]))(?:{_NAMED}|-))?"\s*$')
_QUOTED: Final = re.compile(r'"[^"]*"?')
_GROUP: Final = re.compile(rf"(?:(?:^|(?<=[\s(-]))|(?:^|(?<=[\s(])){_NAMED})\(")


class _Parser:
    """Recursive descent over one line; ``at`` is the column."""

    def __init__(self, text: str, now: float, zone: tzinfo | None) -> None:
        self.text = text
        self.at = 0
        self.depth = 0
        self.terms = 0
        self.inside = ""  # the field whose brackets are open
        self.now = now
        self.zone = zone
        self.hollow = -1  # column of a word without letters, for the error if there is nothing else

    def parse(self) -> Node:
        root = self.alternatives()
        if root == All(()) and self.hollow >= 0:
            self.fail(f"There is nothing to search for in “{self.text.strip()}”.", self.hollow)
        return root

    def alternatives(self) -> Node:
        options = [self.sequence()]
        while self.word_ahead("OR"):
            column = self.at
            self.at += 2
            option = self.sequence()
            if All(()) in (options[-1], option):
                self.fail("OR needs a search term on both sides.", column)
            options.append(option)
        return options[0] if len(options) == 1 else Any(tuple(options))

    def sequence(self) -> Node:
        terms: list[Node] = []
        while True:
            self.skip_space()
            if (
                self.at >= len(self.text)
                or self.word_ahead("OR")
                or (self.depth and self.text[self.at] == ")")
            ):
                break
            term = self.term()
            if term is not None:
                terms.append(term)
        return terms[0] if len(terms) == 1 else All(tuple(terms))

    def term(self) -> Node | None:
        column = self.at
        self.terms += 1
        if self.terms > MAX_TERMS:
            self.fail(f"A search can have at most {MAX_TERMS} terms.", column)
        rest = self.text[self.at :]
        if rest[0] == "-" and len(rest) > 1 and not rest[1].isspace():
            self.at += 1
            negated = self.term()
            return None if negated is None else Not(negated)
        if rest[0] == "(":
            return self.group()
        if (found := _FIELD.match(rest)) and found[1].lower() not in _LINK_SCHEMES:
            self.at += found.end()
            return self.field(found[1], column)
        words, quoted = self.value()
        if self.inside and words:
            return self.meaning(self.inside, words, quoted, column)
        return self.words(words, "", quoted, column)

    def group(self) -> Node | None:
        column = self.at
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.fail("The brackets are nested too deeply.", column)
        self.at += 1
        inner = self.alternatives()
        if self.at >= len(self.text):
            self.fail("This bracket is not closed.", column)
        self.at += 1
        self.depth -= 1
        return None if inner == All(()) else inner

    def field(self, spelled: str, column: int) -> Node | None:
        name = spelled.lower()
        if name not in FIELDS:
            close = difflib.get_close_matches(name, FIELDS, 1)
            self.fail(
                f"There is no search field “{spelled}:”.",
                column,
                f"Did you mean {close[0]}: ?" if close else f"Fields are {', '.join(FIELDS)}.",
            )
        start = self.at
        if self.text.startswith("(", start):
            around, self.inside = self.inside, name
            group = self.group()
            self.inside = around
            if group is None:
                self.fail(f"{name}: needs a value.", start)
            return group
        value, quoted = (
            self.value() if start < len(self.text) and not self.text[start].isspace() else ("", False)
        )
        if not value:
            self.fail(f"{name}: needs a value.", start)
        return self.meaning(name, value, quoted, start)

    def meaning(self, name: str, value: str, quoted: bool, start: int) -> Node | None:
        match name:
            case "tag":
                return Tag(unicodedata.normalize("NFC", value.lower()))
            case "in":
                return In(value, start)
            case "is":
                return SearchedState(self.choice(value, STATES, start, name))
            case "has":
                return SearchedState(self.choice(value, CONTENTS, start, name))
            case "before" | "after":
                return Dated(self.moment(value, start), earlier=name == "before")
            case _:
                return self.words(value, _COLUMNS[name], quoted, start)

    def value(self) -> tuple[str, bool]:
        """The text up to a space or, inside brackets, a closing bracket; or between quotes."""
        start = self.at
        if self.text[start] == '"':
            end = self.text.find('"', start + 1)
            if end < 0:
                self.fail("This quote is not closed.", start)
            self.at = end + 1
            return self.text[start + 1 : end], True
        ends = ' \t\n\r\v\f"' + (")" if self.depth else "")
        while (
            self.at < len(self.text) and self.text[self.at] not in ends and not self.text[self.at].isspace()
        ):
            self.at += 1
        return self.text[start : self.at], False

    def words(self, words: str, column_name: str, quoted: bool, column: int) -> Text | None:
        written = words
        prefix = not quoted and words.endswith("*")
        words = words.rstrip("*") if prefix else words
        if not any(map(_in_words, words)):
            self.hollow = column
            if column_name:
                self.fail(f"There is nothing to search for in “{written}”.", column)
            return None
        return Text(words, column_name, prefix)

    def choice(self, value: str, choices: Iterable[str], column: int, field: str) -> str:
        if value.lower() in choices:
            return value.lower()
        close = difflib.get_close_matches(value.lower(), choices, 1)
        hint = f"Did you mean {field}:{close[0]}?" if close else f"It can be {', '.join(choices)}."
        self.fail(f"“{field}:{value}” is not known.", column, hint)

    def moment(self, value: str, column: int) -> float:
        """The beginning of a day, month or year, or the time a span ago."""
        value = value.lower()
        try:
            here = datetime.fromtimestamp(self.now, self.zone)
            if value in DAYS:
                return _midnight(here.replace(tzinfo=None) - timedelta(days=DAYS[value]), self.zone)
            if date := _DATE.fullmatch(value):
                year, month, day = (int(part or 1) for part in date.groups())
                return _midnight(datetime(year, month, day), self.zone)
            if span := _SPAN.fullmatch(value):
                count, unit = int(span[1]), span[2]
                if unit in _UNITS:
                    return self.now - timedelta(**{_UNITS[unit]: count}).total_seconds()
                return _months_back(here, count * (12 if unit == "y" else 1)).timestamp()
        except (ValueError, OverflowError, OSError):
            pass
        self.fail(
            f"“{value}” is not a date.", column, "Write 2026-11-20, 2026-11, yesterday, or a span such as 2w."
        )

    def word_ahead(self, word: str) -> bool:
        self.skip_space()
        end = self.at + len(word)
        after = self.text[end : end + 1]
        return self.text.startswith(word, self.at) and (not after or after.isspace() or after in "()")

    def skip_space(self) -> None:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def fail(self, message: str, column: int, remedy: str = "") -> NoReturn:
        raise QueryError(message, column=column, remedy=remedy)


def _in_words(char: str) -> bool:
    """Whether the search table's tokenizer keeps this character."""
    category = unicodedata.category(char)
    return category[0] in "LNM" or category == "Co"


def _midnight(day: datetime, zone: tzinfo | None) -> float:
    return day.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=zone).timestamp()


def _months_back(moment: datetime, months: int) -> datetime:
    """The same day ``months`` earlier, or that month's last."""
    year, month = divmod(moment.year * 12 + moment.month - 1 - months, 12)
    for day in range(moment.day, 27, -1):
        try:
            return moment.replace(year=year, month=month + 1, day=day)
        except ValueError:
            continue
    return moment.replace(year=year, month=month + 1)
