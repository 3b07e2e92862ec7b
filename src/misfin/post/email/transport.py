"""The transport for e-mail addresses: what an account writes goes out by its SMTP server.

A message is written again from its draft at every try, the same each time: the queued message gives its
Message-ID and date. The account's route has one connection, kept for a while; one message goes to all its
recipients at once, and each of them has a result of its own (docs/sending-email.md).
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from datetime import tzinfo
from importlib import import_module
from typing import TYPE_CHECKING

from misfin.compose.measure import NO_LIMIT, Measure
from misfin.email.account import EmailAccount, MailServer, SaveSent
from misfin.errors import AccountError, AddressError, LocalError, MisfinError
from misfin.model.account import AddressKind
from misfin.model.recipient import Recipient, mail_address
from misfin.post.email.accounts import ASKS_ACCOUNT, keeps_sent_mail, server_of, settings_state
from misfin.post.transport import (
    Answer,
    Capabilities,
    Composed,
    Ending,
    Job,
    Marks,
    Route,
    RouteConnection,
    Stored,
)
from misfin.store.outgoing import drafts
from misfin.store.outgoing.deliveries import Outgoing
from misfin.store.outgoing.finished import read_finished
from misfin.trust.records import MailServerFacts
from misfin.trust.tofu import PinKind

if TYPE_CHECKING:
    from pathlib import Path

    from misfin.email.mime_out import MimeMessage, OutgoingMail
    from misfin.email.sasl import Credentials
    from misfin.email.smtp.transaction import SMTPTimeouts
    from misfin.post.email.finished import FinishedMail
    from misfin.post.email.sending import Written
    from misfin.post.events import Event
    from misfin.store.outgoing.attachments import AttachmentFiles
    from misfin.store.outgoing.drafts import Draft
    from misfin.trust.pins import PinBook

_CAPABILITIES = Capabilities(
    cc=True,
    bcc=True,
    attachments=True,
    html=True,
    reply_list=True,
    protect=True,
    forward_attached=True,
    batch=100,
    keep=15.0,
)
_WHOLE = 64 * 1024
"""Bytes of a message up to which its copy is written in one go."""
_NAMELESS = "0" * 32
"""In place of the name of a message that is not queued yet; as long as one."""

Lines = Sequence[Sequence[Recipient]]


class EmailTransport:
    """Sends e-mail; :class:`~misfin.post.transport.Transport` says what each method promises.

    ``account_of`` gives an account by what drafts and the outbox call it, and raises
    :class:`~misfin.errors.AccountError`. ``credentials`` gives what it logs in with, None for nothing, and
    raises :class:`~misfin.errors.LocalError` where a person has to do something: unlock the keyring, set a
    password. ``state_of`` is a short text, quickly made, that changes when the account's log-in or settings
    do; what is held because of those is tried again then. ``files`` is where attached files are kept,
    ``smime`` the folder of S/MIME certificates to sign with.
    ``timeouts`` are those of the connection, ``now`` is the clock (Unix seconds), ``zone`` the time zone of
    dates (None: this computer's).
    """

    kind = AddressKind.MAIL
    capabilities = _CAPABILITIES

    def __init__(
        self,
        account_of: Callable[[str], EmailAccount],
        credentials: Callable[[EmailAccount, MailServer], Awaitable[Credentials | None]],
        pins: PinBook,
        files: AttachmentFiles,
        *,
        state_of: Callable[[EmailAccount], str] = settings_state,
        timeouts: SMTPTimeouts | None = None,
        now: Callable[[], float] = time.time,
        zone: tzinfo | None = None,
        smime: Path | None = None,
    ) -> None:
        self._smime = smime
        self._account_of = account_of
        self._credentials = credentials
        self._pins = pins
        self._files = files
        self._state_of = state_of
        self._timeouts = timeouts
        self._now = now
        self._zone = zone

    # ---- writing

    def parse(self, text: str) -> Recipient:
        address, name = mail_address(text)
        return Recipient(address, "smtp:", name)  # whose server it is, compose knows

    def measure(self, draft: Draft, to: Sequence[Recipient]) -> Measure:
        from misfin.post.email.writing import lines_of

        lines: Lines = (to, (), ())
        try:
            account = self._account_of(draft.account)
            with suppress(AddressError):  # an unfinished address is said beside it
                lines = lines_of(draft, account)
            size = self._written(draft, account, lines, self._now()).size
        except MisfinError as error:
            return Measure(0, NO_LIMIT, problem=str(error))
        server = account.outgoing
        limit = server and self._pins.recall_mail_server(account.name, server.name).size_limit
        return Measure(size, limit or NO_LIMIT, host=server.host if server and limit else "")

    def compose(self, draft: Draft) -> Composed:
        from misfin.post.email.writing import lines_of

        account = self._account_of(draft.account)
        server_of(account)
        to, cc, bcc = lines = lines_of(draft, account)
        if draft.protection:
            return self._protected(draft, account, lines)
        written = self._written(draft, account, lines, self._now())
        return Composed(draft.subject, written.size, written.write, to, cc, bcc)

    def _protected(self, draft: Draft, account: EmailAccount, lines: Lines) -> Composed:
        """Signed or encrypted now, and kept as it is: done again, it would be another message."""
        from misfin.post.email.protecting import protect
        from misfin.post.email.writing import author_of
        from misfin.store.outgoing.finished import FinishedMessage
        from misfin.store.protected import GnuPG

        to, cc, bcc = lines
        mail = self._mail(draft, account, lines, self._now(), name=uuid.uuid4().hex)
        message = protect(mail, draft.protection, bcc, GnuPG.installed(), self._smime)
        key, size = self._files.add_pieces(message.pieces())
        kept = FinishedMessage(key, author_of(draft, account).address).to_bytes()
        return Composed(draft.subject, size, message.write, tuple(to), tuple(cc), tuple(bcc), kept, (key,))

    def answer(self, message: Stored, answer: Answer, own: Sequence[str]) -> Draft:
        from misfin.compose.mail_reply import OwnAddresses  # late: reading needs none of it
        from misfin.post.email.answering import answer_to

        account = self._account_of(message.row.account)
        mine = OwnAddresses(account.address, account.aliases, tuple(own))
        return answer_to(message, answer, mine, self._files)

    def _written(
        self,
        draft: Draft,
        account: EmailAccount,
        lines: Lines,
        created: float,
        *,
        name: str = _NAMELESS,
        with_bcc: bool = False,
    ) -> MimeMessage:
        from misfin.email.mime_out import build

        return build(self._mail(draft, account, lines, created, name=name, with_bcc=with_bcc))

    def _mail(
        self,
        draft: Draft,
        account: EmailAccount,
        lines: Lines,
        created: float,
        *,
        name: str,
        with_bcc: bool = False,
    ) -> OutgoingMail:
        from misfin.post.email.writing import mail_of

        return mail_of(
            draft,
            account,
            lines,
            self._files,
            name=name,
            created=max(created, draft.send_at),
            zone=self._zone,
            with_bcc=with_bcc,
        )

    def _queued(
        self, outgoing: Outgoing, *, with_bcc: bool = False
    ) -> tuple[MimeMessage | FinishedMail, str]:
        """A queued message, the same at every call, and the address that sends it. Blocking."""
        from misfin.post.email.finished import FinishedMail
        from misfin.post.email.writing import author_of, lines_of

        if (finished := read_finished(outgoing.message)) is not None:
            return FinishedMail(self._files.path(finished.key)), finished.sender
        draft = drafts.from_bytes(outgoing.draft)
        if draft is None:
            raise LocalError("The draft of this message cannot be read.", remedy="Write it again.")
        account = self._account_of(outgoing.account)
        written = self._written(
            draft,
            account,
            lines_of(draft, account),
            outgoing.created,
            name=outgoing.group,
            with_bcc=with_bcc,
        )
        return written, author_of(draft, account).address

    # ---- sending

    async def open(self, route: Route) -> RouteConnection:
        await asyncio.to_thread(import_module, "misfin.post.email.sending")  # TLS and SMTP, once needed
        from misfin.post.email.sending import open_connection, without_account

        try:
            account = await asyncio.to_thread(self._account_of, route.account)
        except AccountError as error:
            raise without_account(error) from error
        state = await asyncio.to_thread(self._state_of, account)
        return await open_connection(
            account, state, self._credentials, self._pins, timeouts=self._timeouts, now=self._now
        )

    async def recheck(self, account: str, name: str) -> Sequence[str]:
        from misfin.post.email.sending import look_again

        found = await asyncio.to_thread(self._account_of, account)
        return await look_again(found, name, self._pins, timeouts=self._timeouts, now=self._now)

    async def send(self, job: Job, over: RouteConnection, marks: Marks) -> Sequence[Ending]:
        from misfin.post.email.connecting import SMTPConnection
        from misfin.post.email.sending import hand_over

        assert isinstance(over, SMTPConnection)
        return await hand_over(job, over, marks, lambda: self._queued(job.message), self._state_of)

    def prepare(self, message: Outgoing, before: object = None) -> Written | None:
        from misfin.post.email.sending import Written, whole

        account = self._account_of(message.account)
        if isinstance(before, Written) and before.account == account:
            return before
        return whole(*self._queued(message), account)

    def settled(self, job: Job, endings: Sequence[Ending]) -> Iterable[Event]:
        facts = next((each.detail for each in endings if isinstance(each.detail, MailServerFacts)), None)
        if facts is not None and facts.extensions:
            account = self._account_of(job.message.account)
            self._pins.remember_mail_server(account.name, server_of(account).name, facts)
        return ()

    def answered(self, name: str) -> str | None:
        if name.startswith(ASKS_ACCOUNT):
            try:
                return self._state_of(self._account_of(name.removeprefix(ASKS_ACCOUNT)))
            except AccountError:
                return None
        pin = self._pins.get(PinKind.MAIL, name)
        return None if pin is None else pin.spki_sha256

    def sent_copy(self, outgoing: Outgoing) -> Composed | None:
        account = self._account_of(outgoing.account)
        if account.save_sent is SaveSent.NO or (
            account.save_sent is SaveSent.AUTO and keeps_sent_mail(account)
        ):
            return None
        message, _ = self._queued(outgoing, with_bcc=True)
        if message.size <= _WHOLE:
            data = b"".join(message.pieces()).replace(b"\r\n", b"\n")
            return Composed(outgoing.subject, len(data), lambda file: file.write(data))
        size = sum(len(piece) - piece.count(b"\r\n") for piece in message.pieces())
        return Composed(outgoing.subject, size, lambda file: message.write(file, line_end=b"\n"))
