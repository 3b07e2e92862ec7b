"""Whole passes against a server of remote mailboxes: each message once, nothing deleted by accident."""

import pytest
from gmapdesk import ADA, DIRECTORY, GmapDesk
from gmapserver import GmapBox, GmapServer, gemmail
from peers import person

from misfin.errors import RemoteError
from misfin.gmap.client import GmapClient
from misfin.gmap.errors import MovedElsewhereError, NotForUsError, SlowDownError
from misfin.model.account import AddressKind, kind_in
from misfin.post.sync.answering import SyncAnswer, answer
from misfin.store.evidence import Evidence, explained, read
from misfin.store.message.mime import read_message
from misfin.trust.pins import PinBook


@pytest.fixture
def desk(tmp_path):
    return GmapDesk(tmp_path)


async def test_over_real_tls_everything_arrives_where_it_is_with_its_flags(tmp_path):
    box = GmapBox()
    for number in range(30):
        box.add(gemmail(number))
    box.add(gemmail(100), "Archive")
    box.add(gemmail(101), "Sent", "Unread")
    box.add(gemmail(102), "Trash", "Inbox")
    with GmapServer(person("host@mail.test"), ADA, box) as server:
        connect = ("127.0.0.1", server.port)
        client = GmapClient("mail.test", 1958, ADA, PinBook(None), connect=connect)
        desk = GmapDesk(tmp_path, client, box)
        result = await desk.settle()
        assert (result.problems, result.asking) == ((), ())
        assert len(desk.files()) == 30
        assert {entry.flags for entry in desk.files()} == {""}
        assert desk.here("Archive") == [gemmail(100)]
        assert desk.files("Archive")[0].flags == "S"
        assert desk.here("Sent") == [gemmail(101)]
        assert desk.here("Trash") == [gemmail(102)]
        before = client.requests
        assert not await desk.remote.changed()
        assert client.requests - before == 2
        box.add(gemmail(103))
        assert await desk.remote.changed()


async def test_a_message_is_filed_with_its_seal_and_the_word_of_the_server(desk):
    desk.box.add(gemmail(1))
    await desk.settle()
    (entry,) = desk.files()
    data = entry.path.read_bytes()
    assert kind_in(DIRECTORY) is AddressKind.MISFIN
    message = read_message(
        data, kind_in(DIRECTORY), counts=lambda data: desk.seals.counts(entry.path.name.encode(), data)
    )
    words = message.misfin.verification
    assert read(words) is Evidence.UNCONFIRMED
    (sentence,) = explained(words, certificate=False)
    assert sentence.startswith("The sender is as stamped by mail.test")
    assert message.subject == "Number 1"
    assert entry.path.stat().st_mtime == 1_690_000_001
    # Without the seal of this profile the same file proves nothing.
    assert read(read_message(data, AddressKind.MISFIN).misfin.verification) is Evidence.UNPROVEN


async def test_a_message_without_a_sender_proves_nothing(desk):
    desk.box.add(b"\n\n\nwho am I\n")
    await desk.settle()
    (entry,) = desk.files()
    message = read_message(entry.path.read_bytes(), AddressKind.MISFIN, counts=desk.seals.is_sealed)
    assert read(message.misfin.verification) is Evidence.UNPROVEN


async def test_nothing_is_done_once_both_sides_are_equal(desk):
    for number in range(5):
        desk.box.add(gemmail(number))
    await desk.settle()
    desk.box.asked.clear()
    desk.restart()
    result = await desk.once()
    assert (result.arrived, result.here, result.there) == (0, 0, 0)
    assert all(each.startswith("/tag/") and "?" not in each for each in desk.box.asked)
    assert len(desk.box.asked) == 8


