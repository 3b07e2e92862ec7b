"""The remote at a real Dovecot: every ability with the server's extensions, and without them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from dovecot import Dovecot, running
from imapdesk import CONDSTORE_ONLY, PLAIN, folder_named, imap_remote, other_client, texts

from misfin.email.imap import commands
from misfin.post.imap.remote import ImapRemote
from misfin.post.sync.remote import FolderGoneError, StepRefusedError
from misfin.post.sync.values import (
    NO_FLAGS,
    START,
    Addition,
    Fetched,
    FlagSet,
    NotFetched,
    Piece,
    RemoteFolder,
    Role,
    Seen,
    Wanted,
)

WAYS = pytest.mark.parametrize("hidden", [(), CONDSTORE_ONLY, PLAIN], ids=["qresync", "condstore", "plain"])


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with running() as found:
        yield found


@pytest.fixture
def dovecot(server: Dovecot) -> Dovecot:
    """The server with five messages in its inbox, and nothing else but the usual folders."""
    with other_client(server) as client:
        _, listed = client.list()
        names = [line.decode().rpartition('"/" ')[2] for line in listed]
        for name in names:
            if name not in ("INBOX", "Sent", "Trash"):
                client.delete(name)
        for name in ("Sent", "Trash", "INBOX"):
            _, (count,) = client.select(name)
            if int(count):
                client.store("1:*", "+FLAGS", "\\Deleted")
                client.expunge()
        for text in texts(5):
            client.append("INBOX", "", None, text.replace(b"\n", b"\r\n"))
    return server


async def addition(data: bytes, flags: FlagSet = NO_FLAGS, received: float | None = None) -> Addition:
    async def pieces():
        yield data

    return Addition(len(data), flags, received, pieces)


async def inbox_of(remote: ImapRemote) -> tuple[RemoteFolder, Seen]:
    inbox = await folder_named(remote, "INBOX")
    return inbox, await remote.look(inbox, START)


async def fetched(remote: ImapRemote, folder: RemoteFolder, *wanted: Wanted):
    return [item async for item in remote.fetch(folder, wanted)]


# ---- folders


async def test_folders_have_their_roles_and_their_present_moment(dovecot):
    async with imap_remote(dovecot) as remote:
        found = {each.name: each for each in await remote.folders()}
        assert {name: each.role for name, each in found.items()} == {
            "INBOX": Role.INBOX,
            "Sent": Role.SENT,
            "Trash": Role.TRASH,
        }
        seen = await remote.look(found["INBOX"], START)
        assert found["INBOX"].status == seen.point
        assert seen.point.count == 5


async def test_a_server_without_list_status_says_no_moment(dovecot):
    async with imap_remote(dovecot, PLAIN) as remote:
        assert {each.status for each in await remote.folders()} == {None}
        assert remote.abilities.changes_since is False


async def test_a_folder_is_created_renamed_and_found_again(dovecot):
    async with imap_remote(dovecot) as remote:
        made = await remote.create("Lists/Größe & co")
        assert made.name == "Lists/Größe & co"
        again = await remote.create("Lists/Größe & co")
        assert again.raw == made.raw
        renamed = await remote.rename(made, "Lists/Kleine")
        names = {each.name for each in await remote.folders()}
        assert renamed.name == "Lists/Kleine"
        assert names >= {"Lists/Kleine"}
        assert made.name not in names


async def test_a_name_the_server_refuses_is_a_refusal_of_that_step(dovecot):
    async with imap_remote(dovecot) as remote:
        with pytest.raises(StepRefusedError):
            await remote.create("a" * 3000)
        assert (await inbox_of(remote))[1].point.count == 5


async def test_a_folder_deleted_elsewhere_is_gone(dovecot):
    async with imap_remote(dovecot) as remote:
        made = await remote.create("Short")
        with other_client(dovecot) as client:
            client.delete("Short")
        with pytest.raises(FolderGoneError):
            await remote.look(made, START)


# ---- looking


@WAYS
async def test_the_first_look_lists_everything_with_sizes_and_times(dovecot, hidden):
    async with imap_remote(dovecot, hidden) as remote:
        inbox = await folder_named(remote, "INBOX")
        seen = await remote.look(inbox, START, dates=True)
        assert [each.size for each in seen.listed] == [len(text) + 4 for text in texts(5)]
        assert all(each.received for each in seen.listed)
        assert seen.tags
        assert seen.flags == "DFPRST"


@WAYS
async def test_a_look_says_what_came_changed_and_went(dovecot, hidden):
    async with imap_remote(dovecot, hidden) as remote:
        inbox, seen = await inbox_of(remote)
        ids = [each.id for each in seen.listed]
        with other_client(dovecot) as client:
            client.uid("STORE", ids[1], "+FLAGS", "(\\Flagged work)")
            client.uid("STORE", ids[4], "+FLAGS", "(\\Deleted)")
            client.expunge()
            client.append("INBOX", "(\\Seen)", None, b"Subject: new\r\n\r\nnew\r\n")
        after = await remote.look(inbox, seen.point)
        listed = {each.id: each for each in after.listed}
        new = str(int(ids[4]) + 1)
        assert listed[ids[1]].flags == FlagSet("F", frozenset({"work"}))
        assert listed[new].flags == FlagSet("S")
        assert listed[new].size == len(b"Subject: new\r\n\r\nnew\r\n")
        assert ids[4] in after.gone or ids[4] not in (after.present or ())
        assert all(each not in after.gone for each in ids[:4])
        assert after.present is None or all(each in after.present for each in (*ids[:4], new))
        if not hidden:
            assert after.present is None
            assert set(listed) == {ids[1], new}


@WAYS
async def test_a_second_look_with_nothing_new_lists_nothing_unless_it_has_to(dovecot, hidden):
    async with imap_remote(dovecot, hidden) as remote:
        inbox, seen = await inbox_of(remote)
        again = await remote.look(inbox, seen.point)
        assert again.point == seen.point
        assert len(again.listed) == (5 if hidden == PLAIN else 0)
        assert not again.gone


@WAYS
async def test_an_epoch_that_has_changed_makes_the_look_a_first_one(dovecot, hidden):
    async with imap_remote(dovecot, hidden) as remote:
        inbox, seen = await inbox_of(remote)
        other = seen.point.__class__("1", seen.point.next, seen.point.modseq, seen.point.count)
        again = await remote.look(inbox, other)
        assert again.point == seen.point
        assert len(again.listed) == 5


@WAYS
async def test_an_empty_folder_is_empty(dovecot, hidden):
    async with imap_remote(dovecot, hidden) as remote:
        seen = await remote.look(await folder_named(remote, "Trash"), START)
        assert not seen.listed
        assert seen.point.count == 0
        assert "1" not in seen.present


# ---- fetching


@WAYS
async def test_messages_come_as_they_are_with_flags_and_times(dovecot, hidden):
    async with imap_remote(dovecot, hidden) as remote:
        inbox, seen = await inbox_of(remote)
        wanted = [Wanted(each.id, each.size) for each in reversed(seen.listed)]
        found = await fetched(remote, inbox, *wanted)
        assert {item.data for item in found} == {text.replace(b"\n", b"\r\n") for text in texts(5)}
        assert all(item.flags == NO_FLAGS and item.received for item in found)
        assert (await remote.look(inbox, START)).listed[0].flags == NO_FLAGS, "fetching is not reading"


async def test_a_message_that_is_gone_does_not_stop_the_others(dovecot):
    async with imap_remote(dovecot) as remote:
        inbox, seen = await inbox_of(remote)
        first, *others = (Wanted(each.id, each.size) for each in seen.listed)
        with other_client(dovecot) as client:
            client.uid("STORE", first.id, "+FLAGS", "\\Deleted")
            client.expunge()
        found = await fetched(remote, inbox, first, *others)
        (missing,) = [item for item in found if isinstance(item, NotFetched)]
        assert (missing.id, missing.gone) == (first.id, True)
        assert len(found) == 5


@pytest.mark.parametrize("size", [(1 << 20) - 1, 1 << 20, (3 << 20) + 17, 4 << 20])
async def test_a_large_message_comes_in_pieces_and_goes_on_where_it_stopped(dovecot, size):
    head = b"Subject: large\r\n\r\n"
    data = head + (b"0123456789" * 7 + b"\r\n") * (size // 72)
    data += b"x" * (size - len(data) - 2) + b"\r\n" if size - len(data) >= 2 else b"x" * (size - len(data))
    async with imap_remote(dovecot) as remote:
        inbox, _ = await inbox_of(remote)
        uid = await remote.append(inbox, await addition(data))
        items = await fetched(remote, inbox, Wanted(uid, len(data)))
        assert b"".join(item.data for item in items) == data
        assert all(len(item.data) <= 1 << 20 for item in items)
        assert [type(item) for item in items] == [Piece] * (len(items) - 1) + [Fetched]
        rest = await fetched(remote, inbox, Wanted(uid, len(data), start=1000))
        assert b"".join(item.data for item in rest) == data[1000:]


async def test_a_size_that_was_only_guessed_does_not_matter(dovecot):
    data = b"Subject: guessed\r\n\r\n" + b"y" * (2 << 20) + b"\r\n"
    async with imap_remote(dovecot) as remote:
        inbox, _ = await inbox_of(remote)
        uid = await remote.append(inbox, await addition(data))
        for claimed in (10, None, 1 << 20, 50 << 20):
            items = await fetched(remote, inbox, Wanted(uid, claimed))
            assert b"".join(item.data for item in items) == data


async def test_who_stops_listening_to_a_fetch_leaves_no_answers_behind(dovecot):
    async with imap_remote(dovecot) as remote:
        inbox, _ = await inbox_of(remote)
        uid = await remote.append(inbox, await addition(b"Subject: x\r\n\r\n" + b"z" * (8 << 20)))
        stream = remote.fetch(inbox, [Wanted(uid, 8 << 20)])
        await anext(stream)
        remote.session.line.send(commands.noop())  # so that an answer is still to come, whatever came already
        await stream.aclose()
        assert not remote.session.line.usable


# ---- uploading


@WAYS
async def test_an_upload_says_its_id_and_keeps_flags_and_time(dovecot, hidden):
    data = b"Message-ID: <up@x.example>\r\nSubject: up\r\n\r\nup\r\n"
    async with imap_remote(dovecot, hidden) as remote:
        sent = await folder_named(remote, "Sent")
        flags = FlagSet("FS", frozenset({"work"}))
        uid = await remote.append(sent, await addition(data, flags, 1_600_000_000.0))
        seen = await remote.look(sent, START, dates=True)
        assert [(each.id, each.flags, each.received) for each in seen.listed] == [
            (uid, flags, 1_600_000_000.0)
        ]
        assert await remote.search(sent, "<up@x.example>") == [uid]
        (head,) = await remote.heads(sent, [uid])
        assert head.data.startswith(b"Message-ID: <up@x.example>\r\n")


async def test_a_message_id_of_a_stranger_is_only_a_text(dovecot):
    async with imap_remote(dovecot) as remote:
        inbox, _ = await inbox_of(remote)
        for text in ('<x" DELETED "@y>', "<a\r\nA1 DELETE INBOX>", "<ü@y>", "<" + "z" * 5000 + ">"):
            assert not await remote.search(inbox, text)
        assert (await inbox_of(remote))[1].point.count == 5


async def test_an_upload_into_a_folder_that_is_gone_is_refused(dovecot):
    async with imap_remote(dovecot) as remote:
        gone = RemoteFolder(b"Nowhere", "Nowhere")
        with pytest.raises(StepRefusedError):
            await remote.append(gone, await addition(b"Subject: x\r\n\r\nx\r\n"))
        assert (await inbox_of(remote))[1].point.count == 5


# ---- moving and deleting


@WAYS
async def test_a_move_says_where_each_message_is_now(dovecot, hidden):
    async with imap_remote(dovecot, hidden) as remote:
        inbox, seen = await inbox_of(remote)
        trash = await folder_named(remote, "Trash")
        ids = [each.id for each in seen.listed]
        moved = await remote.move(inbox, [ids[0], ids[2], "4000000"], trash)
        assert set(moved) == {ids[0], ids[2]}
        there = {each.id for each in (await remote.look(trash, START)).listed}
        assert set(moved.values()) == there
        assert len((await inbox_of(remote))[1].listed) == 3


async def test_what_is_gone_was_not_moved(dovecot):
    async with imap_remote(dovecot) as remote:
        inbox, _ = await inbox_of(remote)
        assert await remote.move(inbox, ["4000000"], await folder_named(remote, "Trash")) == {}


@pytest.mark.parametrize("hidden", [(), ("MOVE",)], ids=["move", "copy"])
async def test_a_move_to_a_folder_that_is_missing_makes_it(dovecot, hidden):
    async with imap_remote(dovecot, hidden) as remote:
        inbox, seen = await inbox_of(remote)
        moved = await remote.move(inbox, [seen.listed[0].id], RemoteFolder(b"New", "New"))
        assert len(moved) == 1
        assert len((await remote.look(await folder_named(remote, "New"), START)).listed) == 1


async def test_without_move_and_uidplus_nothing_is_moved_or_deleted(dovecot):
    async with imap_remote(dovecot, ("MOVE", "UIDPLUS")) as remote:
        assert not remote.abilities.moves
        assert not remote.abilities.removes


async def test_exactly_the_messages_that_are_named_are_deleted(dovecot):
    async with imap_remote(dovecot) as remote:
        inbox, seen = await inbox_of(remote)
        ids = [each.id for each in seen.listed]
        with other_client(dovecot) as client:
            client.uid("STORE", ids[1], "+FLAGS", "\\Deleted")  # another program's, not ours to expunge
        assert set(await remote.remove(inbox, [ids[3]])) == {ids[3]}
        left = {each.id: each.flags.chars for each in (await inbox_of(remote))[1].listed}
        assert left == {ids[0]: "", ids[1]: "T", ids[2]: "", ids[4]: ""}


# ---- flags


@WAYS
async def test_flags_are_added_and_removed_and_never_set_whole(dovecot, hidden):
    async with imap_remote(dovecot, hidden) as remote:
        inbox, seen = await inbox_of(remote)
        uid = seen.listed[0].id
        with other_client(dovecot) as client:
            client.uid("STORE", uid, "+FLAGS", "(\\Seen theirs)")
        after = (await inbox_of(remote))[1]
        left = await remote.flag(
            inbox, [uid], FlagSet("FP", frozenset({"ours"})), FlagSet("S"), modseq=after.point.modseq
        )
        assert not left
        now = next(each for each in (await inbox_of(remote))[1].listed if each.id == uid)
        assert now.flags == FlagSet("FP", frozenset({"ours", "theirs"}))


async def test_a_message_changed_by_others_meanwhile_is_left_alone(dovecot):
    async with imap_remote(dovecot) as remote:
        inbox, seen = await inbox_of(remote)
        ids = [each.id for each in seen.listed]
        with other_client(dovecot) as client:
            client.uid("STORE", ids[1], "+FLAGS", "\\Answered")
        left = await remote.flag(inbox, ids[:3], FlagSet("F"), NO_FLAGS, modseq=seen.point.modseq)
        assert set(left) == {ids[1]}
        flags = [each.flags.chars for each in (await inbox_of(remote))[1].listed]
        assert flags == ["F", "R", "F", "", ""]


async def test_folders_are_asked_for_their_state_where_the_list_does_not_say_it(dovecot):
    async with imap_remote(dovecot, hidden=["LIST-STATUS"]) as remote:
        asked: list[str] = []
        remote.session.line.trace = asked.append
        folders = await remote.folders()
        assert all(folder.status is not None for folder in folders)
        assert sum(" STATUS " in line for line in asked if line.startswith("C:")) == len(folders)
        inbox = next(folder for folder in folders if folder.role is Role.INBOX)
        await remote.look(inbox, START)
        again = {folder.raw: folder.status for folder in await remote.folders()}
        assert again.pop(inbox.raw) is None  # it is open: its state is known otherwise
        assert all(again.values())


async def test_a_log_in_is_followed_by_one_exchange(dovecot):
    async with imap_remote(dovecot) as remote:
        said: list[str] = []
        remote.session.line.trace = said.append
        await remote.folders()
        sent = [line.split()[2] for line in said if line.startswith("C:")]
        assert sent == ["ID", "ENABLE", "NAMESPACE", "LIST"]
        assert [line[:2] for line in said][:4] == ["C:"] * 4
        assert remote.session.qresync
