"""Servers that answer otherwise than Dovecot: what they leave out, reorder, claim, refuse and break off."""

from __future__ import annotations

import pytest
from scriptedmail import imap_answers
from scriptedremote import INBOX, OTHER, PLAIN, SELECTED, remote

from misfin.errors import ConnectError, RemoteError, RemoteProtocolError
from misfin.post.imap.remote import ImapRemote
from misfin.post.sync.remote import FolderGoneError, StepRefusedError
from misfin.post.sync.values import (
    NO_FLAGS,
    START,
    Addition,
    Fetched,
    FlagSet,
    NotFetched,
    SyncPoint,
    Wanted,
)


async def fetched(found: ImapRemote, *wanted: Wanted) -> list[object]:
    return [item async for item in found.fetch(INBOX, wanted)]


# ---- looking


async def test_items_of_a_message_may_come_apart_and_in_any_order():
    listing = (
        b"* 1 FETCH (RFC822.SIZE 30 FLAGS (\\Seen) UID 3)\r\n* 2 FETCH (UID 9)\r\n"
        b"* 2 FETCH (UID 9 FLAGS ())\r\n* 2 FETCH (RFC822.SIZE 40 UID 9)\r\n"
        b"* 1 FETCH (FLAGS (\\Seen))\r\n%t OK\r\n"
    )
    async with remote(("UID FETCH", listing)) as found:
        seen = await found.look(INBOX, START)
        assert [(each.id, each.flags.chars, each.size) for each in seen.listed] == [
            ("3", "S", 30),
            ("9", "", 40),
        ]
        assert seen.point == SyncPoint("7", 12, 0, 2), "nothing that counts changes is offered"


async def test_the_last_message_is_not_new_because_a_range_includes_it():
    listing = b"* 2 FETCH (UID 9 FLAGS () RFC822.SIZE 40)\r\n%t OK\r\n"
    offers = "IMAP4rev1 CONDSTORE QRESYNC ENABLE"
    changes = b"* VANISHED (EARLIER) 1:2,4:4000000000\r\n"
    async with remote(("SELECT", changes + SELECTED), ("UID FETCH 10:*", listing), offers=offers) as found:
        seen = await found.look(INBOX, SyncPoint("7", 10, 40, 9))
        assert not seen.listed
        assert set(seen.gone) == {"1", "2", "4", "5", "6", "7", "8", "9"}


async def test_a_claim_that_billions_vanished_costs_no_memory():
    offers = "IMAP4rev1 CONDSTORE QRESYNC ENABLE"
    async with remote(
        ("SELECT", b"* VANISHED (EARLIER) 1:4294967290\r\n" + SELECTED), offers=offers
    ) as found:
        seen = await found.look(INBOX, SyncPoint("7", 4_000_000_000, 40, 9))
        assert seen.point.next == 12
        seen = await found.look(INBOX, SyncPoint("7", 12, 40, 9))
        assert len(seen.gone) == 11


async def test_a_server_without_uidnext_is_asked_for_its_last_message():
    selected = b"* 1 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n%t OK done\r\n"
    last = b"* 1 FETCH (UID 41)\r\n%t OK\r\n"
    async with remote(("SELECT", selected), ("UID FETCH *", last), ("UID FETCH 4294967295", last)) as found:
        assert (await found.look(INBOX, START)).point.next == 42


async def test_a_server_without_uidvalidity_is_not_kept_in_step():
    async with remote(("SELECT", b"* 1 EXISTS\r\n%t OK done\r\n")) as found:
        with pytest.raises(StepRefusedError):
            await found.look(INBOX, START)


@pytest.mark.parametrize(
    ("said", "listed", "error"),
    [
        (b"%t NO [NONEXISTENT] no\r\n", b"%t OK\r\n", FolderGoneError),
        (b"%t NO gone\r\n", b'* LIST () "/" Other\r\n%t OK\r\n', FolderGoneError),
        (b"%t NO [INUSE] later\r\n", b'* LIST () "/" INBOX\r\n%t OK\r\n', StepRefusedError),
        (b"%t NO later\r\n", b"%t NO not now\r\n", StepRefusedError),
    ],
)
async def test_a_folder_that_cannot_be_opened_is_gone_only_if_it_is(said, listed, error):
    async with remote(("SELECT", said), ("LIST", listed)) as found:
        with pytest.raises(StepRefusedError) as caught:
            await found.look(INBOX, START)
        assert type(caught.value) is error


