"""Drafts a reply to a stored message, or forwards it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from misfin.compose.quoting import attributed, signed, split_subject
from misfin.compose.recipients import routes_of, to_entry
from misfin.errors import LocalError
from misfin.model.address import MisfinAddress, same_person
from misfin.model.gemmail import GemmailMessage
from misfin.model.replies import reply_all_targets, reply_subject, reply_targets
from misfin.model.safetext import plain
from misfin.store.message import envelope
from misfin.store.outgoing.deliveries import Outgoing
from misfin.store.outgoing.drafts import Draft, Purpose, from_bytes
from misfin.store.outgoing.finished import read_finished
from misfin.store.rows import MessageRow

_ID = re.compile(r"<[!-;=?-~]+>")
_MAX_REFERENCES = 20
_LATEST = 253_402_300_800
"""The year 10000, Unix seconds: no date can be later."""


@dataclass(frozen=True, slots=True)
class Original:
    """A stored message, as far as a reply needs it; ``gemmail`` is the message as received."""

    row: MessageRow
    gemmail: bytes
    message: GemmailMessage
    message_id: str
    references: tuple[str, ...]


def read_original(data: bytes, row: MessageRow) -> Original:
    """Read the contents of a message's file. Raises :class:`LocalError` if it is not a Misfin message."""
    if not envelope.is_gemmail(data):
        raise LocalError(
            "This is ordinary e-mail: you can read it here, but not reply to it or forward it.",
            remedy="Save it, or pipe it to a program that sends e-mail.",
        )
    stored = envelope.read(data)
    ids = _ID.findall(_text(stored.fields.get("message-id", b"")))
    references = _ID.findall(_text(stored.fields.get("references", b"")))
    message = GemmailMessage.from_bytes(stored.gemmail)
    return Original(row, stored.gemmail, message, ids[0] if ids else "", tuple(references[-_MAX_REFERENCES:]))


def reply_draft(
    original: Original,
    mine: Sequence[MisfinAddress],
    *,
    everyone: bool,
    quoted: str | None,
    signature: str,
    link: bool,
) -> Draft:
    """A reply to the sender or to everyone, never to oneself.

    ``quoted`` is the text to quote, None for all of it; ``link`` adds the ``=> mid:`` line. Raises
    :class:`LocalError` when nobody is left to reply to.
    """
    row, message = original.row, original.message
    ours = any(same_person(me, each) for me in mine for each in routes_of([row.sender_address]))
    if not message.senders and not ours and not everyone:
        raise LocalError("The message does not say who sent it, so there is nobody to reply to.")
    targets = (reply_all_targets if everyone else reply_targets)(message, mine)
    if not targets and ours:
        # Our copy of a message to a single person: the message itself does not name them.
        targets = tuple(each for each in routes_of(row.to) if not any(same_person(each, me) for me in mine))
    if not targets:
        raise LocalError("There is nobody to reply to but yourself.")
    # The subject is that of the reply already: quoted too, it would come back with every answer.
    text = split_subject(message.body)[1] if quoted is None else quoted
    at = datetime.fromtimestamp(row.date, UTC) if 0 < row.date < _LATEST else None
    quotation = attributed(row.sender or row.sender_address, text, at)
    parts = [quotation] if quotation else []
    if link and original.message_id:
        parts.append(f"=> mid:{original.message_id.strip('<>')} In reply to\n")
    body = "\n".join(parts)
    return Draft(
        account=row.account,
        to=tuple(to_entry(address) for address in targets),
        subject=plain(reply_subject(message.subject), one_line=True),
        body=signed(f"{body}\n" if body else "", signature),
        in_reply_to=original.message_id,
        references=(*original.references, original.message_id) if original.message_id else (),
        purpose=Purpose.REPLY,
    )


def forward_draft(original: Original) -> Draft:
    """A draft that forwards the message unchanged; its subject and text are for display only."""
    message = original.message
    return Draft(
        account=original.row.account,
        subject=message.subject or "",
        body=message.body,
        forwards=original.gemmail,
        purpose=Purpose.FORWARD,
    )


def as_draft(message: Outgoing, recipients: Sequence[str]) -> Draft:
    """A queued message as a new draft for some of its recipients; other copies may still be sending.

    Raises :class:`~misfin.errors.LocalError` for a message that another program wrote.
    """
    if read_finished(message.message) is not None and not message.draft:
        raise LocalError(
            "Another program wrote this message, so it cannot be edited here.",
            remedy="Cancel it here, and send it again from that program.",
        )
    # What it forwards, if anything, is exactly the message that was queued.
    draft = from_bytes(message.draft, lambda _: message.message) if message.draft else None
    if draft is None:  # queued by a program that keeps no drafts
        subject, body = split_subject(GemmailMessage.from_bytes(message.message).body)
        draft = Draft(subject=subject, body=body)
    copies, hidden = set(message.cc), set(message.bcc)
    names = {_inside(entry): entry for entry in (*draft.to, *draft.cc, *draft.bcc)}
    return replace(
        draft,
        id="",
        account=message.account,
        to=tuple(names.get(each, each) for each in recipients if each not in copies and each not in hidden),
        cc=tuple(names.get(each, each) for each in recipients if each in copies),
        bcc=tuple(names.get(each, each) for each in recipients if each in hidden),
    )


def _inside(entry: str) -> str:
    """The address in ``Name <address>``, to find the name again that was written with it."""
    return entry.rpartition("<")[2].removesuffix(">").strip()


def _text(raw: bytes) -> str:
    return raw.decode("ascii", "replace")
