"""Gives accepted messages to an LMTP server and answers 20 once that has taken them, not a moment sooner.

It stands where the intake does (intake.py), for a host whose mail is kept by a server of its own, Dovecot or
Cyrus or a cluster of them. What the receiver found out about senders goes along under a seal that others can
check (docs/trust.md §8). Nothing is kept here: a message that could not be given away is the sender's to
repeat.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from misfin.email.lmtp import LmtpAnswer, LmtpPool
from misfin.model.safetext import plain
from misfin.model.status import StatusCode
from misfin.net.incoming import Incoming, accepted
from misfin.post.intake import NOT_STORED, digest_of, file_of
from misfin.store.message.for_mail import for_mail
from misfin.store.message.signed_seal import SealingKey, sealing_key, sign
from misfin.wire import MisfinResponse

if TYPE_CHECKING:
    from misfin.email.smtp import SMTPResponse
    from misfin.post.reception import HandOverSettings
    from misfin.trust.identity import Identity

logger = logging.getLogger("misfin.handover")

_REMEMBERED: Final = 2048
"""Messages a new one is compared with, as in intake.py."""
_LAST_WAIT: Final = 5.0
"""Seconds that messages on their way get at the end; whoever sent them gets no answer then."""

_PERHAPS: Final = MisfinResponse(
    StatusCode.SERVER_UNAVAILABLE, "It is not known if the message was stored; try again later"
)
_FULL: Final = MisfinResponse(StatusCode.MAILBOX_FULL, "The mailbox is full; nothing was stored")
_NOBODY: Final = MisfinResponse(StatusCode.MAILBOX_NOT_FOUND, "No such mailbox")
_REFUSED: Final = MisfinResponse(StatusCode.PERMANENT_FAILURE, "The message was refused")


class HandOver:
    """A handler for :class:`~misfin.net.receiver.Receiver` that keeps nothing itself.

    The recipient's address is that of the mailbox, never an alias. The sender of the envelope is empty, so
    that no bounce and no holiday notice follows by e-mail. ``identity_of`` gives the identity
    that a host presents. The same message twice in one second is one message, as for the intake.

    Use it on one event loop, and :meth:`close` it when the receiver has stopped.
    """

    def __init__(self, settings: HandOverSettings, identity_of: Callable[[str], Identity | None]) -> None:
        self._pool = LmtpPool(settings.lmtp, patience=settings.timeout)
        self._identity_of = identity_of
        self._recent: dict[bytes, asyncio.Task[MisfinResponse]] = {}
        self._running: set[asyncio.Task[MisfinResponse]] = set()

    async def __call__(self, incoming: Incoming) -> MisfinResponse:
        """Hand over one message; see :data:`misfin.net.incoming.Handler`."""
        digest = digest_of(incoming)
        task = self._recent.get(digest)
        if task is None:
            task = self._begin(digest, incoming)
        return await asyncio.shield(task)  # one sender may leave, and another wait for the same

    async def close(self) -> None:
        """Wait a little for what is on its way, then close the connections."""
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=_LAST_WAIT)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        await self._pool.close()

    def _begin(self, digest: bytes, incoming: Incoming) -> asyncio.Task[MisfinResponse]:
        task = asyncio.create_task(self._hand_over(incoming))
        if len(self._recent) >= _REMEMBERED:
            for oldest in list(self._recent)[: _REMEMBERED // 2]:
                del self._recent[oldest]
        self._recent[digest] = task
        self._running.add(task)

        def ended(_task: asyncio.Task[MisfinResponse]) -> None:
            self._running.discard(task)
            stored = not task.cancelled() and task.exception() is None and task.result().status // 10 == 2
            if not stored and self._recent.get(digest) is task:
                del self._recent[digest]  # when it comes again, it is tried again

        task.add_done_callback(ended)
        return task

    async def _hand_over(self, incoming: Incoming) -> MisfinResponse:
        recipient = incoming.recipient.address.address
        data, seven_bit = await asyncio.to_thread(self._written, incoming)
        (answer,) = await self._pool.deliver("", (recipient,), data, seven_bit=seven_bit)
        if answer.taken:
            return accepted(incoming)
        said = answer.reason
        if answer.response is not None:
            said = f"{answer.response.command} {answer.response.code} {answer.response.message}"
        logger.error("A message for %s was not handed over: %s", recipient, plain(said[:300], one_line=True))
        return status_of(answer)

    def _written(self, incoming: Incoming) -> tuple[bytes, bytes | None]:
        """The message under its seals as mail servers carry it, and if that differs, in 7 bits. Blocking."""
        sealed = sign(file_of(incoming), self._keys(incoming.recipient))
        data = for_mail(sealed)
        return data, None if data.isascii() else for_mail(sealed, seven_bit=True)

    def _keys(self, recipient: Identity) -> list[SealingKey]:
        """The mailbox's key, which its owner has, and the host's, which others have pinned."""
        host = self._identity_of(recipient.address.hostname)
        found = [sealing_key(each) for each in (recipient, host) if each is not None]
        return [each for each in found if each is not None]


def status_of(answer: LmtpAnswer) -> MisfinResponse:
    """The answer to the sender of a message that the server has not taken.

    Only a refusal of this recipient or of this message is final. What the server says of us, or before it
    has heard of either, is for whoever runs this host to put right. Its words stay in our log.
    """
    response = answer.response
    if response is None:
        return _PERHAPS if answer.sent else NOT_STORED
    if _is_full(response):
        return _FULL
    if response.is_temporary or response.command not in _ABOUT_THE_MESSAGE or response.code in _ABOUT_US:
        return NOT_STORED
    return _NOBODY if _names_nobody(response) else _REFUSED


_ABOUT_THE_MESSAGE: Final = frozenset({"RCPT", "DATA", "."})
_ABOUT_US: Final = frozenset({500, 501, 502, 503, 504, 530, 534, 535, 538, 555})
"""We spoke wrongly, or should have logged in (RFC 5321 §4.2.2, RFC 4954 §6)."""


def _is_full(response: SMTPResponse) -> bool:
    code = response.enhanced
    if code is not None:
        return (code.subject, code.detail) == (2, 2)  # RFC 3463 §3.3
    return response.code == 552


def _names_nobody(response: SMTPResponse) -> bool:
    code = response.enhanced
    if response.command != "RCPT":
        return False
    return code.subject == 1 if code is not None else response.code in {550, 551, 553}
