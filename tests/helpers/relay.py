"""A submission server in memory and what a courier needs to send through it: batches, mere acceptance."""

from __future__ import annotations

import time

from misfin.model.account import AddressKind
from misfin.model.recipient import Recipient, mail_address
from misfin.post.courier import Courier
from misfin.post.submission import submit
from misfin.post.transport import (
    Accepted,
    Capabilities,
    Composed,
    Ending,
    Measure,
    RouteError,
)
from misfin.store.mail.maildir import MailStore
from misfin.store.outgoing.drafts import Draft, DraftBox
from misfin.store.outgoing.outbox import Outbox, Transcript

ROUTE = "smtp:work"
ACCOUNT = "work"
OK = Ending(Accepted(), transcript=Transcript(host="smtp.example.org"), status=250)


class Line:
    """A connection that counts what became of it."""

    def __init__(self) -> None:
        self.alive, self.closed, self.jobs = True, 0, []

    async def close(self) -> None:
        self.closed += 1
        self.alive = False


class Relay:
    """A submission server in memory. ``answers`` are what it says to some, ``script`` replaces it all."""

    kind = AddressKind.MAIL

    def __init__(self, batch: int = 100, keep: float = 60.0, answers=None, script=None) -> None:
        self.capabilities = Capabilities(cc=True, bcc=True, attachments=True, batch=batch, keep=keep)
        self.lines: list[Line] = []
        self.answers = answers or {}
        self.script = script
        self.state = ""
        self.refuse: list[RouteError] = []
        self.prepared: list[str] = []
        self.as_prepared = True

    def parse(self, text):
        address, name = mail_address(text)
        return Recipient(address, ROUTE, name)

    def measure(self, draft, to):
        return Measure(len(draft.body), 10**6)

    def compose(self, draft):
        to, cc, bcc = (tuple(map(self.parse, part)) for part in (draft.to, draft.cc, draft.bcc))
        return Composed(
            draft.subject, len(draft.body), lambda file: file.write(draft.body.encode()), to, cc, bcc
        )

    def answer(self, message, answer, own):
        raise NotImplementedError

    async def open(self, route):
        if self.refuse:
            raise self.refuse.pop(0)
        self.lines.append(Line())
        return self.lines[-1]

    def prepare(self, message, before=None):
        assert before in (None, message.group)
        return before or self.prepared.append(message.group) or message.group

    async def send(self, job, over, marks):
        assert not self.as_prepared or job.prepared in (None, job.message.group)
        over.jobs.append([due.address for due in job.deliveries])
        if self.script is not None:
            return await self.script(job, over, marks)
        wanted = [due for due in job.deliveries if due.address not in self.answers]
        if wanted:
            await marks.sending(wanted)
        return [self.answers.get(due.address, OK) for due in job.deliveries]

    def settled(self, job, endings):
        return ()

    def answered(self, name):
        return self.state or None

    def sent_copy(self, outgoing):
        return Composed(outgoing.subject, 4, lambda file: file.write(b"Subject: copy\n\ncopy\n"))


class RelayDesk:
    """An outbox, Sent, and the events of one account that sends through a relay."""

    def __init__(self, path) -> None:
        self.outbox = Outbox(path / "outbox.db")
        self.store = MailStore(path / "mail")
        self.box = DraftBox(self.store)
        self.events = []

    def put(self, relay, *to, **more):
        to = to or ("bob@example.org",)
        draft = Draft(account=ACCOUNT, to=to, subject="Hi", body="text\n", **more)
        return submit(self.outbox, self.box, self.box.save(draft, now=time.time()), relay, now=time.time())

    async def send(self, *transports):
        courier = Courier(self.outbox, transports, self.store, on_event=self.events.append, rand=lambda: 0.0)
        return await courier.run_once()

    def states(self):
        return {row.to: row.state for row in self.outbox.rows()}
