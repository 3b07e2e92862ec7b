"""What Dovecot 2.3 and Cyrus 3.6 answer, each in its own way, to what a pass asks of them.

The answers are modelled on what the two gave. Each must lead to the same result.
"""

from __future__ import annotations

import pytest
from scriptedremote import INBOX, OTHER, SELECTED, remote

from misfin.errors import RemoteError
from misfin.post.imap.watching import Means, ServerWatch
from misfin.post.sync.remote import FolderGoneError, StepRefusedError
from misfin.post.sync.values import NO_FLAGS, Fetched, FlagSet, RemoteFolder, Role, SyncPoint, Wanted

DOVECOT = (
    "IMAP4rev1 SASL-IR ENABLE IDLE LITERAL+ CONDSTORE QRESYNC ESEARCH UIDPLUS MOVE SPECIAL-USE LIST-STATUS"
    " LIST-EXTENDED NOTIFY NAMESPACE ID BINARY UNSELECT SAVEDATE"
)
CYRUS = (
    "IMAP4rev1 SASL-IR ENABLE IDLE LITERAL+ CONDSTORE QRESYNC ESEARCH UIDPLUS MOVE SPECIAL-USE LIST-STATUS"
    " LIST-EXTENDED NAMESPACE ID BINARY UNSELECT OBJECTID COMPRESS=DEFLATE APPENDLIMIT=1000000 METADATA"
)
OFFERS = {"Dovecot": DOVECOT, "Cyrus": CYRUS}
DATE = b'INTERNALDATE " 1-Jan-2020 10:00:00 +0000"'
KNOWN = SyncPoint("7", 12, 40, 2)
FOUND = ("UID SEARCH", b'* ESEARCH (TAG "%t") UID ALL 3\r\n%t OK\r\n')


def each(**answers: object):  # type: ignore[no-untyped-def]
    """One case for each server."""
    return pytest.mark.parametrize(
        ("offers", "said"), [(OFFERS[name], said) for name, said in answers.items()], ids=list(answers)
    )


def lines(found) -> list[str]:  # type: ignore[no-untyped-def]
    return [line.partition(" ")[2] for line in found.peer.lines]


@pytest.mark.parametrize("name", OFFERS)
async def test_what_is_offered_counts_once_it_is_said_after_the_log_in(name: str):
    both = ("LOGIN", b"%%t OK [CAPABILITY %b] in\r\n" % OFFERS[name].encode())
    async with remote(both, offers="IMAP4rev1 AUTH=PLAIN") as found:
        assert not found.session.offers("MOVE")
    async with remote(offers=OFFERS[name]) as found:
        assert found.session.offers("MOVE")
        await found.session.line.calls(found.session.opening())
        assert found.session.qresync
        assert found.session.offers("OBJECTID") is (name == "Cyrus")


@each(Dovecot=b"* ENABLED QRESYNC\r\n%t OK\r\n", Cyrus=b"* ENABLED CONDSTORE QRESYNC\r\n%t OK\r\n")
async def test_what_was_enabled_is_a_set_of_words(offers: str, said: bytes):
    async with remote(("ENABLE", said), offers=offers) as found:
        await found.session.line.calls(found.session.opening())
        assert found.session.qresync


@each(
    Dovecot=b"* 1 FETCH (UID 3 MODSEQ (51))\r\n%t OK\r\n",
    Cyrus=b"* 1 FETCH (FLAGS (\\Seen) UID 3 MODSEQ (51))\r\n%t OK\r\n",
)
async def test_a_silent_store_may_be_answered_with_or_without_flags(offers: str, said: bytes):
    async with remote(("UID STORE", said), offers=offers) as found:
        assert await found.flag(INBOX, ["3"], FlagSet("S"), NO_FLAGS, modseq=50) == []


@each(
    Dovecot=b"* 1 FETCH (UID 3 FLAGS (\\Seen) RFC822.SIZE 20 MODSEQ (45))\r\n",
    Cyrus=b"* 1 FETCH (FLAGS (\\Seen) RFC822.SIZE 20 MODSEQ (45) UID 3)\r\n",
)
async def test_items_are_taken_by_name_in_any_order(offers: str, said: bytes):
    async with remote(("SELECT", said + SELECTED), offers=offers) as found:
        seen = await found.look(INBOX, KNOWN)
        assert [(one.id, one.flags.chars) for one in seen.listed] == [("3", "S")]


