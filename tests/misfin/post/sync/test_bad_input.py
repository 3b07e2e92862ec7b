"""What must not stop sync or lose anything: awkward names, a full disk, a clock put back, another program."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter

import pytest
from modelserver import ModelFolder
from syncdesk import SyncDesk, text

from misfin.errors import StoreError
from misfin.post.sync.base import OperationKind, PendingOperation
from misfin.post.sync.journal import begin, pending
from misfin.post.sync.settings import SyncMemory
from misfin.post.sync.state import SyncState
from misfin.post.sync.values import FlagSet

AWKWARD = {
    "case": [b"Crew", b"crew", b"CREW"],
    "normal form": ["Grüße".encode(), "Gru\u0308ße".encode()],
    "500 bytes": [b"x" * 500, b"x" * 499 + b"y", b"a/" * 250],
    "dots": [b"a.b", b"a/b", b"..", b".", b".hidden", b"a/../../b"],
    "control characters": [b"a\x01b", b"a\x1b[31mb", b"a\nb", "a\u202eb".encode()],
    "no UTF-7": [b"&", b"&&&-", b"&AGE-", b"&ZeVnLIqe", b"\xff\xfe"],
    "our own": [b"Held", b"Outbox", b"INBOX/Trash", b"inbox2", b"work.db", b" Sent ", b""],
}


@pytest.fixture
def desk(tmp_path):
    return SyncDesk(tmp_path)


@pytest.mark.parametrize("names", AWKWARD.values(), ids=AWKWARD)
async def test_awkward_names_of_folders_are_folders_of_their_own(desk, names):
    for number, raw in enumerate(names):
        desk.server.folders[raw] = ModelFolder(raw)
        desk.server[raw].add(text(number))
    await desk.settle()
    mine = {each.remote.raw: each.local for each in desk.state.folders() if each.remote.raw in names}
    assert len({local.casefold() for local in mine.values()}) == len(names)
    root = (desk.root / "mail" / "work").resolve()
    for number, raw in enumerate(names):
        assert desk.store.folder("work", mine[raw]).path.resolve().parent == root
        assert desk.here(mine[raw]) == Counter([text(number)])
        desk.store.folder("work", mine[raw]).deliver(text(99), flags="S")
    await desk.settle()
    for number, raw in enumerate(names):
        assert desk.there(raw) == desk.here(mine[raw]) == Counter([text(number), text(99)])


async def test_a_full_disk_in_mid_batch_stops_the_pass_and_loses_nothing(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("needs root, to make a small disk")
    try:
        desk = SyncDesk(small)
        sent = Counter()
        for number in range(300):
            sent[data := text(number, b"x" * 8000)] += 1
            desk.server.inbox.add(data)
        with pytest.raises(StoreError):
            await desk.once()
        assert desk.there() == sent
        assert not desk.attic()
        whole = desk.here()
        assert whole <= sent  # each one whole, or not there at all
        desk.state.close()
        shutil.copytree(small, tmp_path / "large")
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)
    shutil.copytree(tmp_path / "large", tmp_path / "same", dirs_exist_ok=True)
    large = SyncDesk(tmp_path / "large")
    large.server, large.remote.server = desk.server, desk.server
    large.state.execute("UPDATE account SET home = ''")  # a copy, made on purpose
    await large.settle()
    assert large.here() == large.there() == sent


async def test_a_full_disk_for_the_state_alone_repeats_the_work_and_doubles_nothing(desk, monkeypatch):
    sent = Counter(desk.fill(60))
    desk.store.folder("work", "Sent").deliver(text(99), flags="S")
    add = SyncState.add

    def full(state, rows):
        monkeypatch.setattr(SyncState, "add", add)
        raise StoreError("The disk is full.")

    for _ in range(3):
        monkeypatch.setattr(SyncState, "add", full)
        with pytest.raises(StoreError):
            await desk.once()
        desk.memory = SyncMemory()
    await desk.settle()
    assert desk.here() == desk.there() == sent
    assert desk.here("Sent") == desk.there(b"sent") == Counter([text(99)])


@pytest.mark.parametrize("days", [1, 400, 20_000])
async def test_a_clock_put_back_loses_and_doubles_nothing(desk, days):
    first, second, third, *_ = sent = desk.fill(8)
    await desk.settle()
    desk.now -= days * 86400.0
    desk.server.inbox.remove(1)
    desk.server.inbox.flag(4, FlagSet("F"))
    next(each for each in desk.files() if b"Subject: 2\n" in each.path.read_bytes()).path.unlink()
    entry = next(each for each in desk.files() if b"Subject: 3\n" in each.path.read_bytes())
    with desk.state.write():
        number = desk.state.folder("Inbox").id
        begin(desk.state, [PendingOperation(0, OperationKind.DELETE, number, entry.key, begun=desk.now)])
    entry.path.unlink()
    desk.store.folder("work", "Sent").deliver(text(99), flags="S")
    await desk.settle()
    assert desk.here() == desk.there() == Counter(sent) - Counter([first, second, third])
    assert desk.attic() == Counter([first])
    assert desk.here("Trash") == desk.there(b"trash") == Counter([second])
    assert desk.there(b"sent") == Counter([text(99)])
    assert pending(desk.state) == []
