"""Gmail as its documentation and its users describe it: one store of messages; folders are labels."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from misfin.email.imap.values import Token
from misfin.post.sync.identify import header_block, message_id
from misfin_tui.demo.imap.mailboxes import HostedFolder, HostedMessage, Mailboxes, NewHosted
from misfin_tui.demo.imap.opened import OpenFolder
from misfin_tui.demo.imap.searching import Candidate, Test, contents, word
from misfin_tui.demo.imap.session import ImapSession

ALL, SENT, TRASH, SPAM = "[Gmail]/All Mail", "[Gmail]/Sent Mail", "[Gmail]/Trash", "[Gmail]/Spam"
_FOLDERS = {
    "INBOX": "",
    "[Gmail]": "\\Noselect \\HasChildren",
    ALL: "\\All",
    "[Gmail]/Drafts": "\\Drafts",
    "[Gmail]/Important": "\\Important",
    SENT: "\\Sent",
    SPAM: "\\Junk",
    "[Gmail]/Starred": "\\Flagged",
    TRASH: "\\Trash",
}
_LABEL = {"INBOX": "\\Inbox", SENT: "\\Sent", "[Gmail]/Drafts": "\\Draft", "[Gmail]/Important": "\\Important"}
OFFERS = (
    "IMAP4rev1", "UNSELECT", "IDLE", "NAMESPACE", "ID", "XLIST", "X-GM-EXT-1", "UIDPLUS", "ENABLE", "MOVE",
    "CONDSTORE", "ESEARCH", "LIST-EXTENDED", "LIST-STATUS", "LITERAL-", "SPECIAL-USE", "AUTH=PLAIN",
    "SASL-IR",
)  # fmt: skip


@dataclass
class Stored:
    """A message, wherever it is shown."""

    number: int
    data: bytes
    flags: frozenset[str]
    received: int
    labels: set[str] = field(default_factory=set)
    """Names of folders; none of a message that is archived."""
    uids: dict[str, int] = field(default_factory=dict)
    modseqs: dict[str, int] = field(default_factory=dict)


class GmailMailboxes(Mailboxes):
    """``counts_labels``: a label that is given or taken counts as a change of All Mail."""

    def __init__(self, labels: Collection[str] = (), *, counts_labels: bool = False) -> None:
        self.names = {**_FOLDERS, **dict.fromkeys(labels, "")}
        self.nexts = dict.fromkeys(self.names, 1)
        self.stored: list[Stored] = []
        super().__init__(None)
        self.counts_labels = counts_labels
        self.modseq = 1
        self.numbers = itertools.count(1_500_000_000_000_000_000)

    def folders(self) -> Sequence[HostedFolder]:
        return [
            HostedFolder(name, use, 7, self.nexts[name], self._highest(name))
            for name, use in self.names.items()
        ]

    def folder(self, name: str) -> HostedFolder:
        return {folder.name: folder for folder in self.folders()}[name]

    def _highest(self, name: str) -> int:
        return max((each.modseqs[name] for each in self.stored if name in each.modseqs), default=1)

    def _in(self, name: str) -> list[Stored]:
        found = [each for each in self.stored if name in each.uids]
        return sorted(found, key=lambda each: each.uids[name])

    def messages(self, name: str) -> Sequence[HostedMessage]:
        return [
            HostedMessage(each.uids[name], each.flags, each.received, each.modseqs[name], len(each.data))
            for each in self._in(name)
        ]

    def _at(self, name: str, uid: int) -> Stored | None:
        return next((each for each in self._in(name) if each.uids[name] == uid), None)

    def data(self, name: str, uid: int) -> bytes:
        found = self._at(name, uid)
        return found.data if found else b""

    def add(self, messages: Iterable[NewHosted]) -> list[int]:
        return [self._added(each) for each in messages]

    def _added(self, new: NewHosted) -> int:
        name = message_id(header_block(new.data))
        known = next(
            (each for each in self.stored if name and message_id(header_block(each.data)) == name), None
        )
        if known is None:
            known = Stored(next(self.numbers), new.data, frozenset(new.flags), int(new.received))
            self.stored.append(known)
        self.label(known, new.folder)
        return known.uids[new.folder]

    def label(self, message: Stored, name: str) -> None:
        """Show a message in a folder; in Trash and Spam it is nowhere else."""
        if name in (TRASH, SPAM):
            for each in list(message.uids):
                self._hide(message, each)
            message.labels = {name}
            self._show(message, name)
            return
        for each in (TRASH, SPAM):
            self._hide(message, each)
            message.labels.discard(each)
        self._show(message, ALL)
        if name != ALL:
            message.labels.add(name)
            self._show(message, name)
            self._relabelled(message)

    def unlabel(self, message: Stored, name: str) -> None:
        """Take a label away."""
        message.labels.discard(name)
        self._hide(message, name)
        self._relabelled(message)

    def _relabelled(self, message: Stored) -> None:
        if self.counts_labels and ALL in message.modseqs:
            self.modseq += 1
            message.modseqs[ALL] = self.modseq

    def _show(self, message: Stored, name: str) -> None:
        if name not in message.uids:
            message.uids[name], self.nexts[name] = self.nexts[name], self.nexts[name] + 1
            self.modseq += 1
            message.modseqs[name] = self.modseq

    def _hide(self, message: Stored, name: str) -> None:
        message.uids.pop(name, None)
        message.modseqs.pop(name, None)

    def set_flags(self, name: str, uid: int, flags: Collection[str]) -> None:
        found = self._at(name, uid)
        assert found is not None
        found.flags = frozenset(flags)
        self.modseq += 1
        found.modseqs = dict.fromkeys(found.modseqs, self.modseq)

    def copy(self, name: str, uids: Iterable[int], to: str, *, move: bool = False) -> list[tuple[int, int]]:
        pairs = []
        for uid in uids:
            found = self._at(name, uid)
            if found is not None:
                self.label(found, to)
                pairs.append((uid, found.uids[to]))
                if move and name not in (to, ALL):
                    self.unlabel(found, name)
        return pairs

    def remove(self, name: str, uids: Iterable[int]) -> None:
        for uid in uids:
            found = self._at(name, uid)
            if found is None or name == ALL:  # expunging there does nothing
                continue
            if name in (TRASH, SPAM):
                self.stored.remove(found)
            else:
                self.unlabel(found, name)

    def create(self, name: str) -> None:
        if name in self.names:
            raise FileExistsError(name)
        self.names[name], self.nexts[name] = "", 1

    def rename(self, name: str, new: str) -> None:
        raise NotImplementedError


def _labels(folder: OpenFolder, message: HostedMessage) -> bytes:
    mailboxes, name = folder._mailboxes, folder.folder.name
    assert isinstance(mailboxes, GmailMailboxes)
    found = mailboxes._at(name, message.uid)
    assert found is not None
    shown = sorted(_LABEL.get(each, each) for each in found.labels if each != name)
    return b"(" + b" ".join(b'"%b"' % each.replace("\\", "\\\\").encode() for each in shown) + b")"


def _number(folder: OpenFolder, message: HostedMessage) -> bytes:
    mailboxes = folder._mailboxes
    assert isinstance(mailboxes, GmailMailboxes)
    found = mailboxes._at(folder.folder.name, message.uid)
    assert found is not None
    return b"%d" % found.number


def _raw(rest: Iterator[Token]) -> Test:
    words = word(rest).decode().casefold().split()

    def test(candidate: Candidate) -> bool:
        text = contents(candidate).casefold()
        return all(each.strip('"') in text for each in words)

    return test


class GmailSession(ImapSession):
    """A client's session with Gmail."""

    offers = OFFERS

    def __init__(self, mailboxes: Mailboxes, login: Callable[[str, str], bool]) -> None:
        super().__init__(mailboxes, login)

    def opened(self, name: str) -> OpenFolder:
        items = {b"X-GM-LABELS": _labels, b"X-GM-MSGID": _number}
        return OpenFolder(self.mailboxes, name, counting=True, items=items, keys={"X-GM-RAW": _raw})
