"""The rules of keeping in sync, one by one, against a real Maildir and a model server."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from modelserver import ALL
from syncdesk import SyncDesk, text

from misfin.post.sync.base import OperationKind, PendingOperation
from misfin.post.sync.journal import begin, changes_made, pending
from misfin.post.sync.left_there import left_on_server
from misfin.post.sync.opening import fetch_message
from misfin.post.sync.remote import StepRefusedError
from misfin.post.sync.settings import SyncSettings
from misfin.post.sync.values import FlagSet
from misfin.store.mail.keywords import FLAGS, name_keywords, read_keywords


@pytest.fixture
def desk(tmp_path):
    return SyncDesk(tmp_path)


@pytest.fixture
def settled_stamps(monkeypatch):
    """What was written just now counts as written long ago."""
    monkeypatch.setattr("misfin.store.mail.snapshot.SETTLED_AFTER", -1.0)


def flags_here(desk, folder="Inbox"):
    tags = read_keywords(desk.store.folder("work", folder).path)
    return [
        (each.flags, sorted(tags.get(char, "?") for char in each.flags if char.islower()))
        for each in desk.files(folder)
    ]


def meant(desk, entry, folder="Inbox"):
    with desk.state.write():
        number = desk.state.folder(folder).id
        begin(desk.state, [PendingOperation(0, OperationKind.DELETE, number, entry.key, begun=desk.now)])
    entry.path.unlink()


async def test_a_second_pass_does_nothing_and_looks_at_nothing(desk):
    desk.fill(60)
    await desk.once()
    result = await desk.once()
    assert (result.arrived, result.here, result.there, result.again) == (0, 0, 0, False)
    assert desk.remote.calls == ["folders"]


async def test_the_newest_messages_come_first(desk):
    desk.fill(60)
    batches = []
    await desk.once(on_arrival=lambda count: batches.append((count, desk.here())))
    assert [count for count, _ in batches] == [50, 10]
    assert batches[0][1] == Counter(text(number) for number in range(11, 61))


async def test_only_the_difference_of_flags_goes_to_the_server(desk):
    desk.server.inbox.add(text(1), FlagSet("R"))
    await desk.once()
    (entry,) = desk.files()
    desk.store.folder("work").change_flags(entry.key, add="FS")
    desk.server.inbox.flag(1, FlagSet("P", frozenset({"work"})))  # at the same time, elsewhere
    await desk.settle()
    assert desk.server.inbox.messages[1].flags == FlagSet("FPS", frozenset({"work"}))
    assert flags_here(desk) == [("FPSa", ["work"])]


async def test_flags_changed_on_the_server_after_the_look_are_not_lost(desk):
    desk.server.inbox.add(text(1))
    await desk.once()
    desk.store.folder("work").set_flags(desk.files()[0].key, "S")

    def meanwhile(what):
        if what == "flag INBOX":
            desk.remote.tick = lambda _what: None
            desk.server.inbox.flag(1, FlagSet("F"))

    desk.remote.tick = meanwhile
    assert (await desk.once()).again
    await desk.settle()
    assert desk.server.inbox.messages[1].flags == FlagSet("FS")
    assert desk.files()[0].flags == "FS"


async def test_a_tag_keeps_its_name_whatever_its_flag_is_in_each_folder(desk):
    name_keywords(desk.store.folder("work", "Archive").path, ["other"], lambda: ())
    desk.server.inbox.add(text(1), FlagSet("", frozenset({"work"})))
    await desk.once()
    desk.server.move(1, b"INBOX", b"archive")
    await desk.settle()
    assert flags_here(desk, "Archive") == [("b", ["work"])]
    assert desk.server[b"archive"].messages[1].flags.tags == {"work"}


async def test_a_tag_without_a_free_flag_stays_on_the_server(desk):
    folder = desk.store.folder("work")
    names = [f"tag{char}" for char in FLAGS]
    name_keywords(folder.path, names, lambda: ())
    desk.server.inbox.add(text(1), FlagSet("", frozenset(names)))
    desk.server.inbox.add(text(2), FlagSet("", frozenset({"one-more"})))
    await desk.settle()
    await desk.settle()
    assert desk.server.inbox.messages[2].flags.tags == {"one-more"}


async def test_a_tag_the_server_cannot_keep_stays_here_and_is_said_once(desk):
    desk.remote.abilities = replace(ALL, keywords=False)
    desk.fill(1)
    await desk.once()
    (entry,) = desk.files()
    folder = desk.store.folder("work")
    folder.change_flags(entry.key, add=name_keywords(folder.path, ["home"], lambda: ())["home"])
    assert "cannot keep the tag home" in (await desk.once()).notices[0]
    assert (await desk.settle()).notices == ()
    assert flags_here(desk) == [("a", ["home"])]


async def test_a_move_on_the_server_keeps_the_file(desk):
    desk.fill(1)
    await desk.once()
    (entry,) = desk.files()
    desk.server.move(1, b"INBOX", b"archive")
    await desk.once()
    assert not [call for call in desk.remote.calls if call.startswith("fetch")]
    assert [each.key for each in desk.files("Archive")] == [entry.key]


async def test_of_two_moves_the_one_made_here_wins(desk):
    sent = Counter(desk.fill(1))
    await desk.once()
    (entry,) = desk.files()
    desk.server.move(1, b"INBOX", b"archive")
    desk.store.folder("work").move(entry.key, desk.store.folder("work", "Junk"))
    await desk.settle()
    assert desk.here("Junk") == desk.there(b"junk") == sent
    assert desk.there(b"archive") == Counter()


async def test_what_a_person_deletes_for_good_is_deleted_on_the_server(desk):
    first, second = desk.fill(2)
    await desk.once()
    meant(desk, next(each for each in desk.files() if b"Subject: 1\n" in each.path.read_bytes()))
    await desk.once()
    assert desk.there() == Counter([second])
    assert pending(desk.state) == []
    assert [(each.what, each.folder) for each in changes_made(desk.state)] == [("deleted", "Inbox")]
    assert first


async def test_what_another_program_deletes_goes_to_the_trash_and_not_before_ten_seconds(desk):
    sent = Counter(desk.fill(1) + desk.fill(1, first=2))
    await desk.once()
    desk.files()[0].path.unlink()
    assert (await desk.once()).again_in == 10
    assert desk.there() == sent
    desk.now += 10
    assert "deleted by another program" in (await desk.once()).notices[0]
    await desk.settle()
    assert desk.there() + desk.there(b"trash") == sent
    assert desk.here("Trash") == desk.there(b"trash")


async def test_a_file_that_reappears_within_ten_seconds_was_never_gone(desk):
    desk.fill(2)
    await desk.once()
    entry = desk.files()[0]
    aside = desk.root / "aside"
    entry.path.rename(aside)
    await desk.once()
    aside.rename(desk.store.folder("work", "Archive").path / "cur" / f"{entry.key}:2,S")
    await desk.settle()
    assert sum(desk.there(b"archive").values()) == 1
    assert desk.there(b"trash") == Counter()


async def test_a_message_deleted_on_the_server_goes_to_the_attic_and_comes_back_from_there(desk):
    first, second = desk.fill(2)
    await desk.once()
    data = desk.server.inbox.remove(1).data
    await desk.settle()
    assert (desk.here(), desk.attic()) == (Counter([second]), Counter([first]))
    desk.server.inbox.add(data, FlagSet("S"))
    await desk.once()
    assert not [call for call in desk.remote.calls if call.startswith("fetch")]
    assert (desk.here(), desk.attic()) == (Counter([first, second]), Counter())


async def test_a_file_renamed_here_goes_to_the_attic_all_the_same(desk):
    desk.fill(2)
    await desk.once()
    entry = next(each for each in desk.files() if b"Subject: 1\n" in each.path.read_bytes())
    desk.store.folder("work").deliver(entry.path.read_bytes())
    entry.path.unlink()
    desk.server.inbox.remove(1)
    await desk.settle()
    assert desk.here() == desk.there() == Counter([text(2)])
    assert desk.attic() == Counter([text(1)])


async def test_a_change_here_outweighs_a_deletion_on_the_server(desk):
    desk.fill(2)
    await desk.once()
    entry = next(each for each in desk.files() if b"Subject: 1\n" in each.path.read_bytes())
    desk.store.folder("work").set_flags(entry.key, "F")
    desk.server.inbox.remove(1)
    assert "It was kept" in (await desk.once()).notices[0]
    await desk.settle()
    assert desk.there() == desk.here() == Counter([text(1), text(2)])


async def test_a_newer_version_of_a_draft_replaces_the_older_one(desk):
    drafts = desk.store.folder("work", "Drafts")
    old = drafts.deliver(text(1, b"old").replace(b"\r\n", b"\n"), flags="DS")
    await desk.once()
    drafts.deliver(text(1, b"new").replace(b"\r\n", b"\n"), flags="DS")
    meant(desk, drafts.find(old.key), "Drafts")
    await desk.once()
    assert [call.split()[0] for call in desk.changed_there()] == ["append", "remove"]  # in this order
    assert desk.there(b"drafts") == Counter([text(1, b"new")])


async def test_a_draft_another_program_writes_into_is_uploaded_again(desk):
    import os

    drafts = desk.store.folder("work", "Drafts")
    entry = drafts.deliver(text(1, b"old").replace(b"\r\n", b"\n"), flags="DS")
    await desk.settle()
    path = drafts.find(entry.key).path
    path.write_bytes(text(1, b"new").replace(b"\r\n", b"\n"))
    os.utime(path, (desk.now + 1, desk.now + 1))
    await desk.settle()
    assert desk.there(b"drafts") == desk.here("Drafts") == Counter([text(1, b"new")])


async def test_a_draft_waits_while_it_is_being_written(desk):
    desk.store.folder("work", "Drafts").deliver(text(1), flags="DS")
    await desk.once(quiet=["Drafts"])
    assert desk.there(b"drafts") == Counter()
    await desk.once()
    assert desk.there(b"drafts") == Counter([text(1)])


async def test_a_folder_made_here_is_made_on_the_server(desk):
    desk.store.create("work", ["Lists/Crew"])
    desk.store.folder("work", "Lists/Crew").deliver(text(1), flags="S")
    await desk.settle()
    assert desk.there(b"Lists/Crew") == Counter([text(1)])


async def test_a_folder_renamed_here_is_renamed_on_the_server(desk):
    desk.store.create("work", ["Old"])
    desk.store.folder("work", "Old").deliver(text(1), flags="S")
    await desk.settle()
    desk.store.folder("work", "Old").path.rename(desk.store.folder("work", "New").path)
    await desk.settle()
    assert b"Old" not in desk.server.folders
    assert desk.there(b"New") == Counter([text(1)])


async def test_junk_and_held_are_not_uploaded(desk):
    desk.store.folder("work", "Junk").deliver(text(1), flags="S")
    desk.store.folder("work", "Held").deliver(text(2), flags="S")
    await desk.settle()
    assert desk.there(b"junk") == Counter()
    assert b"Held" not in desk.server.folders


async def test_messages_too_old_are_not_fetched_and_leave_when_they_become_so(tmp_path):
    desk = SyncDesk(tmp_path, SyncSettings("work", keep=1000.0))
    desk.server.inbox.add(text(1), received=desk.now - 2000)
    desk.server.inbox.add(text(2), received=desk.now - 500)
    await desk.once()
    assert desk.here() == Counter([text(2)])
    desk.now += 90_000
    desk.server.inbox.flag(2, FlagSet("S"))
    await desk.once()
    await desk.settle()
    assert desk.here() == desk.attic() == Counter()
    assert desk.there() == Counter([text(1), text(2)])
    desk.settings = SyncSettings("work")
    await desk.settle()
    assert desk.here() == desk.there()


async def test_a_message_over_the_limit_stays_on_the_server(tmp_path):
    desk = SyncDesk(tmp_path, SyncSettings("work", fetch_up_to=200))
    desk.server.inbox.add(text(1))
    desk.server.inbox.add(text(2, b"x" * 500))
    await desk.settle()
    assert desk.here() == Counter([text(1)])
    assert left_on_server(desk.state) == {"Inbox": ["2"]}
    desk.server.inbox.add(text(3, b"y" * 500))
    await desk.settle()
    key = await fetch_message(desk.remote, desk.state, desk.inbox, "work", "Inbox", "3", now=lambda: desk.now)
    assert key in [entry.key for entry in desk.files()]
    await desk.settle()
    assert desk.here() == Counter([text(1), text(3, b"y" * 500)])
    desk.server.inbox.remove(2)
    await desk.settle()
    assert pending(desk.state) == []


async def test_an_upload_that_is_refused_is_reported_and_tried_again_an_hour_later(desk, monkeypatch):
    async def refuse(*_args):
        raise StepRefusedError("Over quota.")

    monkeypatch.setattr(desk.remote, "append", refuse)
    desk.store.folder("work", "Sent").deliver(text(1), flags="S")
    result = await desk.once()
    assert result.problems == ("A message in Sent could not be uploaded: Over quota.",)
    assert (await desk.once()).problems == ()
    monkeypatch.undo()
    desk.now += 3600
    await desk.settle()
    assert desk.there(b"sent") == Counter([text(1)])


async def test_a_server_that_cannot_delete_one_message_gets_it_into_the_trash(desk):
    desk.remote.abilities = replace(ALL, removes=False)
    desk.fill(2)
    await desk.once()
    meant(desk, desk.files()[0])
    await desk.settle()
    assert sum(desk.there(b"trash").values()) == 1
    meant(desk, desk.files("Trash")[0], "Trash")
    await desk.settle()
    (message,) = desk.server[b"trash"].messages.values()
    assert message.flags.chars == "T"
    assert desk.here("Trash") == Counter()


async def test_a_folder_that_may_not_be_looked_at_stops_no_other(desk, monkeypatch):
    first, second = desk.fill(2)
    await desk.once()
    look = desk.remote.look

    async def refuse(folder, base, **options):
        if folder.raw == b"junk":
            raise StepRefusedError("No permission.")
        return await look(folder, base, **options)

    monkeypatch.setattr(desk.remote, "look", refuse)
    desk.server[b"junk"].add(text(9))
    desk.server.inbox.remove(1)
    result = await desk.once()
    assert result.problems == ("Junk could not be checked: No permission.",)
    assert (desk.here(), desk.attic()) == (Counter([second]), Counter([first]))


async def test_a_pass_over_one_folder_deletes_nothing_here_before_it_has_seen_the_others(desk):
    desk.fill(2)
    await desk.settle()
    desk.server.move(1, b"INBOX", b"archive")
    await desk.once(only=[b"INBOX"])
    assert (sum(desk.here("Archive").values()), desk.attic()) == (1, Counter())


async def renamed_there(desk):
    """The requests about folders since the last pass but one."""
    await desk.once()
    calls = [call for call in desk.remote.calls if call.split()[0] in ("rename", "create")]
    await desk.settle()
    return calls


async def test_a_folder_renamed_here_while_it_is_empty_is_renamed_on_the_server(desk, settled_stamps):
    desk.store.create("work", ["Old"])
    await desk.settle()
    desk.store.folder("work", "Old").path.rename(desk.store.folder("work", "New").path)
    assert await renamed_there(desk) == ["rename Old"]
    assert b"New" in desk.server.folders
    assert b"Old" not in desk.server.folders
    assert [folder.local for folder in desk.state.folders() if folder.local in ("Old", "New")] == ["New"]


@pytest.mark.parametrize("gone", ["here", "there", "folder"])
async def test_a_folder_renamed_while_it_needs_a_decision_has_one_name_and_goes_on_asking(desk, gone):
    desk.store.create("work", ["Old"])
    await desk.settle()
    desk.fill(60, b"Old")
    await desk.settle()
    if gone == "here":
        for entry in desk.files("Old")[:30]:
            entry.path.unlink()
    elif gone == "there":
        for uid in list(desk.server[b"Old"].messages)[:30]:
            desk.server[b"Old"].remove(uid)
    else:
        del desk.server.folders[b"Old"]
    (asking,) = (await desk.settle()).asking
    desk.store.folder("work", "Old").path.rename(desk.store.folder("work", "New").path)
    result = await desk.settle()
    assert "Old" not in desk.store.folders("work")
    assert b"Old" not in desk.server.folders
    if gone != "folder":
        assert [(each.local, each.reason) for each in result.asking] == [("New", asking.reason)]
        assert (sum(desk.here("New").values()), sum(desk.there(b"New").values())) == (
            (30, 60) if gone == "here" else (60, 30)
        )
    assert sum(desk.there(b"trash").values()) == 0
    assert not desk.attic()


async def test_a_folder_renamed_here_takes_what_is_inside_it_along(desk, settled_stamps):
    desk.store.create("work", ["Old", "Old/Sub"])
    for name, number in (("Old", 1), ("Old/Sub", 2)):
        desk.store.folder("work", name).deliver(text(number), flags="S")
    await desk.settle()
    for name in ("Old", "Old/Sub"):
        desk.store.folder("work", name).path.rename(
            desk.store.folder("work", name.replace("Old", "New")).path
        )
    assert await renamed_there(desk) == ["rename Old"]
    assert desk.there(b"New") == desk.here("New") == Counter([text(1)])
    assert desk.there(b"New/Sub") == desk.here("New/Sub") == Counter([text(2)])
    assert not [each for each in desk.server.folders if each.startswith(b"Old")]


async def test_a_message_filed_elsewhere_does_not_hide_that_its_folder_was_renamed(desk, settled_stamps):
    desk.store.create("work", ["Old"])
    for number in (1, 2):
        desk.store.folder("work", "Old").deliver(text(number), flags="S")
    await desk.settle()
    desk.store.folder("work", "Old").move(desk.files("Old")[0].key, desk.store.folder("work", "Archive"))
    desk.store.folder("work", "Old").path.rename(desk.store.folder("work", "New").path)
    await desk.settle()
    assert b"Old" not in desk.server.folders
    assert sum(desk.there(b"New").values()) == sum(desk.there(b"archive").values()) == 1


async def test_the_folder_of_a_role_may_be_renamed_on_the_server(desk):
    desk.fill(2, b"drafts")
    await desk.settle()
    keys = {entry.key for entry in desk.files("Drafts")}
    folder = desk.server.folders.pop(b"drafts")
    folder.raw = b"Entw&APw-rfe"
    desk.server.folders[folder.raw] = folder
    await desk.settle()
    assert {entry.key for entry in desk.files("Drafts")} == keys
    assert "Entw" not in str(desk.store.folders("work"))
    desk.store.folder("work", "Drafts").deliver(text(9), flags="DS")
    await desk.settle()
    assert len(folder.messages) == 3
