"""The server of mailboxes over real TLS: an independent client, our own, strangers, and its log."""

from __future__ import annotations

import asyncio
import logging
import re
from datetime import UTC, datetime, timedelta

import pytest
from gmapclient import PlainClient
from gmapdesk import DIRECTORY, GmapDesk
from gmapserver import gemmail
from peers import person

from misfin.gmap.client import GmapClient
from misfin.model.address import MisfinAddress
from misfin.model.gemmail import Version
from misfin.net.limits import LimitSettings
from misfin.post.gmap.host import MailboxHost, MailboxHostSettings
from misfin.store.identities import IdentityStore
from misfin.store.mail.maildir import MailStore
from misfin.store.message.envelope import to_gemmail, wrap
from misfin.trust.identity import generate, renew
from misfin.trust.pins import PinBook

ADA, BEA = person("ada@mail.test"), person("bea@mail.test")
OPEN = LimitSettings(enable=False)
HERE = "ada@mail.test"


class Hosted:
    """A server on this machine, its mail, and clients for it."""

    def __init__(self, root, limits=OPEN, remote=()) -> None:
        self.identities = IdentityStore(root / "identities")
        for each in (ADA, BEA):
            self.identities.save(each)
        self.store = MailStore(root / "mail")
        for each in (HERE, "bea@mail.test"):
            self.store.create(each)
        where = (("127.0.0.1", 0),)
        settings = MailboxHostSettings(where, root / "identities", root / "mail", remote, limits)
        self.host = MailboxHost(settings)
        self.port = 0

    async def __aenter__(self) -> Hosted:
        self.port = (await self.host.start())[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.host.stop()

    def client(self, identity=ADA):
        return PlainClient(self.port, identity)

    def own_client(self, identity=ADA):
        return GmapClient("mail.test", 1958, identity, PinBook(None), connect=("127.0.0.1", self.port))

    def deliver(self, number, folder="Inbox", flags="", box=HERE):
        file = wrap(gemmail(number), version=Version.C, account=ADA.address, now=datetime.now(UTC))
        return self.store.folder(box, folder).deliver(file, flags=flags)

    def here(self, folder="Inbox"):
        return sorted(to_gemmail(each.path.read_bytes()) for each in self.store.folder(HERE, folder).list())


async def away(work):
    """Run a client that blocks."""
    return await asyncio.to_thread(work)


async def test_another_client_reads_tags_moves_and_deletes(tmp_path):
    async with Hosted(tmp_path) as there:
        for number in range(3):
            there.deliver(number)
        there.deliver(3, "Sent", "S")

        def use():
            client = there.client()
            ids = client.ids("Inbox")
            assert len(ids) == 3
            assert all(re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]+", each) for each in ids)
            assert client.ids("Unread") == ids
            assert len(client.ids()) == 4
            assert sorted(map(client.read, ids)) == [gemmail(0), gemmail(1), gemmail(2)]
            first, second, third = sorted(ids, key=client.read)
            assert client.ask(f"/untag/Unread?{first}").body == b"Tag removed"
            client.move(second, "Archive", "Inbox")
            assert client.ask(f"/delete?{third}").status == 51
            client.move(third, "Trash", "Inbox")
            assert third not in client.ids()
            assert client.ids("Trash") == [third]
            assert client.ids("Archive") == [second]
            assert client.read(second) == gemmail(1), "the id stays"
            assert client.ask(f"/tag/Work?{first}").body == b"Tag added"
            assert client.ids("Work") == [first]
            client.move(first, "Archive", "Inbox")
            assert client.ids("Work") == [first], "a tag stays when the message moves"
            return third

        third = await away(use)
        assert there.here("Trash") == [gemmail(2)], "nothing is deleted before it is asked for"
        assert there.here("Archive") == [gemmail(0), gemmail(1)]
        flags = {to_gemmail(e.path.read_bytes()): e.flags for e in there.store.folder(HERE, "Archive").list()}
        assert "S" in flags[gemmail(0)]
        assert "S" not in flags[gemmail(1)]
        assert (await away(lambda: there.client().ask(f"/delete?{third}"))).body == b"Message deleted"
        assert there.here("Trash") == []
        assert (await away(lambda: there.client().ask(f"/delete?{third}"))).status == 51


async def test_what_comes_out_of_the_trash_or_of_every_folder_is_still_there(tmp_path):
    async with Hosted(tmp_path) as there:
        there.deliver(1, "Trash", "S")
        client = there.client()
        (name,) = await away(lambda: client.ids("Trash"))
        await away(lambda: client.ask(f"/untag/Trash?{name}"))
        assert there.here() == [gemmail(1)]
        await away(lambda: client.ask(f"/untag/Inbox?{name}"))
        assert there.here("Archive") == [gemmail(1)]
        await away(lambda: client.ask(f"/untag/Archive?{name}"))
        assert there.here("Archive") == [gemmail(1)]
        assert (await away(lambda: client.ask(f"/untag/Nothing?{name}"))).status == 20


async def test_lists_since_a_time_and_pages_without_a_certificate(tmp_path):
    async with Hosted(tmp_path) as there:
        there.deliver(1)
        client, nobody = there.client(), there.client(None)
        soon = datetime.now(UTC) + timedelta(hours=1)
        assert (await away(lambda: client.ask(f"/tag/Inbox/{soon:%Y-%m-%dT%H:%M:%SZ}"))).body == b""
        assert (await away(lambda: client.ask("/tag/Inbox/2026-01-01T00:00:00Z"))).body != b""
        assert (await away(lambda: client.ask("/tag/Inbox/2026-01-01"))).status == 51
        assert (await away(lambda: client.ask("/tag/?x"))).status == 59
        assert (await away(lambda: client.ask("/untag/Inbox"))).status == 59
        assert (await away(lambda: client.ask("/tag/Nothing"))).body == b""
        assert (await away(lambda: client.ask("/elsewhere"))).status == 51
        assert (await away(lambda: nobody.ask("/list/"))).status == 20
        assert (await away(lambda: nobody.ask("/list/crew/info"))).status == 51


async def test_only_the_key_of_a_mailbox_opens_it(tmp_path):
    now = datetime.now(UTC)
    imposter = generate(MisfinAddress.parse("ada@mail.test"), now=now)
    signed = generate(
        MisfinAddress.parse("ada@mail.test"),
        now=now,
        signed_by=generate(MisfinAddress.parse("host@mail.test"), now=now, ca=True),
    )
    old = renew(ADA, now=now - timedelta(days=20), days=10)
    async with Hosted(tmp_path) as there:
        there.deliver(1)
        for identity, status in ((None, 60), (imposter, 61), (signed, 61), (old, 62)):
            client = there.client(identity)
            for path in ("/tag/Inbox", "/msgid/20260101T000000Z-00"):
                assert (await away(lambda c=client, p=path: c.ask(p))).status == status
        renewed = there.client(renew(ADA, now=now))
        (name,) = await away(lambda: renewed.ids("Inbox"))
        assert await away(lambda: there.client(BEA).ids()) == []
        assert (await away(lambda: there.client(BEA).ask(f"/msgid/{name}"))).status == 51


async def test_a_mailbox_kept_elsewhere_and_held_mail_are_not_served(tmp_path):
    async with Hosted(tmp_path, remote=("bea@mail.test",)) as there:
        there.deliver(1, "Held")
        assert await away(lambda: there.client().ids()) == []
        assert (await away(lambda: there.client(BEA).ask("/tag/"))).status == 61


async def test_identities_are_followed(tmp_path):
    async with Hosted(tmp_path) as there:
        there.identities.remove("bea@mail.test")
        cal = person("cal@mail.test")
        there.identities.save(cal)
        async with asyncio.timeout(60):
            while (await away(lambda: there.client(cal).ask("/tag/"))).status != 20:
                await asyncio.sleep(0.05)
        assert (await away(lambda: there.client(BEA).ask("/tag/"))).status == 61


@pytest.mark.parametrize(
    "line",
    [
        b"gemini://mail.test:1960/tag/Inbox\n",
        b"gemini://ada@mail.test:1960/tag/Inbox\r\n",
        b"gemini://mail.test:1960/tag/Inbox#x\r\n",
        b"misfin://ada@mail.test Hello\r\n",
        b"gemini://mail.test:1960/tag/In box\r\n",
        b"gemini://mail.test:99999/tag/\r\n",
        b"gemini://mail.test/tag/" + b"x" * 1024 + b"\r\n",
        b"\xff\xfe\r\n",
        b"\r\n",
    ],
    ids=["lf", "user", "fragment", "misfin", "space", "port", "long", "bytes", "empty"],
)
async def test_what_is_not_a_request_is_refused(tmp_path, line):
    async with Hosted(tmp_path) as there:
        assert (await away(lambda: there.client().raw(line))).status == 59


@pytest.mark.parametrize("tag", ["..", "In%62ox", "a:b", "a*b"])
async def test_a_name_that_is_no_tag_reaches_no_file(tmp_path, tag):
    async with Hosted(tmp_path) as there:
        there.deliver(1)
        (name,) = await away(lambda: there.client().ids())
        assert (await away(lambda: there.client().ask(f"/tag/{tag}?{name}"))).status == 59
        assert (await away(lambda: there.client().ask(f"/tag/Inbox?../{name}"))).status == 51


async def test_whoever_asks_too_much_is_asked_to_wait(tmp_path):
    async with Hosted(tmp_path, LimitSettings(capacity=3, refill_rate=0.001, retry_after=7)) as there:
        said = [await away(lambda: there.client().ask("/tag/")) for _ in range(4)]
        assert [each.status for each in said] == [20, 20, 20, 44]
        assert int(said[-1].meta) >= 7


async def test_whoever_connects_and_asks_nothing_does_not_hold_up_the_end(tmp_path):
    async with Hosted(tmp_path) as there:
        reader, writer = await asyncio.open_connection("127.0.0.1", there.port)
        assert await away(there.client().ids) == []
        async with asyncio.timeout(5):
            await there.host.stop()
            assert await reader.read() == b""
        writer.close()


async def test_each_change_is_a_line_of_the_log_and_looking_is_none(tmp_path, caplog):
    caplog.set_level(logging.INFO, "misfin.gmap.audit")
    async with Hosted(tmp_path) as there:
        there.deliver(1)
        client = there.client()
        (name,) = await away(lambda: client.ids())
        for path in (f"/msgid/{name}", f"/tag/Trash?{name}", f"/delete?{name}", f"/delete?{name}"):
            await away(lambda p=path: client.ask(p))
    lines = [each.getMessage() for each in caplog.records if each.name == "misfin.gmap.audit"]
    assert lines == [
        f"ada@mail.test: tag Trash {name} from 127.0.0.1: 20",
        f"ada@mail.test: delete {name} from 127.0.0.1: 20",
        f"ada@mail.test: delete {name} from 127.0.0.1: 51",
    ]


async def test_our_own_client_is_in_step_after_one_pass_and_the_next_does_nothing(tmp_path):
    async with Hosted(tmp_path / "there") as there:
        for number in range(25):
            there.deliver(number, flags="S" if number % 2 else "")
        there.deliver(30, "Archive", "S")
        there.deliver(31, "Sent", "S")
        there.deliver(32, "Trash", "S")
        desk = GmapDesk(tmp_path / "here", there.own_client())
        result = await desk.settle()
        assert (result.problems, result.asking) == ((), ())
        for folder in ("Inbox", "Archive", "Sent", "Trash"):
            assert desk.here(folder) == there.here(folder)
        again = await desk.once()
        assert (again.arrived, again.here, again.there) == (0, 0, 0)

        # Changed here, and there by another program.
        entries = desk.files()
        inbox, boxes = desk.store.folder(DIRECTORY, "Inbox"), there.store.folder(HERE, "Inbox")
        inbox.change_flags(entries[0].key, add="S")
        inbox.move(entries[1].key, desk.store.folder(DIRECTORY, "Archive"))
        inbox.move(entries[2].key, desk.store.folder(DIRECTORY, "Trash"))
        theirs = boxes.list()
        boxes.move(theirs[-1].key, there.store.folder(HERE, "Archive"))
        boxes.change_flags(theirs[-2].key, add="S")
        there.deliver(40)
        await desk.settle()
        for folder in ("Inbox", "Archive", "Sent", "Trash"):
            assert desk.here(folder) == there.here(folder), folder
        flags = {to_gemmail(each.path.read_bytes()): each.flags for each in boxes.list()}
        assert {to_gemmail(e.path.read_bytes()): e.flags for e in desk.files()} == flags

        (thrown,) = [e for e in desk.files("Trash") if to_gemmail(e.path.read_bytes()) != gemmail(32)]
        desk.store.folder(DIRECTORY, "Trash").remove(thrown.key)
        await desk.settle()
        assert there.here("Trash") == [gemmail(32)]
        again = await desk.once()
        assert (again.arrived, again.here, again.there) == (0, 0, 0)


async def test_what_another_program_moves_marks_or_removes_after_the_list_is_read_as_it_is_now(tmp_path):
    async with Hosted(tmp_path) as there:
        entries = {gemmail(number): there.deliver(number) for number in range(4)}
        client, inbox = there.client(), there.store.folder(HERE)
        names = {await away(lambda each=each: client.read(each)): each for each in await away(client.ids)}
        inbox.move(entries[gemmail(0)].key, there.store.folder(HERE, "Archive"))
        inbox.set_flags(entries[gemmail(1)].key, "S")
        inbox.remove(entries[gemmail(2)].key)
        inbox.move(entries[gemmail(3)].key, there.store.folder(HERE, "Held"))
        for number in (0, 1):
            assert await away(lambda n=number: client.read(names[gemmail(n)])) == gemmail(number)
        for number in (2, 3):
            said = await away(lambda n=number: client.ask(f"/msgid/{names[gemmail(n)]}"))
            assert said.status == 51


async def test_a_list_is_whole_while_messages_move(tmp_path):
    async with Hosted(tmp_path) as there:
        for number in range(40):
            there.deliver(number)
        client, stop = there.own_client(), asyncio.Event()

        def shuffle():
            inbox, archive = (there.store.folder(HERE, each) for each in ("Inbox", "Archive"))
            for one in inbox.list()[:20]:
                inbox.move(one.key, archive, sync=False)
            for one in archive.list()[:20]:
                archive.move(one.key, inbox, sync=False)

        async def moving():
            while not stop.is_set():
                await asyncio.to_thread(shuffle)
                await asyncio.sleep(0.02)

        mover = asyncio.create_task(moving())
        try:
            counts = set()
            for _ in range(30):
                try:
                    counts.add(len(await client.ids()))
                except Exception as error:
                    assert "41" in str(error)
        finally:
            stop.set()
            await mover
        assert counts <= {40}
