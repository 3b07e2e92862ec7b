"""Automatic answers while the owner of a mailbox is away: to people only, and to each once a day."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from misfin.errors import StoreError
from misfin.post.hosting.posting import is_proven
from misfin.post.hosting.wording import asks_to_confirm, automatic_answer, is_automatic

if TYPE_CHECKING:
    from misfin.model.gemmail import GemmailMessage
    from misfin.net.incoming import Handler, Incoming
    from misfin.post.hosting.books import HostBooks
    from misfin.wire import MisfinResponse

logger = logging.getLogger("misfin.hosting")

_MACHINES: Final = re.compile(
    r"(?:mailer-daemon|postmaster|no-?reply|do-?not-?reply|bounces?|list|.*-(?:request|bounces?|owner))",
    re.IGNORECASE,
)
"""Mailboxes that nobody reads an answer in."""


class AwayHandler:
    """Passes every message to ``deliver``, and answers those it took where somebody is away.

    What ``deliver`` said is never held up: a failure here is only logged.
    """

    def __init__(self, deliver: Handler, books: HostBooks, wake: Callable[[], object] = lambda: None) -> None:
        self._deliver = deliver
        self._books = books
        self._wake = wake

    async def __call__(self, incoming: Incoming) -> MisfinResponse:
        """Handle one message; see :data:`misfin.net.incoming.Handler`."""
        response = await self._deliver(incoming)
        if response.status // 10 == 2 and self._books.opened and incoming.certificate is not None:
            try:
                await self._consider(incoming)
            except StoreError as error:
                logger.warning("No automatic answer: %s %s", error, error.remedy)
        return response

    async def _consider(self, incoming: Incoming) -> None:
        mailbox = incoming.recipient.address.address
        away = self._books.hosted.away.get(mailbox)
        message = incoming.request.message
        if b"confirm " in message and asks_to_confirm(incoming.request.parse_message().body):
            await asyncio.to_thread(self._books.rules.note_list, mailbox, _sender(incoming))
        elif away is not None and away.applies(incoming.received) and self._is_from_a_person(incoming):
            text = automatic_answer(away.text)
            answer = self._books.rules.answer
            if await asyncio.to_thread(answer, mailbox, _sender(incoming), text, now=incoming.received):
                self._wake()

    def _is_from_a_person(self, incoming: Incoming) -> bool:
        """Whether somebody we know to be the sender wrote this to this mailbox alone."""
        if not is_proven(incoming.checks) or _sender(incoming) in self._books.hosted.lists:
            return False
        return may_be_answered(incoming, incoming.request.parse_message())


def may_be_answered(incoming: Incoming, message: GemmailMessage) -> bool:
    """Whether a message is neither from a machine nor to many. Pure."""
    assert incoming.certificate is not None
    sender = incoming.certificate.address
    own = incoming.recipient.address
    return (
        sender is not None
        and sender.key != own.key
        and not incoming.certificate.is_ca
        and not _MACHINES.fullmatch(sender.mailbox)
        and not is_automatic(message.subject or "")
        and all(each.key == sender.key for each in message.senders)  # others: a list, or passed on
        and all(each.key == own.key for each in message.recipients)
    )


def _sender(incoming: Incoming) -> str:
    assert incoming.certificate is not None
    address = incoming.certificate.address
    return "" if address is None else address.address
