"""Sends what a host has to send: posts go to the outbox in parts, a courier delivers, bounces are counted.

Each step can be repeated after a crash (store/hosting/posts.py), and none is done for all subscribers at
once. The outbox is the host's own, so that nobody's own messages wait behind a list.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from misfin.errors import MisfinError
from misfin.model.account import AddressKind
from misfin.model.address import MisfinAddress
from misfin.model.folders import INBOX
from misfin.post.courier import Courier
from misfin.post.events import Event, Held, Sent, TakenOn, Trouble
from misfin.post.hosting.transport import HostingTransport
from misfin.post.misfin import recipient_of
from misfin.post.source import Arrival
from misfin.store.mail.maildir import MailStore, NewMessage
from misfin.store.outgoing.deliveries import DeliveryState, Question
from misfin.store.outgoing.outbox import Outbox

if TYPE_CHECKING:
    from misfin.post.hosting.books import HostBooks
    from misfin.post.hosting.settings import HostingSettings
    from misfin.post.source import Inbox
    from misfin.store.hosting.posts import HostNotice, ListPost
    from misfin.store.identities import IdentityStore
    from misfin.store.outgoing.outbox import OutboxRow
    from misfin.trust.pins import PinBook

logger = logging.getLogger("misfin.hosting")

DAY: Final = 86400.0
_HELD: Final = 3 * DAY
"""Seconds that a delivery waits for the operator: to trust a certificate, or to have it sent again."""
_PART: Final = 32
"""Copies that go to the outbox together: each is looked at with all others of its message."""
_NOTICES: Final = 100
_LOOK: Final = 1.0
_COUNT: Final = 10.0
"""Seconds between two looks for deliveries that failed."""
_GONE: Final = 52
_ENDED: Final = (DeliveryState.FAILED, DeliveryState.HELD, DeliveryState.UNCERTAIN)
_REDIRECTS: Final = (Question.REDIRECT_ONCE, Question.REDIRECT_ALWAYS)


class HostSending:
    """Sends until cancelled. ``inbox`` is where archives are filed."""

    def __init__(
        self,
        settings: HostingSettings,
        books: HostBooks,
        identities: IdentityStore,
        pins: PinBook,
        store: MailStore,
        inbox: Inbox,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._books = books
        self._store = store
        self._inbox = inbox
        self._now = now
        self._outbox = Outbox(settings.outbox)
        self._noted: set[tuple[str, str]] = set()
        self._reached: dict[tuple[str, str], bool] = {}
        self._redirected = True  # perhaps, before the last end
        transport = HostingTransport(
            identities,
            pins,
            hosts=settings.hosts,
            trust_on_first_use=settings.trust_on_first_use,
            timeout=settings.timeout,
            allow_private=settings.allow_private,
            now=now,
        )
        self._courier = Courier(self._outbox, [transport], store, on_event=self._note, now=now)
        self._news = asyncio.Event()

    def wake(self) -> None:
        """There may be something to send."""
        self._news.set()

    async def run(self) -> None:
        """Send until cancelled; what is being sent then gets a few seconds to end."""
        sending = asyncio.create_task(self._courier.run())
        counted = float("-inf")
        try:
            while True:
                self._news.clear()
                try:
                    if await asyncio.to_thread(self.queue) or await asyncio.to_thread(self.follow_redirects):
                        self._courier.wake()
                    if time.monotonic() - counted >= _COUNT:
                        await asyncio.to_thread(self.count_bounces)
                        counted = time.monotonic()
                except MisfinError as error:
                    logger.warning("%s %s", error, error.remedy)
                except Exception:  # or nothing would be sent any more until the next start
                    logger.exception("A message of a list could not be queued.")
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK):
                        await self._news.wait()
        finally:
            await self._courier.stop()
            await sending
            await asyncio.to_thread(self._outbox.close)

    async def run_once(self) -> list[OutboxRow]:
        """Queue and send everything that is due now; returns the deliveries tried."""
        await asyncio.to_thread(self.queue)
        rows = await self._courier.run_once()
        while await asyncio.to_thread(self.follow_redirects):
            rows += await self._courier.run_once()
        await asyncio.to_thread(self.count_bounces)
        return rows

    # ---- blocking

    def queue(self) -> bool:
        """Put into the outbox what the books say is to be sent; True if there was anything."""
        posts, some = self._books.posts, False
        while notices := posts.notices(_NOTICES):
            for notice in notices:
                self._queue_notice(notice)
                posts.noticed(notice)
            some = True
        while post := posts.next_accepted():
            if post.file:
                self._archive(post)
            while part := posts.next_part(post, _PART):
                self._put(post.list, part.recipients, post.message, post.subject, part.token)
                posts.queued(part)
            posts.finished(post)
            some = True
        return some

    def _queue_notice(self, notice: HostNotice) -> None:
        body = b"\n\n\n" + notice.text.encode("utf-8", "replace")
        subject = notice.text.partition("\n")[0].lstrip("# ")
        self._put(notice.account, (notice.recipient,), body, subject, f"notice:{notice.token}")

    def _put(self, account: str, people: tuple[str, ...], message: bytes, subject: str, token: str) -> None:
        self._outbox.enqueue(
            account=account,
            kind=AddressKind.MISFIN,
            recipients=[recipient_of(MisfinAddress.parse(each)) for each in people],
            message=message,
            subject=subject,
            now=self._now(),
            token=token,
        )

    def _archive(self, post: ListPost) -> None:
        """File a post in the mailbox of its list; the same one comes to the same file."""
        key = f"{int(post.at)}.list{post.token}"
        folder = self._store.folder(post.list, INBOX)
        if folder.find(key) is not None:
            return
        (path,) = folder.write([NewMessage(post.file)], now=self._now())
        self._inbox.deliver_many([Arrival(post.list, INBOX, path, key=key)])

    def follow_redirects(self) -> bool:
        """Send on what a subscriber's host redirects (docs/hosting.md §6); True if there was anything.

        There is nobody here to ask: what may be asked about is followed (post/misfin/attempt.py).
        """
        if not self._redirected:
            return False
        self._redirected, some = False, False
        for row in self._outbox.rows([DeliveryState.HELD]):
            if row.question not in _REDIRECTS or not row.target:
                continue
            if row.question is Question.REDIRECT_ALWAYS:
                self._books.lists.moved(row.account, row.to, row.target)
            target = recipient_of(MisfinAddress.parse(row.target))
            some |= self._outbox.follow(row.id, target, self._now()) is not None
        return some

    def count_bounces(self) -> None:
        """Note which subscribers nothing reaches, and forget those deliveries; end what is dead for long."""
        lists, now = self._books.lists, self._now()
        for (address, person), elsewhere in tuple(self._reached.items()):
            lists.delivered(address, person, elsewhere=elsewhere)
        self._reached.clear()
        for row in self._outbox.rows(_ENDED):
            if row.state is DeliveryState.HELD and row.pin_name and now - row.created < _HELD:
                continue  # it goes on by itself once the certificate is trusted
            if row.state is DeliveryState.UNCERTAIN:  # it may have arrived: only a person has it sent again
                if now - row.created < _HELD:
                    continue
            else:
                patience = 0.0 if row.status == _GONE else self._settings.patience
                if lists.failed(row.account, row.to, row.why, sent=row.created, now=now, patience=patience):
                    self._forget(row.account, row.to)
                    logger.info("%s is no longer subscribed to %s: %s", row.to, row.account, row.why)
            self._outbox.cancel(row.id, now=now)
            self._outbox.remove(row.id)
        self._noted = lists.noted()
        self._outbox.prune(now - DAY)

    def _forget(self, account: str, person: str) -> None:
        """What else is on its way to somebody who is no longer subscribed need not be tried."""
        waiting = self._outbox.rows((DeliveryState.WAITING, DeliveryState.DEFERRED))
        for row in waiting:
            if (row.account, row.to) == (account, person):
                self._outbox.cancel(row.id, now=self._now())

    # ---- on the event loop

    def _note(self, event: Event) -> None:
        if isinstance(event, Sent | TakenOn):
            who = (event.row.account, event.row.to)
            if who in self._noted:
                self._reached[who] = bool(event.row.target)
        elif isinstance(event, Held) and event.row.question in _REDIRECTS:
            self._redirected = True
            self.wake()
        elif isinstance(event, Trouble):
            logger.warning("%s", event.text)
