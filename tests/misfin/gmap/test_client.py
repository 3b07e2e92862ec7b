"""The client of a remote mailbox over real TLS, with a server written from docs/protocol.md §7."""

import asyncio
import threading
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from gmapserver import GmapBox, GmapServer, gemmail
from OpenSSL import SSL
from peers import person
from scripted import ScriptedServer

from misfin.errors import ConnectError, RemoteProtocolError
from misfin.gmap.client import MAX_CONNECTIONS, OTHER_PORT, GmapClient
from misfin.gmap.errors import (
    GmapError,
    GmapTimeoutError,
    MovedElsewhereError,
    NoSuchMessageError,
    NotForUsError,
    SlowDownError,
)
from misfin.trust.pins import PinBook
from misfin.trust.refusal import CertificateChangedError
from misfin.trust.tofu import PinKind

HOST, ADA = person("host@mail.test"), person("ada@mail.test")


@asynccontextmanager
async def mailbox(*, owner=ADA, box=None, identity=ADA, pins=None, server_identity=HOST, **options):
    box = box or GmapBox()
    polite = options.pop("polite", True)
    with GmapServer(server_identity, owner, box, polite=polite) as server:
        yield box, client_of(server, identity=identity, pins=pins, **options)


def client_of(server, *, identity=ADA, pins=None, port=1958, **options):
    connect = ("127.0.0.1", server.port)
    return GmapClient("mail.test", port, identity, pins or PinBook(None), connect=connect, **options)


async def test_lists_reads_tags_and_deletes():
    async with mailbox() as (box, client):
        first, second = box.add(gemmail(1)), box.add(gemmail(2), "Sent")
        assert sorted(await client.ids()) == sorted([first, second])
        assert await client.ids("Inbox") == [first]
        assert await client.ids("Inbox", datetime(2030, 1, 1, tzinfo=UTC)) == []
        assert await client.ids("Nothing") == []
        assert await client.message(first) == gemmail(1)
        await client.untag(first, "Unread")
        await client.tag(first, "Trash")
        assert box.tags(first) == {"Inbox", "Trash"}
        await client.delete(first)
        assert list(box.messages) == [second]
    assert box.asked[-1] == f"/delete?{first}"


async def test_the_certificate_of_the_mailbox_is_what_opens_it():
    async with mailbox(identity=person("ada@mail.test", number=1)) as (_, client):
        with pytest.raises(NotForUsError) as refused:
            await client.ids("Inbox")
    assert refused.value.status == 61
    assert "61 Not registered" in str(refused.value)


async def test_a_message_that_is_gone_and_one_in_no_trash_are_told():
    async with mailbox() as (box, client):
        there = box.add(gemmail(1))
        for request in (
            client.message("x"),
            client.tag("x", "Trash"),
            client.delete("x"),
            client.delete(there),
        ):
            with pytest.raises(NoSuchMessageError):
                await request
        assert there in box.messages


async def test_an_encrypted_message_is_refused_with_its_reason():
    async with mailbox() as (box, client):
        with pytest.raises(GmapError) as refused:
            await client.message(box.add(gemmail(1), encrypted=True))
    assert refused.value.status == 40
    assert "Message is encrypted" in str(refused.value)


async def test_a_server_with_another_certificate_sees_neither_request_nor_certificate():
    pins = PinBook(None)
    async with mailbox(pins=pins) as (_, client):
        await client.ids("Inbox")
    with GmapServer(person("host@mail.test", number=1), ADA, GmapBox()) as server:
        with pytest.raises(CertificateChangedError):
            await client_of(server, pins=pins).ids("Inbox")
        (visit,) = await server.wait()
        assert (visit.got, visit.client, server.box.asked) == (b"", None, [])


async def test_the_server_is_pinned_under_its_own_name_and_port():
    pins = PinBook(None)
    async with mailbox(pins=pins, port=1970) as (_, client):
        await client.ids("Inbox")
    assert pins.get(PinKind.HOST, "mail.test:1970") is not None


async def test_no_more_than_four_requests_are_under_way():
    async with mailbox() as (box, client):
        for number in range(12):
            box.add(gemmail(number))
        names = list(box.messages)
        box.gate = threading.Barrier(MAX_CONNECTIONS, timeout=60).wait
        got = await asyncio.gather(*map(client.message, names))
    assert got == [box.messages[name].data for name in names]
    assert box.most_at_once == MAX_CONNECTIONS
    assert client.requests == 12


