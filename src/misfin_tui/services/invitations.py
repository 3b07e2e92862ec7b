"""Invitations: what a message says about an event, whether a newer one says otherwise, and its answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from misfin.errors import AccountError, MisfinError
from misfin.model.account import AddressKind
from misfin.store.rows import View

if TYPE_CHECKING:
    from misfin.compose.invitation_answer import InvitationAnswer
    from misfin.compose.mail_reply import OwnAddresses
    from misfin.email.account import EmailAccount
    from misfin.store.message.invitation import Invitation
    from misfin.store.message.mime import ParsedMessage
    from misfin.store.outgoing.drafts import Draft
    from misfin.store.rows import MessageRow
    from misfin_tui.services import Services
    from misfin_tui.services.sending import Submission

_LOOKED_AT = 20
"""Messages about the same event that are read to see which is the newest."""


def read(services: Services, row: MessageRow, charset: str = "", prefer: str = "") -> ParsedMessage:
    """A message as it is shown: what an invitation in it says stands above its text. Blocking.

    Raises :class:`MessageGoneError`, :class:`StoreError`.
    """
    message = services.index.read(row, charset, prefer=prefer)
    if not message.calendars:
        return message
    from misfin.store.message.invitation_words import shown  # late: most messages are not about an event

    now = datetime.now(UTC)
    return shown(message, now, newer=_newer(services, row, message))


def _newer(services: Services, row: MessageRow, message: ParsedMessage) -> Invitation | None:
    """A later version of the event, from the same organiser, in another message of the account."""
    invitation = next(iter(invitations_in(message)), None)
    if invitation is None or invitation.organiser is None or not (words := _as_search(invitation.id)):
        return None
    try:
        found = list(services.index.messages(View(row.account, None, words), _LOOKED_AT, 0))
        others = [
            each
            for other in found
            if other.id != row.id
            for each in invitations_in(services.index.read(other))
            if each.is_newer(invitation)
            and each.organiser is not None
            and each.organiser.address.casefold() == invitation.organiser.address.casefold()
        ]
    except MisfinError:
        return None  # the message itself can be read
    return max(others, key=lambda each: each.version, default=None)


def _as_search(id_: str) -> str:
    """A search for an id; empty where it has no words."""
    words = "".join(each if each.isalnum() and each.isascii() else " " for each in id_[:300]).split()
    return f'"{" ".join(words)}"' if words else ""


def invitations_in(message: ParsedMessage) -> list[Invitation]:
    """The events in the calendar files of a message."""
    from misfin.store.message.invitation import read_invitations  # late, as above

    return [each for raw in message.calendars for each in read_invitations(raw)[0]]


@dataclass(frozen=True, slots=True)
class Asked:
    """An invitation that can be answered: what it is about, who gets the answer, and as who it is given."""

    summary: str
    organiser: str
    attendee: str
    author: str
    """The address of the message's author, who need not be the organiser."""


class Invitations:
    """Answering invitations, for the screens. Work is done in threads."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def asked(self, row: MessageRow) -> Asked:
        """What is to be answered. Raises :class:`LocalError` where there is nothing, and what reading
        raises."""
        return await asyncio.to_thread(self._asked, row)

    async def answer(self, row: MessageRow, answer: InvitationAnswer) -> Submission:
        """Queue the answer, which can be undone like the sending of any message. Raises like
        :meth:`asked`."""
        draft = await asyncio.to_thread(self._draft, row, answer)
        return await self._services.sending.submit(draft)

    # ---- in a thread

    def _asked(self, row: MessageRow) -> Asked:
        from misfin.compose.invitation_answer import invited_as, organiser_of, to_answer

        account = self._account(row)
        message = self._services.index.read(row)
        own = self._own(account)
        invitation = to_answer(invitations_in(message))
        return Asked(
            invitation.summary,
            organiser_of(invitation, own),
            invited_as(invitation, own).address,
            message.sender.address,
        )

    def _draft(self, row: MessageRow, answer: InvitationAnswer) -> Draft:
        from misfin.compose.invitation_answer import (
            FILE_NAME,
            answer_draft,
            answer_file,
            invited_as,
            to_answer,
        )
        from misfin.compose.mail_reply import MailOriginal
        from misfin.store.outgoing.attachments import AttachedFile

        own = self._own(self._account(row))
        message = self._services.index.read(row)
        invitation = to_answer(invitations_in(message))
        data = answer_file(invitation, invited_as(invitation, own), answer, datetime.now(UTC))
        file = AttachedFile(self._services.draft_box.files.add_bytes(data), FILE_NAME, len(data))
        return answer_draft(MailOriginal.of(row.account, message), own, invitation, answer, file)

    def _account(self, row: MessageRow) -> EmailAccount:
        services = self._services
        found = services.account_book.at(row.account)
        if found is None or services.address_kind(row.account) is not AddressKind.MAIL:
            raise AccountError(
                f"An invitation is answered from the account that has it, and {row.account} sends no e-mail.",
                remedy="Reply to the organiser from an e-mail account.",
            )
        return services.email_accounts.account(found.name)

    def _own(self, account: EmailAccount) -> OwnAddresses:
        from misfin.compose.mail_reply import OwnAddresses

        return OwnAddresses(
            account.address, account.aliases, tuple(self._services.accounts.own_addresses(AddressKind.MAIL))
        )


def invitations_of(services: Services) -> Invitations:
    """The one of these services."""
    return services.once("invitations", lambda: Invitations(services))
