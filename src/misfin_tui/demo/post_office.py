"""The e-mail provider of the demo: a real submission server on loopback, with TLS and a log-in.

What it accepts is filed for the invented people it is for (one of them writes back), or in the player's own
mailbox. It is the server's side of our own engine, so what the program sends here it could send to any
provider.
"""

from __future__ import annotations

import asyncio
import hmac
import sqlite3
import sys
import time
from base64 import b64decode
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from uuid import uuid4

from misfin.email.smtp import SMTPServerProtocol
from misfin.email.smtp.server import ServerState
from misfin.email.smtp.serverevents import (
    DataPiece,
    LoginContinues,
    LoginStarts,
    MailStarts,
    MessageEnds,
    RecipientNamed,
    ServerEvent,
    TransactionEnds,
)
from misfin.errors import MisfinError
from misfin.model.replies import reply_subject
from misfin_tui.demo.email_stories import mail_people
from misfin_tui.demo.imap.mailboxes import INBOX, NewHosted
from misfin_tui.demo.imap_office import ImapOffice
from misfin_tui.demo.listening import PATIENCE, TLSListener
from misfin_tui.demo.stories import MAIL_ME
from misfin_tui.demo.world import ANSWER_AFTER, World

HOST = "seamail.test"
MAX_MESSAGE = 10_000_000
"""Bytes of a message at most, as its SIZE says."""
ANSWERS = {"lena": "Lovely, I will tell Tomas. See you at the quay!"}
_WELCOME = 235, "2.7.0 Welcome"
_WRONG = 535, "5.7.8 Wrong user name or password"
_READ = 64 * 1024


@dataclass(slots=True)
class _Transaction:
    """The message that one connection is handing in."""

    sender: str = ""
    recipients: list[str] = field(default_factory=list)
    data: bytearray = field(default_factory=bytearray)


class PostOffice:
    """Listens on the world's mail port until it is closed; ``incoming`` takes what is for the player."""

    def __init__(self, world: World, incoming: ImapOffice) -> None:
        self._world = world
        self._incoming = incoming
        self._people = mail_people()
        self._by_address = {person.address: name for name, person in self._people.items()}
        self._password = b""
        self._listener = TLSListener(world.mail_port, world.mail_certificate, self._session)
        self._answers: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen. Raises :class:`OSError`."""
        self._password = self._world.mail_server_password.read_bytes()
        await self._listener.start()

    async def stop(self) -> None:
        """Stop listening, and end what is under way."""
        for task in self._answers:
            task.cancel()
        await self._listener.stop()
        await asyncio.gather(*self._answers, return_exceptions=True)

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        smtp = SMTPServerProtocol(
            HOST, max_message_size=MAX_MESSAGE, secure=True, mechanisms=("PLAIN",), login_required=True
        )
        transaction = _Transaction()
        while True:
            event = smtp.next_event()
            if event is not None:
                transaction = await self._handle(event, smtp, transaction)
                continue
            writer.write(smtp.get_outgoing_data())
            async with asyncio.timeout(PATIENCE):
                await writer.drain()
                if smtp.state is ServerState.OVER:
                    return
                data = await reader.read(_READ)
            if not data:
                return
            smtp.feed_bytes(data)

    async def _handle(
        self, event: ServerEvent, smtp: SMTPServerProtocol, transaction: _Transaction
    ) -> _Transaction:
        """Answer one event; the transaction after it."""
        match event:
            case LoginStarts(initial=""):
                smtp.respond(334, "")
            case LoginStarts(initial=data) | LoginContinues(data=data):
                smtp.respond(*(_WELCOME if self._is_password(data) else _WRONG))
            case MailStarts(sender=sender) if sender == MAIL_ME.address:
                smtp.respond(250, "2.1.0 OK")
                return _Transaction(sender)
            case MailStarts():
                smtp.respond(553, f"5.7.1 You are {MAIL_ME.address} here")
            case RecipientNamed(address=address):
                if address.lower() in (*self._by_address, MAIL_ME.address):
                    transaction.recipients.append(address.lower())
                    smtp.respond(250, "2.1.5 OK")
                else:
                    smtp.respond(550, "5.1.1 There is nobody of that name")
            case DataPiece(data=data):
                transaction.data += data
            case MessageEnds():
                smtp.respond(*await self._file(transaction))
                return _Transaction()
            case TransactionEnds():
                return _Transaction()
        return transaction

    def _is_password(self, data: str) -> bool:
        """Whether an answer of PLAIN (RFC 4616) is the player's."""
        with suppress(ValueError):
            _, user, password = b64decode(data).split(b"\0")
            return user == MAIL_ME.address.encode() and hmac.compare_digest(password, self._password)
        return False

    async def _file(self, transaction: _Transaction) -> tuple[int, str]:
        """Keep a message for all it is for, durably, before it is accepted."""
        others = [each for each in transaction.recipients if each != MAIL_ME.address]
        names = [self._by_address[address] for address in others]
        message = bytes(transaction.data).replace(b"\r\n", b"\n")
        try:
            await asyncio.to_thread(self._deliver, names, message)
            if len(others) < len(transaction.recipients):
                await self._deliver_here(bytes(transaction.data))
        except (OSError, MisfinError, sqlite3.Error) as error:
            print(f"A message could not be filed: {error}", file=sys.stderr, flush=True)
            return 451, "4.3.0 It cannot be stored at the moment"
        for name in names:
            if name in ANSWERS:
                task = asyncio.create_task(self._answer(name, message))
                self._answers.add(task)
                task.add_done_callback(self._answers.discard)
        return 250, "2.0.0 Accepted"

    def _deliver(self, names: list[str], message: bytes) -> None:
        for name in names:
            self._world.mailbox_of(name).create().deliver(message, now=time.time())

    async def _deliver_here(self, message: bytes) -> None:
        await self._incoming.deliver([NewHosted(INBOX, message, received=time.time())])

    async def _answer(self, name: str, message: bytes) -> None:
        """Write back."""
        await asyncio.sleep(ANSWER_AFTER)
        try:
            await self._deliver_here(await asyncio.to_thread(self._written_back, name, message))
        except (OSError, MisfinError, sqlite3.Error) as error:
            print(f"{name} could not answer: {error}", file=sys.stderr, flush=True)

    def _written_back(self, name: str, message: bytes) -> bytes:
        from misfin.email.account import SendHTML  # late: the demo waits until all of us listen
        from misfin.email.mime_out import NamedAddress, OutgoingMail, build

        person = self._people[name]
        asked = message_from_bytes(message, policy=policy.default)
        answered = str(asked["Message-ID"] or "").strip()
        mail = OutgoingMail(
            NamedAddress(person.name, person.address),
            f"<{uuid4()}@{person.address.partition('@')[2]}>",
            datetime.now(UTC),
            to=(NamedAddress(MAIL_ME.name, MAIL_ME.address),),
            subject=reply_subject(str(asked["Subject"] or "your message")),
            text=f"{ANSWERS[name]}\n\n{person.name}\n",
            html=SendHTML.NEVER,
            in_reply_to=answered,
            references=(answered,) if answered else (),
        )
        return b"".join(build(mail).pieces())