async def test_reading_and_marking_unread_reach_the_other_side(desk):
    first, second = desk.box.add(gemmail(1)), desk.box.add(gemmail(2))
    await desk.settle()
    entry = next(each for each in desk.files() if gemmail(1) == _gemmail(each))
    desk.store.folder(DIRECTORY, "Inbox").change_flags(entry.key, add="S")
    desk.box.tags(second).discard("Unread")
    await desk.settle()
    assert "Unread" not in desk.box.tags(first)
    assert [each.flags for each in desk.files()] == ["S", "S"]
    desk.box.tags(first).add("Unread")
    await desk.settle()
    assert sorted(each.flags for each in desk.files()) == ["", "S"]
    entry = next(each for each in desk.files() if gemmail(2) == _gemmail(each))
    desk.store.folder(DIRECTORY, "Inbox").change_flags(entry.key, remove="S")
    await desk.settle()
    assert "Unread" in desk.box.tags(second)


def _gemmail(entry):
    from misfin.store.message.envelope import to_gemmail

    return to_gemmail(entry.path.read_bytes())


def _move(desk, source, target):
    (entry,) = desk.files(source)
    desk.store.folder(DIRECTORY, source).move(entry.key, desk.store.folder(DIRECTORY, target))


async def test_moving_adds_the_new_tag_before_the_old_one_goes(desk):
    name = desk.box.add(gemmail(1), "Inbox")
    await desk.settle()
    _move(desk, "Inbox", "Archive")
    desk.box.asked.clear()
    await desk.settle()
    assert desk.box.tags(name) == {"Archive"}
    changes = [each for each in desk.box.asked if "?" in each]
    assert changes == [f"/tag/Archive?{name}", f"/untag/Inbox?{name}"]


async def test_what_leaves_the_trash_is_in_one_folder(desk):
    name = desk.box.add(gemmail(1), "Trash", "Archive", "Sent")
    await desk.settle()
    _move(desk, "Trash", "Inbox")
    await desk.settle()
    assert desk.box.tags(name) == {"Inbox"}
    assert desk.here() == [gemmail(1)]


async def test_a_move_that_was_cut_off_half_way_is_finished(desk):
    name = desk.box.add(gemmail(1), "Inbox")
    await desk.settle()
    _move(desk, "Inbox", "Archive")
    desk.box.odd = lambda asked: b"42 Error\r\n" if asked.startswith("/untag/") else None
    await desk.once()
    assert desk.box.tags(name) == {"Inbox", "Archive"}
    desk.box.odd = lambda _asked: None
    desk.restart()
    await desk.settle()
    assert desk.here("Archive") == [gemmail(1)]
    assert desk.here() == []
    assert len(desk.box.messages) == 1


async def test_moves_by_another_client_are_followed_without_fetching_again(desk):
    name = desk.box.add(gemmail(1), "Inbox")
    await desk.settle()
    (before,) = desk.files()
    desk.box.tags(name).add("Archive")  # as clients do that leave the old tag on
    await desk.settle()
    assert desk.here("Archive") == [gemmail(1)]
    assert desk.files("Archive")[0].key == before.key
    assert not desk.files()


async def test_emptying_the_trash_deletes_there_and_nothing_else(desk):
    gone, stays = desk.box.add(gemmail(1), "Trash"), desk.box.add(gemmail(2))
    await desk.settle()
    (entry,) = desk.files("Trash")
    desk.store.folder(DIRECTORY, "Trash").remove(entry.key)
    await desk.settle()
    assert list(desk.box.messages) == [stays]
    assert gone not in desk.box.messages


async def test_a_message_that_was_deleted_there_meanwhile_counts_as_gone(desk):
    name = desk.box.add(gemmail(1), "Trash")
    await desk.settle()
    (entry,) = desk.files("Trash")
    desk.store.folder(DIRECTORY, "Trash").remove(entry.key)

    def odd(asked):
        if asked == f"/tag/Trash?{name}":
            desk.box.messages.pop(name, None)
        return None

    desk.box.odd = odd
    result = await desk.settle()
    assert (result.problems, desk.files("Trash")) == ((), [])


async def test_a_message_another_program_removes_here_goes_to_the_trash_there(desk):
    name = desk.box.add(gemmail(1))
    desk.box.add(gemmail(2))
    await desk.settle()
    entry = next(each for each in desk.files() if gemmail(1) == _gemmail(each))
    entry.path.unlink()
    await desk.settle()
    assert "Trash" in desk.box.tags(name)
    assert desk.here("Trash") == [gemmail(1)]