@each(
    Dovecot=b"* 1 FETCH (UID 3 FLAGS () %b BODY[] {2}\r\nhi)\r\n%%t OK\r\n" % DATE,
    Cyrus=b"* 1 FETCH (FLAGS () %b BODY[] {2}\r\nhi UID 3)\r\n%%t OK\r\n" % DATE,
)
async def test_a_body_may_stand_before_or_behind_its_uid(offers: str, said: bytes):
    async with remote(("UID FETCH", said), offers=offers) as found:
        assert [item async for item in found.fetch(INBOX, [Wanted("3", 2)])] == [
            Fetched("3", b"hi", NO_FLAGS, 1577872800.0)
        ]


@each(
    Dovecot=b"* 1 FETCH (UID 3 FLAGS () MODSEQ (60))\r\n%t OK [MODIFIED 3] Conditional store failed.\r\n",
    Cyrus=b"%t OK [MODIFIED 3] Completed\r\n",
)
async def test_ok_to_a_store_that_lost_against_another_change_is_not_done(offers: str, said: bytes):
    async with remote(("UID STORE", said), offers=offers) as found:
        assert await found.flag(INBOX, ["3"], FlagSet("S"), NO_FLAGS, modseq=50) == ["3"]


@each(
    Dovecot=b"* OK [COPYUID 9 3 40] Moved UIDs.\r\n* VANISHED 3\r\n%t OK [HIGHESTMODSEQ 52] Moved.\r\n",
    Cyrus=b"* OK [COPYUID 9 3 40] Completed\r\n* VANISHED 3\r\n%t OK Completed\r\n",
)
async def test_copyuid_may_come_before_the_end_of_a_move(offers: str, said: bytes):
    async with remote(("UID MOVE", said), FOUND, offers=offers) as found:
        assert await found.move(INBOX, ["3"], OTHER) == {"3": "40"}


@each(Dovecot=b"%t OK No messages found.\r\n", Cyrus=b"%t OK Completed\r\n")
async def test_ok_to_the_move_of_a_message_that_is_gone_is_not_done(offers: str, said: bytes):
    async with remote(("UID MOVE", said), FOUND, offers=offers) as found:
        assert await found.move(INBOX, ["3"], OTHER) == {}


@each(
    Dovecot=b"%t NO [TRYCREATE] Mailbox doesn't exist: Other\r\n",
    Cyrus=b"%t NO [TRYCREATE] Mailbox does not exist\r\n",
)
async def test_a_folder_that_is_missing_is_made_and_the_move_repeated_once(offers: str, said: bytes):
    async with remote(("UID MOVE", said), FOUND, offers=offers) as found:
        with pytest.raises(StepRefusedError):
            await found.move(INBOX, ["3"], OTHER)
        assert [line for line in lines(found) if line.startswith(("CREATE", "UID MOVE"))] == [
            'UID MOVE 3 "Other"',
            'CREATE "Other"',
            'UID MOVE 3 "Other"',
        ]


@each(
    Dovecot=b"* 2 FETCH (UID 9 FLAGS () RFC822.SIZE 40)\r\n%t OK\r\n",
    Cyrus=b"* 2 FETCH (FLAGS () RFC822.SIZE 40 UID 9)\r\n%t OK\r\n",
)
async def test_the_last_message_that_a_range_includes_is_not_new(offers: str, said: bytes):
    newer = SELECTED.replace(b"[UIDNEXT 12]", b"[UIDNEXT 13]")
    async with remote(("SELECT", newer), ("UID FETCH 12:*", said), offers=offers) as found:
        assert not (await found.look(INBOX, KNOWN)).listed


@each(
    Dovecot=b"* 2 FETCH (UID 9 FLAGS () RFC822.SIZE 40)\r\n%t OK\r\n",
    Cyrus=b"* 2 FETCH (FLAGS () RFC822.SIZE 40 UID 9)\r\n%t OK\r\n",
)
async def test_an_epoch_of_before_is_answered_with_a_plain_select_and_everything_is_looked_at(
    offers: str, said: bytes
):
    async with remote(("UID FETCH 1:*", said), offers=offers) as found:
        seen = await found.look(INBOX, SyncPoint("6", 12, 40, 2))
        assert seen.point.epoch == "7"
        assert [one.id for one in seen.listed] == ["9"]
        assert seen.present is not None


