"""What is asked before a message is sent, and what is said once it is queued."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from misfin.compose.forgotten import mentioned
from misfin.model.account import AddressKind
from misfin.model.recipient import FORMS
from misfin.store.evidence import Evidence
from misfin.store.outgoing.drafts import Draft, SendProtection
from misfin_tui.screentext import plain, suspicious
from misfin_tui.wording.facts import day

if TYPE_CHECKING:
    from misfin.compose.measure import Measure
    from misfin.model.account import Account
    from misfin.post.transport import Capabilities
    from misfin.store.evidence import Standing


@dataclass(frozen=True, slots=True)
class YesNo:
    """A question with a safe no and a named yes."""

    title: str
    text: str
    yes: str
    no: str = "Cancel"
    danger: bool = False


def what_is_carried(draft: Draft, can: Capabilities) -> Draft:
    """The draft without what its account cannot send."""
    return replace(
        draft,
        cc=draft.cc if can.cc else (),
        bcc=draft.bcc if can.bcc else (),
        attachments=draft.attachments if can.attachments else (),
        protection=draft.protection if can.protect else SendProtection.NONE,
    )


def not_carried(draft: Draft, can: Capabilities) -> YesNo:
    """Whether to send it without what its account cannot send."""
    files = [each.name for each in draft.attachments]
    protection = ("an OpenPGP signature",) if draft.protection else ()
    if draft.protection is SendProtection.SMIME:
        protection = ("an S/MIME signature",)
    if draft.protection is SendProtection.ENCRYPT:
        protection = ("encryption",)
    fields = (
        ("Cc", draft.cc, can.cc),
        ("Bcc", draft.bcc, can.bcc),
        ("Files", files, can.attachments),
        ("Protection", protection, can.protect),
    )
    lost = [f"{label}: {', '.join(values)}" for label, values, able in fields if values and not able]
    return YesNo(
        "Send it without these?",
        "\n".join(["A message from this account cannot have:", *lost]),
        yes="Send without",
        no="Go back",
        danger=True,
    )


def missing_file(draft: Draft, can: Capabilities, words: Sequence[str]) -> YesNo | None:
    """Whether to send a text that speaks of an attachment when there is none; None if it does not."""
    if draft.attachments or not can.attachments or draft.forwards is not None:
        return None
    # The subject of an answer is somebody else's.
    own = [draft.body] if draft.in_reply_to or draft.references else [draft.subject, draft.body]
    if not (word := mentioned(words, *own)):
        return None
    text = f"You wrote “{word}”, and nothing is attached."
    return YesNo("Is a file missing?", text, yes="Send anyway", no="Go back")


def too_long(found: Measure) -> str:
    """How much too long a message is."""
    limit = found.limit_reason or f"{found.limit:,} bytes is the most a message can have"
    return found.problem or f"It is {found.size:,} bytes long; {limit}."


def oddities(address: str, *, own: bool, like: str) -> list[str]:
    """Why a recipient may not be meant; ``like`` is a known address that it resembles."""
    found = [f"{address} is your own address."] if own else []
    if reason := suspicious(address):
        found.append(f"{address}: {reason}.")
    if like:
        found.append(f"{address} looks like {like}, but is not it.")
    return found


def whom_you_mean(odd: Sequence[str]) -> YesNo:
    """Whether to send it although something is odd about the recipients."""
    return YesNo("Is this who you mean?", "\n".join(odd), yes="Send", no="Go back", danger=True)


def submitted(messages: int, copies: int, hold: int, undo: str, *, later: str = "") -> str:
    """What is said when a message was queued, perhaps in parts, for one or more recipients.

    ``undo`` is the key that undoes it, ``later`` the time it waits for in words, empty where it has none.
    """
    what = "The message" if messages == 1 else f"{messages} messages"
    if copies > messages:
        what += f" to {copies // messages} people"
    if not hold and not later:
        return f"{what} is being sent." if messages == 1 else f"{what} are being sent."
    undoing = f"; {undo} to undo" if undo else ""
    return f"{what} will be sent {later or f'in {hold} s'}{undoing}."


def from_follows(address: str, kind: AddressKind, account: Account) -> str:
    """What is said when From became ``account``, because only one of its kind reaches this recipient."""
    return f"{plain(address, one_line=True)[:80]} is {FORMS[kind].address}, so From is now {account.address}."


def standing_words(standing: Standing, kind: AddressKind | None = None) -> str:
    """How it is known who somebody is, and what is known about their host, for one line.

    Of an e-mail address (``kind``) there is nothing to be known about the host.
    """
    since = f", first seen {day(standing.since)}" if standing.since else ""
    host = ""
    if standing.evidence is Evidence.UNPROVEN and kind is not AddressKind.MAIL:
        host = (
            f", host pinned {day(standing.host_since)}" if standing.host_since else ", host not contacted yet"
        )
    warning = f": {standing.warning[0].lower()}{standing.warning[1:].rstrip('.')}" if standing.warning else ""
    return f"{standing.evidence}{since}{host}{warning}"