@pytest.mark.parametrize("lists", [b"20 text/plain\r\n", b"20 text/gemini\r\n\n"])
async def test_an_inbox_that_is_suddenly_empty_is_asked_about(desk, lists):
    for number in range(30):
        desk.box.add(gemmail(number))
    await desk.settle()
    empty = {"/tag/Inbox", "/tag/"}
    desk.box.odd = lambda asked: lists if asked in empty else None
    result = await desk.settle()
    assert [folder.local for folder in result.asking] == ["Inbox"]
    assert len(desk.files()) == 30
    desk.box.odd = lambda _asked: None
    result = await desk.settle()
    assert (result.asking, len(desk.files())) == ((), 30)


async def test_what_was_meant_is_followed_into_the_attic(desk):
    for number in range(30):
        desk.box.add(gemmail(number))
    await desk.settle()
    desk.box.messages.clear()
    (folder,) = (await desk.settle()).asking
    answer(desk.state, folder.local, SyncAnswer.DELETE)
    await desk.settle()
    assert not desk.files()
    assert len(desk.inbox.attic(DIRECTORY)) == 30


async def test_an_encrypted_message_is_told_and_does_not_stop_the_others(desk):
    desk.box.add(gemmail(1), encrypted=True)
    desk.box.add(gemmail(2))
    result = await desk.once()
    assert desk.here() == [gemmail(2)]
    (problem,) = result.problems
    assert "encrypted" in problem
    desk.box.asked.clear()
    await desk.settle()
    assert not any(each.startswith("/msgid/") for each in desk.box.asked)  # asked for rarely


async def test_sent_copies_and_drafts_stay_here(desk):
    desk.inbox.file(DIRECTORY, "Sent", [b"Subject: x\n\nhi\n"])
    desk.inbox.file(DIRECTORY, "Drafts", [b"Subject: y\n\nhi\n"])
    desk.box.add(gemmail(1), "Sent")
    await desk.settle()
    assert len(desk.files("Sent")) == 2
    assert len(desk.files("Drafts")) == 1
    assert len(desk.box.messages) == 1


async def test_a_lost_state_fetches_nothing_twice(desk):
    for number in range(5):
        desk.box.add(gemmail(number))
    await desk.settle()
    desk.state.close()
    (desk.root / "sync" / "away.db").unlink()
    desk.state = type(desk.state)(desk.root / "sync" / "away.db")
    await desk.settle()
    assert desk.here() == sorted(each.data for each in desk.box.messages.values())


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"61 Not registered\r\n", NotForUsError),
        (b"30 gemini://elsewhere.test/\r\n", MovedElsewhereError),
        (b"44 30\r\n", SlowDownError),
        (b"51 Not found\r\n", RemoteError),
        (b"20 text/plain\r\n# Hello, this is a capsule / not a mailbox", RemoteError),
    ],
)
async def test_a_server_that_does_not_answer_as_a_mailbox_changes_nothing_here(desk, line, error):
    desk.box.add(gemmail(1))
    await desk.settle()
    before = desk.digest()
    desk.box.odd = lambda _asked: line
    with pytest.raises(error):
        await desk.once()
    assert desk.digest() == before


async def test_a_message_that_moves_while_it_is_looked_for_is_not_missed(desk):
    names = [desk.box.add(gemmail(number), "Inbox") for number in range(25)]
    await desk.settle()
    count = 0

    def odd(asked):
        nonlocal count
        if asked == "/tag/" and count < 2:
            count += 1
            desk.box.tags(names[count]).symmetric_difference_update({"Trash", "Inbox"})
        return None

    desk.box.odd = odd
    await desk.settle()
    everything = [text for folder in ("Inbox", "Trash") for text in desk.here(folder)]
    assert sorted(everything) == sorted(each.data for each in desk.box.messages.values())
    assert not desk.inbox.attic(DIRECTORY)


async def test_hundreds_of_messages_come_in_one_pass(desk):
    for number in range(300):
        desk.box.add(gemmail(number))
    result = await desk.once()
    assert (result.arrived, len(desk.files())) == (300, 300)
