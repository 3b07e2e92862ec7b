"""The transport for Misfin addresses, over a profile's identities and pins.

Messages are written by ``misfin.compose``, each delivery is one hop of attempt.py, and the certificate of a
host is judged inside the connection. Every message has a connection of its own, as the protocol wants.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING

from misfin.compose.measure import KnownServer, Measure, measure
from misfin.compose.recipients import read_address
from misfin.compose.writing import gemmail_of, recipients_of
from misfin.errors import IdentityError, LocalError, MessageTooLargeError, StoreError
from misfin.model.account import AddressKind
from misfin.model.address import MisfinAddress
from misfin.model.gemmail import MAX_MESSAGE, GemmailMessage, Version
from misfin.post.misfin.addresses import recipient_of
from misfin.post.transport import (
    Answer,
    Ask,
    Capabilities,
    Composed,
    Ending,
    How,
    Job,
    Marks,
    Recipient,
    Route,
    RouteConnection,
    Stored,
)
from misfin.store.outgoing.deliveries import Outgoing, Question, Transcript
from misfin.trust.tofu import PinKind

if TYPE_CHECKING:
    from misfin.net.client import HostOverride
    from misfin.post.events import Event
    from misfin.post.misfin.notices import Remembered
    from misfin.store.identities import IdentityStore
    from misfin.store.outgoing.drafts import Draft
    from misfin.trust.identity import Identity
    from misfin.trust.pins import PinBook

_ONLY_TEXT = "A Misfin message cannot have Cc, Bcc or attachments."
_CAPABILITIES = Capabilities(split=True, forward_unchanged=True)


class MisfinTransport:
    """Sends gemmail; :class:`~misfin.post.transport.Transport` says what each method promises.

    ``address_of`` gives the address of an account, by what drafts and the outbox call it: the address itself
    for an identity, a name for a mailbox kept elsewhere. ``hosts`` gives some hosts another address or
    version, ``sender_lines`` are hosts that are known to want the sender's address in the message,
    ``trust_on_first_use`` off holds messages to hosts never met, ``timeout`` is seconds to wait for an
    answer. ``now`` is the clock (Unix seconds).
    """

    kind = AddressKind.MISFIN
    capabilities = _CAPABILITIES

    def __init__(
        self,
        identities: IdentityStore,
        pins: PinBook,
        *,
        address_of: Callable[[str], str] = str,
        hosts: Mapping[str, HostOverride] | None = None,
        sender_lines: Collection[str] = (),
        trust_on_first_use: bool = True,
        timeout: float = 60.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._identities = identities
        self._pins = pins
        self._address_of = address_of
        self._hosts = dict(hosts or {})
        self._sender_lines = frozenset(sender_lines)
        self._trust_on_first_use = trust_on_first_use
        self._timeout = timeout
        self._now = now

    # ---- writing

    def parse(self, text: str) -> Recipient:
        return recipient_of(read_address(text))

    def measure(self, draft: Draft, to: Sequence[Recipient]) -> Measure:
        servers = [self._known(MisfinAddress.parse(each.address)) for each in to]
        sender: MisfinAddress | None = None
        if any(server.sender_line for server in servers):
            with suppress(IdentityError, StoreError):
                sender = self._identity(draft.account).address
        found = measure(draft, sender, servers)
        return replace(found, problem=found.problem or _ONLY_TEXT) if _has_more(draft) else found

    def _known(self, address: MisfinAddress) -> KnownServer:
        memory = self._pins.recall(address.hostname, address.server_port)
        forced = self._hosts.get(address.hostname)
        version = (forced and forced.version) or memory.version(self._now()) or Version.C
        sender_line = memory.sender_line or address.hostname in self._sender_lines
        return KnownServer(address, version, sender_line, memory.size_limit or 0)

    def compose(self, draft: Draft) -> Composed:
        if _has_more(draft):
            raise LocalError(_ONLY_TEXT, remedy="Remove them, or send it from an e-mail account.")
        message = gemmail_of(draft)
        if len(message) > MAX_MESSAGE:
            raise MessageTooLargeError(len(message), MAX_MESSAGE, Version.C)
        return Composed(
            subject=GemmailMessage.from_bytes(message).subject or "",
            size=len(message),
            write=lambda file: file.write(message),
            to=tuple(map(recipient_of, recipients_of(draft))),
            kept=message,
        )

    def answer(self, message: Stored, answer: Answer, own: Sequence[str]) -> Draft:
        from misfin.compose.reply import forward_draft, read_original, reply_draft  # late: reading needs none

        if answer.how in (How.REPLY_LIST, How.FORWARD_ATTACHED):
            raise LocalError("A Misfin message cannot be answered in that way.")
        original = read_original(message.data, message.row)
        if answer.how is How.FORWARD:
            return forward_draft(original)
        return reply_draft(
            original,
            [MisfinAddress.parse(each) for each in own],
            everyone=answer.how is How.REPLY_ALL,
            quoted=answer.quoted,
            signature=answer.signature,
            link=answer.link,
        )

    # ---- sending

    async def open(self, route: Route) -> RouteConnection:
        return _PerMessage()

    async def send(self, job: Job, over: RouteConnection, marks: Marks) -> Sequence[Ending]:
        await asyncio.to_thread(_import_tls)
        from misfin.net.client import MisfinClient
        from misfin.post.misfin.attempt import attempt

        try:
            identity = await asyncio.to_thread(self._identity, job.message.account)
        except (IdentityError, StoreError) as error:
            words = f"The identity of {job.message.account} cannot be used. {error} {error.remedy}".strip()
            return [Ending(Ask(Question.NEEDS_IDENTITY), words, Transcript(error=str(error)))]
        client = MisfinClient(
            identity=identity,
            pins=self._pins,
            hosts=self._hosts,
            trust_on_first_use=self._trust_on_first_use,
            timeout=self._timeout,
            public_only=self._public_only(job),
            now=self._now,
        )
        complaints = await self._checked(identity, marks)
        return [await attempt(client, job, identity.address, marks, complaints)]

    def _identity(self, account: str) -> Identity:
        return self._identities.load(self._address_of(account))

    def _public_only(self, job: Job) -> bool:
        """Whether nothing may go to a private address: not where a person says where it goes."""
        return False

    async def _checked(self, identity: Identity, marks: Marks) -> list[str]:
        """What is wrong with our identity; reported once, and no reason to hold a message.

        See docs/protocol.md §4.3.
        """
        from misfin.post.misfin.notices import about_identity
        from misfin.trust.identity import check  # late: a transport is made before OpenSSL is there

        complaints = check(identity, datetime.fromtimestamp(self._now(), UTC))
        if notices := about_identity(identity, complaints):
            for event in await asyncio.to_thread(self._unsaid, notices):
                marks.say(event)
        return complaints

    def settled(self, job: Job, endings: Sequence[Ending]) -> Iterable[Event]:
        from misfin.net.client import Delivery
        from misfin.post.misfin.events import MailboxKeyChanged
        from misfin.post.misfin.notices import about_host

        events: list[Event] = []
        for due, ending in zip(job.deliveries, endings, strict=True):
            if ending.fingerprint:
                address = MisfinAddress.parse(due.address).address
                before = self._pins.note_mailbox_key(address, ending.fingerprint, now=self._now())
                if before is not None and not self._decided(
                    job.route.name, before.fingerprint, ending.fingerprint
                ):
                    events.append(MailboxKeyChanged(address, before.fingerprint, ending.fingerprint))
            if isinstance(ending.detail, Delivery):
                events += self._unsaid(about_host(job.route.name, ending.detail))
        return events

    def _decided(self, host: str, before: str, now: str) -> bool:
        """Whether the mailbox uses the certificate of its host, and that change was already decided about."""
        pin = self._pins.get(PinKind.HOST, host)
        if pin is None or pin.cert_sha256 != now:
            return False
        return any(past.cert_sha256 == before for past in pin.history)

    def _unsaid(self, notices: Sequence[Remembered]) -> list[Event]:
        from misfin.post.events import CourierNotice

        now = self._now()
        with suppress(StoreError):  # reported another time
            return [
                CourierNotice(text)
                for what, text in notices
                if not self._pins.already_reported(what, now=now)
            ]
        return []

    def answered(self, name: str) -> str | None:
        pin = self._pins.get(PinKind.HOST, name)
        return None if pin is None else pin.spki_sha256

    def sent_copy(self, outgoing: Outgoing) -> Composed | None:
        from misfin.store.message.envelope import wrap_sent
        from misfin.store.outgoing import drafts

        account = MisfinAddress.parse(self._address_of(outgoing.account))
        with suppress(IdentityError):
            account = self._identity(outgoing.account).address
        draft = drafts.from_bytes(outgoing.draft)
        data = wrap_sent(
            outgoing.message,
            version=Version.C,
            account=account,
            to=[MisfinAddress.parse(to) for to in outgoing.recipients],
            now=datetime.fromtimestamp(outgoing.created, UTC),
            in_reply_to=draft.in_reply_to if draft else "",
            references=draft.references if draft else (),
        )
        return Composed(outgoing.subject, len(data), lambda file: file.write(data))


def _import_tls() -> None:
    """TLS is in memory once there is something to send. Blocking: it takes longer than a key may wait."""
    import_module("misfin.net.client")
    import_module("misfin.post.misfin.attempt")


def _has_more(draft: Draft) -> bool:
    """Whether there is something in a draft that only e-mail can carry."""
    return bool(draft.cc or draft.bcc or draft.attachments)


class _PerMessage:
    """The connection of a protocol that has one per message: it is made and closed while sending."""

    alive = False

    async def close(self) -> None:
        """Nothing is open."""
