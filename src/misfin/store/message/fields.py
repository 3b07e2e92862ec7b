"""Parses header fields of any mail in linear time: people, dates, encoded words, content types.

The ``email`` package is written for conforming mail; on hostile headers it sometimes takes quadratic time or
raises undocumented exceptions, and it costs more than all the rest of indexing a message. Here a broken field
is read as far as it makes sense, in time linear in its length.
"""

from __future__ import annotations

import binascii
import codecs
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from misfin.store.message.headers import MONTHS

MAX_HEADER = 256 * 1024
"""Bytes read of a header; mail servers refuse far shorter ones."""
MAX_PEOPLE = 1000
MAX_IDS = 100

Headers = dict[str, list[bytes]]
"""Raw values by lower-case name, in order; folded values still contain their line ends."""

_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:(.*(?:\n[ \t].*)*)(?:\n|\Z)")
_FOLD = re.compile(r"\r?\n(?=[ \t])")
_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?\n]*)\?=")
_ADDRESS_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"?|<[^>]*>?|\[[^\]]*\]?|[(),;:]|[^"<\[(),;:]+', re.DOTALL)
_COMMENT_TOKENS = re.compile(r"\\.|[()]|[^\\()]+|\\", re.DOTALL)
_ID = re.compile(rb"<([^<>\s]{1,250})>")
_PARAMETER = re.compile(r';\s*([^=;\s]+)\s*=\s*("(?:[^"\\]|\\.)*"?|[^;]*)', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_CONTINUED = re.compile(r"([^*]+)(?:\*([0-9]{1,3}))?(\*)?")
_DATE = re.compile(
    r"([0-9]{1,2})[\s-]+([A-Za-z]{3})[a-z]*[\s-]+([0-9]{2,4})"
    r"(?:\s+([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?)?\s*([+-][0-9]{4}|[A-Za-z]{1,4})?"
)
_ZONES = {"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7}

_ALIASES = {"gb2312": "gb18030", "gbk": "gb18030", "iso8859-1": "cp1252", "ascii": "utf-8"}
"""Charset labels that in practice mean a larger set; browsers treat them the same way."""
_NO_CHARSETS = frozenset(
    {"idna", "punycode", "undefined", "mbcs", "oem", "unicode_escape", "raw_unicode_escape"}
)
"""Python codecs that mail does not use, some of them slow or surprising."""


@dataclass(frozen=True, slots=True)
class Person:
    """A person in a header field: display name and address, either possibly empty."""

    name: str
    address: str

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>" if self.name and self.address else self.name or self.address


def split(data: bytes) -> tuple[Headers, int]:
    """The header fields of a message and where its body begins; none if the first line is not a field."""
    if data[: data.find(b"\n", 0, MAX_HEADER) + 1].endswith(b"\r\n"):
        return _split_crlf(data)
    headers: Headers = {}
    position = _after_envelope_lines(data)
    limit = min(len(data), MAX_HEADER)
    while field := _FIELD.match(data, position, limit):
        headers.setdefault(field[1].decode("ascii").lower(), []).append(field[2])
        position = field.end()
    if not headers:
        return headers, 0
    return headers, position + 1 if data.startswith(b"\n", position) else position


def _split_crlf(data: bytes) -> tuple[Headers, int]:
    blank = re.search(rb"\r?\n\r?\n", data[:MAX_HEADER])
    end = blank.end() if blank else min(len(data), MAX_HEADER)
    headers, body = split(data[:end].replace(b"\r\n", b"\n").replace(b"\r", b" "))
    if not headers:
        return headers, 0
    # The header ends early, at a line that is not a field: count the same lines in the original.
    lines = data[:end].replace(b"\r\n", b"\n").count(b"\n", 0, body)
    position = 0
    for _ in range(lines):
        position = data.find(b"\n", position) + 1
    return headers, position


def _after_envelope_lines(data: bytes) -> int:
    """The position after an mbox ``From `` line, quoted or not, which some programs leave on top."""
    position = 0
    while data.startswith((b"From ", b">From "), position):
        position = data.find(b"\n", position) + 1 or len(data)
    return position


def text(raw: bytes) -> str:
    """An unstructured value (``Subject``) as one line of text, with encoded words decoded."""
    return " ".join(_words(_eight_bit(raw)).split())


def one(headers: Headers, name: str) -> bytes:
    """The first value of a field, or nothing."""
    values = headers.get(name)
    return values[0] if values else b""


def people(values: list[bytes]) -> tuple[Person, ...]:
    """All people in address fields, groups expanded and comments dropped; at most 1,000."""
    found: list[Person] = []
    for raw in values:
        value = _eight_bit(raw)
        simple = value.strip()
        if "<" not in simple and not set(simple) & set('",;:()[ \t\n'):
            if simple:
                found.append(Person("", simple))
            continue
        _people(value, found)
        if len(found) >= MAX_PEOPLE:
            break
    return tuple(found[:MAX_PEOPLE])


def _people(value: str, found: list[Person]) -> None:
    name: list[str] = []
    address = comment = ""

    def flush() -> None:
        nonlocal address, comment
        words = _words(" ".join("".join(name).split()))
        if not address and "@" in words and not set(words) & set("<> "):
            address, words = words, _words(comment)
        if words or address:
            found.append(Person(" ".join(words.split()), address))
        name.clear()
        address = comment = ""

    position = 0
    while token := _ADDRESS_TOKENS.match(value, position):
        part, position = token[0], token.end()
        if part[0] == '"':
            name.append(_unquoted(part))
        elif part[0] == "<":
            address = "".join(part.strip("<>").split())
        elif part in ",;":
            flush()
            if len(found) >= MAX_PEOPLE:
                return
        elif part == ":":  # the text before was the name of a group
            name.clear()
        elif part == "(":
            comment, position = _comment(value, position)
        elif part != ")":
            name.append(part)
    flush()


def _comment(value: str, start: int) -> tuple[str, int]:
    depth = 1
    inside: list[str] = []
    for token in _COMMENT_TOKENS.finditer(value, start):
        depth += (token[0] == "(") - (token[0] == ")")
        if not depth:
            return "".join(inside), token.end()
        inside.append(token[0])
    return "".join(inside), len(value)


def ids(values: list[bytes]) -> tuple[str, ...]:
    """Message-IDs with their angle brackets, each once, in order; the last 100."""
    found = [f"<{one_id.decode('utf-8', 'replace')}>" for raw in values for one_id in _ID.findall(raw)]
    return tuple(dict.fromkeys(found[-MAX_IDS:]))


def moment(raw: bytes) -> datetime | None:
    """A ``Date`` as aware UTC; None if it is not a date. A missing zone means UTC."""
    found = _DATE.search(raw[:200].decode("ascii", "replace"))
    if not found:
        return None
    month = found[2].title()
    year = int(found[3])
    if len(found[3]) < 4:  # RFC 5322 §4.3
        year += 2000 if year < 50 else 1900
    zone = found[7] or "UT"
    if zone[0] in "+-":
        minutes = int(zone[1:3]) * 60 + int(zone[3:])
        offset = timedelta(minutes=-minutes if zone[0] == "-" else minutes)
    else:
        offset = timedelta(hours=_ZONES.get(zone.upper(), 0))
    try:
        time = datetime(
            year,
            MONTHS.index(month) + 1,
            int(found[1]),
            int(found[4] or 0),
            int(found[5] or 0),
            min(int(found[6] or 0), 59),  # a leap second
            tzinfo=timezone(offset),
        )
        return time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def content(raw: bytes) -> tuple[str, dict[str, str]]:
    """A content type or disposition in lower case, and its parameters decoded (RFC 2045 §5.1, RFC 2231)."""
    value = _eight_bit(raw)
    kind, semicolon, rest = value.partition(";")
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    for parameter in _PARAMETER.finditer(semicolon + rest):
        name, given = parameter[1].lower(), parameter[2].strip()
        if given.startswith('"'):
            given = _unquoted(given)
        continued = _CONTINUED.fullmatch(name)
        if "*" in name and continued:
            number = int(continued[2] or 0)
            pieces.setdefault(continued[1], {})[number] = (given, continued[3] is not None)
        else:
            plain.setdefault(name, " ".join(_words(given).split()))
    for name, parts in pieces.items():
        plain[name] = _joined(parts)
    return kind.strip().lower(), plain


def _unquoted(quoted: str) -> str:
    """The value of a quoted string (RFC 5322 §3.2.4); its closing quote may be missing."""
    text = quoted[1:]
    if (
        text.endswith('"') and (len(text) - len(text[:-1].rstrip("\\"))) % 2
    ):  # an even run of backslashes before it
        text = text[:-1]
    return _ESCAPED.sub(r"\1", text)


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
    return decoded(raw, charset)[0]


def _percent(found: re.Match[bytes]) -> bytes:
    return bytes([int(found[1], 16)])


def decoded(raw: bytes, charset: str) -> tuple[str, bool]:
    """Bytes as text, and whether they really were in that character set; never raises.

    Without a known character set, UTF-8 is tried, then Windows-1252 is assumed.
    """
    try:
        name = codecs.lookup(charset.strip("'\" ") or "ascii").name
        if name in _NO_CHARSETS:
            raise LookupError
        str(b"\0", name, "ignore")  # LookupError for codecs that are not text encodings
        known = True
    except (LookupError, ValueError):  # ValueError: a NUL in the name
        name, known = "ascii", charset.strip().lower() == "unknown-8bit"
    name = _ALIASES.get(name, name)
    try:
        return raw.decode(name), known
    except UnicodeError:
        pass
    try:
        return raw.decode("cp1252" if name == "utf-8" else "utf-8"), False
    except UnicodeError:
        return raw.decode(name, "replace"), False


def _eight_bit(raw: bytes) -> str:
    if b"\n" in raw:
        raw = raw.replace(b"\r\n", b"\n").replace(b"\n", b"")
    if raw.isascii():
        return raw.decode("ascii")
    return decoded(raw, "utf-8")[0]


def _words(value: str) -> str:
    """Decode encoded words (RFC 2047); adjacent ones of one character set are joined before decoding."""
    if "=?" not in value:
        return value
    out: list[str] = []
    pending: list[bytes] = []
    charset = ""
    position = 0

    def flush() -> None:
        if pending:
            out.append(decoded(b"".join(pending), charset)[0])
            pending.clear()

    for word in _WORD.finditer(value):
        between = value[position : word.start()]
        label = word[1].partition("*")[0].lower()  # RFC 2231 §5: a language may follow
        if not pending or between.strip():
            flush()
            out.append(between)
        elif label != charset:
            flush()
        charset = label
        pending.append(_word_bytes(word[2], word[3]))
        position = word.end()
    flush()
    out.append(value[position:])
    return "".join(out)


def _word_bytes(encoding: str, payload: str) -> bytes:
    raw = payload.encode("utf-8", "replace")
    if encoding in "qQ":
        return binascii.a2b_qp(raw, header=True)
    return from_base64(raw)


def from_base64(raw: bytes) -> bytes:
    """Decode base64 leniently: skips other characters and drops an incomplete end."""
    try:
        return binascii.a2b_base64(raw)
    except binascii.Error:
        clean = re.sub(rb"[^A-Za-z0-9+/]", b"", raw.partition(b"=")[0])
        clean = clean[: len(clean) // 4 * 4] if len(clean) % 4 == 1 else clean + b"=" * (-len(clean) % 4)
        return binascii.a2b_base64(clean)
