"""The folder a client has open: what it knows of its messages, and the commands about them."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final

from misfin.email.imap import Token, UidSet
from misfin.email.imap.tokens import MalformedError
from misfin.email.imap.writer import moment
from misfin_tui.demo.imap.mailboxes import HostedMessage, Mailboxes
from misfin_tui.demo.imap.searching import Candidate, Maker, Test, read_criteria, uid_set, word

_BODY: Final = re.compile(rb"BODY(\.PEEK)?\[(|HEADER|TEXT)\](?:<(\d{1,10})\.(\d{1,10})>)?\Z")
Item = Callable[["OpenFolder", HostedMessage], bytes]


class RefusedError(Exception):
    """A command that is answered with NO (or BAD) and this text."""

    def __init__(self, text: str, status: str = "NO") -> None:
        super().__init__(text)
        self.status = status


class OpenFolder:
    """One folder, as one client sees it; ``counting`` says whether MODSEQ is reported (RFC 7162).

    ``items`` are what FETCH and ``keys`` what SEARCH understand beyond the usual.
    """

    def __init__(
        self,
        mailboxes: Mailboxes,
        name: str,
        *,
        counting: bool,
        items: Mapping[bytes, Item] | None = None,
        keys: Mapping[str, Maker] | None = None,
    ) -> None:
        self.folder = mailboxes.folder(name)
        self._mailboxes = mailboxes
        self._counting = counting
        self._items = {**_ITEMS, **(items or {})}
        self._keys = keys or {}
        self._uids: list[int] = []
        self._modseqs: dict[int, int] = {}
        self._note(self._messages())

    def _messages(self) -> Sequence[HostedMessage]:
        return self._mailboxes.messages(self.folder.name)

    def _note(self, messages: Sequence[HostedMessage]) -> None:
        self._uids = [message.uid for message in messages]
        self._modseqs = {message.uid: message.modseq for message in messages}

    def news(self) -> bytes:
        """What has changed since the last report to the client."""
        try:
            now = self._messages()
        except KeyError:
            return b"* BYE The folder is gone\r\n"
        there = {message.uid for message in now}
        gone = [place for place, uid in enumerate(self._uids, 1) if uid not in there]
        said = [b"* %d EXPUNGE\r\n" % place for place in reversed(gone)]
        if any(message.uid not in self._modseqs for message in now):
            said.append(b"* %d EXISTS\r\n" % len(now))
        changed = [each for each in now if self._modseqs.get(each.uid, each.modseq) != each.modseq]
        self._note(now)
        return b"".join([*said, *(self._line(each, [b"UID", b"FLAGS", *self._modseq()]) for each in changed)])

    def _modseq(self) -> list[bytes]:
        return [b"MODSEQ"] if self._counting else []

    def wanted(self, text: bytes) -> list[HostedMessage]:
        """The messages a set of UIDs names. Raises MalformedError."""
        uids = uid_set(text, self._uids)
        return [message for message in self._messages() if message.uid in uids]

    # ---- FETCH

    def fetch(self, rest: Iterator[Token]) -> Iterator[bytes]:
        """The answers to UID FETCH, one by one."""
        found = self.wanted(word(rest))
        asked = next(rest, None)
        items = [item for item in (asked if isinstance(asked, list) else [asked]) if isinstance(item, bytes)]
        if (since := _number_after(rest, b"CHANGEDSINCE")) is not None:
            found = [message for message in found if message.modseq > since]
            items += [b"MODSEQ"]
        items = list(dict.fromkeys([b"UID", *(item.upper() for item in items)]))
        for item in items:
            if item not in self._items and not _BODY.match(item):
                raise MalformedError(f"{item.decode('ascii', 'replace')} cannot be fetched")
        for message in found:
            if any(item.startswith(b"BODY[") for item in items) and "\\Seen" not in message.flags:
                self._mailboxes.set_flags(self.folder.name, message.uid, message.flags | {"\\Seen"})
            yield self._line(message, items)

    def _line(self, message: HostedMessage, items: Collection[bytes]) -> bytes:
        place = 1 + bisect_left(self._uids, message.uid)
        return b"* %d FETCH (%b)\r\n" % (place, b" ".join(self._value(message, item) for item in items))

    def _value(self, message: HostedMessage, item: bytes) -> bytes:
        if item in self._items:
            return item + b" " + self._items[item](self, message)
        found = _BODY.match(item)
        assert found is not None
        data = self.data(message)
        head, blank, text = data.partition(b"\r\n\r\n")
        data = {b"": data, b"HEADER": head + blank, b"TEXT": text}[found[2]]
        origin = b""
        if found[3]:
            start = int(found[3])
            data, origin = data[start : start + int(found[4])], b"<%d>" % start
        return b"BODY[%b]%b {%d}\r\n%b" % (found[2], origin, len(data), data)

    def data(self, message: HostedMessage) -> bytes:
        """The bytes of a message."""
        return self._mailboxes.data(self.folder.name, message.uid)

    # ---- the others

    def store(self, rest: Iterator[Token]) -> Iterator[bytes]:
        """The answers to UID STORE; the last is the code of the OK, empty or MODIFIED."""
        found = self.wanted(word(rest))
        action = next(rest, None)
        unless = None
        if isinstance(action, list):
            unless = _number_after(iter([action]), b"UNCHANGEDSINCE")
            action = next(rest, None)
        named = next(rest, None)
        if not isinstance(action, bytes):
            raise MalformedError("nothing to store")
        values = [each for each in (named if isinstance(named, list) else [named]) if isinstance(each, bytes)]
        flags = {_known(each.decode("utf-8", "replace")) for each in values}
        change = _CHANGES.get(action.upper().removesuffix(b".SILENT"))
        if change is None:
            raise MalformedError("nothing to store")
        left = [each.uid for each in found if unless is not None and each.modseq > unless]
        for message in found:
            if message.uid not in left:
                self._mailboxes.set_flags(self.folder.name, message.uid, change(message.flags, flags))
        silent = action.upper().endswith(b".SILENT")
        uids = {message.uid for message in found} - set(left)
        for message in self._messages():
            if message.uid in uids:
                self._modseqs[message.uid] = message.modseq
                items = [b"UID", *([] if silent else [b"FLAGS"]), *self._modseq()]
                if len(items) > 1:
                    yield self._line(message, items)
        yield b"[MODIFIED %b] " % bytes(UidSet(left)) if left else b""

    def search(self, rest: Iterator[Token]) -> tuple[UidSet, bool]:
        """What UID SEARCH finds, and whether the short form was asked for (RFC 4731)."""
        values = list(rest)
        short = values[:1] == [b"RETURN"]
        test: Test = read_criteria(values[2:] if short else values, self._uids, self._keys)
        name = self.folder.name
        return UidSet(
            message.uid
            for message in self._messages()
            if test(Candidate(message, partial(self._mailboxes.data, name, message.uid)))
        ), short

    def copy(self, text: bytes, to: str, *, move: bool = False) -> list[tuple[int, int]]:
        """Copy or move; the old and new UIDs."""
        uids = [message.uid for message in self.wanted(text)]
        return self._mailboxes.copy(self.folder.name, uids, to, move=move)

    def expunge(self, text: bytes) -> None:
        """Remove those of these messages that are marked as deleted (RFC 4315)."""
        marked = [message.uid for message in self.wanted(text) if "\\Deleted" in message.flags]
        self._mailboxes.remove(self.folder.name, marked)


def _number_after(rest: Iterator[Token], name: bytes) -> int | None:
    """The number behind a word in the next list, if that is what comes."""
    value = next(rest, None)
    match value:
        case [bytes() as found, bytes() as number] if found.upper() == name and number.isdigit():
            return int(number)
    return None


def _known(flag: str) -> str:
    return f"\\{flag[1:].capitalize()}" if flag.startswith("\\") else flag


def _date(_folder: OpenFolder, message: HostedMessage) -> bytes:
    return moment(datetime.fromtimestamp(message.received, UTC))


_ITEMS: Final[dict[bytes, Item]] = {
    b"UID": lambda _, message: b"%d" % message.uid,
    b"FLAGS": lambda _, message: b"(" + " ".join(sorted(message.flags)).encode() + b")",
    b"RFC822.SIZE": lambda _, message: b"%d" % message.size,
    b"INTERNALDATE": _date,
    b"MODSEQ": lambda _, message: b"(%d)" % message.modseq,
}
_CHANGES: Final[dict[bytes, Callable[[frozenset[str], set[str]], Collection[str]]]] = {
    b"FLAGS": lambda _, new: new,
    b"+FLAGS": lambda old, new: old | new,
    b"-FLAGS": lambda old, new: old - new,
}