async def test_changes_without_deletions_are_counted():
    offers = "IMAP4rev1 CONDSTORE"
    none = ("UID FETCH 1:* (FLAGS) (CHANGEDSINCE 40)", b"%t OK\r\n")
    search = ("UID SEARCH", b"* SEARCH 3 9\r\n%t OK\r\n")
    async with remote(none, search, offers=offers) as found:
        same = await found.look(INBOX, SyncPoint("7", 12, 40, 2))
        assert same.present is None
        fewer = await found.look(INBOX, SyncPoint("7", 12, 40, 3))
        assert "3" in fewer.present
        assert "4" not in fewer.present


# ---- fetching


async def test_a_message_without_a_body_is_kept_back_by_the_server():
    async with remote(("UID FETCH", b"* 1 FETCH (UID 3 BODY[] NIL)\r\n%t OK\r\n")) as found:
        (item,) = await fetched(found, Wanted("3", 10))
        assert isinstance(item, NotFetched)
        assert not item.gone


async def test_a_batch_that_is_refused_is_asked_for_one_by_one():
    def answer(tag: str, line: str) -> bytes:
        word = tag.encode()
        if line.startswith("UID FETCH 3 "):
            return b"* 1 FETCH (UID 3 FLAGS () BODY[] {2}\r\nhi)\r\n%b OK\r\n" % word
        if line.startswith("UID SEARCH"):
            return b"* SEARCH 4\r\n%b OK\r\n" % word
        if line.startswith("UID FETCH"):
            return b"%b NO [SERVERBUG] damaged\r\n" % word
        if line.startswith("SELECT"):
            return SELECTED.replace(b"%t", word)
        return b"%b OK\r\n" % word

    async with remote(answer=answer) as found:
        first, second = await fetched(found, Wanted("3", 2), Wanted("4", 2))
        assert first == Fetched("3", b"hi", NO_FLAGS)
        assert isinstance(second, NotFetched)
        assert "damaged" in second.why


async def test_a_message_announced_too_large_ends_the_connection_before_it_is_read():
    async with remote(("UID FETCH", b"* 1 FETCH (UID 3 BODY[] {4000000000}\r\n")) as found:
        with pytest.raises(RemoteProtocolError):
            await fetched(found, Wanted("3", 10))


async def test_a_goodbye_in_the_middle_is_an_error():
    def answer(tag: str, line: str) -> bytes | None:
        if line.startswith("UID FETCH"):
            return None
        return (
            SELECTED.replace(b"%t", tag.encode()) if line.startswith("SELECT") else f"{tag} OK\r\n".encode()
        )

    async with remote(answer=answer) as found:
        with pytest.raises(ConnectError):
            await fetched(found, Wanted("3", 10))


async def test_answers_that_do_not_end_are_not_collected():
    flood = b"* 1 FETCH (UID 3 FLAGS ())\r\n" * 30_000
    async with remote(("UID FETCH", flood)) as found:
        with pytest.raises(RemoteError):
            await found.look(INBOX, START)


# ---- changing


async def append(found: ImapRemote) -> str:
    async def pieces():
        yield b"Subject: x\r\n\r\n"

    return await found.append(INBOX, Addition(14, NO_FLAGS, 1e9, pieces))


@pytest.mark.parametrize(
    ("code", "uid"),
    [
        (b"[APPENDUID 7 12] ", "12"),
        (b"", ""),
        (b"[APPENDUID 12 7] ", ""),  # both numbers exchanged
        (b"[APPENDUID 7 12:13] ", ""),
        (b"[APPENDUID nonsense] ", ""),
    ],
)
async def test_an_id_that_cannot_be_the_uploads_is_none(code, uid):
    sent: list[str] = []

    def wrapped(tag: str, line: str) -> bytes:
        if line.startswith("APPEND"):
            sent.append(tag)
            return b"+ go\r\n"
        if sent and tag == "" and line == "":
            return b"%b OK %bdone\r\n" % (sent.pop().encode(), code)
        if tag == "Subject:":
            return b""
        if line.startswith("SELECT"):
            return SELECTED.replace(b"%t", tag.encode())
        return f"{tag} OK\r\n".encode()

    async with remote(answer=wrapped) as found:
        assert await append(found) == uid


