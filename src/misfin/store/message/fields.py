"""Parses the header of any mail in linear time: its fields, identifiers, content types.

The ``email`` package is written for conforming mail; on hostile headers it sometimes takes quadratic time or
raises undocumented exceptions, and it costs more than all the rest of indexing a message. Here a broken field
is read as far as it makes sense, in time linear in its length. What has rules of its own has a module of its
own, and is found here too: people (addressing.py), dates, encoded words, character sets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from misfin.store.message.addressing import MAX_PEOPLE, Person, people, unquoted, without_comments
from misfin.store.message.charsets import decoded
from misfin.store.message.dates import moment
from misfin.store.message.words import unfolded, words

__all__ = [
    "MAX_HEADER",
    "MAX_IDS",
    "MAX_PEOPLE",
    "Headers",
    "Person",
    "beginning",
    "content",
    "decoded",
    "ids",
    "moment",
    "one",
    "people",
    "split",
    "text",
]

MAX_HEADER = 4 * 1024 * 1024
"""Bytes read of a header: as many as the index reads of a message. Mail servers refuse far shorter ones."""
MAX_IDS = 100

Headers = dict[str, list[bytes]]
"""Raw values by lower-case name, in order; folded values still contain their line ends, as LF."""

_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:(.*(?:\n[ \t].*)*)(?:\n|\Z)")
_FIELDS = re.compile(rb"(?:[!-9;-~]+[ \t]*:.*(?:\n[ \t].*)*(?:\n|\Z))*+")
"""The same, as many as follow one another."""
_USUAL_HEADER = 64 * 1024
"""Bytes of a header whose fields may all be taken out at once, which is fast but takes more memory."""
_BLANK_LINE = re.compile(rb"\n\r?\n")
_LEADING_BLANKS = re.compile(rb"(?:[ \t]*\r?\n){1,20}(?=[!-9;-~]+[ \t]*:)")
_ID = re.compile(rb"<([^<>]{1,998})>")
_USUAL_CONTENT = 100
"""Bytes of a content type that are worth remembering."""
_KIND = re.compile(r"\s*([^\s;(,]*)")
_ENCODED = r"=\?[^?\s]+\?[bBqQ]\?[^?\s]*\?="
_PARAMETER = re.compile(
    r"[; ] ?([^=; ]+) ?= ?("
    r'"(?:[^"\\]|\\.)*"?'
    rf"|{_ENCODED}(?: {_ENCODED})*"
    r"|[^;\" ][^; ]*(?: (?![\w*-]+=)[^; ]*)*"
    r"|)"
)
"""One parameter in a value without repeated blanks; an unquoted one ends before the next, too."""
_CONTINUED = re.compile(r"([^*]+)(?:\*([0-9]{1,3}))?(\*)?")
_WINDOWS_PATH = re.compile(r"(?:[A-Za-z]:|\\\\[^\\/]+)\\(?:.*[\\/])?", re.DOTALL)
_NAMES = frozenset({"name", "filename"})


def beginning(data: bytes, start: int = 0) -> int:
    """Where the header of a message begins: after an mbox ``From `` line, quoted or not, and blank lines.

    Some programs leave them on top. Blank lines count only if a field follows.
    """
    position = _after_envelope_lines(data, start)
    if data[position : position + 1] in (b"\n", b"\r", b" ", b"\t"):
        blanks = _LEADING_BLANKS.match(data, position, position + 1000)
        return blanks.end() if blanks else position
    return position


def split(data: bytes, start: int | None = None, end: int | None = None) -> tuple[Headers, int]:
    """The header fields of a message and where its body begins; none if the first line is not a field.

    ``start`` and ``end`` limit what is read; without ``start``, ``From `` lines on top are passed over.
    """
    first = _after_envelope_lines(data, 0) if start is None else start
    whole = len(data) if end is None else end
    limit = min(whole, first + MAX_HEADER)
    position = _FIELDS.match(data, first, limit).end()  # type: ignore[union-attr] # it also matches nothing
    headers: Headers = {}
    carriage_returns = data.find(b"\r", first, position) >= 0
    for name, value in _pairs(data, first, position):
        if carriage_returns:
            value = value.removesuffix(b"\r").replace(b"\r\n", b"\n").replace(b"\r", b" ")
        headers.setdefault(name.decode("ascii").lower(), []).append(value)
    if not headers:
        return headers, start or 0
    if position == limit < whole:  # longer than is read: the body is where it ends all the same
        blank_line = _BLANK_LINE.search(data, position - 2, whole)
        return headers, blank_line.end() if blank_line else whole
    for blank in (b"\n", b"\r\n"):
        if data.startswith(blank, position, limit):
            return headers, position + len(blank)
    return headers, position


def _pairs(data: bytes, start: int, end: int) -> Iterable[tuple[bytes, bytes]]:
    """Name and raw value of each field in a range that consists of nothing else."""
    if end - start <= _USUAL_HEADER:
        return _FIELD.findall(data, start, end)
    return ((field[1], field[2]) for field in _FIELD.finditer(data, start, end))


def _after_envelope_lines(data: bytes, position: int) -> int:
    while data.startswith((b"From ", b">From "), position):
        position = data.find(b"\n", position) + 1 or len(data)
    return position


def text(raw: bytes) -> str:
    """An unstructured value (``Subject``) as one line of text, with encoded words decoded."""
    return " ".join(words(unfolded(raw)).split())


def one(headers: Headers, name: str) -> bytes:
    """The first value of a field, or nothing."""
    values = headers.get(name)
    return values[0] if values else b""


def ids(values: list[bytes]) -> tuple[str, ...]:
    """Message-IDs with their angle brackets, each once, in order; the last 100.

    Blanks inside are dropped. A field that consists of nothing but ids may lack the brackets.
    """
    found: list[str] = []
    for raw in values:
        bracketed = _ID.findall(raw)
        if not bracketed:
            bare = raw.replace(b",", b" ").split()
            bracketed = bare if all(b"@" in each.strip(b"@<>") for each in bare) else []
        for each in bracketed:
            whole = b"".join(each.split()).strip(b"<>")
            if whole:
                found.append(f"<{whole.decode('utf-8', 'replace')}>")
    return tuple(dict.fromkeys(found[-MAX_IDS:]))


def content(raw: bytes) -> tuple[str, Mapping[str, str]]:
    """A content type or disposition in lower case, and its parameters decoded (RFC 2045 §5.1, RFC 2231).

    The type ends at its first blank, semicolon, comma or comment; semicolons may be missing.
    """
    if not raw:
        return "", {}
    return _usual_content(raw) if len(raw) <= _USUAL_CONTENT else _content(raw)


def _content(raw: bytes) -> tuple[str, Mapping[str, str]]:
    value = unfolded(raw)
    kind = _KIND.match(value)
    rest = " ".join(value[kind.end() :].split()) if kind else ""
    plain: dict[str, str] = {}
    if rest:
        _parameters(without_comments(rest) if rest[0] == "(" else f" {rest}", plain)
    return (kind[1].strip("\"'").lower() if kind else ""), plain


_usual_content = lru_cache(maxsize=128)(_content)  # the same few in message after message


def _parameters(rest: str, plain: dict[str, str]) -> None:
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    for parameter in _PARAMETER.finditer(rest):
        name = parameter[1].lower()
        bare = name.partition("*")[0]
        given = _value(parameter[2].strip(), bare)
        continued = _CONTINUED.fullmatch(name)
        if "*" in name and continued:
            number = int(continued[2] or 0)
            pieces.setdefault(continued[1], {})[number] = (given, continued[3] is not None)
        else:
            plain.setdefault(name, _file_name(" ".join(words(given).split()), name))
    for name, parts in pieces.items():
        plain[name] = _file_name(_joined(parts), name)


def _value(given: str, name: str) -> str:
    if given.startswith('"'):
        if name in _NAMES and _WINDOWS_PATH.match(given, 1):
            return given[1:].removesuffix('"')  # its backslashes escape nothing
        return unquoted(given)
    if name not in _NAMES and " (" in given:  # a comment; an unquoted file name may contain parentheses
        given = given.partition(" (")[0].rstrip()
    return given


def _file_name(name: str, parameter: str) -> str:
    """A file name without the folders of the computer it comes from."""
    return _WINDOWS_PATH.sub("", name, count=1) if parameter in _NAMES and "\\" in name else name


def _joined(parts: dict[int, tuple[str, bool]]) -> str:
    """The joined pieces of one parameter; the first may give the character set."""
    charset = "utf-8"
    raw = b""
    for number in sorted(parts):
        value, coded = parts[number]
        if coded and number == min(parts) and value.count("'") >= 2:
            charset, _, value = value.split("'", 2)
        encoded = value.encode("utf-8", "surrogateescape")
        raw += re.sub(rb"%([0-9A-Fa-f]{2})", _percent, encoded) if coded else encoded
    joined = decoded(raw, charset)[0]
    return " ".join(words(joined).split()) if "=?" in joined else joined


def _percent(found: re.Match[bytes]) -> bytes:
    return bytes([int(found[1], 16)])
