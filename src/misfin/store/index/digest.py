"""What the index stores about one message: read once from its bytes, with every value limited in size."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from time import time
from typing import Final

from misfin.model.account import AddressKind, kind_in
from misfin.model.gemtext import preview_of
from misfin.store import evidence
from misfin.store.evidence import Evidence
from misfin.store.index.file_place import SEPARATOR, FilePlace
from misfin.store.index.listing import Meaning, arrival, meaning
from misfin.store.index.threads import message_tokens, pack, people_tokens, split_subject, token
from misfin.store.message.calendar_file import searchable
from misfin.store.message.fields import Person
from misfin.store.message.mime import ParsedMessage, read_message
from misfin.store.message.parts import ReadingRemark, TextKind
from misfin.store.proofs import Proofs
from misfin.valueclass import dataclass

MAX_READ: Final = 4 * 1024 * 1024
"""Bytes read of one file for indexing: enough for an ordinary message and its attachments' names."""

MAX_TEXT: Final = 256 * 1024
"""Characters of a body that are searchable."""

MAX_FIELD: Final = 2000
MAX_SNIPPET: Final = 160
MAX_ADDRESS: Final = 300
MAX_RECIPIENTS: Final = 100
MAX_SNIPPET_FROM: Final = 4000
LINK: Final = re.compile(r"^=>\s*\S|\b(?:https?|gemini|gopher|misfin)://", re.MULTILINE | re.IGNORECASE)
_CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


IsOwn = Callable[[str, str], bool]
"""Whether, for the account in a directory, an address is its own or one of its aliases."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose mail a folder has: the account's directory and address, and its aliases where it has any.

    Without ``proofs`` its messages prove nothing.
    """

    directory: str
    address: str
    is_own: IsOwn | None = None
    proofs: Proofs | None = None

    @property
    def kind(self) -> AddressKind:
        """What the fields of its messages may prove."""
        return kind_in(self.directory)

    def wrote(self, address: str) -> bool:
        """Whether an address is the account's own, or one of its aliases."""
        return address == self.address or (self.is_own is not None and self.is_own(self.directory, address))

    def handed_over(self, data: bytes) -> bytes | None:
        """See :meth:`misfin.store.proofs.Proofs.handed_over`; never in a Misfin account."""
        if self.proofs is None or self.kind is AddressKind.MISFIN:
            return None
        return self.proofs.handed_over(data, self.wrote)


def _sealed(_data: bytes) -> bool:
    """That the fields of a message count, whose seal was looked at already."""
    return True


@dataclass(frozen=True, slots=True)
class Digest:
    """One message to be indexed; the fields are the columns of ``messages`` and ``words``."""

    place: FilePlace
    unread: bool
    starred: bool
    own: bool
    evidence: int
    attachment: bool
    link: bool
    faulty: bool
    date: float
    tiebreak: int
    size: int
    mtime: int
    subject_key: int | None
    unlinked: bool
    own_token: int
    tokens: tuple[int, ...]
    people: bytes
    tags: str
    sender: str
    address: str
    recipients: str
    subject: str
    snippet: str
    body: str
    files: str
    list_id: str


def read_place(folder: Path, place: FilePlace, owner: Owner, keywords: Mapping[str, str]) -> Digest | None:
    """Read one file for the index; None if it is not a message (gone again, or a pipe, a folder …).

    An unreadable file still counts as a message; it is shown as
    unreadable and tried again later.
    """
    name = place.file[4:]
    meant = meaning(name, keywords)
    try:
        # Not blocking: opening a named pipe would wait for its other end.
        handle = os.open(os.fsencode(folder) + b"/" + place.file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        message = ParsedMessage(Person("", ""), subject=f"(this file cannot be read: {error.strerror})")
        return digest_message(message, place, owner, meant, arrival(name), 0, 0, faulty=True)
    try:
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode):
            return None
        data = os.read(handle, min(facts.st_size, MAX_READ))
        when = arrival(name) or facts.st_mtime
        proven = None
        handed = owner.handed_over(data)
        if handed is not None:
            message = read_message(handed, AddressKind.MISFIN, counts=_sealed)
        else:
            counts = None if owner.proofs is None else partial(owner.proofs.counts, name)
            message = read_message(data, owner.kind, size=facts.st_size, counts=counts)
            if owner.kind is AddressKind.MAIL and owner.proofs is not None and facts.st_size <= MAX_READ:
                proven = owner.proofs.of_mail(data)
        return digest_message(
            message, place, owner, meant, when, facts.st_size, facts.st_mtime_ns, proven=proven
        )
    except OSError as error:
        message = ParsedMessage(Person("", ""), subject=f"(this file cannot be read: {error.strerror})")
        return digest_message(message, place, owner, meant, arrival(name), 0, 0, faulty=True)
    finally:
        os.close(handle)