@pytest.mark.parametrize(
    ("said", "moved"),
    [
        (b"* OK [COPYUID 7 3 40] x\r\n* VANISHED 3\r\n%t OK done\r\n", {"3": "40"}),
        (b"%t OK [COPYUID 7 3 40] done\r\n", {"3": "40"}),
        (b"%t OK No messages found\r\n", {}),
    ],
)
async def test_moved_is_what_copyuid_names(said, moved):
    search = ("UID SEARCH", b"* SEARCH 3\r\n%t OK\r\n")
    async with remote(("UID MOVE", said), search, offers="IMAP4rev1 MOVE UIDPLUS") as found:
        assert await found.move(INBOX, ["3"], OTHER) == moved


async def test_a_copy_whose_original_stays_was_not_moved():
    search = ("UID SEARCH", b"* SEARCH 3\r\n%t OK\r\n")
    copy = ("UID COPY", b"%t OK [COPYUID 7 3 40] done\r\n")
    async with remote(copy, search) as found:
        assert await found.move(INBOX, ["3"], OTHER) == {}


async def test_an_ok_to_a_conditional_store_is_not_that_it_was_done():
    stored = ("UID STORE", b"%t OK [MODIFIED 3] conditional\r\n")
    async with remote(stored, offers="IMAP4rev1 CONDSTORE") as found:
        assert await found.flag(INBOX, ["3", "9"], FlagSet("S"), NO_FLAGS, modseq=40) == ["3"]


async def test_the_second_half_of_a_change_is_not_taken_for_anothers():
    async with remote(("UID STORE", b"%t OK\r\n"), offers="IMAP4rev1 CONDSTORE") as found:
        await found.flag(INBOX, ["3"], FlagSet("S"), FlagSet("F"), modseq=40)
        stores = [line for line in found.peer.lines if "UID STORE" in line]  # type: ignore[attr-defined]
        assert ["UNCHANGEDSINCE 40" in line for line in stores] == [True, False]


async def test_a_server_that_does_not_say_that_it_deleted_did_not():
    async with remote(("UID SEARCH", b"* SEARCH 3\r\n%t OK\r\n")) as found:
        assert list(await found.remove(INBOX, ["3"])) == []


async def test_ids_of_a_folder_that_was_renumbered_between_two_steps_are_not_used():
    other = SELECTED.replace(b"UIDVALIDITY 7", b"UIDVALIDITY 8")
    answers = {"INBOX": [SELECTED, other, other, other], "Other": [SELECTED]}
    logged_in = ("LOGIN", b"%%t OK [CAPABILITY %b] in\r\n" % PLAIN.encode())
    usual = imap_answers(logged_in, ("UID FETCH", b"%t OK\r\n"), ("UID SEARCH", b"* SEARCH\r\n%t OK\r\n"))

    def answer(tag, rest):
        if not rest.startswith("SELECT"):
            return usual(tag, rest)
        return answers[rest.split()[1].strip('"')].pop(0).replace(b"%t", tag.encode())

    async with remote(answer=answer) as found:
        await found.look(INBOX, START)
        await found.look(OTHER, START)
        for change in (found.remove(INBOX, ["3"]), found.move(INBOX, ["3"], OTHER)):
            with pytest.raises(StepRefusedError, match="renumbered"):
                await change
        assert not [line for line in found.peer.lines if "EXPUNGE" in line or "COPY" in line]  # type: ignore[attr-defined]
        assert (await found.look(INBOX, START)).point.epoch == "8"


async def test_nothing_a_pass_sends_is_a_plain_expunge_or_a_close():
    async with remote(("UID SEARCH", b"* SEARCH\r\n%t OK\r\n")) as found:
        await found.remove(INBOX, ["3"])
        words = [line.split(" ", 1)[1] for line in found.peer.lines]  # type: ignore[attr-defined]
        assert not {"EXPUNGE", "CLOSE"} & set(words)
        assert "UID EXPUNGE 3" in words
