"""Which account answers a message, and from which of its addresses. Blocking."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from misfin.compose.aliases import is_own, written_to
from misfin.model.account import AddressKind
from misfin.post.transport import Answer, Stored
from misfin.store.message import fields
from misfin.store.message.envelope import is_gemmail

if TYPE_CHECKING:
    from misfin.post.transport import How
    from misfin.store.outgoing.drafts import Draft
    from misfin.store.rows import MessageRow
    from misfin_tui.services import Services
    from misfin_tui.services.accounts import Sender

_TO_US = ("to", "cc", "delivered-to", "x-original-to", "envelope-to")
"""Fields that say where a message was sent to: as its writer wrote it first, then as it was delivered."""
_PEOPLE = ("from", "reply-to", "mail-followup-to", "mail-reply-to", *_TO_US)


def answer(services: Services, data: bytes, row: MessageRow, how: How, quoted: str | None) -> Draft:
    """The draft of an answer to a stored message. ``quoted`` are the lines to quote, None for all.

    A message is answered from the account that has it. Where that account writes to people of another kind
    (ordinary mail that was imported beside Misfin messages), it is answered from the default account for
    them. Raises what :meth:`~misfin.post.transport.Transport.answer` raises, and
    :class:`~misfin.errors.AccountError`.
    """
    sender = services.accounts.sender(_account(services, data, row))
    transport = services.transport_of(sender.directory)
    own = services.accounts.own_addresses(transport.kind)
    alias = ""
    if sender.aliases:
        headers, _ = fields.split(data)
        own += [each for each in _addresses(headers, _PEOPLE) if is_own(each, sender.address, sender.aliases)]
        alias = _alias(headers, sender)
    asked = Answer(how, quoted, sender.signature, services.config.send.reply_links)
    draft = transport.answer(Stored(data, replace(row, account=sender.directory)), asked, own)
    return draft if draft.sender else replace(draft, sender=alias)


def _account(services: Services, data: bytes, row: MessageRow) -> str:
    kind = AddressKind.MISFIN if is_gemmail(data) else AddressKind.MAIL
    if services.address_kind(row.account) is kind:
        return row.account
    account = services.accounts.writing_to(kind)
    return account.directory if account and account.kind.address_kind is kind else row.account


def _alias(headers: fields.Headers, sender: Sender) -> str:
    """The alias to write from: the one a message was sent to, or that we sent it from."""
    if wrote := [each for each in _addresses(headers, ("from",)) if _ours(each, sender)]:
        return written_to(wrote, sender.address, sender.aliases)
    return written_to(_addresses(headers, _TO_US), sender.address, sender.aliases)


def _ours(address: str, sender: Sender) -> bool:
    return is_own(address, sender.address, sender.aliases)


def _addresses(headers: fields.Headers, names: tuple[str, ...]) -> list[str]:
    return [each.address for name in names for each in fields.people(headers.get(name, [])) if each.address]
