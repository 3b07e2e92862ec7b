"""Which account answers a message, and the draft that its transport makes of the answer. Blocking."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from misfin.model.account import AddressKind, kind_in
from misfin.post.transport import Answer, How, Stored
from misfin.store.message.envelope import is_gemmail
from misfin.store.message.signed_seal import recipient_of

if TYPE_CHECKING:
    from misfin.store.outgoing.drafts import Draft
    from misfin.store.rows import MessageRow
    from misfin_tui.services import Services


def answer(services: Services, data: bytes, row: MessageRow, how: How, quoted: str | None) -> Draft:
    """The draft of an answer to a stored message. ``quoted`` are the lines to quote, None for all.

    A message is answered from the account that has it. Where that account writes to people of another kind
    (ordinary mail that was imported beside Misfin messages), it is answered from the default account for
    them. What a kind of mail cannot do is done in its usual way: a message that cannot be attached is
    forwarded, and without mailing lists the answer goes to everybody. Raises what
    :meth:`~misfin.post.transport.Transport.answer` raises, and :class:`~misfin.errors.AccountError`.
    """
    handed = services.index.handed_over(row, data)
    if handed is not None:  # by Misfin, though it lies among e-mails
        data, row = handed, replace(row, account=_mailbox_of(services, handed, row))
    sender = services.accounts.sender(_account(services, data, row))
    transport = services.transport_of(sender.directory)
    able = {
        How.REPLY_LIST: transport.capabilities.reply_list,
        How.FORWARD_ATTACHED: transport.capabilities.forward_attached,
    }
    how = how if able.get(how, True) else _INSTEAD[how]
    own = services.accounts.own_addresses(transport.kind)
    asked = Answer(how, quoted, sender.signature, services.config.send.reply_links)
    return transport.answer(Stored(data, replace(row, account=sender.directory)), asked, own)


def _mailbox_of(services: Services, data: bytes, row: MessageRow) -> str:
    """The directory of the Misfin account that such a message was received for, else of the default one."""
    wanted = recipient_of(data)
    for account in services.accounts.read_all():
        if account.kind.address_kind is AddressKind.MISFIN and account.address == wanted:
            return account.directory
    return _default(services, AddressKind.MISFIN, row)


_INSTEAD = {How.REPLY_LIST: How.REPLY_ALL, How.FORWARD_ATTACHED: How.FORWARD}


def _account(services: Services, data: bytes, row: MessageRow) -> str:
    kind = kind_in(row.account) if is_gemmail(data) else AddressKind.MAIL
    if services.address_kind(row.account) is kind:
        return row.account
    return _default(services, kind, row)


def _default(services: Services, kind: AddressKind, row: MessageRow) -> str:
    account = services.accounts.writing_to(kind)
    return account.directory if account and account.kind.address_kind is kind else row.account