def evidence_of(message: ParsedMessage, account: str) -> Evidence:
    """How it is known who sent a message, from what our receiver recorded on arrival (docs/trust.md §7).

    ``account`` is the address of its account. An e-mail, which is whatever was read for an account of another
    kind, proves nothing.
    """
    if message.misfin is None:
        return Evidence.UNPROVEN
    if message.misfin.written_here and message.sender.address == account:
        return Evidence.VERIFIED
    return evidence.read(message.misfin.verification)


def digest_message(
    message: ParsedMessage,
    place: FilePlace,
    owner: Owner,
    meant: Meaning,
    when: float,
    size: int,
    mtime: int,
    *,
    faulty: bool = False,
    proven: Evidence | None = None,
) -> Digest:
    """What the index stores about a message; ``when`` (Unix seconds) is its date if it has no readable one.

    ``proven`` is what was found out about an e-mail apart from its own words. ``owner`` is the account it was
    read for; ``size`` and ``mtime`` (nanoseconds) are those of its file.
    """
    date = message.date.timestamp() if message.date is not None else min(float(when), time())
    subject = clean(message.subject, MAX_FIELD)
    address = clean(message.sender.address, MAX_ADDRESS)
    key, _ = split_subject(subject)
    tokens, unlinked = linking(message)
    people = people_tokens([message.sender.address, *(person.address for person in message.recipients)])
    return Digest(
        place=place,
        unread=meant.unread,
        starred=meant.starred,
        own=owner.wrote(address),
        evidence=evidence.ORDER.index(proven or evidence_of(message, owner.address)),
        attachment=any(not file.embedded for file in message.attachments),
        link=_has_link(message.text),
        faulty=faulty,
        date=date,
        tiebreak=token(f"{message.message_id} {address} {subject} {message.text[:1000]}"),
        size=size,
        mtime=mtime,
        subject_key=token(key) if key else None,
        unlinked=unlinked,
        own_token=token(message.message_id or f"{date} {address} {subject} {message.text[:1000]}"),
        tokens=tokens,
        people=pack(people),
        tags=meant.tags,
        sender=clean(message.sender.name, MAX_ADDRESS),
        address=address,
        recipients=SEPARATOR.join(
            clean(str(person), 2 * MAX_ADDRESS) for person in message.recipients[:MAX_RECIPIENTS]
        ),
        subject=subject or next((_INSTEAD[remark] for remark in message.remarks if remark in _INSTEAD), ""),
        snippet=_snippet(message),
        body=_searched(message),
        files="\n".join(attachment.name for attachment in message.attachments),
        list_id=clean(message.list_id, MAX_FIELD),
    )


def linking(message: ParsedMessage) -> tuple[tuple[int, ...], bool]:
    """What a message says of its conversation: its tokens, and whether it is a reply that names nothing."""
    answered = [*message.references, message.in_reply_to] if message.in_reply_to else message.references
    key, is_reply = split_subject(clean(message.subject, MAX_FIELD))
    return message_tokens(message.message_id, answered), bool(key) and is_reply and not answered


_INSTEAD: Final = {
    ReadingRemark.EMPTY: "(this file is empty)",
    ReadingRemark.NO_MAIL: "(this file is not mail)",
}
"""Shown as the subject of files that cannot have one."""


def _has_link(text: str) -> bool:
    # The cheap check first: most messages contain neither.
    return ("://" in text or "=>" in text) and LINK.search(text) is not None


def clean(text: str, longest: int) -> str:
    """One line without control characters or lone surrogates, at most ``longest`` characters."""
    text = text[:longest]
    if text.isprintable():  # nearly always, and then nothing is to be done
        return text
    return _CONTROLS.sub(" ", text)


def _searched(message: ParsedMessage) -> str:
    """The text a search looks at: that of the message, and the words of an invitation in it."""
    text = message.text[:MAX_TEXT]
    if message.calendars:
        text = f"{text}\n{searchable(message.calendars)}"[:MAX_TEXT]
    return text


def _snippet(message: ParsedMessage) -> str:
    """The beginning of the text, without quoted lines; of an invitation without one, its title."""
    if message.kind is TextKind.GEMTEXT:
        return clean(preview_of(message.text), MAX_SNIPPET)
    words: list[str] = []
    length = 0
    text = message.text
    if message.calendars and not text.strip():
        text = searchable(message.calendars)
    for line in text[:MAX_SNIPPET_FROM].splitlines():
        if line.startswith(">"):
            if words and words[-1].endswith(":"):
                words.pop()  # "On Monday, Bob wrote:"
        elif line := line.strip():
            if length > MAX_SNIPPET:
                break
            words.append(line)
            length += len(line) + 1
    return clean(" ".join(words), MAX_SNIPPET)
