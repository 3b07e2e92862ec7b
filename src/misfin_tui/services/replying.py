"""From a stored letter to the draft of a reply or of a forward; pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from misfin.errors import LocalError
from misfin.model.address import DEFAULT_PORT, MisfinAddress, same_person
from misfin.model.gemmail import GemmailMessage
from misfin.model.gemtext import subject_of
from misfin.model.replies import quote, reply_all_targets, reply_subject, reply_targets
from misfin.store import envelope
from misfin.store.drafts import Draft, from_bytes
from misfin.store.outgoing import Outgoing
from misfin.store.rows import LetterRow
from misfin_tui.screentext import plain
from misfin_tui.services.measuring import routes_of

_ID = re.compile(r"<[!-;=?-~]+>")
_MAX_REFERENCES = 20


@dataclass(frozen=True, slots=True)
class Original:
    """A stored letter as far as an answer needs it; ``gemmail`` is what came over the wire."""

    row: LetterRow
    gemmail: bytes
    message: GemmailMessage
    message_id: str
    references: tuple[str, ...]


def read_original(data: bytes, row: LetterRow) -> Original:
    """Open a letter's file. Raises :class:`LocalError` when it is no Misfin letter."""
    if not envelope.is_gemmail(data):
        raise LocalError(
            "This is ordinary e-mail: it can be read here, but neither answered nor forwarded.",
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
    """A reply to the sender or to everyone, never to oneself. Raises :class:`LocalError` when nobody is left.

    ``quoted`` are the lines to quote, None for all of them; ``link`` adds the ``=> mid:`` line.
    """
    row, message = original.row, original.message
    ours = any(same_person(me, each) for me in mine for each in routes_of([row.sender_address]))
    if not message.senders and not ours and not everyone:
        raise LocalError("The letter does not say who sent it: there is nobody to reply to.")
    targets = (reply_all_targets if everyone else reply_targets)(message, mine)
    if not targets and ours:
        # A copy of what we sent to a single person: the letter itself does not name them.
        targets = tuple(each for each in routes_of(row.to) if not any(same_person(each, me) for me in mine))
    if not targets:
        raise LocalError("There is nobody to reply to but yourself.")
    text = message.body if quoted is None else quoted
    parts = (
        [f"{plain(row.sender or row.sender_address, one_line=True)} wrote:\n{quote(text)}"]
        if text.strip()
        else []
    )
    if link and original.message_id:
        parts.append(f"=> mid:{original.message_id.strip('<>')} In reply to\n")
    body = "\n".join(parts)
    return Draft(
        account=row.account,
        to=tuple(typed(address) for address in targets),
        subject=plain(reply_subject(message.subject), one_line=True),
        body=signed(f"{body}\n" if body else "", signature),
        in_reply_to=original.message_id,
        references=(*original.references, original.message_id) if original.message_id else (),
    )


def forward_draft(original: Original) -> Draft:
    """The letter to be passed on as it is; subject and text are only shown."""
    message = original.message
    return Draft(
        account=original.row.account,
        subject=message.subject or "",
        body=message.body,
        forwards=original.gemmail,
    )


def as_draft(letter: Outgoing, recipients: Sequence[str]) -> Draft:
    """What was queued, as a new draft for some of its recipients: other copies may be on their way."""
    draft = from_bytes(letter.draft) if letter.draft else None
    if draft is None:  # queued by a program that keeps no drafts
        subject, body = taken_apart(GemmailMessage.from_bytes(letter.message).body)
        draft = Draft(subject=subject, body=body)
    return replace(draft, id="", account=letter.account, to=tuple(recipients))


def signed(body: str, signature: str) -> str:
    """A text with the signature below, and room to write above it."""
    signature = signature.strip("\n")
    return f"{body}\n\n{signature}\n" if signature else body


def taken_apart(text: str) -> tuple[str, str]:
    """Subject and body of a finished text: a heading on its first line is the subject."""
    first, _, rest = text.partition("\n")
    subject = subject_of(first) if first.startswith("#") else None
    return (subject, rest.lstrip("\n")) if subject else ("", text)


def typed(address: MisfinAddress) -> str:
    """An address as it stands in the To line: with its port where that is unusual, and the name."""
    port = f":{address.port}" if address.port not in (None, DEFAULT_PORT) else ""
    return f"{address.address}{port} {address.blurb}".strip()


def _text(raw: bytes) -> str:
    return raw.decode("ascii", "replace")
