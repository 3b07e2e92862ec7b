"""Nothing is planned when nothing has changed, and whatever has changed is seen."""

from __future__ import annotations

import pytest
from modelserver import ModelFolder
from syncdesk import SyncDesk

from misfin.post.sync import planned
from misfin.post.sync.base import OperationKind, PendingOperation, SyncedFolder
from misfin.post.sync.journal import begin
from misfin.post.sync.settings import PassResult, SyncSettings
from misfin.post.sync.unchanged import unchanged
from misfin.post.sync.values import FlagSet, RemoteFolder, Role


@pytest.fixture
async def desk(tmp_path):
    made = SyncDesk(tmp_path)
    made.fill(6)
    await made.settle()
    return made


@pytest.fixture
def full_passes(monkeypatch):
    """How many passes were made in full."""
    made: list[int] = []
    original = planned.PlannedPass.run

    async def run(self, *arguments):
        made.append(1)
        return await original(self, *arguments)

    monkeypatch.setattr(planned.PlannedPass, "run", run)
    return made


def new_there(desk):
    desk.fill(1, first=50)


def flagged_there(desk):
    desk.server.inbox.flag(min(desk.server.inbox.messages), FlagSet("F"))


def gone_there(desk):
    desk.server.inbox.remove(min(desk.server.inbox.messages))


def new_here(desk):
    desk.store.folder("work").deliver(b"Subject: mine\n\ntext\n")


def flagged_here(desk):
    desk.store.folder("work").change_flags(desk.files()[0].key, add="F")


def gone_here(desk):
    desk.files()[0].path.unlink()


def moved_here(desk):
    desk.store.folder("work").move(desk.files()[0].key, desk.store.folder("work", "Archive"))


def folder_here(desk):
    desk.store.create("work", ["Crew"])


def folder_there(desk):
    desk.server.folders[b"Plans"] = ModelFolder(b"Plans")


def folder_gone_there(desk):
    desk.server.folders.pop(b"sent")


def begun(desk):
    (folder,) = [each for each in desk.state.folders() if each.local == "Inbox"]
    with desk.state.write():
        begin(desk.state, [PendingOperation(0, OperationKind.DELETE, folder.id, "key")])


def unnumbered(desk):
    (folder,) = [each for each in desk.state.folders() if each.local == "Inbox"]
    with desk.state.write():
        desk.state.unnumber(folder.id)


async def test_a_pass_without_changes_plans_nothing(desk, full_passes):
    before = desk.state.in_step()
    result = await desk.once()
    assert not full_passes
    assert result == PassResult()
    assert desk.state.in_step() > before


@pytest.mark.parametrize(
    "change",
    [
        *(new_there, flagged_there, gone_there, new_here, flagged_here, gone_here, moved_here, folder_here),
        *(folder_there, folder_gone_there, begun, unnumbered),
    ],
)
async def test_every_change_is_seen(desk, full_passes, change):
    change(desk)
    await desk.once()
    assert full_passes


async def test_what_the_server_does_not_count_is_looked_at(desk, full_passes):
    desk.remote.lies.no_status = True
    await desk.once()
    assert full_passes


def test_a_folder_that_was_never_looked_at_is_not_unchanged():
    folder = SyncedFolder(1, "Inbox", RemoteFolder(b"INBOX", "INBOX", Role.INBOX))
    assert not unchanged(folder, None, SyncSettings("work"))
    assert not unchanged(folder, folder.point, SyncSettings("work"))


async def test_a_screen_of_the_inbox_comes_before_any_other_folder_is_looked_at(tmp_path):
    desk = SyncDesk(tmp_path)
    desk.fill(120)
    desk.fill(5, b"sent", first=1000)
    stored: list[int] = []
    at_first: list[str] = []

    def arrived(count: int) -> None:
        if not stored:
            at_first.extend(call for call in desk.remote.calls if call.split()[0] == "look")
        stored.append(count)

    result = await desk.once(on_arrival=arrived)
    assert at_first == ["look INBOX"]
    assert stored[0] == 50
    assert result.arrived == 125
    newest = sorted(int(entry.path.read_bytes().split(b"<")[1].split(b"@")[0]) for entry in desk.files())
    assert newest == list(range(1, 121))
