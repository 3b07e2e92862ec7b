"""Messages being written, as files in the account's Drafts folder: saved whole, never half, never lost.

A draft is an RFC 5322 message that any mail program shows. What a person typed is kept exactly, half an
address included, in one field of its own. Each save is a new file; the one before is removed only once the
new one is on disk, so after a crash there may be two, and the newer counts.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from misfin.errors import AddressError, MessageGoneError
from misfin.model.address import MisfinAddress
from misfin.model.folders import DRAFTS
from misfin.model.gemmail import GemmailMessage
from misfin.model.gemtext import compose
from misfin.model.replies import forward_bytes, outgoing_recipients
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

_FLAGS = "DS"  # Maildir's "draft" and "seen": a draft is never unread mail
_FIELD = b"Misfin-Draft"
_OURS = re.compile(rb"^Misfin-Draft:(.*(?:\n[ \t].*)*)", re.MULTILINE)
_KEY = re.compile(r"\.D([0-9a-f]{16})$")


@dataclass(frozen=True, slots=True)
class Draft:
    """A message being written. ``id`` stays through all saves and is empty before the first.

    ``to`` is what was typed, one item per recipient, not necessarily an address yet. ``forwards`` is a stored
    gemmail to be passed on untouched; subject and body are then only shown. ``modified`` is Unix seconds.
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

    @property
    def empty(self) -> bool:
        """Nothing in it that a person would miss."""
        return not (self.subject.strip() or self.body.strip() or any(self.to) or self.forwards)

    def recipients(self) -> tuple[MisfinAddress, ...]:
        """The addresses to send to, each mailbox once; raises :class:`AddressError` for one that is none."""
        found: dict[tuple[str, str], MisfinAddress] = {}
        for text in self.to:
            if text.strip():
                address = MisfinAddress.parse(text)
                found.setdefault(address.key, address)
        if not found:
            raise AddressError("The message has no recipient.", remedy="Write an address in the To line.")
        return tuple(found.values())

    def gemmail(self) -> bytes:
        """The message as it leaves, in the Misfin(C) form, the same for every recipient.

        See docs/protocol.md §3.2.

        The sender and time lines are blank, the receiving server fills them; so is the line of recipients for
        a single one. A forwarded message goes out as it was received. Raises :class:`AddressError`, and
        :class:`GemmailError` for what no gemmail can hold.
        """
        recipients = self.recipients()
        if self.forwards is not None:
            return forward_bytes(self.forwards)
        body = compose(self.subject, self.body)
        return GemmailMessage(recipients=outgoing_recipients(recipients), body=body).to_bytes()


class DraftBox:
    """The drafts of all accounts. Every method raises :class:`StoreError` when the disk refuses."""

    def __init__(self, store: MailStore) -> None:
        self._store = store

    def save(self, draft: Draft, *, now: float) -> Draft:
        """Put the draft on disk durably; returns it with its id and time of saving.

        It takes the place of the save it was made from, which its ``modified`` tells. Where a newer one
        stands by now, written in another window, both stay: this one gets an id of its own.
        """
        there = self._entries(draft.id)
        before = [pair for pair in there if not draft.modified or self._modified(*pair) <= draft.modified]
        kept = draft.id if len(before) == len(there) else ""
        saved = replace(draft, id=kept or secrets.token_hex(8), modified=now)
        folder = self._folder(saved.account)
        if not folder.exists():
            self._store.create(saved.account)
        key = f"{unique_name(now)}.D{saved.id}"
        folder.deliver_many([NewMessage(to_bytes(saved), _FLAGS, key=key)], now=now)
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
                except MessageGoneError:
                    continue
                if draft.id not in found or found[draft.id].modified < draft.modified:
                    found[draft.id] = draft
        return sorted(found.values(), key=lambda draft: draft.modified, reverse=True)

    def discard(self, draft_id: str) -> None:
        """Delete a draft for good; one that is not there is no error."""
        for folder, entry in self._entries(_id_of(draft_id)):
            _remove(folder, entry)

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
            return self._read(folder, entry).modified
        except MessageGoneError:
            return 0.0

    def _read(self, folder: Maildir, entry: Entry) -> Draft:
        data = folder.read(entry.key)
        draft = from_bytes(data)
        if draft is None:
            draft = _foreign(data, entry)
        # Where a file lies is the truth: another program may have copied it to another account.
        return replace(draft, id=_id_of(entry.key), account=folder.path.parent.name)


def to_bytes(draft: Draft) -> bytes:
    """A draft as an RFC 5322 message; :func:`from_bytes` gives it back exactly."""
    facts = {
        "id": draft.id,
        "account": draft.account,
        "to": draft.to,
        "subject": draft.subject,
        "in_reply_to": draft.in_reply_to,
        "references": draft.references,
        "modified": draft.modified,
        "body": None,
        "forwards": None if draft.forwards is None else base64.b64encode(draft.forwards).decode(),
    }
    shown = draft.body.encode("utf-8", "replace").decode()
    if shown != draft.body or "\r" in shown:
        facts["body"] = draft.body  # half a character, or line ends that do not survive as a body
    people = [address for text in draft.to if (address := _address(text)) is not None]
    sender = _address(draft.account)
    fields = [
        address_field("From", [(sender.blurb, sender.address)] if sender else []),
        address_field("To", [(one.blurb, one.address) for one in people]),
        b"Date: %s\n" % format_date(datetime.fromtimestamp(draft.modified, UTC)).encode(),
        text_field("Subject", draft.subject),
        id_field("In-Reply-To", [draft.in_reply_to]),
        id_field("References", draft.references[-20:]),
        verbatim_field(_FIELD.decode(), json.dumps(facts).encode()),
    ]
    return build(fields, shown)


def from_bytes(data: bytes) -> Draft | None:
    """The draft in a message written by :func:`to_bytes`, or None for any other message."""
    head, _, body = data.partition(b"\n\n")
    if b"\r\n" in head:  # stored again by another program
        head, _, body = data.replace(b"\r\n", b"\n").partition(b"\n\n")
    found = _OURS.search(head)
    if not found:
        return None
    try:
        facts: dict[str, Any] = json.loads(verbatim_value(found[1]))
        if b"quoted-printable" in head.lower():
            body = binascii.a2b_qp(body)
        return Draft(
            id=str(facts["id"]),
            account=str(facts["account"]),
            to=tuple(map(str, facts["to"])),
            subject=str(facts["subject"]),
            body=body.decode("utf-8", "replace") if facts["body"] is None else str(facts["body"]),
            in_reply_to=str(facts["in_reply_to"]),
            references=tuple(map(str, facts["references"])),
            forwards=None if facts["forwards"] is None else base64.b64decode(facts["forwards"]),
            modified=float(facts["modified"]),
        )
    except (ValueError, KeyError, TypeError):
        return None


def _foreign(data: bytes, entry: Entry) -> Draft:
    """A draft another mail program left in the folder."""
    from misfin.store.message.mime import (
        read_message,  # the e-mail machinery, for the rare foreign draft only
    )

    message = read_message(data)
    try:
        modified = entry.path.stat().st_mtime
    except OSError:
        modified = 0.0
    to = tuple(person.address or person.name for person in message.recipients)
    return Draft(to=to, subject=message.subject, body=message.text, modified=modified)


def _id_of(key: str) -> str:
    found = _KEY.search(key)
    return found[1] if found else key


def _address(text: str) -> MisfinAddress | None:
    try:
        return MisfinAddress.parse(text)
    except AddressError:
        return None


def _remove(folder: Maildir, entry: Entry) -> None:
    try:
        folder.remove(entry.key)
    except MessageGoneError:
        return
