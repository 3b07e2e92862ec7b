"""Leaving a mailing list: what a message says about it, and the one request that does it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from misfin.errors import AccountError, LocalError
from misfin.model.account import AddressKind

if TYPE_CHECKING:
    from misfin.email.http import HttpsClient
    from misfin.store.message.mailinglist import Unsubscribing
    from misfin.store.outgoing.drafts import Draft
    from misfin.store.rows import MessageRow
    from misfin_tui.services import Services

TIME_LIMIT = 15.0
"""Seconds that a list's server may take."""
_BODY = b"List-Unsubscribe=One-Click"


class Lists:
    """Mailing lists, for the screens."""

    def __init__(self, services: Services, http: HttpsClient | None = None) -> None:
        self._services = services
        self._http = http

    async def ways(self, row: MessageRow) -> tuple[str, Unsubscribing]:
        """The list a message came from (empty if it does not say), and how to leave it.

        Raises :class:`MessageGoneError`, :class:`StoreError`.
        """
        from misfin.store.message.mailinglist import unsubscribing

        message = await self._services.mail.read(row)
        return message.list_id, await asyncio.to_thread(unsubscribing, message.head)

    async def leave(self, url: str) -> None:
        """Send the one request of RFC 8058 §3.2: no cookie, no redirect followed, only to a public host.

        Raises :class:`LocalError` with what the server answered where it did not accept, and
        :class:`~misfin.errors.MisfinError` where it cannot be reached.
        """
        from misfin.email.http import HttpsClient

        http = self._http or HttpsClient(public_only=True, timeout=TIME_LIMIT)
        answer = await http.post(url, _BODY, "application/x-www-form-urlencoded")
        if 300 <= answer.status < 400:
            raise LocalError(
                "The server answered with a redirect, which was not followed: you may still be subscribed.",
                remedy="Open the link in the message in a browser.",
            )
        if not 200 <= answer.status < 300:
            raise LocalError(
                f"The server refused (HTTP status {answer.status}): you are still subscribed.",
                remedy="Try again later, or open the link in the message in a browser.",
            )

    def unsubscribe_draft(self, row: MessageRow, link: str) -> Draft:
        """The message that a ``mailto:`` link asks for, from the subscribed account. Blocking.

        Raises :class:`AddressError`, and :class:`AccountError` where that account does not write e-mail.
        """
        from misfin.model.mailto import parse_mailto
        from misfin.store.outgoing.drafts import Draft

        if self._services.address_kind(row.account) is not AddressKind.MAIL:
            raise AccountError(f"{row.account} cannot send e-mail, which leaving this list requires.")
        asked = parse_mailto(link)
        subject = asked.subject or "unsubscribe"
        return Draft(account=row.account, to=asked.to, cc=asked.cc, subject=subject, body=asked.body)


def lists_of(services: Services) -> Lists:
    """The one of these services."""
    return services.once("lists", lambda: Lists(services))