async def test_dovecot_resets_the_connection_when_the_open_folder_is_deleted():
    def answer(tag: str, line: str) -> bytes | None:
        if line.startswith("LOGIN"):
            return f"{tag} OK [CAPABILITY {DOVECOT}] in\r\n".encode()
        if line.startswith("ENABLE"):
            return f"* ENABLED QRESYNC\r\n{tag} OK\r\n".encode()
        if line.startswith("SELECT"):
            return SELECTED.replace(b"%t", tag.encode())
        return None if line.startswith("UID SEARCH") else f"{tag} OK\r\n".encode()

    async with remote(answer=answer, offers=DOVECOT) as found:
        with pytest.raises(RemoteError):
            await found.remove(INBOX, ["3"])


async def test_cyrus_says_that_all_vanished_when_the_folder_was_deleted():
    vanished = b"* VANISHED (EARLIER) 1:11\r\n* 0 EXISTS\r\n"
    empty = SELECTED.replace(b"* 2 EXISTS", b"* 0 EXISTS")
    async with remote(("SELECT", vanished + empty), offers=CYRUS) as found:
        seen = await found.look(INBOX, KNOWN)
        assert set(seen.gone) == {str(uid) for uid in range(1, 12)}, "the guards decide what that means"


@each(
    Dovecot=b"%t NO [NONEXISTENT] Mailbox doesn't exist: INBOX\r\n",
    Cyrus=b"%t NO [NONEXISTENT] Mailbox does not exist\r\n",
)
async def test_a_folder_that_was_deleted_is_gone(offers: str, said: bytes):
    async with remote(("SELECT", said), offers=offers) as found:
        with pytest.raises(FolderGoneError):
            await found.look(INBOX, KNOWN)


async def test_folders_with_one_uidvalidity_are_told_apart():
    """Cyrus gave a folder that was created again the number another one had."""
    append = ("APPEND", b"+ go\r\n")
    async with remote(append, offers=CYRUS) as found:
        first = await found.session.select(INBOX)
        second = await found.session.select(OTHER)
        assert first.point == second.point
        assert found.session.epochs == {b"INBOX": "7", b"Other": "7"}


async def test_a_renamed_folder_keeps_the_id_that_cyrus_gives_it():
    facts = b"MESSAGES 1 UIDNEXT 2 UIDVALIDITY 7 HIGHESTMODSEQ 5 MAILBOXID (x1)"
    listed = b'* LIST () "/" Bears\r\n* STATUS Bears (%b)\r\n' % facts
    for name in (b"Bears", b"Wolves"):
        answer = ("LIST", listed.replace(b"Bears", name) + b"%t OK\r\n")
        async with remote(answer, offers=CYRUS) as found:
            (folder,) = await found.folders()
            assert folder == RemoteFolder(name, name.decode(), Role.NONE, "x1", True, SyncPoint("7", 2, 5, 1))


@each(Dovecot=b"", Cyrus=b"")
async def test_the_open_folder_is_not_asked_about_with_status(offers: str, said: bytes):
    async with remote(("LIST", b'* LIST () "/" INBOX\r\n%t OK\r\n'), offers=offers) as found:
        await found.look(INBOX, KNOWN)
        await found.folders()
        assert not [line for line in lines(found) if line.startswith("STATUS")]


@each(
    Dovecot=b"* 1 FETCH (UID 3 BODY[]<1048576> {0}\r\n)\r\n%t OK\r\n",
    Cyrus=b'* 1 FETCH (BODY[]<1048576> "" UID 3)\r\n%t OK\r\n',
)
async def test_a_part_behind_the_end_is_the_end_whatever_the_size_was_said_to_be(offers: str, said: bytes):
    first = b"* 1 FETCH (UID 3 BODY[]<0> {1048576}\r\n%b)\r\n%%t OK\r\n" % (b"x" * 1048576)
    answers = (
        ("UID FETCH 3 (FLAGS INTERNALDATE BODY.PEEK[]<0.", first),
        ("UID FETCH 3 (BODY.PEEK[]<1048576.", said),
    )
    behind = ("UID FETCH 3 (BODY.PEEK[]<", b"%t OK\r\n")
    async with remote(*answers, behind, offers=offers) as found:
        items = [item async for item in found.fetch(INBOX, [Wanted("3", 9_000_000)])]
        assert sum(len(item.data) for item in items) == 1048576
        assert isinstance(items[-1], Fetched)


@pytest.mark.parametrize("name", OFFERS)
async def test_changes_are_waited_for_with_what_the_server_has(name: str):

    async with remote(offers=OFFERS[name]) as found:
        watch = ServerWatch(found.session, {b"INBOX": KNOWN}, {})
        assert watch.means is (Means.NOTIFY if name == "Dovecot" else Means.IDLE)
