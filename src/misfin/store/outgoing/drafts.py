"""Messages being written, as files in the account's Drafts folder: saved whole, never half, never lost.

A draft is an RFC 5322 message that any mail program shows. What a person typed is kept exactly, half an
address included, in one field of its own. Each save is a new file; the one before is removed only once the
new one is on disk, so after a crash there may be two, and the newer counts. Attached files, and a message
that is forwarded, are kept beside the drafts (attachments.py): a draft holds their keys.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from misfin.errors import MessageGoneError, StoreError
from misfin.model.folders import DRAFTS
from misfin.store.mail.filenames import LOCAL_ONLY
from misfin.store.mail.maildir import Entry, Maildir, MailStore, NewMessage, unique_name
from misfin.store.message.envelope import build
from misfin.store.message.headers import (
    address_field,
    format_date,
    id_field,
    text_field,
    verbatim_field,
    verbatim_value,
)
from misfin.store.outgoing.attachments import AttachedFile, AttachmentFiles, is_key, key_of
from misfin.store.outgoing.draft_fields import is_whole, mark_of, people, writes_gemtext
from misfin.valueclass import dataclass

_FLAGS = "DS"  # Maildir's "draft" and "seen": a draft is never unread mail
_FIELD = b"Misfin-Draft"
_OURS = re.compile(rb"^Misfin-Draft:(.*(?:\n[ \t].*)*)", re.MULTILINE)
_ID = re.compile(r"[0-9a-f]{16}")
_KEY = re.compile(rf"\.D({_ID.pattern})(?:\.L)?$")


class SendProtection(StrEnum):
    """How a message is to be protected when it is sent."""

    NONE = ""
    SIGN = "sign"
    ENCRYPT = "encrypt"
    """And signed."""
    SMIME = "smime"  # signed; the others are OpenPGP


class Purpose(StrEnum):
    """What a message is written for."""

    NEW = "new"
    REPLY = "reply"
    FORWARD = "forward"


@dataclass(frozen=True, slots=True)
class Draft:
    """A message being written. ``id`` stays through all saves and is empty before the first.

    ``to``, ``cc`` and ``bcc`` are what was typed, one item per recipient, not necessarily an address yet.
    ``attachments`` are files already copied into the profile. ``forwards`` is a stored gemmail to be passed
    on untouched; subject and body are then only shown. ``sender`` is the address in From where that is not
    the account's own but one of its aliases. ``send_at`` is when to send it, 0 for at once. Times are Unix
    seconds. One that is to be encrypted stays on this computer: the key of its file says so.
    """

    id: str = ""
    account: str = ""
    to: tuple[str, ...] = ()
    subject: str = ""
    body: str = ""
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    forwards: bytes | None = None
    modified: float = 0.0
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    attachments: tuple[AttachedFile, ...] = ()
    sender: str = ""
    send_at: float = 0.0
    protection: SendProtection = SendProtection.NONE
    purpose: Purpose = Purpose.NEW

    @property
    def empty(self) -> bool:
        """Whether nothing is in it that a person would miss."""
        people = (*self.to, *self.cc, *self.bcc)
        return not (
            self.subject.strip() or self.body.strip() or any(people) or self.forwards or self.attachments
        )

    def files(self) -> tuple[str, ...]:
        """The keys of the files kept beside it."""
        forwarded = () if self.forwards is None else (key_of(self.forwards),)
        return (*(file.key for file in self.attachments), *forwarded)


class DraftBox:
    """The drafts of all accounts. Every method raises :class:`StoreError` when the disk refuses.

    ``files`` is where attached files are kept; by default a folder beside that of the mail. ``author`` gives
    the display name and address of an account by its directory, for drafts that are not an alias's.
    """

    def __init__(
        self,
        store: MailStore,
        files: AttachmentFiles | None = None,
        author: Callable[[str], tuple[str, str]] = lambda account: ("", account),
    ) -> None:
        self._store = store
        self._author = author
        self.files = files or AttachmentFiles(store.root.parent / "attachments")

    def save(self, draft: Draft, *, now: float) -> Draft:
        """Put the draft on disk durably; returns it with its id and time of saving.

        It takes the place of the save it was made from, which its ``modified`` tells. If a newer one
        was saved meanwhile, in another window, both stay: this one gets an id of its own.
        """
        there = self._entries(draft.id)
        before = [pair for pair in there if not draft.modified or self._modified(*pair) <= draft.modified]
        own = len(before) == len(there) and _ID.fullmatch(draft.id)
        kept = draft.id if own else ""  # that of another program's draft is the name of its file
        saved = replace(draft, id=kept or os.urandom(8).hex(), modified=now)
        folder = self._folder(saved.account)
        if not folder.exists():
            self._store.create(saved.account)
        if saved.forwards is not None:
            self.files.add_bytes(saved.forwards)
        local = LOCAL_ONLY if saved.protection is SendProtection.ENCRYPT else ""
        key = f"{unique_name(now)}.D{saved.id}{local}"
        data = to_bytes(saved, self._author(saved.account))
        folder.deliver_many([NewMessage(data, _FLAGS, key=key)], now=now)
        for old, entry in before:
            _remove(old, entry)
        return saved

    def load(self, draft_id: str) -> Draft:
        """The draft with this id, or with this Maildir key (a row of the index has only that).

        Raises :class:`MessageGoneError` where there is none.
        """
        for folder, entry in self._entries(_id_of(draft_id)):
            try:
                return self._read(folder, entry)
            except MessageGoneError:
                continue
        raise MessageGoneError("The draft is no longer there.")

    def all(self) -> list[Draft]:
        """Every draft, the last saved first."""
        found: dict[str, Draft] = {}
        for account in self._store.accounts():
            folder = self._folder(account)
            for entry in folder.list():
                try:
                    draft = self._read(folder, entry)
                except StoreError:  # gone by now, or its file is missing, which opening it says
                    continue
                if draft.id not in found or found[draft.id].modified < draft.modified:
                    found[draft.id] = draft
        return sorted(found.values(), key=lambda draft: draft.modified, reverse=True)

    def discard(self, draft_id: str) -> None:
        """Delete a draft for good; one that is not there is no error."""
        for folder, entry in self._entries(_id_of(draft_id)):
            _remove(folder, entry)

    def attachments(self) -> set[str]:
        """The keys of all files that some draft needs, those in the trash and other folders included."""
        found: set[str] = set()
        for account in self._store.accounts():
            for name in self._store.folders(account):
                folder = self._store.folder(account, name)
                for entry in folder.list():
                    if _KEY.search(entry.key):
                        try:
                            found.update(_files_of(folder.read(entry.key)))
                        except MessageGoneError:
                            continue
        return found

    def _folder(self, account: str) -> Maildir:
        return self._store.folder(account, DRAFTS)

    def _entries(self, draft_id: str) -> list[tuple[Maildir, Entry]]:
        """The files of one draft, newest first: more than one after a crash, or a change of account."""
        found = [
            (folder, entry)
            for account in self._store.accounts()
            for folder in [self._folder(account)]
            for entry in folder.list()
            if draft_id and _id_of(entry.key) == draft_id
        ]
        return sorted(found, key=lambda pair: pair[1].name, reverse=True)

    def _modified(self, folder: Maildir, entry: Entry) -> float:
        try:
            data = folder.read(entry.key)
        except MessageGoneError:
            return 0.0
        draft = from_bytes(data)
        return _written(entry) if draft is None else draft.modified

    def _read(self, folder: Maildir, entry: Entry) -> Draft:
        data = folder.read(entry.key)
        draft = from_bytes(data, self.files.read)
        if draft is None or _changed_elsewhere(data, draft, self.files):
            from misfin.store.outgoing.continuing import continued  # late: for drafts of other programs

            found = continued(data, self.files, ours=draft is not None)
            # What no other program shows is as we wrote it.
            draft = draft or Draft(purpose=Purpose.REPLY if found["in_reply_to"] else Purpose.NEW)
            draft = replace(draft, **found, modified=_written(entry))
        # The file's place is the truth: another program may have copied it to another account.
        return replace(draft, id=_id_of(entry.key), account=folder.path.parent.name)


def to_bytes(draft: Draft, author: tuple[str, str] | None = None) -> bytes:
    """A draft as an RFC 5322 message; :func:`from_bytes` gives it back exactly.

    ``author``: the name and address of its account, for a draft that other programs may change.
    """
    shown = draft.body.encode("utf-8", "replace").decode()
    exact = shown == draft.body and "\r" not in shown  # half a character, or line ends, would not survive
    fields = fields_of(draft, author)
    facts = facts_of(draft) | ({} if exact else {"body": draft.body})
    whole = build(fields, shown, gemtext=writes_gemtext(draft.account))
    if author is not None:
        facts["shown"] = mark_of(whole)
    return b"".join([*fields, own_field(facts), whole[len(b"".join(fields)) :]])


def own_field(facts: dict[str, Any]) -> bytes:
    """The field that keeps what was typed."""
    return verbatim_field(_FIELD.decode(), json.dumps(facts).encode())


def facts_of(draft: Draft) -> dict[str, Any]:
    """What a draft's own field says, where its body can be read from the message."""
    return {
        "id": draft.id,
        "account": draft.account,
        "to": draft.to,
        "subject": draft.subject,
        "in_reply_to": draft.in_reply_to,
        "references": draft.references,
        "modified": draft.modified,
        "body": None,
        "forwards": None,  # where release 0.1 kept the forwarded message itself, and looks for it
        "cc": draft.cc,
        "bcc": draft.bcc,
        "attachments": [[file.key, file.name, file.size] for file in draft.attachments],
        "forwards_file": "" if draft.forwards is None else key_of(draft.forwards),
        "sender": draft.sender,
        "send_at": draft.send_at,
        "protection": draft.protection,
        "purpose": draft.purpose.value,
    }


