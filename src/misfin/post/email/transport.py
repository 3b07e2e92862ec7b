"""The transport for e-mail addresses: what an account writes goes out by its SMTP server.

A message is written again from its draft at every try, the same each time: the queued message gives its
Message-ID and date. The account's route has one connection, kept for a while; one message goes to all its
recipients at once, and each of them has a result of its own (docs/sending-email.md).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from datetime import tzinfo
from typing import TYPE_CHECKING

from misfin.compose.measure import NO_LIMIT, Measure
from misfin.email.account import EmailAccount, MailServer, SaveSent
from misfin.email.mime_out import MimeMessage, build
from misfin.errors import AccountError, AddressError, ClaimLostError, LocalError, MisfinError
from misfin.model.account import AddressKind
from misfin.model.recipient import Recipient
from misfin.post.email import results
from misfin.post.email.accounts import keeps_sent_mail, settings_state
from misfin.post.email.writing import author_of, lines_of, mail_of, recipient_of
from misfin.post.transport import (
    Answer,
    Ask,
    Capabilities,
    Composed,
    Ending,
    Job,
    Marks,
    Route,
    RouteConnection,
    RouteError,
    Stored,
)
from misfin.store.outgoing import drafts
from misfin.store.outgoing.deliveries import Outgoing, Question, Transcript
from misfin.trust.tofu import PinKind

if TYPE_CHECKING:
    from misfin.email.sasl import Credentials
    from misfin.email.smtp.transaction import RecipientResult, SMTPTimeouts
    from misfin.post.email.connecting import SMTPConnection
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
    forward_attached=True,
    batch=100,
    keep=15.0,
)


class EmailTransport:
    """Sends e-mail; :class:`~misfin.post.transport.Transport` says what each method promises.

    ``account_of`` gives an account by what drafts and the outbox call it, and raises
    :class:`~misfin.errors.AccountError`. ``credentials`` gives what it logs in with; it may block, and raises
    :class:`~misfin.errors.LocalError` where a person has to do something: unlock the keyring, set a password.
    ``state_of`` is a short text, quickly made, that changes when the account's log-in or settings do; what is
    held because of those is tried again then. ``timeouts`` are those of the connection, ``now`` is the clock
    (Unix seconds), ``zone`` the time zone of dates (None: this computer's).
    """

    kind = AddressKind.MAIL
    capabilities = _CAPABILITIES

    def __init__(
        self,
        account_of: Callable[[str], EmailAccount],
        credentials: Callable[[EmailAccount, MailServer], Credentials],
        pins: PinBook,
        files: AttachmentFiles,
        *,
        state_of: Callable[[EmailAccount], str] = settings_state,
        timeouts: SMTPTimeouts | None = None,
        now: Callable[[], float] = time.time,
        zone: tzinfo | None = None,
    ) -> None:
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
        return recipient_of(text)

    def measure(self, draft: Draft, to: Sequence[Recipient]) -> Measure:
        try:
            account = self._account_of(draft.account)
            lines: Sequence[Sequence[Recipient]] = (to, (), ())
            with suppress(AddressError):  # an unfinished address is said beside it
                lines = lines_of(draft, account)
            size = self._built(draft, account, lines, created=self._now()).size
        except MisfinError as error:
            return Measure(0, NO_LIMIT, problem=str(error))
        server = account.outgoing
        limit = server and self._pins.recall_mail_server(account.name, server.name).size_limit
        return Measure(size, limit or NO_LIMIT, host=server.host if server and limit else "")

    def compose(self, draft: Draft) -> Composed:
        account = self._account_of(draft.account)
        _server_of(account)
        to, cc, bcc = lines = lines_of(draft, account)
        built = self._built(draft, account, lines, created=self._now())
        return Composed(draft.subject, built.size, built.write, to, cc, bcc)

    def _built(
        self,
        draft: Draft,
        account: EmailAccount,
        lines: Sequence[Sequence[Recipient]],
        *,
        created: float,
        name: str = "",
        with_bcc: bool = False,
    ) -> MimeMessage:
        named = {"name": name} if name else {}
        return build(
            mail_of(
                draft,
                account,
                lines,
                self._files,
                created=created,
                zone=self._zone,
                with_bcc=with_bcc,
                **named,
            )
        )

    def _queued(self, outgoing: Outgoing, *, with_bcc: bool = False) -> tuple[MimeMessage, str]:
        """A queued message, the same at every call, and the address that sends it. Blocking."""
        draft = drafts.from_bytes(outgoing.draft)
        if draft is None:
            raise LocalError("The draft of this message cannot be read.", remedy="Write it again.")
        account = self._account_of(outgoing.account)
        built = self._built(
            draft,
            account,
            lines_of(draft, account),
            created=outgoing.created,
            name=outgoing.group,
            with_bcc=with_bcc,
        )
        return built, author_of(draft, account).address

    def answer(self, message: Stored, answer: Answer, own: Sequence[str]) -> Draft:
        from misfin.compose.mail_reply import OwnAddresses  # late: reading needs none of it
        from misfin.post.email.answering import answer_to

        account = self._account_of(message.row.account)
        mine = OwnAddresses((account.address, *own, *account.aliases))
        return answer_to(message, answer, mine, self._files)

    # ---- sending

    async def open(self, route: Route) -> RouteConnection:
        await asyncio.to_thread(_import_smtp)
        from misfin.email.smtp.client import SMTPTimeouts
        from misfin.post.email.connecting import Trace, connect, transcript_of

        try:
            account = await asyncio.to_thread(self._account_of, route.account)
            server = _server_of(account)
        except AccountError as error:
            asked = Ask(Question.PERSON)
            words = f"{error} {error.remedy}".strip()
            raise RouteError(Ending(asked, words, Transcript(error=words))) from error
        state = await asyncio.to_thread(self._state_of, account)
        trace = Trace()
        try:
            return await connect(
                account,
                server,
                self._credentials,
                self._pins,
                trace,
                timeouts=self._timeouts or SMTPTimeouts(),
                now=self._now,
            )
        except MisfinError as error:
            judged = results.of_connecting(error, account, server, state)
            transcript = transcript_of(server, trace, error=judged.words)
            raise RouteError(Ending(judged.result, judged.words, transcript)) from error

    async def send(self, job: Job, over: RouteConnection, marks: Marks) -> Sequence[Ending]:
        from misfin.post.email.connecting import SMTPConnection

        assert isinstance(over, SMTPConnection)
        if not over.client.connected:
            raise RouteError(_lost(over, f"{over.server.host} closed the connection."))
        used, over.used = over.used, True
        self._report(over, marks)
        try:
            message, sender = await asyncio.to_thread(self._queued, job.message)
            with closing(message.open()) as file:
                found = await over.client.send(
                    sender,
                    [due.address for due in job.deliveries],
                    file,
                    before_end=lambda accepted: marks.sending([job.deliveries[each] for each in accepted]),
                )
        except ClaimLostError:
            raise
        except MisfinError as error:
            if marks.sent:
                raise
            judged = results.of_sending(error, over.server)
            ending = Ending(judged.result, judged.words, over.transcript(error=judged.words))
            return [ending] * len(job.deliveries)
        if used and not marks.sent and all(map(_broke_off, found)):
            raise RouteError(_lost(over, found[0].reason or f"{over.server.host} ended the session."))
        return await self._endings(over, found)

    async def _endings(self, over: SMTPConnection, found: Sequence[RecipientResult]) -> list[Ending]:
        state = ""
        if any(results.no_login(each.response) for each in found):
            state = await asyncio.to_thread(self._state_of, over.account)
        facts, transcript = over.facts, over.transcript()
        endings = []
        for each in found:
            judged = results.of_recipient(each, over.server)
            response = each.response
            if response is not None and results.no_login(response):
                words = f"{over.server.host} does not let you send: {results.said(response)}"
                judged = results.asks_account(over.account, state, words)
            endings.append(
                Ending(
                    judged.result,
                    judged.words,
                    transcript,
                    status=response.code if response else 0,
                    meta=results.said(response).partition(" ")[2] if response else "",
                    detail=facts,
                )
            )
        return endings

    def _report(self, over: SMTPConnection, marks: Marks) -> None:
        from misfin.post.events import CourierNotice

        for sentence in over.notices:
            marks.say(CourierNotice(sentence))
        over.notices.clear()

    def settled(self, job: Job, endings: Sequence[Ending]) -> Iterable[Event]:
        from misfin.trust.records import MailServerFacts

        facts = next((each.detail for each in endings if isinstance(each.detail, MailServerFacts)), None)
        if facts is not None and facts.extensions:
            account = self._account_of(job.message.account)
            self._pins.remember_mail_server(account.name, _server_of(account).name, facts)
        return ()

    def answered(self, name: str) -> str | None:
        called, colon, account = name.partition(":")
        if called == "account" and colon:
            try:
                return self._state_of(self._account_of(account))
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
        size = sum(len(piece) - piece.count(b"\r\n") for piece in message.pieces())
        return Composed(outgoing.subject, size, lambda file: message.write(file, line_end=b"\n"))


def _server_of(account: EmailAccount) -> MailServer:
    if account.outgoing is None:
        raise AccountError(
            f"The account {account.name} has no server to send by.",
            remedy="Set `smtp` in its settings.",
        )
    return account.outgoing


def _broke_off(found: RecipientResult) -> bool:
    """Whether the connection ended before the server judged anything."""
    from misfin.email.smtp.transaction import SubmissionResult

    ended = found.response is None or found.response.code == 421
    return found.result is SubmissionResult.TEMPORARY and ended


def _lost(over: SMTPConnection, words: str) -> Ending:
    return Ending(results.AWAY, words, over.transcript(error=words))


def _import_smtp() -> None:
    """TLS and SMTP are in memory once there is something to send. Blocking: it takes a while."""
    import misfin.post.email.connecting  # noqa: F401
