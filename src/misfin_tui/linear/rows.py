"""Rows of lists in sentences: conversations, folders, deliveries, people, accounts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from misfin.model.folders import COUNTED, FOLDERS, INBOX, SHOWN, Counted
from misfin.store.evidence import Evidence
from misfin_tui.wording.facts import many
from misfin_tui.wording.message import minute
from misfin_tui.wording.outbox import state_words
from misfin_tui.wording.sending import standing_words

if TYPE_CHECKING:
    from misfin.model.account import Account
    from misfin.post.source import SourceStatus
    from misfin.store.outgoing.deliveries import OutboxRow
    from misfin.store.rows import ConversationRow, FolderRow
    from misfin_tui.services.contacts import Known


UNDO = "type undo"
"""What undoes something."""


def conversation_sentence(number: int, row: ConversationRow) -> str:
    """``3. Unread. Ada Lovelace: Notes. 12 Nov 2026 14:02. 2 messages. Sender verified.``"""
    state = "Held. " if row.held else "Unread. " if row.unread else ""
    more = [many(row.count, "message")] if row.count > 1 else []
    more += ["Starred"] if row.starred else []
    more += ["With attachment"] if row.attachment else []
    more += [f"Tagged {', '.join(row.tags)}"] if row.tags else []
    more.append(sender_words(row.evidence))
    subject = row.subject or "no subject"
    return f"{number}. {state}{row.participants}: {subject}. {minute(row.date)}. {'. '.join(more)}."


def sender_words(proven: Evidence) -> str:
    """How it is known who wrote a message: the sign's word."""
    return f"Sender {proven}"


def folder_sentences(rows: Sequence[FolderRow], named: dict[str, str]) -> list[str]:
    """Every folder, all accounts' of a name in one line each; ``named`` has the accounts' addresses."""
    several = len({row.account for row in rows}) > 1
    order = {name: at for at, name in enumerate((*SHOWN, *FOLDERS))}
    found = []
    for row in sorted(rows, key=lambda each: (order.get(each.folder, 99), each.folder, each.account)):
        unread = COUNTED.get(row.folder, Counted.UNREAD) is Counted.UNREAD and row.unread
        news = f", {row.unread:,} unread" if unread else ""
        whose = f" of {named.get(row.account, row.account)}" if several else ""
        found.append(f"{row.folder}{whose}: {many(row.total, 'message')}{news}.")
    return found or [f"{INBOX}: no messages."]


def delivery_sentence(number: int, row: OutboxRow, now: float) -> str:
    """``2. To bob@hive.test: Hello. Held: ….``"""
    said = state_words(row, now, UNDO)
    return f"{number}. To {row.to}: {row.subject or 'no subject'}. {said[:1].upper()}{said[1:].rstrip('.')}."


def person_sentence(number: int, known: Known) -> str:
    """``4. Ada Lovelace, ada@example.org: verified, first seen 3 Mar 2026.``"""
    contact = known.contact
    who = f"{contact.name}, {contact.address}" if contact.name else contact.address
    said = [standing_words(known.standing, contact.kind)]
    said += ["blocked"] if contact.blocked else []
    said += [f"gone: {contact.dead}"] if contact.dead else []
    return f"{number}. {who}: {', '.join(said)}."


def account_sentence(number: int, account: Account, status: SourceStatus | None) -> str:
    """``1. ada@example.org, work: in sync.``"""
    name = f", {account.name}" if account.name != account.address else ""
    title = f", {account.title}" if account.title else ""
    state = f": {status.sentence}" if status and status.sentence else ""
    return f"{number}. {account.address}{title}{name}, {account.kind}{state}."