def fields_of(draft: Draft, author: tuple[str, str] | None) -> list[bytes]:
    """The header fields that other programs read."""
    own = [author] if author and not draft.sender and "@" in author[1] else []
    return [
        address_field("From", own or people((draft.sender or draft.account,))),
        address_field("To", people(draft.to)),
        address_field("Cc", people(draft.cc)),
        address_field("Bcc", people(draft.bcc)),
        b"Date: %s\n" % format_date(datetime.fromtimestamp(draft.modified, UTC)).encode(),
        text_field("Subject", draft.subject),
        id_field("In-Reply-To", [draft.in_reply_to]),
        id_field("References", draft.references[-20:]),
    ]


def from_bytes(data: bytes, read: Callable[[str], bytes] | None = None) -> Draft | None:
    """The draft in a message written by :func:`to_bytes`, or None for any other message.

    ``read`` gives the content of a file by its key, for a forwarded message; without it ``forwards`` stays
    None. Raises what ``read`` raises.
    """
    facts, body = _facts_of(data)
    if facts is None:
        return None
    try:
        forwards = None if facts["forwards"] is None else base64.b64decode(facts["forwards"])
        file = str(facts.get("forwards_file", ""))
        draft = Draft(
            id=str(facts["id"]),
            account=str(facts["account"]),
            to=_texts(facts["to"]),
            subject=str(facts["subject"]),
            body=body if facts["body"] is None else str(facts["body"]),
            in_reply_to=str(facts["in_reply_to"]),
            references=_texts(facts["references"]),
            forwards=forwards,
            modified=float(facts["modified"]),
            cc=_texts(facts.get("cc", ())),
            bcc=_texts(facts.get("bcc", ())),
            attachments=_attachments(facts.get("attachments", ())),
            sender=str(facts.get("sender", "")),
            send_at=float(facts.get("send_at", 0.0)),
            protection=SendProtection(str(facts.get("protection", ""))),
            purpose=_purpose(facts),
        )
    except (ValueError, KeyError, TypeError):
        return None
    return replace(draft, forwards=read(file)) if file and read is not None else draft


