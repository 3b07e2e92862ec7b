"""The correspondents' servers, in their own process: ``python -m misfin_tui.demo.correspondents FOLDER``.

Prints one line when all of them listen, and ends when its standard input closes: when the demo ends, however
it ends. Each keeps what it receives, so that a check can see what really arrived where.
"""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from misfin.model.address import MisfinAddress
from misfin.model.gemmail import GemmailMessage, Version
from misfin.model.gemtext import compose
from misfin.model.replies import quote, reply_subject
from misfin.net.client import HostOverride, MisfinClient
from misfin.net.directory import Directory, Moved
from misfin.net.receiver import Incoming, Receiver, ReceiverSettings
from misfin.store.mail.maildir import Maildir
from misfin.store.message.envelope import wrap
from misfin.trust.identity import Identity, identity_from_pem
from misfin.wire import MisfinResponse
from misfin_tui.demo.imap_office import ImapOffice
from misfin_tui.demo.play import READY
from misfin_tui.demo.post_office import PostOffice
from misfin_tui.demo.stories import ME
from misfin_tui.demo.world import (
    ANSWER_AFTER,
    MANNERS,
    NEW_HOME,
    SLOW,
    Manner,
    World,
    hosts,
    open_world,
)

ANSWERS = {
    "bea": "Got it, thank you! The crew will hear of it tonight.",
    "dora": "You trusted my new key, how kind. The garden says hello.",
    "noor": "One map, coming up. It will not be to scale.",
}


class Correspondent:
    """One person with a mailbox: keeps what arrives, and answers if that is their manner."""

    def __init__(self, world: World, name: str, identity: Identity) -> None:
        self.identity = identity
        self.manner = MANNERS.get(name, Manner.ACCEPTS)
        self._name = name
        self._maildir = Maildir(world.people / name).create()
        self._client = client_of(world, name, identity)
        self._answers: set[asyncio.Task[None]] = set()

    async def receive(self, incoming: Incoming) -> MisfinResponse:
        """Handle one message the way this person does."""
        request = incoming.request
        if self.manner is Manner.ONLY_B and request.version is Version.C:
            return MisfinResponse(59, "Bad request: one line, please")
        if self.manner is Manner.SLOW:
            await asyncio.sleep(SLOW)
        await asyncio.to_thread(self._keep, incoming)
        if self.manner is Manner.ANSWERS:
            task = asyncio.create_task(self._answer(request.parse_message()))
            self._answers.add(task)
            task.add_done_callback(self._answers.discard)
        return MisfinResponse(20, self.identity.info.fingerprints.cert)

    def _keep(self, incoming: Incoming) -> None:
        request = incoming.request
        now = datetime.fromtimestamp(time.time(), UTC)
        self._maildir.deliver(
            wrap(
                request.message,
                version=request.version,
                account=self.identity.address,
                now=now,
                certificate=incoming.certificate,
                received_from=incoming.peer_address,
                received_by=self.identity.address.hostname,
            )
        )

    async def _answer(self, message: GemmailMessage) -> None:
        await asyncio.sleep(ANSWER_AFTER)
        subject = reply_subject(message.subject or "your message")
        text = f"{ANSWERS[self._name]}\n\n{quote(message.body)}"
        answer = GemmailMessage(body=compose(subject, text)).to_bytes()
        try:
            async with self._client as client:
                await client.send_raw(to=ME.address, message_bytes=answer)
        except (OSError, ValueError) as error:  # the player's receiver may be down; the demo goes on
            print(f"{self._name} could not answer: {error}", file=sys.stderr, flush=True)


async def serve(root: Path) -> None:
    """Run every server of the world in ``root`` until standard input closes."""
    world = open_world(root, now=time.time())
    receivers = []
    for host, names in hosts().items():
        people = {name: Correspondent(world, name, load(world, name)) for name in names}
        receivers.append(_receiver(world, host, people))
    for receiver in receivers:
        await receiver.start()
    offices: list[ImapOffice | PostOffice] = []
    if world.mail_port:
        incoming = ImapOffice(world)
        offices = [incoming, PostOffice(world, incoming)]
    for office in offices:
        await office.start()
    print(READY, flush=True)
    await asyncio.to_thread(sys.stdin.buffer.read)
    for office in reversed(offices):
        await office.stop()
    for receiver in receivers:
        await receiver.stop()


def _receiver(world: World, host: str, people: dict[str, Correspondent]) -> Receiver:
    by_mailbox = {person.identity.address.mailbox: person for person in people.values()}
    moved = {
        person.identity.address: Moved(MisfinAddress.parse(NEW_HOME.address))
        for person in people.values()
        if person.manner is Manner.MOVED
    }

    async def receive(incoming: Incoming) -> MisfinResponse:
        return await by_mailbox[incoming.request.mailbox].receive(incoming)

    return Receiver(
        receive,
        Directory([person.identity for person in people.values()], moved=moved),
        ReceiverSettings(listen=(("127.0.0.1", world.ports[host]),)),
    )


def client_of(world: World, name: str, identity: Identity) -> MisfinClient:
    """A client that sends as this person and knows where the player's receiver listens."""
    player = MisfinAddress.parse(ME.address).hostname
    return MisfinClient(
        identity=identity,
        tofu_db_path=world.people / f"{name}.trust.db",
        hosts={player: HostOverride(connect=("127.0.0.1", world.port))},
        timeout=10.0,
    )


def load(world: World, name: str) -> Identity:
    """The identity of a correspondent."""
    return identity_from_pem((world.people / f"{name}.pem").read_bytes())


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
