"""A real drop, and drops that lie: what is there, what is fetched, and what is deleted only with the end."""

from __future__ import annotations

import contextlib
import ssl

import pytest
from dovecot import running
from imapdesk import pop3_remote, texts
from scriptedmail import scripted_mail

from misfin.email.account import MailProtocol
from misfin.email.incoming import IncomingClient
from misfin.email.mailline import MailServerError
from misfin.email.sasl import Credentials
from misfin.post.pop3.remote import Pop3Remote
from misfin.post.sync.values import START, Fetched, NotFetched, Piece, Wanted


async def fetched(remote, *wanted):
    (folder,) = await remote.folders()
    return [item async for item in remote.fetch(folder, wanted)]


async def test_a_drop_is_listed_fetched_and_emptied():
    large = b"Subject: large\n\n" + b"x" * 70_000 + b"\n.\n..\n" + b"y" * (3 << 20) + b"\n"
    with running(pop3=True) as dovecot:
        dovecot.put(*texts(3), large)
        async with pop3_remote(dovecot) as remote:
            (folder,) = await remote.folders()
            seen = await remote.look(folder, START)
            assert len(seen.listed) == seen.point.count == 4
            assert not remote.abilities.mirrors
            items = await fetched(remote, *(Wanted(each.id, each.size) for each in seen.listed))
            whole = [item for item in items if isinstance(item, Fetched)]
            assert [item.data for item in whole[:3]] == [text.replace(b"\n", b"\r\n") for text in texts(3)]
            pieces = [item for item in items if isinstance(item, Piece)]
            assert b"".join(item.data for item in (*pieces, whole[3])) == large.replace(b"\n", b"\r\n")
        async with pop3_remote(dovecot) as remote:
            again = await remote.look(folder, START)
            assert [each.id for each in again.listed] == [each.id for each in seen.listed]
            last = Wanted(seen.listed[3].id, seen.listed[3].size, start=100)
            rest = b"".join(item.data for item in await fetched(remote, last))
            assert rest == large.replace(b"\n", b"\r\n")[100:]
            first = seen.listed[0].id
            assert list(await remote.remove(folder, [first, "unknown"])) == [first]
        async with pop3_remote(dovecot) as remote:
            left = await remote.look(folder, START)
            assert [each.id for each in left.listed] == [each.id for each in seen.listed[1:]]


@contextlib.asynccontextmanager
async def drop(answers: dict[str, bytes | None]):
    """A drop of two messages that answers as it is told, by the first word or the whole line."""
    usual = {
        "CAPA": b"+OK\r\nUIDL\r\n.\r\n",
        "LIST": b"+OK\r\n1 20\r\n2 20\r\n.\r\n",
        "UIDL": b"+OK\r\n1 a\r\n2 b\r\n.\r\n",
        "TOP 1 0": b"+OK\r\nSubject: one\r\n\r\n.\r\n",
        "TOP 2 0": b"+OK\r\nSubject: two\r\n\r\n.\r\n",
        "RETR 1": b"+OK\r\nSubject: one\r\n\r\nx\r\n.\r\n",
        "RETR 2": b"+OK\r\nSubject: two\r\n\r\nx\r\n.\r\n",
    } | answers

    def answer(_tag: str, line: str) -> bytes | None:
        return usual.get(line, usual.get(line.split()[0], b"+OK\r\n"))

    async with scripted_mail(answer, b"+OK hi\r\n", protocol=MailProtocol.POP3) as peer:
        client = IncomingClient(
            peer.server, context=ssl.create_default_context(), credentials=Credentials("ada", "x")
        )
        async with client:
            await client.log_in()
            yield Pop3Remote(client.line), peer


async def ids(remote):
    (folder,) = await remote.folders()
    return [each.id for each in (await remote.look(folder, START)).listed]


async def test_a_server_without_unique_ids_is_known_by_its_headers():
    async with drop({"UIDL": b"-ERR what\r\n"}) as (remote, _):
        first = await ids(remote)
    async with drop({"UIDL": b"+OK\r\n1 0\r\n2 0\r\n.\r\n"}) as (remote, _):
        assert await ids(remote) == first


NOTHING = {"UIDL": b"-ERR what\r\n", "TOP 1 0": b"-ERR what\r\n", "TOP 2 0": b"-ERR what\r\n"}


async def test_without_headers_either_messages_are_read_whole_to_know_them_again():
    async with drop({"UIDL": b"-ERR what\r\n"}) as (remote, _):
        by_their_headers = await ids(remote)
    async with drop(NOTHING) as (remote, peer):
        found = await ids(remote)
        assert found == by_their_headers
        assert peer.lines[-2:] == ["RETR 1", "RETR 2"]
        (first,) = await fetched(remote, Wanted(found[0], 20))
        assert first == Fetched(found[0], b"Subject: one\r\n\r\nx\r\n")


async def test_not_where_that_would_be_too_much_each_time():
    large = {"LIST": b"+OK\r\n1 20\r\n2 9000000\r\n.\r\n"}
    async with drop(NOTHING | large) as (remote, peer):
        with pytest.raises(MailServerError, match="neither"):
            await ids(remote)
        assert not any(line.startswith("RETR") for line in peer.lines)


async def test_a_message_that_cannot_be_read_to_know_it_ends_the_look():
    async with drop(NOTHING | {"RETR 2": b"-ERR damaged\r\n"}) as (remote, _):
        with pytest.raises(MailServerError, match="refused a message"):
            await ids(remote)


async def test_one_message_that_is_refused_does_not_stop_the_others():
    async with drop({"RETR 1": b"-ERR damaged\r\n"}) as (remote, _):
        await ids(remote)
        first, second = await fetched(remote, Wanted("a", 20), Wanted("b", 20))
        assert isinstance(first, NotFetched)
        assert second == Fetched("b", b"Subject: two\r\n\r\nx\r\n")


@pytest.mark.parametrize("goodbye", [b"-ERR some messages were not removed\r\n", None])
async def test_only_the_ok_of_the_goodbye_deletes(goodbye):
    async with drop({"QUIT": goodbye}) as (remote, _):
        (folder,) = await remote.folders()
        await ids(remote)
        with contextlib.suppress(Exception):
            assert list(await remote.remove(folder, ["a"])) == []


async def test_deletions_come_after_everything_else():
    async with drop({}) as (remote, peer):
        (folder,) = await remote.folders()
        await ids(remote)
        await fetched(remote, Wanted("a", 20))
        await remote.remove(folder, ["a"])
        assert peer.lines[-2:] == ["DELE 1", "QUIT"]
