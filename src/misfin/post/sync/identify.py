"""Tells which message is which: hashes that are the same on both sides, matched one to one (docs/sync.md §4).

A Message-ID is whatever its author wrote, and two messages may share one. So what decides is the whole
header block, which the server cannot help but send as it is; Message-ID and size decide only between copies
this program has put there itself, or knew before the server numbered everything again.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from misfin.post.sync.lineends import digest_of, sent_bytes, sent_size

HEAD_LIMIT: Final = 256 * 1024
"""Bytes of a header block that are looked at."""
_WHOLE: Final = 4 << 20
"""Bytes up to which a message is read at once."""
_END: Final = re.compile(rb"\r?\n\r?\n")
_MESSAGE_ID: Final = re.compile(
    rb"^message-id[ \t]*:((?:[^\n]*)(?:\n[ \t][^\n]*)*)", re.IGNORECASE | re.MULTILINE
)
_WRITTEN: Final = re.compile(
    rb"^(?:message-id|date|from|subject)[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*", re.IGNORECASE | re.MULTILINE
)
_ANGLE: Final = re.compile(rb"<[^<>\s\x00-\x1f\x7f]{1,900}>")


class Facts(NamedTuple):
    """What tells a message from others; empty or 0 where it is unknown.

    ``msgid``: hash of its Message-ID, with the fields its author wrote beside it. ``head``: SHA-256 of its
    header block in CRLF. ``size``: bytes with CRLF, or what the server says. ``digest``: SHA-256 of the bytes
    as stored. ``lasting``: the server's id for it, whatever folder it is in.
    """

    msgid: bytes = b""
    head: bytes = b""
    size: int = 0
    digest: bytes = b""
    lasting: str = ""


UNKNOWN: Final = Facts()


def facts_of_head(head: bytes, size: int | None = None) -> Facts:
    """What the header block of a message tells, however its lines end."""
    import hashlib  # late: it loads OpenSSL, and the app only reads what was found out

    block = header_block(sent_bytes(head))
    return Facts(msgid_hash(block), hashlib.sha256(block).digest() if block else b"", size or 0)


def facts_of(data: bytes) -> Facts:
    """The facts of a stored message."""
    import hashlib  # late: as above

    whole = sent_bytes(data)
    return facts_of_head(whole[:HEAD_LIMIT], len(whole))._replace(digest=hashlib.sha256(data).digest())


def facts_of_file(path: Path) -> Facts:
    """The facts of a stored message, which may be large. Raises :class:`OSError`."""
    with path.open("rb") as file:
        data = file.read(_WHOLE)
        if len(data) < _WHOLE:
            return facts_of(data)
        file.seek(0)
        size = sent_size(file)
        file.seek(0)
        head = sent_bytes(data[:HEAD_LIMIT])[:HEAD_LIMIT]
        return facts_of_head(head, size)._replace(digest=digest_of(file))


def header_block(data: bytes) -> bytes:
    """What is before the first empty line, without the line end before it; empty where that is the first."""
    if data.startswith((b"\n", b"\r\n")):
        return b""
    found = _END.search(data, 0, HEAD_LIMIT)
    return data[: found.start()] if found else data[:HEAD_LIMIT].rstrip(b"\r\n")


def message_id(block: bytes) -> str:
    """The Message-ID with its angle brackets, empty if there is none; a stranger's text, without controls."""
    found = _MESSAGE_ID.search(block)
    angle = _ANGLE.search(found[1]) if found else None
    return angle[0].decode("utf-8", "replace") if angle else ""


def msgid_hash(block: bytes) -> bytes:
    """16 bytes that stand for a Message-ID; empty where there is none.

    Date, From and Subject count too: a server that adds fields leaves these alone, and two messages that
    share a Message-ID mostly differ in them.
    """
    if not message_id(block):
        return b""
    import hashlib  # late: as above

    fields = sorted(b"".join(found[0].split()) for found in _WRITTEN.finditer(block))
    return hashlib.sha256(b"\n".join(fields)).digest()[:16]


_A = TypeVar("_A")
_B = TypeVar("_B")


def match(
    ours: Iterable[tuple[_A, Facts]],
    theirs: Iterable[tuple[_B, Facts]],
    ways: Sequence[Callable[[Facts], Hashable]],
) -> Iterator[tuple[_A, _B]]:
    """Pair what is the same message on both sides, one to one and in order; one way after the other.

    Two with different lasting ids are never the same, whatever else they have in common.
    """
    left, right = list(ours), list(theirs)
    for way in ways:
        if not left or not right:
            return
        by_value: defaultdict[Hashable, deque[int]] = defaultdict(deque)
        for at, (_, facts) in enumerate(right):
            if value := way(facts):
                by_value[value].append(at)
        used: set[int] = set()
        unmatched: list[tuple[_A, Facts]] = []
        for mine, facts in left:
            value = way(facts)
            places = by_value.get(value, ()) if value else ()
            at = next((at for at in places if _may_be(facts, right[at][1])), -1)
            if at >= 0:
                by_value[value].remove(at)
                used.add(at)
                yield mine, right[at][0]
            else:
                unmatched.append((mine, facts))
        left, right = unmatched, [each for at, each in enumerate(right) if at not in used]


def _may_be(one: Facts, other: Facts) -> bool:
    return not (one.lasting and other.lasting) or one.lasting == other.lasting


def _lasting(facts: Facts) -> Hashable:
    return facts.lasting


def head_and_size(facts: Facts) -> Hashable:
    """Its header block and its size, where both are known."""
    return facts.head and facts.size and (facts.head, facts.size)


def _head(facts: Facts) -> Hashable:
    return facts.head


def _msgid_and_size(facts: Facts) -> Hashable:
    return facts.msgid and facts.size and (facts.msgid, facts.size)


def _msgid(facts: Facts) -> Hashable:
    return facts.msgid


EXACT: Final = (_lasting, head_and_size)
"""For drafts, where one header block may stand above two versions of a text."""
SAME: Final = (_lasting, head_and_size, _head)
"""For messages that may have nothing to do with each other. Some servers guess sizes."""
CHANGED: Final = (_lasting, _msgid_and_size, _msgid)
"""For what is left of messages that were on this server before, or that we put there: some servers change the
header block. Only when everything else has found its counterpart."""