def _purpose(facts: dict[str, Any]) -> Purpose:
    """As it was kept; release 0.1 kept only what follows from it."""
    if "purpose" in facts:
        return Purpose(facts["purpose"])
    if facts["forwards"] is not None:
        return Purpose.FORWARD
    return Purpose.REPLY if facts["in_reply_to"] else Purpose.NEW


def _facts_of(data: bytes) -> tuple[dict[str, Any] | None, str]:
    """What a draft's own field says, and the text of its body; None where the field is missing or broken."""
    head, _, body = data.partition(b"\n\n")
    if b"\r\n" in head:  # stored again by another program
        head, _, body = data.replace(b"\r\n", b"\n").partition(b"\n\n")
    found = _OURS.search(head)
    if not found:
        return None, ""
    try:
        facts = json.loads(verbatim_value(found[1]))
        if b"quoted-printable" in head.lower():
            body = binascii.a2b_qp(body)
    except ValueError:
        return None, ""
    return (facts if isinstance(facts, dict) else None), body.decode("utf-8", "replace")


def _changed_elsewhere(data: bytes, draft: Draft, files: AttachmentFiles) -> bool:
    """Whether another program has changed a draft of ours, or its files are not in this profile."""
    plain = data.replace(b"\r\n", b"\n")
    facts, _ = _facts_of(data)
    mark = facts.get("shown") if facts else None
    if mark is None:
        return False  # written by release 0.1
    return mark != mark_of(plain) or (is_whole(data) and not all(map(files.has, draft.files())))


def _files_of(data: bytes) -> set[str]:
    facts, _ = _facts_of(data)
    if facts is None:
        return set()
    found = {str(facts.get("forwards_file", ""))}
    with suppress(ValueError, TypeError):
        found |= {file.key for file in _attachments(facts.get("attachments", ()))}
    return set(filter(None, found))


def _attachments(found: Any) -> tuple[AttachedFile, ...]:
    files = tuple(AttachedFile(str(key), str(name), int(size)) for key, name, size in found)
    if not all(is_key(file.key) for file in files):
        raise ValueError("not a key")
    return files


def _texts(found: Any) -> tuple[str, ...]:
    return tuple(map(str, found))


def _written(entry: Entry) -> float:
    try:
        return entry.path.stat().st_mtime
    except OSError:
        return 0.0


def is_draft_key(key: str) -> bool:
    """Whether a draft of ours was saved under this name."""
    return bool(_KEY.search(key))


def _id_of(key: str) -> str:
    found = _KEY.search(key)
    return found[1] if found else key


def _remove(folder: Maildir, entry: Entry) -> None:
    try:
        folder.remove(entry.key)
    except MessageGoneError:
        return
