"""The text of a status answer, and the code in brackets before it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from misfin.email.imap.reader import Answer
from misfin.email.imap.tokens import MalformedError, number, tokens, words
from misfin.email.imap.uids import Ranges, UidSet, parse_number, parse_ranges
from misfin.email.imap.values import AppendUid, Code, CodeValue, CopyUid

# A set of flags may hold brackets (a keyword "a[b]"): its code ends behind the parenthesis.
_CODE_OF_LIST: Final = re.compile(rb"\[ *(PERMANENTFLAGS|BADCHARSET) *(\([^()]*\)) *\]", re.IGNORECASE)
_MOST_COPIED: Final = 1_000_000  # messages in one COPYUID: its two sides are walked number by number


def status_text(rest: bytes) -> tuple[Code | None, str]:
    """The code, if there is one, and the text for people, which may be missing."""
    if (listed := _CODE_OF_LIST.match(rest)) is not None:
        word, arguments, end = listed[1], listed[2], listed.end()
    elif rest.startswith(b"[") and (end := rest.find(b"]") + 1):
        word, _, arguments = rest[1 : end - 1].strip(b" ").partition(b" ")
    else:
        return None, rest.decode("utf-8", "replace")
    text = rest[end:].removeprefix(b" ").decode("utf-8", "replace")
    name, arguments = word.decode("ascii", "replace").upper(), arguments.strip(b" ")
    value: CodeValue = None
    if (read := _VALUES.get(name)) is not None:
        try:
            value = read(arguments)
        except ValueError:
            value = None  # a code that makes no sense is one without a value
    return Code(name, arguments.decode("utf-8", "replace"), value), text


def _words(arguments: bytes) -> frozenset[str]:
    values = tokens(_line(arguments))
    return frozenset(words(values[0] if values and isinstance(values[0], list) else values))


def _text(arguments: bytes) -> str:
    found = _words(arguments)
    if len(found) != 1:
        raise MalformedError("not a single word")
    return next(iter(found))


def _append_uid(arguments: bytes) -> AppendUid:
    validity, uids = arguments.split()
    return AppendUid(parse_number(validity), UidSet.parse(uids))


def _copy_uid(arguments: bytes) -> CopyUid:
    validity, source, target = arguments.split()
    copied = CopyUid(parse_number(validity), tuple(parse_ranges(source)), tuple(parse_ranges(target)))
    if not _count(copied.source) == _count(copied.target) <= _MOST_COPIED:
        raise MalformedError("two sides that do not match")
    return copied


def _count(ranges: Ranges) -> int:
    return sum(last - first + 1 for first, last in ranges)


def _line(text: bytes) -> Answer:
    return [text]


_VALUES: Final[dict[str, Callable[[bytes], CodeValue]]] = {
    "APPENDUID": _append_uid,
    "BADCHARSET": _words,
    "CAPABILITY": lambda arguments: frozenset(word.upper() for word in _words(arguments)),
    "COPYUID": _copy_uid,
    "HIGHESTMODSEQ": number,
    "MAILBOXID": _text,
    "MODIFIED": UidSet.parse,
    "PERMANENTFLAGS": _words,
    "UIDNEXT": parse_number,
    "UIDVALIDITY": parse_number,
    "UNSEEN": parse_number,
}
