"""A complete transport: every message becomes a file in a spool folder, for another program to pass on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from misfin.errors import AddressError, LocalError
from misfin.files import sync_folder, write_private
from misfin.model.account import AddressKind
from misfin.model.recipient import Recipient, mail_address
from misfin.post import transport as post
from misfin.store.outgoing.deliveries import Outgoing, Question, Transcript
from misfin.store.outgoing.drafts import Draft, from_bytes

LIMIT = 1_000_000


class SpoolTransport:
    """Writes each message once, with all its recipients on top."""

    kind = AddressKind.MAIL
    capabilities = post.Capabilities(cc=True, bcc=True, batch=50)

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def parse(self, text: str) -> Recipient:
        address, name = mail_address(text)
        return Recipient(address, f"spool:{self.folder}", name)

    def measure(self, draft: Draft, to: Sequence[Recipient]) -> post.Measure:
        return post.Measure(len(text_of(draft)), LIMIT)

    def compose(self, draft: Draft) -> post.Composed:
        lines = [list(map(self.parse, filter(str.strip, line))) for line in (draft.to, draft.cc, draft.bcc)]
        once = {each.address: each for line in reversed(lines) for each in line}  # To before Cc before Bcc
        to, cc, bcc = (tuple(each for each in line if once[each.address] is each) for line in lines)
        if not once:
            raise AddressError("The message has no recipient.", remedy="Add an address to the To line.")
        text = text_of(draft)
        if len(text) > LIMIT:
            raise LocalError(f"The message is over {LIMIT:,} bytes long.", remedy="Shorten it.")
        return post.Composed(draft.subject, len(text), lambda file: file.write(text), to, cc, bcc)

    def answer(self, message: post.Stored, answer: post.Answer, own: Sequence[str]) -> Draft:
        row, forward = message.row, answer.how is post.How.FORWARD
        subject = f"{'Fwd' if forward else 'Re'}: {row.subject}"
        return Draft(account=row.account, to=() if forward else (row.sender_address,), subject=subject)

    async def open(self, route: post.Route) -> SpoolFolder:
        state = await asyncio.to_thread(self.answered, route.name)
        if state == "ready":
            return SpoolFolder()
        away = post.Temporary(post.Pace.SOON, whole_route=True)
        ask = post.Ask(Question.PERSON, pin_name=route.name, pinned=state)
        result = away if state == "missing" else ask
        raise post.RouteError(post.Ending(result, f"The folder {self.folder} is {state}."))

    async def send(self, job: post.Job, over: post.RouteConnection, marks: post.Marks) -> list[post.Ending]:
        people = "".join(f"{due.address}\n" for due in job.deliveries)
        data = f"{people}\n".encode() + text_of(from_bytes(job.message.draft) or Draft())
        # Named after the message and its first recipient: writing it again replaces the same file.
        path = self.folder / f"{job.message.group}.{job.deliveries[0].address.replace('/', '_')}"
        hidden = path.with_name(f".{path.name}")  # the other program skips such files
        try:
            await asyncio.to_thread(write_private, hidden, data)
        except OSError as error:
            return [post.Ending(post.Temporary(), f"{error}.")] * len(job.deliveries)
        await marks.sending()  # durable; await nothing between this and what makes the other side deliver
        await asyncio.to_thread(hidden.replace, path)
        await asyncio.to_thread(sync_folder, self.folder)
        taken = post.Ending(post.Accepted(), transcript=Transcript(host=str(self.folder)))
        return [taken] * len(job.deliveries)

    def settled(self, job: post.Job, endings: Sequence[post.Ending]) -> tuple[()]:
        return ()

    def answered(self, name: str) -> str:
        if not self.folder.is_dir():
            return "missing"
        return "writable by others" if self.folder.stat().st_mode & 0o022 else "ready"

    def sent_copy(self, outgoing: Outgoing) -> post.Composed:
        people = f"To: {', '.join(outgoing.recipients)}\n"  # without cc and bcc
        text = people.encode() + text_of(from_bytes(outgoing.draft) or Draft())
        return post.Composed(outgoing.subject, len(text), lambda file: file.write(text))


class SpoolFolder:
    alive = False  # a folder needs no connection, so there is nothing to keep

    async def close(self) -> None:
        """Do nothing."""


def text_of(draft: Draft) -> bytes:
    return f"Subject: {draft.subject}\n\n{draft.body}".encode()
