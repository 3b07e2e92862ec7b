"""Titlani's own GMAP server, kept in sync by our planner: read, tag, move, delete."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from freeports import free_port
from gmapdesk import DIRECTORY, GmapDesk
from tests.helpers.titlani import titlani_server, why_not

from misfin.gmap.client import GmapClient
from misfin.gmap.errors import NoSuchMessageError, NotForUsError
from misfin.gmap.requests import UNREAD
from misfin.model.address import MisfinAddress
from misfin.net.client import MisfinClient
from misfin.trust.identity import generate, identity_from_pem
from misfin.trust.pins import PinBook

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")


class Place:
    """A Titlani with a mailbox of ada's, and our side of it."""

    def __init__(self, root, server, port, identity, bea) -> None:
        self.root, self.server, self.port, self.identity, self.bea = root, server, port, identity, bea
        self.client = self.opened_by(identity)

    def opened_by(self, identity) -> GmapClient:
        return GmapClient("localhost", self.port, identity, PinBook(None), connect=("127.0.0.1", self.port))

    async def listens(self) -> bool:
        try:
            await self.client.ids()
        except OSError:
            return False
        return True

    async def mail(self, *subjects) -> None:
        async with MisfinClient(identity=self.bea, port=self.server.port) as sender:
            for subject in subjects:
                answer = await sender.send(to="ada@localhost", body=f"Gruß {subject}\n", subject=subject)
                assert answer.status == 20

    async def tagged(self, *tags) -> list[int]:
        return [len(await self.client.ids(tag)) for tag in tags]


@asynccontextmanager
async def titlani(root) -> AsyncIterator[Place]:
    from datetime import UTC, datetime

    port = free_port()
    gmap = f"[gmap]\nenable = true\nport = {port}\n"
    bea = generate(MisfinAddress("bea", "localhost", "Bea"), now=datetime.now(UTC))
    with titlani_server(root, mailboxes=("ada", "bea"), config=gmap) as server:
        key = root / "identities"
        identity = identity_from_pem((key / "ada.pem").read_bytes(), (key / "ada.key").read_bytes())
        place = Place(root, server, port, identity, bea)
        async with asyncio.timeout(60):
            while not await place.listens():
                await asyncio.sleep(0.05)
        yield place


async def test_a_mailbox_is_read_tagged_moved_and_emptied(tmp_path):
    async with titlani(tmp_path / "there") as place:
        await place.mail("one", "two", "three", "four")
        desk = GmapDesk(tmp_path / "here", place.client)
        result = await desk.settle()
        assert (result.problems, result.asking) == ((), ())
        entries = desk.files()
        assert [entry.flags for entry in entries] == [""] * 4
        assert all(b"Gru\xc3\x9f" in text for text in desk.here())

        box = desk.store.folder(DIRECTORY, "Inbox")
        box.change_flags(entries[0].key, add="S")
        box.move(entries[1].key, desk.store.folder(DIRECTORY, "Archive"))
        box.move(entries[2].key, desk.store.folder(DIRECTORY, "Trash"))
        await desk.settle()
        assert await place.tagged("Inbox", "Archive", "Trash", UNREAD) == [2, 1, 1, 2]

        (thrown,) = desk.files("Trash")
        desk.store.folder(DIRECTORY, "Trash").remove(thrown.key)
        result = await desk.settle()
        assert (result.problems, result.asking) == ((), ())
        assert await place.tagged("Trash", "") == [0, 3]

        # And in the other direction.
        (archived,) = await place.client.ids("Archive")
        await place.client.tag(archived, "Inbox")
        await place.client.untag(archived, "Archive")
        unread = (await place.client.ids(UNREAD))[0]
        await place.client.untag(unread, UNREAD)
        await desk.settle()
        assert len(desk.files()) == 3
        assert desk.files("Archive") == []

        desk.restart()
        result = await desk.once()
        assert (result.arrived, result.here, result.there) == (0, 0, 0)


async def test_only_the_key_of_the_mailbox_opens_it(tmp_path):
    async with titlani(tmp_path) as place:
        with pytest.raises(NotForUsError):
            await place.opened_by(generate(MisfinAddress("ada", "localhost"), now=_now())).ids()
        with pytest.raises(NoSuchMessageError):
            await place.client.message("20260101T000000Z-00000000")


def _now():
    from datetime import UTC, datetime

    return datetime.now(UTC)
