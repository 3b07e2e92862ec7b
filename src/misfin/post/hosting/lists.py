"""The handler of messages to mailing lists: carries out commands, keeps or holds posts, refuses the rest."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from misfin.errors import StoreError
from misfin.model.status import StatusCode
from misfin.net.incoming import HandlerOutcome, accepted
from misfin.post.hosting import wording
from misfin.post.hosting.posting import digest_of, distributed, is_proven, refusal, unproven
from misfin.post.hosting.wording import ListCommand, read_command
from misfin.post.intake import file_of
from misfin.store.hosting.lists import CodeChecked
from misfin.store.hosting.posts import NewPost, PostTaken
from misfin.wire import MisfinResponse

if TYPE_CHECKING:
    from misfin.model.address import MisfinAddress
    from misfin.net.incoming import Handler, Incoming
    from misfin.post.hosting.books import HostBooks
    from misfin.store.hosting.lists import MailingList
    from misfin.store.seals import Seals

logger = logging.getLogger("misfin.hosting")

MOST_AN_HOUR: Final = 60
"""Posts of one author to one list."""

_NEEDS_CERTIFICATE: Final = MisfinResponse(StatusCode.CERTIFICATE_REQUIRED, "A certificate is required")
_FAILED: Final = MisfinResponse(
    StatusCode.SERVER_UNAVAILABLE, "The list cannot take messages now; try again later"
)
_SLOW_DOWN: Final = MisfinResponse(StatusCode.SLOW_DOWN, "Slow down. Retry after 600s")
_CLOSED: Final = MisfinResponse(
    StatusCode.UNAUTHORIZED_SENDER, "Nobody can subscribe to this list by message; ask its owner"
)
_WRONG_CODE: Final = MisfinResponse(StatusCode.PERMANENT_FAILURE, "This is not the code that was sent")
_LATE_CODE: Final = MisfinResponse(
    StatusCode.PERMANENT_FAILURE, "No subscription is waiting for this code; subscribe again"
)
_NO_MODERATOR: Final = MisfinResponse(StatusCode.UNAUTHORIZED_SENDER, "Only the moderators can decide this")
_NOT_HELD: Final = MisfinResponse(StatusCode.PERMANENT_FAILURE, "No message with this number is waiting")


class ListHandler:
    """Takes what is sent to lists, and passes the rest to ``deliver``.

    A post is durable in the books before it is answered with 20; ``wake`` is called when there is something
    to send. ``seals`` seal what goes to archives.
    """

    def __init__(
        self, deliver: Handler, books: HostBooks, seals: Seals, wake: Callable[[], object] = lambda: None
    ) -> None:
        self._deliver = deliver
        self._books = books
        self._seals = seals
        self._wake = wake

    async def __call__(self, incoming: Incoming) -> MisfinResponse:
        """Handle one message; see :data:`misfin.net.incoming.Handler`."""
        found = self._books.hosted.lists.get(incoming.recipient.address.address)
        if found is None:
            return await self._deliver(incoming)
        try:
            answer = await asyncio.to_thread(self._take, found, incoming)
        except StoreError as error:
            logger.error("A message to %s was not taken: %s %s", found.address, error, error.remedy)
            return _FAILED
        self._wake()
        return answer

    # ---- in a thread

    def _take(self, found: MailingList, incoming: Incoming) -> MisfinResponse:
        found = self._books.lists.get(found.address) or found  # as it is now, not a moment ago
        certificate = incoming.certificate
        author = None if certificate is None else certificate.address
        if certificate is None or author is None:
            return _NEEDS_CERTIFICATE
        message = incoming.request.parse_message()
        key = certificate.fingerprints.spki
        subscriber = self._books.lists.subscriber(found.address, author.address)
        # Who sent a code back with this key reads the mailbox: that is proof where its host says nothing.
        confirmed = subscriber is not None and subscriber.key == key
        proven = is_proven(incoming.checks) or (confirmed and not incoming.checks.hold)
        command = read_command(message.body)
        if command is not None and command.verb in ("subscribe", "confirm"):
            return self._join(found, command, author, key, incoming, subscribed=subscriber is not None)
        if not proven:
            return unproven(incoming.checks)
        moderates = self._books.lists.is_moderator(found.address, author.address)
        if command is not None:
            if command.verb == "unsubscribe":
                was = self._books.lists.unsubscribe(found.address, author.address)
                return _said("Unsubscribed" if was else "Not subscribed")
            return self._decide(found, command) if moderates else _NO_MODERATOR
        no = refusal(found, message, author, subscribed=subscriber is not None, moderates=moderates)
        if no is not None:
            return no
        return self._keep(found, incoming, author, hold=found.moderated and not moderates)

    def _join(
        self,
        found: MailingList,
        command: ListCommand,
        author: MisfinAddress,
        key: str,
        incoming: Incoming,
        *,
        subscribed: bool,
    ) -> MisfinResponse:
        checks = incoming.checks
        if checks.hold or any(each.outcome is HandlerOutcome.FAIL for each in checks.results.values()):
            return unproven(checks)
        lists, who, now = self._books.lists, author.address, incoming.received
        if command.verb == "confirm":
            text = wording.welcome(found)
            match lists.confirm(found.address, who, key, command.argument, text, now=now):
                case CodeChecked.YES:
                    return _said("Subscription confirmed")
                case CodeChecked.WRONG:
                    return _WRONG_CODE
                case CodeChecked.LATE:
                    return _said("Already subscribed") if subscribed else _LATE_CODE
        if subscribed:
            return _said("Already subscribed")
        if found.closed:
            return _CLOSED
        asked = lists.request(found.address, who, key, wording.confirmation(found), now=now)
        return _said("Confirmation sent") if asked else _SLOW_DOWN

    def _decide(self, found: MailingList, command: ListCommand) -> MisfinResponse:
        posts, number = self._books.posts, int(command.argument)
        if command.verb == "approve":
            return _said("Approved") if posts.approve(found.address, number) else _NOT_HELD
        return _said("Rejected") if posts.reject(found.address, number) else _NOT_HELD

    def _keep(
        self, found: MailingList, incoming: Incoming, author: MisfinAddress, *, hold: bool
    ) -> MisfinResponse:
        copy = distributed(incoming, found)
        if isinstance(copy, MisfinResponse):
            return copy
        message = incoming.request.parse_message()
        post = NewPost(
            found.address,
            author.address,
            incoming.received,
            digest_of(message),
            wording.short(message.subject or ""),
            copy,
            self._seals.seal(file_of(incoming)) if found.archive else b"",
        )
        notice = wording.held_notice(found, author.address, post.subject)
        match self._books.posts.take(post, hold=hold, most_an_hour=MOST_AN_HOUR, notice=notice):
            case PostTaken.HELD:
                return _said("Waiting for a moderator")
            case PostTaken.TOO_MANY:
                return _SLOW_DOWN
            case _:
                return accepted(incoming)


def _said(text: str) -> MisfinResponse:
    """What lists of other servers say with 20, too, in the place of a fingerprint."""
    return MisfinResponse(StatusCode.SUCCESS, text)
