"""One untagged answer becomes one value, by its first word; lenient about spaces, case and missing text."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from misfin.email.imap.codes import status_text
from misfin.email.imap.fetching import parse_fetch
from misfin.email.imap.names import decode_name
from misfin.email.imap.reader import Answer
from misfin.email.imap.tokens import MalformedError, number, tokens, words
from misfin.email.imap.uids import UidSet
from misfin.email.imap.values import (
    Bye,
    Enabled,
    Exists,
    Expunged,
    ListEntry,
    MailboxFlags,
    MailboxStatus,
    Namespace,
    Namespaces,
    OfferedCapabilities,
    Recent,
    SearchResult,
    ServerId,
    SkippedLine,
    Status,
    StatusNotice,
    Token,
    Untagged,
    Vanished,
)

_HEAD: Final = re.compile(rb"\* +(?:(\d{1,10}) +)?([^ ()\"]+) *")
_SHOWN: Final = 200  # bytes of a line that could not be read which are kept for a log


def parse_untagged(parts: Answer) -> Untagged:
    """What an answer that begins with ``*`` says; :class:`SkippedLine` when it cannot be made out."""
    line = parts[0]
    assert isinstance(line, bytes)
    head = _HEAD.match(line)
    try:
        if head is None:
            raise MalformedError("no word after the asterisk")
        return _by_word(head, line[head.end() :], parts)
    except ValueError as e:  # MalformedError, and what int() and the values themselves refuse
        return SkippedLine(line[:_SHOWN], str(e))


def _by_word(head: re.Match[bytes], rest: bytes, parts: Answer) -> Untagged:
    word = head[2].upper()
    if head[1] is not None:
        count = int(head[1])
        if word == b"FETCH":
            return parse_fetch(count, [rest, *parts[1:]])
        if (made := _NUMBERED.get(word)) is not None:
            return made(count)
    elif (free := _WHOLE.get(word)) is not None:
        return free(rest)
    elif (read := _LISTS.get(word)) is not None:
        return read(tokens([rest, *parts[1:]]))
    raise MalformedError(f"unknown answer {word.decode('ascii', 'replace')}")


def _notice(status: Status) -> Callable[[bytes], StatusNotice]:
    return lambda rest: StatusNotice(status, *status_text(rest))


def _bye(rest: bytes) -> Bye:
    return Bye(*status_text(rest))


def _list(values: list[Token]) -> ListEntry:
    attributes, separator, raw = values[:3] if len(values) >= 3 else (None, None, None)
    if not isinstance(attributes, list) or not isinstance(raw, bytes):
        raise MalformedError("no name in LIST")
    extended: dict[str, Token] = {}
    if len(values) > 3 and isinstance(values[3], list):
        pairs = values[3]
        extended = {
            key.decode("ascii", "replace").upper(): value
            for key, value in zip(pairs[::2], pairs[1::2], strict=False)
            if isinstance(key, bytes)
        }
    return ListEntry(
        decode_name(raw),
        raw,
        separator.decode("utf-8", "replace")[:1] if isinstance(separator, bytes) else "",
        frozenset(word.lower() for word in words(attributes)),
        extended,
    )


def _status(values: list[Token]) -> MailboxStatus:
    raw, pairs = values[:2] if len(values) >= 2 else (None, None)
    if not isinstance(raw, bytes) or not isinstance(pairs, list):
        raise MalformedError("no name in STATUS")
    items: dict[str, int | str] = {}
    for key, value in zip(pairs[::2], pairs[1::2], strict=False):
        if not isinstance(key, bytes):
            raise MalformedError("no item in STATUS")
        name = key.decode("ascii", "replace").upper()
        if isinstance(value, list):
            items[name] = " ".join(words(value))
        elif isinstance(value, bytes):
            items[name] = number(value)
    return MailboxStatus(decode_name(raw), raw, items)


def _search(rest: bytes) -> SearchResult:
    """``SEARCH 2 5 6 (MODSEQ 917)``, which may be long: never taken apart into as many strings."""
    modseq = None
    uids, parenthesis, last = rest.partition(b"(")
    if parenthesis:
        pair = tokens([parenthesis + last])[0]
        if isinstance(pair, list) and len(pair) == 2 and isinstance(pair[1], bytes):
            modseq = number(pair[1])
    listed = uids.strip(b" ")
    while b"  " in listed:
        listed = listed.replace(b"  ", b" ")
    listed = listed.replace(b" ", b",")
    return SearchResult(uids=UidSet.parse(listed) if listed else UidSet(), modseq=modseq)


def _esearch(values: list[Token]) -> SearchResult:
    """``ESEARCH (TAG "a3") UID COUNT 17 ALL 4:18,21,28``: pairs, with a lone UID somewhere before (RFC 4731
    §3.1)."""
    tag = None
    if values and isinstance(first := values[0], list):
        del values[0]
        correlator = words(first)
        tag = correlator[1] if len(correlator) == 2 and correlator[0].upper() == "TAG" else None
    if values and isinstance(values[0], bytes) and values[0].upper() == b"UID":
        del values[0]
    facts: dict[bytes, Token] = {
        key.upper(): value
        for key, value in zip(values[::2], values[1::2], strict=False)
        if isinstance(key, bytes)
    }
    everything = facts.get(b"ALL")

    def fact(name: bytes) -> int | None:
        value = facts.get(name)
        return number(value) if isinstance(value, bytes) else None

    return SearchResult(
        tag,
        UidSet.parse(everything) if isinstance(everything, bytes) and everything else UidSet(),
        fact(b"MIN"),
        fact(b"MAX"),
        fact(b"COUNT"),
        fact(b"MODSEQ"),
    )


def _vanished(values: list[Token]) -> Vanished:
    earlier = bool(values) and isinstance(values[0], list)
    uids = values[-1] if values else None
    if not isinstance(uids, bytes):
        raise MalformedError("no UIDs in VANISHED")
    return Vanished(UidSet.parse(uids), earlier)


def _namespaces(values: list[Token]) -> Namespaces:
    kinds = []
    for value in [*values, None, None, None][:3]:
        found = []
        for entry in value if isinstance(value, list) else ():
            if isinstance(entry, list) and len(entry) >= 2 and isinstance(entry[0], bytes):
                separator = entry[1].decode("utf-8", "replace") if isinstance(entry[1], bytes) else ""
                found.append(Namespace(decode_name(entry[0]), separator))
        kinds.append(tuple(found))
    return Namespaces(*kinds)


def _id(values: list[Token]) -> ServerId:
    pairs = values[0] if values and isinstance(values[0], list) else []
    return ServerId(
        {
            key.decode("utf-8", "replace").lower(): value.decode("utf-8", "replace")
            for key, value in zip(pairs[::2], pairs[1::2], strict=False)
            if isinstance(key, bytes) and isinstance(value, bytes)
        }
    )


def _upper_words(values: list[Token]) -> frozenset[str]:
    return frozenset(word.upper() for word in words(values))


def _flags(values: list[Token]) -> MailboxFlags:
    return MailboxFlags(frozenset(words(values[0]) if values and isinstance(values[0], list) else ()))


_NUMBERED: Final[dict[bytes, Callable[[int], Untagged]]] = {
    b"EXISTS": Exists,
    b"EXPUNGE": Expunged,
    b"RECENT": Recent,
}
_WHOLE: Final[dict[bytes, Callable[[bytes], Untagged]]] = {
    b"OK": _notice(Status.OK),
    b"NO": _notice(Status.NO),
    b"BAD": _notice(Status.BAD),
    b"BYE": _bye,
    b"SEARCH": _search,
}
_LISTS: Final[dict[bytes, Callable[[list[Token]], Untagged]]] = {
    b"CAPABILITY": lambda values: OfferedCapabilities(_upper_words(values)),
    b"ENABLED": lambda values: Enabled(_upper_words(values)),
    b"ESEARCH": _esearch,
    b"FLAGS": _flags,
    b"ID": _id,
    b"LIST": _list,
    b"LSUB": _list,
    b"NAMESPACE": _namespaces,
    b"STATUS": _status,
    b"VANISHED": _vanished,
    b"XLIST": _list,
}
