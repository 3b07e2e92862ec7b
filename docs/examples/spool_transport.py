"""A complete transport: every message becomes a file in a spool folder, for another program to pass on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from misfin.errors import AddressError, LocalError
from misfin.files import write_private
from misfin.model.account import AddressKind
from misfin.model.recipient import Recipient, mail_address
from misfin.post import transport as post
from misfin.store.outgoing.deliveries import Outgoing, Transcript
from misfin.store.outgoing.drafts import Draft, from_bytes

LIMIT = 1_000_000


class SpoolTransport:
    """Writes each message once, with all its recipients on top."""

    kind = AddressKind.MAIL
    capabilities = post.Capabilities(cc=True, bcc=True, batch=50)

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    # ---- writing

    def parse(self, text: str) -> Recipient:
        address, name = mail_address(text)
        return Recipient(address, f"spool:{self.folder}", name)

    def measure(self, draft: Draft, to: Sequence[Recipient]) -> post.Measure:
        return post.Measure(len(text_of(draft)), LIMIT)

    def compose(self, draft: Draft) -> post.Composed:
        lines = [list(map(self.parse, filter(str.strip, line))) for line in (draft.to, draft.cc, draft.bcc)]
        once = {each.address: each for line in reversed(lines) for each in line}
        to, cc, bcc = (tuple(each for each in line if once.get(each.address) is each) for line in lines)
        if not once:
            raise AddressError("The message has no recipient.", remedy="Write an address in the To line.")
        text = text_of(draft)
        if len(text) > LIMIT:
            raise LocalError(f"The message is over {LIMIT:,} bytes long.", remedy="Shorten it.")
        return post.Composed(draft.subject, len(text), lambda file: file.write(text), to, cc, bcc)

    def answer(self, message: post.Stored, answer: post.Answer, own: Sequence[str]) -> Draft:
        row = message.row
        if answer.how is post.How.FORWARD:
            return Draft(account=row.account, subject=f"Fwd: {row.subject}")
        return Draft(account=row.account, to=(row.sender_address,), subject=f"Re: {row.subject}")

    # ---- sending

    async def open(self, route: post.Route) -> SpoolFolder:
        if not await asyncio.to_thread(self.folder.is_dir):
            away = post.Temporary(post.Pace.SOON, whole_route=True)
            raise post.RouteError(post.Ending(away, f"The folder {self.folder} is not there."))
        return SpoolFolder()

    async def send(
        self, job: post.Job, over: post.RouteConnection, marks: post.Marks
    ) -> Sequence[post.Ending]:
        draft = from_bytes(job.message.draft) or Draft()
        people = "".join(f"{due.address}\n" for due in job.deliveries)
        # Named after the message and its first recipient: written again, it would be the same file.
        path = self.folder / f"{job.message.group}.{job.deliveries[0].address.replace('/', '_')}"
        await marks.sending()  # durable; nothing may stand between this and the first byte
        await asyncio.to_thread(write_private, path, people.encode() + b"\n" + text_of(draft))
        taken = post.Ending(post.Accepted(), transcript=Transcript(host=str(self.folder)))
        return [taken] * len(job.deliveries)

    def settled(self, job: post.Job, endings: Sequence[post.Ending]) -> tuple[()]:
        return ()

    def answered(self, name: str) -> None:
        return None

    def sent_copy(self, outgoing: Outgoing) -> post.Composed:
        draft = replace(from_bytes(outgoing.draft) or Draft(), bcc=())
        text = f"To: {', '.join(outgoing.recipients)}\n".encode() + text_of(draft)
        return post.Composed(outgoing.subject, len(text), lambda file: file.write(text))


class SpoolFolder:
    """The connection: a folder needs none, so it is never kept."""

    alive = False

    async def close(self) -> None:
        return None


def text_of(draft: Draft) -> bytes:
    return f"Subject: {draft.subject}\n\n{draft.body}".encode()