class NeverResuming(GmapServer):
    """Gives out sessions and breaks off the handshake of whoever resumes one, as OpenSSL does by itself."""

    _only: SSL.Context | None = None

    def _context(self, index):
        if self._only is None:
            self._only = super()._context(index)
            self._only.set_session_id(b"")
        return self._only


async def test_a_server_that_breaks_off_resumed_sessions_is_soon_asked_without():
    box = GmapBox()
    names = [box.add(gemmail(number)) for number in range(12)]
    with NeverResuming(HOST, ADA, box) as server:
        client = client_of(server)
        assert len(await client.ids()) == 12
        assert len(await asyncio.gather(*map(client.message, names))) == 12
        broken_off = [visit for visit in await server.wait() if not visit.handshake_done]
        assert 1 <= len(broken_off) <= MAX_CONNECTIONS
        before = len(server.visits)
        assert len(await asyncio.gather(*map(client.message, names))) == 12
        assert len(server.visits) == before + 12, "none is resumed any more"


async def test_the_other_port_is_tried_where_only_misfin_is_spoken():
    box = GmapBox()
    with GmapServer(HOST, ADA, box) as server:
        lines = []

        def odd(_request):
            return (
                b"59 Invalid scheme\r\n"
                if server.visits[-1].got.startswith(b"gemini://mail.test:1958/")
                else None
            )

        box.odd = odd
        client = client_of(server, port=0)
        assert await client.ids("Inbox") == []
        assert client.port == OTHER_PORT
        await client.ids("Unread")
        lines = [visit.got.decode().strip() for visit in await server.wait()]
    assert lines == [
        "gemini://mail.test:1958/tag/Inbox",
        "gemini://mail.test:1960/tag/Inbox",
        "gemini://mail.test:1960/tag/Unread",
    ]


async def test_a_port_that_was_chosen_is_kept():
    box = GmapBox(odd=lambda _request: b"59 Invalid scheme\r\n")
    async with mailbox(box=box, port=1958) as (_, client):
        with pytest.raises(GmapError):
            await client.ids("Inbox")
    assert len(box.asked) == 1


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"30 gemini://evil.test/tag/Inbox\r\n", MovedElsewhereError),
        (b"44 20\r\n", SlowDownError),
        (b"10 Password?\r\n", GmapError),
        (b"60 Certificate required\r\n", NotForUsError),
        (b"40 Sorry \x1b[2J\r\n", GmapError),
        (b"20 image/png\r\n\x89PNG", RemoteProtocolError),
        (b"20 text/plain\r\n# not a list /of/ ids", RemoteProtocolError),
        (b"20 text/plain\r\n" + b"a, " * 400_000, RemoteProtocolError),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", RemoteProtocolError),
        (b"", RemoteProtocolError),
    ],
)
async def test_whatever_else_a_server_answers_is_an_error_in_words(line, error):
    box = GmapBox(odd=lambda _request: line)
    async with mailbox(box=box) as (_, client):
        with pytest.raises(error) as failed:
            await client.ids("Inbox")
    assert str(failed.value).isprintable()
    assert len(box.asked) == 1  # in particular, no redirect is followed


async def test_a_list_that_was_cut_is_not_taken_for_a_short_one():
    async with mailbox(polite=False) as (box, client):
        box.add(gemmail(1))
        with pytest.raises(RemoteProtocolError):
            await client.ids("Inbox")


async def test_a_server_that_says_nothing_or_goes_on_for_ever_is_given_up():
    def silent(visit):
        visit.read_to_end()

    def drip(visit):
        visit.read_some()
        visit.say(b"20 text/plain\r\n")
        for _ in range(200):
            visit.say(b"a")
            visit.done.wait(0.02)

    for script in (silent, drip):
        with ScriptedServer(HOST, script) as server, pytest.raises(GmapTimeoutError):
            await client_of(server, timeout=0.4).ids("Inbox")


async def test_a_host_that_is_not_there_is_told():
    with GmapServer(HOST, ADA, GmapBox()) as server:
        client = client_of(server)
    with pytest.raises(ConnectError):
        await client.ids("Inbox")
